//! One page of heads of stored segments: in order and within what was asked for. Contract:
//! `proto/session.md`, "Heads". Nothing of a head is authenticated before it is opened, which is
//! done where the keys are.

use media::id::Sequence;
use media::limits;
use media::segment::{HEADER_LEN, HeadExtent, HeadQuery, SegmentHeader, StoredHead, head_extent};
use quic::{CallError, Link};

/// An answer is heard until it has so many bytes; what is left of it is asked for again. Heads are
/// small, and pictures are some hundred kilobytes: only a relay that lies comes near it.
const BYTES_PER_ANSWER: usize = 64 << 20;

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
    let mut answer = Answer::new(query, most);
    while !answer.is_full()
        && let Some((_received_us, head)) = stream.next().await?
    {
        answer.take(head);
    }
    Ok(answer.page())
}

/// An answer that is being heard.
struct Answer<'q> {
    query: &'q HeadQuery,
    most: usize,
    heads: Vec<(SegmentHeader, StoredHead)>,
    told: usize,
    bytes: usize,
    /// The next head's sequence is not before it.
    least: Sequence,
}

impl<'q> Answer<'q> {
    fn new(query: &'q HeadQuery, most: usize) -> Self {
        Self { query, most, heads: Vec::new(), told: 0, bytes: 0, least: query.segments.cursor }
    }

    fn is_full(&self) -> bool {
        self.told >= self.most || self.bytes >= BYTES_PER_ANSWER
    }

    fn take(&mut self, head: StoredHead) {
        self.told += 1;
        self.bytes = self.bytes.saturating_add(head.bytes.len());
        let header = head.bytes.get(..HEADER_LEN).and_then(|bytes| SegmentHeader::decode(bytes).ok());
        let Some(header) = header.filter(|header| self.is_asked(header, &head)) else { return };
        self.least = Sequence(header.sequence.0.saturating_add(1));
        self.heads.push((header, head));
    }

    fn is_asked(&self, header: &SegmentHeader, head: &StoredHead) -> bool {
        let asked = &self.query.segments;
        let place = header.camera_id == asked.camera_id && header.track == asked.track;
        // SPEC: session.md#heads: fragment 1 MUST NOT be there where no picture is wanted.
        let alone = || head_extent(&head.bytes, false) == Ok(HeadExtent::Whole(head.bytes.len()));
        let extent = self.query.pictures || alone();
        place && extent && header.sequence >= self.least && header.start_us < asked.to_us
    }

    fn page(self) -> HeadPage {
        // A full answer that leads nowhere is the last, or a relay could be asked the same for
        // ever.
        let leads = self.is_full() && self.least > self.query.segments.cursor;
        HeadPage { next: leads.then_some(self.least), heads: self.heads, told: self.told }
    }
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

    /// What is made of an answer, as far as it is heard.
    fn page(query: &HeadQuery, told: Vec<StoredHead>, most: usize) -> HeadPage {
        let (mut answer, mut told) = (Answer::new(query, most), told.into_iter());
        while !answer.is_full()
            && let Some(head) = told.next()
        {
            answer.take(head);
        }
        answer.page()
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
    fn an_answer_is_not_held_beyond_its_bytes_and_goes_on_behind_them() {
        let sealed = vec![0; limits::FRAGMENT];
        let big = |sequence: u64| {
            let mut head = head(sequence, 1);
            head.bytes.truncate(HEADER_LEN);
            head.bytes.extend(frame(0, &sealed));
            head
        };
        let page = page(&query(5), (5..15).map(big).collect(), limits::HEADS_PER_ANSWER);
        assert_eq!((sequences(&page), page.told), ((5..9).collect(), 4));
        assert_eq!(page.next, Some(Sequence(9)));
    }

    #[test]
    fn a_picture_that_was_not_asked_for_is_left_out() {
        let with_picture = |sequence: u64| {
            let mut head = head(sequence, 1);
            head.bytes.extend(frame(1, b"picture"));
            head
        };
        let told = || vec![head(5, 1), with_picture(6), head(7, 1)];
        assert_eq!(sequences(&page(&query(5), told(), 3)), [5, 7]);
        let pictures = HeadQuery { pictures: true, ..query(5) };
        assert_eq!(sequences(&page(&pictures, told(), 3)), [5, 6, 7]);
    }

    #[test]
    fn another_cameras_or_tracks_head_is_left_out() {
        let renamed = |sequence: u64, change: fn(&mut SegmentHeader)| {
            let mut told = head(sequence, 1);
            let mut header = SegmentHeader::decode(&told.bytes[..HEADER_LEN]).unwrap();
            change(&mut header);
            told.bytes[..HEADER_LEN].copy_from_slice(&header.encode());
            told
        };
        let other_camera = renamed(6, |header| header.camera_id = CameraId([2; 32]));
        let other_track = renamed(7, |header| header.track = TrackId::SUB);
        let same = renamed(8, |_| ());
        assert_eq!(sequences(&page(&query(5), vec![head(5, 1), other_camera, other_track, same], 4)), [5, 8]);
    }

    #[test]
    fn a_full_answer_that_leads_nowhere_is_the_last() {
        let older = |cursor| page(&query(cursor), vec![head(1, 1), head(2, 1)], 2);
        assert_eq!((sequences(&older(5)), older(5).next), (vec![], None));
        let last = page(&query(u64::MAX), vec![head(u64::MAX, 1), head(u64::MAX, 1)], 2);
        assert_eq!(last.next, None);
    }
}
