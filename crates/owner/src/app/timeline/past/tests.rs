use super::*;
use crate::audit::State;

const S: u64 = 1_000_000;

fn track(epochs: &[(u64, u64, u64, GapReason)]) -> Past {
    let epoch = |&(number, start, end, missing_before): &(u64, u64, u64, GapReason)| {
        let closes = number.checked_sub(1).map(|before| (before, 30));
        (number, Epoch { start_us: start * S, end_us: end * S, missing_before, closes })
    };
    let epochs = epochs.iter().map(epoch).collect();
    Past { epochs, from_us: 0, to_us: 1000 * S, ..Past::default() }
}

/// What heads told of an epoch that is over, in seconds.
fn told(parts: &[(u64, u64)], last_lost: bool) -> StoredEpoch {
    let parts: Vec<_> = parts.iter().map(|(from, to)| (from * S, to * S)).collect();
    let newest_us = parts.last().map_or(0, |(_, to)| to - 2 * S);
    StoredEpoch { parts, newest_us, lost: (false, last_lost), missing: Vec::new(), over: true }
}

type Seconds = (Vec<(u64, u64)>, Vec<(u64, u64, &'static str)>);

fn seconds((recorded, gaps): Drawn) -> Seconds {
    let recorded = recorded.iter().map(|(from, to)| (from / S, to / S)).collect();
    (
        recorded,
        gaps.into_iter().map(|gap| (gap.from / S, gap.to / S, &*gap.reason.into_owned().leak())).collect(),
    )
}

fn row(epochs: Option<(u64, u64)>) -> Row {
    Row {
        when: 5,
        camera: "door".to_owned(),
        kind: FoundKind::Request(escrow::record::Kind::Emergency),
        agency: None,
        reason: None,
        track: 0,
        epochs,
        grants: 3,
        state: Some(State::Completed),
        leaf_index: 22,
        expected: false,
        remarks: Vec::new(),
    }
}

#[test]
fn epochs_are_one_recording_until_something_is_missing() {
    use GapReason::{None, Restart};
    let track = track(&[
        (1, 100, 160, None),
        (2, 160, 220, None),
        (3, 300, 360, Restart),
        (4, 330, 390, Restart),
        (6, 420, 480, None),
    ]);
    let (recorded, gaps) = seconds(track.drawn(&BTreeMap::new(), 0, 1000 * S, 430 * S));
    // Where no heads were read, an epoch cut short by a restart ends where the next one starts,
    // at the latest.
    assert_eq!(recorded, [(100, 220), (300, 390), (420, 432)]);
    let restarted = "the camera was off or restarted";
    let unknown = "the relay shows no record of this time";
    assert_eq!(gaps, [(220, 300, restarted), (330, 330, restarted), (390, 420, unknown)]);
    let part = track.drawn(&BTreeMap::new(), 150 * S, 210 * S, 430 * S);
    assert_eq!(seconds(part), (vec![(150, 210)], vec![]));
}

#[test]
fn footage_ends_where_its_last_segment_does_and_the_gap_begins_there() {
    use GapReason::{None, Privacy, SpoolOverflow};
    let track = track(&[
        (1, 100, 160, None),
        (2, 160, 220, None),
        (3, 200, 260, Privacy),
        (4, 260, 320, None),
        (6, 380, 440, SpoolOverflow),
        (7, 440, 500, None),
    ]);
    let cut: Vec<_> = track.cut_short(0, 1000 * S).iter().map(|epoch| epoch.number).collect();
    assert_eq!(cut, [2, 4], "what stands behind them says so");
    assert_eq!(track.around(210 * S, 270 * S), 1..=5);
    let privacy = "the camera's privacy switch was on";
    let unknown = "the relay shows no record of this time";

    // Of those alone: the rest as planned.
    let mut stored = BTreeMap::from([(2, told(&[(162, 171)], false)), (4, told(&[(261, 270)], false))]);
    let (recorded, gaps) = seconds(track.drawn(&stored, 0, 1000 * S, 450 * S));
    assert_eq!(recorded, [(100, 171), (200, 270), (380, 452)]);
    assert_eq!(gaps, [(171, 200, privacy), (270, 380, unknown)]);

    // Of all: an epoch's last segment reaches into the next one, and what is not there is no
    // recording.
    stored.insert(1, told(&[(100, 162)], false));
    stored.insert(3, told(&[(200, 220), (240, 261)], false));
    stored.insert(6, told(&[(380, 443)], false));
    stored.insert(7, StoredEpoch { over: false, ..told(&[(443, 455)], false) });
    let (recorded, gaps) = seconds(track.drawn(&stored, 0, 1000 * S, 453 * S));
    assert_eq!(recorded, [(100, 171), (200, 220), (240, 270), (380, 455)]);
    assert_eq!(gaps, [(171, 200, privacy), (220, 240, UNEXPLAINED), (270, 380, unknown)]);

    // A slow machine films a segment late: nothing is missing in the chain, and no gap is
    // drawn.
    stored.insert(6, told(&[(380, 435)], false));
    let (recorded, gaps) = seconds(track.drawn(&stored, 350 * S, 1000 * S, 453 * S));
    assert_eq!((recorded, gaps), (vec![(380, 455)], vec![(270, 380, unknown)]));
    // The first ones of one are lost.
    stored.insert(7, StoredEpoch { lost: (true, false), ..stored[&7].clone() });
    let (recorded, gaps) = seconds(track.drawn(&stored, 400 * S, 1000 * S, 453 * S));
    assert_eq!((recorded, gaps), (vec![(400, 435), (443, 455)], vec![(435, 443, UNEXPLAINED)]));
    stored.insert(6, told(&[(380, 443)], false));

    // Nothing of one is there; and the newest one has grown since its heads were read.
    stored.insert(3, told(&[], true));
    let (recorded, gaps) = seconds(track.drawn(&stored, 0, 1000 * S, 458 * S));
    assert_eq!(recorded, [(100, 171), (261, 270), (380, 460)]);
    assert_eq!(gaps, [(171, 261, privacy), (270, 380, unknown)]);
    // The end of one is lost.
    stored.insert(1, told(&[(100, 130)], true));
    let (recorded, gaps) = seconds(track.drawn(&stored, 0, 250 * S, 458 * S));
    assert_eq!(recorded, [(100, 130), (162, 171)]);
    assert_eq!(gaps, [(130, 162, UNEXPLAINED), (171, 261, privacy)]);
}

#[test]
fn a_hole_on_the_line_says_whose_loss_it_is() {
    use media::epoch::{EpochContext, LossReason, Lost};
    use media::id::{CameraId, EpochNo};
    use media::receipt::Receipt;
    use media::time::Micros;
    let mut track = track(&[(1, 100, 160, GapReason::None), (2, 160, 220, GapReason::None)]);
    let parts = [(100, 110), (120, 130), (140, 150)];
    let numbers = [0..0, 5..10, 15..20, 25..30];
    let missing = numbers.iter().map(|at| Sequence(at.start)..Sequence(at.end)).collect();
    let stored =
        BTreeMap::from([(1, StoredEpoch { missing, ..told(&parts, true) }), (2, told(&[(162, 220)], false))]);
    let drawn = |track: &Past| seconds(track.drawn(&stored, 0, 1000 * S, 210 * S)).1;
    assert_eq!(drawn(&track).iter().map(|gap| gap.2).collect::<Vec<_>>(), [UNEXPLAINED; 3]);
    // The relay acknowledged the first ones, the camera let the next ones go; nobody says more.
    let relay = ed25519_dalek::SigningKey::from_bytes(&[50; 32]);
    let range = |first, last| media::receipt::Range { first: Sequence(first), last: Sequence(last) };
    let receipt = Receipt {
        relay_key: relay.verifying_key().to_bytes(),
        camera_id: CameraId([7; 32]),
        track: TrackId::MAIN,
        at_us: Micros(0),
        epoch_no: EpochNo(1),
        k: 9,
        chain: [0; 32],
        acknowledged: vec![range(5, 9)],
    };
    let context = EpochContext {
        camera_id: CameraId([7; 32]),
        track: TrackId::MAIN,
        epoch_no: EpochNo(2),
        start_us: Micros(160 * S),
        dur_ms: 60_000,
        policy_hash: [0; 32],
        notice_commit: [0; 32],
        t: 0,
        n: 0,
    };
    track.relay = relay.verifying_key().to_bytes();
    track.take(&EpochOpen {
        lost: vec![Lost { range: range(15, 19), why: LossReason::SpoolOverflow }],
        receipt: Some(receipt.sign(&relay)),
        ..stage::bare::open(context)
    });
    let said = drawn(&track);
    assert!(said[0].2.starts_with("the relay acknowledged it"), "{said:?}");
    assert_eq!((said[1].2, said[2].2), (LossReason::SpoolOverflow.told(), UNEXPLAINED));
}

#[test]
fn a_clock_that_stepped_back_and_a_relay_that_lies_about_lengths_draw_nothing_twice() {
    use GapReason::{ClockStep, None};
    let track = track(&[(1, 100, 160, None), (2, 110, 160, ClockStep)]);
    let stored = BTreeMap::from([(1, told(&[(100, 130)], false)), (2, told(&[(112, 9_000_000)], false))]);
    let (recorded, gaps) = seconds(track.drawn(&stored, 0, 1000 * S, 0));
    assert_eq!(recorded, [(100, 1000)]);
    assert_eq!(gaps, [(112, 112, "the camera's clock stepped")]);
}

#[test]
fn a_release_stands_where_its_epochs_lie() {
    let track = track(&[(1, 100, 160, GapReason::None), (2, 160, 220, GapReason::None)]);
    let rows = [row(Some((1, 2))), row(Some((2, 9))), row(Some((7, 9))), row(None)];
    let shown = track.releases(TrackId::MAIN, 0, 1000 * S, "door", &rows);
    let places: Vec<_> = shown.iter().map(|it| (it.from / S, it.to / S)).collect();
    assert_eq!(places, [(100, 220), (160, 220)]);
    // Epochs of the second track have numbers of their own.
    let of_sub = [Row { track: 1, ..row(Some((1, 2))) }];
    assert!(track.releases(TrackId::MAIN, 0, 1000 * S, "door", &of_sub).is_empty());
    assert_eq!(track.releases(TrackId::SUB, 0, 1000 * S, "door", &of_sub).len(), 1);
    assert!(track.releases(TrackId::MAIN, 0, 1000 * S, "yard", &rows).is_empty());
    assert!(track.releases(TrackId::MAIN, 0, 90 * S, "door", &rows).is_empty());
}

#[test]
fn an_epochs_segments_are_counted_by_the_one_behind_it() {
    let track = track(&[
        (1, 100, 160, GapReason::None),
        (2, 160, 220, GapReason::None),
        (4, 280, 340, GapReason::None),
    ]);
    let known = track.known(0, 1000 * S);
    let counted: Vec<_> = known.iter().map(|epoch| (epoch.number, epoch.segments, epoch.over)).collect();
    assert_eq!(counted, [(1, Some(30), true), (2, None, true), (4, None, false)]);
    assert_eq!(track.known(160 * S, 280 * S).len(), 1);
}

#[test]
fn what_came_late_is_found_by_asking_about_the_holes() {
    use GapReason::None;
    let mut track = track(&[(1, 100, 160, None), (2, 160, 220, None), (5, 340, 400, None)]);
    assert_eq!(track.late(0, 1000 * S, 50 * S), [(220 * S, 340 * S)]);
    assert!(track.late(0, 1000 * S, 59 * S).is_empty(), "not at once again");
    assert!(track.late(0, 200 * S, 70 * S).is_empty(), "out of sight");
    let (_, gaps) = track.drawn(&BTreeMap::new(), 0, 1000 * S, 400 * S);
    assert_eq!(gaps.len(), 1);
    let came = Epoch { start_us: 220 * S, end_us: 280 * S, missing_before: None, closes: Option::None };
    track.epochs.insert(3, came);
    assert_eq!(track.late(0, 1000 * S, 90 * S), [(280 * S, 340 * S)]);
}

#[test]
fn what_is_kept_is_not_asked_again() {
    let mut track = Past::default();
    assert_eq!(track.wanted(100, 200), [(100, 200)]);
    track.cover(100, 200);
    assert_eq!(track.wanted(120, 180), []);
    assert_eq!(track.wanted(50, 250), [(50, 100), (200, 250)]);
    track.cover(50, 250);
    assert_eq!(track.wanted(900, 950), [(900, 950)], "far away: anew");
}
