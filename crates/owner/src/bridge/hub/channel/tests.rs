use super::*;

impl Shown {
    fn run_begins(&mut self) {
        self.give_up();
        self.run = Some(Arc::new(Run { number: self.next, init: Bytes::from_static(b"init") }));
    }

    /// One whole segment of one part.
    fn film(&mut self, sequence: u64, bytes: usize) {
        self.begin(sequence);
        self.part(Begins::WithKeyFrame, vec![7; bytes].into());
        self.whole(Duration::from_secs(1));
    }
}

fn channel() -> (Channel, Place) {
    let channel = Channel::new(Micros(1_000 * STEP_US));
    channel.shown.lock().run_begins();
    channel.shown.lock().film(0, 10);
    (channel, Place { number: 1_000, part: 0, run: 1_000 })
}

#[tokio::test]
async fn a_reader_gets_every_part_in_order_and_one_that_falls_behind_is_out() {
    let (channel, mut place) = channel();
    let (_, newest) = channel.newest().await.unwrap();
    assert_eq!((newest.number, newest.run), (1_000, 1_000));
    assert_eq!(channel.next(&mut place).await, Next::Piece(vec![7; 10].into()));
    // It grows while it is read.
    channel.shown.lock().begin(1);
    assert!(channel.shown.lock().next(&mut place).is_none());
    channel.shown.lock().part(Begins::WithKeyFrame, Bytes::from_static(b"a"));
    channel.shown.lock().part(Begins::Within, Bytes::from_static(b"b"));
    assert_eq!(channel.next(&mut place).await, Next::Piece(Bytes::from_static(b"a")));
    let mut slow = place.clone();
    assert_eq!(channel.next(&mut place).await, Next::Piece(Bytes::from_static(b"b")));
    channel.shown.lock().whole(Duration::from_secs(1));
    for sequence in 2..30 {
        channel.shown.lock().film(sequence, 10);
        assert_eq!(
            channel.next(&mut place).await,
            Next::Piece(vec![7; 10].into()),
            "who keeps up misses nothing"
        );
    }
    assert_eq!(channel.next(&mut slow).await, Next::Behind);
    assert_eq!(channel.shown.lock().segments.len(), MOST_SEGMENTS);
}

#[tokio::test]
async fn what_was_filmed_long_ago_is_not_shown_as_live() {
    let channel = Arc::new(channel().0);
    let mut publisher = Publisher::new(channel.clone());
    let outputs = |sequence, latency: Duration| {
        let latency_us = u64::try_from(latency.as_micros()).unwrap();
        let segment = Event::Segment { epoch: 1, sequence, start_us: 7 };
        let fragment = Event::Fragment { captured_us: 7, latency_us };
        [segment, fragment].map(Output::Event).to_vec()
    };
    publisher.take(outputs(1, OLD)).await.unwrap();
    assert_eq!(channel.shown.lock().segments.len(), 2);
    let night = publisher.take(outputs(2, Duration::from_secs(8 * 3600))).await.unwrap_err();
    assert!(matches!(night, WatchError::Old(28_800)), "{night}");
    assert_eq!(channel.shown.lock().segments.len(), 2, "nothing of it is shown");
}

#[tokio::test]
async fn what_is_kept_is_bounded_by_bytes_also() {
    let (channel, _) = channel();
    for sequence in 1..20 {
        channel.shown.lock().film(sequence, 20 << 20);
        let shown = channel.shown.lock();
        assert!(shown.bytes <= MOST_BYTES + 10, "{}", shown.bytes);
        let held: usize = shown.segments.iter().flat_map(|it| &it.parts).map(Bytes::len).sum();
        assert_eq!(shown.bytes, held);
    }
}

#[tokio::test]
async fn another_run_ends_a_film_and_is_a_break_of_a_playlist_as_a_gap_is() {
    let (channel, mut place) = channel();
    channel.next(&mut place).await;
    channel.shown.lock().film(1, 10);
    channel.shown.lock().joins = false;
    channel.shown.lock().film(3, 10);
    // Cut off: it never stands in a playlist, and what follows does not join it.
    channel.shown.lock().begin(4);
    channel.shown.lock().part(Begins::WithKeyFrame, Bytes::from_static(b"cut"));
    channel.shown.lock().film(5, 10);
    channel.shown.lock().run_begins();
    channel.shown.lock().film(6, 10);
    let (whole, longest, breaks) = channel.whole().await.unwrap();
    let told: Vec<_> = whole.iter().map(|it| (it.sequence, it.joins)).collect();
    assert_eq!(told, [(0, false), (1, true), (3, false), (5, false), (6, false)]);
    assert_eq!((longest, breaks), (Duration::from_secs(1), 0));
    let mut pieces = 0;
    loop {
        match channel.next(&mut place).await {
            Next::Piece(_) => pieces += 1,
            Next::End => break,
            Next::Behind => panic!("nothing is gone yet"),
        }
    }
    assert_eq!(pieces, 4, "1, 3, what came of 4, and 5");
    for sequence in 7..7 + MOST_SEGMENTS as u64 {
        channel.shown.lock().film(sequence, 10);
    }
    assert_eq!(channel.whole().await.unwrap().2, 4, "breaks that are gone are counted");
}

#[tokio::test]
async fn the_rest_of_a_segment_that_comes_on_another_session_continues_it() {
    let (channel, mut place) = channel();
    channel.shown.lock().begin(1);
    channel.shown.lock().part(Begins::WithKeyFrame, Bytes::from_static(b"a"));
    channel.shown.lock().begin(1);
    channel.shown.lock().part(Begins::Within, Bytes::from_static(b"b"));
    channel.shown.lock().whole(Duration::from_secs(1));
    let (whole, ..) = channel.whole().await.unwrap();
    assert_eq!(whole.last().unwrap().parts.concat(), b"ab");
    assert!(whole.last().unwrap().joins);
    for piece in [&[7; 10][..], b"a", b"b"] {
        assert_eq!(channel.next(&mut place).await, Next::Piece(piece.to_vec().into()));
    }
    channel.end(Some("the relay is away".to_owned()));
    assert_eq!(channel.next(&mut place).await, Next::End);
    let empty = Channel::new(Micros(0));
    empty.end(Some("the relay is away".to_owned()));
    assert_eq!(empty.newest().await.unwrap_err(), Some("the relay is away".to_owned()));
}
