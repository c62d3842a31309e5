//! A segment part by part: what its header decides, what its fragments give, and what its end
//! proves.

use super::{Newest, Output, Run, Step, Viewer, WriteWhen};
use crate::live::Event;
use media::account::{Account, Culprit};
use media::epoch::GapReason;
use media::id::Sequence;
use media::segment::{SegmentHeader, Start};
use media::sign::{PublicKey, sha256};
use media::time::Micros;
use seal::opener::{Continuity, Ended, Gap, OpenError, Opened};
use seal::sealer::SegmentHead;
use std::ops::Range;
use std::time::Duration;

impl Viewer {
    pub(super) fn try_push(&mut self, bytes: &[u8], now_us: Micros) -> Result<Step, String> {
        let named = |error: OpenError| error.to_string();
        self.incoming.opener.push(bytes).map_err(named)?;
        loop {
            let polled = self.incoming.opener.poll(&self.keys);
            if self.incoming.header.is_none()
                && let Some(header) = self.incoming.opener.header().copied()
            {
                self.incoming.header = Some(header);
                match self.admit(&header)? {
                    Some(written) => self.incoming.written_before = written,
                    None => return Ok(Step::Done),
                }
            }
            match polled {
                Ok(None) => return Ok(Step::More),
                Ok(Some(Opened::Header(_))) => {}
                Ok(Some(Opened::Head(head))) => self.head(head),
                Ok(Some(Opened::Fragment { captured_us, bytes })) => {
                    self.fragment(captured_us, bytes, now_us);
                }
                Ok(Some(Opened::End(ended))) => {
                    self.end(&ended)?;
                    return Ok(Step::Done);
                }
                Err(OpenError::NoKey(epoch)) => match self.incoming.header {
                    Some(header) if !self.incoming.epoch_asked => return Ok(Step::Epoch(header)),
                    _ => return Err(format!("the relay has no EpochOpen of epoch {epoch} by this camera")),
                },
                Err(error) => return Err(named(error)),
            }
        }
    }

    /// What the clear header alone decides: how many fragments were written of it already, or that
    /// it is of no interest, and no fault.
    fn admit(&self, header: &SegmentHeader) -> Result<Option<u32>, String> {
        if header.camera_id != self.camera_id || header.track != self.track {
            return Err(OpenError::WrongTrack.to_string());
        }
        if !self.wanted.contains(&header.start_us) {
            return Err("it starts outside the span that was asked for".to_owned());
        }
        if let Some(newest) = self.newest.filter(|newest| header.sequence <= newest.sequence) {
            if !newest.may_repeat || newest.header_hash != header.hash() {
                return Err(OpenError::Replayed(header.sequence).to_string());
            }
            return Ok((!newest.is_whole).then_some(newest.fragments));
        }
        let follows = self.newest.is_none_or(|_| header.sequence == self.next_sequence());
        let is_cut = header.start == Start::Continuation && (self.needs_key_frame || !follows);
        Ok((!is_cut).then_some(0))
    }

    fn head(&mut self, head: SegmentHead) {
        let Some(header) = self.incoming.header else { return };
        // From here on the header is authenticated: fragment 0 is bound to it.
        let run: Run = (header.run, sha256(&[&head.init]));
        self.incoming.run = Some(run);
        if self.run != Some(run) {
            let began = Event::Run { codec: head.codecs };
            self.give([Output::Event(began), Output::Init(head.init)]);
        }
        let (epoch, sequence) = (header.epoch_no.0, header.sequence.0);
        self.give([Output::Event(Event::Segment { epoch, sequence, start_us: header.start_us.0 })]);
        if self.write_when == WriteWhen::Opened {
            self.run = Some(run);
            self.needs_key_frame = false;
            self.newest = Some(Newest::of(&header, self.incoming.written_before));
        }
    }

    fn fragment(&mut self, captured_us: Micros, bytes: Vec<u8>, now_us: Micros) {
        self.incoming.fragments = self.incoming.fragments.saturating_add(1);
        if self.incoming.fragments > self.incoming.written_before {
            let latency_us = match self.write_when {
                WriteWhen::Opened => now_us.0.saturating_sub(captured_us.0),
                WriteWhen::Verified => 0,
            };
            let event = Event::Fragment { captured_us: captured_us.0, latency_us };
            self.give([Output::Fragment(bytes), Output::Event(event)]);
        }
    }

