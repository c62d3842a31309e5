//! Policies that an owner signed and a witnessed log holds, and each way in which one is not that.

use super::*;
use ed25519_dalek::SigningKey;
use escrow::record::{EntryId, Name, policy_commitment};
use media::id::{Day, DeviceId};
use media::policy::{OwnerPolicy, Recipient, Role};
use seal::notice::NoticeRoot;
use std::time::Duration;
use tlog::Entry as _;
use tlog::checkpoint::Checkpoint;
use tlog::cosignature::{Algorithm, Cosigner};
use tlog::merkle::{Tree, leaf_hash};
use tlog::note::{Signer, UnverifiedNote};

const CAMERA: CameraId = CameraId([4; 32]);
const DAY: Day = Day(20_833);

fn owner() -> SigningKey {
    SigningKey::from_bytes(&[8; 32])
}

fn owner_key() -> [u8; 32] {
    owner().verifying_key().to_bytes()
}

fn log() -> Signer {
    Signer::from_seed("log.example", &[1; 32]).unwrap()
}

fn witness() -> Cosigner {
    Cosigner::from_seed("w.example", Algorithm::Ed25519, &[2; 32]).unwrap()
}

fn log_policy() -> String {
    let (log, witness) = (log().verifier().vkey(), witness().verifier().vkey());
    format!("log {log}\nwitness w {witness}\nquorum w\n")
}

fn notice(day: Day) -> NoticeKey {
    NoticeRoot::new([3; 32]).key(&CAMERA, day)
}

/// The next version, by this key, for a further viewer.
fn version(before: Option<&SignedOwnerPolicy>, owner: &SigningKey, camera_id: CameraId) -> SignedOwnerPolicy {
    let version = before.map_or(1, |before| before.unverified().version + 1);
    let recipient = Recipient {
        device_id: DeviceId([u8::try_from(version).unwrap(); 32]),
        wrap_pk: vec![0; 1216],
        role: Role::Guest,
        not_after: Seconds::MAX,
    };
    let policy = OwnerPolicy {
        version,
        prev_hash: before.map_or([0; 32], SignedOwnerPolicy::hash),
        recipients: vec![recipient],
        log_policy_hash: Hash::of(&[log_policy().as_bytes()]).0,
        ..stage::bare::policy(camera_id)
    };
    policy.sign(owner).unwrap()
}

enum Head {
    Cosigned,
    Alone,
}

/// The policy with its leaf, labelled for `day` and stamped on it, in a log of three leaves.
fn logged(policy: &SignedOwnerPolicy, day: Day, head: Head) -> PolicyBundle {
    stamped(policy, day, Some(day.start().after(Duration::from_secs(3600))), head)
}

fn stamped(policy: &SignedOwnerPolicy, day: Day, stamp: Option<Seconds>, head: Head) -> PolicyBundle {
    let id = EntryId([6; 16]);
    let leaf = OwnerPolicyLeaf {
        id,
        sponsor: Name::new("relay.example").unwrap(),
        label: Hash(notice(day).label(id.as_bytes())),
        commitment: policy_commitment(&id, &Hash(policy.hash())),
    };
    let sponsor = Signer::from_seed("relay.example", &[5; 32]).unwrap();
    let leaf = Signed::sign(leaf, &[&sponsor]).unwrap().entry_bytes().to_vec();
    let leaf = match stamp {
        Some(time) => {
            tlog::stamp::stamp(&log(), UnverifiedNote::parse(&leaf).unwrap(), time.0).unwrap().encode()
        }
        None => leaf,
    };
    let mut tree = Tree::new();
    tree.push(leaf_hash(b"another"));
    tree.push(leaf_hash(&leaf));
    tree.push(leaf_hash(b"a third"));
    let mut signed = Checkpoint::new("log.example", 3, tree.root()).unwrap().sign(&log()).unwrap();
    if matches!(head, Head::Cosigned) {
        signed.cosign(&witness(), 1).unwrap();
    }
    let inclusion = tree.prove_inclusion(1, 3).unwrap();
    let proof = TlogProof::from_parts(1, inclusion, &signed.encode()).unwrap();
    PolicyBundle { policy: policy.bytes().to_vec(), leaf, proof: proof.encode() }
}

fn following(policy: &SignedOwnerPolicy) -> Succession {
    let pairing = Pairing {
        relay: String::new(),
        relay_key: [0; 32],
        owner_key: owner_key(),
        enrollment: Vec::new(),
        policy: policy.bytes().to_vec(),
        log_policy: log_policy(),
    };
    Succession::new(&pairing, CAMERA).unwrap()
}

