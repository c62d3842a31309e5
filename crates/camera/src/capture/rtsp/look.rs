//! Looking at a camera for some seconds, through the very session with which it is filmed: what it
//! offers, and what comes.

use super::{Choice, Rtsp, carried, chosen};
use crate::capture::montage::{Remark, Shot};
use crate::capture::producer;
use crate::capture::units::Unit;
use crate::clock::Clocks;
use crate::config::SoundMode;
use crate::source::{SourceError, Stream};
use container::sps::Sps;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// What was seen.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) offers: Vec<Offer>,
    pub(crate) choice: Choice,
    /// What its newest parameter sets say.
    pub(crate) sps: Option<Sps>,
    /// In the order in which they came.
    pub(crate) pictures: Vec<SeenPicture>,
    /// What is wrong with its sound.
    pub(crate) sound_trouble: Option<String>,
    /// By how much its clock is ahead of this machine's, if it told.
    pub(crate) ahead_ms: Option<i64>,
}

/// One of the streams that a session's description names.
#[derive(Debug)]
pub(crate) struct Offer {
    /// "video", "audio".
    pub(crate) what: String,
    /// As SDP calls it, in small letters.
    pub(crate) codec: String,
    pub(crate) rate: u32,
    pub(crate) channels: Option<u16>,
    pub(crate) carried: OfferCarried,
}

/// How a sound that is offered is filmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OfferCarried {
    AsItIs,
    MadeAac,
    Not,
}

/// One picture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeenPicture {
    /// Ticks of 90 kHz.
    pub(crate) stamp: i64,
    pub(crate) is_key: bool,
    pub(crate) bytes: usize,
}

impl SeenPicture {
    pub(super) fn of(unit: &Unit) -> Self {
        Self { stamp: unit.stamp, is_key: unit.is_key, bytes: unit.data.len() }
    }
}

/// Looks for so long.
pub(crate) async fn look(stream: &Stream, clocks: &Clocks, watch: Duration) -> Result<Looked, SourceError> {
    let mut rtsp = Rtsp::open(stream, SoundMode::On, clocks).await?;
    rtsp.seen = Some(Vec::new());
    let offers = rtsp.session.streams().iter().map(|found| Offer {
        what: found.media().to_owned(),
        codec: found.encoding_name().to_owned(),
        rate: found.clock_rate_hz(),
        channels: found.channels().map(std::num::NonZeroU16::get),
        carried: match carried(found) {
            Some(super::Carried::Passed(_)) => OfferCarried::AsItIs,
            Some(super::Carried::Made(_)) => OfferCarried::MadeAac,
            None => OfferCarried::Not,
        },
    });
    let offers: Vec<Offer> = offers.collect();
    let (choice, _) = chosen(&rtsp.session)?;
    let (mut sound_trouble, mut ahead_ms) = (None, None);
    let until = Instant::now() + watch;
    let ended = loop {
        match timeout_at(until, rtsp.next()).await {
            Err(_) => break None,
            Ok(Ok(Shot::Remark(Remark::Sound(said)))) => sound_trouble = said,
            Ok(Ok(Shot::Remark(Remark::Clock { theirs_us, at_us }))) => {
                ahead_ms = Some(producer::said_ms(clocks, theirs_us, at_us));
            }
            Ok(Ok(Shot::Piece(..) | Shot::Hole | Shot::Remark(_)) | Err(SourceError::LeftOut(_))) => {}
            Ok(Err(error)) => break Some(error),
        }
    };
    let pictures = rtsp.seen.take().unwrap_or_default();
    let sps = rtsp.montage.sps();
    rtsp.end().await;
    match ended {
        Some(error) if pictures.is_empty() => Err(error),
        None if pictures.is_empty() => Err(SourceError::Frozen(watch)),
        Some(_) | None => Ok(Looked { offers, choice, sps, pictures, sound_trouble, ahead_ms }),
    }
}
