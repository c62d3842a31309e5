//! A segment part by part: what its header decides, what its fragments give, and what its end
//! proves.

use super::{Complete, Incoming, Newest, Output, Run, Step, Viewer, WriteWhen};
use crate::live::Event;
use media::epoch::GapReason;
use media::segment::{SegmentHeader, Start};
use media::sign::sha256;
use media::time::Micros;
use seal::opener::{Continuity, Ended, Gap, OpenError, Opened};
use seal::sealer::SegmentHead;

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

impl Viewer {
    pub(super) fn try_push(
        &mut self,
        incoming: &mut Incoming,
        bytes: &[u8],
        now_us: Micros,
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
        if header.camera_id != self.camera_id || header.track != self.track {
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
        now_us: Micros,
        out: &mut Vec<Output>,
    ) -> Result<Step, String> {
        match (opened, incoming.header) {
            (Opened::Head(head), Some(header)) => self.head(incoming, &header, head, out),
            (Opened::Fragment { captured_us, bytes }, _) => {
                incoming.fragments = incoming.fragments.saturating_add(1);
                if incoming.fragments > incoming.written_before {
                    let latency_us = match self.write_when {
                        WriteWhen::Opened => now_us.0.saturating_sub(captured_us.0),
                        WriteWhen::Verified => 0,
                    };
                    let event = Event::Fragment { captured_us: captured_us.0, latency_us };
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
        let run: Run = (header.run, sha256(&[&head.init]));
        incoming.run = Some(run);
        if self.run != Some(run) {
            let began = Event::Run { codec: head.codecs };
            self.give(incoming, [Output::Event(began), Output::Init(head.init)], out);
        }
        let (epoch, sequence) = (header.epoch_no.0, header.sequence.0);
        let began = Event::Segment { epoch, sequence, start_us: header.start_us.0 };
        self.give(incoming, [Output::Event(began)], out);
        if self.write_when == WriteWhen::Opened {
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
    fn give<const N: usize>(&mut self, incoming: &mut Incoming, outputs: [Output; N], out: &mut Vec<Output>) {
        for output in outputs {
            if self.write_when == WriteWhen::Verified {
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
            Output::Event(Event::Fragment { latency_us, .. }) if self.write_when == WriteWhen::Opened => {
                self.latencies.add(*latency_us);
            }
            Output::Event(_) | Output::Init(_) => {}
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

/// What is said of footage whose absence no camera signed: inside an epoch no record says why. That
/// of a later one may say that the spool overflowed, and does not say which segments went with it.
pub(crate) const UNEXPLAINED: &str = "filmed, but not there: it waits at the camera, went when its spool overflowed, or is withheld by the relay";

/// The camera's own word for a time that it did not film; `None` if it says that it did.
pub(crate) fn signed_reason(reason: GapReason) -> Option<&'static str> {
    (reason != GapReason::None).then(|| reason.told())
}

fn reason(gap: &Gap) -> String {
    let signed = gap.reason.and_then(signed_reason);
    let reason = signed.unwrap_or(UNEXPLAINED);
    match gap.segments {
        0 => reason.to_owned(),
        1 => format!("{reason} (1 segment)"),
        many => format!("{reason} ({many} segments)"),
    }
}
