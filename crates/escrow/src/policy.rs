//! The rules of release: the PolicyDoc, and the decision that applies it. Contract:
//! `proto/release.md#policydoc`; vectors: `proto/vectors/policy-doc.json`.
//!
//! A PolicyDoc is a text of `field value` lines, like a leaf. It stands in the log, whole; its SHA-256
//! (`sha256sum policy-doc.txt`) in every request, in the OwnerPolicy of whoever agreed to it, and in
//! the one that follows it. Every figure of the rules is in it; none is in the code.
//!
//! ```text
//! candor rules v1
//! operator candor.example+5b77c1e0+AUf0Gm1...              whose policy-doc leaf publishes it, and the next one
//! previous -                                               the SHA-256 of the one before
//! registrar registrar.example+7ab47f8b+AXPt8Hv... * US     1 to 8 lines: names and countries it speaks for
//! trustee bar.example+710407b6+AYHwjsch...                 1 to 64 lines: whose grants count
//! emergency-basis danger-of-death                          1 to 16 lines
//! legal-basis court-order                                  1 to 16 lines
//! head-age-secs 120
//! clock-skew-secs 30
//! request-age-secs 3600
//! request-valid-secs 604800
//! ...
//! ```
//!
//! In scope: G7, as a pure function of the log's prefix, the request, its details and its epochs.
//! Out of scope: who signed (G4), what the epochs are (G6), whether a human agrees (G8).

use crate::record::text::{Fields, Lines};
use crate::record::{Kind, Name, TextError, Vkey, Word};
use alloc::string::String;
use alloc::vec::Vec;
use tlog::Hash;
use tlog::note::Verifier;

mod decide;
mod figures;
mod scope;

pub use decide::{Approvers, Decision, Facts, Found, Rule, decide};
pub use figures::Figures;
pub use scope::{Registrar, Scope};

/// The largest PolicyDoc.
pub const POLICY_DOC_MAX_BYTES: usize = 16 * 1024;
/// The most registrars.
pub const REGISTRARS_MAX: usize = 8;
/// The most trustees.
pub const TRUSTEES_MAX: usize = 64;
/// The most words in one list of bases.
pub const BASES_MAX: usize = 16;

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
    /// No registrar, trustee or basis, too many, the same twice, or a key whose name is no host name.
    #[error("the PolicyDoc must list 1 to {max} different {what}, keys under host names")]
    BadList {
        /// Of what.
        what: &'static str,
        /// How many at most.
        max: usize,
    },
}

/// The public rules of release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyDoc {
    operator: Vkey,
    previous: Option<Hash>,
    registrars: Vec<Registrar>,
    trustees: Vec<Vkey>,
    emergency_bases: Vec<Word>,
    legal_bases: Vec<Word>,
    figures: Figures,
}

impl PolicyDoc {
    /// The rules that the contract recommends, the first of a log: one registrar for everything, and
    /// these trustees.
    pub fn recommended(operator: Vkey, registrar: Vkey, trustees: Vec<Vkey>) -> Result<Self, PolicyDocError> {
        let words = |list: &[&str]| list.iter().filter_map(|word| Word::new(word)).collect();
        let registrar = Registrar { key: registrar, names: Scope::All, countries: Scope::All };
        let rules = Self {
            operator,
            previous: None,
            registrars: Vec::from([registrar]),
            trustees,
            emergency_bases: words(&["danger-of-death", "serious-injury", "missing-person"]),
            legal_bases: words(&["court-order", "search-warrant"]),
            figures: Figures::RECOMMENDED,
        };
        rules.checked()
    }

    /// Every list has what it needs, and nothing twice.
    fn checked(self) -> Result<Self, PolicyDocError> {
        let named = |key: &Vkey| Name::new(key.verifier().name());
        let names = |keys: &mut dyn Iterator<Item = &Vkey>| keys.map(named).collect::<Option<Vec<_>>>();
        // Leaves name their registrar and trustee: by a name that is one key's.
        let registrars = names(&mut self.registrars.iter().map(|registrar| &registrar.key));
        check_list(registrars.as_deref().unwrap_or_default(), "registrars", REGISTRARS_MAX)?;
        let trustees = names(&mut self.trustees.iter());
        check_list(trustees.as_deref().unwrap_or_default(), "trustees", TRUSTEES_MAX)?;
        // One key under two names would be one trustee that counts as two.
        let keys: Vec<_> = self.trustees().map(Verifier::ed25519_key).collect();
        check_list(&keys, "trustees", TRUSTEES_MAX)?;
        check_list(&self.emergency_bases, "emergency bases", BASES_MAX)?;
        check_list(&self.legal_bases, "legal bases", BASES_MAX)?;
        Ok(self)
    }

    /// The same rules after others, which they name.
    pub fn after(mut self, previous: &Hash) -> Self {
        self.previous = Some(*previous);
        self
    }

    /// The same rules with these registrars.
    pub fn with_registrars(mut self, registrars: Vec<Registrar>) -> Result<Self, PolicyDocError> {
        self.registrars = registrars;
        self.checked()
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
        let rules = Self {
            operator: fields.field("operator")?,
            previous: fields.field("previous")?,
            registrars: fields.list("registrar")?,
            trustees: fields.list("trustee")?,
            emergency_bases: fields.list("emergency-basis")?,
            legal_bases: fields.list("legal-basis")?,
            figures: Figures::read(&mut fields)?,
        };
        fields.end()?;
        rules.checked()
    }

    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        self.text().into_bytes()
    }

    /// The text.
    pub fn text(&self) -> String {
        let mut lines = Lines::new(KIND);
        lines.field("operator", &self.operator);
        lines.field("previous", &self.previous);
        self.registrars.iter().for_each(|registrar| lines.field("registrar", registrar));
        self.trustees.iter().for_each(|key| lines.field("trustee", key));
        self.emergency_bases.iter().for_each(|word| lines.field("emergency-basis", word));
        self.legal_bases.iter().for_each(|word| lines.field("legal-basis", word));
        self.figures.write(&mut lines);
        lines.finish()
    }

    /// SHA-256 of the bytes: how requests, leaves and owners name these rules.
    pub fn hash(&self) -> Hash {
        Hash::of(&[&self.encode()])
    }

    /// Who publishes the rules: its policy-doc leaf must be in the log before they apply. It alone
    /// publishes the next ones.
    pub fn operator(&self) -> &Verifier {
        self.operator.verifier()
    }

    /// The rules before these; none: these are the log's first.
    pub fn previous(&self) -> Option<&Hash> {
        self.previous.as_ref()
    }

    /// Whose requester-key leaves count, and for what.
    pub fn registrars(&self) -> &[Registrar] {
        &self.registrars
    }

    /// The key of the trustee of this name.
    pub fn trustee(&self, name: &Name) -> Option<&Verifier> {
        let mut keys = self.trustees.iter().map(Vkey::verifier);
        keys.find(|key| key.name() == name.as_str())
    }

    /// The trustees' keys.
    pub fn trustees(&self) -> impl Iterator<Item = &Verifier> {
        self.trustees.iter().map(Vkey::verifier)
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
