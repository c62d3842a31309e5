//! Bytes in the pieces in which they arrived: held, cut and handed on without copying a large one.
//!
//! Small pieces are copied together: whoever sends byte by byte must cost what the bytes take, not
//! what each piece takes, and must not keep the buffers alive out of which the bytes were cut. So n
//! bytes that were pushed are at most `2 * n / SMALL + 2` pieces. A large piece keeps the whole of
//! its own buffer: whoever pushes one answers for that.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;
use core::{fmt, mem};

/// A pushed piece of fewer bytes is copied.
pub const SMALL: usize = 1024;

/// A row of pieces. Two are equal when their bytes are, wherever those are cut.
#[derive(Clone, Default)]
pub struct Rope {
    /// None is empty.
    pieces: VecDeque<Bytes>,
    /// Small pieces, joined, behind all others.
    tail: Vec<u8>,
    length: usize,
}

impl Rope {
    /// Adds a piece at the end.
    pub fn push(&mut self, piece: Bytes) {
        self.length += piece.len();
        if piece.len() < SMALL {
            self.tail.extend_from_slice(&piece);
            if self.tail.len() >= SMALL {
                self.settle();
            }
        } else {
            self.settle();
            self.pieces.push_back(piece);
        }
    }

    /// Makes the small pieces at the end one that is shared, as the large ones are.
    pub fn settle(&mut self) {
        if !self.tail.is_empty() {
            self.pieces.push_back(mem::take(&mut self.tail).into());
        }
    }

    /// The pieces that are shared, without the first `skipped`.
    pub fn shared(&self, skipped: usize) -> impl Iterator<Item = &Bytes> {
        self.pieces.iter().skip(skipped)
    }

    /// Bytes in all pieces together.
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether there is no byte.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The pieces in order.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let tail = Some(&self.tail[..]).filter(|tail| !tail.is_empty());
        self.pieces.iter().map(|piece| &piece[..]).chain(tail)
    }

    /// Takes the first `at` bytes off; `None`, and nothing is taken, when there are fewer.
    pub fn split_to(&mut self, at: usize) -> Option<Self> {
        let left = self.length.checked_sub(at)?;
        if at > self.length - self.tail.len() {
            self.settle();
        }
        let mut first = Self { length: at, ..Self::default() };
        let mut wanted = at;
        while wanted > 0 {
            let Some(mut piece) = self.pieces.pop_front() else { break };
            if piece.len() > wanted {
                first.pieces.push_back(piece.split_to(wanted));
                self.pieces.push_front(piece);
                break;
            }
            wanted -= piece.len();
            first.pieces.push_back(piece);
        }
        self.length = left;
        Some(first)
    }

    /// A copy of the first `N` bytes; `None` when there are fewer.
    pub fn first<const N: usize>(&self) -> Option<[u8; N]> {
        let mut out = [0; N];
        let mut filled = 0;
        for piece in self.pieces() {
            let (_, rest) = out.split_at_mut(filled);
            let taken = rest.len().min(piece.len());
            rest.iter_mut().zip(piece).for_each(|(to, from)| *to = *from);
            filled += taken;
            if filled == N {
                break;
            }
        }
        (filled == N).then_some(out)
    }

    /// All bytes in a row: copied, unless they are one piece.
    pub fn to_bytes(&self) -> Bytes {
        match self.pieces.front() {
            Some(only) if only.len() == self.length => only.clone(),
            _ => self.pieces().fold(Vec::with_capacity(self.length), joined).into(),
        }
    }
}

fn joined(mut row: Vec<u8>, piece: &[u8]) -> Vec<u8> {
    row.extend_from_slice(piece);
    row
}

/// Says how much, not what: a piece may be for few eyes.
impl fmt::Debug for Rope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rope({} bytes in {} pieces)", self.length, self.pieces().count())
    }
}

impl From<Bytes> for Rope {
    fn from(bytes: Bytes) -> Self {
        let length = bytes.len();
        Self { pieces: (length > 0).then_some(bytes).into_iter().collect(), length, ..Self::default() }
    }
}

