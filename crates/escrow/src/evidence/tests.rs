use super::*;
use crate::combine::combine;
use crate::package::Package;
use crate::record::{KeyState, Kind, Request, Role, Signed};
use crate::world_for_tests::{
    Ask, Camera, FIRST_EPOCH, NOW, SEGMENTS, Setup, THRESHOLD, World, name, officer, policy_text, signer,
    sponsor, supervisor, trustee,
};
use ed25519_dalek::SigningKey;
use media::id::{CameraId, DeviceId, EpochNo};
use media::policy::{Recipient, Role as DeviceRole};
use std::string::ToString as _;
use std::vec::Vec;
use tlog::Entry as _;

mod attacks;
mod opened;
mod second;

/// An owner's device that is an admin of the OwnerPolicy, and a guest's.
const ADMIN: [u8; 32] = [41; 32];
const GUEST: [u8; 32] = [42; 32];

struct Released {
    world: World,
    evidence: Evidence,
    segments: Vec<Vec<u8>>,
}

fn device(seed: &[u8; 32]) -> Signer {
    Signer::from_seed(crate::record::DEVICE_KEY_NAME, seed).unwrap()
}

fn with_devices() -> Setup {
    Setup {
        policy: |policy| {
            let recipient = |seed: &[u8; 32], role| Recipient {
                device_id: DeviceId::of_key(&SigningKey::from_bytes(seed).verifying_key().to_bytes()),
                wrap_pk: std::vec![7; 1216],
                role,
                not_after: Seconds::MAX,
            };
            policy.recipients = [(&ADMIN, DeviceRole::Admin), (&GUEST, DeviceRole::Guest)]
                .map(|(seed, role)| recipient(seed, role))
                .to_vec();
        },
        ..Setup::default()
    }
}

/// An emergency release of the first three epochs, from request to evidence.
fn released() -> Released {
    released_by(World::with(&with_devices()), Kind::Emergency, THRESHOLD)
}

fn released_by(world: World, kind: Kind, grants: u8) -> Released {
    released_of(world, kind, grants, |_| {})
}

fn released_of(mut world: World, kind: Kind, grants: u8, alter: fn(&mut Request)) -> Released {
    let ask = Ask { alter, ..world.ask(kind) };
    let package = world.log_request(&ask);
    let given = (1..=grants).map(|index| granted(&mut world, index, &package, &ask)).collect();
    let mut evidence = head(&world, package, given);
    evidence.sign(OpenedAs::Requester, &officer(), Seconds(NOW + 60)).unwrap();
    let segments = segments(&world.camera);
    Released { world, evidence, segments }
}

fn granted(world: &mut World, index: u8, package: &Package, ask: &Ask) -> LoggedLeaf {
    let request = world.logged(package);
    let held = world.hold(index, package);
    let bundle = world.release(held);
    let key = trustee(index).verifier();
    let open = bundle.open(&request, &key, &ask.release_key, &world.log_policy).unwrap();
    // What they hold is the seed, by the camera's own commitments.
    assert_eq!(open.shares.len(), 3);
    LoggedLeaf { leaf: bundle.grant, proof: bundle.proof }
}

fn proven(world: &World, (index, leaf): &(u64, Vec<u8>)) -> LoggedLeaf {
    LoggedLeaf { leaf: leaf.clone(), proof: world.log.proof(*index, 4, NOW).encode() }
}

/// The head of a request's evidence, as an honest requester writes it.
fn head(world: &World, package: Package, grants: Vec<LoggedLeaf>) -> Evidence {
    let request = Signed::<Request>::parse(&package.leaf).unwrap();
    let registrations = world.registrations.iter().filter(|(_, leaf)| {
        let leaf = Signed::<crate::record::RequesterKey>::parse(leaf).unwrap();
        let key = leaf.value().vkey.verifier();
        // The sponsor's brought the policy leaf.
        leaf.value().state == KeyState::Registered
            && (request.is_signed_by(key) || leaf.value().role == Role::Sponsor)
    });
    let mut evidence = Evidence {
        log_policy: policy_text().into_bytes(),
        rules: world.rules.encode(),
        details_key: Some(*package.details_key.expose()),
        request: LoggedLeaf { leaf: package.leaf, proof: package.proof },
        grants,
        registrations: world.published.iter().chain(registrations).map(|leaf| proven(world, leaf)).collect(),
        enrollment: package.enrollment,
        policy: package.policy,
        seeds: world.camera.seeds[..package.opens.len()].iter().map(|seed| Some(*seed.expose())).collect(),
        closing: world.camera.opens[package.opens.len()].bytes().to_vec(),
        opens: package.opens,
        opener: Vec::new(),
    };
    evidence.prune(&world.log_policy).unwrap();
    evidence
}

