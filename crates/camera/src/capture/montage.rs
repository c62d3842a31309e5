//! Pictures and sound of a live camera, each with its stamp and its arrival, into pieces of a film
//! that say when their first picture was made. Sans I/O: time is an argument, in microseconds of the
//! steady clock.
//!
//! ```text
//! picture -> timing: held until it has settled -> muxer -> Shot::Piece
//! sound   -> timing of its own -> track: what is late is left out, what is missing is silence -> muxer
//! ```
//! In scope: what a run is, holes, what is said of them. Out of scope: packets (`rtsp`), clocks
//! (`timing`), when a source is given up (`shoot`).

mod track;

use super::units::Unit;
use crate::timing::{Oddity, Timing};
use container::BoxError;
use container::mux::{Muxed, Muxer, Parameters, Picture, Sound, TICKS};
use container::split::Piece;
use container::sps::Sps;
use std::collections::VecDeque;
use track::SoundTrack;

/// The most that is held until times have settled, bytes.
const HELD_MAX: usize = 16 << 20;
/// What a picture takes beside its data, about.
const HELD_BESIDE: usize = 256;
/// Among so many of the first that are held it is seen how a camera orders them.
const ORDERED: usize = 64;
/// Pictures that lie further apart than this, and than some of the usual distance, are a hole.
const HOLE_US: i64 = 2_000_000;
const HOLE_USUAL: i64 = 4;
/// How far pictures are taken to lie apart before two were seen.
const APART_US: i64 = 100_000;
/// A key frame is waited for so long before that is said.
const KEY_PATIENCE_US: i64 = 3_000_000;

/// What comes out.
#[derive(Debug)]
pub(crate) enum Shot {
    /// An init segment or a fragment, and when its first picture was made.
    Piece(Piece, Option<u64>),
    /// Pictures are missing before what comes next.
    Hole,
    Remark(Remark),
}

/// What is odd, and costs no picture.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Remark {
    /// Pictures come, and no key frame for so many seconds; none once it is there.
    AwaitsKey(Option<u64>),
    /// Key frames come, and for so many seconds no parameter sets for them that can be read.
    AwaitsSets(u64),
    /// What is wrong with its sound; none once nothing is.
    Sound(Option<String>),
    /// What its clock showed, microseconds since 1970, when our steady one showed that.
    Clock {
        theirs_us: i64,
        at_us: i64,
    },
    Odd(Oddity),
}

/// One reading of a camera.
pub(crate) struct Montage {
    /// The newest parameter sets.
    parameters: Parameters,
    timing: Timing,
    held: VecDeque<HeldUnit>,
    held_bytes: usize,
    run: Option<OpenRun>,
    sound: Option<SoundTrack>,
    /// Since when pictures come of which no run can begin.
    keyless: Option<Keyless>,
    out: VecDeque<Shot>,
}

struct Keyless {
    since: i64,
    /// What was said of it last.
    said: u64,
    has_keys: bool,
}

struct HeldUnit {
    unit: Unit,
    media: i64,
    apart: i64,
    /// How far pictures usually lay apart before it, if two were seen.
    usual: Option<i64>,
}

struct OpenRun {
    muxer: Muxer,
    /// The run's zero in the timing's time.
    zero: i64,
    sps: Sps,
    /// The parameter sets of its init segment.
    sets: Vec<Vec<u8>>,
}

impl Montage {
    pub(crate) fn new(parameters: Parameters, sound: Option<Sound>) -> Self {
        Self {
            parameters,
            timing: Timing::default(),
            held: VecDeque::new(),
            held_bytes: 0,
            run: None,
            sound: sound.map(SoundTrack::new),
            keyless: None,
            out: VecDeque::new(),
        }
    }

    pub(crate) fn next(&mut self) -> Option<Shot> {
        self.out.pop_front()
    }

    pub(crate) fn remark(&mut self, said: Remark) {
        self.out.push_back(Shot::Remark(said));
    }

    /// What the newest parameter sets say.
    pub(crate) fn sps(&self) -> Option<Sps> {
        self.parameters.sps()
    }

