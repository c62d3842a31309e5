use super::*;
use ed25519_dalek::SigningKey;
use host::rng::Rng;
use media::chain::Chain;
use media::epoch::{EpochContext, EpochOpen};
use media::id::CameraId;
use media::motion::Motion;
use media::segment::{HEADER_LEN, HeadExtent, Start, head_extent};
use seal::epoch::Pool;
use seal::sealer::SegmentSealer;

const START: Micros = Micros(1_800_000_000_000_000);

/// A camera's epoch, a keyring that holds it, and its segments.
struct Filmed {
    keys: Keyring,
    segments: Vec<Vec<u8>>,
}

fn filmed(at: u8) -> Filmed {
    let key = SigningKey::from_bytes(&[at; 32]);
    let camera_key = key.verifying_key().to_bytes();
    let context = EpochContext {
        camera_id: CameraId::of_key(&camera_key),
        track: TrackId::MAIN,
        epoch_no: EpochNo(7),
        start_us: START,
        dur_ms: 60_000,
        policy_hash: [0; 32],
        notice_commit: [0; 32],
        t: 0,
        n: 0,
    };
    let ctx = context.hash();
    let seed = Pool::new([at; 32]).next_seed(&[at; 32], &ctx);
    let open = EpochOpen { key_commit: seed.key_commit(&ctx), ..stage::bare::open(context) };
    let mut keys = Keyring::new(camera_key, TrackId::MAIN);
    keys.insert(&open, seed.content_key(&ctx));
    let mut chain = Chain::start(&ctx, &open.prev_close_hash());
    let segment = |k: u32| {
        let header = SegmentHeader {
            camera_id: open.context.camera_id,
            track: TrackId::MAIN,
            epoch_no: EpochNo(7),
            k,
            sequence: Sequence(u64::from(k) + 40),
            run: 0,
            start_us: START.after(Duration::from_secs(2) * k),
            start: if k == 2 { Start::Continuation } else { Start::KeyFrame },
        };
        let head = SegmentHead {
            captured_us: header.start_us,
            motion: Motion { permille: 10 * u16::try_from(k).unwrap(), ..Motion::default() },
            waiting: k,
            codecs: "avc1.640028".to_owned(),
            init: b"init".to_vec(),
        };
        let content = seed.content_key(&ctx);
        let (mut sealer, mut bytes) =
            SegmentSealer::start(&content, header, &head, &mut Rng::system()).unwrap();
        bytes.extend(sealer.fragment(header.start_us, b"picture", &mut Rng::system()).unwrap());
        bytes.extend(sealer.fragment(header.start_us, b"more", &mut Rng::system()).unwrap());
        bytes.extend(sealer.finish(2_000_000, &mut chain, &key));
        bytes
    };
    Filmed { segments: (0..3).map(segment).collect(), keys }
}

/// As an honest relay cuts it.
fn stored(segment: &[u8], picture: bool) -> StoredHead {
    let Ok(HeadExtent::Whole(end)) = head_extent(segment, picture) else { panic!("no head") };
    let segment_bytes = u32::try_from(segment.len()).unwrap();
    StoredHead { segment_bytes, duration_us: 2_000_000, bytes: segment[..end].to_vec() }
}

#[test]
fn a_head_tells_what_its_camera_sealed_and_shows_a_picture_where_asked_and_there_is_one() {
    let filmed = filmed(1);
    for (k, segment) in (0u16..).zip(&filmed.segments) {
        let head = open(stored(segment, false), &filmed.keys, false).unwrap();
        assert_eq!((head.sealed.motion.permille, head.sealed.waiting), (10 * k, k.into()));
        assert_eq!((head.header.sequence.0, head.picture), (40 + u64::from(k), None));
        let head = open(stored(segment, true), &filmed.keys, true).unwrap();
        assert_eq!(head.picture.as_deref(), (k < 2).then_some(&b"picture"[..]));
        assert_eq!(
            (head.end_us().since(head.header.start_us), head.bytes as usize),
            (Duration::from_secs(2), segment.len())
        );
    }
}

#[test]
fn a_head_that_a_relay_moved_or_changed_tells_nothing() {
    let (ours, theirs) = (filmed(1), filmed(2));
    let whole = stored(&ours.segments[0], true);
    assert!(open(whole.clone(), &ours.keys, true).is_some());
    assert_eq!(open(whole.clone(), &theirs.keys, true), None, "another camera's");
    assert_eq!(open(whole.clone(), &Keyring::new([9; 32], TrackId::MAIN), true), None, "no key");
    for at in 0..whole.bytes.len() {
        let mut changed = whole.clone();
        changed.bytes[at] ^= 1;
        // A length that was changed is no head to begin with.
        let received = StoredHead::decode(&changed.encode()).ok();
        assert_eq!(received.and_then(|head| open(head, &ours.keys, true)), None, "byte {at}");
    }
    // One segment's fragment under another one's header, or in another one's place.
    let other = stored(&ours.segments[1], true);
    let moved = [&other.bytes[..HEADER_LEN], &whole.bytes[HEADER_LEN..]].concat();
    assert_eq!(open(StoredHead { bytes: moved, ..whole.clone() }, &ours.keys, true), None);
    let first = stored(&ours.segments[0], false).bytes.len();
    let mixed = [&whole.bytes[..first], &other.bytes[first..]].concat();
    assert_eq!(open(StoredHead { bytes: mixed, ..whole.clone() }, &ours.keys, true), None);
    // A picture that was not asked for is not taken for a head.
    assert_eq!(open(whole, &ours.keys, false), None);
}
