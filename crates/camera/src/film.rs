//! The loop that films: a source's fragments are cut, sealed and spooled, and offered to the publisher as they are made.
//!
//! What the publisher does not take at once (the channel is full, the relay is away) is not lost: the segment is in the spool, and is sent
//! from there.

use crate::capture::{Capture, SourceError};
use crate::epochs::{Epoch, EpochError, Opening};
use crate::segmenter::{Cut, Segmenter};
use crate::spool::{Pairing, Spool, SpoolError};
use crate::{Config, Stats, lock};
use container::fragment::Fragment;
use container::split::Piece;
use ed25519_dalek::SigningKey;
use escrow::daykeys::DayKey;
use escrow::deal::TrusteeId;
use host::http::Retry;
use host::rng::OsRng;
use host::shutdown::Shutdown;
use media::epoch::{EpochClose, GapReason};
use media::id::{CameraId, Day, Sequence, TrackId};
use media::notice::DayNotice;
use media::policy::{OwnerPolicy, SignedOwnerPolicy};
use media::segment::{SegmentHeader, Start};
use seal::epoch::Pool;
use seal::notice::NoticeRoot;
use seal::sealer::{SealError, SegmentHead, SegmentSealer};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tlog::note::Verifier;
use tokio::sync::mpsc;

/// Between two tries to start a source.
const SOURCE_AWAY: Retry =
    Retry { tries: u32::MAX, first_pause: Duration::from_secs(1), longest_pause: Duration::from_secs(30) };
/// A wall clock that goes back by more than this has been set.
const CLOCK_STEP_US: u64 = 1_000_000;

/// What the publisher is told. All of it stands in the spool, or will.
#[derive(Debug)]
pub(crate) enum Event {
    /// An epoch opened: its EpochOpen goes to the relay before any segment of it.
    Opened,
    /// A segment begins with these bytes, and goes on with those of [`Event::More`].
    Begun(Sequence, Vec<u8>),
    More(Sequence, Vec<u8>),
    /// The segment is whole, and in the spool.
    Kept(Sequence),
}

/// Why there is no picture now.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilmError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Epoch(#[from] EpochError),
    #[error("the picture cannot be sealed: {0}")]
    Seal(#[from] SealError),
    #[error("the owner's policy in the camera's state does not hold: {0}")]
    Policy(String),
    #[error("the camera's clock is before the day on which it was paired; set it right")]
    ClockBeforePairing,
}

pub(crate) struct Film {
    config: Config,
    identity: SigningKey,
    pairing: Pairing,
    spool: Arc<Mutex<Spool>>,
    events: mpsc::Sender<Event>,
    stats: Stats,
    pool: Pool,
    segmenter: Segmenter,
    run: Option<Run>,
    epoch: Option<Epoch>,
    segment: Option<Open>,
    last_start_us: u64,
    noticed: Option<Day>,
    /// Why footage is missing before what comes next; a new epoch's close record says so.
    gap: GapReason,
    /// The gap is here: the next segment opens a new epoch.
    must_reopen: bool,
}

struct Run {
    number: u32,
    init: Vec<u8>,
    codecs: String,
}

struct Open {
    sealer: SegmentSealer,
    sequence: Sequence,
    bytes: Vec<u8>,
    duration_us: u64,
    /// The publisher has all of it so far.
    is_live: bool,
}

impl Film {
    pub(crate) fn new(
        config: Config,
        identity: SigningKey,
        pairing: Pairing,
        spool: Arc<Mutex<Spool>>,
        events: mpsc::Sender<Event>,
        stats: Stats,
    ) -> Self {
        Self {
            config,
            identity,
            pairing,
            spool,
            events,
            stats,
            pool: Pool::new(host::rng::bytes()),
            segmenter: Segmenter::default(),
            run: None,
            epoch: None,
            segment: None,
            last_start_us: 0,
            noticed: None,
            gap: GapReason::Restart,
            must_reopen: false,
        }
    }

