//! Reads a segment from bytes as they arrive, within limits, without holding more than one fragment.

use alloc::vec::Vec;

use super::{END, HEADER_LEN, SegmentHeader, TRAILER_LEN, Trailer};
use crate::codec::{DecodeError, Reader};
use crate::limits;

/// What a [`SegmentReader`] found next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The clear header; always first.
    Header(SegmentHeader),
    /// The next fragment.
    Fragment {
        /// Counts from 0 without a hole.
        index: u32,
        /// A Cobblestone message.
        sealed: Vec<u8>,
    },
    /// The signed end; always last.
    Trailer(Trailer),
}

/// An incremental parser: feed bytes with [`SegmentReader::push`], take parts with [`SegmentReader::next_part`].
#[derive(Debug, Default)]
pub struct SegmentReader {
    buffer: Vec<u8>,
    consumed: usize,
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
    /// Starts before the header.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes that arrived.
    ///
    /// # Errors
    /// [`DecodeError::TooLong`] when the segment passes its hard limit; [`DecodeError::Trailing`] after the trailer.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        self.total = self.total.saturating_add(bytes.len());
        if self.total > limits::SEGMENT {
            return Err(DecodeError::TooLong { field: "segment", got: self.total, limit: limits::SEGMENT });
        }
        if self.state == State::Done && !bytes.is_empty() {
            return Err(DecodeError::Trailing(bytes.len()));
        }
        if self.consumed > 0 {
            self.buffer.drain(..self.consumed);
            self.consumed = 0;
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// The next whole part, or `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`DecodeError`] at the first byte that no segment can have.
    pub fn next_part(&mut self) -> Result<Option<Part>, DecodeError> {
        let rest = self.buffer.get(self.consumed..).unwrap_or_default();
        match self.state {
            State::Header => {
                let Some(bytes) = rest.get(..HEADER_LEN) else { return Ok(None) };
                let header = SegmentHeader::decode(bytes)?;
                self.advance(HEADER_LEN, State::Fragment(0));
                Ok(Some(Part::Header(header)))
            }
            State::Fragment(expected) => self.fragment(expected),
            State::Trailer(count) => self.trailer(count),
            State::Done if rest.is_empty() => Ok(None),
            State::Done => Err(DecodeError::Trailing(rest.len())),
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
        let rest = self.buffer.get(self.consumed..).unwrap_or_default();
        let mut r = Reader::new(rest);
        let Ok(index) = r.u32("index") else { return Ok(None) };
        if index == END {
            self.advance(4, State::Trailer(expected));
            return self.trailer(expected);
        }
        // SPEC: segment.md#segment: an index out of turn MUST be refused, and a length over its limit before anything is allocated.
        if index != expected || index >= limits::FRAGMENTS {
            return Err(DecodeError::BadValue("fragment index"));
        }
        // SPEC: segment.md#segment: lengths MUST be checked against their limits before anything is
        // allocated.
        match r.bytes(limits::FRAGMENT, "fragment") {
            Ok(sealed) => {
                let sealed = sealed.to_vec();
                self.advance(8 + sealed.len(), State::Fragment(expected + 1));
                Ok(Some(Part::Fragment { index, sealed }))
            }
            Err(DecodeError::Truncated(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn trailer(&mut self, count: u32) -> Result<Option<Part>, DecodeError> {
        let rest = self.buffer.get(self.consumed..).unwrap_or_default();
        let Some(bytes) = rest.get(..TRAILER_LEN) else { return Ok(None) };
        let trailer = Trailer::read(&mut Reader::new(bytes))?;
        // SPEC: segment.md#segment: the count MUST be the number of fragments.
        if trailer.fragments != count {
            return Err(DecodeError::BadValue("fragments"));
        }
        self.advance(TRAILER_LEN, State::Done);
        if self.buffer.len() > self.consumed {
            return Err(DecodeError::Trailing(self.buffer.len() - self.consumed));
        }
        Ok(Some(Part::Trailer(trailer)))
    }

    fn advance(&mut self, n: usize, state: State) {
        self.consumed += n;
        self.state = state;
    }
}
