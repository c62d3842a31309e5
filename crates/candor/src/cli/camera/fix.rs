//! `candor camera probe --fix`: what was advised and can be set over ONVIF, set, and read back.

use super::discover::unusable;
use super::source::Access;
use crate::cli::{Ended, Outcome, Terminal};
use anyhow::anyhow;
use camera::probe::Found;
use clap::Args;
use host::clock::Clock;
use host::rng::Rng;
use onvif::{Changed, Device, host_of};

/// How far apart key frames are set.
const KEY_FRAMES_APART_SECS: u32 = 1;
/// What of the advice is about that.
const ADVICE: [&str; 2] = ["key-frames-too-far-apart", "key-frames-irregular"];

#[derive(Debug, Args)]
pub(crate) struct Fix {
    /// Set over ONVIF what should be changed and can be.
    #[arg(long)]
    fix: bool,
    /// Where the camera's ONVIF service is, if not at the stream's host and port 80.
    #[arg(long, value_name = "HOST:PORT", requires = "fix")]
    onvif: Option<String>,
}

/// What is known before the camera is watched.
pub(super) struct Fixing {
    stream: String,
    device: String,
    access: Option<onvif::Access>,
}

#[derive(serde::Serialize)]
struct Fixed {
    /// None where nothing of the advice can be set so.
    key_frame_every: Option<Changed>,
    /// What was advised and has to be set on the camera's own page.
    by_hand: Vec<&'static str>,
}

impl Fix {
    /// Nothing if nothing is to be set.
    pub(super) fn of(self, named: &str, access: &Access) -> Result<Option<Fixing>, Ended> {
        if !self.fix {
            return Ok(None);
        }
        let host = host_of(named).ok_or_else(|| {
            Ended::wrong(anyhow!("{named}: --fix sets a camera over ONVIF; name its rtsp:// address"))
        })?;
        let device = self.onvif.unwrap_or(host);
        Ok(Some(Fixing { stream: named.to_owned(), device, access: access.login.access()? }))
    }
}

impl Fixing {
    pub(super) async fn run(self, terminal: &Terminal, found: &Found) -> Outcome {
        let (settable, by_hand): (Vec<_>, Vec<_>) =
            found.advice.iter().map(|advice| advice.name).partition(|name| ADVICE.contains(name));
        if settable.is_empty() {
            return terminal.done(&Fixed { key_frame_every: None, by_hand }, said);
        }
        let of = |error| unusable(&self.device, error);
        let device =
            Device::at(&self.device, self.access, Clock::system(), Rng::system()).await.map_err(of)?;
        let profiles = device.profiles().await.map_err(of)?;
        let profile = profiles.iter().find(|profile| profile.is_at(&self.stream)).ok_or_else(|| {
            Ended::no(anyhow!(
                "{}: none of its streams is {}; `candor camera discover {0}` lists them",
                self.device,
                self.stream
            ))
        })?;
        let key_frame_every = device.set_key_frames(profile, KEY_FRAMES_APART_SECS).await.map_err(of)?;
        terminal.done(&Fixed { key_frame_every: Some(key_frame_every), by_hand }, said)
    }
}

fn said(fixed: &Fixed) -> String {
    let mut said = match fixed.key_frame_every {
        None => "set         nothing: key frames are well apart, or were not seen".to_owned(),
        Some(Changed { before, after }) if before == after => {
            format!("set         the camera took it, and still says a key frame every {after} pictures")
        }
        Some(Changed { before, after }) => format!(
            "set         a key frame every {after} pictures (before: {before}), by the camera's word; probe again to see it"
        ),
    };
    if !fixed.by_hand.is_empty() {
        said.push_str(&format!("\nby hand     {}, on the camera's own page", fixed.by_hand.join(", ")));
    }
    said
}
