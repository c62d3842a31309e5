use super::*;
use crate::combine::combine;
use crate::record::Kind;
use crate::world_for_tests::{Camera, FIRST_EPOCH, NOW, SEGMENTS, THRESHOLD, World, policy_text, trustee};
use media::id::EpochNo;
use std::vec::Vec;

struct Released {
    evidence: Evidence,
    segments: Vec<Vec<u8>>,
}

/// An emergency release of the first three epochs, from request to evidence.
fn released() -> Released {
    let mut world = World::new();
    let package = world.ordinary();
    let request = world.logged(&package);
    let release_key = world.ask(Kind::Emergency).release_key;
    let mut shares = Vec::new();
    let mut grants = Vec::new();
    for index in 1..=THRESHOLD {
        let held = world.hold(index, &package);
        let bundle = world.release(held);
        let key = trustee(index).verifier();
        let open = bundle.open(&request, &key, &release_key, &world.log_policy).unwrap();
        shares.extend(open.shares);
        grants.push((bundle.grant, bundle.proof));
    }
    let seeds = world.camera.opens[..3].iter().map(|open| {
        let open = open.unverified();
        let of_epoch = shares.iter().filter(|(epoch, _)| *epoch == open.context.epoch_no);
        let of_epoch: Vec<_> = of_epoch.map(|(_, share)| share.clone()).collect();
        *combine(open, &of_epoch).unwrap().seed.expose()
    });
    let evidence = Evidence {
        log_policy: policy_text().into_bytes(),
        request: (package.leaf, package.proof),
        grants,
        enrollment: package.enrollment,
        policy: package.policy,
        opens: package.opens,
        seeds: seeds.collect(),
    };
    Released { evidence, segments: segments(&world.camera) }
}

/// Verifies a head and all its segments.
fn verify<S: AsRef<[u8]>>(
    head: &Evidence,
    segments: impl IntoIterator<Item = S>,
) -> Result<Verified, EvidenceError> {
    let mut verification = Verification::start(head)?;
    for segment in segments {
        verification.segment(segment.as_ref())?;
    }
    Ok(verification.finish())
}

fn segments(camera: &Camera) -> Vec<Vec<u8>> {
    camera.segments[..3 * usize::try_from(SEGMENTS).unwrap()].to_vec()
}

#[test]
fn a_release_verifies_offline_from_its_bytes() {
    let Released { evidence, segments } = released();
    let evidence = Evidence::decode(&evidence.encode()).unwrap();
    let verified = verify(&evidence, &segments).unwrap();
    assert_eq!((verified.first_epoch, verified.last_epoch), (EpochNo(FIRST_EPOCH), EpochNo(FIRST_EPOCH + 2)));
    assert_eq!((verified.segments, verified.gaps.len()), (6, 0));
    let release = verified.release.unwrap();
    assert_eq!((release.kind, release.logged_at), (Kind::Emergency, media::time::Seconds(NOW)));
    assert_eq!(release.agency.unwrap().as_str(), "police.example");
    assert_eq!(release.grants.len(), usize::from(THRESHOLD));
}

#[test]
fn an_owner_s_export_shows_no_release() {
    let Released { mut evidence, segments } = released();
    evidence.request = (Vec::new(), Vec::new());
    assert_eq!(verify(&evidence, &segments).unwrap_err(), EvidenceError::GrantsAlone);
    evidence.grants.clear();
    assert_eq!(verify(&evidence, &segments).unwrap().release, None);
}

#[test]
fn missing_segments_are_listed() {
    let Released { evidence, segments } = released();
    let without = |missing: &[usize]| {
        let kept = segments.iter().enumerate().filter(|(at, _)| !missing.contains(at));
        verify(&evidence, kept.map(|(_, segment)| segment)).unwrap().gaps
    };
    let one = without(&[2]);
    assert_eq!((one.len(), one[0].segments, one[0].reason), (1, 1, None));
    assert_eq!(without(&[0])[0].segments, 1);
    let end = without(&[3, 4, 5]);
    assert_eq!(
        (end.len(), end[0].segments),
        (1, 1),
        "the close of epoch 8 tells of one, and epoch 9 is not there"
    );
    assert_eq!(without(&[0, 1, 2, 3, 4, 5]).len(), 1);
}

#[test]
fn every_part_that_is_altered_is_refused_by_name() {
    type Alter = fn(&mut Evidence);
    type Refused = fn(&EvidenceError) -> bool;
    let cases: [(Alter, Refused); 12] = [
        (|e| e.log_policy = b"quorum none\n".to_vec(), |e| matches!(e, EvidenceError::LogPolicy(_))),
        (
            |e| e.log_policy.extend(b"# other\n"),
            |e| matches!(e, EvidenceError::WrongPolicy(_) | EvidenceError::LogPolicy(_)),
        ),
        (|e| *e.enrollment.last_mut().unwrap() ^= 1, |e| matches!(e, EvidenceError::Object(_))),
        (|e| *e.policy.policy.last_mut().unwrap() ^= 1, |e| matches!(e, EvidenceError::Object(_))),
        (
            |e| e.policy.proof = e.request.1.clone(),
            |e| matches!(e, EvidenceError::NotLogged { leaf: "policy", .. }),
        ),
        (|e| *e.opens[1].last_mut().unwrap() ^= 1, |e| matches!(e, EvidenceError::EpochForged(..))),
        (|e| e.opens.swap(0, 1), |e| matches!(e, EvidenceError::WrongSeed(_))),
        (|e| (e.opens.swap(0, 1), e.seeds.swap(0, 1)).0, |e| matches!(e, EvidenceError::EpochMisplaced(_))),
        (|e| e.seeds[2][0] ^= 1, |e| matches!(e, EvidenceError::WrongSeed(EpochNo(9)))),
        (|e| drop((e.opens.pop(), e.seeds.pop())), |e| matches!(e, EvidenceError::WrongSpan)),
        (|e| e.grants[0] = e.grants[1].clone(), |e| matches!(e, EvidenceError::WrongTrustee(_))),
        (|e| drop(e.grants.pop()), |e| matches!(e, EvidenceError::TooFewGrants { got: 2, needed: 3 })),
    ];
    let Released { evidence, segments } = released();
    for (at, (alter, refused)) in cases.into_iter().enumerate() {
        let mut altered = evidence.clone();
        alter(&mut altered);
        let error = verify(&altered, &segments).unwrap_err();
        assert!(refused(&error), "case {at}: {error}");
    }
}

#[test]
fn altered_replayed_and_reordered_segments_are_refused() {
    let Released { evidence, segments } = released();
    let refused = |segments: &[&Vec<u8>]| {
        let error = verify(&evidence, segments).unwrap_err();
        assert!(matches!(error, EvidenceError::Segment { .. }), "{error}");
    };
    let mut altered = segments[1].clone();
    *altered.last_mut().unwrap() ^= 1;
    refused(&[&segments[0], &altered]);
    refused(&[&segments[0], &segments[0]]);
    refused(&[&segments[1], &segments[0]]);
    let cut = segments[0][..segments[0].len() - 1].to_vec();
    refused(&[&cut]);
    // The neighbour epoch's footage does not open: its seed is not in the file.
    let neighbour = World::new().camera.segments[6].clone();
    refused(&[&neighbour]);
}

#[test]
fn cut_heads_and_heads_with_more_are_refused() {
    let bytes = released().evidence.encode();
    for at in 0..bytes.len() {
        assert!(Evidence::decode(&bytes[..at]).is_err());
    }
    assert!(Evidence::decode(&[bytes, std::vec![0]].concat()).is_err());
}
