use super::*;
use crate::notices::Notices;
use media::epoch::EpochContext;
use media::id::{CameraId, Day, TrackId};
use media::segment::{SegmentHeader, Start, Trailer};
use media::time::Micros;
use seal::notice::{NoticeKey, NoticeRoot};

pub(super) fn spool() -> (tempfile::TempDir, Spool) {
    let dir = tempfile::tempdir().unwrap();
    Spool::create(dir.path()).unwrap();
    let spool = Spool::open(dir.path()).unwrap();
    (dir, spool)
}

/// As long as the recovery looks at: a header, and the end of a trailer with this chain.
pub(super) fn segment(epoch: u64, k: u32, sequence: u64, chain: u8) -> Vec<u8> {
    let header = SegmentHeader {
        camera_id: CameraId([1; 32]),
        track: TrackId(0),
        epoch_no: EpochNo(epoch),
        k,
        sequence: Sequence(sequence),
        run: 1,
        start_us: Micros(1),
        start: Start::KeyFrame,
    };
    let trailer = Trailer { fragments: 1, duration_us: 1, chain: Chain([chain; 32]), signature: [9; 64] };
    [&header.encode()[..], &trailer.encode()].concat()
}

/// The EpochOpen of this number; `mark` tells two of them apart.
pub(super) fn open_of(seed: u8, track: TrackId, number: u64, mark: u8) -> Vec<u8> {
    let camera = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
    let context = EpochContext {
        camera_id: CameraId::of_key(camera.verifying_key().as_bytes()),
        track,
        epoch_no: EpochNo(number),
        start_us: Micros(1),
        dur_ms: 1000,
        policy_hash: [mark; 32],
        notice_commit: [0; 32],
        t: 0,
        n: 0,
    };
    let open = stage::bare::open(context);
    open.sign(&camera).bytes().to_vec()
}

pub(super) fn close(epoch: u64, segments: u32, chain: u8) -> EpochClose {
    EpochClose { epoch_no: EpochNo(epoch), segments, chain: [chain; 32], gap: GapReason::Restart }
}

#[test]
fn numbers_go_on_after_a_restart_and_are_never_used_twice() {
    let (dir, mut spool) = spool();
    assert_eq!(spool.next_sequence().unwrap(), Sequence(0));
    spool.keep_open(EpochNo(0), b"open 0", &[7; 32], &[]).unwrap();
    for (at, chain) in [(0, 10), (1, 11)] {
        let sequence = spool.next_sequence().unwrap();
        spool.keep_segment(sequence, &segment(0, at, sequence.0, chain), &close(0, at + 1, chain)).unwrap();
    }
    spool.segments.forget(Sequence(0)).unwrap();
    spool.segments.forget(Sequence(1)).unwrap();
    drop(spool);
    let spool = Spool::open(dir.path()).unwrap();
    assert_eq!(spool.next_sequence().unwrap(), Sequence(2));
    assert_eq!(spool.next_epoch().unwrap(), EpochNo(1));
    assert_eq!(spool.last_close().unwrap(), Some(close(0, 2, 11)));
    assert_eq!(spool.begin_run().unwrap(), 1);
    assert_eq!(spool.begin_run().unwrap(), 2);
}

#[test]
fn a_crash_between_segment_and_count_loses_neither() {
    let (dir, mut spool) = spool();
    spool.keep_open(EpochNo(0), b"open 0", &[7; 32], &[]).unwrap();
    spool.keep_segment(Sequence(0), &segment(0, 0, 0, 10), &close(0, 1, 10)).unwrap();
    // Killed after the file's rename, before the count was durable.
    durable::write_atomic(&spool.segments.path(Sequence(1)), &segment(0, 1, 1, 11)).unwrap();
    // And while the next was being written.
    std::fs::write(dir.path().join("spool").join(".half.tmp"), b"half").unwrap();
    drop(spool);
    let mut spool = Spool::open(dir.path()).unwrap();
    assert_eq!(spool.segments.sequences(), [Sequence(0), Sequence(1)]);
    assert_eq!(spool.next_sequence().unwrap(), Sequence(2));
    assert_eq!(spool.last_close().unwrap(), Some(close(0, 2, 11)));
    // The relay has them, and the camera is killed again before it films anything: the number stays
    // used.
    spool.segments.forget(Sequence(0)).unwrap();
    spool.segments.forget(Sequence(1)).unwrap();
    drop(spool);
    let spool = Spool::open(dir.path()).unwrap();
    assert_eq!(spool.next_sequence().unwrap(), Sequence(2));
    assert_eq!(spool.last_close().unwrap(), Some(close(0, 2, 11)));
}

