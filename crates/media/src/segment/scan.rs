//! Reads a segment from bytes as they arrive, within limits, and in place: no large piece of a
//! fragment is copied (small ones are, as [`Rope`] does), and no more is held than what was pushed
//! and is not yet a whole part.

use bytes::Bytes;

use super::{END, HEADER_LEN, SegmentHeader, TRAILER_LEN, Trailer};
use crate::codec::{DecodeError, Field as _, Reader, check_size};
use crate::limits;
use crate::rope::Rope;

/// What a [`SegmentReader`] found next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The clear header; always first.
    Header(SegmentHeader),
    /// The next fragment.
    Fragment {
        /// Counts from 0 without a hole.
        index: u32,
        /// A Cobblestone message, in the pieces in which it is held.
        sealed: Rope,
    },
    /// The signed end; always last.
    Trailer(Trailer),
}

/// An incremental parser: feed bytes with [`SegmentReader::push`], take parts with
/// [`SegmentReader::next_part`].
#[derive(Debug, Default)]
pub struct SegmentReader {
    rest: Rope,
    total: usize,
    state: State,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Header,
    Fragment(u32),
    Trailer(u32),
    Done,
}

impl SegmentReader {
    /// Adds bytes that arrived.
    ///
    /// # Errors
    /// [`DecodeError::TooLong`] when the segment passes its hard limit; [`DecodeError::Trailing`]
    /// after the trailer.
    pub fn push(&mut self, bytes: impl Into<Bytes>) -> Result<(), DecodeError> {
        let bytes = bytes.into();
        self.total = self.total.saturating_add(bytes.len());
        check_size(self.total, "segment", limits::SEGMENT)?;
        if self.state == State::Done && !bytes.is_empty() {
            return Err(DecodeError::Trailing(bytes.len()));
        }
        self.rest.push(bytes);
        Ok(())
    }

    /// The next whole part, or `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`DecodeError`] at the first byte that no segment can have.
    pub fn next_part(&mut self) -> Result<Option<Part>, DecodeError> {
        match self.state {
            State::Header => {
                let Some(bytes) = self.rest.first::<HEADER_LEN>() else { return Ok(None) };
                let header = SegmentHeader::decode(&bytes)?;
                self.advance(HEADER_LEN, State::Fragment(0));
                Ok(Some(Part::Header(header)))
            }
            State::Fragment(expected) => self.fragment(expected),
            State::Trailer(count) => self.trailer(count),
            State::Done if self.rest.is_empty() => Ok(None),
            State::Done => Err(DecodeError::Trailing(self.rest.len())),
        }
    }

    /// Ends the input: the trailer must have been read.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn finish(self) -> Result<(), DecodeError> {
        let field = match self.state {
            State::Done => return Ok(()),
            State::Header => "the header",
            State::Fragment(_) => "a fragment",
            State::Trailer(_) => "the trailer",
        };
        Err(DecodeError::Truncated(field))
    }

    fn fragment(&mut self, expected: u32) -> Result<Option<Part>, DecodeError> {
        let Some(index) = self.rest.first().map(u32::from_be_bytes) else { return Ok(None) };
        if index == END {
            self.advance(4, State::Trailer(expected));
            return self.trailer(expected);
        }
        // SPEC: segment.md#segment: an index out of turn MUST be refused.
        if index != expected || index >= limits::FRAGMENTS {
            return Err(DecodeError::BadValue("fragment index"));
        }
        let Some([_, _, _, _, length @ ..]) = self.rest.first::<8>() else { return Ok(None) };
        let got = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        // SPEC: segment.md#segment: lengths MUST be checked against their limits before anything is
        // allocated.
        check_size(got, "fragment", limits::FRAGMENT)?;
        if self.rest.len() < 8 + got {
            return Ok(None);
        }
        self.advance(8, State::Fragment(expected + 1));
        Ok(self.rest.split_to(got).map(|sealed| Part::Fragment { index, sealed }))
    }

    fn trailer(&mut self, count: u32) -> Result<Option<Part>, DecodeError> {
        let Some(bytes) = self.rest.first::<TRAILER_LEN>() else { return Ok(None) };
        let trailer = Trailer::read(&mut Reader::new(&bytes), "trailer")?;
        // SPEC: segment.md#segment: the count MUST be the number of fragments.
        if trailer.fragments != count {
            return Err(DecodeError::BadValue("fragments"));
        }
        self.advance(TRAILER_LEN, State::Done);
        if !self.rest.is_empty() {
            return Err(DecodeError::Trailing(self.rest.len()));
        }
        Ok(Some(Part::Trailer(trailer)))
    }

    fn advance(&mut self, n: usize, state: State) {
        self.rest.split_to(n);
        self.state = state;
    }
}
