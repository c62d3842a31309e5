//! What worked, and what whoever hands on a file may try: cut it, strip it, dress it up.

use super::*;
use crate::record::EntryId;

#[test]
fn no_subset_of_the_segments_is_complete_and_without_the_closing_none_is() {
    let Released { evidence, segments, .. } = released();
    let mut open_ended = evidence.clone();
    open_ended.closing.clear();
    open_ended.opener.clear();
    let all = (1u32 << segments.len()) - 1;
    for subset in 0..=all {
        let kept: Vec<_> =
            segments.iter().enumerate().filter(|(at, _)| subset >> at & 1 == 1).map(|(_, it)| it).collect();
        let left_out = segments.len() - kept.len();
        let footage = verify(&evidence, &kept).unwrap().footage;
        assert_eq!(footage.missing, left_out as u64, "{subset:b}");
        let expected = if subset == all { Completeness::Complete } else { Completeness::Incomplete };
        assert_eq!(footage.completeness(), expected, "{subset:b}");
        // What is missing is told, each segment once.
        let told: u64 = footage.gaps.iter().map(|gap| gap.segments).sum();
        assert_eq!(told, left_out as u64, "{subset:b}: {:?}", footage.gaps);
        assert!(footage.gaps.iter().all(|gap| gap.reason.is_none()), "the camera excuses nothing");

        let footage = verify(&open_ended, &kept).unwrap().footage;
        assert_ne!(footage.completeness(), Completeness::Complete, "{subset:b}");
        let is_known = footage.missing > 0 || footage.gaps.iter().any(|gap| gap.segments > 0);
        assert_eq!(footage.completeness() == Completeness::Incomplete, is_known, "{subset:b}");
        assert!(!footage.unproven.is_empty());
        let of_last = kept.iter().filter(|it| segments[4..].contains(it)).count();
        assert_eq!(footage.missing, (4 - (kept.len() - of_last)) as u64, "of the epochs that are closed");
    }
}

#[test]
fn a_cut_tail_without_its_closing_is_said_to_be_not_shown_from_the_last_segment_on() {
    let Released { mut evidence, segments, .. } = released();
    evidence.closing.clear();
    evidence.opener.clear();
    let cut = verify(&evidence, &segments[..5]).unwrap().footage;
    assert_eq!((cut.completeness(), cut.gaps.len()), (Completeness::NotProven, 0));
    let [open_end] = cut.unproven[..] else { panic!("{:?}", cut.unproven) };
    assert_eq!((open_end.epoch, open_end.to_us), (EpochNo(FIRST_EPOCH + 2), cut.end_us));
    assert!(cut.start_us < open_end.from_us && open_end.from_us < cut.end_us);
}

#[test]
fn stripped_of_request_and_grants_it_shows_no_release_and_no_opener() {
    let Released { evidence, segments, .. } = released();
    let mut stripped = evidence.clone();
    stripped.request = LoggedLeaf::default();
    assert!(matches!(verify(&stripped, &segments), Err(EvidenceError::Record(_))), "a key to nothing");
    stripped.details_key = None;
    assert_eq!(verify(&stripped, &segments).unwrap_err(), EvidenceError::GrantsAlone);
    stripped.grants.clear();
    let idle = verify(&stripped, &segments).unwrap_err();
    assert!(matches!(idle, EvidenceError::Registration(_)), "the officer's signed nothing here: {idle}");
    stripped.registrations.clear();
    let opened = verify(&stripped, &segments).unwrap_err();
    assert!(matches!(opened, EvidenceError::WrongOpener(_)), "who opened it signed the whole: {opened}");
    stripped.opener.clear();
    let verified = verify(&stripped, &segments).unwrap();
    assert_eq!((verified.release, verified.opener), (None, None));
    assert_eq!(verified.policy.sponsor.registered, None);
}

