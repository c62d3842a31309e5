//! One fragment: a moof and its mdat, and what may be behind them to hide how large they are.

use crate::init::{Init, Track, malformed};
use crate::{BOX_MAX, BoxError, SAMPLES_MAX, box_header, letters};
use mp4_atom::{Decode as _, Encode as _, Moof};
use std::ops::Range;

/// ISO/IEC 14496-12, 8.8.3.1: set on a sample that cannot be decoded alone.
const IS_NON_SYNC: u32 = 0x1_0000;
/// Length and name of a box.
const PADDING_HEAD: u64 = 8;

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
    /// Decode time of its first picture (of its first sample, if it has no picture), microseconds
    /// from the zero of the run's film: before it, if an edit list says so.
    pub decode_us: i64,
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

impl Sample {
    /// When it is shown, in its track's ticks.
    pub(crate) fn presented(&self) -> i128 {
        i128::from(self.decode) + i128::from(self.composition)
    }
}

impl Fragment {
    /// Reads a whole moof + mdat, and one `free` box if there is one behind.
    ///
    /// # Errors
    /// [`BoxError`].
    pub fn parse(init: &Init, bytes: &[u8]) -> Result<Self, BoxError> {
        let samples = samples(init, bytes)?;
        let video = init.tracks().iter().position(|track| Some(track) == init.video());
        let pictures: Vec<&Sample> = samples.iter().filter(|sample| Some(sample.track) == video).collect();
        let first = pictures.first().copied().or(samples.first()).ok_or(BoxError::OutOfBounds("samples"))?;
        let track = init.tracks().get(first.track).ok_or(BoxError::OutOfBounds("track"))?;
        let decode_us =
            (i128::from(first.decode) + track.shift).saturating_mul(1_000_000) / i128::from(track.timescale);
        let ticks = pictures.iter().map(|sample| u64::from(sample.duration)).sum();
        let begins = match pictures.first() {
            Some(sample) if sample.is_sync => Begins::WithKeyFrame,
            _ => Begins::Within,
        };
        Ok(Self {
            bytes: bytes.to_vec(),
            decode_us: i64::try_from(decode_us).unwrap_or(if decode_us < 0 { i64::MIN } else { i64::MAX }),
            duration_us: to_us(ticks, track.timescale),
            begins,
        })
    }

    /// With a `free` box behind, so that its length is a multiple of `step`. A box has eight bytes
    /// at least, so at times it takes a further step.
    pub fn padded(mut self, step: u32) -> Self {
        let step = u64::from(step.max(1));
        let len = self.bytes.len() as u64;
        let mut room = len.next_multiple_of(step) - len;
        while room != 0 && room < PADDING_HEAD {
            room += step;
        }
        if let (Ok(size), Ok(zeros)) =
            (u32::try_from(room), usize::try_from(room.saturating_sub(PADDING_HEAD)))
            && size > 0
        {
            self.bytes.extend_from_slice(&size.to_be_bytes());
            self.bytes.extend_from_slice(b"free");
            self.bytes.resize(self.bytes.len() + zeros, 0);
        }
        self
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// A moof and its mdat, in which the samples of all its runs stand one after the other.
pub(crate) fn boxed(mut moof: Moof, samples: &[&[u8]]) -> Result<Vec<u8>, BoxError> {
    let mut bytes = Vec::new();
    // The offsets' size does not depend on where they point.
    for data in [0, 8] {
        let (mut at, mut rest) = (bytes.len() + data, samples.iter());
        for trun in moof.traf.iter_mut().flat_map(|traf| &mut traf.trun) {
            trun.data_offset = Some(i32::try_from(at).map_err(malformed("trun"))?);
            at += rest.by_ref().take(trun.samples.len()).map(|sample| sample.len()).sum::<usize>();
        }
        bytes.clear();
        moof.encode(&mut bytes).map_err(malformed("moof"))?;
    }
    let len = 8 + samples.iter().map(|sample| sample.len()).sum::<usize>();
    bytes.extend_from_slice(&u32::try_from(len).map_err(malformed("mdat"))?.to_be_bytes());
    bytes.extend_from_slice(b"mdat");
    samples.iter().for_each(|sample| bytes.extend_from_slice(sample));
    Ok(bytes)
}

/// Ticks to microseconds, rounded down; a time beyond 64 bits is the last one.
fn to_us(ticks: u64, timescale: u32) -> u64 {
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
    let (media, behind) = whole(rest, *b"mdat", "one whole mdat")?;
    if !behind.is_empty() && !whole(behind, *b"free", "nothing, or one whole free, behind mdat")?.1.is_empty()
    {
        return Err(BoxError::Unexpected { expected: "nothing behind free", found: String::new() });
    }
    let data = moof_len + 8;
    let data_end = moof_len + media.len();
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
                if sample.at.start < data || sample.at.end > data_end {
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

/// A box of this kind at the front, and what is behind it.
fn whole<'a>(
    bytes: &'a [u8],
    kind: [u8; 4],
    expected: &'static str,
) -> Result<(&'a [u8], &'a [u8]), BoxError> {
    let found = box_header(bytes);
    found
        .filter(|(size, found)| *found == kind && *size >= 8)
        .and_then(|(size, _)| bytes.split_at_checked(usize::try_from(size).ok()?))
        .ok_or_else(|| BoxError::Unexpected {
            expected,
            found: found.map_or_else(String::new, |(_, kind)| letters(kind)),
        })
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