/// The same footage, as its owner exports it.
fn exported(evidence: &Evidence) -> Evidence {
    let (rules, only_policys) = (evidence.registrations.first(), evidence.registrations.last());
    let mut own = Evidence {
        request: LoggedLeaf::default(),
        details_key: None,
        grants: Vec::new(),
        registrations: rules.into_iter().chain(only_policys).cloned().collect(),
        ..evidence.clone()
    };
    own.sign(OpenedAs::Owner, &device(&ADMIN), Seconds(NOW)).unwrap();
    own
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
    verification.finish()
}

fn segments(camera: &Camera) -> Vec<Vec<u8>> {
    camera.segments[..3 * usize::try_from(SEGMENTS).unwrap()].to_vec()
}

#[test]
fn a_release_verifies_offline_from_its_bytes_and_says_who_signed_granted_and_opened_it() {
    let Released { evidence, segments, .. } = released();
    let evidence = Evidence::decode(&evidence.encode()).unwrap();
    let verified = verify(&evidence, &segments).unwrap();
    let footage = &verified.footage;
    assert_eq!((footage.first_epoch, footage.last_epoch), (EpochNo(FIRST_EPOCH), EpochNo(FIRST_EPOCH + 2)));
    assert_eq!((footage.segments, footage.missing, footage.gaps.len()), (6, 0, 0));
    assert_eq!(footage.completeness(), Completeness::Complete);
    assert_eq!((verified.policy.t, verified.policy.n), (3, 5));
    let sponsored = verified.policy.sponsor.registered.unwrap();
    assert_eq!(
        (sponsored.agency.as_str(), sponsored.registrar.as_str()),
        ("relay.example", "registrar.example")
    );
    let release = verified.release.unwrap();
    assert_eq!((release.kind, release.logged_at), (Kind::Emergency, Seconds(NOW)));
    assert_eq!(release.agency.as_ref().unwrap().as_str(), "police.example");
    assert!(release.is_by_agency());
    let signers: Vec<_> =
        release.signers.iter().map(|by| (by.key.as_str(), by.registered.is_some())).collect();
    assert_eq!(
        signers,
        [("police.example/officer", true), ("police.example/supervisor", true), ("relay.example", true)]
    );
    assert_eq!(release.details.case_number.unwrap().as_str(), "2027-8812");
    assert_eq!((release.grants.len(), release.needed), (usize::from(THRESHOLD), THRESHOLD));
    let opener = verified.opener.unwrap();
    assert_eq!((opener.opened, opener.name.as_str()), (OpenedAs::Requester, "police.example/officer"));
}

#[test]
fn the_seeds_are_what_the_shares_of_the_grants_combine_to() {
    let mut world = World::new();
    let package = world.ordinary();
    let (request, ask) = (world.logged(&package), world.ask(Kind::Emergency));
    let mut shares = Vec::new();
    for index in 1..=THRESHOLD {
        let held = world.hold(index, &package);
        let bundle = world.release(held);
        let key = trustee(index).verifier();
        shares.extend(bundle.open(&request, &key, &ask.release_key, &world.log_policy).unwrap().shares);
    }
    for (open, seed) in world.camera.opens[..3].iter().map(|open| open.unverified()).zip(&world.camera.seeds)
    {
        let of_epoch = shares.iter().filter(|(epoch, _)| *epoch == open.context.epoch_no);
        let of_epoch: Vec<_> = of_epoch.map(|(_, share)| share.clone()).collect();
        assert_eq!(combine(open, &of_epoch).unwrap().seed.expose(), seed.expose());
    }
}

#[test]
fn every_kind_verifies() {
    for (kind, grants, lines) in [(Kind::Legal, THRESHOLD, 3), (Kind::OwnerShare, 0, 1)] {
        let Released { mut evidence, segments, .. } = released_by(World::with(&with_devices()), kind, grants);
        evidence.sign(OpenedAs::Owner, &device(&ADMIN), Seconds(NOW)).unwrap();
        let release = verify(&evidence, &segments).unwrap().release.unwrap();
        assert_eq!((release.kind, release.signers.len()), (kind, lines));
        assert_eq!(usize::from(release.needed), release.grants.len());
    }
    // A recovery waits for a veto before it is granted; who signed it is known before that.
    let mut world = World::new();
    let ask = world.ask(Kind::Recovery);
    let package = world.log_request(&ask);
    let evidence = head(&world, package, Vec::new());
    let error = Verification::start(&evidence).unwrap_err();
    assert_eq!(error, EvidenceError::TooFewGrants { got: 0, needed: 3 });
    let unsigned = Ask { signers: std::vec![sponsor()], ..world.ask(Kind::Recovery) };
    let unsigned = world.log_request(&Ask { id: crate::record::EntryId([9; 16]), ..unsigned });
    let error = Verification::start(&head(&world, unsigned, Vec::new())).unwrap_err();
    assert_eq!(error, EvidenceError::NotRecovery);
}

