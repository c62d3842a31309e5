//! A camera whose clock is off. It is not refused, since a camera that was right about everything
//! else would lose footage; it is marked: the owner is shown the difference, and the relay keeps
//! the time at which it received each segment. What a wrong clock does not do: replace the notice
//! of a day, or bring an epoch of another day past a trustee.
//!
//! The cameras here are the cast's own, by their keys, with books kept by the test: their next
//! epochs and segments, at the wrong time.

use candor::cast::Cast;
use ed25519_dalek::SigningKey;
use escrow::daykeys::{DayKey, PublishedDayKey};
use escrow::deal::{self, Dealt, TrusteeId, deal};
use host::http::{Fetch, FetchLimits};
use host::rng::Rng;
use media::chain::{Chain, FragmentsHash};
use media::epoch::{EpochContext, EpochOpen};
use media::id::{CameraId, Day, EpochNo, Sequence, TrackId};
use media::message::{Control, RefusalCode, Request, Response};
use media::notice::HeldNotice;
use media::pair::HeldPolicy;
use media::policy::{OwnerPolicy, SignedOwnerPolicy};
use media::segment::{SegmentHeader, SegmentQuery, Start, Trailer, chain_after, frame};
use media::time::Micros;
use quic::{ControlReceiver, Endpoint, Identity, Link};
use requester::collect::{Answer, CollectError};
use requester::request::{Kind, RequestError};
use seal::epoch::{EpochSeed, Pool};
use seal::notice::NoticeKey;
use tlog::note::Verifier;
use world::session::Session;
use world::{Filmed, PATIENCE, Stage, until};

