//! What an owner signs: a camera's first policy, and the next one when the configuration says
//! something else. Pure.

use crate::config::Escrow;
use crate::state::Owner;
use media::codec::DecodeError;
use media::id::CameraId;
use media::policy::{Class, Classes, OwnerPolicy, Recipient, Role, SignedOwnerPolicy, TrusteeEntry};
use media::sign::sha256;
use media::time::Seconds;
use tlog::note::Verifier;

/// Why the configuration makes no policy.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    #[error("[escrow] classes: {0:?} is none of legal, emergency, recovery; correct the configuration")]
    Class(String),
    #[error(
        "[escrow] classes allows recovery, and there is no recovery_key by which it would be signed: name one, or take the class out"
    )]
    NoRecoveryKey,
    #[error("[[escrow.trustees]] {name:?}: {reason}; copy both from what the trustee publishes")]
    Trustee { name: String, reason: String },
    #[error(
        "the configuration makes no policy that a camera would accept: {0}; correct [escrow] or [footage]"
    )]
    Policy(DecodeError),
    #[error(
        "[log] policy is not the one under which the camera was paired, and a camera follows no other; restore the file, or pair the camera anew"
    )]
    OtherLog,
    #[error("the policy has been changed as often as can be counted; pair the camera anew")]
    Versions,
}

/// Version 1 of a camera's policy, from the configuration: this device watches, these trustees hold
/// shares.
pub(crate) fn first_policy(owner: &Owner, camera_id: CameraId) -> Result<SignedOwnerPolicy, ComposeError> {
    let this = Recipient {
        device_id: owner.device_id(),
        wrap_pk: owner.keys.wrap.public(),
        role: Role::Admin,
        not_after: Seconds::MAX,
    };
    let policy = configured(owner, camera_id, vec![this])?;
    policy.sign(&owner.keys.root).map_err(ComposeError::Policy)
}

/// The version after this one; none if the configuration says the same. Who watches stays as it is.
/// Made again of the same, it is the same.
pub(crate) fn next_policy(
    owner: &Owner,
    newest: &SignedOwnerPolicy,
) -> Result<Option<SignedOwnerPolicy>, ComposeError> {
    let held = newest.unverified();
    if held.is_retired() {
        return Ok(None);
    }
    let mut policy = configured(owner, held.camera_id, held.recipients.clone())?;
    if policy.log_policy_hash != held.log_policy_hash {
        return Err(ComposeError::OtherLog);
    }
    (policy.version, policy.prev_hash) = (held.version, held.prev_hash);
    if policy == *held {
        return Ok(None);
    }
    following(owner, policy, newest).map(Some)
}

/// The version that retires the camera; none if this one does.
pub(crate) fn last_policy(
    owner: &Owner,
    newest: &SignedOwnerPolicy,
) -> Result<Option<SignedOwnerPolicy>, ComposeError> {
    let held = newest.unverified();
    let retired = OwnerPolicy { epoch_len_s: 0, ..held.clone() };
    (!held.is_retired()).then(|| following(owner, retired, newest)).transpose()
}

/// The version after this one, which says the same.
pub(crate) fn again(owner: &Owner, newest: &SignedOwnerPolicy) -> Result<SignedOwnerPolicy, ComposeError> {
    following(owner, newest.unverified().clone(), newest)
}

fn following(
    owner: &Owner,
    mut policy: OwnerPolicy,
    newest: &SignedOwnerPolicy,
) -> Result<SignedOwnerPolicy, ComposeError> {
    policy.version = newest.unverified().version.checked_add(1).ok_or(ComposeError::Versions)?;
    policy.prev_hash = newest.hash();
    policy.sign(&owner.keys.root).map_err(ComposeError::Policy)
}

