//! Values of fields. Each has one text: a reader writes back what it read and compares.

use crate::visible::Line;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use core::fmt;
use media::id::{CameraId, EpochNo, TrackId};
use media::time::Seconds;
use tlog::Hash;
use tlog::note::Verifier;

/// The longest name.
pub const NAME_MAX_BYTES: usize = 253;
const LABEL_MAX_BYTES: usize = 63;
/// The longest word, such as a basis or a reason.
pub const WORD_MAX_BYTES: usize = 64;
/// The longest span: a year of footage, beyond any rule.
pub const SPAN_MAX_SECS: u32 = 366 * 86_400;
/// What details are padded to before they are sealed. Their size then says little about what they
/// tell.
pub const DETAILS_SIZES: [usize; 3] = [1024, 4096, 16_384];
/// What sealing adds.
pub const DETAILS_TAG_BYTES: usize = 16;
/// A details key, sealed: an X-Wing encapsulation, the key, its tag.
pub const WRAPPED_KEY_BYTES: usize = 1120 + 32 + 16;

/// A value of a field.
pub trait Value: Sized {
    /// Appends the one text of this value.
    fn write(&self, out: &mut String);
    /// Reads a value. May be lenient: whoever reads compares with what is written back.
    fn read(text: &str) -> Option<Self>;
}

/// How values are written, and read.
macro_rules! values {
    ($( $type:ty: $value:ident => $written:expr, $text:ident => $read:expr; )+) => { $(
        impl $crate::value::Value for $type {
            fn write(&self, out: &mut alloc::string::String) {
                let $value = self;
                out.push_str($written);
            }

            fn read($text: &str) -> Option<Self> {
                $read
            }
        }
    )+ };
}

values! {
    EntryId: id => &STANDARD.encode(id.0), text => STANDARD.decode(text).ok()?.try_into().ok().map(Self);
    Name: name => &name.0, text => Self::new(text);
    Word: word => &word.0, text => Self::new(text);
    Country: code => code.as_str(), text => Self::new(text);
    Vkey: key => &key.0.vkey(), text => Verifier::parse(text).ok().and_then(Self::new);
    SealedDetails: details => &STANDARD.encode(&details.0),
        text => STANDARD.decode(text).ok().and_then(Self::new);
    WrappedKey: key => &STANDARD.encode(&key.0), text => STANDARD.decode(text).ok().and_then(Self::new);
    Bytes: bytes => &STANDARD.encode(&bytes.0), text => STANDARD.decode(text).ok().map(Self);
    Line: line => line.as_str(), text => Self::new(text);
    CameraId: camera => &camera.to_string(), text => text.parse().ok();
    TrackId: track => &track.to_string(), text => u32::read(text).map(Self);
    EpochNo: epoch => &epoch.to_string(), text => u64::read(text).map(Self);
    Hash: hash => &hash.to_base64(), text => Self::from_base64(text);
    // What no 64-bit signed clock can show is a mistake, and would overflow in sums of times.
    Seconds: secs => &secs.to_string(),
        text => u64::read(text).filter(|secs| *secs <= i64::MAX as u64).map(Self);
    u64: number => &number.to_string(), text => text.parse().ok();
    u32: number => &number.to_string(), text => text.parse().ok();
}

/// What ties a request to its label, details, grants and bundles: 16 random bytes, fresh for every
/// leaf that has one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub [u8; 16]);

impl EntryId {
    /// A fresh one.
    pub fn generate(rng: &mut impl rand_core::CryptoRng) -> Self {
        let mut id = [0; 16];
        rng.fill_bytes(&mut id);
        Self(id)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Lower-case hexadecimal, 32 characters, for URLs and file names.
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Reads what [`EntryId::to_hex`] writes, and nothing else.
    pub fn from_hex(text: &str) -> Option<Self> {
        let lower = text.len() == 32 && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        let value = u128::from_str_radix(text, 16).ok().filter(|_| lower)?;
        Some(Self(value.to_be_bytes()))
    }
}

impl fmt::Debug for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryId({})", self.to_hex())
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

/// The name of a party: a host name in lower case, such as `police.example`. So nobody's name looks like
/// another's, and one name has one text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// Checks a name.
    pub fn new(text: &str) -> Option<Self> {
        let label = |label: &str| {
            let plain = label.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-');
            let edges = !label.starts_with('-') && !label.ends_with('-');
            plain && edges && (1..=LABEL_MAX_BYTES).contains(&label.len())
        };
        (text.len() <= NAME_MAX_BYTES && text.split('.').all(label)).then(|| Self(text.to_string()))
    }