const TRACK: TrackId = TrackId(0);
const SECOND_US: u64 = 1_000_000;
const HOUR_US: u64 = 3600 * SECOND_US;
const DAY_US: u64 = 24 * HOUR_US;
/// Beyond whatever the camera filmed before.
const NEXT: u64 = 1_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn segments_hours_ahead_or_behind_are_marked_for_the_owner_and_bear_the_relays_time() {
    let mut stage = Stage::set(1).await;
    stage.stored_until(stage.cast.video.filming_since_us + 2 * SECOND_US).await;
    let [honest] = &owner::status::status(&stage.cast.people.owner).await.unwrap()[..] else {
        panic!("one camera")
    };
    assert!(!honest.clock_is_off, "{honest:?}");

    let mut camera = Books::take_over(&mut stage.cast, 0).await;
    let now_us = host::clock::now_us();
    for (at, off_us) in [(0, 3 * HOUR_US.cast_signed()), (1, -3 * HOUR_US.cast_signed())] {
        let start_us = now_us.saturating_add_signed(off_us);
        let open = camera.epoch(EpochNo(NEXT + at), start_us, &[]);
        assert_eq!(camera.call(&Request::PutEpochOpen(camera.signed(&open))).await, Response::Ok);
        camera.send(&open, Sequence(NEXT + at)).await;
        until("the difference is shown", async || {
            let [shown] = &owner::status::status(&stage.cast.people.owner).await.unwrap()[..] else {
                panic!("one camera")
            };
            // The relay's clock minus the camera's.
            let expected_ms = -off_us / 1000;
            shown.clock_is_off && shown.clock_offset_ms.abs_diff(expected_ms) < 120_000
        })
        .await;
        // Whoever fetches it sees when it came.
        let received_us = received_us(&stage, camera.id, start_us).await;
        assert!(received_us.abs_diff(host::clock::now_us()) < 120 * SECOND_US);
        assert!(received_us.abs_diff(start_us) > 2 * HOUR_US);
    }
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_clock_replaces_no_days_notice_and_brings_no_epoch_of_another_day_past_a_trustee() {
    let mut stage = Stage::set(1).await;
    stage.stored_until(stage.cast.video.filming_since_us + 2 * SECOND_US).await;
    let mut camera = Books::take_over(&mut stage.cast, 0).await;
    let today = Micros(host::clock::now_us()).day();

    // The notice of a day stands: a clock that is set back makes no second one.
    let again = camera.notice(today, [7; 32], &[]);
    match camera.call(&Request::PutDayNotice(again)).await {
        Response::Refused(refusal) => assert_eq!(refusal.code, RefusalCode::SequenceTaken),
        other => panic!("{other:?}"),
    }

    // By the camera's clock it is another day, and the trustees' keys that it has are today's.
    let keys = keys_of(&stage.cast, &camera.policy, today).await;
    let requester = &stage.cast.people.requester;
    for (at, day, step, name) in
        [(0, Day(today.0 + 1), "g7", "footage-from-future"), (1, Day(today.0 - 1), "g9", "day-key-unknown")]
    {
        let start_us = u64::from(day.0) * DAY_US + 12 * HOUR_US;
        let open = camera.epoch(EpochNo(NEXT + at), start_us, &keys);
        assert_eq!(camera.call(&Request::PutEpochOpen(camera.signed(&open))).await, Response::Ok);
        camera.send(&open, Sequence(NEXT + at)).await;
        let filmed = Filmed { from_us: start_us, to_us: open.context.end_us().0 };
        let ask = stage.ask(0, Kind::Legal, filmed);
        // Without that day's notice nothing can be asked of it.
        let folder = stage.request_folder(&format!("without-a-notice-{at}"));
        match requester::request::new(requester, &ask, &folder).await {
            Err(RequestError::Objects(error)) => {
                assert!(error.to_string().contains(&format!("no notice key of day {}", day.0)), "{error}");
            }
            other => panic!("{other:?}"),
        }
        // With it, every trustee refuses, by the name of what is wrong.
        let mut holders = keys.clone();
        if day > today {
            holders.extend(keys_of(&stage.cast, &camera.policy, day).await);
        }
        let notice = camera.notice(day, NOTICE, &holders);
        assert_eq!(camera.call(&Request::PutDayNotice(notice)).await, Response::Ok);
        let folder = stage.drafted(&format!("with-a-notice-{at}"), &ask).await;
        requester::request::submit(requester, &folder).await.unwrap();
        match requester::collect::collect(requester, &folder, PATIENCE, &mut |_| {}).await {
            Err(CollectError::Refused(why)) => assert!(why.contains(name), "{why}"),
            other => panic!("{other:?}"),
        }
        let answers = requester::collect::ask_once(requester, &folder).await.unwrap();
        assert_eq!(answers.len(), 5);
        for (trustee, answer) in &answers {
            assert!(
                matches!(answer, Answer::Refused(no) if (no.step.as_str(), no.name.as_str()) == (step, name)),
                "{trustee}: {answer:?}"
            );
        }
    }
    stage.strike().await;
}

/// The notice key of a day that the camera made up.
const NOTICE: [u8; 32] = [9; 32];

/// A camera of the cast, by its key, after its own program has stopped.
struct Books {
    key: SigningKey,
    id: CameraId,
    policy_hash: [u8; 32],
    policy: OwnerPolicy,
    link: Link,
    control: ControlReceiver,
    _endpoint: Endpoint,
}

impl Books {
    async fn take_over(cast: &mut Cast, at: usize) -> Self {
        let camera = &mut cast.video.cameras[at];
        camera.part.stop().await.unwrap();
        let seed = host::secret::read(&camera.part.config.data.join("identity.secret"), "camera").unwrap();
        let seed: [u8; 32] = seed[..].try_into().unwrap();
        let endpoint = Endpoint::client(&Identity::from_seed(&seed)).unwrap();
        let relay = cast.video.relay.at().unwrap();
        let (link, mut control) = endpoint.connect(&relay.quic.to_string(), &relay.key.0).await.unwrap();
        link.control_send(&Control::Publish { camera_id: camera.id, track: TRACK }).unwrap();
        assert!(matches!(control.next().await.unwrap(), Some(Control::PublishOk { .. })));
        let newest = Request::GetPolicy { camera_id: camera.id, hash: [0; 32] };
        let Response::Policy(HeldPolicy { bundle, .. }) = link.call(&newest).await.unwrap() else {
            panic!("no policy")
        };
        let policy = SignedOwnerPolicy::decode(&bundle.policy).unwrap();
        Self {
            key: SigningKey::from_bytes(&seed),
            id: camera.id,
            policy_hash: policy.hash(),
            policy: policy.unverified().clone(),
            link,
            control,
            _endpoint: endpoint,
        }
    }

    async fn call(&self, request: &Request) -> Response {
        self.link.call(request).await.unwrap()
    }

    /// An epoch that starts at this time, dealt to these keys.
    fn epoch(&self, epoch_no: EpochNo, start_us: u64, keys: &[Option<(TrusteeId, DayKey)>]) -> EpochOpen {
        let context = EpochContext {
            camera_id: self.id,
            track: TRACK,
            epoch_no,
            start_us: Micros(start_us),
            dur_ms: u32::from(self.policy.epoch_len_s) * 1000,
            policy_hash: self.policy_hash,
            notice_commit: NoticeKey::new(NOTICE).commit(),
            t: if keys.is_empty() { 0 } else { self.policy.t },
            n: u8::try_from(keys.len()).unwrap(),
        };
        let ctx = context.hash();
        let seed: EpochSeed = Pool::new(host::rng::bytes()).next_seed(&host::rng::bytes(), &ctx);
        let Dealt { share_commits, shares } = deal(&seed, &ctx, context.t, keys, &mut Rng::system()).unwrap();
        let key_commit = seed.key_commit(&ctx);
        EpochOpen { key_commit, share_commits, shares, ..stage::bare::open(context) }
    }

    /// The notice of a day, sealed to these keys as if all of them were that day's.
    fn notice(&self, day: Day, key: [u8; 32], keys: &[Option<(TrusteeId, DayKey)>]) -> HeldNotice {
        let as_of_day = |(trustee, key): &(TrusteeId, DayKey)| (*trustee, DayKey { day, ..key.clone() });
        let holders: Vec<_> = keys.iter().flatten().map(as_of_day).collect();
        let notice = deal::notice(&NoticeKey::new(key), self.id, day, None, &holders, &mut Rng::system());
        HeldNotice { notice_key: key, notice: notice.sign(&self.key) }
    }

    fn signed(&self, open: &EpochOpen) -> Vec<u8> {
        open.clone().sign(&self.key).bytes().to_vec()
    }

    /// Sends the first segment of the epoch, and hears that it is stored.
    async fn send(&mut self, open: &EpochOpen, sequence: Sequence) {
        let header = SegmentHeader {
            camera_id: self.id,
            track: TRACK,
            epoch_no: open.context.epoch_no,
            k: 0,
            sequence,
            run: 1000,
            start_us: open.context.start_us,
            start: Start::KeyFrame,
        };
        let sealed = [1; 64];
        let mut fragments = FragmentsHash::default();
        fragments.update(0, &sealed);
        let before = Chain::start(&open.context.hash(), &open.prev_close_hash());
        let chain = chain_after(&before, &header, fragments);
        let trailer = Trailer::sign(&self.key, &header.hash(), 1, 1_000_000, chain);
        let bytes = [&header.encode()[..], &frame(0, &sealed), &trailer.encode()].concat();
        let mut stream = self.link.open_segment(0).await.unwrap();
        stream.write(&bytes).await.unwrap();
        stream.finish().unwrap();
        let heard = loop {
            let heard = tokio::time::timeout(PATIENCE, self.control.next()).await.unwrap().unwrap();
            if !matches!(heard, Some(Control::Receipt(_))) {
                break heard;
            }
        };
        assert_eq!(heard, Some(Control::Ack { track: TRACK, sequence }));
    }
}

/// The day keys that the trustees of the policy published for a day.
async fn keys_of(cast: &Cast, policy: &OwnerPolicy, day: Day) -> Vec<Option<(TrusteeId, DayKey)>> {
    let fetch = Fetch::new(FetchLimits::default());
    let mut keys = Vec::new();
    for (entry, part) in policy.trustees.iter().zip(&cast.video.trustees) {
        let vkey = Verifier::parse(&entry.vkey).unwrap();
        let url = format!("http://{}/day-keys/{}", part.config.listen, day.0);
        let reply = fetch.get(&url).await.unwrap();
        let published: PublishedDayKey = media::codec::decode(escrow::daykeys::TYPE, &reply.body).unwrap();
        let key = DayKey::decode_verified(&published.note, &vkey, day).unwrap();
        keys.push(Some((TrusteeId::of(&vkey), key)));
    }
    keys
}

/// When the relay says it received the camera's segment of this moment, asked as the owner may.
async fn received_us(stage: &Stage, camera_id: CameraId, at_us: u64) -> u64 {
    let session = Session::of_device(stage).await;
    let query = SegmentQuery {
        camera_id,
        track: TRACK,
        from_us: Micros(at_us),
        to_us: Micros(at_us + 1),
        cursor: Sequence(NEXT),
    };
    let mut segments = session.link.fetch_segments(&query).await.unwrap();
    let (received_us, bytes) = segments.next().await.unwrap().unwrap();
    let header = SegmentHeader::decode(&bytes[..media::segment::HEADER_LEN]).unwrap();
    assert_eq!(header.start_us, Micros(at_us));
    received_us.0
}