#[test]
fn an_epoch_that_opened_and_filmed_nothing_is_closed_as_it_began() {
    let (dir, spool) = spool();
    spool.keep_open(EpochNo(4), b"open", &[7; 32], &[]).unwrap();
    drop(spool);
    let spool = Spool::open(dir.path()).unwrap();
    assert_eq!(spool.last_close().unwrap(), Some(close(4, 0, 7)));
    assert_eq!(spool.opens_from(EpochNo(0)).unwrap(), [(EpochNo(4), b"open".to_vec())]);
}

#[test]
fn opens_wait_until_they_are_confirmed_and_notices_until_they_are_forgotten() {
    let (_dir, spool) = spool();
    for epoch in 0..3 {
        spool.keep_open(EpochNo(epoch), &[u8::try_from(epoch).unwrap()], &[0; 32], &[]).unwrap();
    }
    spool.confirm_open(EpochNo(1)).unwrap();
    assert_eq!(spool.confirmed_opens().unwrap(), EpochNo(2));
    let to = Notices { day: Day(9), root: NoticeRoot::new([3; 32]) };
    let key = |n| NoticeKey::new([n; 32]);
    spool.advance_notices(&to, &[(Day(8), key(8)), (Day(9), key(9))]).unwrap();
    let kept = spool.notices().unwrap();
    assert_eq!((kept.day, kept.root.expose()), (Day(9), &[3; 32]));
    spool.keep_notice(Day(8), b"eight", Some(&key(8))).unwrap();
    spool.forget_notice(Day(8)).unwrap();
    assert!(spool.waiting_notices().unwrap() == [(Day(9), key(9))]);
    // What was made for a day stays until a later one's is there: slots are added to it.
    assert_eq!(spool.made_notice(Day(8)).unwrap(), Some(b"eight".to_vec()));
    spool.keep_notice(Day(9), b"nine", None).unwrap();
    spool.forget_notice(Day(9)).unwrap();
    assert_eq!((spool.made_notice(Day(8)).unwrap(), spool.waiting_notices().unwrap().len()), (None, 0));
}

#[test]
fn a_refused_segment_is_put_aside_and_told() {
    let (dir, mut spool) = spool();
    spool.keep_open(EpochNo(0), b"open", &[7; 32], &[]).unwrap();
    spool.keep_segment(Sequence(0), &segment(0, 0, 0, 1), &close(0, 1, 1)).unwrap();
    spool.set_aside(Sequence(0), LossReason::Refused).unwrap();
    let range = Range { first: Sequence(0), last: Sequence(0) };
    assert_eq!(spool.lost().unwrap(), [Lost { range, why: LossReason::Refused }]);
    assert_eq!((spool.segments.sequences().len(), spool.segments.bytes()), (0, 0));
    let aside = std::fs::read_dir(dir.path().join("spool")).unwrap().next().unwrap().unwrap();
    assert!(aside.file_name().to_str().unwrap().ends_with(".refused"));
    assert_eq!(spool.next_sequence().unwrap(), Sequence(1));
}

#[test]
fn a_missing_state_is_named_and_nothing_is_made_of_it() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Spool::open(dir.path()), Err(SpoolError::Missing(_))));
    std::fs::write(dir.path().join("state.redb"), b"garbage").unwrap();
    let Err(error @ SpoolError::State { .. }) = Spool::open(dir.path()) else { panic!() };
    assert!(
        error.to_string().contains("state.redb") && error.to_string().contains("make a new camera"),
        "{error}"
    );
}

fn overflow(first: u64, last: u64) -> Lost {
    let range = Range { first: Sequence(first), last: Sequence(last) };
    Lost { range, why: LossReason::SpoolOverflow }
}