fn configured(
    owner: &Owner,
    camera_id: CameraId,
    recipients: Vec<Recipient>,
) -> Result<OwnerPolicy, ComposeError> {
    let config = &owner.config;
    let (t, trustees, classes) = match &config.escrow {
        None => (0, Vec::new(), Classes::default()),
        Some(escrow) => (escrow.threshold, trustees(escrow)?, classes(escrow)?),
    };
    // A recovery that nobody could sign is not promised.
    if classes.allow(Class::Recovery) && config.recovery_key.is_none() {
        return Err(ComposeError::NoRecoveryKey);
    }
    Ok(OwnerPolicy {
        camera_id,
        version: 1,
        prev_hash: [0; 32],
        epoch_len_s: config.footage.epoch_seconds,
        t,
        trustees,
        recipients,
        classes,
        retention_days: config.footage.retention_days,
        log_policy_hash: sha256(&[owner.agreed.log_policy_text.as_bytes()]),
        policy_doc_hash: owner.agreed.rules_hash,
        day_key_max_secs: owner.agreed.day_key_max_secs,
        recovery_pk: owner.agreed.recovery_pk,
        audit_pk: owner.keys.audit().public(),
    })
}

fn trustees(escrow: &Escrow) -> Result<Vec<TrusteeEntry>, ComposeError> {
    let entry = |trustee: &crate::config::Trustee| {
        let bad = |reason: String| ComposeError::Trustee { name: trustee.name.clone(), reason };
        let key = Verifier::parse(&trustee.vkey).map_err(|error| bad(error.to_string()))?;
        if key.name() != trustee.name {
            return Err(bad(format!("its vkey is that of {:?}", key.name())));
        }
        if key.ed25519_key().is_none() {
            return Err(bad("its vkey is no Ed25519 note key".to_owned()));
        }
        Ok(TrusteeEntry { name: trustee.name.clone(), vkey: trustee.vkey.clone(), url: trustee.url.clone() })
    };
    escrow.trustees.iter().map(entry).collect()
}

/// What keys may be released for, as it is written.
pub(super) const CLASSES: [(Class, &str); 3] =
    [(Class::Legal, "legal"), (Class::Emergency, "emergency"), (Class::Recovery, "recovery")];

