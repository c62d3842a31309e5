//! A camera's place in the book: what it is called, that another key takes over, that it is retired.
//!
//! ```text
//! rename    its name, on this device alone
//! retire    a last policy, signed, logged and given to the relay: nothing more is taken of its key
//! rekey     a new camera is paired, takes the name, and the old key is retired; footage of both is one camera's
//! ```
//! In scope: what the owner does about a camera's identity. Out of scope: pairing itself (`pair`), and
//! how a policy comes to relay and camera (`policy`).

use crate::book::{BookError, Camera, Stored, StoredCamera, check_name};
use crate::pair::{self, Invitation, PairError};
use crate::policy::{self, PolicyError, PolicyStep};
use crate::span::Span;
use crate::state::Owner;
use crate::status::Asking;
use media::time::Seconds;
use std::time::Duration;

/// So long a camera films on after the one that takes its place was paired.
const TAKING_OVER: Duration = Duration::from_secs(60);

/// Why a camera stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    #[error("{name:?} was given a new key already, which is called {now:?}")]
    Replaced { name: String, now: String },
    #[error(
        "the new key that {0:?} was given before is the only one now: the key of before it had not been retired. Run the same again to give it another one"
    )]
    Finished(String),
    #[error(
        "{name:?} is the new key now; the one before it is called {before:?} and is still good: retire that one first"
    )]
    IsNew { name: String, before: String },
    #[error(transparent)]
    Book(#[from] BookError),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Pair(#[from] PairError),
}

/// Calls a camera something else, on this device.
pub async fn rename(owner: &Owner, name: &str, new: &str) -> Result<Camera, CameraError> {
    let (from, to) = (name.to_owned(), new.to_owned());
    let renamed = owner.change(move |stored| {
        check_name(&to)?;
        let at = stored.cameras.iter().position(|camera| camera.name == from);
        let at = at.ok_or(BookError::Unknown(from))?;
        stored.free(&to)?;
        stored.cameras[at].name = to;
        Ok(stored.cameras[at].shown())
    });
    Ok(renamed.await?)
}

/// Retires a camera's key for good: relay and camera are told by a last policy. What was filmed stays
/// for as long as it would have. May be repeated.
pub async fn retire(
    owner: &Owner,
    name: &str,
    on: &mut (dyn FnMut(PolicyStep) + Send),
) -> Result<Camera, CameraError> {
    let stored = owner.refreshed().await?;
    policy::retire(owner, to_retire(&stored, name)?, on).await?;
    let stored = owner.refreshed().await?;
    Ok(stored.known(name)?.shown())
}

/// A name may have gone over to the new key since its owner looked, and a retirement is for good.
fn to_retire<'a>(stored: &'a Stored, name: &str) -> Result<&'a StoredCamera, CameraError> {
    let camera = stored.known(name)?;
    match stored.predecessor(camera).filter(|before| stored.is_to_be_retired(before)) {
        Some(before) => Err(CameraError::IsNew { name: name.to_owned(), before: before.name.clone() }),
        None => Ok(camera),
    }
}

/// Invites a camera that takes this one's name; once it is paired, this one's key is retired, if it is
/// not.
pub async fn rekey(owner: &Owner, name: &str) -> Result<Invitation, CameraError> {
    // One that was cut off may have ended at the camera.
    if let Err(error) = Asking::new(owner).listed(owner).await {
        tracing::debug!(%error, "the relay does not say which cameras film");
    }
    let stored = owner.refreshed().await?;
    let camera = stored.known(name)?;
    if let Some(now) = stored.successor(&camera.camera_id.to_string()) {
        return Err(CameraError::Replaced { name: name.to_owned(), now: now.name.clone() });
    }
    // One that was cut off is finished first.
    if let Some(before) = stored.predecessor(camera).filter(|before| stored.is_to_be_retired(before)) {
        policy::retire(owner, before, &mut |_| {}).await?;
        return Err(CameraError::Finished(name.to_owned()));
    }
    Ok(pair::invite_for(owner, camera).await?)
}

impl Stored {
    /// The cameras whose footage is that of a name in a span, oldest first, each with its part of it:
    /// from its pairing until a minute after the next one's.
    pub(crate) fn parts(&self, name: &str, span: Span) -> Vec<(&StoredCamera, Span)> {
        let (mut parts, mut to_us, mut next) = (Vec::new(), span.to_us(), self.camera(name));
        // A book that leads in circles leads no further than it has cameras.
        for _ in 0..self.cameras.len() {
            let Some(camera) = next else { break };
            next = self.predecessor(camera);
            let begins = Seconds(camera.paired_at).micros();
            let from_us = if next.is_some() { begins.max(span.from_us()) } else { span.from_us() };
            parts.extend(Span::new(from_us, to_us).ok().map(|part| (camera, part)));
            to_us = to_us.min(begins.after(TAKING_OVER));
        }
        parts.reverse();
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::{fixtures, long_name};
    use media::id::{CameraId, Day};

    /// A rekey was cut off, and the page finished it while its owner wrote the old key's name.
    #[test]
    fn a_name_that_went_over_to_the_new_key_does_not_retire_it_while_the_old_one_is_good() {
        let of = |at: u8, name: &str| {
            fixtures::camera(name, fixtures::policy(CameraId([at; 32]), 0, Vec::new()), Day(9))
        };
        let long = long_name("door", &CameraId([2; 32]));
        let new =
            StoredCamera { welcomed: false, replaces: Some(CameraId([1; 32]).to_string()), ..of(2, &long) };
        let mut stored = Stored { cameras: vec![of(1, "door"), new], ..Stored::default() };
        assert_eq!(to_retire(&stored, "door").unwrap().camera_id, CameraId([1; 32]));
        stored.welcome(&CameraId([2; 32])).unwrap();
        let before = stored.cameras[0].name.clone();
        let refused = to_retire(&stored, "door").unwrap_err();
        assert!(
            matches!(&refused, CameraError::IsNew { before: named, .. } if *named == before),
            "{refused}"
        );
        assert_eq!(to_retire(&stored, &before).unwrap().camera_id, CameraId([1; 32]));
        stored.cameras.remove(0);
        assert_eq!(to_retire(&stored, "door").unwrap().camera_id, CameraId([2; 32]), "there is no other");
    }
}
