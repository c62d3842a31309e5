use super::*;
use crate::epoch::EpochSeed;
use crate::sealer::SegmentSealer;
use alloc::string::ToString as _;
use alloc::vec;
use chacha20::ChaCha20Rng as Rng;
use core::time::Duration;
use ed25519_dalek::SigningKey;
use media::chain::Chain;
use media::epoch::{EpochClose, GapReason};
use media::motion::{Cells, Motion};
use media::segment::Start;
use rand_core::SeedableRng as _;

/// One epoch of 60 s that a camera films.
struct Filming {
    camera: SigningKey,
    open: EpochOpen,
    key: ContentKey,
    chain: Chain,
    k: u32,
    sequence: u64,
    rng: Rng,
}

fn camera(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

impl Filming {
    fn epoch(camera: SigningKey, epoch_no: u64, sequence: u64, previous: Option<EpochClose>) -> Self {
        let context = EpochContext {
            camera_id: CameraId::of_key(camera.verifying_key().as_bytes()),
            track: TrackId(0),
            epoch_no: EpochNo(epoch_no),
            start_us: Micros(epoch_no * 60_000_000),
            dur_ms: 60_000,
            policy_hash: [1; 32],
            notice_commit: [2; 32],
            t: 0,
            n: 0,
        };
        let seed = EpochSeed::new([u8::try_from(epoch_no).unwrap(); 32]);
        let ctx = context.hash();
        let open = EpochOpen {
            key_commit: seed.key_commit(&ctx),
            context,
            share_commits: vec![],
            shares: vec![],
            wraps: vec![],
            previous,
            lost: Vec::new(),
            receipt: None,
        };
        let chain = Chain::start(&ctx, &open.prev_close_hash());
        Self {
            camera,
            key: seed.content_key(&ctx),
            open,
            chain,
            k: 0,
            sequence,
            rng: Rng::seed_from_u64(epoch_no),
        }
    }

    fn header(&self) -> SegmentHeader {
        SegmentHeader {
            camera_id: self.open.context.camera_id,
            track: TrackId(0),
            epoch_no: self.open.context.epoch_no,
            k: self.k,
            sequence: Sequence(self.sequence),
            run: 1,
            start_us: self.open.context.start_us.after(Duration::from_secs(2) * self.k),
            start: Start::KeyFrame,
        }
    }

    /// The next segment of two fragments.
    fn segment(&mut self) -> Vec<u8> {
        let header = self.header();
        self.segment_of(header)
    }

    fn segment_of(&mut self, header: SegmentHeader) -> Vec<u8> {
        let head = SegmentHead {
            captured_us: header.start_us,
            motion: Motion { permille: 20, cells: Cells::NONE.with(3, 4), event: None },
            waiting: 3,
            codecs: "avc1.640028".to_string(),
            init: b"init".to_vec(),
        };
        let (mut sealer, mut bytes) = SegmentSealer::start(&self.key, header, &head, &mut self.rng).unwrap();
        for fragment in [&b"moof one"[..], b"moof two"] {
            bytes.extend(
                sealer
                    .fragment(header.start_us.after(Duration::from_millis(100)), fragment, &mut self.rng)
                    .unwrap(),
            );
        }
        assert_eq!(sealer.len(), bytes.len());
        bytes.extend(sealer.finish(2_000_000, &mut self.chain, &self.camera));
        self.k += 1;
        self.sequence += 1;
        bytes
    }

    fn close(&self, gap: GapReason) -> EpochClose {
        EpochClose { epoch_no: self.open.context.epoch_no, segments: self.k, chain: self.chain.0, gap }
    }

    fn keys(&self) -> Keyring {
        let mut keys = Keyring::new(*self.camera.verifying_key().as_bytes(), TrackId(0));
        keys.insert(&self.open, self.key.clone());
        keys
    }
}

fn open_all(bytes: &[u8], keys: &Keyring) -> Result<Vec<Opened>, OpenError> {
    let mut opener = SegmentOpener::default();
    let mut parts = vec![];
    // In pieces, as a network brings them.
    for piece in bytes.chunks(50) {
        opener.push(piece)?;
        while let Some(part) = opener.poll(keys)? {
            parts.push(part);
        }
    }
    opener.finish()?;
    Ok(parts)
}

fn ended(bytes: &[u8], keys: &Keyring) -> Ended {
    match open_all(bytes, keys).unwrap().pop() {
        Some(Opened::End(ended)) => ended,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_segment_round_trips() {
    let mut filming = Filming::epoch(camera(1), 7, 40, None);
    let header = filming.header();
    let bytes = filming.segment();
    let parts = open_all(&bytes, &filming.keys()).unwrap();
    assert_eq!(parts.len(), 5);
    assert_eq!(parts[0], Opened::Header(header));
    assert!(
        matches!(&parts[1], Opened::Head(head) if head.init == b"init" && head.motion.permille == 20 && head.waiting == 3)
    );
    let fragment = Opened::Fragment {
        captured_us: header.start_us.after(Duration::from_millis(100)),
        bytes: b"moof two".to_vec(),
    };
    assert_eq!(parts[3], fragment);
}

#[test]
fn a_whole_segment_opens_as_its_pieces_do_and_gives_nothing_when_one_byte_is_wrong() {
    let mut filming = Filming::epoch(camera(1), 7, 40, None);
    let (bytes, keys) = (filming.segment(), filming.keys());
    let whole = open_whole(&bytes, &keys).unwrap();
    assert_eq!(whole.head.init, b"init");
    assert_eq!(whole.fragments, [b"moof one", b"moof two"]);
    assert_eq!(whole.ended, ended(&bytes, &keys));
    for length in 0..bytes.len() {
        let cut = open_whole(&bytes[..length], &keys);
        assert!(matches!(cut, Err(OpenError::Malformed(_))), "{length}: {cut:?}");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(matches!(open_whole(&longer, &keys), Err(OpenError::Malformed(_))));
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert_eq!(open_whole(&changed, &keys).err(), open_all(&changed, &keys).err(), "byte {at}");
        assert!(open_whole(&changed, &keys).is_err(), "byte {at}");
    }
    let none = Keyring::new(*filming.camera.verifying_key().as_bytes(), TrackId(0));
    assert_eq!(open_whole(&bytes, &none), Err(OpenError::NoKey(EpochNo(7))));
}

#[test]
fn every_byte_that_changes_is_noticed() {
    let mut filming = Filming::epoch(camera(1), 7, 40, None);
    let bytes = filming.segment();
    let keys = filming.keys();
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        assert!(open_all(&altered, &keys).is_err(), "byte {at}");
    }
}

#[test]
fn every_cut_and_every_addition_is_noticed() {
    let mut filming = Filming::epoch(camera(1), 7, 40, None);
    let mut bytes = filming.segment();
    let keys = filming.keys();
    for length in 0..bytes.len() {
        let error = open_all(&bytes[..length], &keys).unwrap_err();
        assert!(matches!(error, OpenError::Malformed(DecodeError::Truncated(_))), "{length}: {error}");
    }
    bytes.push(0);
    assert!(matches!(open_all(&bytes, &keys), Err(OpenError::Malformed(DecodeError::Trailing(1)))));
}

#[test]
fn a_segment_opens_in_its_own_place_only() {
    let mut filming = Filming::epoch(camera(1), 7, 40, None);
    let bytes = filming.segment();

    let other_camera = Filming::epoch(camera(2), 7, 40, None);
    assert_eq!(open_all(&bytes, &other_camera.keys()), Err(OpenError::WrongTrack));
    let mut other_track = Keyring::new(*camera(1).verifying_key().as_bytes(), TrackId(1));
    other_track.insert(&filming.open, filming.key.clone());
    assert_eq!(open_all(&bytes, &other_track), Err(OpenError::WrongTrack));
    let other_epoch = Filming::epoch(camera(1), 8, 40, None);
    assert_eq!(open_all(&bytes, &other_epoch.keys()), Err(OpenError::NoKey(EpochNo(7))));

    // Re-labelled: the same fragments under another header.
    for relabel in [
        |header: &mut SegmentHeader| header.k += 1,
        |header: &mut SegmentHeader| header.sequence.0 += 1,
        |header: &mut SegmentHeader| header.start_us.0 += 1,
        |header: &mut SegmentHeader| header.run += 1,
        |header: &mut SegmentHeader| header.start = Start::Continuation,
    ] {
        let mut header = SegmentHeader::decode(&bytes[..media::segment::HEADER_LEN]).unwrap();
        relabel(&mut header);
        let mut relabelled = header.encode().to_vec();
        relabelled.extend_from_slice(&bytes[media::segment::HEADER_LEN..]);
        assert_eq!(open_all(&relabelled, &filming.keys()), Err(OpenError::Fragment(0)));
    }

    let mut outside = filming.header();
    outside.start_us = filming.open.context.end_us();
    let bytes = filming.segment_of(outside);
    assert_eq!(open_all(&bytes, &filming.keys()), Err(OpenError::OutsideEpoch));
}

#[test]
fn a_key_that_comes_later_cures_its_absence() {
    let mut filming = Filming::epoch(camera(1), 7, 40, None);
    let bytes = filming.segment();
    let mut keys = Keyring::new(*camera(1).verifying_key().as_bytes(), TrackId(0));
    let mut opener = SegmentOpener::default();
    opener.push(&bytes).unwrap();
    assert_eq!(opener.poll(&keys), Err(OpenError::NoKey(EpochNo(7))));
    assert_eq!(opener.header().unwrap().epoch_no, EpochNo(7));
    keys.insert(&filming.open, filming.key.clone());
    assert!(matches!(opener.poll(&keys), Ok(Some(Opened::Header(_)))));
    keys.forget_before(EpochNo(8));
    assert!(!keys.holds(EpochNo(7)));
}

#[test]
fn another_signer_of_the_same_bytes_is_refused() {
    let mut filming = Filming::epoch(camera(1), 7, 40, None);
    let keys = filming.keys();
    filming.camera = camera(9);
    let bytes = filming.segment();
    assert!(matches!(open_all(&bytes, &keys), Err(OpenError::Signature(_))));
}

#[test]
fn what_comes_twice_or_late_is_a_replay_and_what_is_missing_is_counted() {
    let mut filming = Filming::epoch(camera(1), 7, 40, None);
    let keys = filming.keys();
    let segments: Vec<_> = (0..4).map(|_| filming.segment()).map(|bytes| ended(&bytes, &keys)).collect();
    let mut continuity = Continuity::new();
    assert_eq!(continuity.take(&segments[0], &filming.open), Ok(None));
    assert_eq!(continuity.take(&segments[1], &filming.open), Ok(None));
    assert_eq!(continuity.take(&segments[1], &filming.open), Err(OpenError::Replayed(Sequence(41))));
    assert_eq!(continuity.take(&segments[0], &filming.open), Err(OpenError::Replayed(Sequence(40))));
    let gap = continuity.take(&segments[3], &filming.open).unwrap().unwrap();
    assert_eq!((gap.segments, gap.reason), (1, None));
    assert_eq!(gap.from_us, segments[1].header.start_us.after(Duration::from_secs(2)));
}

#[test]
fn a_chain_that_does_not_follow_is_broken() {
    let mut filming = Filming::epoch(camera(1), 7, 40, None);
    let keys = filming.keys();
    let first = ended(&filming.segment(), &keys);
    // The camera itself signed another second segment onto another first: both are genuine,
    // together they are not.
    let mut other = Filming::epoch(camera(1), 7, 40, None);
    other.rng = Rng::seed_from_u64(99);
    other.segment();
    let second = ended(&other.segment(), &keys);
    let mut continuity = Continuity::new();
    continuity.take(&first, &filming.open).unwrap();
    assert_eq!(continuity.take(&second, &filming.open), Err(OpenError::BrokenChain(Sequence(41))));
}

#[test]
fn the_close_of_an_epoch_tells_what_was_cut_off_its_end_and_why() {
    let mut seven = Filming::epoch(camera(1), 7, 40, None);
    let keys = seven.keys();
    let ends: Vec<_> = (0..3).map(|_| seven.segment()).map(|bytes| ended(&bytes, &keys)).collect();

    let take = |taken: &[Ended], close: EpochClose, sequence: u64| {
        let mut eight = Filming::epoch(camera(1), 8, sequence, Some(close));
        let keys = eight.keys();
        let first = ended(&eight.segment(), &keys);
        let mut continuity = Continuity::new();
        for ended in taken {
            continuity.take(ended, &seven.open).unwrap();
        }
        continuity.take(&first, &eight.open)
    };
    assert_eq!(take(&ends, seven.close(GapReason::None), 43), Ok(None));
    let restart = take(&ends, seven.close(GapReason::Restart), 43).unwrap().unwrap();
    assert_eq!((restart.segments, restart.reason), (0, Some(GapReason::Restart)));
    // The relay withholds the last one: the sequence and the close record both say so.
    let withheld = take(&ends[..2], seven.close(GapReason::None), 43).unwrap().unwrap();
    assert_eq!((withheld.segments, withheld.reason), (1, None));
    // A reason does not excuse segments that were filmed.
    let excused = take(&ends[..2], seven.close(GapReason::Restart), 43).unwrap().unwrap();
    assert_eq!((excused.segments, excused.reason), (1, None));
    let lied = EpochClose { segments: 2, ..seven.close(GapReason::None) };
    assert_eq!(take(&ends, lied, 43), Err(OpenError::BrokenChain(Sequence(43))));
    let other_chain = EpochClose { chain: [0; 32], ..seven.close(GapReason::None) };
    assert_eq!(take(&ends, other_chain, 43), Err(OpenError::BrokenChain(Sequence(43))));
}

/// Closes an epoch and starts the next one whose close record says `gap`.
fn following(before: &Filming, gap: GapReason) -> Filming {
    let close = before.close(gap);
    let epoch_no = before.open.context.epoch_no.0 + 1;
    Filming::epoch(before.camera.clone(), epoch_no, before.sequence, Some(close))
}

fn next(filming: &mut Filming) -> Ended {
    let keys = filming.keys();
    ended(&filming.segment(), &keys)
}

#[test]
fn whole_epochs_that_are_missing_are_counted() {
    let mut seven = Filming::epoch(camera(1), 7, 40, None);
    let seen = next(&mut seven);
    next(&mut seven);
    let mut eight = following(&seven, GapReason::None);
    for _ in 0..3 {
        next(&mut eight);
    }
    let mut nine = following(&eight, GapReason::None);
    let mut continuity = Continuity::new();
    continuity.take(&seen, &seven.open).unwrap();
    let gap = continuity.take(&next(&mut nine), &nine.open).unwrap().unwrap();
    assert_eq!((gap.segments, gap.reason), (1 + 3, None));

    // An epoch in which nothing was filmed is no gap.
    let mut seven = Filming::epoch(camera(1), 7, 40, None);
    let seen = next(&mut seven);
    let eight = following(&seven, GapReason::None);
    let mut nine = following(&eight, GapReason::None);
    let mut continuity = Continuity::new();
    continuity.take(&seen, &seven.open).unwrap();
    assert_eq!(continuity.take(&next(&mut nine), &nine.open), Ok(None));
    // Nor are several of them: the numbers of segments tell that none is missing.
    let nine = following(&eight, GapReason::Restart);
    let mut ten = following(&nine, GapReason::Restart);
    let mut continuity = Continuity::new();
    continuity.take(&seen, &seven.open).unwrap();
    let gap = continuity.take(&next(&mut ten), &ten.open).unwrap().unwrap();
    assert_eq!((gap.segments, gap.reason), (0, Some(GapReason::Restart)));
}

#[test]
fn a_spool_that_overflowed_is_named_as_the_reason_also_for_what_was_filmed() {
    let mut seven = Filming::epoch(camera(1), 7, 40, None);
    let seen = next(&mut seven);
    next(&mut seven);
    let mut eight = following(&seven, GapReason::SpoolOverflow);
    next(&mut eight);
    let mut continuity = Continuity::new();
    continuity.take(&seen, &seven.open).unwrap();
    let gap = continuity.take(&next(&mut eight), &eight.open).unwrap().unwrap();
    assert_eq!((gap.segments, gap.reason), (2, Some(GapReason::SpoolOverflow)));
}

#[test]
fn continuity_is_of_one_track_and_never_goes_back() {
    let mut seven = Filming::epoch(camera(1), 7, 40, None);
    let mut eight = following(&seven, GapReason::None);
    let seen = next(&mut eight);
    let mut continuity = Continuity::new();
    continuity.take(&seen, &eight.open).unwrap();

    let mut other = Filming::epoch(camera(2), 8, 41, None);
    let theirs = next(&mut other);
    assert_eq!(continuity.take(&theirs, &other.open), Err(OpenError::WrongTrack));
    assert_eq!(continuity.take(&theirs, &eight.open), Err(OpenError::WrongTrack));

    // An older epoch under a newer sequence, and a newer epoch that claims to follow one before
    // what was seen.
    seven.sequence = 90;
    assert_eq!(continuity.take(&next(&mut seven), &seven.open), Err(OpenError::Replayed(Sequence(90))));
    let mut nine = Filming::epoch(camera(1), 9, 41, Some(seven.close(GapReason::None)));
    assert_eq!(continuity.take(&next(&mut nine), &nine.open), Err(OpenError::BrokenChain(Sequence(41))));
    // What was refused is not taken: the true next one still follows.
    assert_eq!(continuity.take(&next(&mut eight), &eight.open), Ok(None));
}

#[test]
fn an_epochs_first_segment_must_continue_what_the_epoch_open_says() {
    let seven = Filming::epoch(camera(1), 7, 40, None);
    let mut eight = following(&seven, GapReason::None);
    let first = next(&mut eight);
    let mut other_open = eight.open.clone();
    other_open.previous = Some(seven.close(GapReason::Restart));
    assert_eq!(Continuity::new().take(&first, &other_open), Err(OpenError::BrokenChain(Sequence(40))));
    other_open.previous = None;
    assert_eq!(Continuity::new().take(&first, &other_open), Err(OpenError::BrokenChain(Sequence(40))));
    assert_eq!(Continuity::new().take(&first, &seven.open), Err(OpenError::BrokenChain(Sequence(40))));
    assert_eq!(Continuity::new().take(&first, &eight.open), Ok(None));
}

#[test]
fn fragments_swapped_repeated_or_left_out_are_refused() {
    let mut filming = Filming::epoch(camera(1), 7, 40, None);
    let bytes = filming.segment();
    let (header, rest) = bytes.split_at(media::segment::HEADER_LEN);
    let mut framed = vec![];
    let mut rest = rest;
    for _ in 0..3 {
        let length = usize::try_from(u32::from_be_bytes(rest[4..8].try_into().unwrap())).unwrap();
        let (one, after) = rest.split_at(8 + length);
        framed.push(one);
        rest = after;
    }
    let keys = filming.keys();
    let open = |order: &[usize], renumber: bool| {
        let mut altered = header.to_vec();
        for (index, of) in (0u32..).zip(order) {
            let at = altered.len();
            altered.extend_from_slice(framed[*of]);
            if renumber {
                altered[at..at + 4].copy_from_slice(&index.to_be_bytes());
            }
        }
        altered.extend_from_slice(rest);
        open_all(&altered, &keys).unwrap_err()
    };
    assert!(open_all(&bytes, &keys).is_ok());
    for order in [&[0, 2, 1][..], &[0, 1, 1, 2], &[0, 2], &[1, 0, 2]] {
        assert_eq!(open(order, false), OpenError::Malformed(DecodeError::BadValue("fragment index")));
        let moved = order.iter().enumerate().position(|(index, of)| index != *of).unwrap();
        assert_eq!(open(order, true), OpenError::Fragment(u32::try_from(moved).unwrap()), "{order:?}");
    }
    // The last one left out moves nothing; the signed count gives it away.
    assert_eq!(open(&[0, 1], true), OpenError::Malformed(DecodeError::BadValue("fragments")));
}

#[test]
fn after_a_fault_nothing_more_is_handed_out() {
    let mut filming = Filming::epoch(camera(1), 7, 40, None);
    let mut bytes = filming.segment();
    let keys = filming.keys();
    let within_fragment_1 = bytes.len() - 108 - 88 - 20;
    bytes[within_fragment_1] ^= 1;
    let mut opener = SegmentOpener::default();
    opener.push(&bytes).unwrap();
    let fault = loop {
        if let Err(error) = opener.poll(&keys) {
            break error;
        }
    };
    assert_eq!(fault, OpenError::Fragment(1));
    assert_eq!(opener.poll(&keys), Err(OpenError::Fragment(1)));
    assert_eq!(opener.finish(), Err(OpenError::Fragment(1)));
}