    /// A picture came. How far from the one before, microseconds.
    pub(crate) fn picture(&mut self, unit: Unit) -> Result<i64, BoxError> {
        let now = unit.arrived;
        let seen = self.timing.see(us(unit.stamp, TICKS), now);
        if let Some(oddity) = seen.oddity {
            self.out.push_back(Shot::Remark(Remark::Odd(oddity)));
        }
        if seen.oddity == Some(Oddity::OffPace) {
            for held in &mut self.held {
                held.apart = APART_US;
                held.media = seen.media - (now - held.unit.arrived);
            }
        }
        if unit.lacks && !unit.is_key && self.run.is_none() {
            // A server may begin with a key frame that it kept, behind which all was lost: what follows
            // shows nothing that was.
            self.held.clear();
            self.held_bytes = 0;
        }
        self.held_bytes += size(&unit);
        self.held.push_back(HeldUnit { unit, media: seen.media, apart: seen.apart, usual: seen.usual });
        if self.held_bytes > HELD_MAX {
            self.timing.settle();
        }
        self.tick(now)?;
        Ok(seen.apart)
    }

    /// A packet of sound came whose stamp says this, microseconds. Its time, by which its frames are
    /// given.
    pub(crate) fn hear(&mut self, stamp_us: i64, arrived: i64) -> i64 {
        self.sound.as_mut().map_or(0, |track| track.hear(stamp_us, arrived))
    }

    /// A frame of sound of this time.
    pub(crate) fn sound(&mut self, frame: Vec<u8>, at: i64) {
        if let Some(track) = &mut self.sound {
            track.take(frame, at);
        }
    }

    /// Why its sound cannot be carried now, if it cannot.
    pub(crate) fn deaf(&mut self, why: Option<String>) {
        let said = self.sound.as_mut().and_then(|track| track.deaf(why));
        self.out.extend(said.map(Shot::Remark));
    }

    /// The camera said what its clock showed at a stamp of its pictures.
    pub(crate) fn clock(&mut self, theirs_us: i64, stamp: i64) {
        if let Some(media) = self.timing.placed(us(stamp, TICKS)) {
            let at_us = self.timing.made(media);
            self.out.push_back(Shot::Remark(Remark::Clock { theirs_us, at_us }));
        }
    }

    /// It is this late.
    pub(crate) fn tick(&mut self, now: i64) -> Result<(), BoxError> {
        if !self.timing.is_settled(now) {
            return Ok(());
        }
        while let Some(held) = self.held.pop_front() {
            self.held_bytes -= size(&held.unit);
            self.film(held)?;
        }
        Ok(())
    }

    /// When it wants to be told how late it is.
    pub(crate) fn wakes_at(&self) -> Option<i64> {
        self.timing.settles_at()
    }

    /// Nothing more comes: what is held goes out.
    pub(crate) fn finish(&mut self) -> Result<(), BoxError> {
        self.timing.settle();
        self.tick(0)?;
        self.break_off(self.timing.usual().unwrap_or(APART_US))
    }

    fn film(&mut self, held: HeldUnit) -> Result<(), BoxError> {
        let HeldUnit { mut unit, media, apart, usual } = held;
        if let Some(usual) = usual
            && self.run.is_some()
            && apart > HOLE_US.max(usual * HOLE_USUAL)
        {
            self.break_off(usual)?;
            self.out.push_back(Shot::Hole);
        }
        if !unit.sets.is_empty() {
            self.parameters.learn(&unit.sets);
        }
        if unit.is_key {
            self.begin_run_if_changed(media, unit.arrived)?;
        }
        let Some(run) = &mut self.run else {
            self.await_key(&unit);
            return Ok(());
        };
        if unit.is_key && unit.sets.is_empty() && run.sets != self.parameters.sets {
            // Its sets came before it, and differ from the init segment's.
            let sets = self.parameters.sets.iter().flat_map(|set| length_and(set));
            unit.data = sets.chain(unit.data).collect();
        }
        self.timing.correct(media, unit.is_key);
        // What is shown before the first picture cannot be decoded.
        let Some(shown) = ticks(media - run.zero) else { return Ok(()) };
        if let Some(track) = &mut self.sound {
            track.lay(&mut run.muxer, self.timing.made(run.zero));
        }
        let muxed = run.muxer.picture(Picture { shown, is_key: unit.is_key, data: unit.data })?;
        self.give(muxed);
        Ok(())
    }