    /// Whether `other` is this name, or one below it.
    pub fn covers(&self, other: &Self) -> bool {
        let above = other.0.strip_suffix(&self.0);
        above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A word of a list in the PolicyDoc or in the contract: lower-case letters, digits and hyphens,
/// such as `danger-of-death`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(String);

impl Word {
    /// Checks a word.
    pub fn new(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-');
        let edges = text.starts_with(|c: char| c.is_ascii_lowercase()) && !text.ends_with('-');
        (plain && edges && text.len() <= WORD_MAX_BYTES).then(|| Self(text.to_string()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A two-letter country code in capitals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// Checks a code's form (not whether there is such a country).
    pub fn new(text: &str) -> Option<Self> {
        let code = <[u8; 2]>::try_from(text.as_bytes()).ok()?;
        code.iter().all(u8::is_ascii_uppercase).then_some(Self(code))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).expect("two capitals")
    }
}

/// How much footage is asked for: the sum of the epochs' lengths, in seconds, rounded up.
///
/// Written in minutes (`15m`) where it is whole minutes, else in seconds (`90s`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u32);

impl Span {
    /// A span of 1 to [`SPAN_MAX_SECS`] seconds.
    pub fn from_secs(secs: u32) -> Option<Self> {
        (1..=SPAN_MAX_SECS).contains(&secs).then_some(Self(secs))
    }

    /// The span of epochs of these lengths, in milliseconds.
    pub fn of_epochs(lengths_ms: impl IntoIterator<Item = u32>) -> Option<Self> {
        let sum: u64 = lengths_ms.into_iter().map(u64::from).sum();
        u32::try_from(sum.div_ceil(1000)).ok().and_then(Self::from_secs)
    }

    /// The seconds.
    pub fn secs(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(60) { write!(f, "{}m", self.0 / 60) } else { write!(f, "{}s", self.0) }
    }
}

impl Value for Span {
    fn write(&self, out: &mut String) {
        out.push_str(&self.to_string());
    }

    fn read(text: &str) -> Option<Self> {
        let (number, unit) = match text.strip_suffix('m') {
            Some(number) => (number, 60),
            None => (text.strip_suffix('s')?, 1),
        };
        Self::from_secs(number.parse::<u32>().ok()?.checked_mul(unit)?)
    }
}

/// A verifier key in its text form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vkey(Verifier);

impl Vkey {
    /// An Ed25519 note key: what signs leaves. Cosigners' keys are refused, and names that a person
    /// could not read.
    pub fn new(key: Verifier) -> Option<Self> {
        let readable = key.name().bytes().all(|c| c.is_ascii_graphic());
        (readable && key.ed25519_key().is_some()).then_some(Self(key))
    }

    /// The key.
    pub fn verifier(&self) -> &Verifier {
        &self.0
    }
}

/// Details, sealed under a key of their own: one of three sizes.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedDetails(Vec<u8>);

impl SealedDetails {
    /// Checks the size.
    pub fn new(sealed: Vec<u8>) -> Option<Self> {
        DETAILS_SIZES.iter().any(|size| size + DETAILS_TAG_BYTES == sealed.len()).then_some(Self(sealed))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SealedDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedDetails({} bytes)", self.0.len())
    }
}

/// The key of details, sealed to the owner's audit key.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKey(Vec<u8>);

impl WrappedKey {
    /// Checks the size.
    pub fn new(sealed: Vec<u8>) -> Option<Self> {
        (sealed.len() == WRAPPED_KEY_BYTES).then_some(Self(sealed))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrappedKey")
    }
}

/// Bytes in base64, of any length; who has a length in mind checks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

/// What does not apply is `-`.
impl<V: Value> Value for Option<V> {
    fn write(&self, out: &mut String) {
        match self {
            Some(value) => value.write(out),
            None => out.push('-'),
        }
    }

    fn read(text: &str) -> Option<Self> {
        if text == "-" { Some(None) } else { V::read(text).map(Some) }
    }
}

/// A value that is one word of a fixed list.
#[macro_export]
macro_rules! words {
    ($type:ty { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            /// Its word in a leaf.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The variant of a word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl $crate::value::Value for $type {
            fn write(&self, out: &mut alloc::string::String) {
                out.push_str(self.word());
            }

            fn read(text: &str) -> Option<Self> {
                Self::from_word(text)
            }
        }

        impl core::fmt::Display for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}