#[test]
fn what_the_owner_signed_and_the_witnesses_saw_is_taken_and_nothing_else() {
    let good = version(None, &owner(), CAMERA);
    let bundle = logged(&good, DAY, Head::Cosigned);
    let verify = |bundle: &PolicyBundle| verified(&owner_key(), &log_policy(), CAMERA, bundle);
    let (policy, leaf) = verify(&bundle).unwrap();
    assert_eq!(policy, good);
    check_label(&leaf, &[(DAY, notice(DAY))]).unwrap();
    let tomorrow = Day(DAY.0 + 1);
    assert!(matches!(check_label(&leaf, &[(tomorrow, notice(tomorrow))]), Err(PolicyRefused::Unlabelled)));
    assert!(matches!(check_label(&leaf, &[]), Err(PolicyRefused::Unlabelled)));

    let stranger = version(None, &SigningKey::from_bytes(&[9; 32]), CAMERA);
    let refused = verify(&logged(&stranger, DAY, Head::Cosigned)).unwrap_err();
    assert!(matches!(refused, PolicyRefused::Object(_)), "{refused}");
    let others = version(None, &owner(), CameraId([5; 32]));
    let refused = verify(&logged(&others, DAY, Head::Cosigned)).unwrap_err();
    assert!(matches!(refused, PolicyRefused::OtherCamera), "{refused}");
    let refused = verify(&logged(&good, DAY, Head::Alone)).unwrap_err();
    assert!(matches!(refused, PolicyRefused::NotLogged(_)), "{refused}");
    // The leaf and proof of another policy.
    let borrowed = PolicyBundle { policy: stranger.bytes().to_vec(), ..bundle.clone() };
    let stranger_key = SigningKey::from_bytes(&[9; 32]).verifying_key().to_bytes();
    let refused = verified(&stranger_key, &log_policy(), CAMERA, &borrowed).unwrap_err();
    assert!(matches!(refused, PolicyRefused::OtherLeaf), "{refused}");
    let other_log = log_policy() + "# another file\n";
    let refused = verified(&owner_key(), &other_log, CAMERA, &bundle).unwrap_err();
    assert!(matches!(refused, PolicyRefused::OtherLog), "{refused}");
}

#[test]
fn a_leaf_that_was_logged_before_the_day_of_its_label_adds_no_viewer() {
    let policy = version(None, &owner(), CAMERA);
    let keys = [(DAY, notice(DAY))];
    let label = |stamp: Option<Seconds>| {
        let bundle = stamped(&policy, DAY, stamp, Head::Cosigned);
        verified(&owner_key(), &log_policy(), CAMERA, &bundle).and_then(|(_, leaf)| check_label(&leaf, &keys))
    };
    let day = Duration::from_secs(86_400);
    let (start, last) = (DAY.start(), DAY.start().after(day - Duration::from_secs(1)));
    // On its day and on the next, from the first second to the last.
    for good in [start, last, start.after(day), last.after(day)] {
        label(Some(good)).unwrap();
    }
    for bad in [start.before(Duration::from_secs(1)), start.before(5 * day), start.after(2 * day)] {
        assert!(matches!(label(Some(bad)), Err(PolicyRefused::Mislabelled { .. })), "{bad}");
    }
    assert!(matches!(label(None), Err(PolicyRefused::Unstamped(_) | PolicyRefused::NotLogged(_))));
}

#[test]
fn versions_are_followed_in_order_and_only_the_last_must_be_labelled() {
    let one = version(None, &owner(), CAMERA);
    let two = version(Some(&one), &owner(), CAMERA);
    let three = version(Some(&two), &owner(), CAMERA);
    let (today, before) = ([(DAY, notice(DAY))], Day(DAY.0 - 1));

    let mut same = following(&one);
    assert_eq!(same.handle(&logged(&one, DAY, Head::Cosigned)).unwrap(), Needs::Nothing);
    assert_eq!(same.newest(&today).unwrap(), None);

    let mut next = following(&one);
    assert_eq!(next.handle(&logged(&two, DAY, Head::Cosigned)).unwrap(), Needs::Nothing);
    assert_eq!(next.newest(&today).unwrap(), Some(two.clone()));

    let mut skipped = following(&one);
    let needs = skipped.handle(&logged(&three, DAY, Head::Cosigned)).unwrap();
    assert_eq!(needs, Needs::Version(two.hash()));
    assert!(matches!(skipped.missing(), PolicyRefused::Missing { current: 1, offered: 3 }));
    assert_eq!(skipped.handle(&logged(&two, before, Head::Cosigned)).unwrap(), Needs::Nothing);
    assert_eq!(skipped.newest(&today).unwrap(), Some(three.clone()));

    let mut silent = following(&one);
    silent.handle(&logged(&two, before, Head::Cosigned)).unwrap();
    assert!(matches!(silent.newest(&today), Err(PolicyRefused::Unlabelled)));
}

#[test]
fn versions_go_neither_back_nor_sideways() {
    let one = version(None, &owner(), CAMERA);
    let two = version(Some(&one), &owner(), CAMERA);
    let three = version(Some(&two), &owner(), CAMERA);
    let offer = |held: &SignedOwnerPolicy, offered: &SignedOwnerPolicy| {
        following(held).handle(&logged(offered, DAY, Head::Cosigned)).unwrap_err()
    };
    assert!(matches!(offer(&two, &one), PolicyRefused::Version { current: 2, offered: 1 }));
    // A second version 2, after another first one.
    let elsewhere = {
        let mut other = version(None, &owner(), CAMERA).unverified().clone();
        other.retention_days = 1;
        other.sign(&owner()).unwrap()
    };
    let sideways = version(Some(&elsewhere), &owner(), CAMERA);
    assert!(matches!(offer(&one, &sideways), PolicyRefused::Previous(2)));
    assert!(matches!(offer(&one, &elsewhere), PolicyRefused::Version { current: 1, offered: 1 }));
    // Version 3 rests on another version 2 than the one that the relay brings.
    let mut mixed = following(&one);
    mixed.handle(&logged(&three, DAY, Head::Cosigned)).unwrap();
    let refused = mixed.handle(&logged(&sideways, DAY, Head::Cosigned)).unwrap_err();
    assert!(matches!(refused, PolicyRefused::Previous(3)), "{refused}");
    // One that was not witnessed is none, in the middle too.
    let mut unseen = following(&one);
    unseen.handle(&logged(&three, DAY, Head::Cosigned)).unwrap();
    let refused = unseen.handle(&logged(&two, DAY, Head::Alone)).unwrap_err();
    assert!(matches!(refused, PolicyRefused::NotLogged(_)), "{refused}");
}
