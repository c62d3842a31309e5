//! Whether a film that came beside evidence is the film that the evidence gives: byte by byte, and
//! where it is not, sample by sample. Contract: `proto/evidence.md#the-picture`.
//!
//! A sample is a picture or a piece of sound as it was encoded. Another file around the same samples
//! may show them otherwise (an edit list leaves out what lies in the file), so that only the same
//! bytes are "the same".

use anyhow::{Context as _, bail};
use container::init::TrackKind;
use container::plain::{MOOV_MAX, Plain, PlainSample, PlainTrack};
use host::durable::DurableError;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use tlog::Hash;

/// The largest sample that is read.
const SAMPLE_MAX: u32 = 16 << 20;
/// Sound that begins further from its picture than this is of another moment.
const APART_SECONDS: f64 = 1.0;

/// What came of it, from the best to the worst.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Compared {
    /// Byte for byte.
    Same,
    /// Every sample, in another file.
    Rewrapped,
    /// A stretch of it, without a hole, seconds from the film's beginning; in another file.
    Part { from: f64, to: f64 },
    /// Something in it is not what the camera filmed at that place.
    Differs { what: String },
    /// From here to there, in seconds of the clip, it is the film; before or behind lies what no evidence
    /// here is about.
    Beyond { from: f64, to: f64 },
    /// Nothing of it is in the film.
    Elsewhere,
}

impl Compared {
    /// The lower, the more of it is alike.
    fn rank(&self) -> u8 {
        match self {
            Self::Same => 0,
            Self::Rewrapped => 1,
            Self::Part { .. } => 2,
            // A contradiction is one, whatever another film leaves open.
            Self::Differs { .. } => 3,
            Self::Beyond { .. } => 4,
            Self::Elsewhere => 5,
        }
    }
}

/// Compares a clip with the films of the evidence, and says how it is like that of which most is
/// alike. The clip is read through once, however many they are.
pub(crate) fn compare<'f>(
    films: impl IntoIterator<Item = Result<&'f mut File, DurableError>>,
    clip: &mut File,
) -> anyhow::Result<Compared> {
    let mut best = Compared::Elsewhere;
    let mut claimed = None;
    for film in films {
        let film = film?;
        if is_same(film, clip)? {
            return Ok(Compared::Same);
        }
        let claimed = match &claimed {
            Some(claimed) => claimed,
            None => claimed.insert(tracks(clip)?),
        };
        let known = tracks(film)?;
        let compared = alike(&known, claimed);
        let compared = compared.or_else(|what| outside(&known, claimed, what));
        let compared = compared.unwrap_or_else(|what| Compared::Differs { what });
        if compared.rank() <= best.rank() {
            best = compared;
        }
    }
    Ok(best)
}

/// Compares sample by sample, or says what is another.
fn alike(known: &[Track], claimed: &[Track]) -> Result<Compared, String> {
    if known.len() != claimed.len() {
        return Err(format!("it has {} tracks, the camera's film has {}", claimed.len(), known.len()));
    }
    let mut pairs = known.iter().zip(claimed);
    if let Some(at) = pairs.clone().position(|(mine, its)| !mine.track.decodes_like(&its.track)) {
        return Err(format!("track {} would be decoded with other parameters", at + 1));
    }
    let mut spans: Vec<(f64, f64)> = Vec::new();
    let mut is_whole = true;
    pairs.try_for_each(|(track, other)| {
        let what = other.what();
        let start = track.best_start(other).ok_or(format!("the first {what} is none of the camera's"))?;
        let alike = track.alike(other, start);
        if alike < other.hashes.len() {
            let (number, seconds) = (alike + 1, other.track.seconds(alike));
            return Err(format!(
                "{what} {number} of {}, at {seconds:.2} s, is not what the camera filmed after the one before it",
                other.hashes.len()
            ));
        }
        is_whole &= start == 0 && alike == track.hashes.len();
        if alike > 0 {
            spans.push((track.track.seconds(start), track.track.seconds(start + alike)));
        }
        Ok(())
    })?;
    let (from, to) = spans.first().copied().ok_or("there is nothing in it")?;
    if spans.iter().any(|(begins, _)| (begins - from).abs() > APART_SECONDS) {
        return Err("its sound is of another moment than its pictures".to_owned());
    }
    Ok(if is_whole { Compared::Rewrapped } else { Compared::Part { from, to } })
}

