//! What a trustee says over HTTP, and at which paths: both sides of it, so that what one writes the
//! other reads. Contract: `proto/release.md#trustee-http`; vectors:
//! `proto/vectors/trustee-http.json`.
//!
//! ```text
//! 202 {"state": "waiting", "wait_until": 1700000000}
//! 403 {"step": "g2", "name": "not-logged", "text": "no proof shows ...", "what_to_do": "submit ..."}
//! 503 {"error": "catching-up", "what_to_do": "ask again later"}
//! ```
//!
//! In scope: paths, statuses, bodies. Out of scope: sockets; whether the bytes of a bundle are one
//! ([`crate::bundle`]); the path of day keys, which a relay asks for too (`media::policy`).

use crate::grant::Refusal;
use crate::record::{Word, is_visible};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Where a package is posted.
pub const PACKAGE_PATH: &str = "/package";
/// What an operator asks.
pub const STATUS_PATH: &str = "/status";
/// The largest answer that is no bundle, bytes.
pub const ANSWER_MAX_BYTES: usize = 16 * 1024;
/// As much of a text for people as is read, characters; a human's reason has at most 2,000 bytes.
const TEXT_MAX_CHARS: usize = 4_000;
/// The name of a human's no, in an answer and in a leaf.
pub const DENIED: &str = "denied";

/// The answer to a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// 200: the bytes of a [`Bundle`](crate::bundle::Bundle), the same each time.
    Bundle(Vec<u8>),
    /// 202: not yet.
    Pending(State),
    /// 403: the gate refused, or a human did.
    Refused(Refused),
    /// 400: no package (G1), without a look at anything in it.
    Malformed(Refused),
    /// Nothing was decided.
    Failed(Failed),
}

/// Why a package is not granted yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum State {
    /// A human must approve.
    PendingApproval,
    /// The rules ask to wait.
    Waiting {
        /// Until this time, Unix seconds.
        wait_until: u64,
    },
    /// Decided; the grant is on its way into the log.
    Appending,
}

/// A refusal: names for programs, texts for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The step of the gate, such as `g7`.
    #[serde(with = "word")]
    pub step: Word,
    /// The refusal's name in the contract.
    #[serde(with = "word")]
    pub name: Word,
    /// What was wrong.
    pub text: String,
    /// What the asker can do about it.
    pub what_to_do: String,
}

/// A failure that is no refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Which one.
    pub failure: Failure,
    /// What the asker can do about it.
    pub what_to_do: String,
}

macro_rules! failures {
    ($( $status:literal $name:literal $variant:ident; )+) => {
        /// The failures of the contract's table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Failure {
            $( #[doc = concat!($status, " `", $name, "`")] $variant, )+
        }

        impl Failure {
            /// Every one.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )+ ];

            /// Its HTTP status.
            pub fn status(self) -> u16 {
                match self { $( Self::$variant => $status, )+ }
            }

            /// Its name in the contract.
            pub fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )+ }
            }
        }
    };
}

failures! {
    503 "catching-up" CatchingUp;
    503 "log-unreachable" LogUnreachable;
    503 "log-forked" LogForked;
    503 "log-stamps" LogStamps;
    429 "busy" Busy;
    429 "rate" Rate;
    429 "pending-full" PendingFull;
    413 "package-too-large" PackageTooLarge;
    408 "request-timeout" RequestTimeout;
    404 "no-day-key" NoDayKey;
    500 "trustee-failure" TrusteeFailure;
}

/// Why what came is no answer of a trustee. Foreign text in it is printable and short.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Larger than [`ANSWER_MAX_BYTES`].
    #[error("answered {status} with {bytes} bytes, more than such an answer has")]
    TooLarge {
        /// The HTTP status.
        status: u16,
        /// Its size.
        bytes: usize,
    },
    /// Not the JSON that the contract has for this status: a state that it does not know, a missing
    /// field.
    #[error("answered {status} with what no trustee says: {problem}")]
    Malformed {
        /// The HTTP status.
        status: u16,
        /// What the parser met.
        problem: String,
    },
    /// A failure that the contract does not know, or not with this status.
    #[error("answered {status} with the unknown failure {name:?}: {what_to_do}")]
    UnknownFailure {
        /// The HTTP status.
        status: u16,
        /// As it calls itself.
        name: String,
        /// What it advises.
        what_to_do: String,
    },
}

