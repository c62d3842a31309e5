use super::*;
use ed25519_dalek::SigningKey;
use media::epoch::{LossReason, Lost};
use media::receipt::{Range, Receipt};
use media::segment::Start;
use media::time::Micros;
use scene::{BOTH, RELAY, SEGMENT_US, START, Scene, gaps, public_of, refusal, send, show, verified, written};

mod scene;

#[test]
fn what_was_filmed_is_written_once_in_order_over_epochs() {
    for write_when in BOTH {
        let mut scene = Scene::new(1);
        let mut viewer = scene.viewer(write_when);
        let mut expected = vec![b"init".to_vec()];
        let mut got = Vec::new();
        for at in 0..35 {
            let start = if at % 2 == 0 { Start::KeyFrame } else { Start::Continuation };
            let filmed = scene.film(start);
            expected.extend(filmed.fragments.clone());
            let out = show(&mut viewer, &filmed);
            assert_eq!((refusal(&out), gaps(&out)), (None, 0), "{write_when:?} {at}");
            got.extend(written(&out));
        }
        assert_eq!(got, expected);
        let watched = viewer.watched();
        assert_eq!((watched.segments, watched.fragments, watched.refused), (35, 105, 0));
        assert_eq!(watched.latency_us_p50.is_some(), write_when == WriteWhen::Opened);
        assert!(viewer.opens.len() <= 2, "epochs that are over are forgotten");
    }
}

#[test]
fn a_view_begins_at_a_key_frame() {
    let mut scene = Scene::new(1);
    let mut viewer = scene.viewer(WriteWhen::Opened);
    let continuation = scene.film(Start::Continuation);
    assert!(show(&mut viewer, &continuation).is_empty());
    assert_eq!(written(&show(&mut viewer, &scene.film(Start::KeyFrame))).len(), 4);
}

#[test]
fn a_replayed_a_reordered_and_a_foreign_segment_write_nothing() {
    for write_when in BOTH {
        let mut scene = Scene::new(1);
        let mut viewer = scene.viewer(write_when);
        let [first, second] = [scene.film(Start::KeyFrame), scene.film(Start::KeyFrame)];
        show(&mut viewer, &first);
        show(&mut viewer, &second);
        for again in [&second, &first] {
            let out = show(&mut viewer, again);
            assert!(written(&out).is_empty() && refusal(&out).unwrap().contains("seen before"), "{out:?}");
        }
        let foreign = Scene::new(2).film(Start::KeyFrame);
        let out = show(&mut viewer, &foreign);
        assert!(written(&out).is_empty() && refusal(&out).unwrap().contains("another camera"), "{out:?}");
        // None of it disturbs what follows.
        assert_eq!(written(&show(&mut viewer, &scene.film(Start::KeyFrame))).len(), 3);
    }
}

#[test]
fn nothing_after_an_altered_byte_is_written_wherever_it_stands() {
    for write_when in BOTH {
        let mut scene = Scene::new(1);
        let filmed = scene.film(Start::KeyFrame);
        for at in (0..filmed.bytes.len()).step_by(7) {
            let mut altered = filmed.clone();
            altered.bytes[at] ^= 1;
            let mut viewer = scene.viewer(write_when);
            let out = show(&mut viewer, &altered);
            let skipped = out.is_empty();
            assert!(refusal(&out).is_some() || skipped, "{write_when:?} byte {at}: {out:?}");
            let written = written(&out);
            // A prefix of the truth, or nothing.
            let truth = [vec![b"init".to_vec()], filmed.fragments.clone()].concat();
            assert!(truth.starts_with(&written), "{write_when:?} byte {at}");
            assert!(write_when == WriteWhen::Opened || written.is_empty(), "byte {at}");
        }
    }
}

#[test]
fn a_truncated_or_lengthened_segment_is_refused() {
    for write_when in BOTH {
        let mut scene = Scene::new(1);
        let filmed = scene.film(Start::KeyFrame);
        for length in [0, 1, 71, 72, 200, filmed.bytes.len() - 1] {
            let out = send(
                &mut scene.viewer(write_when),
                &filmed.bytes[..length],
                std::slice::from_ref(&filmed.open),
            );
            assert!(refusal(&out).is_some(), "{length}");
            assert!(write_when == WriteWhen::Opened || written(&out).is_empty());
        }
        let mut viewer = scene.viewer(write_when);
        viewer.begin();
        let longer = [&filmed.bytes[..], b"x"].concat();
        viewer.push(&longer, Micros(START));
        let epochs = verified(&viewer, std::slice::from_ref(&filmed.open));
        viewer.learn(&epochs);
        viewer.push(&[], Micros(START));
        let out = viewer.outputs();
        assert!(refusal(&out).is_some(), "trailing bytes");
    }
}