#[test]
fn losses_of_one_kind_that_follow_each_other_are_one_range_and_an_open_says_so_many() {
    let (_dir, spool) = spool();
    for (sequence, why) in [
        (5, LossReason::SpoolOverflow),
        (7, LossReason::Refused),
        (6, LossReason::SpoolOverflow),
        (2, LossReason::Refused),
        (8, LossReason::SpoolOverflow),
    ] {
        spool.note_loss(Sequence(sequence), why).unwrap();
    }
    // Noted before a crash, not gone, and noted again: at the end of a range, and at its beginning.
    spool.note_loss(Sequence(6), LossReason::SpoolOverflow).unwrap();
    spool.note_loss(Sequence(5), LossReason::Refused).unwrap();
    let said: Vec<_> = spool.lost().unwrap().iter().map(|it| (it.range.first.0, it.range.last.0)).collect();
    assert_eq!(said, [(2, 2), (5, 6), (7, 7), (8, 8)]);
    for sequence in (100..300).step_by(2) {
        spool.note_loss(Sequence(sequence), LossReason::SpoolOverflow).unwrap();
    }
    let first = spool.lost().unwrap();
    assert_eq!(first.len(), limits::LOST);
    spool.keep_open(EpochNo(0), b"open", &[7; 32], &first).unwrap();
    assert_eq!(spool.lost().unwrap().len(), 104 - limits::LOST, "the rest in the next");
}

#[test]
fn an_overflowing_spool_loses_the_oldest_and_remembers_that_it_did() {
    let (dir, spool) = spool();
    drop(spool);
    let mut spools = Spools::open(dir.path()).unwrap();
    spools.main.keep_open(EpochNo(0), b"open 0", &[7; 32], &[]).unwrap();
    let len = segment(0, 0, 0, 0).len() as u64;
    for at in 0..5u8 {
        let number = u32::from(at);
        let gone = spools.make_room(TrackId::MAIN, len, 3 * len).unwrap();
        let oldest = (TrackId::MAIN, Sequence(u64::from(at).saturating_sub(3)));
        assert_eq!(gone, if at < 3 { vec![] } else { vec![oldest] });
        let spool = spools.of_mut(TrackId::MAIN);
        let sequence = Sequence(at.into());
        spool.keep_segment(sequence, &segment(0, number, at.into(), at), &close(0, number + 1, at)).unwrap();
    }
    assert_eq!(spools.main.segments.sequences(), [2, 3, 4].map(Sequence));
    drop(spools);
    let spool = Spool::open(dir.path()).unwrap();
    let lost = spool.lost().unwrap();
    assert_eq!(lost, [overflow(0, 1)], "also after a crash");
    spool.keep_open(EpochNo(1), b"open 1", &[8; 32], &lost).unwrap();
    assert_eq!(spool.lost().unwrap(), [], "said once");
}

/// What one track holds after it has kept segments up to `sequence`.
fn film(spools: &mut Spools, track: TrackId, sequence: u64, limit: u64) -> Vec<(TrackId, Sequence)> {
    let bytes = segment(0, u32::try_from(sequence).unwrap(), sequence, 1);
    let gone = spools.make_room(track, bytes.len() as u64, limit).unwrap();
    let close = close(0, u32::try_from(sequence).unwrap() + 1, 1);
    spools.of_mut(track).keep_segment(Sequence(sequence), &bytes, &close).unwrap();
    assert!(spools.bytes() <= limit);
    gone
}

#[test]
fn in_a_full_spool_the_second_track_gives_way_and_each_remembers_its_own_loss() {
    let (dir, spool) = spool();
    drop(spool);
    let len = segment(0, 0, 0, 0).len() as u64;
    let limit = 4 * len;
    let mut spools = Spools::open(dir.path()).unwrap();
    let (main, sub) = (TrackId::MAIN, TrackId::SUB);
    for track in [main, sub] {
        spools.of_mut(track).keep_open(EpochNo(0), b"open", &[7; 32], &[]).unwrap();
    }
    // Each counts for itself, and their segments lie apart.
    for sequence in 0..2 {
        assert_eq!(film(&mut spools, main, sequence, limit), []);
        assert_eq!(film(&mut spools, sub, sequence, limit), []);
    }
    // A further one of the second track costs its own oldest; one of the main track costs the
    // second track's oldest.
    assert_eq!(film(&mut spools, sub, 2, limit), [(sub, Sequence(0))]);
    assert_eq!(film(&mut spools, main, 2, limit), [(sub, Sequence(1))]);
    assert_eq!(spools.sub.lost().unwrap(), [overflow(0, 1)]);
    assert_eq!(spools.main.lost().unwrap(), [], "the main track lost nothing yet");
    assert_eq!(film(&mut spools, main, 3, limit), [(sub, Sequence(2))]);
    // Now all of it is the main track's, and it yields nothing.
    assert!(!spools.can_hold(sub, len, limit));
    assert!(matches!(spools.make_room(sub, len, limit), Err(SpoolError::Full)));
    assert_eq!(spools.main.segments.sequences().len(), 4);
    assert_eq!(film(&mut spools, main, 4, limit), [(main, Sequence(0))]);
    drop(spools);
    // Also after a crash. What one says is not said for the other.
    let spools = Spools::open(dir.path()).unwrap();
    assert_eq!(spools.main.segments.sequences(), [1, 2, 3, 4].map(Sequence));
    assert_eq!(spools.sub.next_sequence().unwrap(), Sequence(3));
    let lost = spools.main.lost().unwrap();
    assert_eq!(lost, [overflow(0, 0)]);
    spools.main.keep_open(EpochNo(1), b"open", &[8; 32], &lost).unwrap();
    assert_eq!(spools.main.lost().unwrap(), []);
    assert_eq!(spools.sub.lost().unwrap(), [overflow(0, 2)]);
    assert_eq!(spools.sub.last_close().unwrap(), Some(close(0, 3, 1)));
    assert_eq!(spools.sub.next_epoch().unwrap(), EpochNo(1));
}

