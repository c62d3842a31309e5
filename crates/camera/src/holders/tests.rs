use super::*;
use crate::notices::Notices;
use crate::spool::Pairing;
use escrow::record::Name;
use host::rng::Rng;
use media::notice::Beside;
use media::policy::{Recipient, TrusteeEntry};
use seal::hpke::SecretKey;
use seal::notice::{NoticeKey, NoticeRoot};
use tempfile::TempDir;
use tlog::Entry as _;
use tlog::note::Signer;

pub(crate) const FIRST: Day = Day(20_000);

pub(crate) fn camera() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

pub(crate) fn owner() -> SigningKey {
    SigningKey::from_bytes(&[8; 32])
}

fn trustee(at: u8) -> Signer {
    Signer::from_seed(&format!("trustee{at}.example"), &[at; 32]).unwrap()
}

/// The owner's policy with these trustees, in this order.
fn policy(trustees: &[u8]) -> OwnerPolicy {
    let entry = |at: &u8| TrusteeEntry {
        name: trustee(*at).name().to_owned(),
        vkey: trustee(*at).verifier().vkey(),
        url: String::new(),
    };
    OwnerPolicy {
        epoch_len_s: 10,
        t: 1,
        trustees: trustees.iter().map(entry).collect(),
        ..stage::bare::policy(CameraId::of_key(camera().verifying_key().as_bytes()))
    }
}

/// A camera that was paired under a policy with these trustees.
pub(crate) fn paired(trustees: &[u8]) -> (TempDir, Spool) {
    paired_under(&policy(trustees))
}

/// The same, and these may watch.
pub(crate) fn paired_with(recipients: Vec<Recipient>) -> (TempDir, Spool) {
    paired_under(&OwnerPolicy { recipients, t: 0, ..policy(&[]) })
}

fn paired_under(policy: &OwnerPolicy) -> (TempDir, Spool) {
    let dir = tempfile::tempdir().unwrap();
    Spool::create(dir.path()).unwrap();
    let spool = Spool::open(dir.path()).unwrap();
    let pairing = Pairing {
        relay: "relay.example:4433".to_owned(),
        relay_key: [1; 32],
        owner_key: owner().verifying_key().to_bytes(),
        enrollment: vec![1],
        policy: policy.clone().sign(&owner()).unwrap().bytes().to_vec(),
        log_policy: stage::paper::policy_text(),
    };
    let notices = Notices { day: FIRST, root: NoticeRoot::new([3; 32]) };
    let first = (FIRST, notices.key(&policy.camera_id));
    spool.keep_pairing(&pairing, &notices, &first).unwrap();
    (dir, spool)
}

/// The key of a trustee's day comes, and is kept at this place of the policy.
fn give_key(spool: &Spool, share: u8, at: u8, day: Day) -> DayKey {
    let key = DayKey {
        trustee: Name::new(trustee(at).name()).unwrap(),
        day,
        public: SecretKey::new([at; 32]).public(),
        destroy_by: Day(day.0 + 38).start(),
    };
    let note = key.clone().sign(&trustee(at)).unwrap();
    spool.keep_day_key(day, share, (0, note.entry_bytes())).unwrap();
    key
}

fn due(spool: &Spool) -> Vec<(Day, HeldNotice)> {
    due_notices(spool, &camera(), &mut Rng::system()).unwrap()
}

fn notice(held: &HeldNotice) -> DayNotice {
    DayNotice::decode_verified(&held.notice, &camera().verifying_key().to_bytes()).unwrap()
}

/// Whether the notice has a slot for each of these.
fn is_sealed_to(held: &HeldNotice, keys: &[&DayKey]) -> bool {
    let notice = notice(held);
    notice.slots.len() == keys.len() && keys.iter().all(|key| notice.slot(&key.id().0).is_some())
}