#[test]
fn a_dropped_segment_is_a_gap_and_what_continues_it_waits_for_a_key_frame() {
    let mut scene = Scene::new(1);
    let mut viewer = scene.viewer(WriteWhen::Opened);
    show(&mut viewer, &scene.film(Start::KeyFrame));
    scene.film(Start::KeyFrame);
    let continuation = scene.film(Start::Continuation);
    assert!(show(&mut viewer, &continuation).is_empty(), "its key frame is missing");
    let out = show(&mut viewer, &scene.film(Start::KeyFrame));
    assert_eq!((gaps(&out), written(&out).len(), refusal(&out)), (1, 3, None));
    assert_eq!(viewer.watched().gaps, 1);
}

#[test]
fn each_segment_that_is_missing_has_its_culprit_and_a_relay_that_deleted_one_is_named() {
    let mut scene = Scene::new(1);
    let filmed: Vec<_> = (0..30).map(|_| scene.film(Start::KeyFrame)).collect();
    let (relay, range) =
        (SigningKey::from_bytes(&[RELAY; 32]), |at| Range { first: Sequence(at), last: Sequence(at) });
    let receipt = Receipt {
        relay_key: relay.verifying_key().to_bytes(),
        camera_id: CameraId::of_key(&scene.public()),
        track: TrackId::MAIN,
        at_us: Micros(START),
        epoch_no: EpochNo(0),
        k: 8,
        chain: [0; 32],
        acknowledged: vec![range(1), range(7), range(8)],
    };
    scene.receipt = Some(receipt.sign(&relay));
    scene.lost = vec![
        Lost { range: range(3), why: LossReason::SpoolOverflow },
        // It did not hear that the relay had it.
        Lost { range: range(8), why: LossReason::Refused },
    ];
    let opens = [filmed[0].open.clone(), scene.film(Start::KeyFrame).open];
    for write_when in BOTH {
        let mut viewer = scene.viewer(write_when);
        let mut said = Vec::new();
        for at in [0, 2, 4, 6, 9] {
            let out = send(&mut viewer, &filmed[at].bytes, &opens);
            assert_eq!(refusal(&out), None);
            said.extend(out.into_iter().filter_map(|output| match output {
                Output::Event(Event::Gap { reason, .. }) => Some(reason),
                _ => None,
            }));
        }
        // A live view was not refused what it missed: the relay went on with what is newest, and is
        // accused of nothing.
        let passed = "not sent while this was watched live";
        let named = match write_when {
            WriteWhen::Verified => [
                "the relay acknowledged it",
                "its spool overflowed",
                UNEXPLAINED,
                "the relay acknowledged it",
            ],
            WriteWhen::Opened => [passed, "its spool overflowed", passed, passed],
        };
        assert_eq!(said.len(), named.len());
        for (said, named) in said.iter().zip(named) {
            assert!(said.contains(named), "{said}");
        }
        assert!(!said[3].contains("will not take it"), "it was durable there: {}", said[3]);
    }
}

#[test]
fn a_receipt_by_another_key_accuses_no_relay_and_hides_none() {
    // Its public key is before the own relay's, whichever comes first where both are looked
    // through.
    let other = (0..).find(|seed| public_of(*seed) < public_of(RELAY)).unwrap();
    let said = |relays: &[u8]| {
        let mut scene = Scene::new(1);
        let filmed: Vec<_> = (0..30).map(|_| scene.film(Start::KeyFrame)).collect();
        let mut opens = vec![filmed[0].open.clone()];
        for relay in relays {
            let receipt = Receipt {
                relay_key: public_of(*relay),
                camera_id: CameraId::of_key(&scene.public()),
                track: TrackId::MAIN,
                at_us: Micros(START),
                epoch_no: EpochNo(0),
                k: 1,
                chain: [0; 32],
                acknowledged: vec![Range { first: Sequence(1), last: Sequence(1) }],
            };
            scene.receipt = Some(receipt.sign(&SigningKey::from_bytes(&[*relay; 32])));
            opens.extend((0..30).map(|_| scene.film(Start::KeyFrame).open));
        }
        opens.dedup();
        let mut viewer = scene.viewer(WriteWhen::Verified);
        send(&mut viewer, &filmed[0].bytes, &opens);
        let out = send(&mut viewer, &filmed[2].bytes, &opens);
        let reason = out.into_iter().find_map(|output| match output {
            Output::Event(Event::Gap { reason, .. }) => Some(reason),
            _ => None,
        });
        reason.unwrap()
    };
    assert!(said(&[other]).contains("another relay than yours"), "{}", said(&[other]));
    assert!(said(&[RELAY]).contains("withheld by the relay"));
    assert!(said(&[other, RELAY]).contains("withheld by the relay"), "{}", said(&[other, RELAY]));
}

