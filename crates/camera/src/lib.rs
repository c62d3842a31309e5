//! The camera: it films, seals, signs, deals each epoch key to owner and trustees, and forgets it.
//!
//! | module | job |
//! |---|---|
//! | [`source`] | what it films, as configured: a file, standard input, an RTSP camera |
//! | `capture` | the source at work: ffmpeg playing a file or a camera, or fragmented MP4 on standard input |
//! | [`filming`], [`duty`] | when it films, as configured; whether it does now: its hours, its privacy switch |
//! | [`probe`] | what a source sends, and what its owner should change |
//! | `segmenter`, `epochs`, `notices`, `clock`, `motion` | where segments begin; the life of a seed; days going by; what time it is; how much moved: pure |
//! | `film` | fragments into sealed segments; `live` is the one that grows; `events` is what is held back until something moves |
//! | `spool` | what survives a power cut |
//! | `publish` | the session with the relay: live first, the backlog behind, nothing forgotten before it is durable there |
//! | `handover`, `drive` | what the two leave for each other; the order of starting and stopping |
//! | [`pair`], `policy` | one owner, and the policies that the camera acts on |
//!
//! In scope: what a device with a picture does. Out of scope: opening anything; who else may watch (the owner's policy says).
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod capture;
mod clock;
mod drive;
pub mod duty;
mod epochs;
mod events;
mod film;
pub mod filming;
mod handover;
mod live;
mod motion;
mod notices;
pub mod pair;
mod policy;
pub mod probe;
mod publish;
mod segmenter;
pub mod source;
mod spool;
mod stats;

pub use capture::SourceError;
pub use epochs::EpochError;
pub use film::FilmError;
pub use filming::{Filming, FilmingError, Mode};
pub use notices::NoticeError;
pub use pair::{PairError, Paired};
pub use policy::PolicyRefused;
pub use publish::Share;
pub use source::{SourceConfig, SourceConfigError, Stream, StreamUrl, Transport};
pub use spool::SpoolError;
pub use stats::Stats;

use ed25519_dalek::SigningKey;
use host::durable::{DurableError, FolderLock};
use host::running::Running;
use host::secret::{self, SecretError};
use host::shutdown::Shutdown;
use media::id::CameraId;
use spool::Spool;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// The configuration of a camera (deploy/config/camera.toml).
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Its data folder, made by `candor camera init`: identity, counters, spool. A copy of it is a second camera with one identity.
    pub data: PathBuf,
    pub source: SourceConfig,
    /// A second picture of the same scene at a lower rate, if the device has one: its substream.
    #[serde(default)]
    pub sub: Option<SourceConfig>,
    /// When it films: always, or events only, or at some hours.
    #[serde(default)]
    pub filming: Filming,
    /// The most that waits for an absent relay, of both pictures; beyond it the oldest segments of the second one go, then the oldest of the
    /// main one, and the gap is signed.
    #[serde(default = "default_spool_bytes")]
    pub spool_bytes: u64,
    /// The most of the uplink that footage of an outage takes when it is sent afterwards, percent; live goes first.
    #[serde(default)]
    pub backfill_percent: Share,
    /// What the owner is shown when pairing; a claim and no more.
    #[serde(default = "default_model")]
    pub model: String,
}

impl Config {
    /// A camera that films this source, with everything else as it is when nothing is said.
    pub fn new(data: impl Into<PathBuf>, source: SourceConfig) -> Self {
        Self {
            data: data.into(),
            source,
            sub: None,
            filming: Filming::default(),
            spool_bytes: default_spool_bytes(),
            backfill_percent: Share::default(),
            model: default_model(),
        }
    }
}

fn default_spool_bytes() -> u64 {
    4 << 30
}
fn default_model() -> String {
    "candor camera".to_owned()
}

/// What `init` made.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Created {
    /// 64 hex digits.
    pub camera_id: String,
    /// Its Ed25519 key, 64 hex digits.
    pub camera_key: String,
}

