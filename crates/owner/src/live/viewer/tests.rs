use super::*;
use crate::book::StoredCamera;
use crate::live::policy::Policies;
use ed25519_dalek::SigningKey;
use host::rng::Rng;
use media::chain::Chain;
use media::epoch::{EpochClose, EpochContext, GapReason, LossReason, Lost};
use media::policy::{Classes, OwnerPolicy, Recipient, Role};
use media::receipt::{Range, Receipt, SignedReceipt};
use media::segment::Start;
use media::time::{Micros, Seconds};
use relay_client::{EpochQuery, Paging};
use seal::epoch::{EpochSeed, Pool};
use seal::sealer::SegmentHead;
use seal::sealer::SegmentSealer;

const EPOCH_US: u64 = 60_000_000;
const SEGMENT_US: u64 = 2_000_000;
/// The seed of the owner's own relay's key.
const RELAY: u8 = 50;
/// Where time begins: a whole epoch.
const START: u64 = 1_800_000_000_000_000;

/// A camera that films two-second segments of three fragments, and its owner's device.
struct Scene {
    key: SigningKey,
    wrap: SecretKey,
    device: DeviceId,
    policy_hash: [u8; 32],
    policies: Policies,
    pool: Pool,
    epoch: Option<Filming>,
    next: u64,
    /// What the next EpochOpen says of segments before it.
    lost: Vec<Lost>,
    receipt: Option<SignedReceipt>,
}

struct Filming {
    open: EpochOpen,
    bytes: Vec<u8>,
    seed: EpochSeed,
    chain: Chain,
    k: u32,
}

#[derive(Clone)]
struct Filmed {
    bytes: Vec<u8>,
    open: Vec<u8>,
    fragments: Vec<Vec<u8>>,
}

impl Scene {
    fn new(at: u8) -> Self {
        let key = SigningKey::from_bytes(&[at; 32]);
        let (wrap, device) = (SecretKey::generate(&mut Rng::system()), DeviceId([3; 32]));
        let camera_id = CameraId::of_key(&key.verifying_key().to_bytes());
        let policy = OwnerPolicy {
            camera_id,
            version: 1,
            prev_hash: [0; 32],
            epoch_len_s: 60,
            t: 0,
            trustees: Vec::new(),
            recipients: vec![recipient(&wrap, device)],
            classes: Classes::default(),
            retention_days: 30,
            log_policy_hash: [0; 32],
            policy_doc_hash: [0; 32],
            day_key_max_secs: 8_640_000,
            recovery_pk: [0; 32],
            audit_pk: vec![0; 1216],
        };
        let signed = policy.sign(&SigningKey::from_bytes(&[99; 32])).unwrap();
        let stored = StoredCamera {
            name: "door".to_owned(),
            camera_id,
            model: String::new(),
            enrollment: crate::book::Base64::default(),
            policies: vec![crate::book::StoredPolicy {
                policy: crate::book::Base64(signed.bytes().to_vec()),
                leaf: crate::book::Base64::default(),
                proof: crate::book::Base64::default(),
                leaf_index: 0,
                since: 0,
            }],
            notice_from: 0,
            paired_at: 0,
            welcomed: true,
            replaces: None,
            epochs_checked_to_us: std::collections::BTreeMap::new(),
        };
        Self {
            key,
            wrap,
            device,
            policy_hash: signed.hash(),
            policies: Policies::of(&stored).unwrap(),
            pool: Pool::new([at; 32]),
            epoch: None,
            next: 0,
            lost: Vec::new(),
            receipt: None,
        }
    }

    fn public(&self) -> PublicKey {
        self.key.verifying_key().to_bytes()
    }

    fn viewer(&self, write_when: WriteWhen) -> Viewer {
        Viewer::of(
            self.public(),
            TrackId::MAIN,
            self.policies.clone(),
            (self.device, self.wrap.clone()),
            public_of(RELAY),
            write_when,
        )
    }

    fn start_epoch(&mut self, number: u64) {
        let previous = self.epoch.take().map(|epoch| EpochClose {
            epoch_no: epoch.open.context.epoch_no,
            segments: epoch.k,
            chain: epoch.chain.0,
            gap: GapReason::None,
        });
        let context = EpochContext {
            camera_id: CameraId::of_key(&self.public()),
            track: TrackId::MAIN,
            epoch_no: EpochNo(number),
            start_us: Micros(START + number * EPOCH_US),
            dur_ms: 60_000,
            policy_hash: self.policy_hash,
            notice_commit: [0; 32],
            t: 0,
            n: 0,
        };
        let ctx = context.hash();
        let seed = self.pool.next_seed(&host::rng::bytes(), &ctx);
        let wrap =
            seal::wrap::wrap(&recipient(&self.wrap, self.device), &ctx, &seed, &mut Rng::system()).unwrap();
        let open = EpochOpen {
            context,
            key_commit: seed.key_commit(&ctx),
            share_commits: Vec::new(),
            shares: Vec::new(),
            wraps: vec![wrap],
            previous,
            lost: std::mem::take(&mut self.lost),
            receipt: self.receipt.take(),
        };
        let chain = Chain::start(&ctx, &open.prev_close_hash());
        let bytes = open.clone().sign(&self.key).bytes().to_vec();
        self.epoch = Some(Filming { open, bytes, seed, chain, k: 0 });
    }

