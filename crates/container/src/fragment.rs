//! One fragment: a moof and its mdat.

use crate::init::{Init, Track, malformed};
use crate::{BOX_MAX, BoxError, SAMPLES_MAX, box_header, letters};
use mp4_atom::{Decode as _, Moof};
use std::ops::Range;

/// ISO/IEC 14496-12, 8.8.3.1: set on a sample that cannot be decoded alone.
const IS_NON_SYNC: u32 = 0x1_0000;

/// Whether a fragment can be decoded without the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begins {
    /// Its first picture is a key frame.
    WithKeyFrame,
    /// It continues, or holds no picture.
    Within,
}

/// What one moof + mdat says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    bytes: Vec<u8>,
    /// Decode time of its first picture (of its first sample, if it has no picture), microseconds from the run's own zero.
    pub decode_us: u64,
    /// How long its pictures last, microseconds.
    pub duration_us: u64,
    /// Whether it starts at a key frame.
    pub begins: Begins,
}

/// One sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Its track's place in the init segment.
    pub(crate) track: usize,
    /// Decode time, ticks of its track.
    pub(crate) decode: u64,
    pub(crate) duration: u32,
    pub(crate) composition: i64,
    pub(crate) is_sync: bool,
    /// Where its bytes are within the fragment.
    pub(crate) at: Range<usize>,
}

impl Fragment {
    /// Reads a whole moof + mdat.
    ///
    /// # Errors
    /// [`BoxError`].
    pub fn parse(init: &Init, bytes: &[u8]) -> Result<Self, BoxError> {
        let samples = samples(init, bytes)?;
        let video = init.tracks().iter().position(|track| Some(track) == init.video());
        let pictures: Vec<&Sample> = samples.iter().filter(|sample| Some(sample.track) == video).collect();
        let of_track = |sample: &&Sample| init.tracks().get(sample.track).map(|track| track.timescale);
        let first = pictures.first().copied().or(samples.first()).ok_or(BoxError::OutOfBounds("samples"))?;
        let timescale = of_track(&first).ok_or(BoxError::OutOfBounds("track"))?;
        let ticks: u64 = match pictures.is_empty() {
            true => 0,
            false => pictures.iter().map(|sample| u64::from(sample.duration)).sum(),
        };
        let begins = match pictures.first() {
            Some(sample) if sample.is_sync => Begins::WithKeyFrame,
            _ => Begins::Within,
        };
        Ok(Self {
            bytes: bytes.to_vec(),
            decode_us: to_us(first.decode, timescale),
            duration_us: to_us(ticks, timescale),
            begins,
        })
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Ticks to microseconds, rounded down; a time beyond 64 bits is the last one.
pub(crate) fn to_us(ticks: u64, timescale: u32) -> u64 {
    let us = u128::from(ticks) * 1_000_000 / u128::from(timescale.max(1));
    u64::try_from(us).unwrap_or(u64::MAX)
}

/// All samples of a fragment, in the order of its tracks' runs, each within its bytes.
pub(crate) fn samples(init: &Init, bytes: &[u8]) -> Result<Vec<Sample>, BoxError> {
    if bytes.len() > 2 * BOX_MAX {
        let size = bytes.len() as u64;
        return Err(BoxError::TooLarge { kind: "moof".to_owned(), size, limit: 2 * BOX_MAX });
    }
    let mut rest = bytes;
    let moof = Moof::decode(&mut rest).map_err(malformed("moof"))?;
    let moof_len = bytes.len() - rest.len();
    match box_header(rest) {
        Some((size, kind)) if kind == *b"mdat" && size == rest.len() as u64 => {}
        Some((_, kind)) => {
            return Err(BoxError::Unexpected { expected: "one whole mdat", found: letters(kind) });
        }
        None => return Err(BoxError::Unexpected { expected: "one whole mdat", found: String::new() }),
    }
    let data = moof_len + 8;
    let mut next = data;
    let mut samples = Vec::new();
    for traf in &moof.traf {
        let place = init.tracks().iter().position(|track| track.id == traf.tfhd.track_id);
        let place = place.ok_or(BoxError::OutOfBounds("track number"))?;
        let track = init.tracks().get(place).ok_or(BoxError::OutOfBounds("track number"))?;
        if traf.tfhd.base_data_offset.is_some() {
            return Err(BoxError::Malformed {
                kind: "tfhd",
                reason: "offsets must count from the moof (ffmpeg: -movflags default_base_moof)".to_owned(),
            });
        }
        let mut decode = traf.tfdt.as_ref().map_or(0, |tfdt| tfdt.base_media_decode_time);
        for trun in &traf.trun {
            if let Some(offset) = trun.data_offset {
                next = usize::try_from(offset).map_err(|_| BoxError::OutOfBounds("data offset"))?;
            }
            if trun.samples.len() > SAMPLES_MAX - samples.len() {
                return Err(BoxError::OutOfBounds("number of samples"));
            }
            for entry in &trun.samples {
                let sample = sample(track, &traf.tfhd, &entry, place, decode, next);
                if sample.at.start < data || sample.at.end > bytes.len() {
                    return Err(BoxError::OutOfBounds("sample"));
                }
                next = sample.at.end;
                decode = decode.saturating_add(u64::from(sample.duration));
                samples.push(sample);
            }
        }
    }
    Ok(samples)
}

fn sample(
    track: &Track,
    tfhd: &mp4_atom::Tfhd,
    entry: &mp4_atom::TrunEntry,
    place: usize,
    decode: u64,
    start: usize,
) -> Sample {
    let size = entry.size.or(tfhd.default_sample_size).unwrap_or(track.default_size);
    let flags = entry.flags.or(tfhd.default_sample_flags).unwrap_or(track.default_flags);
    let end = start.saturating_add(usize::try_from(size).unwrap_or(usize::MAX));
    Sample {
        track: place,
        decode,
        duration: entry.duration.or(tfhd.default_sample_duration).unwrap_or(track.default_duration),
        composition: entry.cts.map_or(0, i64::from),
        is_sync: flags & IS_NON_SYNC == 0,
        at: start..end,
    }
}