#[test]
fn an_epoch_open_that_is_missing_foreign_or_unsigned_opens_nothing() {
    let mut scene = Scene::new(1);
    let filmed = scene.film(Start::KeyFrame);
    let foreign = Scene::new(2).film(Start::KeyFrame).open;
    let mut unsigned = filmed.open.clone();
    *unsigned.last_mut().unwrap() ^= 1;
    for opens in [vec![], vec![foreign], vec![unsigned], vec![b"noise".to_vec()]] {
        let out = send(&mut scene.viewer(WriteWhen::Opened), &filmed.bytes, &opens);
        assert!(written(&out).is_empty());
        assert!(refusal(&out).unwrap().contains("no EpochOpen"), "{out:?}");
    }
    // The right one among others is found.
    let opens = [b"noise".to_vec(), filmed.open.clone()];
    assert_eq!(written(&send(&mut scene.viewer(WriteWhen::Opened), &filmed.bytes, &opens)).len(), 4);
    // Another device gets no key.
    let mut other = scene.viewer(WriteWhen::Opened);
    other.device = DeviceId([4; 32]);
    assert!(refusal(&show(&mut other, &filmed)).unwrap().contains("not wrapped"));
}

#[test]
fn a_policy_that_is_not_the_owners_raises_the_alarm_once_an_epoch() {
    let mut scene = Scene::new(1);
    scene.policy_hash = [8; 32];
    let mut viewer = scene.viewer(WriteWhen::Opened);
    let alarms = |out: &[Output]| {
        out.iter().filter(|output| matches!(output, Output::Event(Event::PolicyAlarm { .. }))).count()
    };
    assert_eq!(alarms(&show(&mut viewer, &scene.film(Start::KeyFrame))), 1);
    assert_eq!(alarms(&show(&mut viewer, &scene.film(Start::KeyFrame))), 0);
}

#[test]
fn after_a_lost_session_the_segment_is_completed_without_a_repetition() {
    let mut scene = Scene::new(1);
    let mut viewer = scene.viewer(WriteWhen::Opened);
    let [whole, cut] = [scene.film(Start::KeyFrame), scene.film(Start::KeyFrame)];
    show(&mut viewer, &whole);
    viewer.begin();
    // All but the last fragment and the trailer.
    viewer.push(&cut.bytes[..cut.bytes.len() - 130], Micros(START));
    let before = written(&viewer.outputs());
    assert!(!before.is_empty() && before.len() < 3, "{}", before.len());
    viewer.lost();

    viewer.handle_connected();
    let rest = show(&mut viewer, &cut);
    assert_eq!([before, written(&rest)].concat(), cut.fragments);
    assert_eq!(refusal(&rest), None);
    // Once it is whole it is a replay, except right after another loss, where it is of no interest.
    assert!(refusal(&show(&mut viewer, &cut)).is_some());
    viewer.handle_connected();
    assert!(show(&mut viewer, &cut).is_empty());
    assert!(refusal(&show(&mut viewer, &whole)).is_some(), "an older one never comes again");
}

#[test]
fn what_was_not_asked_for_is_refused() {
    let mut scene = Scene::new(1);
    let mut viewer = scene.viewer(WriteWhen::Verified);
    viewer.wanted = Micros(START + SEGMENT_US)..Micros(START + 2 * SEGMENT_US);
    let [early, asked, late] = [0; 3].map(|_| scene.film(Start::KeyFrame));
    assert!(refusal(&show(&mut viewer, &early)).unwrap().contains("outside the span"));
    assert_eq!(written(&show(&mut viewer, &asked)).len(), 4);
    assert!(refusal(&show(&mut viewer, &late)).unwrap().contains("outside the span"));
}
