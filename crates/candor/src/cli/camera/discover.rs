//! `candor camera discover`.
//!
//! ```text
//! address    calls itself  model
//! 10.0.0.20  Front door    IPC-1
//! ```

use super::source::Login;
use crate::cli::{Ended, Outcome, Terminal};
use crate::words::{or_dash, table};
use anyhow::anyhow;
use clap::Args;
use host::clock::Clock;
use host::rng::Rng;
use host::shutdown::Shutdown;
use onvif::{Device, OnvifError, Profile, Seen, proposed};
use std::net::SocketAddr;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(after_help = "\
Without a device everybody on the local network is asked. Whoever answers says of itself who it is, and no
password is sent: name one of those to list its streams.

A device proves nothing of itself either, and what it is told is not encrypted: ask it on a network
that you trust. `--user` proves the password to it by a digest and never sends it. Many cameras want
ONVIF switched on, and a user made for it, on their own page first.

Exit code 0: somebody answered; 1: nobody did, or the device has no stream; 2: the address or the
password is wrong; 4: the device does not answer.

Example: candor camera discover
Example: candor camera discover 10.0.0.20 --user viewer --password-file door.password")]
pub(crate) struct Discover {
    /// List the streams of this device: HOST, HOST:PORT or http://HOST/onvif/device_service.
    device: Option<String>,
    #[command(flatten)]
    login: Login,
    /// How long to wait for answers, seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    wait: u64,
    /// Ask this address alone, where the question to everybody does not get through.
    #[arg(long, value_name = "IP:3702", conflicts_with = "device")]
    at: Option<SocketAddr>,
}

impl Discover {
    pub(super) async fn run(self, terminal: &Terminal, shutdown: &Shutdown) -> Outcome {
        let finding = async {
            match &self.device {
                Some(device) => list(terminal, device, &self.login).await,
                None => self.find(terminal).await,
            }
        };
        tokio::select! {
            found = finding => found,
            () = shutdown.requested() => Err(Ended::no(anyhow!("stopped before all could answer"))),
        }
    }

    async fn find(&self, terminal: &Terminal) -> Outcome {
        let seen = onvif::discover(self.at, Duration::from_secs(self.wait), &Rng::system()).await?;
        terminal.result(&seen, |seen| found(seen));
        if seen.is_empty() {
            return Err(Ended::no(anyhow!(
                "nobody answered within {} s. Is ONVIF switched on in the camera, and is it on the same network? A camera on \
                 another one is asked with --at IP:3702, or listed with `candor camera discover HOST`",
                self.wait
            )));
        }
        terminal.next("candor camera discover ADDRESS --user USER --password-file FILE (lists its streams)");
        Ok(())
    }
}

async fn list(terminal: &Terminal, device: &str, login: &Login) -> Outcome {
    let of = |error| unusable(device, error);
    let device = Device::at(device, login.access()?, Clock::system(), Rng::system()).await.map_err(of)?;
    let profiles = device.profiles().await.map_err(of)?;
    terminal.result(&profiles, |profiles| streams(profiles));
    match proposed(&profiles) {
        (None, _) => Err(Ended::no(anyhow!("it tells of no stream with H.264 or H.265"))),
        (Some(main), second) => {
            let url = |profile: &Profile| profile.stream.clone().unwrap_or_default();
            let sub = second.map_or_else(String::new, |second| format!(" --sub '{}'", url(second)));
            terminal.next(&format!(
                "candor camera probe '{main}' --user USER --password-file FILE (what to change in its settings), then\n\
                 candor camera run --config camera.toml --source '{main}'{sub} --user USER --password-file FILE",
                main = url(main),
            ));
            Ok(())
        }
    }
}

/// What a device refuses is a no; what it is not asked rightly, wrong.
pub(super) fn unusable(device: &str, error: OnvifError) -> Ended {
    let said = anyhow!("{device}: {error}");
    match error {
        OnvifError::Unauthorized | OnvifError::Address(_) => Ended::wrong(said),
        OnvifError::Fault(_) | OnvifError::Lacks(_) | OnvifError::Elsewhere { .. } => Ended::no(said),
        OnvifError::Socket(_) | OnvifError::Fetch(_) | OnvifError::Malformed(_) => said.into(),
    }
}

fn found(seen: &[Seen]) -> String {
    let head = ["address", "calls itself", "model"].map(str::to_owned).to_vec();
    let row = |seen: &Seen| {
        let name = seen
            .name
            .clone()
            .or_else(|| seen.service.is_none().then(|| "(names another's address)".to_owned()));
        vec![seen.address.to_string(), or_dash(name), or_dash(seen.hardware.clone())]
    };
    table(&std::iter::once(head).chain(seen.iter().map(row)).collect::<Vec<_>>())
}

fn streams(profiles: &[Profile]) -> String {
    let head = ["stream", "picture", "key frames", "sound", "address"].map(str::to_owned).to_vec();
    let (main, second) = proposed(profiles);
    let row = |profile: &Profile| {
        let name = profile.name.clone().unwrap_or_else(|| profile.token.clone());
        let part = match profile {
            profile if main == Some(profile) => " (main)",
            profile if second == Some(profile) => " (second)",
            _ => "",
        };
        vec![
            format!("{name}{part}"),
            picture(profile),
            or_dash(key_frames(profile)),
            or_dash(profile.audio.clone()),
            or_dash(profile.stream.clone()),
        ]
    };
    table(&std::iter::once(head).chain(profiles.iter().map(row)).collect::<Vec<_>>())
}

fn picture(profile: &Profile) -> String {
    let mut words = vec![profile.encoding.clone().unwrap_or_else(|| "unknown".to_owned())];
    if let (Some(width), Some(height)) = (profile.width, profile.height) {
        words.push(format!("{width}x{height}"));
    }
    words.extend(profile.fps.map(|fps| format!("{fps}/s")));
    words.extend(profile.kbit_s.map(|kbit_s| format!("{kbit_s} kbit/s")));
    words.join(" ")
}

fn key_frames(profile: &Profile) -> Option<String> {
    let seconds = f64::from(profile.key_frame_every?) / f64::from(profile.fps.filter(|fps| *fps > 0)?);
    Some(format!("every {seconds:.1} s"))
}