#[test]
fn every_part_that_is_altered_is_refused_by_name() {
    type Alter = fn(&mut Evidence);
    type Refused = fn(&EvidenceError) -> bool;
    let cases: [(Alter, Refused); 21] = [
        (|e| e.log_policy = b"quorum none\n".to_vec(), |e| matches!(e, EvidenceError::LogPolicy(_))),
        (
            |e| e.log_policy.extend(b"# other\n"),
            |e| matches!(e, EvidenceError::WrongPolicy(_) | EvidenceError::LogPolicy(_)),
        ),
        (|e| e.rules.extend(b"x 1\n"), |e| matches!(e, EvidenceError::PolicyDoc(_))),
        (
            |e| {
                let rules = std::string::String::from_utf8(e.rules.clone()).unwrap();
                e.rules = rules.replace("head-age-secs 120", "head-age-secs 121").into_bytes();
            },
            |e| matches!(e, EvidenceError::Rules(_)),
        ),
        // Without the PolicyDoc no registrar is known.
        (|e| e.rules.clear(), |e| matches!(e, EvidenceError::Registration(_))),
        (|e| *e.enrollment.last_mut().unwrap() ^= 1, |e| matches!(e, EvidenceError::Object(_))),
        (|e| *e.policy.policy.last_mut().unwrap() ^= 1, |e| matches!(e, EvidenceError::Object(_))),
        (
            |e| e.policy.proof = e.request.proof.clone(),
            |e| matches!(e, EvidenceError::NotLogged { leaf: "policy", .. }),
        ),
        (|e| *e.opens[1].last_mut().unwrap() ^= 1, |e| matches!(e, EvidenceError::EpochForged(..))),
        (|e| e.opens.swap(0, 1), |e| matches!(e, EvidenceError::WrongSeed(_))),
        (|e| (e.opens.swap(0, 1), e.seeds.swap(0, 1)).0, |e| matches!(e, EvidenceError::EpochMisplaced(_))),
        (|e| e.seeds[2].as_mut().unwrap()[0] ^= 1, |e| matches!(e, EvidenceError::WrongSeed(EpochNo(9)))),
        (|e| drop((e.opens.pop(), e.seeds.pop())), |e| matches!(e, EvidenceError::EpochMisplaced(_))),
        (
            |e| {
                drop((e.opens.pop(), e.seeds.pop()));
                e.closing.clear();
            },
            |e| matches!(e, EvidenceError::WrongSpan),
        ),
        (|e| e.closing = e.opens[1].clone(), |e| matches!(e, EvidenceError::EpochMisplaced(_))),
        (|e| *e.closing.last_mut().unwrap() ^= 1, |e| matches!(e, EvidenceError::EpochForged(..))),
        (|e| e.details_key = None, |e| matches!(e, EvidenceError::Details(_))),
        (|e| e.details_key = Some([1; 32]), |e| matches!(e, EvidenceError::Details(_))),
        (|e| e.grants[0] = e.grants[1].clone(), |e| matches!(e, EvidenceError::WrongTrustee(_))),
        (|e| drop(e.grants.pop()), |e| matches!(e, EvidenceError::TooFewGrants { got: 2, needed: 3 })),
        (|e| e.seeds[1] = Some([0; 32]), |e| matches!(e, EvidenceError::WrongSeed(_))),
    ];
    let Released { evidence, segments, .. } = released();
    for (at, (alter, refused)) in cases.into_iter().enumerate() {
        let mut altered = evidence.clone();
        alter(&mut altered);
        // Its opener may be whoever altered it.
        altered.sign(OpenedAs::Requester, &officer(), Seconds(NOW)).unwrap();
        let error = verify(&altered, &segments).unwrap_err();
        assert!(refused(&error), "case {at}: {error}");
    }
}

#[test]
fn altered_replayed_and_reordered_segments_are_refused() {
    let Released { evidence, segments, .. } = released();
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