    /// The next segment, `start` or continuing the one before; the epoch turns with the clock.
    fn film(&mut self, start: Start) -> Filmed {
        let sequence = self.next;
        self.next += 1;
        let start_us = START + sequence * SEGMENT_US;
        let number = sequence * SEGMENT_US / EPOCH_US;
        if self.epoch.as_ref().is_none_or(|epoch| epoch.open.context.epoch_no.0 != number) {
            self.start_epoch(number);
        }
        let camera_id = CameraId::of_key(&self.public());
        let epoch = self.epoch.as_mut().unwrap();
        let header = SegmentHeader {
            camera_id,
            track: TrackId::MAIN,
            epoch_no: EpochNo(number),
            k: epoch.k,
            sequence: Sequence(sequence),
            run: 1,
            start_us: Micros(start_us),
            start,
        };
        epoch.k += 1;
        let key = epoch.seed.content_key(&epoch.open.context.hash());
        let head = SegmentHead {
            captured_us: Micros(start_us),
            motion_permille: 0,
            waiting: 0,
            codecs: "avc1.640028".to_owned(),
            init: b"init".to_vec(),
        };
        let (mut sealer, mut bytes) = SegmentSealer::start(&key, header, &head, &mut Rng::system()).unwrap();
        let fragments: Vec<_> = (0..3).map(|at| format!("{sequence}.{at}").into_bytes()).collect();
        for (at, fragment) in (1..).zip(&fragments) {
            bytes.extend(
                sealer.fragment(Micros(start_us + at * 100_000), fragment, &mut Rng::system()).unwrap(),
            );
        }
        bytes.extend(sealer.finish(2_000_000, &mut epoch.chain, &self.key));
        Filmed { bytes, open: epoch.bytes.clone(), fragments }
    }
}

fn public_of(seed: u8) -> PublicKey {
    SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes()
}

fn recipient(wrap: &SecretKey, device: DeviceId) -> Recipient {
    Recipient { device_id: device, wrap_pk: wrap.public(), role: Role::Admin, not_after: Seconds::MAX }
}

/// What is believed of a relay's answer.
fn verified(viewer: &Viewer, opens: &[Vec<u8>]) -> Vec<Epoch> {
    let (camera_key, track) = (viewer.camera_key, viewer.track);
    Paging::new(EpochQuery { camera_key, track, from_us: Micros(0), to_us: Micros::MAX })
        .handle(opens, false)
        .epochs
}

/// Sends a segment in pieces, as a relay does; `opens` is what it answers when asked for the
/// EpochOpen.
fn send(viewer: &mut Viewer, bytes: &[u8], opens: &[Vec<u8>]) -> Vec<Output> {
    viewer.begin();
    for piece in bytes.chunks(100) {
        let mut step = viewer.push(piece, Micros(START));
        while let Step::Epoch(_) = step {
            let epochs = verified(viewer, opens);
            viewer.learn(&epochs);
            step = viewer.push(&[], Micros(START));
        }
    }
    viewer.finish();
    viewer.outputs()
}

fn show(viewer: &mut Viewer, filmed: &Filmed) -> Vec<Output> {
    send(viewer, &filmed.bytes, std::slice::from_ref(&filmed.open))
}

fn written(out: &[Output]) -> Vec<Vec<u8>> {
    let bytes = |output: &Output| match output {
        Output::Fragment(bytes) | Output::Init(bytes) => Some(bytes.clone()),
        Output::Event(_) => None,
    };
    out.iter().filter_map(bytes).collect()
}

fn refusal(out: &[Output]) -> Option<String> {
    out.iter().find_map(|output| match output {
        Output::Event(Event::Refused { reason, .. }) => Some(reason.clone()),
        _ => None,
    })
}

fn gaps(out: &[Output]) -> usize {
    out.iter().filter(|output| matches!(output, Output::Event(Event::Gap { .. }))).count()
}

const BOTH: [WriteWhen; 2] = [WriteWhen::Opened, WriteWhen::Verified];

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
