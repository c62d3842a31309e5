//! Finished exports, to be fetched once each.
//!
//! A finished file is opened and loses its name at once: what nobody fetches, and what a crash
//! leaves, is gone with the process. It is let go once it was fetched, when further exports need
//! its place, or when the app ends.

use super::App;
use super::asked::nothing;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use host::http::Failure;
use host::lock::Mutex;
use http_body_util::channel::{Channel, Sender};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::Arc;
use tokio::io::AsyncReadExt as _;

/// Finished exports that wait to be fetched.
const MAX_WAITING: usize = 8;
/// Bytes that are read of a file at once.
const PIECE: usize = 256 << 10;

#[derive(Debug, Default)]
pub(super) struct Downloads(Mutex<VecDeque<Finished>>);

#[derive(Debug)]
pub(super) struct Finished {
    pub(super) id: String,
    pub(super) file: File,
    pub(super) name: String,
    pub(super) bytes: u64,
}

impl Downloads {
    pub(super) fn add(&self, finished: Finished) {
        let mut waiting = self.0.lock();
        waiting.push_back(finished);
        while waiting.len() > MAX_WAITING {
            waiting.pop_front();
        }
    }

    /// Each is fetched once.
    fn take(&self, id: &str) -> Option<Finished> {
        let mut waiting = self.0.lock();
        let place = waiting.iter().position(|finished| finished.id == id)?;
        waiting.remove(place)
    }
}

pub(super) async fn download(
    State(app): State<Arc<App>>,
    Path((_token, id, _name)): Path<(String, String, String)>,
) -> Result<Response, Failure> {
    let finished = app.downloads.take(&id).ok_or_else(nothing)?;
    let headers = [
        (header::CONTENT_TYPE, "video/mp4".to_owned()),
        (header::CONTENT_LENGTH, finished.bytes.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename*=UTF-8''{}", spelt(&finished.name))),
    ];
    let (sender, body) = Channel::new(2);
    tokio::spawn(hand_out(finished.file, sender));
    Ok((headers, Body::new(body)).into_response())
}

/// A name of any script as a head spells it (RFC 8187).
fn spelt(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let spell = |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    name.bytes().map(spell).collect()
}

/// Reads the file piece by piece, as fast as it is taken. Whoever fetches may go away.
async fn hand_out(file: File, mut to: Sender<Bytes, io::Error>) {
    let mut file = tokio::fs::File::from_std(file);
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        match file.read_buf(&mut piece).await {
            Ok(0) => return,
            Ok(_) => {
                if to.send_data(piece.into()).await.is_err() {
                    return;
                }
            }
            Err(error) => return to.abort(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_any_script_is_spelt_in_ascii_and_ends_no_head() {
        assert_eq!(spelt("front door-7.mp4"), "front%20door-7.mp4");
        assert_eq!(spelt("Anna's \"é\"\r\n;"), "Anna%27s%20%22%C3%A9%22%0D%0A%3B");
    }
}
