//! Notice keys: the second implementation's vectors, and that the chain of days runs forward only.

use crate::schedule::{array, cases};
use media::id::{CameraId, Day};
use media::sign::sha256;
use seal::notice::{NoticeKey, NoticeRoot};

fn camera() -> CameraId {
    CameraId(array(&cases("ids")[0]["camera_id"]))
}

fn day(case: &serde_json::Value) -> Day {
    Day(case["day"].as_u64().unwrap().try_into().unwrap())
}

#[test]
fn keys_labels_and_details_of_each_day() {
    let days = cases("notices");
    let mut root = NoticeRoot::new(array(&days[0]["root"]));
    for case in days {
        assert_eq!(*root.expose(), array(&case["root"]));
        let key = root.key(&camera(), day(&case));
        assert_eq!(*key.expose(), array(&case["notice"]));
        assert_eq!(key.commit(), array(&case["commit"]));
        let entry_id = array(&case["entry_id"]);
        assert_eq!(key.label(&entry_id), array(&case["label"]));

        let mut padded = case["details"].as_str().unwrap().as_bytes().to_vec();
        padded.resize(1024, 0);
        let sealed = key.seal_details(&entry_id, &padded);
        assert_eq!(sha256(&[&sealed]), array(&case["sealed_sha256"]));
        assert_eq!(key.open_details(&entry_id, &sealed).unwrap(), padded);
        root = root.next(&camera(), day(&case));
    }
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
fn details_open_under_their_own_key_and_entry_only_and_unaltered() {
    let key = NoticeKey::new([1; 32]);
    let sealed = key.seal_details(&[2; 16], b"who, why, until when");
    assert_eq!(key.open_details(&[3; 16], &sealed), None);
    assert_eq!(NoticeKey::new([4; 32]).open_details(&[2; 16], &sealed), None);
    for at in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[at] ^= 1;
        assert_eq!(key.open_details(&[2; 16], &altered), None, "byte {at}");
        assert_eq!(key.open_details(&[2; 16], &sealed[..at]), None, "cut at {at}");
    }
}
