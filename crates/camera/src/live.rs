//! The segment that is being filmed, readable while it grows. It is held whole in memory (at most 4
//! MiB and a fragment), so that a session that begins in the middle of it still sends it from its
//! header on.

use media::id::{EpochNo, Sequence};
use tokio::sync::watch;

/// A growing segment.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    pub(crate) sequence: Sequence,
    pub(crate) epoch_no: EpochNo,
    grown: watch::Receiver<Grown>,
}

/// The one writer of a [`Live`]. Dropped before [`end`](LiveWriter::end), the segment is given up:
/// it has no signed end.
#[derive(Debug)]
pub(crate) struct LiveWriter(watch::Sender<Grown>);

#[derive(Debug, Default)]
struct Grown {
    pieces: Vec<Vec<u8>>,
    ended: bool,
}

/// What comes next of a growing segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Pieces(Vec<u8>),
    /// That was all.
    End,
    /// It will have no end.
    GivenUp,
}

pub(crate) fn begin(sequence: Sequence, epoch_no: EpochNo, bytes: Vec<u8>) -> (LiveWriter, Live) {
    let (sender, grown) = watch::channel(Grown { pieces: vec![bytes], ended: false });
    (LiveWriter(sender), Live { sequence, epoch_no, grown })
}

impl LiveWriter {
    pub(crate) fn append(&self, bytes: Vec<u8>) {
        self.0.send_modify(|grown| grown.pieces.push(bytes));
    }

    /// The signed end, to be given only once the whole segment is durable: then a relay never holds
    /// what the camera could forget.
    pub(crate) fn end(self, bytes: Vec<u8>) {
        self.0.send_modify(|grown| {
            grown.pieces.push(bytes);
            grown.ended = true;
        });
    }
}

impl Live {
    /// What follows the first `at` pieces, which are counted on. Waits until there is something.
    /// Cancel-safe.
    pub(crate) async fn next(&mut self, at: &mut usize) -> Next {
        let mut read = |grown: &Grown| {
            let fresh = grown.pieces.get(*at..).unwrap_or_default().concat();
            *at = grown.pieces.len();
            match (fresh.is_empty(), grown.ended) {
                (false, _) => Some(Next::Pieces(fresh)),
                (true, true) => Some(Next::End),
                (true, false) => None,
            }
        };
        loop {
            if let Some(next) = read(&self.grown.borrow_and_update()) {
                return next;
            }
            if self.grown.changed().await.is_err() {
                // The writer is gone; what it wrote last counts.
                return read(&self.grown.borrow_and_update()).unwrap_or(Next::GivenUp);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_late_reader_reads_all_of_it_and_then_follows() {
        let (writer, live) = begin(Sequence(1), EpochNo(2), vec![1]);
        writer.append(vec![2, 3]);
        let (mut one, mut at) = (live.clone(), 0);
        assert_eq!(one.next(&mut at).await, Next::Pieces(vec![1, 2, 3]));
        writer.end(vec![4]);
        assert_eq!(one.next(&mut at).await, Next::Pieces(vec![4]));
        assert_eq!(one.next(&mut at).await, Next::End);
        let (mut late, mut at) = (live, 0);
        assert_eq!(late.next(&mut at).await, Next::Pieces(vec![1, 2, 3, 4]));
        assert_eq!(late.next(&mut at).await, Next::End);
    }

    #[tokio::test]
    async fn a_segment_without_an_end_is_given_up() {
        let (writer, mut live) = begin(Sequence(1), EpochNo(2), vec![1]);
        drop(writer);
        let mut at = 0;
        assert_eq!(live.next(&mut at).await, Next::Pieces(vec![1]));
        assert_eq!(live.next(&mut at).await, Next::GivenUp);
    }
}
