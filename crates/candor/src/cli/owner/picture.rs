//! `candor owner picture`: pictures that `candor owner alarm` sent through a webhook.

use super::open;
use crate::cli::{ConfigFile, Ended, Outcome, Terminal};
use crate::words::show_here_us;
use anyhow::Context as _;
use clap::Subcommand;
use host::durable;
use owner::sent::{GIVEN_MAX, Received, SentError};
use quic::Key;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum PictureVerb {
    /// Print the key to which another device's alarm seals pictures for this one.
    #[command(
        after_help = "It goes into that device's configuration, as picture_key of [alarm].\nExample: candor owner picture key --config owner.toml"
    )]
    Key(ConfigFile),
    /// Open a picture that a webhook was given.
    #[command(after_help = "\
Anybody who knows the key can seal a picture to it: one that is signed by no device of yours is not opened, nor one of another
event than the message that it came in (exit code 3).
Example: candor owner picture open --config owner.toml message.json -o moved.jpg")]
    Open {
        #[command(flatten)]
        file: ConfigFile,
        /// The message as the webhook got it, or the sealed picture alone.
        message: PathBuf,
        /// The file to write; there must be none.
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
        /// Take it from this device, whose key its `candor owner init` printed, though no policy of
        /// this keybook names it.
        #[arg(long, value_name = "DEVICE_KEY")]
        from: Option<Key>,
    },
}

impl PictureVerb {
    pub(super) fn run(self, terminal: &Terminal) -> Outcome {
        match self {
            Self::Key(file) => {
                let key = open(&file)?.picture_key();
                terminal.done(&serde_json::json!({ "picture_key": key }), |_| key.to_string())
            }
            Self::Open { file, message, output, from } => {
                let owner = open(&file)?;
                let given = durable::read_limited(&message, GIVEN_MAX).map_err(Ended::wrong)?;
                let given = given.with_context(|| format!("{}: no such file", message.display()));
                let opened = owner.open_picture(&given.map_err(Ended::wrong)?, from);
                let (received, image) = opened.map_err(|error| match error {
                    SentError::Stranger(_) | SentError::OtherEvent { .. } => Ended::alarm(error),
                    SentError::NoPicture | SentError::Picture(_) => Ended::wrong(error),
                })?;
                durable::create_exclusive(&output, &image).map_err(Ended::wrong)?;
                terminal.done(&received, told)
            }
        }
    }
}

fn told(received: &Received) -> String {
    let Received { camera, from_us, to_us, at_us, kind, device, is_this_device, .. } = received;
    let by = match is_this_device {
        true => "by this device".to_owned(),
        false => format!("by your device {device}"),
    };
    let [from, to, at] = [*from_us, *to_us, *at_us].map(show_here_us);
    format!("{camera}, something moved from {from} to {to}; {kind} of {at}, signed {by}")
}
