//! What a viewer makes of the segments a relay sends: opens them, in order, and hands out what may be written. No I/O and no
//! clock, so that live view, playback, export and the tests of hostile relays go through the same code.
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

use super::alarm::Policies;
use super::latency::Latencies;
use super::{Event, Watched};
use crate::Owner;
use crate::book::{BookError, StoredCamera};
use media::epoch::{EpochOpen, GapReason, SignedEpochOpen};
use media::id::{CameraId, DeviceId, EpochNo, Sequence, TrackId};
use media::segment::{SegmentHeader, Start};
use media::sign::{PublicKey, sha256};
use seal::hpke::SecretKey;
use seal::opener::{Continuity, Ended, Gap, Keyring, OpenError, Opened, SegmentOpener};
use seal::sealer::SegmentHead;
use std::collections::BTreeMap;

/// The picture that is watched; version 1 has one.
pub(crate) const TRACK: TrackId = TrackId(0);

/// When a fragment may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    /// As soon as it opens: live.
    AsOpened,
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
    camera_id: CameraId,
    camera_key: PublicKey,
    device: DeviceId,
    wrap_key: SecretKey,
    policies: Policies,
    release: Release,
    /// First moments of the segments that were asked for, Unix microseconds; the end is excluded.
    wanted: std::ops::Range<u64>,
    keys: Keyring,
    opens: BTreeMap<EpochNo, EpochOpen>,
    continuity: Continuity,
    newest: Option<Newest>,
    needs_key_frame: bool,
    /// SHA-256 of the init segment that was written last.
    run: Option<[u8; 32]>,
    watched: Watched,
    latencies: Latencies,
}

/// What the clear header of a segment decides.
enum Admitted {
    New,
    /// The segment during which a session was lost, so many of its fragments written.
    Again {
        written: u32,
    },
    /// Of no interest, and no fault.
    Skip,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Complete {
    Yes,
    No,
}

/// The newest segment whose head opened.
#[derive(Debug, Clone, Copy)]
struct Newest {
    sequence: Sequence,
    header_hash: [u8; 32],
    /// Fragments that were written of it.
    fragments: u32,
    complete: Complete,
    /// The session in which it came was lost: it may come once more.
    may_repeat: bool,
}

impl std::fmt::Debug for Viewer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Viewer").field("camera_id", &self.camera_id).finish_non_exhaustive()
    }
}

/// A segment that is arriving.
pub(crate) struct Incoming {
    opener: SegmentOpener,
    header: Option<SegmentHeader>,
    fragments: u32,
    /// Fragments that an earlier session wrote already.
    written_before: u32,
    /// SHA-256 of its init segment.
    run: Option<[u8; 32]>,
    /// Held back until the segment is verified.
    held: Vec<Output>,
    epoch_asked: bool,
    done: bool,
}

impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Incoming").field("header", &self.header).finish_non_exhaustive()
    }
}

impl Viewer {
    pub(crate) fn new(owner: &Owner, camera: &StoredCamera, release: Release) -> Result<Self, BookError> {
        let (camera_key, policies) = (camera.camera_key()?, Policies::of(camera)?);
        Ok(Self::of(camera_key, policies, owner.device_id(), owner.wrap_key().clone(), release))
    }

    pub(super) fn of(
        camera_key: PublicKey,
        policies: Policies,
        device: DeviceId,
        wrap_key: SecretKey,
        release: Release,
    ) -> Self {
        Self {
            camera_id: CameraId::of_key(&camera_key),
            camera_key,
            device,
            wrap_key,
            policies,
            release,
            wanted: 0..u64::MAX,
            keys: Keyring::new(camera_key, TRACK),
            opens: BTreeMap::new(),
            continuity: Continuity::new(),
            newest: None,
            needs_key_frame: true,
            run: None,
            watched: Watched::default(),
            latencies: Latencies::default(),
        }
    }

