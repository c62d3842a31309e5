//! Bytes in the pieces in which they arrived: held, cut and handed on without copying one of them.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;

/// A row of pieces. Two are equal when their bytes are, wherever those are cut.
#[derive(Clone, Default)]
pub struct Rope {
    /// None is empty.
    pieces: VecDeque<Bytes>,
    length: usize,
}

impl Rope {
    /// Adds a piece at the end.
    pub fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.length += piece.len();
            self.pieces.push_back(piece);
        }
    }

    /// Bytes in all pieces together.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether there is no byte.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The pieces in order.
    pub fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        self.pieces.iter()
    }

    /// Takes the first `at` bytes off; `None`, and nothing is taken, when there are fewer.
    pub fn split_to(&mut self, at: usize) -> Option<Self> {
        let left = self.length.checked_sub(at)?;
        let mut first = Self::default();
        while let Some(mut piece) = self.pieces.pop_front() {
            let wanted = at - first.length;
            if piece.len() > wanted {
                first.push(piece.split_to(wanted));
                self.pieces.push_front(piece);
                break;
            }
            first.push(piece);
        }
        self.length = left;
        Some(first)
    }

    /// A copy of the first `N` bytes; `None` when there are fewer.
    #[must_use]
    pub fn first<const N: usize>(&self) -> Option<[u8; N]> {
        let mut out = [0; N];
        let mut filled = 0;
        for piece in &self.pieces {
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
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        match self.pieces.front() {
            Some(only) if only.len() == self.length => only.clone(),
            _ => self.pieces.iter().fold(Vec::with_capacity(self.length), joined).into(),
        }
    }
}

fn joined(mut row: Vec<u8>, piece: &Bytes) -> Vec<u8> {
    row.extend_from_slice(piece);
    row
}

/// Says how much, not what: a piece may be for few eyes.
impl fmt::Debug for Rope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rope({} bytes in {} pieces)", self.length, self.pieces.len())
    }
}

impl From<Bytes> for Rope {
    fn from(bytes: Bytes) -> Self {
        let mut rope = Self::default();
        rope.push(bytes);
        rope
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
            && self.pieces.iter().all(|piece| match rest.split_at_checked(piece.len()) {
                Some((first, behind)) => {
                    rest = behind;
                    first == &piece[..]
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
