//! Who may: a stranger nothing, a device what its policy says, a stolen identity no more than
//! itself.

use crate::settings::settings;
use crate::world::{
    CAMERA, Camera, DEVICE, GUEST, OWNER, SPONSOR, STRANGER, TRACK, World, bundle, fetch, soon,
};
use media::id::{CameraId, Day, EpochNo, Sequence, TrackId};
use media::message::{Control, From, LoggedLeaf, RefusalCode, ReleasedQuery, Request, Response, Side};
use media::notice::HeldNotice;
use media::pair::HeldPolicy;
use media::policy::Role;
use media::segment::HeadQuery;
use media::time::Micros;
use quic::CallError;
use stage::keys::key;

fn every_call(camera: &Camera) -> Vec<Request> {
    let (camera_id, track) = (camera.id(), TRACK);
    let (enrollment, policy) = camera.enrollment(1, [0; 32], &[(STRANGER, Role::Admin)]);
    vec![
        Request::FetchEpochs { camera_id, track, from_us: Micros(0), to_us: Micros::MAX, cursor: EpochNo(0) },
        Request::PutEpochOpen(Camera::new(STRANGER).next_epoch()),
        Request::PutDayNotice(HeldNotice { notice_key: [1; 32], notice: vec![1; 50] }),
        Request::GetLabel { camera_id, day: Day(1), draft: [1; 32] },
        Request::GetDayNotice { camera_id, day: Day(1) },
        Request::PutSettings(settings(camera_id, 1).sign(&key(STRANGER))),
        Request::GetSettings { camera_id },
        Request::PutPolicy(HeldPolicy { enrollment, bundle: bundle(&policy) }),
        Request::GetPolicy { camera_id, hash: [0; 32] },
        Request::GetDayKeys(Day(1)),
        Request::MailboxOpen { mailbox: [1; 32], ttl_s: 60 },
        Request::SponsorLeaf("candor policy v1\nsponsor relay.example\n".to_owned()),
        Request::FetchHeads(HeadQuery { segments: fetch(camera_id, 0), pictures: true }),
        Request::FetchReleased(released(camera_id)),
    ]
}

fn released(camera_id: CameraId) -> ReleasedQuery {
    let (request, cursor) = (LoggedLeaf { leaf: Vec::new(), proof: Vec::new() }, Sequence(0));
    let (first, last) = (EpochNo(0), EpochNo(0));
    ReleasedQuery {
        camera_id,
        track: TRACK,
        draft: [0; 32],
        first,
        last,
        cursor,
        request,
        grants: Vec::new(),
    }
}

#[tokio::test]
async fn a_stranger_can_do_nothing() {
    let world = World::new().await;
    let (mut camera, mut end) = world.camera().await;
    end.stored(&camera.film(&[b"x"])).await;
    let mut stranger = world.connect(STRANGER).await;
    for request in every_call(&camera) {
        assert_eq!(stranger.refused(&request).await, RefusalCode::NotAllowed, "{request:?}");
    }
    let refused = soon(stranger.link.fetch_segments(&fetch(camera.id(), 0))).await.unwrap_err();
    assert!(matches!(refused, CallError::Refused(r) if r.code == RefusalCode::NotAllowed));
    assert_eq!(stranger.call(&Request::ListCameras).await, Response::Cameras(Vec::new()));
    let no_such = Request::MailboxTake { mailbox: [1; 32], side: Side::Owner };
    assert_eq!(stranger.refused(&no_such).await, RefusalCode::InviteSpent);
    let refusals = [
        (stranger.subscribe(camera.id(), From::NextSegment).await, RefusalCode::NotAllowed),
        (stranger.publish(camera.id()).await, RefusalCode::WrongCamera),
        (stranger.publish(Camera::new(STRANGER).id()).await, RefusalCode::NotAllowed),
    ];
    for (said, code) in refusals {
        assert!(matches!(&said, Control::Refuse(refusal) if refusal.code == code), "{said:?}");
    }
    stranger.send(&camera.film(&[b"y"]).bytes).await;
    assert!(matches!(stranger.hear().await, Control::Refuse(r) if r.code == RefusalCode::NotAllowed));
}