    /// Only segments that start in this range were asked for.
    pub(crate) fn want(&mut self, starts_us: std::ops::Range<u64>) {
        self.wanted = starts_us;
    }

    /// Where to ask for the EpochOpen of a segment: its start may lie a little outside its epoch.
    pub(crate) fn epoch_range(&self, header: &SegmentHeader) -> (u64, u64) {
        let epoch = self.policies.epoch_us();
        (header.start_us.saturating_sub(epoch), header.start_us.saturating_add(epoch))
    }

    pub(crate) fn camera_id(&self) -> CameraId {
        self.camera_id
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

    pub(crate) fn begin(&self) -> Incoming {
        Incoming {
            opener: SegmentOpener::new(),
            header: None,
            fragments: 0,
            written_before: 0,
            run: None,
            held: Vec::new(),
            epoch_asked: false,
            done: false,
        }
    }

    /// Takes bytes that arrived (none after [`Viewer::learn`]) and says what the segment waits for.
    pub(crate) fn push(
        &mut self,
        incoming: &mut Incoming,
        bytes: &[u8],
        now_us: u64,
        out: &mut Vec<Output>,
    ) -> Step {
        if incoming.done {
            return Step::Done;
        }
        let step = self.try_push(incoming, bytes, now_us, out).unwrap_or_else(|reason| {
            self.refuse(incoming, &reason, out);
            Step::Done
        });
        incoming.done = step == Step::Done;
        step
    }

    /// Takes the EpochOpens that were fetched for a segment. Without the right one among them the next push is refused.
    pub(crate) fn learn(&mut self, incoming: &mut Incoming, opens: &[Vec<u8>], out: &mut Vec<Output>) {
        let Some(header) = incoming.header else { return };
        incoming.epoch_asked = true;
        let signed = opens.iter().filter_map(|bytes| SignedEpochOpen::decode(bytes).ok());
        let wanted = |open: &SignedEpochOpen| {
            let context = &open.unverified().context;
            context.epoch_no == header.epoch_no && context.track == TRACK
        };
        let by_camera = |signed: SignedEpochOpen| signed.verify(&self.camera_key).ok().cloned();
        let Some(open) = signed.filter(wanted).find_map(by_camera) else { return };
        let unwrapped = match seal::wrap::unwrap(&self.device, &self.wrap_key, &open) {
            Ok(unwrapped) => unwrapped,
            Err(error) => return self.refuse(incoming, &error.to_string(), out),
        };
        if let Some(alarm) = self.policies.check(&open) {
            let (expected, found) = (alarm.expected, alarm.found);
            out.push(Output::Event(Event::PolicyAlarm { epoch: header.epoch_no.0, expected, found }));
        }
        self.keys.insert(&open, unwrapped.content_key(&open.context.hash()));
        // A segment of the epoch before may still be on its way.
        let oldest = EpochNo(header.epoch_no.0.saturating_sub(1));
        self.keys.forget_before(oldest);
        self.opens.retain(|epoch, _| *epoch >= oldest);
        self.opens.insert(header.epoch_no, open);
    }

    /// The stream ended. Before the trailer that is a fault.
    pub(crate) fn finish(&mut self, mut incoming: Incoming, out: &mut Vec<Output>) {
        if !incoming.done {
            self.refuse(&mut incoming, "it was cut off before its end", out);
        }
    }

    /// The session or the stream was lost in mid-segment: what is missing shows as a gap, or comes again.
    pub(crate) fn lost(&mut self, incoming: &Incoming) {
        if incoming.header.is_some() && !incoming.done {
            self.needs_key_frame = true;
        }
    }

    pub(crate) fn watched(&self) -> Watched {
        Watched {
            latency_us_p50: self.latencies.percentile(50),
            latency_us_p99: self.latencies.percentile(99),
            ..self.watched.clone()
        }
    }

    /// Counts a gap that no chain shows: at an edge of what was asked for.
    pub(crate) fn gap(&mut self, from_us: u64, to_us: u64, reason: &str) -> Output {
        self.watched.gaps += 1;
        Output::Event(Event::Gap { from_us, to_us, reason: reason.to_owned() })
    }

    fn refuse(&mut self, incoming: &mut Incoming, reason: &str, out: &mut Vec<Output>) {
        incoming.done = true;
        incoming.held.clear();
        self.needs_key_frame = true;
        self.watched.refused += 1;
        let sequence = incoming.header.map_or(0, |header| header.sequence.0);
        out.push(Output::Event(Event::Refused { sequence, reason: reason.to_owned() }));
    }

    fn try_push(
        &mut self,
        incoming: &mut Incoming,
        bytes: &[u8],
        now_us: u64,
        out: &mut Vec<Output>,
    ) -> Result<Step, String> {
        let named = |error: OpenError| error.to_string();
        incoming.opener.push(bytes).map_err(named)?;
        loop {
            let polled = incoming.opener.poll(&self.keys);
            if incoming.header.is_none()
                && let Some(header) = incoming.opener.header().copied()
            {
                incoming.header = Some(header);
                match self.admit(&header)? {
                    Admitted::New => {}
                    Admitted::Again { written } => incoming.written_before = written,
                    Admitted::Skip => return Ok(Step::Done),
                }
            }
            match polled {
                Ok(None) => return Ok(Step::More),
                Ok(Some(opened)) => {
                    if self.take(incoming, opened, now_us, out)? == Step::Done {
                        return Ok(Step::Done);
                    }
                }
                Err(OpenError::NoKey(epoch)) => match incoming.header {
                    Some(header) if !incoming.epoch_asked => return Ok(Step::Epoch(header)),
                    _ => return Err(format!("the relay has no EpochOpen of epoch {epoch} by this camera")),
                },
                Err(error) => return Err(named(error)),
            }
        }
    }

    /// What the clear header alone decides.
    fn admit(&self, header: &SegmentHeader) -> Result<Admitted, String> {
        if header.camera_id != self.camera_id || header.track != TRACK {
            return Err(OpenError::WrongTrack.to_string());
        }
        if !self.wanted.contains(&header.start_us) {
            return Err("it starts outside the span that was asked for".to_owned());
        }
        if let Some(newest) = self.newest.filter(|newest| header.sequence <= newest.sequence) {
            let same = newest.may_repeat && newest.header_hash == header.hash();
            return match same {
                true if newest.complete == Complete::Yes => Ok(Admitted::Skip),
                true => Ok(Admitted::Again { written: newest.fragments }),
                false => Err(OpenError::Replayed(header.sequence).to_string()),
            };
        }
        let follows = self.newest.is_none_or(|_| header.sequence == self.next_sequence());
        if header.start == Start::Continuation && (self.needs_key_frame || !follows) {
            return Ok(Admitted::Skip);
        }
        Ok(Admitted::New)
    }

    fn take(
        &mut self,
        incoming: &mut Incoming,
        opened: Opened,
        now_us: u64,
        out: &mut Vec<Output>,
    ) -> Result<Step, String> {
        match (opened, incoming.header) {
            (Opened::Head(head), Some(header)) => self.head(incoming, &header, head, out),
            (Opened::Fragment { captured_us, bytes }, _) => {
                incoming.fragments = incoming.fragments.saturating_add(1);
                if incoming.fragments > incoming.written_before {
                    let latency_us = match self.release {
                        Release::AsOpened => now_us.saturating_sub(captured_us),
                        Release::Verified => 0,
                    };
                    let event = Event::Fragment { captured_us, latency_us };
                    self.give(incoming, [Output::Fragment(bytes), Output::Event(event)], out);
                }
            }
            (Opened::End(ended), _) => {
                self.end(incoming, &ended, out)?;
                return Ok(Step::Done);
            }
            (Opened::Header(_) | Opened::Head(_), _) => {}
        }
        Ok(Step::More)
    }

    fn head(
        &mut self,
        incoming: &mut Incoming,
        header: &SegmentHeader,
        head: SegmentHead,
        out: &mut Vec<Output>,
    ) {
        // From here on the header is authenticated: fragment 0 is bound to it.
        let run = sha256(&[&head.init]);
        incoming.run = Some(run);
        if self.run != Some(run) {
            let began = Event::Run { codec: head.codecs };
            self.give(incoming, [Output::Event(began), Output::Init(head.init)], out);
        }
        let (epoch, sequence) = (header.epoch_no.0, header.sequence.0);
        let began = Event::Segment { epoch, sequence, start_us: header.start_us };
        self.give(incoming, [Output::Event(began)], out);
        if self.release == Release::AsOpened {
            self.run = Some(run);
            self.needs_key_frame = false;
            self.note(header, incoming.written_before, Complete::No);
        }
    }

    fn end(&mut self, incoming: &mut Incoming, ended: &Ended, out: &mut Vec<Output>) -> Result<(), String> {
        let header = &ended.header;
        // The segment opened, so its epoch was learnt.
        let open = self.opens.get(&header.epoch_no).ok_or("its epoch is not known")?;
        let gap = match self.continuity.take(ended, open) {
            Ok(gap) => gap,
            Err(error) => {
                // What follows is judged from the next segment on; this one stays refused.
                self.continuity = Continuity::new();
                return Err(error.to_string());
            }
        };
        if let Some(gap) = gap {
            let shown = self.gap(gap.from_us, gap.to_us, &reason(&gap));
            out.push(shown);
        }
        self.watched.segments += 1;
        self.needs_key_frame = false;
        self.run = incoming.run;
        for output in std::mem::take(&mut incoming.held) {
            self.count(&output);
            out.push(output);
        }
        self.note(header, incoming.fragments, Complete::Yes);
        let duration_us = ended.trailer.duration_us.into();
        out.push(Output::Event(Event::SegmentVerified { sequence: header.sequence.0, duration_us }));
        Ok(())
    }

    /// Hands outputs on, or holds them until the segment is verified.
    fn give<const N: usize>(
        &mut self,
        incoming: &mut Incoming,
        outputs: [Output; N],
        out: &mut Vec<Output>,
    ) {
        for output in outputs {
            if self.release == Release::Verified {
                incoming.held.push(output);
                continue;
            }
            self.count(&output);
            if let (Output::Fragment(_), Some(newest)) = (&output, &mut self.newest) {
                newest.fragments = incoming.fragments;
            }
            out.push(output);
        }
    }

    fn count(&mut self, output: &Output) {
        match output {
            Output::Fragment(_) => self.watched.fragments += 1,
            Output::Event(Event::Fragment { latency_us, .. }) if self.release == Release::AsOpened => {
                self.latencies.add(*latency_us);
            }
            _ => {}
        }
    }

    fn note(&mut self, header: &SegmentHeader, fragments: u32, complete: Complete) {
        self.newest = Some(Newest {
            sequence: header.sequence,
            header_hash: header.hash(),
            fragments,
            complete,
            may_repeat: false,
        });
    }
}

fn reason(gap: &Gap) -> String {
    let reason = match gap.reason {
        Some(GapReason::Restart) => "the camera was off or restarted",
        Some(GapReason::SpoolOverflow) => "the camera's spool overflowed during an outage",
        Some(GapReason::Source) => "the camera's source froze or ended",
        Some(GapReason::ClockStep) => "the camera's clock stepped",
        Some(GapReason::None) | None => "filmed, but not there: not yet stored, dropped or withheld by the relay",
    };
    match gap.segments {
        0 => reason.to_owned(),
        1 => format!("{reason} (1 segment)"),
        many => format!("{reason} ({many} segments)"),
    }
}

#[cfg(test)]
mod tests;