#[test]
fn what_is_the_cameras_is_one_for_all_tracks() {
    let (dir, spool) = spool();
    drop(spool);
    let spools = Spools::open(dir.path()).unwrap();
    let (main, sub) = (&spools.main, &spools.sub);
    let to = Notices { day: Day(9), root: NoticeRoot::new([3; 32]) };
    sub.advance_notices(&to, &[(Day(9), NoticeKey::new([9; 32]))]).unwrap();
    assert_eq!(main.notices().unwrap().day, Day(9));
    assert!(main.waiting_notices().unwrap() == sub.waiting_notices().unwrap());
    main.keep_policy(b"policy").unwrap();
    main.keep_day_key(Day(9), 1, (5, b"key")).unwrap();
    assert_eq!(sub.day_key(Day(9), 1).unwrap(), Some((5, b"key".to_vec())));
    assert!(matches!(sub.pairing(), Err(SpoolError::NotPaired)));
    // Runs are each track's own.
    assert_eq!((main.begin_run().unwrap(), main.begin_run().unwrap(), sub.begin_run().unwrap()), (1, 2, 1));
}

#[test]
fn a_lost_folder_of_the_second_track_is_named() {
    let (dir, spool) = spool();
    drop(spool);
    std::fs::remove_dir(dir.path().join("sub")).unwrap();
    assert!(matches!(Spools::open(dir.path()), Err(SpoolError::File(_))), "nothing is made anew silently");
}

#[test]
fn a_doubted_open_is_put_again_with_all_that_followed() {
    let (_dir, spool) = spool();
    for epoch in 0..4 {
        spool.keep_open(EpochNo(epoch), b"open", &[0; 32], &[]).unwrap();
    }
    spool.confirm_open(EpochNo(3)).unwrap();
    spool.doubt_open(EpochNo(2)).unwrap();
    let again = spool.opens_from(spool.confirmed_opens().unwrap()).unwrap();
    assert_eq!(again.iter().map(|(epoch, _)| epoch.0).collect::<Vec<_>>(), [2, 3]);
    spool.doubt_open(EpochNo(3)).unwrap();
    assert_eq!(spool.confirmed_opens().unwrap(), EpochNo(2), "doubt takes nothing back");
}

#[test]
fn keys_of_days_stay_until_trustees_publish_far_later_ones() {
    let (_dir, spool) = spool();
    for (day, share) in [(98, 1), (100, 1), (101, 1), (135, 1), (135, 2), (162, 1)] {
        spool.keep_day_key(Day(day), share, (0, &[share])).unwrap();
    }
    for day in [98, 100, 101, 135, 162] {
        assert_eq!(spool.day_key(Day(day), 1).unwrap(), Some((0, vec![1])), "{day}");
    }
    assert_eq!(spool.day_key(Day(100), 2).unwrap(), None);
    spool.keep_day_key(Day(163), 1, (0, &[1])).unwrap();
    assert_eq!(spool.day_key(Day(98), 1).unwrap(), None, "over");
    assert_eq!(spool.day_key(Day(100), 1).unwrap(), Some((0, vec![1])));
}