#[tokio::test]
async fn a_stolen_device_or_camera_key_opens_nothing_of_another_camera() {
    let world = World::new().await;
    let (mut camera, mut end) = world.camera().await;
    end.stored(&camera.film(&[b"x"])).await;
    let other = Camera::new(CAMERA + 1);
    world.enroll(&other, &[(GUEST, Role::Guest)]).await;
    // The second camera's key speaks for the second camera alone; the first one's device is nobody
    // there.
    let mut thief = world.connect(CAMERA + 1).await;
    assert!(
        matches!(thief.publish(camera.id()).await, Control::Refuse(r) if r.code == RefusalCode::WrongCamera)
    );
    assert!(thief.link.fetch_segments(&fetch(camera.id(), 0)).await.is_err());
    let mut device = world.connect(DEVICE).await;
    let said = device.subscribe(other.id(), From::NextSegment).await;
    assert!(matches!(said, Control::Refuse(r) if r.code == RefusalCode::NotAllowed));
    let Response::Cameras(cameras) = device.call(&Request::ListCameras).await else { panic!() };
    assert_eq!(cameras.iter().map(|c| c.camera_id).collect::<Vec<_>>(), [camera.id()]);
    // The camera's own key reads its policy, and watches nothing.
    let policy = Request::GetPolicy { camera_id: camera.id(), hash: [0; 32] };
    assert!(matches!(end.call(&policy).await, Response::Policy(HeldPolicy { .. })));
    assert!(end.link.fetch_segments(&fetch(camera.id(), 0)).await.is_err());
}

#[tokio::test]
async fn a_sponsor_fetches_no_ciphertext_without_a_leaf_and_sees_nothing_live() {
    let world = World::new().await;
    let (mut camera, mut end) = world.camera().await;
    end.stored(&camera.film(&[b"x"])).await;
    let mut sponsor = world.connect(SPONSOR).await;
    let refused = soon(sponsor.link.fetch_segments(&fetch(camera.id(), 0))).await.unwrap_err();
    assert!(matches!(refused, CallError::Refused(r) if r.code == RefusalCode::NotAllowed));
    let said = sponsor.subscribe(camera.id(), From::NewestKeyFrame).await;
    assert!(matches!(said, Control::Refuse(r) if r.code == RefusalCode::NotAllowed));
    let policy = Request::GetPolicy { camera_id: camera.id(), hash: camera.policy_hash };
    assert!(matches!(sponsor.call(&policy).await, Response::Policy(HeldPolicy { .. })));
    let open = Request::MailboxOpen { mailbox: [1; 32], ttl_s: 60 };
    assert_eq!(sponsor.refused(&open).await, RefusalCode::NotAllowed);
}

#[tokio::test]
async fn a_sponsor_hoards_no_epoch_opens() {
    let world = World::with(|config| config.limits.opens_at_once = 3).await;
    let (camera, _end) = world.camera().await;
    let (camera_id, to_us) = (camera.id(), Micros::MAX);
    let ask = Request::FetchEpochs { camera_id, track: TRACK, from_us: Micros(0), to_us, cursor: EpochNo(0) };
    let sponsor = world.connect(SPONSOR).await;
    for _ in 0..3 {
        assert!(matches!(sponsor.call(&ask).await, Response::Epochs { .. }));
    }
    assert_eq!(sponsor.refused(&ask).await, RefusalCode::Quota);
    // Another connection is the same sponsor; a device is not one.
    assert_eq!(world.connect(SPONSOR).await.refused(&ask).await, RefusalCode::Quota);
    let device = world.connect(DEVICE).await;
    for _ in 0..5 {
        assert!(matches!(device.call(&ask).await, Response::Epochs { .. }));
    }
}

#[tokio::test]
async fn a_key_that_reads_slowly_keeps_nobody_else_from_fetching() {
    let world = World::with(|config| config.limits.fetches = 8).await;
    let (mut camera, mut end) = world.camera().await;
    // More than may wait unread in one stream.
    let large = camera.film_bytes(2 * quic::limits::STREAM_WINDOW as usize);
    end.stored(&large).await;
    let ask = fetch(camera.id(), 0);
    let (one, other) = (world.connect(DEVICE).await, world.connect(DEVICE).await);
    let mut unread = Vec::new();
    for end in [&one, &other] {
        unread.push(soon(end.link.fetch_segments(&ask)).await.unwrap());
    }
    for end in [&one, &other] {
        let refused = soon(end.link.fetch_segments(&ask)).await.unwrap_err();
        assert!(matches!(refused, CallError::Refused(r) if r.code == RefusalCode::Quota));
    }
    let guest = world.connect(GUEST).await;
    assert_eq!(guest.fetch(camera.id(), 0).await.len(), 1);
    // Whoever has read has its seat back.
    while soon(unread[0].next()).await.unwrap().is_some() {}
    assert_eq!(one.fetch(camera.id(), 0).await.len(), 1);
}

