//! What the heads of a camera's newest minute say: how much it sends, and how many of its segments
//! still wait in its spool.

use crate::book::StoredCamera;
use crate::heads::{self, Head, Wanted};
use crate::state::Owner;
use media::id::{EpochNo, Sequence};
use media::time::Micros;
use quic::CallError;
use relay_client::Session;
use seal::opener::Keyring;
use std::collections::VecDeque;
use std::time::Duration;

/// How much of the newest footage is looked at.
const RECENT: Duration = Duration::from_secs(60);

/// One camera's newest minute, kept from one question to the next.
#[derive(Debug)]
pub(crate) struct Recent {
    keys: Keyring,
    segments: VecDeque<Segment>,
    next: Sequence,
    /// Segments that waited in the camera's spool when the newest one began.
    pub(super) waiting: Option<u32>,
    /// Start of the newest segment when it was looked at last.
    seen_us: Option<Micros>,
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    start_us: Micros,
    end_us: Micros,
    bytes: u32,
}

impl Recent {
    pub(crate) fn of(camera: &StoredCamera) -> Result<Self, CallError> {
        let keys = heads::keyring(camera)?;
        Ok(Self { keys, segments: VecDeque::new(), next: Sequence(0), waiting: None, seen_us: None })
    }

    /// Reads what is new, up to the segment that starts at `newest_us`.
    pub(crate) async fn read(
        &mut self,
        owner: &Owner,
        session: &mut Session,
        camera: &StoredCamera,
        newest_us: Micros,
    ) -> Result<(), CallError> {
        if self.seen_us == Some(newest_us) {
            return Ok(());
        }
        let (from_us, to_us) = (newest_us.before(RECENT), newest_us.after(Duration::from_micros(1)));
        let wanted = Wanted { from_us, to_us, cursor: self.next, pictures: false };
        let answer = heads::fetch(owner, session, camera, &mut self.keys, wanted).await?;
        answer.heads.iter().for_each(|head| self.take(head));
        self.segments.retain(|segment| segment.start_us >= from_us);
        // The rest of an answer that was full comes with the next question.
        self.seen_us = answer.next.is_none().then_some(newest_us);
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

    /// Bytes of the newest minute over its filmed time.
    pub(crate) fn bits_per_second(&self) -> Option<u64> {
        let filmed: Duration = self.segments.iter().map(|s| s.end_us.since(s.start_us)).sum();
        let bytes: u64 = self.segments.iter().map(|s| u64::from(s.bytes)).sum();
        bytes.saturating_mul(8_000_000).checked_div(u64::try_from(filmed.as_micros()).ok()?)
    }
}
