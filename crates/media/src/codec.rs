//! The canonical encoding of every binary object: fixed fields in order, big-endian integers,
//! length-prefixed bytes with a stated maximum.
//!
//! Contract: `proto/README.md`, "Conventions of every binary object". A decoder reads each field
//! once, checks each length before it allocates, and refuses bytes that are left over, so that a
//! value has exactly one encoding.

mod field;

pub use field::{Bounded, Field};

use crate::sign::SignatureBytes;
use alloc::string::String;
use alloc::vec::Vec;

/// The cipher suite of version 1. Every object names it first.
pub const SUITE: u16 = 1;

/// Why bytes are not the object they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end inside a field.
    #[error("truncated: the bytes end inside {0}")]
    Truncated(&'static str),
    /// Bytes follow the last field.
    #[error("{0} bytes follow the last field")]
    Trailing(usize),
    /// A length is over the field's stated maximum.
    #[error("{field} is {got} long, over its limit of {limit}")]
    TooLong {
        /// The field.
        field: &'static str,
        /// The length that was announced.
        got: usize,
        /// The field's maximum.
        limit: usize,
    },
    /// A suite this version does not know.
    #[error("unknown suite {0}; this version knows suite 1")]
    UnknownSuite(u16),
    /// Another object's type byte.
    #[error("type {got:#04x} where {expected:#04x} was expected")]
    WrongType {
        /// The type byte of the object that was to be read.
        expected: u8,
        /// The type byte found.
        got: u8,
    },
    /// A field holds a value outside its range, or breaks the object's own order.
    #[error("{0} holds a value that is not allowed")]
    BadValue(&'static str),
}

/// Reads fields from the front of a byte slice.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Starts an object: reads suite and type and refuses any other.
    ///
    /// # Errors
    /// [`DecodeError::UnknownSuite`], [`DecodeError::WrongType`] or [`DecodeError::Truncated`].
    pub fn object(bytes: &'a [u8], kind: u8) -> Result<Self, DecodeError> {
        let mut reader = Self::new(bytes);
        let suite = reader.u16("suite")?;
        if suite != SUITE {
            return Err(DecodeError::UnknownSuite(suite));
        }
        let got = reader.u8("type")?;
        if got != kind {
            return Err(DecodeError::WrongType { expected: kind, got });
        }
        Ok(reader)
    }

    /// The next `n` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when fewer are left.
    pub fn take(&mut self, n: usize, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let (head, tail) = self.rest.split_at_checked(n).ok_or(DecodeError::Truncated(field))?;
        self.rest = tail;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let (head, tail) = self.rest.split_first_chunk::<N>().ok_or(DecodeError::Truncated(field))?;
        self.rest = tail;
        Ok(*head)
    }

    /// A byte.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        Ok(u8::from_be_bytes(self.array(field)?))
    }

    /// A big-endian `u16`.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.array(field)?))
    }

    /// A big-endian `u32`.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.array(field)?))
    }

    /// A big-endian `u64`.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        Ok(u64::from_be_bytes(self.array(field)?))
    }

    /// `u32` length and that many bytes, at most `limit`.
    ///
    /// # Errors
    /// [`DecodeError::TooLong`] before anything is read or allocated; [`DecodeError::Truncated`].
    pub fn bytes(&mut self, limit: usize, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let got = usize::try_from(self.u32(field)?).map_err(|_| DecodeError::BadValue(field))?;
        check_size(got, field, limit)?;
        self.take(got, field)
    }

    /// [`Reader::bytes`] that are UTF-8 without control characters other than newline.
    ///
    /// # Errors
    /// As [`Reader::bytes`], and [`DecodeError::BadValue`].
    pub fn text(&mut self, limit: usize, field: &'static str) -> Result<String, DecodeError> {
        let bytes = self.bytes(limit, field)?;
        let text = core::str::from_utf8(bytes).map_err(|_| DecodeError::BadValue(field))?;
        if text.chars().any(|c| c.is_control() && c != '\n') {
            return Err(DecodeError::BadValue(field));
        }
        Ok(text.into())
    }

    /// A count of items, `u16`, at most `limit`.
    ///
    /// # Errors
    /// [`DecodeError::TooLong`], [`DecodeError::Truncated`].
    pub fn count(&mut self, limit: usize, field: &'static str) -> Result<usize, DecodeError> {
        let got = usize::from(self.u16(field)?);
        check_size(got, field, limit)?;
        Ok(got)
    }

    /// A count and that many values.
    ///
    /// # Errors
    /// As [`Reader::count`], and those of a value.
    pub fn list<T: Field>(&mut self, limit: usize, field: &'static str) -> Result<Vec<T>, DecodeError> {
        (0..self.count(limit, field)?).map(|_| T::read(self, field)).collect()
    }

    /// A byte that says whether it is there, and it.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn optional<T: Field>(&mut self, field: &'static str) -> Result<Option<T>, DecodeError> {
        bool::read(self, field)?.then(|| T::read(self, field)).transpose()
    }

    /// How many bytes are left.
    pub const fn left(&self) -> usize {
        self.rest.len()
    }

    /// Ends the object: nothing may be left.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`].
    pub const fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Trailing(self.rest.len())) }
    }
}

