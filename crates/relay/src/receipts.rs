//! What a connection was acknowledged, signed from time to time, so that the camera can show it to
//! others. Contract: `proto/session.md#receipts`.

use ed25519_dalek::SigningKey;
use host::lock::Mutex;
use media::chain::Chain;
use media::id::{CameraId, Sequence, TrackId};
use media::limits;
use media::receipt::{Range, Receipt, SignedReceipt};
use media::segment::SegmentHeader;
use media::time::Micros;
use std::collections::BTreeMap;

/// Ranges that are kept of a track: more than are under way at once. The oldest go.
const RANGES: usize = 1024;

/// By track.
#[derive(Debug, Default)]
pub(crate) struct Receipts(Mutex<BTreeMap<TrackId, Acknowledged>>);

#[derive(Debug)]
struct Acknowledged {
    /// From which number to which.
    ranges: BTreeMap<Sequence, Sequence>,
    newest: (SegmentHeader, Chain),
    /// Since the receipt before.
    has_news: bool,
}

impl Receipts {
    /// A segment is durable; the camera is about to be told.
    pub(crate) fn acknowledge(&self, header: &SegmentHeader, chain: Chain) {
        let mut tracks = self.0.lock();
        let track = tracks.entry(header.track).or_insert_with(|| Acknowledged {
            ranges: BTreeMap::new(),
            newest: (*header, chain),
            has_news: true,
        });
        track.has_news = true;
        if header.sequence > track.newest.0.sequence {
            track.newest = (*header, chain);
        }
        track.add(header.sequence);
    }

    /// Receipts of the tracks of which something was acknowledged since the last ones.
    pub(crate) fn sign(&self, camera_id: CameraId, at_us: Micros, relay: &SigningKey) -> Vec<SignedReceipt> {
        let mut tracks = self.0.lock();
        let receipt = |(track, said): (&TrackId, &mut Acknowledged)| {
            if !std::mem::take(&mut said.has_news) {
                return None;
            }
            let (newest, Chain(chain)) = said.newest;
            let ranges = said.ranges.iter().map(|(first, last)| Range { first: *first, last: *last });
            let skip = said.ranges.len().saturating_sub(limits::ACKNOWLEDGED);
            let acknowledged = ranges.skip(skip).collect();
            let relay_key = relay.verifying_key().to_bytes();
            let (epoch_no, k) = (newest.epoch_no, newest.k);
            let track = *track;
            let receipt = Receipt { relay_key, camera_id, track, at_us, epoch_no, k, chain, acknowledged };
            Some(receipt.sign(relay))
        };
        tracks.iter_mut().filter_map(receipt).collect()
    }
}

impl Acknowledged {
    fn add(&mut self, sequence: Sequence) {
        let before = self.ranges.range(..=sequence).next_back().map(|(first, last)| (*first, *last));
        let first = match before {
            Some((_, last)) if last >= sequence => return,
            Some((first, last)) if last.next() == Some(sequence) => first,
            Some(_) | None => sequence,
        };
        let after = sequence.next().and_then(|next| self.ranges.remove(&next));
        self.ranges.insert(first, after.unwrap_or(sequence));
        if self.ranges.len() > RANGES {
            self.ranges.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::id::EpochNo;
    use media::segment::Start;

    fn header(sequence: u64, k: u32) -> SegmentHeader {
        SegmentHeader {
            camera_id: CameraId([1; 32]),
            track: TrackId::MAIN,
            epoch_no: EpochNo(3),
            k,
            sequence: Sequence(sequence),
            run: 1,
            start_us: Micros(1),
            start: Start::KeyFrame,
        }
    }

    #[test]
    fn live_and_backlog_become_ranges_and_the_head_is_the_newest() {
        let (receipts, relay) = (Receipts::default(), SigningKey::from_bytes(&[2; 32]));
        let sign = |receipts: &Receipts| receipts.sign(CameraId([1; 32]), Micros(9), &relay);
        assert!(sign(&receipts).is_empty());
        for sequence in [20, 21, 3, 5, 22, 4, 4] {
            receipts.acknowledge(&header(sequence, u32::try_from(sequence).unwrap()), Chain([7; 32]));
        }
        let signed = sign(&receipts);
        let receipt = signed[0].verify().unwrap();
        let ranges: Vec<_> = receipt.acknowledged.iter().map(|it| (it.first.0, it.last.0)).collect();
        assert_eq!((ranges, receipt.k, signed.len()), (vec![(3, 5), (20, 22)], 22, 1));
        assert!(sign(&receipts).is_empty(), "nothing new");
        // More ranges than fit: the oldest go.
        for sequence in (100..200).step_by(2) {
            receipts.acknowledge(&header(sequence, 1), Chain([7; 32]));
        }
        let signed = sign(&receipts);
        let acknowledged = &signed[0].verify().unwrap().acknowledged;
        assert_eq!(acknowledged.len(), limits::ACKNOWLEDGED);
        assert_eq!(acknowledged.last().unwrap().last, Sequence(198));
    }
}
