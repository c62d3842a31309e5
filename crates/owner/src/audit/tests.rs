use super::*;
use crate::book::{StoredPolicy, fixtures};
use ed25519_dalek::SigningKey;
use media::id::Day;

/// Keys of days that the bound of before did not let count were passed over: an audit after the owner let
/// trustees keep them longer went on behind them, and said that what was sealed to them was not logged.
#[test]
fn with_a_longer_bound_for_day_keys_the_log_is_read_afresh() {
    let id = CameraId([7; 32]);
    let first = fixtures::policy(id, 1, vec![fixtures::entry(1)]);
    let mut book = Stored::default();
    book.cameras.push(fixtures::camera("door", first.clone(), Day(20_000)));
    assert!(!covers_all(&book).unwrap(), "nothing was read yet");
    let covers = to_cover(&book).unwrap();
    let (root, checkpoint) = (String::new(), String::new());
    book.head = Some(KeptHead { size: 1, root, checkpoint, cosigned_at: 0, last: None, covers });
    assert!(covers_all(&book).unwrap());
    for (day_key_max_secs, is_covered) in [
        (first.day_key_max_secs, true),
        (first.day_key_max_secs - 1, true),
        (first.day_key_max_secs + 1, false),
    ] {
        let next =
            media::policy::OwnerPolicy { version: 2, prev_hash: [1; 32], day_key_max_secs, ..first.clone() };
        let signed = next.sign(&SigningKey::from_bytes(&[1; 32])).unwrap();
        let bundle = media::pair::PolicyBundle { policy: signed.bytes().to_vec(), ..Default::default() };
        let mut book = book.clone();
        book.cameras[0].policies.push(StoredPolicy::of(&bundle, 1, 0));
        assert_eq!(covers_all(&book).unwrap(), is_covered, "{day_key_max_secs}");
    }
}
