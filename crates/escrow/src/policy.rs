//! The rules of release: the PolicyDoc, and the decision that applies it. Contract:
//! `proto/release.md#policydoc`; vectors: `proto/vectors/policy-doc.json`.
//!
//! A PolicyDoc is a text of `field value` lines, like a leaf. Its SHA-256 (`sha256sum
//! policy-doc.txt`) stands in the log, in every request, and in the OwnerPolicy of whoever agreed
//! to it. Every figure of the rules is in it; none is in the code.
//!
//! ```text
//! candor rules v1
//! operator candor.example+5b77c1e0+AUf0Gm1...              whose policy-doc leaf publishes it
//! registrar registrar.example+7ab47f8b+AXPt8Hv...          1 to 8 lines
//! emergency-basis danger-of-death                          1 to 16 lines
//! legal-basis court-order                                  1 to 16 lines
//! head-age-secs 120
//! clock-skew-secs 30
//! request-age-secs 3600
//! request-valid-secs 604800
//! emergency-epochs 60
//! ...
//! ```
//!
//! In scope: G7, as a pure function of the log's prefix, the request, its details and its epochs.
//! Out of scope: who signed (G4), what the epochs are (G6), whether a human agrees (G8).

use crate::record::text::{Fields, Lines};
use crate::record::{Kind, TextError, Vkey, Word};
use alloc::string::String;
use alloc::vec::Vec;
use tlog::Hash;
use tlog::note::Verifier;

mod decide;

pub use decide::{Decision, Facts, Rule, Stated, decide};

/// The largest PolicyDoc.
pub const POLICY_DOC_MAX_BYTES: usize = 16 * 1024;
/// The most registrars.
pub const REGISTRARS_MAX: usize = 8;
/// The most words in one list of bases.
pub const BASES_MAX: usize = 16;

const DAY: u64 = 86_400;

/// Why bytes are not a PolicyDoc.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyDocError {
    /// Over [`POLICY_DOC_MAX_BYTES`].
    #[error("the PolicyDoc has more than {POLICY_DOC_MAX_BYTES} bytes")]
    TooLong,
    /// Not UTF-8.
    #[error("the PolicyDoc is not UTF-8")]
    NotUtf8,
    /// Not of the form.
    #[error("PolicyDoc: {0}")]
    Text(#[from] TextError),
    /// No registrar or basis, too many, or the same twice.
    #[error("the PolicyDoc must list 1 to {max} different {what}")]
    BadList {
        /// Of what.
        what: &'static str,
        /// How many at most.
        max: usize,
    },
}