fn classes(escrow: &Escrow) -> Result<Classes, ComposeError> {
    let class = |word: &String| {
        let known = CLASSES.iter().find(|(_, known)| known == word);
        known.map(|(class, _)| *class).ok_or_else(|| ComposeError::Class(word.clone()))
    };
    let classes: Vec<Class> = escrow.classes.iter().map(class).collect::<Result<_, _>>()?;
    Ok(Classes::of(&classes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys;

    fn owner(change: impl FnOnce(&mut crate::Config)) -> (tempfile::TempDir, Owner) {
        let dir = tempfile::tempdir().unwrap();
        let mut config = keys::tests::config(dir.path());
        change(&mut config);
        keys::init(&config).unwrap();
        (dir, Owner::open(config).unwrap())
    }

    #[test]
    fn the_first_policy_says_what_the_configuration_says() {
        let (_dir, owner) = owner(|_| ());
        let camera = CameraId([7; 32]);
        let signed = first_policy(&owner, camera).unwrap();
        let policy = signed.verify(&owner.keys.root.verifying_key().to_bytes()).unwrap();
        assert_eq!((policy.camera_id, policy.version, policy.prev_hash), (camera, 1, [0; 32]));
        assert_eq!((policy.t, policy.n(), policy.epoch_len_s, policy.retention_days), (3, 5, 60, 30));
        assert!(policy.classes.allow(Class::Legal) && policy.classes.allow(Class::Emergency));
        assert!(!policy.classes.allow(Class::Recovery));
        assert_eq!(policy.trustees[4].name, "trustee5.example");
        assert_eq!(policy.log_policy_hash, sha256(&[owner.agreed.log_policy_text.as_bytes()]));
        assert_eq!(policy.policy_doc_hash, owner.agreed.rules_hash);
        assert_eq!(policy.day_key_max_secs, 8_640_000, "as the PolicyDoc says");
        assert_eq!(policy.audit_pk, owner.keys.audit().public());
        let [this] = &policy.recipients[..] else { panic!("one device") };
        assert_eq!(
            (this.device_id, this.role, this.not_after),
            (owner.device_id(), Role::Admin, Seconds::MAX)
        );
        assert_eq!(this.wrap_pk, owner.keys.wrap.public());
    }

    #[test]
    fn without_escrow_there_are_no_shares_and_no_classes() {
        let (_dir, owner) = owner(|config| config.escrow = None);
        let signed = first_policy(&owner, CameraId([7; 32])).unwrap();
        let policy = signed.unverified();
        assert_eq!((policy.t, policy.n(), policy.policy_doc_hash), (0, 0, [0; 32]));
        assert_eq!(policy.classes, Classes::default());
    }

    #[test]
    fn a_configuration_that_no_camera_could_follow_is_named() {
        let refused = |change: &dyn Fn(&mut Escrow)| {
            let (_dir, owner) = owner(|config| change(config.escrow.as_mut().unwrap()));
            first_policy(&owner, CameraId([7; 32])).unwrap_err()
        };
        assert!(matches!(refused(&|e| e.classes.push("curiosity".to_owned())), ComposeError::Class(_)));
        assert!(matches!(refused(&|e| e.classes.push("recovery".to_owned())), ComposeError::NoRecoveryKey));
        assert!(matches!(refused(&|e| e.threshold = 6), ComposeError::Policy(_)));
        assert!(matches!(refused(&|e| e.threshold = 0), ComposeError::Policy(_)));
        assert!(matches!(refused(&|e| e.trustees[0].vkey = "x".to_owned()), ComposeError::Trustee { .. }));
        assert!(matches!(
            refused(&|e| e.trustees[0].name = "other".to_owned()),
            ComposeError::Trustee { .. }
        ));
        assert!(matches!(refused(&|e| e.trustees[1] = e.trustees[0].clone()), ComposeError::Policy(_)));
        let (_dir, owner) = owner(|config| config.footage.epoch_seconds = 5);
        assert!(matches!(first_policy(&owner, CameraId([7; 32])), Err(ComposeError::Policy(_))));
    }

    #[test]
    fn the_next_policy_follows_what_the_configuration_says_and_is_none_while_it_says_the_same() {
        let (dir, owner) = owner(|_| ());
        let first = first_policy(&owner, CameraId([7; 32])).unwrap();
        assert!(next_policy(&owner, &first).unwrap().is_none());
        let changed = |change: &dyn Fn(&mut crate::Config)| {
            let mut config = keys::tests::config(dir.path());
            change(&mut config);
            Owner::open(config).unwrap()
        };
        let later = changed(&|config| config.footage.retention_days = 7);
        let second = next_policy(&later, &first).unwrap().unwrap();
        let policy = second.verify(&owner.keys.root.verifying_key().to_bytes()).unwrap();
        assert_eq!((policy.version, policy.prev_hash, policy.retention_days), (2, first.hash(), 7));
        assert_eq!(policy.recipients, first.unverified().recipients);
        assert_eq!(
            next_policy(&later, &first).unwrap().unwrap().bytes(),
            second.bytes(),
            "made twice, the same"
        );
        assert!(next_policy(&later, &second).unwrap().is_none());
        // In another leaf: a version of its own, which says the same.
        let again = again(&later, &second).unwrap();
        let (again, second_policy) = (again.unverified(), second.unverified());
        assert_eq!((again.version, again.prev_hash), (3, second.hash()));
        let as_before = OwnerPolicy { version: 2, prev_hash: second_policy.prev_hash, ..again.clone() };
        assert_eq!(as_before, *second_policy);
        // And back: a further version, not the first one again.
        let third = next_policy(&owner, &second).unwrap().unwrap();
        assert_eq!((third.unverified().version, third.unverified().retention_days), (3, 30));
        let elsewhere = changed(&|config| {
            let text = std::fs::read_to_string(&config.log.policy).unwrap();
            config.log.policy = dir.path().join("other-log-policy");
            std::fs::write(&config.log.policy, format!("# another\n{text}")).unwrap();
        });
        assert!(matches!(next_policy(&elsewhere, &first), Err(ComposeError::OtherLog)));
    }
}