impl From<Vec<u8>> for Rope {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl PartialEq<[u8]> for Rope {
    fn eq(&self, other: &[u8]) -> bool {
        let mut rest = other;
        self.length == other.len()
            && self.pieces().all(|piece| match rest.split_at_checked(piece.len()) {
                Some((first, behind)) => {
                    rest = behind;
                    first == piece
                }
                None => false,
            })
    }
}

impl PartialEq for Rope {
    fn eq(&self, other: &Self) -> bool {
        self.length == other.length && *self == other.to_bytes()[..]
    }
}

impl Eq for Rope {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// Wherever a row of bytes is cut into pieces, and wherever it is split, it is the same row.
    #[test]
    fn cuts_make_no_difference() {
        let row: Vec<u8> = (0..12).collect();
        for cuts in 0u16..1 << 11 {
            let mut rope = Rope::default();
            let mut from = 0;
            for to in (1..12).filter(|to| cuts & 1 << (to - 1) != 0).chain([12]) {
                rope.push(Bytes::copy_from_slice(&row[from..to]));
                from = to;
            }
            assert_eq!(rope, row[..]);
            assert_eq!(rope.to_bytes(), row);
            assert_eq!(rope, Rope::from(row.clone()));
            assert_eq!(rope.first::<5>().unwrap(), row[..5]);
            assert_eq!(rope.first::<12>().unwrap(), row[..]);
            assert_eq!(rope.first::<13>(), None);
            assert!(rope != row[..11] && rope != [vec![9], row[1..].to_vec()].concat()[..]);
            for at in 0..=12 {
                let mut behind = rope.clone();
                let first = behind.split_to(at).unwrap();
                assert_eq!((first.len(), behind.len()), (at, 12 - at));
                assert!(first == row[..at] && behind == row[at..]);
                assert!(first.pieces().chain(behind.pieces()).all(|piece| !piece.is_empty()));
            }
            assert!(rope.split_to(13).is_none());
            assert_eq!(rope.len(), 12);
        }
    }

    #[test]
    fn small_pieces_are_joined_and_keep_nothing_else_alive() {
        for sizes in [&[1][..], &[SMALL - 1], &[SMALL], &[1, SMALL], &[7, SMALL - 1, 3 * SMALL]] {
            let (mut rope, mut row, mut sizes) = (Rope::default(), Vec::new(), sizes.iter().cycle());
            while row.len() < 1 << 18 {
                let size = *sizes.next().unwrap();
                let piece: Vec<u8> =
                    (row.len()..row.len() + size).map(|at| u8::try_from(at % 251).unwrap()).collect();
                row.extend_from_slice(&piece);
                rope.push(piece.into());
            }
            assert!(rope.pieces().count() <= 2 * row.len() / SMALL + 2, "{rope:?}");
            assert_eq!(rope, row[..]);
            let shared = rope.shared(0).map(|piece| piece.len()).sum::<usize>();
            assert!(rope.len() - shared < SMALL);
            rope.settle();
            let again: Vec<u8> = rope.shared(0).flat_map(|piece| piece.to_vec()).collect();
            assert_eq!(again, row);
            assert_eq!(rope.shared(3).next().map(|piece| &piece[..]), rope.pieces().nth(3));
            let first = rope.split_to(row.len() / 2 + 1).unwrap();
            assert!(first == row[..row.len() / 2 + 1] && rope == row[row.len() / 2 + 1..]);
        }
        let datagram = Bytes::from(vec![7; 64 << 10]);
        let mut rope = Rope::default();
        rope.push(datagram.slice(5..SMALL + 4));
        assert!(datagram.is_unique());
    }

    #[test]
    fn one_piece_is_never_copied_and_a_rope_does_not_show_its_bytes() {
        let piece = Bytes::from(vec![7; 99]);
        let mut rope = Rope::from(piece.clone());
        assert_eq!(rope.to_bytes().as_ptr(), piece.as_ptr());
        let first = rope.split_to(40).unwrap();
        assert_eq!(first.to_bytes().as_ptr(), piece.as_ptr());
        assert_eq!(rope.to_bytes().as_ptr(), piece[40..].as_ptr());
        assert_eq!(alloc::format!("{rope:?}"), "Rope(59 bytes in 1 pieces)");
    }
}