#[test]
fn a_notice_goes_out_at_once_and_again_when_a_key_has_come() {
    let (dir, spool) = paired(&[1, 2]);
    let [(day, bare)] = &due(&spool)[..] else { panic!("the first day's") };
    assert!(*day == FIRST && is_sealed_to(bare, &[]));
    assert!(due(&spool)[0].1 == *bare, "until the relay has it, the same");
    spool.forget_notice(FIRST).unwrap();
    assert_eq!(due(&spool).len(), 0);

    let one = give_key(&spool, 1, 1, FIRST);
    // Of another day, it is not sealed to.
    give_key(&spool, 2, 2, Day(FIRST.0 + 1));
    let first = due(&spool).remove(0).1;
    assert!(is_sealed_to(&first, &[&one]));
    assert_eq!(first.beside(bare), Ok(Beside::Replaces));
    spool.forget_notice(FIRST).unwrap();
    drop(spool);

    // Over a restart what was made stays, slot for slot.
    let spool = Spool::open(dir.path()).unwrap();
    assert_eq!(due(&spool).len(), 0);
    let two = give_key(&spool, 2, 2, FIRST);
    let both = due(&spool).remove(0).1;
    assert!(is_sealed_to(&both, &[&one, &two]));
    assert_eq!(notice(&both).slot(&one.id().0), notice(&first).slot(&one.id().0));
}

/// Notices were sealed under the newest policy alone, when the camera came back: the trustees of what it
/// had filmed meanwhile were given none, and could release nothing of it.
#[test]
fn who_was_dealt_a_share_offline_has_a_slot_whatever_the_policy_says_when_the_camera_is_back() {
    let (_dir, spool) = paired(&[1, 2]);
    let id = policy(&[]).camera_id;
    let day = Day(FIRST.0 + 1);
    let keys = [give_key(&spool, 1, 1, day), give_key(&spool, 2, 2, day)];
    // It films the next day, which nobody has confirmed yet.
    let (later, given) = spool.notices().unwrap().on(day, &id).unwrap();
    let of_day = (day, later.key(&id));
    let dealt_to = |spool: &Spool, policy: &OwnerPolicy| {
        let holders = day_keys(spool, policy, day).unwrap();
        with_a_slot(spool, &camera(), &of_day, holders, &mut Rng::system()).unwrap()
    };
    assert_eq!(dealt_to(&spool, &policy(&[1, 2])).iter().flatten().count(), 2);
    assert_eq!(due(&spool).iter().map(|(day, _)| *day).collect::<Vec<_>>(), [FIRST], "it is not given out");

    // Back: another policy, in which the first trustee has gone and the others have moved up.
    let next = policy(&[2, 3]);
    spool.keep_policy(next.clone().sign(&owner()).unwrap().bytes()).unwrap();
    let third = give_key(&spool, 2, 3, day);
    spool.advance_notices(&later, &given).unwrap();
    let due = due(&spool);
    assert_eq!(due.len(), 2);
    assert!(is_sealed_to(&due[1].1, &[&keys[0], &keys[1], &third]));
    // Nobody is dealt a share without a slot.
    let dealt = dealt_to(&spool, &next);
    let all = notice(&due[1].1);
    assert!(dealt.iter().flatten().all(|(_, key)| all.slot(&key.id().0).is_some()));
}

/// A folder that was put back lacked a slot that the relay's notice had: it was refused for the whole day.
#[test]
fn a_folder_that_was_put_back_goes_on_from_the_relays_notice() {
    let (_dir, spool) = paired(&[1, 2]);
    let one = give_key(&spool, 1, 1, FIRST);
    let of_relay = due(&spool).remove(0).1;
    let (_other, spool) = paired(&[3, 2]);
    let two = give_key(&spool, 2, 2, FIRST);
    let own = due(&spool).remove(0).1;
    assert_eq!(own.beside(&of_relay), Ok(Beside::Contradicts));
    let of_day = (FIRST, NoticeKey::new(own.notice_key));
    let camera_key = camera().verifying_key().to_bytes();
    assert!(adopt(&spool, &camera_key, &of_day, &of_relay.notice).unwrap());
    let merged = due(&spool).remove(0).1;
    assert!(is_sealed_to(&merged, &[&one, &two]));
    assert_eq!(merged.beside(&of_relay), Ok(Beside::Replaces));
    // Only its own, of this day's key.
    let foreign = notice(&of_relay).sign(&owner());
    assert!(!adopt(&spool, &camera_key, &of_day, &foreign).unwrap());
    let other = (FIRST, NoticeKey::new([9; 32]));
    assert!(!adopt(&spool, &camera_key, &other, &of_relay.notice).unwrap());
}
