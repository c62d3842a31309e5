//! Who opened the footage: a signature over the head, or none, and never a guess.

use super::*;

#[test]
fn an_owner_s_export_is_signed_by_an_owner_s_device_and_shows_no_release() {
    let Released { evidence, segments, .. } = released();
    let own = exported(&evidence);
    let verified = verify(&own, &segments).unwrap();
    assert_eq!((verified.release, verified.footage.completeness()), (None, Completeness::Complete));
    let opener = verified.opener.unwrap();
    assert_eq!((opener.opened, opener.name.as_str()), (OpenedAs::Owner, "device"));
    let id = DeviceId::of_key(&SigningKey::from_bytes(&ADMIN).verifying_key().to_bytes());
    assert_eq!(opener.device, Some(id));
}

#[test]
fn nobody_opens_in_another_s_name() {
    let Released { evidence, .. } = released();
    let opened = |head: &Evidence, opened, signer: &Signer| {
        let mut head = head.clone();
        head.sign(opened, signer, Seconds(NOW)).unwrap();
        Verification::start(&head).map(|_| ()).map_err(|error| {
            assert!(matches!(error, EvidenceError::WrongOpener(_)), "{error}");
        })
    };
    let own = exported(&evidence);
    // Who signed the request may have opened it, its sponsor's relay has no part in it.
    for (signer, is_so) in [(officer(), true), (supervisor(), true), (sponsor(), false), (trustee(1), false)]
    {
        assert_eq!(opened(&evidence, OpenedAs::Requester, &signer).is_ok(), is_so, "{signer:?}");
    }
    // Without a request there is no requester.
    assert!(opened(&own, OpenedAs::Requester, &officer()).is_err());
    // An owner's device is one of the policy, and may decide alone.
    for (seed, is_so) in [(ADMIN, true), (GUEST, false), ([43; 32], false)] {
        assert_eq!(opened(&own, OpenedAs::Owner, &device(&seed)).is_ok(), is_so);
        assert_eq!(opened(&evidence, OpenedAs::Owner, &device(&seed)).is_ok(), is_so);
    }
    assert!(opened(&own, OpenedAs::Owner, &signer("tablet", 41)).is_err(), "under its one name");
    // Signed over another head, or by one more.
    let mut moved = own.clone();
    moved.opener = evidence.opener.clone();
    assert!(matches!(Verification::start(&moved), Err(EvidenceError::WrongOpener(_))));
    let mut two = evidence;
    two.opener.extend(two.opener.clone().split(|byte| *byte == b'\n').rev().nth(1).unwrap());
    two.opener.push(b'\n');
    assert!(matches!(Verification::start(&two), Err(EvidenceError::WrongOpener(_))));
}