#[test]
fn another_owner_s_share_leaf_is_no_release_of_this_footage() {
    let Released { mut world, evidence, segments } = released();
    // Any owner-share of the log with the same span, about whichever camera.
    let mut ask = Ask { id: EntryId([77; 16]), ..world.ask(Kind::OwnerShare) };
    ask.details.camera_id = CameraId([3; 32]);
    let package = world.log_request(&ask);
    let mut dressed = head(&world, package, Vec::new());
    let refused = verify(&dressed, &segments).unwrap_err();
    assert_eq!(refused, EvidenceError::Details("they are of another camera or track"));
    dressed.details_key = evidence.details_key;
    let refused = verify(&dressed, &segments).unwrap_err();
    assert_eq!(refused, EvidenceError::Details("the key in the file does not open them"));
    // One that was made for this camera, by somebody with a sponsor: nobody of the owner's opened it.
    let ask = Ask { id: EntryId([78; 16]), ..world.ask(Kind::OwnerShare) };
    let package = world.log_request(&ask);
    let made = verify(&head(&world, package, Vec::new()), &segments).unwrap();
    assert_eq!((made.release.unwrap().kind, made.opener), (Kind::OwnerShare, None));
    // And no trustees' grants go with one.
    let ask = Ask { id: EntryId([79; 16]), ..world.ask(Kind::OwnerShare) };
    let package = world.log_request(&ask);
    let with_grants = head(&world, package, evidence.grants);
    assert!(matches!(verify(&with_grants, &segments), Err(EvidenceError::WrongGrant(..))));
}

#[test]
fn another_agency_s_name_without_its_key_is_a_name_in_a_text() {
    let mut world = World::with(&with_devices());
    let stranger = |seed| signer("stranger.example", seed);
    let ask = Ask { signers: std::vec![stranger(5), stranger(6), sponsor()], ..world.ask(Kind::Emergency) };
    let package = world.log_request(&ask);
    let request = world.logged(&package);
    let mut evidence = head(&world, package, Vec::new());
    // Trustees of the owner's own would grant what no gate passes: the check comes to the grants.
    let refused = Verification::start(&evidence).unwrap_err();
    assert_eq!(refused, EvidenceError::TooFewGrants { got: 0, needed: 3 });
    // The agency's real registrations do not make it theirs.
    let real = world.published.iter().chain(&world.registrations);
    evidence.registrations = real.map(|registration| proven(&world, registration)).collect();
    let (signers, idle) = signers_of(&evidence, &request, &world);
    assert!(signers[..2].iter().all(|signed| signed.registered.is_none()), "{signers:?}");
    assert!(matches!(idle, Err(EvidenceError::Registration(_))));
    // Nor does a registration of their keys for another agency.
    for (role, key) in [(Role::Officer, stranger(5)), (Role::Supervisor, stranger(6))] {
        world.register_key(role, "stranger.example", &key, KeyState::Registered);
    }
    let of_strangers = world.published.iter().chain(&world.registrations[world.registrations.len() - 2..]);
    evidence.registrations = of_strangers.map(|registration| proven(&world, registration)).collect();
    let (signers, idle) = signers_of(&evidence, &request, &world);
    assert!(signers[..2].iter().all(|signed| signed.registered.is_none()), "{signers:?}");
    assert!(matches!(idle, Err(EvidenceError::Registration(_))));
}

#[test]
fn without_the_registrations_of_both_who_signed_it_is_not_shown_whose_request_it_is() {
    let Released { evidence, segments, .. } = released();
    assert!(verify(&evidence, &segments).unwrap().release.unwrap().is_by_agency());
    for left_out in [Role::Officer, Role::Supervisor] {
        let mut head = evidence.clone();
        head.opener.clear();
        head.registrations.retain(|of| {
            let leaf = Signed::<crate::record::Leaf>::parse(&of.leaf).unwrap();
            !matches!(leaf.value(), crate::record::Leaf::RequesterKey(key) if key.role == left_out)
        });
        assert_eq!(head.registrations.len() + 1, evidence.registrations.len());
        assert!(!verify(&head, &segments).unwrap().release.unwrap().is_by_agency(), "{left_out}");
    }
}

