//! The request: who asks, on which basis, for how much; about which camera only its owner, the
//! trustees and the asker know.
//!
//! ```text
//! candor request v1
//! id q83vEjRWeJCrze8SNFZ4kA==
//! kind emergency
//! sponsor relay.example
//! agency police.example                         - for owner-share and recovery, like the next two
//! country US
//! basis danger-of-death
//! span 15m
//! needs 3                                       so many trustees must grant: t of the OwnerPolicy; 0 for owner-share
//! policy mEiB...=                               SHA-256 of the PolicyDoc that governs this request
//! release-key 4bT0...=                          SHA-256 of the X-Wing key to which the shares will be sealed
//! label 9Yk2...=
//! details 5r8K...=
//! details-key Qm9v...=                          what opens them, sealed to the owner
//! time 1795494910
//! ```

use crate::text::TextError;
use crate::value::{Country, EntryId, Name, SealedDetails, Span, Word, WrappedKey};
use crate::{record, words};
use media::time::Seconds;
use tlog::Hash;

/// The most trustees that a request can need.
pub const NEEDS_MAX: u32 = 16;
/// The note name under which an owner's recovery key signs a recovery request.
pub const RECOVERY_KEY_NAME: &str = "recovery";

/// The kinds of release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The owner gives own footage to somebody. No trustee is needed, the leaf is.
    OwnerShare,
    /// A court's order.
    Legal,
    /// Danger: fast, without an order, counted.
    Emergency,
    /// The owner lost every device.
    Recovery,
}

words!(Kind { OwnerShare = "owner-share", Legal = "legal", Emergency = "emergency", Recovery = "recovery" });

impl Kind {
    /// Whether an agency asks, rather than the owner.
    pub fn is_by_agency(self) -> bool {
        matches!(self, Self::Legal | Self::Emergency)
    }
}

record! {
    /// A request for footage of one camera.
    Request {
        /// Fresh for every request.
        id: EntryId = "id",
        /// The kind of release.
        kind: Kind = "kind",
        /// Under whose name the log admitted it.
        sponsor: Name = "sponsor",
        /// Who asks; none for the owner's own kinds.
        agency: Option<Name> = "agency",
        /// The agency's country.
        country: Option<Country> = "country",
        /// The public basis, a word of the PolicyDoc's list.
        basis: Option<Word> = "basis",
        /// How much footage.
        span: Span = "span",
        /// Grants of so many trustees complete it: t of the OwnerPolicy.
        needs: u32 = "needs",
        /// The event that it is about, by an id that the first asker made and the others took over: so that
        /// requests of several agencies, or about many cameras, are seen as one. By the askers' word.
        incident: Option<Hash> = "incident",
        /// The PolicyDoc that governs it.
        policy: Hash = "policy",
        /// The key to which shares will be sealed.
        release_key: Hash = "release-key",
        /// By which the owner finds it.
        label: Hash = "label",
        /// What only the owner, the asker and the trustees that are asked read.
        details: SealedDetails = "details",
        /// What opens them, sealed to the owner's audit key.
        details_key: WrappedKey = "details-key",
        /// When it was composed, by the asker's word; the gate compares it with the log's time.
        time: Seconds = "time",
    }
    check Request::check;
}

/// The three public lines about an agency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker<'a> {
    /// Its name.
    pub agency: &'a Name,
    /// Its country.
    pub country: Country,
    /// The basis it claims.
    pub basis: &'a Word,
}

impl Request {
    // SPEC: release.md#request: agency, country and basis MUST be there for legal and emergency and
    // for no other kind.
    fn check(&self) -> Result<(), TextError> {
        let stated = [self.agency.is_some(), self.country.is_some(), self.basis.is_some()];
        let stated_by =
            "agency, country and basis are stated for legal and emergency requests, and only for these";
        TextError::unless(stated == [self.kind.is_by_agency(); 3], stated_by)?;
        // SPEC: release.md#request: incident MUST be "-" for owner-share and recovery.
        let named_by = "an incident is named by legal and emergency requests, and only by these";
        TextError::unless(self.incident.is_none() || self.kind.is_by_agency(), named_by)?;
        // SPEC: release.md#request: an owner-share MUST need none, every other 1 to 16.
        let needs = if self.kind == Kind::OwnerShare { 0..=0 } else { 1..=NEEDS_MAX };
        let asked = "an owner-share needs 0 trustees, every other request 1 to 16";
        TextError::unless(needs.contains(&self.needs), asked)
    }

    /// The agency that asks; none for the owner's own kinds.
    pub fn asker(&self) -> Option<Asker<'_>> {
        Some(Asker { agency: self.agency.as_ref()?, country: self.country?, basis: self.basis.as_ref()? })
    }
}
