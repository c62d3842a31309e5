//! The owner: whose footage it is. Makes keys and pairs cameras, watches, plays back, exports, and audits the log for
//! every release that concerns its cameras.
//!
//! In scope: what the owner's device does, as functions that the command line calls. Each takes an [`Owner`], reports
//! its steps to a callback while it runs, may be dropped at any await point, and fails with an error that says what to
//! do next. Out of scope: drawing progress in a terminal; anything the relay or a trustee does.
//!
//! | module | job |
//! |---|---|
//! | [`keys`] | the keybook folder: root, device and wrap keys, made once |
//! | [`book`] | the durable book of cameras: enrolment, policies, notice roots, last verified head; what the relay says of each |
//! | [`pair`] | one-time invites |
//! | [`policy`] | what each camera's policy says, and its next version |
//! | [`live`], [`play`], [`export`] | the same stored bytes through the same opener |
//! | [`audit`] | every leaf of the log tried against the notice keys of own camera-days |
//! | [`alarm`] | tells when a camera is offline and when it is back, by a command or a webhook |
//! | [`app`] | a page on this device for all of it: live, timeline, export, audit |
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let config: owner::Config = host::config::load("owner.toml".as_ref())?;
//! owner::keys::init(&config)?;
//! let owner = owner::Owner::open(config)?;
//! let invitation = owner::pair::invite(&owner, "front-door").await?;
//! let url = invitation.url();
//! let paired = invitation.wait(&mut |step| tracing::info!(?step)).await?;
//! # Ok(()) }
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod alarm;
pub mod app;
pub mod audit;
pub mod book;
pub mod config;
pub mod export;
mod heads;
pub mod keys;
pub mod live;
pub mod pair;
pub mod play;
pub mod policy;
mod relay;

pub use config::Config;
pub use keys::Owner;

use media::id::TrackId;

/// Which picture: a camera by its name in the book, and its track. A name alone is the camera's main one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture<'a> {
    pub camera: &'a str,
    pub track: TrackId,
}

impl<'a> From<&'a str> for Picture<'a> {
    fn from(camera: &'a str) -> Self {
        Self { camera, track: TrackId::MAIN }
    }
}

impl<'a> From<&'a String> for Picture<'a> {
    fn from(camera: &'a String) -> Self {
        Self::from(camera.as_str())
    }
}

/// A span of capture time in Unix microseconds, `from` included, `to` excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    from_us: u64,
    to_us: u64,
}

/// The longest span one command takes: a day and its leap.
pub const MAX_SPAN_US: u64 = 25 * 3600 * 1_000_000;

/// Why a span was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    #[error("the span ends before it begins; give the earlier time first")]
    Backwards,
    #[error("the span is longer than 25 hours; ask for it in parts")]
    TooLong,
}

impl Span {
    pub fn new(from_us: u64, to_us: u64) -> Result<Self, SpanError> {
        match to_us.checked_sub(from_us) {
            None | Some(0) => Err(SpanError::Backwards),
            Some(length) if length > MAX_SPAN_US => Err(SpanError::TooLong),
            Some(_) => Ok(Self { from_us, to_us }),
        }
    }

    pub fn from_us(self) -> u64 {
        self.from_us
    }

    pub fn to_us(self) -> u64 {
        self.to_us
    }
}
