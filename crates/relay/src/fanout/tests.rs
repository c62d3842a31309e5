use super::*;
use media::id::EpochNo;
use media::time::Micros;

fn header(sequence: u64, start: Start) -> SegmentHeader {
    SegmentHeader {
        camera_id: CameraId([1; 32]),
        track: TrackId(0),
        epoch_no: EpochNo(sequence / 4),
        k: u32::try_from(sequence % 4).unwrap(),
        sequence: Sequence(sequence),
        run: 0,
        start_us: Micros(0),
        start,
    }
}

fn held(live: &Live) -> (u64, usize) {
    let ring = live.ring.lock();
    (ring.first, ring.segments.len())
}

fn begin(live: &Live, sequence: u64, start: Start) -> Growing<'_> {
    live.begin(&header(sequence, start)).unwrap()
}

#[tokio::test]
async fn only_what_is_newer_than_everything_before_is_live() {
    let live = Live::default();
    live.expect(Sequence(8));
    assert!(live.begin(&header(7, Start::KeyFrame)).is_none(), "it is stored already");
    begin(&live, 9, Start::KeyFrame);
    assert!(live.begin(&header(9, Start::KeyFrame)).is_none(), "replayed");
    assert!(live.begin(&header(8, Start::KeyFrame)).is_none(), "backfill");
    let replayed = SegmentHeader { sequence: Sequence(10), ..header(9, Start::KeyFrame) };
    assert!(live.begin(&replayed).is_none(), "replayed under a new sequence");
    begin(&live, 10, Start::KeyFrame);
}

#[tokio::test]
async fn the_ring_keeps_the_newest_key_frame_what_follows_it_and_the_one_before() {
    let live = Live::default();
    for sequence in 0..5 {
        begin(&live, sequence, Start::KeyFrame);
    }
    assert_eq!(held(&live), (3, 2));
    for sequence in 5..8 {
        begin(&live, sequence, Start::Continuation);
    }
    assert_eq!(held(&live), (3, 5));
    assert_eq!(live.start(From::NewestKeyFrame), 4);
    assert_eq!(live.start(From::NextSegment), 8);
    for sequence in 8..100 {
        begin(&live, sequence, Start::Continuation);
    }
    assert_eq!(held(&live).1, RING, "bounded, whatever the camera does");
    assert_eq!(live.start(From::NewestKeyFrame), 100, "no key frame is left: the next segment");
}

#[tokio::test(start_paused = true)]
async fn a_viewer_is_behind_once_a_newer_key_frame_has_waited() {
    let live = Live::default();
    begin(&live, 0, Start::KeyFrame);
    begin(&live, 1, Start::Continuation);
    let before = Instant::now();
    let later = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        begin(&live, 2, Start::KeyFrame);
    };
    let (newest, ()) = tokio::join!(live.overtaken(0), later);
    assert_eq!(newest, 2, "a continuation is nothing to jump to");
    assert_eq!(before.elapsed(), Duration::from_secs(5) + GRACE);
}

#[tokio::test]
async fn a_cursor_that_the_ring_has_left_behind_goes_on_at_the_newest_key_frame() {
    let live = Live::default();
    for sequence in 0..9 {
        begin(&live, sequence, Start::KeyFrame);
    }
    assert_eq!(live.at(2).await.0, 8);
    assert_eq!(live.at(7).await.0, 7);
}

#[tokio::test]
async fn a_viewer_that_waits_while_the_camera_is_away_goes_on_with_its_next_segment() {
    let fanout = Fanout::default();
    let live = fanout.track(CameraId([1; 32]), TrackId(0));
    begin(&live, 0, Start::KeyFrame);
    begin(&live, 1, Start::KeyFrame);
    let waiting = live.start(From::NextSegment);
    fanout.clear(CameraId([1; 32]));
    assert_eq!(live.start(From::NewestKeyFrame), waiting, "what it sent last is no longer live");
    begin(&live, 2, Start::KeyFrame);
    assert_eq!(live.at(waiting).await.0, waiting);
}