#[test]
fn what_a_power_cut_left_half_written_is_removed() {
    let (dir, mut spool) = spool();
    spool.keep_open(EpochNo(0), b"open", &[7; 32], &[]).unwrap();
    spool.keep_segment(Sequence(0), &segment(0, 0, 0, 1), &close(0, 1, 1)).unwrap();
    drop(spool);
    let half = dir.path().join("spool/.00000000000000000001.segment.0123456789abcdef.tmp");
    std::fs::write(&half, b"half").unwrap();
    let spool = Spool::open(dir.path()).unwrap();
    assert!(!half.exists());
    assert_eq!(spool.segments.sequences(), [Sequence(0)]);
}

#[test]
fn what_each_connection_was_acknowledged_is_told_whatever_the_next_one_brings() {
    let (dir, spool) = spool();
    let receipt = |relay: u8, ranges: &[(u64, u64)]| {
        let relay = ed25519_dalek::SigningKey::from_bytes(&[relay; 32]);
        let range = |(first, last): &(u64, u64)| Range { first: Sequence(*first), last: Sequence(*last) };
        let receipt = media::receipt::Receipt {
            relay_key: relay.verifying_key().to_bytes(),
            camera_id: CameraId([1; 32]),
            track: TrackId::MAIN,
            at_us: Micros(1),
            epoch_no: EpochNo(0),
            k: 0,
            chain: [0; 32],
            acknowledged: ranges.iter().map(range).collect(),
        };
        receipt.sign(&relay)
    };
    assert_eq!(spool.receipt().unwrap(), None);
    // Two connections before an epoch opens, the second one's growing; then another relay's.
    let (first, second, third) = (receipt(3, &[(1, 5)]), receipt(3, &[(7, 12)]), receipt(4, &[(1, 20)]));
    for said in [&receipt(3, &[(1, 4)]), &first, &receipt(3, &[(7, 9)]), &second, &third] {
        spool.keep_receipt(said).unwrap();
    }
    drop(spool);
    let spool = Spool::open(dir.path()).unwrap();
    let mut told = Vec::new();
    for epoch in 0..4 {
        told.push(spool.receipt().unwrap().unwrap());
        spool.keep_open(EpochNo(epoch), b"open", &[7; 32], &[]).unwrap();
    }
    assert_eq!(told, [first, second.clone(), third.clone(), third]);
    // Of any number that no EpochOpen comes to tell the newest stay.
    for at in 0..100 {
        spool.keep_receipt(&receipt(3, &[(1000 + 2 * at, 1000 + 2 * at)])).unwrap();
    }
    assert_eq!(spool.receipt().unwrap(), Some(receipt(3, &[(1166, 1166)])));
    assert!(second.unverified().covers(receipt(3, &[(8, 8), (10, 12)]).unverified()));
    assert!(!second.unverified().covers(receipt(4, &[(8, 8)]).unverified()), "another relay's");
}

#[test]
fn what_no_relay_takes_is_kept_while_there_is_room_and_goes_first() {
    let dir = tempfile::tempdir().unwrap();
    Spool::create(dir.path()).unwrap();
    let mut spools = Spools::open(dir.path()).unwrap();
    let len = segment(0, 0, 0, 1).len() as u64;
    let limit = 4 * len;
    let keep = |spools: &mut Spools, at: u64| {
        let gone = spools.make_room(TrackId::MAIN, len, limit).unwrap();
        let k = u32::try_from(at).unwrap();
        spools.main.keep_segment(Sequence(at), &segment(0, k, at, 1), &close(0, k + 1, 1)).unwrap();
        gone
    };
    for at in 0..3 {
        keep(&mut spools, at);
        spools.main.set_aside(Sequence(at), LossReason::Disputed).unwrap();
    }
    let aside = || {
        std::fs::read_dir(dir.path().join("spool"))
            .unwrap()
            .filter(|file| file.as_ref().unwrap().path().extension().unwrap() == "refused")
    };
    assert_eq!((aside().count(), spools.bytes()), (3, 3 * len));
    // Counted after a restart too.
    drop(spools);
    let mut spools = Spools::open(dir.path()).unwrap();
    for at in 3..7 {
        assert_eq!(keep(&mut spools, at), [], "no segment that waits goes for one that does not");
    }
    assert_eq!((aside().count(), spools.bytes()), (0, limit));
    assert_eq!(keep(&mut spools, 7), [(TrackId::MAIN, Sequence(3))]);
}
