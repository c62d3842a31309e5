//! Lines `field value` in one order, both ways.

use crate::value::Value;
use alloc::string::String;
use alloc::vec::Vec;
use core::str::Split;

/// Why a text is not a leaf (or another of our records) of the expected kind. Errors name the
/// field, never its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The first line is not `candor KIND v1`.
    #[error("the first line must be \"candor KIND v1\"")]
    NoKind,
    /// A kind that version 1 does not have.
    #[error("there is no such kind of leaf in version 1")]
    UnknownKind,
    /// A good leaf, of another kind.
    #[error("expected a leaf of kind {0}")]
    WrongKind(&'static str),
    /// Another field, or none, where this one must stand: unknown, repeated, missing or misplaced.
    #[error("expected the field {0} here: fields are all there, once, in the order of the table")]
    Expected(&'static str),
    /// A value that is not what the field's type allows, or not in its one canonical form.
    #[error("the value of {0} is not valid")]
    BadValue(&'static str),
    /// Lines after the last field.
    #[error("there are lines after the last field")]
    Trailing,
    /// Fields that contradict each other.
    #[error("{0}")]
    Contradiction(&'static str),
}

impl TextError {
    /// The error, unless what the fields must say together is so.
    pub fn unless(is_so: bool, contradiction: &'static str) -> Result<(), Self> {
        is_so.then_some(()).ok_or(Self::Contradiction(contradiction))
    }
}

/// A kind of leaf: its text, both ways.
pub trait Record: Sized {
    /// The text, with its final newline.
    fn text(&self) -> String;

    /// Reads what [`Record::text`] writes, and nothing else.
    fn parse_text(text: &str) -> Result<Self, TextError>;
}

/// The KIND of the first line.
pub fn kind_of(text: &str) -> Result<&str, TextError> {
    let line = text.split('\n').next().unwrap_or_default();
    let kind = line.strip_prefix("candor ").and_then(|rest| rest.strip_suffix(" v1"));
    kind.filter(|kind| !kind.is_empty() && !kind.contains(' ')).ok_or(TextError::NoKind)
}

/// Writes a record line by line.
#[derive(Debug)]
pub struct Lines(String);

impl Lines {
    /// Begins a text of this kind.
    pub fn new(kind: &str) -> Self {
        Self(alloc::format!("candor {kind} v1\n"))
    }

    /// The next line.
    pub fn field(&mut self, name: &str, value: &impl Value) {
        self.0.push_str(name);
        self.0.push(' ');
        value.write(&mut self.0);
        self.0.push('\n');
    }

    /// The whole text.
    pub fn finish(self) -> String {
        self.0
    }
}

/// Reads a record line by line.
#[derive(Debug)]
pub struct Fields<'a> {
    lines: Split<'a, char>,
}

impl<'a> Fields<'a> {
    /// The lines of a text of this kind.
    pub fn of(text: &'a str, kind: &'static str) -> Result<Self, TextError> {
        if kind_of(text)? != kind {
            return Err(TextError::WrongKind(kind));
        }
        // Without its newline a last line could be cut short unnoticed.
        let body = text.strip_suffix('\n').ok_or(TextError::NoKind)?;
        let mut lines = body.split('\n');
        lines.next();
        Ok(Self { lines })
    }

    // SPEC: release.md#leaves: unknown, repeated, missing and misplaced fields MUST be refused.
    /// The value of the next line, which must be this field's.
    pub fn field<V: Value>(&mut self, name: &'static str) -> Result<V, TextError> {
        let line = self.lines.next().ok_or(TextError::Expected(name))?;
        let (found, value) = line.split_once(' ').ok_or(TextError::Expected(name))?;
        if found != name {
            return Err(TextError::Expected(name));
        }
        let parsed = V::read(value).ok_or(TextError::BadValue(name))?;
        let mut again = String::new();
        parsed.write(&mut again);
        if again == value { Ok(parsed) } else { Err(TextError::BadValue(name)) }
    }

    /// All the lines of a field that may be repeated. The input's own limit bounds them.
    pub fn list<V: Value>(&mut self, name: &'static str) -> Result<Vec<V>, TextError> {
        let mut values = Vec::new();
        while self
            .lines
            .clone()
            .next()
            .and_then(|line| line.split_once(' '))
            .is_some_and(|(word, _)| word == name)
        {
            values.push(self.field(name)?);
        }
        Ok(values)
    }

    /// A number of which sums with times cannot overflow.
    pub fn figure(&mut self, name: &'static str) -> Result<u64, TextError> {
        let figure: u64 = self.field(name)?;
        if figure <= u64::from(u32::MAX) { Ok(figure) } else { Err(TextError::BadValue(name)) }
    }

    /// Nothing must follow.
    pub fn end(mut self) -> Result<(), TextError> {
        if self.lines.next().is_none() { Ok(()) } else { Err(TextError::Trailing) }
    }
}

/// Declares the fields of a record, in the order of the contract's table. A leaf's word stands in
/// the table of kinds (`leaf.rs`), another record's here.
#[macro_export]
macro_rules! record {
    (
        $(#[$about:meta])*
        $name:ident $(= $word:literal)? {
            $( $(#[$field_about:meta])* $field:ident: $type:ty = $name_of_field:literal, )+
        }
        $(check $check:expr;)?
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $( $(#[$field_about])* pub $field: $type, )+
        }

        $( impl $name {
            const WORD: &'static str = $word;
        } )?

        impl $crate::text::Record for $name {
            fn text(&self) -> alloc::string::String {
                let mut lines = $crate::text::Lines::new(Self::WORD);
                $( lines.field($name_of_field, &self.$field); )+
                lines.finish()
            }

            fn parse_text(text: &str) -> Result<Self, $crate::text::TextError> {
                let mut fields = $crate::text::Fields::of(text, Self::WORD)?;
                let record = Self { $( $field: fields.field($name_of_field)?, )+ };
                fields.end()?;
                $( $check(&record)?; )?
                Ok(record)
            }
        }
    };
}