#[tokio::test]
async fn seats_are_counted_and_given_back() {
    let live = Live::default();
    let first = live.seat(1).unwrap();
    assert!(live.seat(1).is_none());
    drop(first);
    assert!(live.seat(1).is_some());
    assert_eq!(live.viewers(), 0);
}

#[tokio::test]
async fn what_is_dropped_before_its_end_is_broken() {
    let live = Live::default();
    let growing = begin(&live, 0, Start::KeyFrame);
    let segment = live.at(0).await.1;
    growing.append(Bytes::from_static(b"x"));
    assert_eq!(segment.after(0), (vec![Bytes::from_static(b"x")], None));
    drop(growing);
    assert_eq!(segment.after(1), (Vec::new(), Some(End::Broken)));
    let growing = begin(&live, 1, Start::KeyFrame);
    let segment = live.at(1).await.1;
    growing.finish();
    assert_eq!(segment.after(0), (Vec::new(), Some(End::Whole)));
}

#[tokio::test]
async fn what_is_live_of_a_camera_is_bounded_in_bytes_whatever_its_tracks_and_segments() {
    const SEGMENT: usize = media::limits::SEGMENT;
    let fanout = Fanout::default();
    let tracks: Vec<Arc<Live>> =
        (0..4).map(|track| fanout.track(CameraId([1; 32]), TrackId(track))).collect();
    let other = fanout.track(CameraId([2; 32]), TrackId(0));
    let bytes = Bytes::from(vec![0; SEGMENT]);
    let all = || -> usize {
        let rings = tracks.iter().map(|live| live.ring.lock());
        let held = |ring: &Ring| ring.segments.iter().map(|it| it.body.borrow().len).sum::<usize>();
        rings.map(|ring| held(&ring)).sum()
    };
    begin(&other, 0, Start::KeyFrame).append(bytes.clone());
    for sequence in 0..8 {
        let start = if sequence == 0 { Start::KeyFrame } else { Start::Continuation };
        for live in &tracks {
            let growing = begin(live, sequence, start);
            growing.append(bytes.clone());
            assert_eq!(
                live.at(live.start(From::NextSegment) - 1).await.1.body.borrow().len,
                SEGMENT,
                "it grows"
            );
            assert!(all() <= CAMERA + SEGMENT, "{} while one grows", all());
            growing.finish();
            assert!(all() <= CAMERA, "{}", all());
        }
    }
    assert!(all() > CAMERA - SEGMENT, "no more goes than must: {}", all());
    assert_eq!(held(&other), (0, 1), "another camera's is its own");
    // A viewer goes on with what comes.
    let place = tracks[0].start(From::NextSegment);
    let growing = begin(&tracks[0], 8, Start::KeyFrame);
    assert_eq!(tracks[0].at(0).await.0, place, "the newest key frame");
    growing.finish();
    fanout.clear(CameraId([1; 32]));
    assert_eq!((all(), tracks[0].of_camera.load(Ordering::Relaxed)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_viewer_is_behind_too_once_what_it_is_sent_has_left_for_want_of_room() {
    let fanout = Fanout::default();
    let live = fanout.track(CameraId([1; 32]), TrackId(0));
    begin(&live, 0, Start::KeyFrame);
    let before = Instant::now();
    let later = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        for sequence in 1..=RING as u64 {
            begin(&live, sequence, Start::Continuation);
        }
    };
    let (next, ()) = tokio::join!(live.overtaken(0), later);
    assert_eq!((next, before.elapsed()), (RING as u64 + 1, Duration::from_secs(5) + GRACE));
    // What is cleared because the camera left may be sent to its end.
    begin(&live, 50, Start::KeyFrame);
    fanout.clear(CameraId([1; 32]));
    assert!(tokio::time::timeout(Duration::from_secs(60), live.overtaken(next)).await.is_err());
}
