//! A plain MP4 as players take it: its tracks, what decodes them, and where each sample's bytes
//! stand. For comparing a film with one that is known.
//!
//! In scope: the tables of one moov, within limits. Out of scope: reading files; fragments
//! ([`crate::split`]).

use crate::init::{TrackKind, kind_of, malformed};
use crate::{BoxError, box_header, letters};
use mp4_atom::{Codec, Decode as _, Moov, Stbl, StszSamples};

/// The largest moov that is read: a day of pictures and sound.
pub const MOOV_MAX: usize = 256 << 20;
/// The most samples of a track.
pub const PLAIN_SAMPLES_MAX: usize = 8 << 20;

/// A film's tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Plain {
    /// In the file's order.
    pub tracks: Vec<PlainTrack>,
}

/// One track.
#[derive(Debug, Clone, PartialEq)]
pub struct PlainTrack {
    /// What it holds.
    pub kind: TrackKind,
    /// Ticks a second.
    pub timescale: u32,
    /// In the order of decoding.
    pub samples: Vec<PlainSample>,
    codecs: Vec<Codec>,
}

/// One sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlainSample {
    /// Where its bytes stand in the file.
    pub at: u64,
    /// How many they are.
    pub size: u32,
    /// Decode time, ticks from the track's first.
    pub decode: u64,
    /// How long until the next, ticks.
    pub duration: u32,
    /// From decoding to showing, ticks.
    pub composition: i64,
    /// Whether it can be decoded alone.
    pub is_sync: bool,
}

impl Plain {
    /// Reads a whole moov box.
    ///
    /// # Errors
    /// [`BoxError`].
    pub fn parse(moov: &[u8]) -> Result<Self, BoxError> {
        let found = box_header(moov).map(|(_, kind)| kind);
        if found != Some(*b"moov") {
            let found = found.map_or_else(String::new, letters);
            return Err(BoxError::Unexpected { expected: "a moov box", found });
        }
        if moov.len() > MOOV_MAX {
            return Err(BoxError::TooLarge {
                kind: "moov".to_owned(),
                size: moov.len() as u64,
                limit: MOOV_MAX,
            });
        }
        let moov = Moov::decode(&mut &moov[..]).map_err(malformed("moov"))?;
        let tracks = moov.trak.into_iter().map(|trak| {
            let stbl = trak.mdia.minf.stbl;
            Ok(PlainTrack {
                kind: kind_of(stbl.stsd.codecs.first()),
                timescale: trak.mdia.mdhd.timescale.max(1),
                samples: samples(&stbl)?,
                codecs: stbl.stsd.codecs,
            })
        });
        Ok(Self { tracks: tracks.collect::<Result<_, BoxError>>()? })
    }
}

impl PlainTrack {
    /// Whether a decoder makes the same of the same bytes.
    pub fn decodes_like(&self, other: &Self) -> bool {
        let alike = |pair: (&Codec, &Codec)| match pair {
            (Codec::Avc1(one), Codec::Avc1(other)) => one.avcc == other.avcc,
            (Codec::Hvc1(one), Codec::Hvc1(other)) => one.hvcc == other.hvcc,
            (Codec::Mp4a(one), Codec::Mp4a(other)) => {
                one.esds.es_desc.dec_config.dec_specific == other.esds.es_desc.dec_config.dec_specific
            }
            (one, other) => one == other,
        };
        self.codecs.len() == other.codecs.len() && self.codecs.iter().zip(&other.codecs).all(alike)
    }

    /// Seconds from the track's first sample to this one's decoding.
    pub fn seconds(&self, sample: usize) -> f64 {
        let ticks = self.samples.get(sample).map_or_else(
            || self.samples.last().map_or(0, |last| last.decode + u64::from(last.duration)),
            |sample| sample.decode,
        );
        ticks as f64 / f64::from(self.timescale)
    }
}

/// The samples of a track's tables, which must agree on how many there are.
fn samples(stbl: &Stbl) -> Result<Vec<PlainSample>, BoxError> {
    let count = match &stbl.stsz.samples {
        StszSamples::Identical { count, .. } => usize::try_from(*count).unwrap_or(usize::MAX),
        StszSamples::Different { sizes } => sizes.len(),
    };
    if count > PLAIN_SAMPLES_MAX {
        return Err(BoxError::OutOfBounds("number of samples"));
    }
    let size = |at: usize| match &stbl.stsz.samples {
        StszSamples::Identical { size, .. } => *size,
        StszSamples::Different { sizes } => sizes.get(at).copied().unwrap_or(0),
    };
    let offsets: Vec<u64> = match (&stbl.stco, &stbl.co64) {
        (Some(stco), None) => stco.entries.iter().copied().map(u64::from).collect(),
        (None, Some(co64)) => co64.entries.clone(),
        (None, None) if count == 0 => Vec::new(),
        _ => return Err(BoxError::OutOfBounds("table of chunks")),
    };
    let mut durations = stbl.stts.entries.iter().flat_map(|run| repeated(run.sample_delta, run.sample_count));
    let offsets_of = stbl.ctts.iter().flat_map(|ctts| &ctts.entries);
    let mut compositions = offsets_of.flat_map(|run| repeated(run.sample_offset, run.sample_count));
    let is_sync =
        |number: u32| stbl.stss.as_ref().is_none_or(|stss| stss.entries.binary_search(&number).is_ok());
    let (mut all, mut decode) = (Vec::with_capacity(count.min(1 << 16)), 0u64);
    for (chunk, offset) in (1u32..).zip(&offsets) {
        let runs = &stbl.stsc.entries;
        let of_chunk = runs.iter().rev().find(|run| run.first_chunk <= chunk);
        let of_chunk = of_chunk.map_or(0, |run| run.samples_per_chunk);
        let mut at = *offset;
        for _ in 0..of_chunk {
            let number = all.len();
            if number == count {
                return Err(BoxError::OutOfBounds("number of samples"));
            }
            let duration = durations.next().unwrap_or(0);
            all.push(PlainSample {
                at,
                size: size(number),
                decode,
                duration,
                composition: compositions.next().unwrap_or(0),
                is_sync: is_sync(u32::try_from(number + 1).unwrap_or(u32::MAX)),
            });
            at = at.saturating_add(size(number).into());
            decode = decode.saturating_add(duration.into());
        }
    }
    if all.len() == count { Ok(all) } else { Err(BoxError::OutOfBounds("number of samples")) }
}

fn repeated<T: Copy>(value: T, times: u32) -> impl Iterator<Item = T> {
    core::iter::repeat_n(value, usize::try_from(times).unwrap_or(usize::MAX))
}