    fn end(&mut self, ended: &Ended) -> Result<(), String> {
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
            let missing = self.expected.unwrap_or(header.sequence)..header.sequence;
            let shown = self.gap(gap.from_us, gap.to_us, &self.reason(&gap, &missing));
            self.out.push(shown);
        }
        self.expected = header.sequence.next();
        self.watched.segments += 1;
        self.needs_key_frame = false;
        self.run = self.incoming.run;
        for output in std::mem::take(&mut self.incoming.held) {
            self.count(&output);
            self.out.push(output);
        }
        self.newest = Some(Newest { is_whole: true, ..Newest::of(header, self.incoming.fragments) });
        let duration_us = ended.trailer.duration_us.into();
        self.whole = Some(header.start_us..header.start_us.after(Duration::from_micros(duration_us)));
        let event = Event::SegmentVerified { sequence: header.sequence.0, duration_us };
        self.out.push(Output::Event(event));
        Ok(())
    }

    /// Hands outputs on, or holds them until the segment is verified.
    fn give<const N: usize>(&mut self, outputs: [Output; N]) {
        for output in outputs {
            if self.write_when == WriteWhen::Verified {
                self.incoming.held.push(output);
                continue;
            }
            self.count(&output);
            if let (Output::Fragment(_), Some(newest)) = (&output, &mut self.newest) {
                newest.fragments = self.incoming.fragments;
            }
            self.out.push(output);
        }
    }

    fn count(&mut self, output: &Output) {
        match output {
            Output::Fragment(_) => self.watched.fragments += 1,
            Output::Event(Event::Fragment { latency_us, .. }) if self.write_when == WriteWhen::Opened => {
                self.latencies.add(*latency_us);
            }
            Output::Event(_) | Output::Init(_) => {}
        }
    }
}

impl Newest {
    fn of(header: &SegmentHeader, fragments: u32) -> Self {
        let (sequence, header_hash) = (header.sequence, header.hash());
        Self { sequence, header_hash, fragments, is_whole: false, may_repeat: false }
    }
}

/// What is said of footage whose absence no camera signed: inside an epoch no record says why. That
/// of a later one may say that the spool overflowed, and does not say which segments went with it.
pub(crate) const UNEXPLAINED: &str = "filmed, but the relay does not give it: the camera has not said why, and no receipt seen here shows that it ever came there";

/// What a live view that was too slow is not sent, it never asked for: nobody is at fault, and it
/// may well be there.
const PASSED: &str = "not sent while this was watched live: the recording shows whether it is there";

/// What a receipt of the relay shows.
const LOST_BY_RELAY: &str =
    "the relay acknowledged it, and does not give it any more: lost, deleted or withheld by the relay";

/// The same of a key that is not the owner's relay's.
const HAD_BY_ANOTHER: &str =
    "another relay than yours acknowledged it, by its key: whether that has it, ask its operator";

/// The camera's own word for a time that it did not film; `None` if it says that it did.
pub(crate) fn signed_reason(reason: GapReason) -> Option<&'static str> {
    (reason != GapReason::None).then(|| reason.told())
}

/// Segments of a gap whose culprits are asked for; a gap may be years long.
const ASKED: u64 = 10_000;

/// What was signed of the segments that are missing, by camera or relay; `None` where nobody said
/// anything.
// SPEC: segment.md#whose-loss-it-is: acknowledged by the relay, let go by the camera, or nobody's yet.
pub(crate) fn culprits(missing: &Range<Sequence>, account: &Account, relay: &PublicKey) -> Option<String> {
    let word = |sequence| match account.culprit(sequence) {
        Culprit::Relay(_) if account.was_acknowledged_by(relay, sequence) => LOST_BY_RELAY,
        Culprit::Relay(_) => HAD_BY_ANOTHER,
        Culprit::Camera(why) => why.told(),
        Culprit::NobodyYet => UNEXPLAINED,
    };
    said(missing, word, UNEXPLAINED)
}

/// Each word once; `None` where nothing is said but `nothing`.
fn said(
    missing: &Range<Sequence>,
    word: impl Fn(Sequence) -> &'static str,
    nothing: &'static str,
) -> Option<String> {
    let last = missing.end.0.min(missing.start.0.saturating_add(ASKED));
    let mut said = Vec::new();
    for word in (missing.start.0..last).map(|sequence| word(Sequence(sequence))) {
        if !said.contains(&word) {
            said.push(word);
        }
    }
    said.iter().any(|word| *word != nothing).then(|| said.join("; "))
}

impl Viewer {
    /// Why footage is missing, as far as this view can tell.
    fn reason(&self, gap: &Gap, missing: &Range<Sequence>) -> String {
        let signed = gap.reason.and_then(signed_reason);
        let (culprits, unexplained) = match self.write_when {
            WriteWhen::Verified => (culprits(missing, &self.account, &self.relay_key), UNEXPLAINED),
            WriteWhen::Opened => {
                let word = |sequence| match self.account.culprit(sequence) {
                    Culprit::Camera(why) => why.told(),
                    Culprit::Relay(_) | Culprit::NobodyYet => PASSED,
                };
                (said(missing, word, PASSED), PASSED)
            }
        };
        let reason = culprits.as_deref().or(signed).unwrap_or(unexplained);
        match gap.segments {
            0 => reason.to_owned(),
            1 => format!("{reason} (1 segment)"),
            many => format!("{reason} ({many} segments)"),
        }
    }
}
