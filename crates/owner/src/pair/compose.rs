//! What an owner signs when a camera is paired: the first policy, and the text of the leaf that blinds it. Pure.

use super::PairError;
use crate::Owner;
use crate::book::OwnEntry;
use crate::config::Escrow;
use escrow::record::{EntryId, Name, OwnerPolicyLeaf, Record, policy_commitment};
use media::id::CameraId;
use media::policy::{Class, Classes, OwnerPolicy, Recipient, Role, SignedOwnerPolicy, TrusteeEntry};
use media::sign::sha256;
use seal::notice::NoticeKey;
use tlog::Hash;
use tlog::note::Verifier;

/// Version 1 of a camera's policy, from the configuration: this device watches, these trustees hold shares.
pub(super) fn first_policy(owner: &Owner, camera_id: CameraId) -> Result<SignedOwnerPolicy, PairError> {
    let config = owner.config();
    let (t, trustees, classes) = match &config.escrow {
        None => (0, Vec::new(), Classes::default()),
        Some(escrow) => (escrow.threshold, trustees(escrow)?, classes(escrow)?),
    };
    let policy = OwnerPolicy {
        camera_id,
        version: 1,
        prev_hash: [0; 32],
        epoch_len_s: config.footage.epoch_seconds,
        t,
        trustees,
        recipients: vec![Recipient {
            device_id: owner.device_id(),
            wrap_pk: owner.wrap_key().public(),
            role: Role::Admin,
            not_after: u64::MAX,
        }],
        classes,
        retention_days: config.footage.retention_days,
        log_policy_hash: sha256(&[owner.log_policy_text().as_bytes()]),
        policy_doc_hash: owner.rules_hash(),
        recovery_pk: owner.recovery_pk(),
    };
    policy.sign(owner.root()).map_err(PairError::Policy)
}

/// The leaf of a policy: its label is the owner's to find, its commitment says nothing to others.
pub(super) fn policy_leaf(
    sponsor: &str,
    notice: &NoticeKey,
    policy: &SignedOwnerPolicy,
    id: EntryId,
) -> Result<OwnerPolicyLeaf, PairError> {
    let sponsor = Name::new(sponsor).ok_or_else(|| PairError::Sponsor(sponsor.to_owned()))?;
    Ok(OwnerPolicyLeaf {
        id,
        sponsor,
        label: Hash(notice.label(id.as_bytes())),
        commitment: policy_commitment(&id, &Hash(policy.hash())),
    })
}

/// How an audit knows the leaf as the owner's own.
pub(super) fn own_entry(leaf: &OwnerPolicyLeaf) -> OwnEntry {
    OwnEntry { id: leaf.id.to_hex(), text_sha256: hex::encode(sha256(&[leaf.text().as_bytes()])) }
}

fn trustees(escrow: &Escrow) -> Result<Vec<TrusteeEntry>, PairError> {
    let entry = |trustee: &crate::config::Trustee| {
        let bad = |reason: String| PairError::Trustee { name: trustee.name.clone(), reason };
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

fn classes(escrow: &Escrow) -> Result<Classes, PairError> {
    let class = |word: &String| match word.as_str() {
        "legal" => Ok(Class::Legal),
        "emergency" => Ok(Class::Emergency),
        "recovery" => Ok(Class::Recovery),
        _ => Err(PairError::Class(word.clone())),
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
        let policy = signed.verify(&owner.root().verifying_key().to_bytes()).unwrap();
        assert_eq!((policy.camera_id, policy.version, policy.prev_hash), (camera, 1, [0; 32]));
        assert_eq!((policy.t, policy.n(), policy.epoch_len_s, policy.retention_days), (3, 5, 60, 30));
        assert!(policy.classes.allow(Class::Legal) && policy.classes.allow(Class::Emergency));
        assert!(!policy.classes.allow(Class::Recovery));
        assert_eq!(policy.trustees[4].name, "trustee5.example");
        assert_eq!(policy.log_policy_hash, sha256(&[owner.log_policy_text().as_bytes()]));
        assert_eq!(policy.policy_doc_hash, owner.rules_hash());
        let [this] = &policy.recipients[..] else { panic!("one device") };
        assert_eq!((this.device_id, this.role, this.not_after), (owner.device_id(), Role::Admin, u64::MAX));
        assert_eq!(this.wrap_pk, owner.wrap_key().public());
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
        assert!(matches!(refused(&|e| e.classes.push("curiosity".to_owned())), PairError::Class(_)));
        assert!(matches!(refused(&|e| e.threshold = 6), PairError::Policy(_)));
        assert!(matches!(refused(&|e| e.threshold = 0), PairError::Policy(_)));
        assert!(matches!(refused(&|e| e.trustees[0].vkey = "x".to_owned()), PairError::Trustee { .. }));
        assert!(matches!(refused(&|e| e.trustees[0].name = "other".to_owned()), PairError::Trustee { .. }));
        assert!(matches!(refused(&|e| e.trustees[1] = e.trustees[0].clone()), PairError::Policy(_)));
        let (_dir, owner) = owner(|config| config.footage.epoch_seconds = 5);
        assert!(matches!(first_policy(&owner, CameraId([7; 32])), Err(PairError::Policy(_))));
    }

    #[test]
    fn the_leaf_is_found_by_the_notice_key_of_the_day_and_names_nobody() {
        use media::id::Day;
        let (_dir, owner) = owner(|_| ());
        let camera = CameraId([7; 32]);
        let policy = first_policy(&owner, camera).unwrap();
        let root = seal::notice::NoticeRoot::new([1; 32]);
        let (today, tomorrow) = (root.key(&camera, Day(9)), root.next(&camera, Day(9)).key(&camera, Day(10)));
        let id = EntryId([3; 16]);
        let leaf = policy_leaf("relay.example", &today, &policy, id).unwrap();
        assert!(leaf.commits_to(&Hash(policy.hash())));
        assert_eq!(leaf.label.0, today.label(id.as_bytes()));
        assert_ne!(leaf.label.0, tomorrow.label(id.as_bytes()));
        let text = leaf.text();
        assert!(!text.contains(&camera.to_string()) && !text.contains(&hex::encode(policy.hash())));
        assert_eq!(own_entry(&leaf).id, id.to_hex());
        assert!(matches!(policy_leaf("two words", &today, &policy, id), Err(PairError::Sponsor(_))));
    }
}
