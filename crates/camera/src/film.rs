//! Filming: a source's fragments are cut, sealed, and kept; the publisher reads along and is never
//! waited for. Sans I/O but for the spool, on whose disk it may wait: it runs on a thread of its
//! own.
//!
//! ```text
//! fragment -> segmenter: within, or a new segment -> epoch: the open one, or a new one -> sealer -> live -> spool -> signed end
//! ```
//!
//! A camera that films events only holds fragments back before that (`events`). What cannot be
//! filmed under the rules is not filmed, and the next close says that something is missing.

mod moving;
mod opening;

use crate::clock::{Belief, FootageClock, Moment, Set};
use crate::config::Config;
use crate::epochs::Epoch;
use crate::events::{Events, Taken, Verdict};
use crate::filming::{Mode, Trigger};
use crate::heard::{Heard, Sensed};
use crate::live::{self, LiveWriter};
use crate::notices::PastDay;
use crate::occasion::Occasions;
use crate::segmenter::{Cut, Segmenter};
use crate::spool::SpoolError;
use crate::state::Handover;
use container::fragment::Fragment;
use container::split::Piece;
use ed25519_dalek::SigningKey;
use escrow::share::ShareError;
use host::rng::Rng;
use media::block::Block;
use media::enrollment::ObjectError;
use media::epoch::{EpochClose, GapReason};
use media::id::{CameraId, Day, Sequence};
use media::motion::{Event, Motion};
use media::segment::{SegmentHeader, Start};
use media::time::Micros;
use seal::epoch::Pool;
use seal::sealer::{SealError, SegmentHead, SegmentSealer};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Why there is no picture now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FilmError {
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error("the seed could not be shared: {0}")]
    Share(#[from] ShareError),
    #[error("waiting some seconds for the keys of {}", missing.join(", "))]
    AwaitsKeys { missing: Vec<String> },
    #[error(transparent)]
    Day(#[from] PastDay),
    #[error("the picture cannot be sealed: {0}; use shorter fragments or a lower bit rate")]
    Seal(#[from] SealError),
    #[error(
        "its owner has retired this camera: nothing is filmed. To film again make a new one (`candor camera init`, with another folder in `data`) and pair it"
    )]
    Retired,
    #[error("the owner's policy in the camera's state does not hold: {0}; make and pair a new camera")]
    Policy(#[from] ObjectError),
}

pub(crate) struct Film {
    camera: SigningKey,
    camera_id: CameraId,
    spool_bytes: u64,
    handover: Arc<Handover>,
    pool: Pool,
    rng: Rng,
    clock: FootageClock,
    /// The day at which the notice chain stood when an epoch opened last.
    chain_day: Option<Day>,
    segmenter: Segmenter,
    pad_to_bytes: Option<u32>,
    /// If it films events only.
    events: Option<Events>,
    run: Option<Run>,
    epoch: Option<Epoch>,
    segment: Option<OpenSegment>,
    /// Whether it was said why there is no picture, and none was filmed since.
    has_trouble: bool,
    /// Whether the newest whole segment could be kept.
    is_kept: bool,
    last_start_us: Micros,
    /// The size of the newest whole segment: so much room the next one needs, more or less.
    last_len: u64,
    /// Why footage is missing before what comes next. It closes the epoch, so that the next one
    /// says it.
    gap: GapReason,
    /// By the steady clock of the fragment at hand.
    steady_us: u64,
    /// Until when, by the steady clock, the first epoch waits for the trustees' keys.
    keys_by_us: Option<u64>,
    /// The keys that were looked at last for one that the epoch being filmed lacks, and their day.
    seen_keys: Option<(Day, KeptKeys)>,
    /// What became known to have moved since the last segment began.
    motion: Motion,
    occasions: Occasions,
    trigger: Trigger,
    /// What the filmed camera said last.
    sensed: Sensed,
    /// When what came broke off last, by the steady clock.
    cut_us: u64,
    /// The fragment at hand, by the time of footage.
    footage: Moment,
}

/// Trustees' keys of a day as the spool keeps them, in the order of shares.
type KeptKeys = Vec<Option<(u64, Vec<u8>)>>;

struct Run {
    number: u32,
    init: Vec<u8>,
    codecs: String,
}

struct OpenSegment {
    sealer: SegmentSealer,
    writer: LiveWriter,
    sequence: Sequence,
    bytes: Vec<u8>,
    duration_us: u64,
}

impl Film {
    pub(crate) fn new(camera: SigningKey, config: &Config, handover: Arc<Handover>, rng: Rng) -> Self {
        let (filming, relay_time) = (&config.filming, handover.relay_time.clone());
        Self {
            camera_id: CameraId::of_key(camera.verifying_key().as_bytes()),
            occasions: moving::occasions(filming, &handover),
            camera,
            spool_bytes: config.spool_bytes,
            handover,
            pool: Pool::new(rng.bytes()),
            rng,
            clock: FootageClock::new(relay_time),
            chain_day: None,
            segmenter: Segmenter::default(),
            pad_to_bytes: filming.pad_to_bytes,
            events: (filming.mode == Mode::Events).then(|| Events::new(filming.events)),
            run: None,
            epoch: None,
            segment: None,
            has_trouble: false,
            is_kept: true,
            last_start_us: Micros(0),
            last_len: 0,
            gap: GapReason::Restart,
            steady_us: 0,
            keys_by_us: None,
            seen_keys: None,
            motion: Motion::default(),
            trigger: filming.trigger,
            sensed: Sensed::Nothing,
            cut_us: 0,
            footage: Moment { wall_us: Micros(0), steady_us: 0 },
        }
    }

    /// Films what is heard until nothing more comes, then closes the open segment. Blocks.
    pub(crate) fn run(mut self, mut heard: mpsc::Receiver<Heard>) {
        while let Some(heard) = heard.blocking_recv() {
            self.handle(heard);
        }
        self.end_segment();
    }

    pub(crate) fn handle(&mut self, heard: Heard) {
        let filmed = match heard {
            Heard::Piece(Piece::Init(init), _) => {
                let (init, codecs) = (init.bytes().to_vec(), init.codecs().to_owned());
                self.begin_run(init, codecs)
            }
            Heard::Piece(Piece::Fragment(fragment), now) => self.fragment(fragment, now),
            Heard::Lost => {
                self.has_trouble = true;
                return self.interrupt(GapReason::Source);
            }
            Heard::Off(gap) => {
                self.sensed = Sensed::Nothing;
                if let Some(events) = &mut self.events {
                    events.rest();
                }
                self.interrupt(gap);
                return self.handover.stats.change(|now| now.rests = Some(gap));
            }
            Heard::Motion(measured) => return self.moved(&measured),
            Heard::Sensed(sensed, now) => return self.sensed(sensed, now),
        };
        let Err(error) = filmed else { return };
        // Said once for each trouble, not for each key frame at which it is still there.
        let text = error.to_string();
        if self.handover.stats.now().troubles.picture.as_ref() != Some(&text) {
            tracing::warn!(%error, "nothing is filmed");
        }
        self.handover.stats.change(|now| now.troubles.picture = Some(text));
        self.has_trouble = true;
        let is_full = matches!(error, FilmError::Spool(SpoolError::Full));
        self.interrupt(if is_full { GapReason::SpoolOverflow } else { GapReason::Restart });
    }

    fn begin_run(&mut self, init: Vec<u8>, codecs: String) -> Result<(), FilmError> {
        self.break_off();
        self.run = None;
        let number = self.handover.spool().begin_run()?;
        tracing::info!(run = number, codecs, "a run begins");
        self.run = Some(Run { number, init, codecs });
        Ok(())
    }

    fn fragment(&mut self, fragment: Fragment, now: Moment) -> Result<(), FilmError> {
        self.handover.stats.change(|now| now.rests = None);
        self.steady_us = now.steady_us;
        let day = match self.chain_day {
            Some(day) => day,
            None => self.handover.spool().notices()?.day,
        };
        self.chain_day = Some(day);
        let (now_us, set) = self.clock.read(now, day);
        self.footage = Moment { wall_us: now_us, steady_us: now.steady_us };
        self.tell_of_the_clock();
        let doubted = self.clock.belief() == Belief::Doubted;
        let doubted = doubted.then_some(self.footage);
        self.handover.stats.change(|it| it.doubted = doubted);
        if set == Set::Yes {
            tracing::warn!("the wall clock was set: a new run and a new epoch begin");
            self.interrupt(GapReason::ClockStep);
            self.last_start_us = Micros(0);
            if let Some(run) = self.run.take() {
                self.begin_run(run.init, run.codecs)?;
            }
        }
        let fragment = match self.pad_to_bytes {
            Some(step) => fragment.padded(step),
            None => fragment,
        };
        let cut = self.segmenter.handle(&fragment);
        // SPEC: segment.md#motion: each score stands in one head, that of the next segment.
        let motion = match cut {
            Cut::Skip => return Ok(()),
            Cut::Within => Motion::default(),
            Cut::Before(_) => std::mem::take(&mut self.motion),
        };
        let taken = Taken { fragment, cut, now_us, motion };
        let verdict = match &mut self.events {
            Some(events) => events.handle(taken, now.steady_us),
            None => Verdict { is_gone: false, film: vec![taken] },
        };
        let holds_back = verdict.film.is_empty();
        if holds_back {
            // Nothing moves any more: the last segment of the event ends here.
            self.end_segment();
        }
        // The source is back; if it is filmed, that is said when a segment begins.
        let is_back = std::mem::take(&mut self.has_trouble) && holds_back;
        self.handover.stats.change(|it| {
            (it.picture_us, it.holds_back) = (Some(now.steady_us), holds_back);
            it.troubles.picture = it.troubles.picture.take().filter(|_| !is_back);
        });
        if verdict.is_gone {
            self.note_gap(GapReason::NothingMoved);
        }
        verdict.film.into_iter().try_for_each(|taken| self.seal(&taken))
    }

    /// Says once how far the clock is believed.
    fn tell_of_the_clock(&mut self) {
        let said = match self.clock.belief() {
            Belief::Agreed => None,
            Belief::Unconfirmed => Some(
                "the clock is unconfirmed until the relay is reached: no day's notice is given out before",
            ),
            Belief::Doubted => Some(
                "the clock leapt, and the relay's does not agree: filming goes on by the time before; set the clock",
            ),
        };
        self.handover.stats.change(|now| {
            if now.troubles.time.as_deref() != said {
                if let Some(said) = said {
                    tracing::warn!("{said}");
                }
                now.troubles.time = said.map(str::to_owned);
            }
        });
    }

    fn seal(&mut self, taken: &Taken) -> Result<(), FilmError> {
        let Taken { fragment, cut, now_us, motion } = taken;
        let now_us = *now_us;
        if let Cut::Before(start) = *cut {
            self.end_segment();
            // It was complete now; its first picture was taken one duration ago.
            let first_us = now_us.before(Duration::from_micros(fragment.duration_us));
            self.begin_segment(start, first_us.max(self.last_start_us), *motion)?;
        }
        let Some(open) = &mut self.segment else { return Ok(()) };
        let sealed = open.sealer.fragment(now_us, fragment.bytes(), &mut self.rng)?;
        open.duration_us += fragment.duration_us;
        open.bytes.extend_from_slice(&sealed);
        open.writer.append(sealed);
        Ok(())
    }

    fn begin_segment(&mut self, start: Start, start_us: Micros, motion: Motion) -> Result<(), FilmError> {
        let Some(run) = &self.run else { return Ok(()) };
        // Before an epoch opens for it: while there is no room, none does.
        if !self.handover.spools.lock().can_hold(self.handover.track, self.last_len, self.spool_bytes) {
            return Err(SpoolError::Full.into());
        }
        let (number, codecs, init) = (run.number, run.codecs.clone(), run.init.clone());
        let fits = self.epoch.as_ref().is_some_and(|epoch| epoch.holds(start_us));
        if !fits || self.gap != GapReason::None || self.has_given_way()? || self.gains_a_share()? {
            self.open_epoch(start_us)?;
        }
        let (mut sequence, waiting) = {
            let spool = self.handover.spool();
            (spool.next_sequence()?, u32::try_from(spool.segments.count()).unwrap_or(u32::MAX))
        };
        // Numbers may go on in another block at any moment: a segment's is of its epoch's.
        let block = self.epoch.as_ref().map(|epoch| Block::of_epoch(epoch.open.context.epoch_no));
        if block != Some(Block::of_segment(sequence)) {
            self.open_epoch(start_us)?;
            sequence = self.handover.spool().next_sequence()?;
        }
        let Some(epoch) = &self.epoch else { return Ok(()) };
        let header = SegmentHeader {
            camera_id: self.camera_id,
            track: self.handover.track,
            epoch_no: epoch.open.context.epoch_no,
            k: epoch.next_k,
            sequence,
            run: number,
            start_us,
            start,
        };
        // What the filmed camera says may be heard a moment after this began.
        let by =
            |event: Event| Event { from_us: event.from_us.min(start_us), to_us: event.to_us.min(start_us) };
        let motion = Motion { event: motion.event.map(by), ..motion };
        let head = SegmentHead { captured_us: start_us, motion, waiting, codecs, init };
        let (sealer, bytes) = SegmentSealer::start(&epoch.key, header, &head, &mut self.rng)?;
        let (writer, live) = live::begin(header.sequence, header.epoch_no, bytes.clone());
        self.last_start_us = start_us;
        self.segment = Some(OpenSegment { sealer, writer, sequence: header.sequence, bytes, duration_us: 0 });
        self.handover.begin(live);
        // What could not be kept is still wrong: that is over when one can.
        if self.is_kept {
            self.handover.stats.change(|now| now.troubles.picture = None);
        }
        Ok(())
    }

    /// Closes the open segment: signed, durable, and only then sent to its end.
    fn end_segment(&mut self) {
        let (Some(open), Some(epoch)) = (self.segment.take(), &mut self.epoch) else { return };
        let duration = u32::try_from(open.duration_us).unwrap_or(u32::MAX);
        let mut chain = epoch.chain;
        let trailer = open.sealer.finish(duration, &mut chain, &self.camera);
        let mut bytes = open.bytes;
        bytes.extend_from_slice(&trailer);
        self.last_len = bytes.len() as u64;
        let close = EpochClose { segments: epoch.next_k + 1, chain: chain.0, ..epoch.close(GapReason::None) };
        match keep(&self.handover, open.sequence, &bytes, &close, self.spool_bytes) {
            Ok(()) => {
                (epoch.chain, epoch.next_k) = (chain, close.segments);
                open.writer.end(trailer);
                let was_kept = std::mem::replace(&mut self.is_kept, true);
                self.handover.stats.change(|now| {
                    now.sent += 1;
                    now.troubles.picture = now.troubles.picture.take().filter(|_| was_kept);
                });
            }
            Err(error) => {
                tracing::error!(%error, "a segment was not kept");
                self.handover.stats.change(|now| now.troubles.picture = Some(error.to_string()));
                self.is_kept = false;
                drop(open.writer);
                self.handover.outbox.remove(open.sequence);
                // It never counted: what is missing is time, and the next close says why.
                self.gap = GapReason::SpoolOverflow;
            }
        }
    }

    /// What was filmed is kept; what comes next begins with a key frame, in an epoch whose
    /// predecessor's close says why something is missing.
    fn interrupt(&mut self, gap: GapReason) {
        self.break_off();
        self.note_gap(gap);
    }

    fn break_off(&mut self) {
        self.end_segment();
        self.segmenter.reset();
        // SPEC: segment.md#motion: what was measured before does not speak of what comes, and no event
        // MUST be carried over.
        self.motion = Motion::default();
        self.occasions.cut();
        self.cut_us = self.steady_us;
        if self.events.as_mut().is_some_and(Events::give_up) {
            self.note_gap(GapReason::NothingMoved);
        }
    }

    /// SPEC: segment.md#chain: of several reasons for one gap the camera names one.
    fn note_gap(&mut self, gap: GapReason) {
        let weight = |gap| match gap {
            GapReason::None => 0,
            GapReason::NothingMoved => 1,
            GapReason::Restart | GapReason::Source | GapReason::ClockStep => 2,
            GapReason::OutsideSchedule => 3,
            GapReason::Privacy => 4,
            GapReason::SpoolOverflow => 5,
            GapReason::IdentityConflict => 6,
        };
        if weight(gap) > weight(self.gap) {
            self.gap = gap;
        }
        // What comes next opens another epoch. Until then, which may be long, the camera keeps no
        // key to what it filmed.
        if self.segment.is_none() {
            self.epoch = None;
        }
    }
}

/// Makes a whole segment durable, at the cost of the oldest ones if there is no room.
fn keep(
    handover: &Handover,
    sequence: Sequence,
    bytes: &[u8],
    close: &EpochClose,
    limit: u64,
) -> Result<(), SpoolError> {
    let gone = {
        let mut spools = handover.spools.lock();
        let gone = spools.make_room(handover.track, bytes.len() as u64, limit)?;
        let spool = spools.of_mut(handover.track);
        spool.keep_segment(sequence, bytes, close)?;
        if spool.is_disputed(close.epoch_no)? {
            let why = spool.why_let_go(close.epoch_no)?;
            spool.set_aside(sequence, why)?;
            handover.outbox.remove(sequence);
        }
        gone
    };
    if let Some((track, first)) = gone.first() {
        tracing::warn!(
            track = track.0,
            first = first.0,
            segments = gone.len(),
            "the spool is full: the oldest segments went"
        );
    }
    for (track, sequence) in gone {
        if let Some(handover) = handover.of(track) {
            handover.outbox.remove(sequence);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