/// What a started camera tells.
#[derive(Debug, Clone)]
pub struct At {
    pub camera_id: CameraId,
    /// The main track's, and what concerns the whole camera.
    pub stats: Stats,
    /// The second track's, if it has one.
    pub sub: Option<Stats>,
}

/// Why a camera does not start, or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error(transparent)]
    File(#[from] DurableError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Pair(#[from] PairError),
    #[error("{}: no such video file", .0.display())]
    NoSource(PathBuf),
    #[error(
        "[source] and [sub] are both standard input, which holds one picture; name another source for one of them"
    )]
    OneInput,
    #[error("no socket towards the relay: {0}")]
    Socket(#[from] quic::LinkError),
    #[error("the identity in {} is not 32 bytes; make and pair a new camera", .0.display())]
    Identity(PathBuf),
}

const IDENTITY: &str = "identity.secret";
const IDENTITY_LABEL: &str = "camera";

/// Makes a camera's identity and its empty state, once.
pub fn init(config: &Config) -> Result<Created, Error> {
    host::durable::create_dirs(&config.data)?;
    let _lock = FolderLock::acquire(&config.data)?;
    let seed = Zeroizing::new(host::rng::bytes::<32>());
    secret::create(&config.data.join(IDENTITY), IDENTITY_LABEL, &seed[..])?;
    Spool::create(&config.data)?;
    let key = SigningKey::from_bytes(&seed).verifying_key().to_bytes();
    let camera_key = key.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Created { camera_id: CameraId::of_key(&key).to_string(), camera_key })
}

/// Starts filming, and publishing as soon as the relay can be reached.
pub async fn start(config: Config, shutdown: Shutdown) -> Result<Running<At, Error>, Error> {
    drive::start(config, shutdown).await
}

/// Films until `shutdown`, or until a source that is played once has ended and the relay has all of it.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    start(config, shutdown).await?.join().await
}

/// Whether the folder of this configuration is a camera's.
pub fn is_made(config: &Config) -> bool {
    config.data.join(IDENTITY).is_file()
}

pub(crate) fn identity(config: &Config) -> Result<SigningKey, Error> {
    let path = config.data.join(IDENTITY);
    let seed = secret::read(&path, IDENTITY_LABEL)?;
    let seed = Zeroizing::new(<[u8; 32]>::try_from(&seed[..]).map_err(|_| Error::Identity(path))?);
    Ok(SigningKey::from_bytes(&seed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const SAMPLE: &str = include_str!("../../../deploy/config/camera.toml");

    #[test]
    fn the_sample_is_a_configuration() {
        let config: Config = host::config::parse(SAMPLE, Path::new("camera.toml")).unwrap();
        assert!(matches!(config.source, SourceConfig::File { .. }));
    }

    #[test]
    fn a_misspelt_field_is_named() {
        let text = SAMPLE.replace("spool_bytes", "spool_byte");
        let error = host::config::parse::<Config>(&text, Path::new("c.toml")).unwrap_err().to_string();
        assert!(error.contains("spool_byte"), "{error}");
    }

    #[tokio::test]
    async fn nothing_starts_before_it_was_made_paired_and_given_a_picture() {
        let dir = tempfile::tempdir().unwrap();
        let mut config: Config = host::config::parse(SAMPLE, Path::new("camera.toml")).unwrap();
        assert!(config.sub.is_none());
        config.data = dir.path().join("camera");
        config.source = SourceConfig::file(dir.path().join("none.mp4"), true);
        assert!(matches!(start(config.clone(), Shutdown::new()).await, Err(Error::NoSource(_))));
        config.source = SourceConfig::Input;
        config.sub = Some(SourceConfig::Input);
        assert!(matches!(start(config.clone(), Shutdown::new()).await, Err(Error::OneInput)));
        config.sub = None;
        assert!(matches!(start(config.clone(), Shutdown::new()).await, Err(Error::Secret(_))));
        let id = init(&config).unwrap().camera_id;
        assert_eq!(id.len(), 64);
        assert!(init(&config).is_err());
        let unpaired = start(config, Shutdown::new()).await;
        assert!(matches!(unpaired, Err(Error::Spool(SpoolError::NotPaired))));
    }
}