/// What is not alike, where the clip lies wholly or partly outside the film: by the pictures, which hardly
/// ever repeat; silence does. An error that says what, where the film has something else in its place.
fn outside(known: &[Track], claimed: &[Track], what: String) -> Result<Compared, String> {
    let is_comparable = known.len() == claimed.len()
        && known.iter().zip(claimed).all(|(mine, its)| mine.track.decodes_like(&its.track));
    let is_picture = |(mine, _): &(&Track, &Track)| matches!(mine.track.kind, TrackKind::Video { .. });
    let picture = known.iter().zip(claimed).find(is_picture).or_else(|| known.iter().zip(claimed).next());
    let Some((film, clip)) = picture.filter(|_| is_comparable) else { return Err(what) };
    let overlaps = film.overlaps(clip);
    let Some((film_at, clip_at, alike)) = overlaps.iter().copied().max_by_key(|(.., alike)| *alike) else {
        let keys = |track: &Track| -> BTreeSet<Hash> {
            let samples = track.hashes.iter().zip(&track.track.samples);
            samples.filter(|(_, sample)| sample.is_sync).map(|(hash, _)| *hash).collect()
        };
        return if keys(film).is_disjoint(&keys(clip)) { Ok(Compared::Elsewhere) } else { Err(what) };
    };
    // A whole clip in its place: then something else is not alike.
    if alike == clip.hashes.len() {
        return Err(what);
    }
    let shift = clip.track.seconds(clip_at) - film.track.seconds(film_at);
    let (from, to) = (clip.track.seconds(clip_at), clip.track.seconds(clip_at + alike));
    let is_there = |(mine, its): (&Track, &Track)| {
        let mut places = mine.overlaps(its).into_iter();
        places.any(|(at, its_at, _)| {
            (its.track.seconds(its_at) - mine.track.seconds(at) - shift).abs() <= APART_SECONDS
        })
    };
    let mut others = known.iter().zip(claimed).filter(|pair| !is_picture(pair));
    match to - from <= APART_SECONDS || others.all(is_there) {
        true => Ok(Compared::Beyond { from, to }),
        false => Err("its sound is not what the camera recorded with these pictures".to_owned()),
    }
}

/// Whether the two files have the same bytes.
fn is_same(one: &mut File, other: &mut File) -> anyhow::Result<bool> {
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    one.seek(SeekFrom::Start(0))?;
    other.seek(SeekFrom::Start(0))?;
    let (mut one, mut other) = (BufReader::new(one), BufReader::new(other));
    let (mut mine, mut its) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let read = one.read(&mut mine)?;
        if read == 0 {
            return Ok(true);
        }
        other.read_exact(&mut its[..read])?;
        if mine[..read] != its[..read] {
            return Ok(false);
        }
    }
}

/// One track of a film, with the hash of each sample.
struct Track {
    track: PlainTrack,
    hashes: Vec<Hash>,
}

fn tracks(file: &mut File) -> anyhow::Result<Vec<Track>> {
    let plain = Plain::parse(&moov(file)?).context("it is no plain MP4")?;
    let mut reader = BufReader::new(file);
    let hashed = |track: PlainTrack| {
        let hashes = track.samples.iter().map(|sample| hash(&mut reader, sample));
        Ok(Track { hashes: hashes.collect::<anyhow::Result<_>>()?, track })
    };
    plain.tracks.into_iter().map(hashed).collect()
}

fn hash(file: &mut BufReader<&mut File>, sample: &PlainSample) -> anyhow::Result<Hash> {
    if sample.size > SAMPLE_MAX {
        bail!("a sample of {} bytes is over the limit of {SAMPLE_MAX}", sample.size);
    }
    file.seek(SeekFrom::Start(sample.at))?;
    let mut bytes = vec![0; sample.size as usize];
    file.read_exact(&mut bytes).context("a sample lies outside the file")?;
    Ok(Hash::of(&[&bytes]))
}

