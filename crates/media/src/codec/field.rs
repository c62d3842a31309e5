//! Values of one form: how each is written and read is said once, by its type, and an object lists
//! its fields once, for both ways.
//!
//! ```
//! use media::{codec, fields, id::Day};
//!
//! struct Greeting { day: Day, name: String, marks: Vec<Mark> }
//! struct Mark { at: u64 }
//! fields!(Mark { at });
//! // By its type; within a limit, and under another name in errors; a list of at most 8.
//! fields!(Greeting { day, name = "greeting's name" <= 64, marks[8] });
//!
//! let bytes = codec::encode(0x7f, &Greeting { day: Day(1), name: "Byron".into(), marks: vec![] });
//! assert_eq!(codec::decode::<Greeting>(0x7f, &bytes)?.name, "Byron");
//! # Ok::<(), codec::DecodeError>(())
//! ```

use super::{DecodeError, Reader, Writer};
use alloc::string::String;
use alloc::vec::Vec;

/// A value whose form follows from its type.
pub trait Field: Sized {
    /// Appends it.
    fn write(&self, w: &mut Writer);

    /// Reads it; `field` is its name in errors.
    ///
    /// # Errors
    /// [`DecodeError`].
    fn read(r: &mut Reader<'_>, field: &'static str) -> Result<Self, DecodeError>;
}

/// A value whose length is bounded where it stands.
pub trait Bounded: Sized {
    /// A length, or several.
    type Limit;

    /// Appends it.
    fn write(&self, w: &mut Writer);

    /// Reads it; `field` is its name in errors.
    ///
    /// # Errors
    /// [`DecodeError`]; a length over the limit is refused before anything is allocated.
    fn read(r: &mut Reader<'_>, limit: Self::Limit, field: &'static str) -> Result<Self, DecodeError>;
}

macro_rules! integers {
    ($($type:ident),+) => { $(
        impl Field for $type {
            fn write(&self, w: &mut Writer) {
                w.raw(&self.to_be_bytes());
            }

            fn read(r: &mut Reader<'_>, field: &'static str) -> Result<Self, DecodeError> {
                Ok(Self::from_be_bytes(r.array(field)?))
            }
        }
    )+ };
}

integers!(u8, u16, u32, u64, i64);

impl<const N: usize> Field for [u8; N] {
    fn write(&self, w: &mut Writer) {
        w.raw(self);
    }

    fn read(r: &mut Reader<'_>, field: &'static str) -> Result<Self, DecodeError> {
        r.array(field)
    }
}

impl Field for bool {
    fn write(&self, w: &mut Writer) {
        w.u8(u8::from(*self));
    }

    fn read(r: &mut Reader<'_>, field: &'static str) -> Result<Self, DecodeError> {
        match r.u8(field)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::BadValue(field)),
        }
    }
}

impl Bounded for Vec<u8> {
    type Limit = usize;

    fn write(&self, w: &mut Writer) {
        w.bytes(self);
    }

    fn read(r: &mut Reader<'_>, limit: usize, field: &'static str) -> Result<Self, DecodeError> {
        Ok(r.bytes(limit, field)?.to_vec())
    }
}

impl Bounded for String {
    type Limit = usize;

    fn write(&self, w: &mut Writer) {
        w.bytes(self.as_bytes());
    }

    fn read(r: &mut Reader<'_>, limit: usize, field: &'static str) -> Result<Self, DecodeError> {
        r.text(limit, field)
    }
}

/// So many items, of so many bytes each. The input's own size bounds what is allocated: an item
/// costs at least the four bytes of its length.
impl Bounded for Vec<Vec<u8>> {
    type Limit = (usize, usize);

    fn write(&self, w: &mut Writer) {
        w.count(self.len());
        self.iter().for_each(|item| item.write(w));
    }

    fn read(r: &mut Reader<'_>, limit: (usize, usize), field: &'static str) -> Result<Self, DecodeError> {
        (0..r.count(limit.0, field)?).map(|_| Bounded::read(r, limit.1, field)).collect()
    }
}

/// Makes a [`Field`] of a struct: its fields, one behind the other, in the order of the list. A
/// `check` looks at what was read.
#[macro_export]
macro_rules! fields {
    ($type:ident {
        $($field:ident $(= $name:literal)? $([$most:expr])? $(<= $limit:expr)?),+ $(,)?
    } $(check $check:expr)?) => {
        impl $crate::codec::Field for $type {
            fn write(&self, w: &mut $crate::codec::Writer) {
                $( $crate::fields!(@write w &self.$field $(, [$most])? $(, <= $limit)?); )+
            }

            fn read(
                r: &mut $crate::codec::Reader<'_>,
                _: &'static str,
            ) -> Result<Self, $crate::codec::DecodeError> {
                let read = Self { $(
                    $field: $crate::fields!(
                        @read r $crate::fields!(@name $field $($name)?) $(, [$most])? $(, <= $limit)?
                    ),
                )+ };
                $( $check(&read)?; )?
                Ok(read)
            }
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $name:literal) => { $name };
    (@write $w:ident $value:expr) => { $crate::codec::Field::write($value, $w) };
    (@write $w:ident $value:expr, [$most:expr]) => { $w.list($value) };
    (@write $w:ident $value:expr, <= $limit:expr) => { $crate::codec::Bounded::write($value, $w) };
    (@read $r:ident $name:expr) => { $crate::codec::Field::read($r, $name)? };
    (@read $r:ident $name:expr, [$most:expr]) => { $r.list($most, $name)? };
    (@read $r:ident $name:expr, <= $limit:expr) => { $crate::codec::Bounded::read($r, $limit, $name)? };
}

/// Makes a [`Field`] of a type that is another one under a name.
#[macro_export]
macro_rules! wrapped {
    ($type:ident) => {
        impl $crate::codec::Field for $type {
            fn write(&self, w: &mut $crate::codec::Writer) {
                $crate::codec::Field::write(&self.0, w);
            }

            fn read(
                r: &mut $crate::codec::Reader<'_>,
                field: &'static str,
            ) -> Result<Self, $crate::codec::DecodeError> {
                $crate::codec::Field::read(r, field).map(Self)
            }
        }
    };
}

/// Makes a [`Field`] of an enum that is a number on the wire; another number is refused.
#[macro_export]
macro_rules! numbered {
    ($type:ident as $number:ident { $($variant:ident = $code:literal),+ $(,)? }) => {
        impl $type {
            /// Its number on the wire.
            pub const fn code(self) -> $number {
                match self { $( Self::$variant => $code, )+ }
            }
        }

        impl $crate::codec::Field for $type {
            fn write(&self, w: &mut $crate::codec::Writer) {
                w.$number(self.code());
            }

            fn read(
                r: &mut $crate::codec::Reader<'_>,
                field: &'static str,
            ) -> Result<Self, $crate::codec::DecodeError> {
                match r.$number(field)? {
                    $( $code => Ok(Self::$variant), )+
                    _ => Err($crate::codec::DecodeError::BadValue(field)),
                }
            }
        }
    };
}
