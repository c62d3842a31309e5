//! What is registered in the clear: trustees' day keys, requesters' keys, the rules.

use crate::text::TextError;
use crate::value::{Bytes, Name, Vkey};
use crate::{record, words};
use media::time::Seconds;
use tlog::Hash;

/// What a registered key may sign for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Requests of its agency.
    Officer,
    /// Requests of its agency, beside an officer.
    Supervisor,
    /// Leaves that it submits.
    Sponsor,
    /// Ratifications of emergencies.
    Court,
}

words!(Role { Officer = "officer", Supervisor = "supervisor", Sponsor = "sponsor", Court = "court" });

/// Whether a key counts from here on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyState {
    /// It does.
    Registered,
    /// It does not, and never will again.
    Revoked,
}

words!(KeyState { Registered = "registered", Revoked = "revoked" });

/// Why a trustee has the key of a day no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyEnd {
    /// Its time was over, and it was destroyed.
    Due,
    /// It is not here, and nobody counts on its coming back.
    Lost,
}

words!(KeyEnd { Due = "due", Lost = "lost" });

record! {
    /// A trustee publishes the key of a day, ahead of it.
    DayKeysLeaf {
        /// Whose key.
        trustee: Name = "trustee",
        /// The trustee's own key, which signs this leaf.
        vkey: Vkey = "vkey",
        /// Unix day number.
        day: u32 = "day",
        /// The id of the day's X-Wing key.
        key_id: Hash = "key-id",
        /// SHA-256 of the DayKeys object.
        keys: Hash = "keys",
        /// When the private key will have been destroyed, at the latest.
        destroy_by: Seconds = "destroy-by",
        /// When.
        time: Seconds = "time",
    }
    check |leaf: &DayKeysLeaf| names_own_key(&leaf.trustee, &leaf.vkey);
}

record! {
    /// A trustee has the key of a day no more: what was shared under it cannot be let go.
    KeyDestroyed {
        /// Whose key.
        trustee: Name = "trustee",
        /// Unix day number.
        day: u32 = "day",
        /// The id of the day's X-Wing key.
        key_id: Hash = "key-id",
        /// Why.
        reason: KeyEnd = "reason",
        /// When.
        time: Seconds = "time",
    }
}

record! {
    /// A registrar registers or revokes a key of a requester, sponsor or court.
    RequesterKey {
        /// Registered or revoked.
        state: KeyState = "state",
        /// What it may sign for.
        role: Role = "role",
        /// The agency, or the own name of a sponsor or court.
        agency: Name = "agency",
        /// The key.
        vkey: Vkey = "vkey",
        /// The registrar, who signs.
        registrar: Name = "registrar",
        /// When.
        time: Seconds = "time",
    }
    check |leaf: &RequesterKey| match leaf.role {
        Role::Sponsor => names_own_key(&leaf.agency, &leaf.vkey),
        Role::Officer | Role::Supervisor | Role::Court => Ok(()),
    };
}

record! {
    /// The rules of release, published whole: the log and its policy are all that a recount needs.
    PolicyDocLeaf {
        /// Who publishes, and signs.
        operator: Name = "operator",
        /// The PolicyDoc.
        document: Bytes = "document",
        /// When.
        time: Seconds = "time",
    }
}

fn names_own_key(name: &Name, key: &Vkey) -> Result<(), TextError> {
    let is_own = key.verifier().name() == name.as_str();
    TextError::unless(is_own, "the name and the key's name must be the same")
}
