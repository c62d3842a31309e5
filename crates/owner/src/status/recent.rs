//! What the heads of a camera's newest minute say: how much it sends, and how many of its segments still wait in its spool.

use crate::book::StoredCamera;
use crate::heads::{self, Head, Wanted};
use crate::state::Owner;
use media::id::{EpochNo, Sequence};
use quic::CallError;
use relay_client::Session;
use seal::opener::Keyring;
use std::collections::VecDeque;

/// How much of the newest footage is looked at, microseconds.
const RECENT_US: u64 = 60_000_000;

/// One camera's newest minute, kept from one question to the next.
#[derive(Debug)]
pub(crate) struct Recent {
    keys: Keyring,
    segments: VecDeque<Segment>,
    next: Sequence,
    waiting: Option<u32>,
    /// Start of the newest segment when it was looked at last.
    seen_us: u64,
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    start_us: u64,
    end_us: u64,
    bytes: u32,
}

impl Recent {
    pub(crate) fn of(camera: &StoredCamera) -> Result<Self, CallError> {
        let keys = heads::keyring(camera)?;
        Ok(Self { keys, segments: VecDeque::new(), next: Sequence(0), waiting: None, seen_us: 0 })
    }

    /// Reads what is new, up to the segment that starts at `newest_us`.
    pub(crate) async fn read(
        &mut self,
        owner: &Owner,
        session: &mut Session,
        camera: &StoredCamera,
        newest_us: u64,
    ) -> Result<(), CallError> {
        if newest_us == 0 || newest_us == self.seen_us {
            return Ok(());
        }
        let (from_us, to_us) = (newest_us.saturating_sub(RECENT_US), newest_us.saturating_add(1));
        let wanted = Wanted { from_us, to_us, cursor: self.next, pictures: false };
        let answer = heads::fetch(owner, session, camera, &mut self.keys, wanted).await?;
        answer.heads.iter().for_each(|head| self.take(head));
        self.segments.retain(|segment| segment.start_us >= from_us);
        // The rest of an answer that was full comes with the next question.
        self.seen_us = if answer.next.is_none() { newest_us } else { 0 };
        Ok(())
    }

    fn take(&mut self, head: &Head) {
        let header = &head.header;
        self.segments.push_back(Segment {
            start_us: header.start_us,
            end_us: head.end_us(),
            bytes: head.bytes,
        });
        self.next = Sequence(header.sequence.0.saturating_add(1));
        self.waiting = Some(head.sealed.waiting);
        self.keys.forget_before(EpochNo(header.epoch_no.0.saturating_sub(1)));
    }

    /// Segments that waited in the camera's spool when the newest one began.
    pub(crate) fn waiting(&self) -> Option<u32> {
        self.waiting
    }

    /// Bytes of the newest minute over its filmed time.
    pub(crate) fn bits_per_second(&self) -> Option<u64> {
        let filmed: u64 = self.segments.iter().map(|s| s.end_us.saturating_sub(s.start_us)).sum();
        let bytes: u64 = self.segments.iter().map(|s| u64::from(s.bytes)).sum();
        bytes.saturating_mul(8_000_000).checked_div(filmed)
    }
}
