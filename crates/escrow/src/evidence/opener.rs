//! Who opened the footage and made the file: a note over the head. Contract:
//! `proto/evidence.md#head`.
//!
//! ```text
//! candor evidence v1
//! head CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//! as requester
//! vkey police.example/officer-1182+5b77c1e0+AUf0Gm1...
//! time 1795495000
//!
//! — police.example/officer-1182 jWbPPw...
//! ```

use super::EvidenceError;
use crate::record::{DEVICE_KEY_NAME, RecordError, Request, Seconds, Signed, Vkey, record, words};
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use media::id::DeviceId;
use media::policy::{OwnerPolicy, Role};
use tlog::note::Signer;
use tlog::{Entry as _, Hash};

/// By what right footage was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenedAs {
    /// A key that signed the request.
    Requester,
    /// An owner's device.
    Owner,
}

words!(OpenedAs { Requester = "requester", Owner = "owner" });

record! {
    /// The text of the note.
    Opening = "evidence" {
        /// [`super::Evidence::signed_hash`].
        head: Hash = "head",
        /// By what right.
        opened: OpenedAs = "as",
        /// Whose key signs.
        vkey: Vkey = "vkey",
        /// When, by the opener's clock.
        time: Seconds = "time",
    }
}

/// Who opened the footage, verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opener {
    /// By what right.
    pub opened: OpenedAs,
    /// The key's name.
    pub name: String,
    /// The device; none for a requester.
    pub device: Option<DeviceId>,
    /// When, by the opener's clock.
    pub time: Seconds,
}

pub(super) fn sign(
    head: Hash,
    opened: OpenedAs,
    signer: &Signer,
    time: Seconds,
) -> Result<Vec<u8>, RecordError> {
    let vkey = Vkey::new(signer.verifier()).expect("signers are Ed25519 note keys");
    Ok(Signed::sign(Opening { head, opened, vkey, time }, &[signer])?.entry_bytes().to_vec())
}

/// Whose note it is: a key of the request's other than its sponsor's, or an admin device of the
/// OwnerPolicy.
pub(super) fn check(
    note: &[u8],
    head: &Hash,
    request: Option<&Signed<Request>>,
    policy: &OwnerPolicy,
) -> Result<Option<Opener>, EvidenceError> {
    if note.is_empty() {
        return Ok(None);
    }
    let note = Signed::<Opening>::parse(note)?;
    let Opening { head: signed, opened, vkey, time } = note.value();
    let key = vkey.verifier();
    let wrong = |why| Err(EvidenceError::WrongOpener(why));
    if signed != head || note.signatures().len() != 1 || !note.is_signed_by(key) {
        return wrong("its key did not sign this head, or not alone");
    }
    let device = match opened {
        OpenedAs::Requester => {
            let asked = |request: &Signed<Request>| {
                // The last two lines are the sponsor's and the stamp.
                let own = request.signatures().len().saturating_sub(2);
                (0..own).any(|at| request.is_line_by(at, key))
            };
            if !request.is_some_and(asked) {
                return wrong("its key is none of those that signed the request");
            }
            None
        }
        OpenedAs::Owner => {
            let device = key.ed25519_key().map(|key| DeviceId::of_key(&key));
            let is_admin = |device: DeviceId| {
                let mut recipients = policy.recipients.iter();
                recipients.any(|known| known.device_id == device && known.role == Role::Admin)
            };
            if key.name() != DEVICE_KEY_NAME || !device.is_some_and(is_admin) {
                return wrong("its key is no owner's device of the OwnerPolicy");
            }
            device
        }
    };
    Ok(Some(Opener { opened: *opened, name: key.name().to_string(), device, time: *time }))
}
