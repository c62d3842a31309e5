//! Notice keys and details keys: the second implementation's vectors, that the chain of days runs
//! forward only, and that what finds a leaf does not read it.

use crate::schedule::{array, bytes, cases, number};
use media::id::{CameraId, Day};
use media::sign::sha256;
use seal::details::{DetailsKey, audit_key};
use seal::hpke::{self, HpkeError, SecretKey};
use seal::notice::{NoticeKey, NoticeRoot};

fn camera() -> CameraId {
    CameraId(array(&cases("ids")[0]["camera_id"]))
}

fn day(case: &serde_json::Value) -> Day {
    Day(case["day"].as_u64().unwrap().try_into().unwrap())
}

#[test]
fn keys_and_labels_of_each_day() {
    let days = cases("notices");
    let mut root = NoticeRoot::new(array(&days[0]["root"]));
    for case in days {
        assert_eq!(*root.expose(), array(&case["root"]));
        let key = root.key(&camera(), day(&case));
        assert_eq!(*key.expose(), array(&case["notice"]));
        assert_eq!(key.commit(), array(&case["commit"]));
        let entry_id = array(&case["entry_id"]);
        assert_eq!(key.label(&entry_id), array(&case["label"]));
        root = root.next(&camera(), day(&case));
    }
}

#[test]
fn ids_and_labels_of_drafts() {
    let drafts = cases("drafts");
    for case in &drafts {
        let id = media::notice::draft_id(&array(&case["link_key"]), &array(&case["draft"]));
        assert_eq!(id, array(&case["entry_id"]));
        assert_eq!(NoticeKey::new(array(&case["notice"])).label(&id), array(&case["label"]));
    }
    // Another draft, and another sponsor: another leaf.
    let ids: std::collections::BTreeSet<[u8; 16]> =
        drafts.iter().map(|case| array(&case["entry_id"])).collect();
    assert_eq!(ids.len(), 3);
}

#[test]
fn a_days_key_says_nothing_of_other_days_cameras_or_leaves() {
    let root = NoticeRoot::new([1; 32]);
    let (today, tomorrow) = (Day(20_752), Day(20_753));
    let key = root.key(&camera(), today);
    let next = root.next(&camera(), today);
    // The camera keeps `next` alone: nothing derived from it, for whatever day it is asked, is
    // today's key or root.
    for asked in [today, tomorrow, Day(0)] {
        assert!(next.key(&camera(), asked) != key);
        assert_ne!(next.next(&camera(), asked).expose(), root.expose());
        assert_ne!(next.next(&camera(), asked).expose(), next.expose());
    }
    assert!(root.key(&CameraId([0; 32]), today) != key);
    assert_ne!(root.next(&CameraId([0; 32]), today).expose(), next.expose());
    assert_ne!(key.label(&[1; 16]), key.label(&[2; 16]));
    assert_ne!(key.label(&[1; 16]), next.key(&camera(), tomorrow).label(&[1; 16]));
}

#[test]
fn details_and_the_wrap_of_their_key_for_the_owner() {
    for case in cases("details") {
        let audit = audit_key(&array(&case["owner_root"]));
        assert_eq!(*audit.expose(), array(&case["audit_key"]));
        let (key, entry_id) = (DetailsKey::new(array(&case["details_key"])), array(&case["entry_id"]));
        let mut padded = case["details"].as_str().unwrap().as_bytes().to_vec();
        padded.resize(1024, 0);
        let sealed = key.seal(&padded);
        assert_eq!(sha256(&[&sealed]), array(&case["sealed_sha256"]));
        assert_eq!(key.open(&sealed).unwrap(), padded);

        // The wrap is the HPKE seal whose encapsulation draws what the second implementation derives.
        let wrapped = key.wrap(&audit.public(), &entry_id).unwrap();
        let mut drawn = Drawn(hex::decode(case["encapsulation"].as_str().unwrap()).unwrap());
        let info = b"candor details key\0";
        let expected = hpke::seal(&audit.public(), info, &entry_id, key.expose(), &mut drawn).unwrap();
        assert_eq!(wrapped, expected);
        assert_eq!(wrapped.len(), 1120 + 32 + 16);
        assert_eq!(DetailsKey::unwrap(&audit, &entry_id, &wrapped).unwrap(), key);
    }
}