/// Who signed a request by the registrations of a head, and whether all of these serve.
fn signers_of(
    head: &Evidence,
    request: &tlog::Logged<Signed<Request>>,
    world: &World,
) -> (Vec<SignedAs>, Result<(), EvidenceError>) {
    let mut all =
        signers::Registrations::read(&head.registrations, Some(&world.rules), &world.log_policy).unwrap();
    let agency = name("police.example");
    let roles =
        [(Role::Officer, agency.clone()), (Role::Supervisor, agency), (Role::Sponsor, name("relay.example"))];
    let signers =
        roles.iter().enumerate().map(|(at, (role, of))| all.signer(request, at, *role, (of, None)).unwrap());
    let signers = signers.collect();
    (signers, all.all_serve())
}

#[test]
fn a_registration_is_a_registrar_s_of_a_key_that_signed_before_it_signed() {
    let Released { mut world, evidence, .. } = released();
    let refused = |world: &World, registration: (u64, Vec<u8>)| {
        let mut head = evidence.clone();
        head.opener.clear();
        // Behind the rules stands the officer's.
        head.registrations.remove(1);
        head.registrations.push(proven(world, &registration));
        head.policy.proof = evidence.policy.proof.clone();
        Verification::start(&head).unwrap_err()
    };
    // Registered anew, after the request.
    world.register_key(Role::Officer, "police.example", &officer(), KeyState::Registered);
    let late = world.registrations.last().unwrap().clone();
    assert!(matches!(refused(&world, late), EvidenceError::Registration(_)));
    world.register_key(Role::Officer, "police.example", &officer(), KeyState::Revoked);
    let revoked = world.registrations.last().unwrap().clone();
    assert!(matches!(refused(&world, revoked), EvidenceError::Registration(_)));
    // By somebody else than the PolicyDoc's registrar, under its name.
    let mut leaf =
        Signed::<crate::record::RequesterKey>::parse(&world.registrations[0].1).unwrap().value().clone();
    leaf.time = Seconds(NOW - 5);
    let forged = Signed::sign(leaf, &[&signer("registrar.example", 99)]).unwrap();
    let forged = crate::world_for_tests::stamped(forged.entry_bytes(), NOW);
    let index = world.log.add(&forged);
    let error = refused(&world, (index, forged));
    assert!(matches!(error, EvidenceError::Registration(_)), "{error}");
}

/// A registration that no trustee counted, for it stood before the rules or out of its registrar's scope
/// of then, was shown as one by the rules of later.
#[test]
fn a_registration_is_judged_by_the_rules_in_force_where_it_stands() {
    use crate::policy::{Registrar, Scope};
    let mut world = World::with(&with_devices());
    let scoped = |names| Registrar {
        key: crate::record::Vkey::new(crate::world_for_tests::registrar().verifier()).unwrap(),
        names,
        countries: Scope::All,
    };
    let wide = world.rules.clone();
    let narrow = wide
        .clone()
        .after(&wide.hash())
        .with_registrars(std::vec![scoped(Scope::Of(std::vec![name("police.example")]))]);
    let narrow = narrow.unwrap();
    world.publish(&narrow);
    let other = signer("other.example", 71);
    world.register_key(Role::Sponsor, "other.example", &other, KeyState::Registered);
    let wider = narrow.clone().after(&narrow.hash()).with_registrars(std::vec![scoped(Scope::All)]).unwrap();
    world.publish(&wider);
    world.register_key(Role::Sponsor, "other.example", &other, KeyState::Registered);

    let shown = |places: &[usize]| places.iter().map(|at| proven(&world, &leaves(&world)[*at])).collect();
    let read = |leaves: std::vec::Vec<LoggedLeaf>, rules: &crate::policy::PolicyDoc| {
        signers::Registrations::read(&leaves, Some(rules), &world.log_policy).map(drop)
    };
    // Places: rules 0 to 2, of which the second are narrow, then both registrations.
    let all: std::vec::Vec<LoggedLeaf> = shown(&[0, 1, 2, 4]);
    assert_eq!(read(all, &wider), Ok(()));
    for (places, why) in [
        (&[0, 1, 3, 2][..], "it counts for nothing by the rules in force where it stands"),
        (&[0, 3, 2], "it counts for nothing by the rules in force where it stands"),
        (&[3, 2], "no rules stand before it"),
        (&[2, 4], "it counts for nothing by the rules in force where it stands"),
        (&[0, 2, 1, 4], "it counts for nothing by the rules in force where it stands"),
        (&[0, 1, 2], "there are rules for it, and no registration"),
        (&[0, 1, 4], "it counts for nothing by the rules in force where it stands"),
        (&[0, 1, 2, 4, 3], "it does not stand behind the one before it"),
    ] {
        assert_eq!(read(shown(places), &wider), Err(EvidenceError::Registration(why)), "{places:?}");
    }
    let another = Err(EvidenceError::Registration("the last rules among them are not the PolicyDoc"));
    assert_eq!(read(shown(&[0, 1, 2, 4]), &wide), another);
}

