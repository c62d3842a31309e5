//! `proto/vectors/key-schedule.json`, made by a second implementation: contexts, seeds, keys,
//! commitments, chains.

use media::chain::{Chain, FragmentsHash};
use media::epoch::{EpochClose, EpochContext, GapReason};
use media::id::{CameraId, DeviceId, EpochNo, TrackId};
use media::segment::SegmentHeader;
use media::time::Micros;
use seal::epoch::{EpochSeed, Pool, share_commit};
use serde_json::Value;

pub(crate) fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../proto/vectors/key-schedule.json")).unwrap()
}

pub(crate) fn cases(list: &str) -> Vec<Value> {
    let cases = vectors()[list].as_array().unwrap().clone();
    assert!(!cases.is_empty(), "{list}");
    cases
}

pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

pub(crate) fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap()
}

pub(crate) fn number<T: TryFrom<u64, Error: core::fmt::Debug>>(value: &Value) -> T {
    value.as_u64().unwrap().try_into().unwrap()
}

fn context(c: &Value) -> EpochContext {
    EpochContext {
        camera_id: CameraId(array(&c["camera_id"])),
        track: TrackId(number(&c["track"])),
        epoch_no: EpochNo(number(&c["epoch_no"])),
        start_us: Micros(number(&c["start_us"])),
        dur_ms: number(&c["dur_ms"]),
        policy_hash: array(&c["policy_hash"]),
        notice_commit: array(&c["notice_commit"]),
        t: number(&c["t"]),
        n: number(&c["n"]),
    }
}

#[test]
fn identifiers() {
    for case in cases("ids") {
        let key = array(&case["key"]);
        assert_eq!(CameraId::of_key(&key).0, array(&case["camera_id"]));
        assert_eq!(DeviceId::of_key(&key).0, array(&case["device_id"]));
    }
}

#[test]
fn seeds_and_keys_of_each_epoch_follow_from_the_pool() {
    let mut pool = Pool::new(array(&vectors()["pool"]));
    for case in cases("epochs") {
        let ctx = context(&case["context"]).hash();
        assert_eq!(ctx.0, array(&case["ctx"]));
        let seed = pool.next_seed(&array(&case["fresh"]), &ctx);
        assert_eq!(*seed.expose(), array(&case["seed"]));
        assert_eq!(*seed.content_key(&ctx).expose(), array(&case["content_key"]));
        assert_eq!(seed.key_commit(&ctx), array(&case["key_commit"]));
        for (j, coefficient) in (1..).zip(case["coefficients"].as_array().unwrap()) {
            assert_eq!(*seed.share_coefficient(&ctx, j), array(coefficient));
        }
        let shares = case["shares"].as_array().unwrap().iter().zip(case["share_commits"].as_array().unwrap());
        for (i, (share, commit)) in (1..).zip(shares) {
            assert_eq!(share_commit(&ctx, i, &array(share)), array(commit));
        }
    }
}

#[test]
fn chains_follow_from_the_close_before_and_every_segment() {
    for case in cases("epochs") {
        let reasons = [
            GapReason::None,
            GapReason::Restart,
            GapReason::SpoolOverflow,
            GapReason::Source,
            GapReason::ClockStep,
            GapReason::NothingMoved,
            GapReason::OutsideSchedule,
            GapReason::Privacy,
        ];
        let previous = case["previous"].as_object().map(|close| EpochClose {
            epoch_no: EpochNo(number(&close["epoch_no"])),
            segments: number(&close["segments"]),
            chain: array(&close["chain"]),
            gap: reasons[number::<usize>(&close["gap"])],
        });
        let before = previous.map_or([0; 32], |close| close.hash());
        let mut chain = Chain::start(&context(&case["context"]).hash(), &before);
        let chains = case["chains"].as_array().unwrap();
        for (expected, segment) in chains.iter().zip(case["segments"].as_array().unwrap()) {
            assert_eq!(chain.0, array(expected));
            let header = SegmentHeader::decode(&bytes(&segment["header"])).unwrap();
            let mut fragments = FragmentsHash::default();
            for (index, sealed) in (0..).zip(segment["fragments"].as_array().unwrap()) {
                fragments.update(index, &bytes(sealed));
            }
            chain = chain.next(&header.hash(), &fragments.finish());
        }
        assert_eq!(chain.0, array(chains.last().unwrap()));
    }
}

#[test]
fn every_field_of_a_context_changes_every_key() {
    let base = context(&cases("epochs")[0]["context"]);
    let changed = |change: fn(&mut EpochContext)| {
        let mut context = base.clone();
        change(&mut context);
        context.hash()
    };
    let contexts = [
        base.hash(),
        changed(|c| c.camera_id.0[31] ^= 1),
        changed(|c| c.track.0 += 1),
        changed(|c| c.epoch_no.0 += 1),
        changed(|c| c.start_us.0 += 1),
        changed(|c| c.dur_ms += 1),
        changed(|c| c.policy_hash[0] ^= 1),
        changed(|c| c.notice_commit[0] ^= 1),
        changed(|c| c.t += 1),
        changed(|c| c.n += 1),
    ];
    let seed = EpochSeed::new([7; 32]);
    let mut derived: Vec<[u8; 32]> = contexts
        .iter()
        .flat_map(|ctx| {
            let coefficients = [1, 2].map(|j| *seed.share_coefficient(ctx, j));
            [[*seed.content_key(ctx).expose(), seed.key_commit(ctx)], coefficients].concat()
        })
        .collect();
    let all = derived.len();
    derived.sort_unstable();
    derived.dedup();
    assert_eq!(derived.len(), all);
}

#[test]
fn one_good_reading_of_the_pool_is_enough() {
    let ctx = context(&cases("epochs")[0]["context"]).hash();
    let seeds = |start: u8, fresh: [u8; 2]| {
        let mut pool = Pool::new([start; 32]);
        fresh.map(|fresh| *pool.next_seed(&[fresh; 32], &ctx).expose())
    };
    let base = seeds(1, [2, 0]);
    assert_ne!(base[0], base[1]);
    assert_ne!(base[1], seeds(3, [2, 0])[1], "a good start, and a dead generator since");
    assert_ne!(base[1], seeds(1, [4, 0])[1], "a good reading later");
}