    /// Films until `stop`, then closes the open segment.
    pub(crate) async fn run(mut self, stop: Shutdown) {
        let mut tries = 1;
        while !stop.is_requested() {
            let ended = tokio::select! {
                ended = self.film(&mut tries) => ended,
                () = stop.requested() => break,
            };
            let Err(error) = ended else { continue };
            tracing::warn!(%error, "no picture");
            self.stats.set_trouble(Some(error.to_string()));
            self.interrupt(GapReason::Source).await;
            tries += 1;
            let pause = SOURCE_AWAY.pause_before(tries, &mut OsRng).unwrap_or(SOURCE_AWAY.longest_pause);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.requested() => break,
            }
        }
        if let Err(error) = self.end_segment().await {
            tracing::error!(%error, "the last segment was not kept");
        }
    }

    async fn film(&mut self, tries: &mut u32) -> Result<(), FilmError> {
        let mut capture = Capture::start(&self.config.source)?;
        loop {
            match capture.next().await? {
                Piece::Init(init) => {
                    self.end_segment().await?;
                    self.segmenter.reset();
                    let number = lock(&self.spool).next_run()?;
                    let (init, codecs) = (init.bytes().to_vec(), init.codecs().to_owned());
                    tracing::info!(run = number, codecs, "a run begins");
                    self.run = Some(Run { number, init, codecs });
                }
                Piece::Fragment(fragment) => {
                    *tries = 1;
                    self.fragment(&fragment, host::clock::now_us()).await?;
                }
            }
        }
    }

    async fn fragment(&mut self, fragment: &Fragment, now_us: u64) -> Result<(), FilmError> {
        match self.segmenter.handle(fragment) {
            Cut::Skip => return Ok(()),
            Cut::Within => {}
            Cut::Before(start) => {
                self.end_segment().await?;
                let start_us = now_us.saturating_sub(fragment.duration_us);
                match self.begin_segment(start, start_us) {
                    Ok(()) => self.stats.set_trouble(None),
                    // Trustees' keys will come; the camera waits for the next key frame and tries again.
                    Err(FilmError::Epoch(error @ EpochError::DayKeysMissing { .. })) => {
                        tracing::warn!(%error, "not filming");
                        self.stats.set_trouble(Some(error.to_string()));
                        self.segmenter.reset();
                        return Ok(());
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        let Some(open) = &mut self.segment else { return Ok(()) };
        let sealed = open.sealer.fragment(now_us, fragment.bytes(), &mut OsRng)?;
        open.duration_us += fragment.duration_us;
        open.bytes.extend_from_slice(&sealed);
        open.is_live = open.is_live && self.events.try_send(Event::More(open.sequence, sealed)).is_ok();
        Ok(())
    }

    fn begin_segment(&mut self, start: Start, at_us: u64) -> Result<(), FilmError> {
        let mut start_us = at_us;
        if start_us <= self.last_start_us {
            if self.last_start_us - start_us > CLOCK_STEP_US {
                (self.gap, self.must_reopen) = (GapReason::ClockStep, true);
            } else {
                // Fragments arrive as the network and the scheduler please; times only grow.
                start_us = self.last_start_us + 1;
            }
        }
        let fits = self.epoch.as_ref().is_some_and(|epoch| epoch.holds(start_us));
        if !fits || self.must_reopen {
            self.open_epoch(start_us)?;
        }
        let (Some(epoch), Some(run)) = (&self.epoch, &self.run) else { return Ok(()) };
        let header = SegmentHeader {
            camera_id: epoch.open.context.camera_id,
            track: TrackId(0),
            epoch_no: epoch.open.context.epoch_no,
            k: epoch.next_k,
            sequence: lock(&self.spool).next_sequence()?,
            run: run.number,
            start_us,
            start,
        };
        let head = SegmentHead {
            captured_us: start_us,
            motion_permille: 0,
            codecs: run.codecs.clone(),
            init: run.init.clone(),
        };
        let (sealer, bytes) = SegmentSealer::start(&epoch.key, header, &head, &mut OsRng)?;
        let is_live = self.events.try_send(Event::Begun(header.sequence, bytes.clone())).is_ok();
        self.last_start_us = start_us;
        self.segment = Some(Open { sealer, sequence: header.sequence, bytes, duration_us: 0, is_live });
        Ok(())
    }

    async fn end_segment(&mut self) -> Result<(), FilmError> {
        let (Some(open), Some(epoch)) = (self.segment.take(), &mut self.epoch) else { return Ok(()) };
        let duration = u32::try_from(open.duration_us).unwrap_or(u32::MAX);
        let trailer = open.sealer.finish(duration, &mut epoch.chain, &self.identity);
        epoch.next_k += 1;
        let close = epoch.close(GapReason::None);
        if open.is_live {
            // If this is not taken, the relay drops the unfinished stream, and the spool sends the whole.
            let _ = self.events.try_send(Event::More(open.sequence, trailer.clone()));
        }
        let mut bytes = open.bytes;
        bytes.extend_from_slice(&trailer);
        let (spool, sequence) = (self.spool.clone(), open.sequence);
        let (limit, stats) = (self.config.spool_bytes, self.stats.clone());
        // fsync takes its time: on a thread that may wait.
        let kept = tokio::task::spawn_blocking(move || {
            let mut spool = lock(&spool);
            spool.keep_segment(sequence, &bytes, &close)?;
            let mut dropped = 0u64;
            while spool.bytes() > limit
                && let Some(oldest) = spool.oldest().filter(|oldest| *oldest != sequence)
            {
                spool.forget_segment(oldest)?;
                dropped += 1;
            }
            stats.set_depth(spool.sequences().len() as u64, spool.bytes());
            Ok::<_, SpoolError>(dropped)
        });
        match kept.await {
            Ok(Ok(0)) => {}
            Ok(Ok(dropped)) => {
                tracing::warn!(dropped, "the spool is full: the oldest segments went");
                self.stats.dropped(dropped);
                self.gap = GapReason::SpoolOverflow;
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "a segment was not kept");
                self.stats.set_trouble(Some(error.to_string()));
                self.gap = GapReason::SpoolOverflow;
                return Ok(());
            }
            Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
        }
        self.stats.sent();
        // It waits here while the publisher is busy; the source waits in its pipe.
        let _ = self.events.send(Event::Kept(open.sequence)).await;
        Ok(())
    }

    /// The source has gone: what was filmed is kept, and what comes next says why something is missing.
    async fn interrupt(&mut self, gap: GapReason) {
        if let Err(error) = self.end_segment().await {
            tracing::error!(%error, "the last segment before the gap was not kept");
        }
        self.segmenter.reset();
        (self.gap, self.must_reopen) = (gap, true);
    }

    fn open_epoch(&mut self, start_us: u64) -> Result<(), FilmError> {
        let day = Day::of_us(start_us);
        let notice_commit = self.notice(day)?;
        let spool = lock(&self.spool);
        // The policy may be newer than at the start: the publisher keeps what it verified.
        let policy = SignedOwnerPolicy::decode_verified(&spool.pairing()?.policy, &self.pairing.owner_key)
            .map_err(|error| FilmError::Policy(error.to_string()))?;
        let day_keys = day_keys(&spool, policy.unverified(), day)?;
        let previous: Option<EpochClose> = match &self.epoch {
            Some(epoch) => Some(epoch.close(self.gap)),
            None => spool.recovered_close()?.map(|close| EpochClose { gap: self.gap, ..close }),
        };
        let opening = Opening {
            camera: &self.identity,
            policy: &policy,
            day_keys: &day_keys,
            notice_commit,
            epoch_no: spool.last_epoch()?.0,
            start_us,
            previous,
            now: start_us / 1_000_000,
        };
        let (epoch, signed) = Epoch::open(opening, &mut self.pool, &host::rng::bytes(), &mut OsRng)?;
        let epoch_no = epoch.open.context.epoch_no;
        spool.keep_open(epoch_no, signed.bytes(), &epoch.chain.0)?;
        drop(spool);
        self.epoch = Some(epoch);
        (self.gap, self.must_reopen) = (GapReason::None, false);
        tracing::debug!(epoch = epoch_no.0, "an epoch opened");
        let _ = self.events.try_send(Event::Opened);
        Ok(())
    }

    /// The commitment to the day's notice key; on a new day the root moves on, and every day on the way gets its DayNotice.
    fn notice(&mut self, day: Day) -> Result<[u8; 32], FilmError> {
        let camera_id = CameraId::of_key(self.identity.verifying_key().as_bytes());
        let spool = lock(&self.spool);
        let (kept, root) = spool.notice_root()?;
        if day < kept {
            return Err(FilmError::ClockBeforePairing);
        }
        let mut root = NoticeRoot::new(*root);
        let mut notices = Vec::new();
        for at in kept.0..=day.0 {
            let at = Day(at);
            let key = root.key(&camera_id, at);
            notices
                .push((at, DayNotice { camera_id, day: at, notice_key: *key.expose() }.sign(&self.identity)));
            if at < day {
                root = root.next(&camera_id, at);
            }
        }
        if self.noticed != Some(day) {
            spool.advance_notice(day, root.expose(), &notices)?;
            self.noticed = Some(day);
        }
        Ok(root.key(&camera_id, day).commit())
    }
}

/// The verified keys of all trustees whose key for this day the camera has, in the policy's order.
fn day_keys(spool: &Spool, policy: &OwnerPolicy, day: Day) -> Result<Vec<(TrusteeId, DayKey)>, FilmError> {
    let mut keys = Vec::new();
    for (share, trustee) in (1u8..).zip(&policy.trustees) {
        let vkey = Verifier::parse(&trustee.vkey).map_err(|error| FilmError::Policy(error.to_string()))?;
        let Some(bytes) = spool.day_key(day, share)? else { continue };
        match DayKey::decode_verified(&bytes, &vkey, day) {
            Ok(key) => keys.push((TrusteeId::of(&vkey), key)),
            Err(error) => {
                tracing::warn!(trustee = trustee.name, %error, "a kept day key is not this trustee's")
            }
        }
    }
    Ok(keys)
}