/// Rules, then the two registrations that came last.
fn leaves(world: &World) -> std::vec::Vec<(u64, std::vec::Vec<u8>)> {
    let last = &world.registrations[world.registrations.len() - 2..];
    world.published.iter().chain(last).cloned().collect()
}

#[test]
fn a_release_under_an_owner_s_one_of_one_is_said_to_be_that() {
    let setup = Setup {
        policy: |policy| {
            policy.t = 1;
        },
        ..Setup::default()
    };
    let Released { mut evidence, segments, .. } =
        released_of(World::with(&setup), Kind::Emergency, 1, |request| request.needs = 1);
    let verified = verify(&evidence, &segments).unwrap();
    let release = verified.release.unwrap();
    assert_eq!((release.needed, release.grants.len(), verified.policy.t), (1, 1, 1));
    evidence.grants.clear();
    evidence.opener.clear();
    let error = verify(&evidence, &segments).unwrap_err();
    assert_eq!(error, EvidenceError::TooFewGrants { got: 0, needed: 1 });
}

#[test]
fn proofs_and_leaves_have_no_room_for_what_nobody_vouches_for() {
    let Released { world, evidence, segments } = released();
    let foreign = signer("somebody.example", 8);
    let line = |proof: &[u8]| {
        let text = std::string::String::from_utf8(proof.to_vec()).unwrap();
        let signed = foreign.sign_text("anything\n").to_string();
        std::format!("{text}{signed}\n").into_bytes()
    };
    let extra = |proof: &[u8]| {
        let text = std::string::String::from_utf8(proof.to_vec()).unwrap();
        text.replacen("\nindex ", "\nextra aGVsbG8=\nindex ", 1).into_bytes()
    };
    let twice = |proof: &[u8]| {
        let text = std::string::String::from_utf8(proof.to_vec()).unwrap();
        let last = text.lines().last().unwrap();
        std::format!("{text}{last}\n").into_bytes()
    };
    type Proof = fn(&mut Evidence) -> &mut Vec<u8>;
    let proofs: [Proof; 4] = [
        |e| &mut e.request.proof,
        |e| &mut e.policy.proof,
        |e| &mut e.grants[2].proof,
        |e| &mut e.registrations[1].proof,
    ];
    for at in proofs {
        for alter in [&line as &dyn Fn(&[u8]) -> Vec<u8>, &extra, &twice] {
            let mut altered = evidence.clone();
            let proof = at(&mut altered);
            *proof = alter(proof);
            let error = verify(&altered, &segments).unwrap_err();
            assert!(matches!(error, EvidenceError::Unvouched(_)), "{error}");
            // A writer leaves them out, and it is the same file.
            altered.prune(&world.log_policy).unwrap();
            assert_eq!(altered, evidence);
        }
    }
}