impl Answer {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Bundle(_) => 200,
            Self::Pending(_) => 202,
            Self::Refused(_) => 403,
            Self::Malformed(_) => 400,
            Self::Failed(failed) => failed.failure.status(),
        }
    }

    /// The header of the same name.
    pub fn content_type(&self) -> &'static str {
        match self {
            Self::Bundle(_) => "application/octet-stream",
            Self::Pending(_) | Self::Refused(_) | Self::Malformed(_) | Self::Failed(_) => "application/json",
        }
    }

    /// The body.
    pub fn into_body(self) -> Vec<u8> {
        match self {
            Self::Bundle(bundle) => bundle,
            Self::Pending(state) => json(&state),
            Self::Refused(refused) | Self::Malformed(refused) => json(&refused),
            Self::Failed(Failed { failure, what_to_do }) => {
                json(&Said { error: failure.name().to_owned(), what_to_do })
            }
        }
    }

    /// Reads a reply by its status.
    // SPEC: release.md#trustee-http: what the table does not name is no answer, and never a grant
    // or a refusal. Texts are for people: shown, never acted on.
    pub fn read(status: u16, body: &[u8]) -> Result<Self, AnswerError> {
        Ok(match status {
            200 => Self::Bundle(body.to_vec()),
            202 => Self::Pending(parse(status, body)?),
            403 => Self::Refused(parse::<Refused>(status, body)?.cleaned()),
            400 => Self::Malformed(parse::<Refused>(status, body)?.cleaned()),
            _ => {
                let Said { error, what_to_do } = parse(status, body)?;
                let what_to_do = clean(&what_to_do);
                let same = |failure: &&Failure| failure.status() == status && failure.name() == error;
                let Some(failure) = Failure::ALL.iter().find(same).copied() else {
                    return Err(AnswerError::UnknownFailure { status, name: clean(&error), what_to_do });
                };
                Self::Failed(Failed { failure, what_to_do })
            }
        })
    }
}

impl From<Failed> for Answer {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed)
    }
}

impl State {
    /// Its word in the answer.
    pub fn word(self) -> &'static str {
        match self {
            Self::PendingApproval => "pending-approval",
            Self::Waiting { .. } => "waiting",
            Self::Appending => "appending",
        }
    }
}

impl Refused {
    /// What the gate refused.
    pub fn of(refusal: &Refusal) -> Self {
        Self::new(refusal.step(), refusal.name(), &refusal.to_string(), refusal.what_to_do())
    }

    /// Something of a package does not decode, before anything in it is looked at.
    pub fn malformed(why: &str) -> Self {
        Self::new("g1", "package-malformed", why, "send the whole package, with its length")
    }

    /// A human's no.
    pub fn denied(reason: &str) -> Self {
        let text = format!("a human of this trustee looked at the request and denied it: {reason}");
        let advice = "ask the other trustees, or write a new request with better reasons";
        Self::new("g8", DENIED, &text, advice)
    }

    /// Whether it is a human's no.
    pub fn is_denial(&self) -> bool {
        self.name.as_str() == DENIED
    }

    /// A share that opens and does not match the camera's commitment to it.
    pub fn share_bad(text: &str) -> Self {
        let advice = "ask the other trustees: the camera dealt this trustee a bad share";
        Self::new("g9", "share-bad", text, advice)
    }

    /// The grant stands in the log, and its bundle is gone with a disk: a second grant must not be.
    pub fn bundle_lost() -> Self {
        let text = "this trustee has granted the request, and lost the bundle when its data was \
                    restored from an older backup";
        let advice = "ask the other trustees; a request has one grant of a trustee, for ever";
        Self::new("g10", "bundle-lost", text, advice)
    }

    fn new(step: &str, name: &str, text: &str, what_to_do: &str) -> Self {
        let word = |text| Word::new(text).expect("steps and names of the contract are words");
        let (step, name) = (word(step), word(name));
        Self { step, name, text: text.to_owned(), what_to_do: what_to_do.to_owned() }
    }

    fn cleaned(self) -> Self {
        Self { text: clean(&self.text), what_to_do: clean(&self.what_to_do), ..self }
    }
}

impl Failure {
    /// This failure, with what the asker can do about it.
    pub fn advise(self, what_to_do: impl Into<String>) -> Failed {
        Failed { failure: self, what_to_do: what_to_do.into() }
    }
}

/// Where a package for the trustee at `url` is posted.
pub fn package_url(url: &str) -> String {
    format!("{}{PACKAGE_PATH}", url.trim_end_matches('/'))
}

/// The JSON of every failure.
#[derive(Serialize, Deserialize)]
struct Said {
    error: String,
    what_to_do: String,
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("plain data serialises")
}

fn parse<'a, T: Deserialize<'a>>(status: u16, body: &'a [u8]) -> Result<T, AnswerError> {
    if body.len() > ANSWER_MAX_BYTES {
        return Err(AnswerError::TooLarge { status, bytes: body.len() });
    }
    serde_json::from_slice(body)
        .map_err(|error| AnswerError::Malformed { status, problem: clean(&error.to_string()) })
}

/// Foreign text that may stand on a terminal or a page.
// SPEC: release.md#visible-text: text that a person reads MUST NOT hold any other.
fn clean(text: &str) -> String {
    text.chars().filter(|char| is_visible(char.encode_utf8(&mut [0; 4]))).take(TEXT_MAX_CHARS).collect()
}

/// A [`Word`] as JSON's string.
mod word {
    use super::Word;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub(super) fn serialize<S: Serializer>(word: &Word, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(word.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Word, D::Error> {
        let text = alloc::string::String::deserialize(deserializer)?;
        Word::new(&text).ok_or_else(|| D::Error::custom(alloc::format!("{text:?} is no word")))
    }
}

#[cfg(test)]
mod tests;
