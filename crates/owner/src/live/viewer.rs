//! What a viewer makes of the segments a relay sends: opens them, in order, and hands out what may
//! be written. No I/O and no clock, so that live view, playback, export and the tests of hostile
//! relays go through the same code.
//!
//! ```text
//! begin() -> push(bytes) -> Step::Epoch(header)   fetch the EpochOpen, learn() it, push(&[])
//!                        -> Step::More            bytes, please
//!                        -> Step::Done            complete, skipped or refused: the rest is of no interest
//! ```
//!
//! | a relay that | meets |
//! |---|---|
//! | alters, truncates, moves, re-attributes | the opener: refused, nothing written from that place on |
//! | sends a segment again, or an older one | refused at its header: sequences only grow |
//! | drops, reorders | the chain: a gap, or a refusal |
//! | sends what was not asked for | refused at its header |
//! | sends old footage as live | its age stands in every [`Event::Fragment`] |

mod parts;

pub(crate) use parts::{UNEXPLAINED, culprits, signed_reason};

use super::latency::Latencies;
use super::policy::Policies;
use super::{Event, WatchError, Watched};
use crate::book::BookError;
use crate::span::Picture;
use crate::state::Owner;
use media::account::Account;
use media::epoch::EpochOpen;
use media::id::{CameraId, DeviceId, EpochNo, Sequence, TrackId};
use media::segment::SegmentHeader;
use media::sign::PublicKey;
use media::time::Micros;
use relay_client::Epoch;
use seal::hpke::SecretKey;
use seal::opener::{Continuity, Keyring, SegmentOpener};
use std::collections::BTreeMap;

/// When a fragment may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteWhen {
    /// As soon as it opens: live.
    Opened,
    /// When the camera's signature on the whole segment and the chain hold: recordings.
    Verified,
}

/// What to do next for a viewer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Output {
    Event(Event),
    /// A run begins: ftyp + moov.
    Init(Vec<u8>),
    /// moof + mdat.
    Fragment(Vec<u8>),
}

/// What a segment waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    More,
    Epoch(SegmentHeader),
    Done,
}

/// One track being watched.
pub(crate) struct Viewer {
    pub(crate) camera_id: CameraId,
    pub(crate) track: TrackId,
    pub(crate) camera_key: PublicKey,
    device: DeviceId,
    wrap_key: SecretKey,
    /// The owner's own relay, of whose losses receipts may speak.
    relay_key: PublicKey,
    policies: Policies,
    write_when: WriteWhen,
    /// First moments of the segments that were asked for, Unix microseconds; the end is excluded.
    pub(crate) wanted: std::ops::Range<Micros>,
    keys: Keyring,
    opens: BTreeMap<EpochNo, EpochOpen>,
    /// Whose loss is what is missing, and the number after the segment that was verified last.
    account: Account,
    expected: Option<Sequence>,
    continuity: Continuity,
    newest: Option<Newest>,
    needs_key_frame: bool,
    /// The run that was written last.
    run: Option<Run>,
    incoming: Incoming,
    /// The time of the segment that was verified last, until somebody takes it.
    pub(crate) whole: Option<std::ops::Range<Micros>>,
    /// What nobody took yet.
    out: Vec<Output>,
    watched: Watched,
    latencies: Latencies,
}

/// Its number and the SHA-256 of its init segment: a clock that stepped begins a run without
/// changing the init.
type Run = (u32, [u8; 32]);

/// The newest segment whose head opened.
#[derive(Debug, Clone, Copy)]
struct Newest {
    sequence: Sequence,
    header_hash: [u8; 32],
    /// Fragments that were written of it.
    fragments: u32,
    is_whole: bool,
    /// The session in which it came was lost: it may come once more.
    may_repeat: bool,
}

/// The segment that is arriving.
#[derive(Default)]
struct Incoming {
    opener: SegmentOpener,
    header: Option<SegmentHeader>,
    fragments: u32,
    /// Fragments that an earlier session wrote already.
    written_before: u32,
    run: Option<Run>,
    /// Held back until the segment is verified.
    held: Vec<Output>,
    epoch_asked: bool,
    done: bool,
}

impl Viewer {
    pub(crate) fn new(
        owner: &Owner,
        picture: Picture<'_>,
        write_when: WriteWhen,
    ) -> Result<Self, WatchError> {
        let stored = owner.stored();
        let camera = stored.known(picture.camera)?;
        let (camera_key, policies) = (camera.camera_key()?, Policies::of(camera)?);
        let device = (owner.device_id(), owner.keys.wrap.clone());
        Ok(Self::of(camera_key, picture.track, policies, device, owner.relays.key, write_when))
    }