#[test]
fn a_request_with_one_more_line_is_none_and_neither_is_one_signed_twice_by_one_person() {
    let mut world = World::with(&with_devices());
    let mut ask = world.ask(Kind::Emergency);
    ask.signers.push(signer("more.example", 3));
    let package = world.log_request(&ask);
    let error = Verification::start(&head(&world, package, Vec::new())).unwrap_err();
    assert_eq!(error, EvidenceError::Lines("request"));
}

#[test]
fn no_byte_of_a_head_can_be_altered() {
    let Released { evidence, segments, .. } = released();
    let bytes = evidence.encode();
    let openings: usize = evidence.opens.iter().map(Vec::len).sum::<usize>() + evidence.closing.len();
    // The EpochOpens are most of it, and each is under one signature: of their bytes some.
    assert!(openings > bytes.len() / 2);
    let mut at = 0;
    while at < bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        let holds = Evidence::decode(&altered).ok().and_then(|head| verify(&head, &segments[..1]).ok());
        assert!(holds.is_none(), "byte {at} of {}", bytes.len());
        at += 61;
    }
}

#[test]
fn times_that_cannot_be_are_refused() {
    // Logged before its footage had ended.
    let mut world = World::with(&with_devices());
    world.time = NOW - 500;
    let ask = Ask { time: NOW - 560, ..world.ask(Kind::Emergency) };
    let package = world.log_request(&ask);
    let early = Verification::start(&head(&world, package, Vec::new())).unwrap_err();
    assert!(matches!(early, EvidenceError::Order(_)), "{early}");
}

#[test]
fn whose_loss_a_missing_segment_is_stands_in_the_evidence() {
    use media::account::Culprit;
    use media::epoch::{LossReason, Lost};
    use media::id::Sequence;
    use media::receipt::{Range, Receipt};
    let relay = || SigningKey::from_bytes(&[33; 32]);
    let range = |first, last| Range { first: Sequence(first), last: Sequence(last) };
    let setup = Setup {
        // The world's segments are numbered from 40. The record after the last epoch tells of 44 that
        // the camera let it go, and has the relay's receipt for 41 to 43.
        open: |at, open| {
            if at == 3 {
                let (context, relay) = (&open.context, SigningKey::from_bytes(&[33; 32]));
                let range = |first, last| Range { first: Sequence(first), last: Sequence(last) };
                let receipt = Receipt {
                    relay_key: relay.verifying_key().to_bytes(),
                    camera_id: context.camera_id,
                    track: context.track,
                    at_us: context.start_us,
                    epoch_no: context.epoch_no,
                    k: 0,
                    chain: [0; 32],
                    acknowledged: std::vec![range(41, 43)],
                };
                open.receipt = Some(receipt.sign(&relay));
                open.lost = std::vec![Lost { range: range(44, 44), why: LossReason::SpoolOverflow }];
            }
        },
        ..with_devices()
    };
    let Released { evidence, segments, .. } = released_by(World::with(&setup), Kind::Emergency, THRESHOLD);
    let footage = verify(&evidence, [&segments[0], &segments[1]]).unwrap().footage;
    let losses: Vec<_> = footage.losses.iter().map(|loss| (loss.range, loss.culprit)).collect();
    let relay = relay().verifying_key().to_bytes();
    assert_eq!(
        losses,
        [
            (range(42, 43), Culprit::Relay(relay)),
            (range(44, 44), Culprit::Camera(LossReason::SpoolOverflow)),
            (range(45, 45), Culprit::NobodyYet),
        ]
    );
    // In the middle and at the beginning too; and nobody is blamed for what is there.
    let footage = verify(&evidence, [&segments[2], &segments[5]]).unwrap().footage;
    let losses: Vec<_> = footage.losses.iter().map(|loss| loss.range).collect();
    assert_eq!(losses, [range(40, 40), range(41, 41), range(43, 43), range(44, 44)]);
    assert!(verify(&evidence, &segments).unwrap().footage.losses.is_empty());
}