#[tokio::test]
async fn policies_grow_by_one_and_only_their_owner_puts_them() {
    let world = World::with(|config| config.owners.push(relay::Key(crate::world::public(9)))).await;
    let (camera, _end) = world.camera().await;
    let owner = world.connect(OWNER).await;
    let put = |version, prev, seed| {
        let (enrollment, policy) = camera.enrollment_by(seed, version, prev, &[(DEVICE, Role::Admin)]);
        Request::PutPolicy(HeldPolicy { enrollment, bundle: bundle(&policy) })
    };
    assert_eq!(owner.refused(&put(3, camera.policy_hash, OWNER)).await, RefusalCode::StalePolicy);
    assert_eq!(owner.refused(&put(2, [4; 32], OWNER)).await, RefusalCode::StalePolicy);
    assert_eq!(owner.refused(&put(1, [0; 32], OWNER)).await, RefusalCode::StalePolicy, "another version 1");
    let mut forged = put(2, camera.policy_hash, OWNER);
    if let Request::PutPolicy(HeldPolicy { bundle, .. }) = &mut forged {
        *bundle.policy.last_mut().unwrap() ^= 1;
    }
    assert_eq!(owner.refused(&forged).await, RefusalCode::BadSignature);
    assert_eq!(owner.refused(&put(2, camera.policy_hash, 9)).await, RefusalCode::NotAllowed);
    // Another owner known here, with the camera's consent to it: the camera has its owner already.
    let rival = world.connect(9).await;
    assert_eq!(rival.refused(&put(1, [0; 32], 9)).await, RefusalCode::NotAllowed);
    assert_eq!(owner.call(&put(2, camera.policy_hash, OWNER)).await, Response::Ok);
    assert_eq!(owner.call(&put(2, camera.policy_hash, OWNER)).await, Response::Ok, "the same again");
}

#[tokio::test]
async fn a_relay_takes_no_more_tracks_of_a_camera_than_an_answer_can_name() {
    let most = u32::try_from(media::limits::TRACKS_PER_CAMERA).unwrap();
    let world = World::with(|config| config.limits.tracks_per_camera = most).await;
    let mut config = world.config.clone();
    config.limits.tracks_per_camera = most + 1;
    let error = relay::start(config, host::shutdown::Shutdown::new()).await.unwrap_err();
    assert!(error.to_string().contains(&format!("tracks_per_camera over {most}")), "{error}");
}

#[tokio::test]
async fn quotas_are_refusals_by_name() {
    let world = World::with(|config| {
        config.limits.cameras_per_owner = 1;
        config.limits.tracks_per_camera = 1;
        config.limits.subscriptions = 1;
        config.limits.viewers_per_track = 1;
        config.limits.strangers = 1;
    })
    .await;
    let (camera, mut end) = world.camera().await;
    let quota = |said: Control| {
        assert!(matches!(&said, Control::Refuse(r) if r.code == RefusalCode::Quota), "{said:?}")
    };
    let (enrollment, policy) = Camera::new(CAMERA + 1).enrollment(1, [0; 32], &[]);
    let put = Request::PutPolicy(HeldPolicy { enrollment, bundle: bundle(&policy) });
    assert_eq!(world.connect(OWNER).await.refused(&put).await, RefusalCode::Quota);
    end.link.control_send(&Control::Publish { camera_id: camera.id(), track: TrackId(1) }).unwrap();
    quota(end.hear().await);
    let (mut one, mut two) = (world.connect(DEVICE).await, world.connect(GUEST).await);
    assert!(matches!(one.subscribe(camera.id(), From::NextSegment).await, Control::SubscribeOk { .. }));
    quota(two.subscribe(camera.id(), From::NextSegment).await);
    let _first = world.connect(STRANGER).await;
    // Whether the second learns it before or after its Welcome is a matter of time.
    let endpoint = quic::Endpoint::client(&quic::Identity::from_seed(&[STRANGER + 1; 32])).unwrap();
    let ended = match soon(endpoint.connect(&world.at().quic.to_string(), &world.at().key.0)).await {
        Ok((link, _control)) => soon(link.closed()).await,
        Err(error) => error,
    };
    assert!(matches!(ended, quic::LinkError::Refused(r) if r.code == RefusalCode::Quota));
}
