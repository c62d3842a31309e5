use super::*;
use ed25519_dalek::SigningKey;
use media::epoch::EpochContext;

fn camera(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn key() -> PublicKey {
    camera(1).verifying_key().to_bytes()
}

fn query(from_us: u64, to_us: u64) -> EpochQuery {
    let (from_us, to_us) = (Micros(from_us), Micros(to_us));
    EpochQuery { camera_key: key(), track: TrackId::MAIN, from_us, to_us }
}

/// An epoch of so many milliseconds.
fn signed(by: &SigningKey, track: TrackId, number: u64, start_us: u64, dur_ms: u32) -> SignedEpochOpen {
    let context = EpochContext {
        camera_id: CameraId::of_key(&by.verifying_key().to_bytes()),
        track,
        epoch_no: EpochNo(number),
        start_us: Micros(start_us),
        dur_ms,
        policy_hash: [0; 32],
        notice_commit: [0; 32],
        t: 0,
        n: 0,
    };
    EpochOpen {
        context,
        key_commit: [0; 32],
        share_commits: Vec::new(),
        shares: Vec::new(),
        wraps: Vec::new(),
        previous: None,
        lost: Vec::new(),
        receipt: None,
    }
    .sign(by)
}

/// The camera's epoch of a second, at second `number`.
fn own(number: u64) -> Vec<u8> {
    signed(&camera(1), TrackId::MAIN, number, number * 1_000_000, 1000).bytes().to_vec()
}

fn numbers(page: &Page) -> Vec<u64> {
    page.epochs.iter().map(|epoch| epoch.open().context.epoch_no.0).collect()
}

/// What an honest relay with answers of `most` says.
fn honest(held: &[SignedEpochOpen], request: &Request, most: usize) -> (Vec<Vec<u8>>, bool) {
    let Request::FetchEpochs { from_us, to_us, cursor, .. } = request else { panic!("{request:?}") };
    let overlaps = |open: &&SignedEpochOpen| {
        let context = &open.unverified().context;
        context.epoch_no >= *cursor && context.start_us < *to_us && context.end_us() > *from_us
    };
    let found: Vec<_> = held.iter().filter(overlaps).map(|open| open.bytes().to_vec()).collect();
    let more = found.len() > most;
    (found.into_iter().take(most).collect(), more)
}

/// What is learnt of such a relay.
fn all(held: &[SignedEpochOpen], most: usize) -> Vec<u64> {
    let (mut paging, mut seen) = (Paging::new(query(0, u64::MAX)), Vec::new());
    while let Some(request) = paging.request() {
        let (opens, more) = honest(held, &request, most);
        let page = paging.handle(&opens, more);
        assert!(!page.stuck && page.foreign == 0);
        seen.extend(numbers(&page));
    }
    seen
}

#[test]
fn an_honest_relays_epochs_come_once_each_and_in_order_also_those_that_a_restart_cut_short() {
    // Planned for ten minutes, cut by restarts: the next ones begin, and most end, within the
    // first.
    let plan = [
        (1, 0, 600_000),
        (2, 5, 10_000),
        (3, 6, 10_000),
        (4, 30, 10_000),
        (5, 40, 600_000),
        (6, 700, 10_000),
    ];
    let held: Vec<_> = plan
        .map(|(number, second, dur_ms)| signed(&camera(1), TrackId::MAIN, number, second * 1_000_000, dur_ms))
        .into();
    for most in 1..=held.len() {
        assert_eq!(all(&held, most), [1, 2, 3, 4, 5, 6], "answers of {most}");
    }
}

#[test]
fn epochs_of_two_histories_that_filmed_at_the_same_time_all_come() {
    let block = media::block::Block::of_epoch(EpochNo(0)).next().unwrap().first_epoch().0;
    let of = |first: u64| move |n: u64| signed(&camera(1), TrackId::MAIN, first + n, n * 10_000_000, 10_000);
    let held: Vec<_> = (0..100).map(of(0)).chain((0..100).map(of(block))).collect();
    assert_eq!(all(&held, 64), (0..100).chain(block..block + 100).collect::<Vec<_>>());
}

#[test]
fn many_epochs_of_one_moment_all_come() {
    // Restarted every five seconds, each epoch planned for ten minutes.
    let epoch = |n: u64| signed(&camera(1), TrackId::MAIN, n, n * 5_000_000, 600_000);
    let held: Vec<_> = (0..200).map(epoch).collect();
    assert_eq!(all(&held, 64), (0..200).collect::<Vec<_>>());
}

#[test]
fn nothing_is_asked_about_an_empty_span_nor_behind_its_end() {
    assert_eq!(Paging::new(query(5, 5)).request(), None);
    let mut paging = Paging::new(query(0, 2_000_000));
    assert_eq!(numbers(&paging.handle(&[own(0), own(1)], true)), [0, 1]);
    assert!(paging.request().is_some(), "an epoch that is still to come may begin before the end");
    let mut paging = Paging::new(query(0, 1_000_001));
    paging.handle(&[own(0), own(1)], false);
    assert_eq!(paging.request(), None);
}

/// Asks a relay that answers by a script until it is over; what came of it, and how often it was
/// asked.
fn led(mut answer: impl FnMut(usize) -> (Vec<Vec<u8>>, bool)) -> (Vec<u64>, Page, usize) {
    let (mut paging, mut seen, mut asked) = (Paging::new(query(0, u64::MAX)), Vec::new(), 0);
    loop {
        assert!(paging.request().is_some());
        let (opens, more) = answer(asked);
        asked += 1;
        assert!(asked < 100, "it is led in circles");
        let page = paging.handle(&opens, more);
        seen.extend(numbers(&page));
        if paging.request().is_none() {
            return (seen, page, asked);
        }
    }
}

#[test]
fn a_relay_that_says_more_and_gives_nothing_is_asked_once() {
    let (seen, page, asked) = led(|_| (Vec::new(), true));
    assert!(seen.is_empty() && page.stuck && asked == 1);
}

#[test]
fn a_relay_that_says_the_same_again_is_not_asked_for_ever() {
    let (seen, page, asked) = led(|_| (vec![own(3), own(4)], true));
    assert_eq!((seen, page.stuck, asked), (vec![3, 4], true, 2));
}

#[test]
fn a_relay_that_goes_back_in_time_leads_nowhere() {
    let (seen, page, asked) = led(|at| (vec![own(50 - u64::try_from(at).unwrap())], true));
    assert_eq!((seen, page.stuck, asked), (vec![50], true, 2));
    let (seen, _, _) = led(|_| (vec![own(5), own(4), own(5), own(6)], false));
    assert_eq!(seen, [5, 6], "within an answer too");
}

#[test]
fn what_the_camera_did_not_sign_for_this_track_is_counted_and_leads_nowhere() {
    let mut altered = own(3);
    altered[90] ^= 1;
    let by_another = signed(&camera(2), TrackId::MAIN, 3, 0, 1000).bytes().to_vec();
    let of_another_track = signed(&camera(1), TrackId::SUB, 3, 0, 1000).bytes().to_vec();
    // In the camera's name, by another key.
    let mut open = signed(&camera(1), TrackId::MAIN, 3, 0, 1000).unverified().clone();
    open.context.camera_id = CameraId::of_key(&key());
    let forged = open.sign(&camera(2)).bytes().to_vec();
    let foreign = [b"no EpochOpen".to_vec(), altered, by_another, of_another_track, forged];
    let (seen, page, asked) = led(|_| (foreign.to_vec(), true));
    assert_eq!((seen, page.foreign, page.stuck, asked), (vec![], foreign.len(), true, 1));
    let (seen, page, _) = led(|_| ([&foreign[..], &[own(7)]].concat(), false));
    assert_eq!((seen, page.foreign, page.stuck), (vec![7], foreign.len(), false));
}

#[test]
fn a_genuine_epoch_of_another_time_is_foreign() {
    // Seconds 3 to 5 are asked for.
    let mut paging = Paging::new(query(3_000_000, 5_000_000));
    let page = paging.handle(&[own(1), own(2), own(3), own(4), own(5), own(600)], true);
    assert_eq!((numbers(&page), page.foreign), (vec![3, 4], 4));
    let mut paging = Paging::new(query(3_000_000, 5_000_000));
    let page = paging.handle(&[own(1)], true);
    assert_eq!((numbers(&page), page.foreign, page.stuck, paging.request()), (vec![], 1, true, None));
    // One that only reaches into the span belongs to it.
    let mut paging = Paging::new(query(3_999_999, 4_000_001));
    assert_eq!(numbers(&paging.handle(&[own(3), own(4)], false)), [3, 4]);
}

#[test]
fn every_question_costs_a_lying_relay_an_epoch_that_the_camera_signed() {
    // The worst that real EpochOpens allow: one a question, all of the same moment.
    let held: Vec<_> = (0..40).map(|n| signed(&camera(1), TrackId::MAIN, n, 0, u32::MAX)).collect();
    let (seen, _, asked) =
        led(|at| (held.get(at).map(|open| open.bytes().to_vec()).into_iter().collect(), true));
    assert_eq!((seen.len(), asked), (40, 41));
}