/// Writes fields to the end of a byte vector.
#[derive(Debug, Default, Clone)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// Writes bare fields, without suite and type.
    pub const fn new() -> Self {
        Self { out: Vec::new() }
    }

    /// Starts an object with suite and type.
    pub fn object(kind: u8) -> Self {
        let mut writer = Self::new();
        writer.u16(SUITE).u8(kind);
        writer
    }

    /// Bytes without a length, for fields of fixed size.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.out.extend_from_slice(bytes);
        self
    }

    /// A byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.raw(&[value])
    }

    /// A big-endian `u16`.
    pub fn u16(&mut self, value: u16) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// A big-endian `u32`.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// A big-endian `u64`.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// `u32` length and the bytes.
    ///
    /// # Panics
    /// Over 4 GiB, which no limit of this protocol allows.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        let length = u32::try_from(bytes.len()).expect("every field's limit is far below 4 GiB");
        self.u32(length).raw(bytes)
    }

    /// A count of items.
    ///
    /// # Panics
    /// Over 65,535 items, which no limit of this protocol allows.
    pub fn count(&mut self, n: usize) -> &mut Self {
        self.u16(u16::try_from(n).expect("every list's limit is below 65,536"))
    }

    /// A count and the values.
    pub fn list<T: Field>(&mut self, values: &[T]) {
        self.count(values.len());
        values.iter().for_each(|value| value.write(self));
    }

    /// A byte that says whether it is there, and it.
    pub fn optional<T: Field>(&mut self, value: Option<&T>) {
        value.is_some().write(self);
        value.iter().for_each(|value| value.write(self));
    }

    /// The bytes written.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }
}

/// An object: suite, type, fields.
pub fn encode(kind: u8, value: &impl Field) -> Vec<u8> {
    written(Writer::object(kind), value)
}

/// The bytes of a value alone, without suite and type: where nothing else can stand.
pub fn encode_bare(value: &impl Field) -> Vec<u8> {
    written(Writer::new(), value)
}

fn written(mut w: Writer, value: &impl Field) -> Vec<u8> {
    value.write(&mut w);
    w.finish()
}

/// Reads what [`encode`] writes, and nothing else.
///
/// # Errors
/// [`DecodeError`].
pub fn decode<T: Field>(kind: u8, bytes: &[u8]) -> Result<T, DecodeError> {
    whole(Reader::object(bytes, kind)?)
}

/// Reads what [`encode_bare`] wrote.
///
/// # Errors
/// [`DecodeError`].
pub fn decode_bare<T: Field>(bytes: &[u8]) -> Result<T, DecodeError> {
    whole(Reader::new(bytes))
}

fn whole<T: Field>(mut r: Reader<'_>) -> Result<T, DecodeError> {
    let value = T::read(&mut r, "object")?;
    r.finish()?;
    Ok(value)
}

/// The content of an object that ends with a signature, which is not verified here.
pub(crate) fn decode_signed<T: Field>(kind: u8, bytes: &[u8]) -> Result<T, DecodeError> {
    let mut r = Reader::object(bytes, kind)?;
    let value = T::read(&mut r, "object")?;
    let _signature: SignatureBytes = r.array("signature")?;
    r.finish()?;
    Ok(value)
}

/// A text that [`Reader::text`] takes: without control characters, and cut to its limit.
pub fn cut_text(text: impl Into<String>, limit: usize) -> String {
    let mut text = text.into();
    text.retain(|c| !c.is_control());
    while text.len() > limit {
        text.pop();
    }
    text
}

/// Refuses what is over its limit before anything of it is read.
///
/// # Errors
/// [`DecodeError::TooLong`].
pub const fn check_size(got: usize, field: &'static str, limit: usize) -> Result<(), DecodeError> {
    if got > limit { Err(DecodeError::TooLong { field, got, limit }) } else { Ok(()) }
}