    fn begin_run_if_changed(&mut self, media: i64, now: i64) -> Result<(), BoxError> {
        let Some(sps) = self.parameters.sps() else { return Ok(()) };
        if self.run.as_ref().is_some_and(|run| run.sps.is_like(&sps)) {
            return Ok(());
        }
        let usual = self.timing.usual().unwrap_or(APART_US);
        self.break_off(usual)?;
        let format = self.sound.as_ref().map(SoundTrack::format);
        let reordered = self.reordered();
        let muxer = Muxer::new(&self.parameters, format, reordered, ticks(usual).unwrap_or(1))?;
        if let Some(track) = &mut self.sound {
            track.begin(now);
        }
        self.out.push_back(Shot::Piece(Piece::Init(Box::new(muxer.init().clone())), None));
        if self.keyless.take().is_some_and(|keyless| keyless.said > 0) {
            self.out.push_back(Shot::Remark(Remark::AwaitsKey(None)));
        }
        self.run = Some(OpenRun { muxer, zero: media, sps, sets: self.parameters.sets.clone() });
        Ok(())
    }

    /// How many pictures, of those that are held, are shown before one that came before them.
    fn reordered(&self) -> usize {
        let media: Vec<i64> = self.held.iter().take(ORDERED).map(|held| held.media).collect();
        let later =
            |(at, shown): (usize, &i64)| media.iter().take(at).filter(|before| *before > shown).count();
        media.iter().enumerate().map(later).max().unwrap_or(0)
    }

    fn await_key(&mut self, unit: &Unit) {
        let now = unit.arrived;
        let keyless = self.keyless.get_or_insert(Keyless { since: now, said: 0, has_keys: false });
        keyless.has_keys |= unit.is_key;
        let secs = u64::try_from((now - keyless.since) / 1_000_000).unwrap_or(0);
        if now - keyless.since >= KEY_PATIENCE_US && secs > keyless.said {
            keyless.said = secs;
            let said =
                if keyless.has_keys { Remark::AwaitsSets(secs) } else { Remark::AwaitsKey(Some(secs)) };
            self.out.push_back(Shot::Remark(said));
        }
    }

    /// What was held back goes out: nothing follows it for now.
    fn break_off(&mut self, usual: i64) -> Result<(), BoxError> {
        let Some(run) = &mut self.run else { return Ok(()) };
        let muxed = run.muxer.flush(ticks(usual).unwrap_or(1))?;
        self.give(muxed);
        Ok(())
    }

    fn give(&mut self, muxed: Option<Muxed>) {
        let (Some(Muxed { fragment, shown }), Some(run)) = (muxed, &mut self.run) else { return };
        let media = run.zero + us(i64::try_from(shown).unwrap_or(0), TICKS);
        let made = u64::try_from(self.timing.made(media)).unwrap_or(0);
        if let Some(track) = &mut self.sound {
            let until = media - run.zero + i64::try_from(fragment.duration_us).unwrap_or(0);
            track.catch_up(&mut run.muxer, until);
            if let Some(said) = track.trouble(self.timing.made(run.zero + until)) {
                self.out.push_back(Shot::Remark(said));
            }
        }
        self.out.push_back(Shot::Piece(Piece::Fragment(fragment), Some(made)));
    }
}

/// What a picture that is held takes, about.
fn size(unit: &Unit) -> usize {
    unit.data.len() + unit.sets.iter().map(Vec::len).sum::<usize>() + HELD_BESIDE
}

fn length_and(set: &[u8]) -> Vec<u8> {
    [&u32::try_from(set.len()).unwrap_or(0).to_be_bytes()[..], set].concat()
}

/// Microseconds to ticks of pictures; none before zero.
fn ticks(us: i64) -> Option<u64> {
    u64::try_from(us).ok().map(|us| (us * 9 + 50) / 100)
}

/// Ticks to microseconds.
pub(super) fn us(ticks: i64, rate: u32) -> i64 {
    let us = i128::from(ticks) * 1_000_000 / i128::from(rate.max(1));
    i64::try_from(us).unwrap_or(0)
}

#[cfg(test)]
mod tests;
