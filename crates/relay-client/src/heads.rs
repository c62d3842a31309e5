//! One page of heads of stored segments: in order and within what was asked for. Contract:
//! `proto/session.md`, "Heads". Nothing of a head is authenticated before it is opened, which is
//! done where the keys are.

use media::id::Sequence;
use media::limits;
use media::segment::{HEADER_LEN, HeadQuery, SegmentHeader, StoredHead};
use quic::{CallError, Link};

/// What the relay says to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadPage {
    /// Those that stand where they were asked for, their sequences growing.
    pub heads: Vec<(SegmentHeader, StoredHead)>,
    /// How many the relay sent, the others included.
    pub told: usize,
    /// Where to go on; `None` when there are no more.
    pub next: Option<Sequence>,
}

/// Asks once. A relay that sends more than an answer holds is not heard to its end.
pub async fn heads(link: &Link, query: &HeadQuery) -> Result<HeadPage, CallError> {
    let most = if query.pictures { limits::PICTURES_PER_ANSWER } else { limits::HEADS_PER_ANSWER };
    let mut stream = link.fetch_heads(query).await?;
    let mut told = Vec::new();
    while told.len() < most
        && let Some((_received_us, head)) = stream.next().await?
    {
        told.push(head);
    }
    Ok(page(query, told, most))
}

fn page(query: &HeadQuery, told: Vec<StoredHead>, most: usize) -> HeadPage {
    let (count, cursor) = (told.len(), query.segments.cursor);
    let (mut heads, mut least) = (Vec::new(), cursor);
    for head in told {
        let header = head.bytes.get(..HEADER_LEN).and_then(|bytes| SegmentHeader::decode(bytes).ok());
        let fits =
            |header: &SegmentHeader| header.sequence >= least && header.start_us < query.segments.to_us;
        let Some(header) = header.filter(fits) else { continue };
        least = Sequence(header.sequence.0.saturating_add(1));
        heads.push((header, head));
    }
    // A full answer that leads nowhere is the last, or a relay could be asked the same for ever.
    let next = (count == most && least > cursor).then_some(least);
    HeadPage { heads, told: count, next }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::id::{CameraId, EpochNo, TrackId};
    use media::segment::{SegmentQuery, Start, frame};
    use media::time::Micros;

    const TO_US: u64 = 1000;

    fn query(cursor: u64) -> HeadQuery {
        let (camera_id, track, cursor) = (CameraId([1; 32]), TrackId::MAIN, Sequence(cursor));
        let segments = SegmentQuery { camera_id, track, from_us: Micros(0), to_us: Micros(TO_US), cursor };
        HeadQuery { segments, pictures: false }
    }

    fn head(sequence: u64, start_us: u64) -> StoredHead {
        let header = SegmentHeader {
            camera_id: CameraId([1; 32]),
            track: TrackId::MAIN,
            epoch_no: EpochNo(1),
            k: 0,
            sequence: Sequence(sequence),
            run: 0,
            start_us: Micros(start_us),
            start: Start::KeyFrame,
        };
        let bytes = [&header.encode()[..], &frame(0, b"sealed")].concat();
        StoredHead { segment_bytes: 9, duration_us: 1, bytes }
    }

    fn sequences(page: &HeadPage) -> Vec<u64> {
        page.heads.iter().map(|(header, _)| header.sequence.0).collect()
    }

    #[test]
    fn a_full_answer_goes_on_behind_its_last_head_and_another_one_is_the_last() {
        let full = page(&query(5), vec![head(5, 1), head(8, 2)], 2);
        assert_eq!((sequences(&full), full.told, full.next), (vec![5, 8], 2, Some(Sequence(9))));
        assert_eq!(page(&query(5), vec![head(5, 1)], 2).next, None);
    }

    #[test]
    fn what_was_not_asked_for_comes_again_or_goes_back_is_left_out() {
        let told = vec![head(4, 1), head(6, 1), head(6, 1), head(5, 1), head(7, TO_US), head(9, 2)];
        let page = page(&query(5), told, 6);
        assert_eq!((sequences(&page), page.told), (vec![6, 9], 6));
    }

    #[test]
    fn a_full_answer_that_leads_nowhere_is_the_last() {
        let older = |cursor| page(&query(cursor), vec![head(1, 1), head(2, 1)], 2);
        assert_eq!((sequences(&older(5)), older(5).next), (vec![], None));
        let last = page(&query(u64::MAX), vec![head(u64::MAX, 1), head(u64::MAX, 1)], 2);
        assert_eq!(last.next, None);
    }
}