/// An epoch for which too few trustees had a key stopped the release of all others; and whoever leaves a
/// seed out must not have a relay accused of what nobody opened.
#[test]
fn an_epoch_that_was_not_opened_is_named_and_nobody_is_accused_of_it() {
    let Released { evidence, segments, .. } = released();
    let number = |at: usize| EpochNo(FIRST_EPOCH + at as u64);
    for at in 0..3 {
        let mut partial = Evidence { opener: Vec::new(), ..evidence.clone() };
        partial.seeds[at] = None;
        let partial = Evidence::decode(&partial.encode()).unwrap();
        let opened: Vec<_> =
            (0..6).filter(|segment| segment / 2 != at).map(|segment| &segments[segment]).collect();
        let footage = verify(&partial, &opened).unwrap().footage;
        assert_eq!((footage.segments, footage.unopened.clone()), (4, std::vec![number(at)]));
        assert_eq!((footage.missing, footage.gaps.len(), footage.losses.len()), (0, 0, 0), "{footage:?}");
        assert_eq!(footage.completeness(), Completeness::Incomplete);
        // Beside it, what is missing is told as ever.
        for cut in 0..4 {
            let kept = opened.iter().enumerate().filter(|(place, _)| *place != cut).map(|(_, sealed)| sealed);
            assert_eq!(verify(&partial, kept).unwrap().footage.missing, 1, "{at} {cut}");
        }
        let shut = verify(&partial, &segments).unwrap_err();
        let is_shut = matches!(shut, EvidenceError::Segment { error: seal::opener::OpenError::NoKey(epoch), .. } if epoch == number(at));
        assert!(is_shut, "{shut}");
        // The seed was part of what its opener signed.
        partial_is_not_the_openers(&evidence, at);
    }
}

fn partial_is_not_the_openers(evidence: &Evidence, at: usize) {
    let mut stripped = evidence.clone();
    stripped.seeds[at] = None;
    assert!(matches!(Verification::start(&stripped).unwrap_err(), EvidenceError::WrongOpener(_)));
}

#[test]
fn an_epoch_without_shares_is_left_out_of_a_release_and_cannot_be_in_it() {
    let open: fn(u64, &mut media::epoch::EpochOpen) = |at, open| {
        if at == 1 {
            open.shares.iter_mut().for_each(|slot| *slot = None);
        }
    };
    let mut world = World::with(&Setup { open, ..with_devices() });
    let package = world.ordinary();
    let grants = (1..=THRESHOLD).map(|index| {
        let held = world.hold(index, &package);
        let bundle = world.release(held);
        LoggedLeaf { leaf: bundle.grant, proof: bundle.proof }
    });
    let grants = grants.collect();
    let mut evidence = head(&world, package, grants);
    let segments = segments(&world.camera);
    let too_few = verify(&evidence, &segments).unwrap_err();
    assert!(matches!(too_few, EvidenceError::TooFewGrants { got: 0, needed: 3 }), "{too_few}");
    evidence.seeds[1] = None;
    let verified = verify(&evidence, [&segments[0], &segments[1], &segments[4], &segments[5]]).unwrap();
    assert_eq!(verified.footage.unopened, [EpochNo(FIRST_EPOCH + 1)]);
    assert_eq!(verified.release.unwrap().grants.len(), 3);
}

#[test]
fn a_hole_however_large_is_told_whole() {
    let setup = Setup {
        // The camera counted three million segments in the last epoch.
        open: |at, open| {
            open.previous.iter_mut().filter(|_| at == 3).for_each(|close| close.segments = 3_000_000);
        },
        ..with_devices()
    };
    let Released { evidence, segments, .. } = released_by(World::with(&setup), Kind::Emergency, THRESHOLD);
    let footage = verify(&evidence, &segments).unwrap().footage;
    assert_eq!(footage.missing, 3_000_000 - u64::from(SEGMENTS));
    let [loss] = footage.losses[..] else { panic!("{:?}", footage.losses) };
    assert_eq!(loss.range.last.0 - loss.range.first.0 + 1, footage.missing);
}