macro_rules! figures {
    ($( $(#[$about:meta])* $field:ident = $word:literal, $v1:expr; )+) => {
        /// Every figure of the rules. Times are in seconds.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct Figures {
            $( $(#[$about])* pub $field: u64, )+
        }

        impl Figures {
            /// The figures that the contract recommends.
            pub const RECOMMENDED: Self = Self { $( $field: $v1, )+ };

            fn write(&self, lines: &mut Lines) {
                $( lines.field($word, &self.$field); )+
            }

            fn read(fields: &mut Fields<'_>) -> Result<Self, TextError> {
                Ok(Self { $( $field: fields.figure($word)?, )+ })
            }
        }
    };
}

figures! {
    /// How old the quorum's cosignatures on a trustee's head may be.
    head_age_secs = "head-age-secs", 120;
    /// By how much a clock may be ahead.
    clock_skew_secs = "clock-skew-secs", 30;
    /// How long after the time it states a request may be included in the log.
    request_age_secs = "request-age-secs", 3600;
    /// How long after its inclusion a request may be granted.
    request_valid_secs = "request-valid-secs", 7 * DAY;
    /// The most epochs of an emergency request.
    emergency_epochs = "emergency-epochs", 60;
    /// How far back an emergency request may reach.
    emergency_lookback_secs = "emergency-lookback-secs", DAY;
    /// The most emergency requests of an agency within the window.
    emergency_agency_max = "emergency-agency-max", 10;
    /// That window.
    emergency_agency_window_secs = "emergency-agency-window-secs", 30 * DAY;
    /// The most emergency requests about a camera within the window.
    emergency_camera_max = "emergency-camera-max", 2;
    /// That window.
    emergency_camera_window_secs = "emergency-camera-window-secs", 30 * DAY;
    /// How soon an emergency must be ratified.
    ratify_within_secs = "ratify-within-secs", 3 * DAY;
    /// With more granted emergencies than this left unratified within the window, the agency is
    /// suspended.
    unratified_max = "unratified-max", 2;
    /// That window.
    unratified_window_secs = "unratified-window-secs", 90 * DAY;
    /// The longest span of a legal request.
    legal_span_secs = "legal-span-secs", DAY;
    /// How long a recovery waits for a veto.
    recovery_wait_secs = "recovery-wait-secs", 3 * DAY;
}

/// The public rules of release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyDoc {
    operator: Vkey,
    registrars: Vec<Vkey>,
    emergency_bases: Vec<Word>,
    legal_bases: Vec<Word>,
    figures: Figures,
}

impl PolicyDoc {
    /// Puts a PolicyDoc together.
    pub fn new(
        operator: Vkey,
        registrars: Vec<Vkey>,
        emergency_bases: Vec<Word>,
        legal_bases: Vec<Word>,
        figures: Figures,
    ) -> Result<Self, PolicyDocError> {
        check_list(&registrars, "registrars", REGISTRARS_MAX)?;
        check_list(&emergency_bases, "emergency bases", BASES_MAX)?;
        check_list(&legal_bases, "legal bases", BASES_MAX)?;
        Ok(Self { operator, registrars, emergency_bases, legal_bases, figures })
    }

    /// The rules that the contract recommends, under one registrar.
    pub fn recommended(operator: Vkey, registrar: Vkey) -> Self {
        let words = |list: &[&str]| list.iter().filter_map(|word| Word::new(word)).collect();
        Self {
            operator,
            registrars: Vec::from([registrar]),
            emergency_bases: words(&["danger-of-death", "serious-injury", "missing-person"]),
            legal_bases: words(&["court-order", "search-warrant"]),
            figures: Figures::RECOMMENDED,
        }
    }

    /// The same rules with other figures.
    pub fn with_figures(mut self, figures: Figures) -> Self {
        self.figures = figures;
        self
    }

    /// Parses a PolicyDoc; [`PolicyDoc::encode`] gives back the same bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyDocError> {
        if bytes.len() > POLICY_DOC_MAX_BYTES {
            return Err(PolicyDocError::TooLong);
        }
        let text = core::str::from_utf8(bytes).map_err(|_| PolicyDocError::NotUtf8)?;
        let mut fields = Fields::of(text, KIND)?;
        let operator = fields.field("operator")?;
        let registrars = fields.list("registrar")?;
        let emergency_bases = fields.list("emergency-basis")?;
        let legal_bases = fields.list("legal-basis")?;
        let figures = Figures::read(&mut fields)?;
        fields.end()?;
        Self::new(operator, registrars, emergency_bases, legal_bases, figures)
    }

    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        self.text().into_bytes()
    }

    /// The text.
    pub fn text(&self) -> String {
        let mut lines = Lines::new(KIND);
        lines.field("operator", &self.operator);
        self.registrars.iter().for_each(|key| lines.field("registrar", key));
        self.emergency_bases.iter().for_each(|word| lines.field("emergency-basis", word));
        self.legal_bases.iter().for_each(|word| lines.field("legal-basis", word));
        self.figures.write(&mut lines);
        lines.finish()
    }

    /// SHA-256 of the bytes: how requests, leaves and owners name these rules.
    pub fn hash(&self) -> Hash {
        Hash::of(&[&self.encode()])
    }

    /// Who publishes the rules: its policy-doc leaf must be in the log before they apply.
    pub fn operator(&self) -> &Verifier {
        self.operator.verifier()
    }

    /// Whose requester-key leaves count.
    pub fn registrars(&self) -> impl Iterator<Item = &Verifier> {
        self.registrars.iter().map(Vkey::verifier)
    }

    /// The bases that a request of an agency may claim.
    pub fn bases(&self, kind: Kind) -> &[Word] {
        match kind {
            Kind::Emergency => &self.emergency_bases,
            Kind::Legal => &self.legal_bases,
            Kind::OwnerShare | Kind::Recovery => &[],
        }
    }

    /// The figures.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }
}

const KIND: &str = "rules";

fn check_list<T: PartialEq>(list: &[T], what: &'static str, max: usize) -> Result<(), PolicyDocError> {
    let repeated = list.iter().enumerate().any(|(at, item)| list.iter().take(at).any(|other| other == item));
    if list.is_empty() || list.len() > max || repeated {
        return Err(PolicyDocError::BadList { what, max });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