/// The moov box of a file.
fn moov(file: &mut File) -> anyhow::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    let mut at = 0;
    while at < length {
        file.seek(SeekFrom::Start(at))?;
        let mut head = [0; 8];
        file.read_exact(&mut head).context("the file ends inside a box")?;
        let [a, b, c, d, kind @ ..] = head;
        let size = match u32::from_be_bytes([a, b, c, d]) {
            0 => length - at,
            1 => {
                let mut large = [0; 8];
                file.read_exact(&mut large).context("the file ends inside a box")?;
                u64::from_be_bytes(large)
            }
            size => size.into(),
        };
        if size < 8 || size > length - at {
            bail!("a box goes beyond the file: this is no MP4");
        }
        if kind == *b"moov" {
            if size > MOOV_MAX as u64 {
                bail!("its index is over the limit of {MOOV_MAX} bytes");
            }
            file.seek(SeekFrom::Start(at))?;
            let mut moov = Vec::new();
            file.by_ref().take(size).read_to_end(&mut moov)?;
            return Ok(moov);
        }
        at += size;
    }
    bail!("it has no index (moov): this is no MP4")
}

impl Track {
    /// Where in this one the other begins: where most of it is alike. A still scene repeats itself.
    fn best_start(&self, other: &Self) -> Option<usize> {
        let Some(first) = other.hashes.first() else { return Some(0) };
        let starts = self.hashes.iter().enumerate().filter(|(_, hash)| *hash == first).map(|(at, _)| at);
        let mut best = None;
        for start in starts {
            let alike = self.alike(other, start);
            if best.is_none_or(|(most, _)| alike > most) {
                best = Some((alike, start));
            }
            // No later one can be better, and a still scene has as many starts as samples.
            if alike == other.hashes.len() {
                break;
            }
        }
        best.map(|(_, start)| start)
    }

    /// Where the two overlap so that neither contradicts the other: places in this one and in the other, and
    /// how many samples are alike from there, up to the end of one of them. One of the places is the
    /// beginning.
    fn overlaps(&self, other: &Self) -> Vec<(usize, usize, usize)> {
        let places = |of: &Self, first: Option<&Hash>| -> Vec<usize> {
            let hashes = of.hashes.iter().enumerate();
            hashes.filter(|(_, hash)| Some(*hash) == first).map(|(at, _)| at).collect()
        };
        let (mine, its) = (self.hashes.len(), other.hashes.len());
        let from_its_start = places(self, other.hashes.first()).into_iter().map(|at| {
            let alike = self.alike(other, at);
            (at, 0, alike)
        });
        let from_my_start = places(other, self.hashes.first()).into_iter().map(|at| {
            let alike = other.alike(self, at);
            (0, at, alike)
        });
        let reaches_an_end =
            |(at, its_at, alike): &(usize, usize, usize)| at + alike == mine || its_at + alike == its;
        from_its_start.chain(from_my_start).filter(reaches_an_end).collect()
    }

    /// How many samples of the other are this one's from `start` on: bytes, order and times. How long
    /// the last one stands, another file may say otherwise.
    fn alike(&self, other: &Self, start: usize) -> usize {
        let mine = self.hashes.iter().zip(&self.track.samples).skip(start);
        let its = other.hashes.iter().zip(&other.track.samples);
        let last = other.hashes.len().saturating_sub(1);
        let us = |track: &PlainTrack, ticks: i64| i128::from(ticks) * 1_000_000 / i128::from(track.timescale);
        // Another file may count from decoding to showing from another zero.
        let zero =
            |track: &PlainTrack, at: usize| track.samples.get(at).map_or(0, |sample| sample.composition);
        let zeros = (zero(&self.track, start), zero(&other.track, 0));
        let near = |mine: i64, its: i64| us(&self.track, mine).abs_diff(us(&other.track, its)) <= 1_000;
        mine.zip(its)
            .enumerate()
            .take_while(|(at, ((hash, sample), (other_hash, other_sample)))| {
                let lasts = near(sample.duration.into(), other_sample.duration.into());
                let (mine, its) = (sample.composition - zeros.0, other_sample.composition - zeros.1);
                hash == other_hash
                    && sample.is_sync == other_sample.is_sync
                    && (lasts || *at == last)
                    && near(mine, its)
            })
            .count()
    }

    fn what(&self) -> &'static str {
        match self.track.kind {
            TrackKind::Video { .. } => "picture",
            TrackKind::Audio => "piece of sound",
            TrackKind::Other => "sample",
        }
    }
}

#[cfg(test)]
mod tests;