    pub(super) fn of(
        camera_key: PublicKey,
        track: TrackId,
        policies: Policies,
        (device, wrap_key): (DeviceId, SecretKey),
        relay_key: PublicKey,
        write_when: WriteWhen,
    ) -> Self {
        Self {
            camera_id: CameraId::of_key(&camera_key),
            track,
            camera_key,
            device,
            wrap_key,
            relay_key,
            policies,
            write_when,
            wanted: Micros(0)..Micros::MAX,
            keys: Keyring::new(camera_key, track),
            opens: BTreeMap::new(),
            account: Account::default(),
            expected: None,
            continuity: Continuity::new(),
            newest: None,
            needs_key_frame: true,
            run: None,
            incoming: Incoming::default(),
            whole: None,
            out: Vec::new(),
            watched: Watched::default(),
            latencies: Latencies::default(),
        }
    }

    /// The sequence after the newest segment.
    pub(crate) fn next_sequence(&self) -> Sequence {
        self.newest.map_or(Sequence(0), |newest| Sequence(newest.sequence.0.saturating_add(1)))
    }

    /// A new session: the relay may begin with the segment during which the last one was lost.
    pub(crate) fn handle_connected(&mut self) {
        if let Some(newest) = &mut self.newest {
            newest.may_repeat = true;
        }
    }

    /// A further segment arrives.
    pub(crate) fn begin(&mut self) {
        self.incoming = Incoming::default();
    }

    /// Takes bytes that arrived (none after [`Viewer::learn`]) and says what the segment waits for.
    pub(crate) fn push(&mut self, bytes: &[u8], now_us: Micros) -> Step {
        if self.incoming.done {
            return Step::Done;
        }
        let step = self.try_push(bytes, now_us).unwrap_or_else(|reason| {
            self.refuse(&reason);
            Step::Done
        });
        self.incoming.done = step == Step::Done;
        step
    }

    /// What to do next, in order.
    pub(crate) fn outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.out)
    }

    /// Learns the owner's newer policies before EpochOpens are taken that name one: another command
    /// may have made it since.
    pub(crate) async fn catch_up(&mut self, owner: &Owner, epochs: &[Epoch]) -> Result<(), BookError> {
        if epochs.iter().all(|epoch| self.policies.has(&epoch.open().context.policy_hash)) {
            return Ok(());
        }
        let stored = owner.refreshed().await?;
        if let Some(camera) = stored.cameras.iter().find(|camera| camera.camera_id == self.camera_id) {
            self.policies = Policies::of(camera)?;
        }
        Ok(())
    }

    /// Takes the EpochOpens that were fetched for a segment. Without the right one among them the
    /// next push is refused.
    pub(crate) fn learn(&mut self, epochs: &[Epoch]) {
        epochs.iter().for_each(|epoch| self.account.read(epoch.open()));
        let Some(header) = self.incoming.header else { return };
        self.incoming.epoch_asked = true;
        let mut opens = epochs.iter().map(Epoch::open);
        let Some(open) = opens.find(|open| open.context.epoch_no == header.epoch_no) else { return };
        let unwrapped = match seal::wrap::unwrap(&self.device, &self.wrap_key, open) {
            Ok(unwrapped) => unwrapped,
            Err(error) => return self.refuse(&error.to_string()),
        };
        if let Some(alarm) = self.policies.check(open) {
            let (expected, found) = (alarm.expected, alarm.found);
            self.out.push(Output::Event(Event::PolicyAlarm { epoch: header.epoch_no.0, expected, found }));
        }
        self.keys.insert(open, unwrapped.content_key(&open.context.hash()));
        // A segment of the epoch before may still be on its way.
        let oldest = EpochNo(header.epoch_no.0.saturating_sub(1));
        self.keys.forget_before(oldest);
        self.opens.retain(|epoch, _| *epoch >= oldest);
        self.opens.insert(header.epoch_no, open.clone());
    }

    /// The stream ended. Before the trailer that is a fault.
    pub(crate) fn finish(&mut self) {
        if !self.incoming.done {
            self.refuse("it was cut off before its end");
        }
    }

    /// The session or the stream was lost in mid-segment: what is missing shows as a gap, or comes
    /// again.
    pub(crate) fn lost(&mut self) {
        self.needs_key_frame |= self.incoming.header.is_some() && !self.incoming.done;
    }

    /// What was watched so far, without latencies: they cost a sort.
    pub(crate) fn counts(&self) -> &Watched {
        &self.watched
    }

    pub(crate) fn watched(&self) -> Watched {
        Watched {
            latency_us_p50: self.latencies.percentile(50),
            latency_us_p99: self.latencies.percentile(99),
            ..self.watched.clone()
        }
    }

    /// Counts a gap that no chain shows: at an edge of what was asked for.
    pub(crate) fn gap(&mut self, from_us: Micros, to_us: Micros, reason: &str) -> Output {
        self.watched.gaps += 1;
        Output::Event(Event::Gap { from_us: from_us.0, to_us: to_us.0, reason: reason.to_owned() })
    }

    fn refuse(&mut self, reason: &str) {
        self.incoming.done = true;
        self.incoming.held.clear();
        self.needs_key_frame = true;
        self.watched.refused += 1;
        let sequence = self.incoming.header.map_or(0, |header| header.sequence.0);
        self.out.push(Output::Event(Event::Refused { sequence, reason: reason.to_owned() }));
    }
}

#[cfg(test)]
mod tests;