#[test]
fn what_a_camera_says_of_itself_under_the_key_of_its_day() {
    for case in cases("healths") {
        let (day, root) = (Day(number(&case["day"])), NoticeRoot::new(array(&case["root"])));
        let key = root.health_key(&camera(), day);
        assert_eq!(*key.expose(), array(&case["key"]));
        let sealed = bytes(&case["sealed"]);
        let said = key.open(&sealed).unwrap();
        let pictures = said.pictures.iter().map(|it| (it.track.0, it.state.code(), it.since_us.0));
        assert_eq!(serde_json::to_value(pictures.collect::<Vec<_>>()).unwrap(), case["pictures"]);
        let troubles = said.troubles.iter().map(|it| (it.track.0, it.kind.code(), it.text.as_str()));
        assert_eq!(serde_json::to_value(troubles.collect::<Vec<_>>()).unwrap(), case["troubles"]);
        assert_eq!(u64::from(said.waiting), case["waiting"].as_u64().unwrap());
        assert_eq!(said.settings, case["settings"].as_u64().unwrap());
        // The same again, with the nonce that the second implementation drew.
        assert_eq!(key.seal(said, &mut Drawn(sealed[..12].to_vec())), sealed);
        assert_eq!(root.health_key(&camera(), Day(day.0 + 1)).open(&sealed), None);
    }
}

#[test]
fn what_is_asked_of_a_camera_under_the_key_of_its_day() {
    for case in cases("settings") {
        let (day, root) = (Day(number(&case["day"])), NoticeRoot::new(array(&case["root"])));
        let key = root.settings_key(&camera(), day);
        assert_eq!(*key.expose(), array(&case["key"]));
        let sealed = bytes(&case["sealed"]);
        let asked = key.open(&sealed).unwrap();
        assert_eq!(asked.ignored.0.to_vec(), bytes(&case["cells"]));
        assert_eq!(key.seal(&asked, &mut Drawn(sealed[..12].to_vec())), sealed);
    }
}

/// Gives these bytes, once.
struct Drawn(Vec<u8>);

impl rand_core::TryRng for Drawn {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), Self::Error> {
        destination.copy_from_slice(&self.0.drain(..destination.len()).collect::<Vec<_>>());
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Drawn {}

#[test]
fn details_open_under_their_own_key_only_and_unaltered() {
    let key = DetailsKey::new([1; 32]);
    let sealed = key.seal(b"who, why, until when");
    assert_eq!(DetailsKey::new([4; 32]).open(&sealed), None);
    for at in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[at] ^= 1;
        assert_eq!(key.open(&altered), None, "byte {at}");
        assert_eq!(key.open(&sealed[..at]), None, "cut at {at}");
    }
}

#[test]
fn a_details_key_reaches_its_owner_for_its_own_leaf_only() {
    let (audit, key, id) = (audit_key(&[1; 32]), DetailsKey::new([2; 32]), [3; 16]);
    let wrapped = key.wrap(&audit.public(), &id).unwrap();
    assert_eq!(key.wrap(&audit.public(), &id).unwrap(), wrapped, "the same each time");
    // For another leaf, another owner, with another key: another wrap, from the encapsulation on.
    let others = [
        key.wrap(&audit.public(), &[4; 16]).unwrap(),
        key.wrap(&audit_key(&[4; 32]).public(), &id).unwrap(),
        DetailsKey::new([4; 32]).wrap(&audit.public(), &id).unwrap(),
    ];
    assert!(others.iter().all(|other| other[..1120] != wrapped[..1120]));
    // Copied into another leaf it says nothing.
    let cannot = Err(HpkeError::CannotOpen);
    assert_eq!(DetailsKey::unwrap(&audit, &[4; 16], &wrapped), cannot);
    assert_eq!(DetailsKey::unwrap(&audit_key(&[4; 32]), &id, &wrapped), cannot);
    assert_eq!(DetailsKey::unwrap(&audit, &id, &wrapped[..1167]), cannot);
    // A seal of something else than a key is no key.
    let mut drawn = Drawn(vec![7; 64]);
    let longer = hpke::seal(&audit.public(), b"candor details key\0", &id, &[0; 33], &mut drawn).unwrap();
    assert_eq!(DetailsKey::unwrap(&audit, &id, &longer), cannot);
    assert_eq!(key.wrap(&SecretKey::new([1; 32]).public()[1..], &id), Err(HpkeError::BadPublicKey));
}
