//! A leaf sponsored for an owner, in a real log with real witnesses; and day keys mirrored over
//! real HTTP.

use crate::world::{CAMERA, OWNER, World};
use host::http::{ServeLimits, bind, serve};
use host::shutdown::Shutdown;
use media::id::Day;
use media::message::{Control, LoggedLeaf, NamedObject, RefusalCode, Request, Response};
use media::time::Micros;
use stage::log::Log;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tlog::Logged;
use tlog::note::{UnverifiedNote, Verifier};
use tlog::proof::TlogProof;

const LEAF: &str =
    "candor policy v1\nid q83vEjRWeJCrze8SNFZ4kA==\nsponsor relay.example\nlabel 9Yk2\ncommitment 4bT0\n";

#[tokio::test]
async fn an_owners_leaf_is_signed_by_the_relay_and_proven_and_others_are_not_sponsored() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Log::init(stage::log::config(dir.path(), [])).await;
    // The log's port must be known to the relay before the relay's key is known to the log.
    log.config.listen = bind(stage::loopback()).await.unwrap().local_addr().unwrap();
    let world = World::with(|config| {
        config.log.url = log.url();
        config.log.policy = log.config.policy.clone();
        config.limits.leaves_per_minute = 3;
    })
    .await;
    let line = host::secret::read_line(&world.config.data.join("sponsor.key")).unwrap();
    let signer = tlog::note::Signer::from_secret_text(&line).unwrap();
    let vkey: Verifier = signer.verifier();

    let owner = world.connect(OWNER).await;
    let ask = Request::SponsorLeaf(LEAF.to_owned());
    assert_eq!(owner.refused(&ask).await, RefusalCode::LogUnavailable, "there is no log yet");
    log.config.submitters = stage::log::config(dir.path(), [vkey.vkey()]).submitters;
    log.start_log().await;
    let Response::Logged(LoggedLeaf { leaf, proof }) = owner.call(&ask).await else { panic!("not logged") };
    let note = UnverifiedNote::parse(&leaf).unwrap();
    note.verify(&[&vkey]).unwrap();
    assert_eq!(note.unverified_text(), LEAF);
    tlog::stamp::verify(&leaf, &log.policy.stamp_keys()).unwrap();
    Logged::verify(leaf.clone(), &TlogProof::parse(&proof).unwrap(), &log.policy).unwrap();
    // The same text again has the same place.
    let Response::Logged(LoggedLeaf { leaf: again, .. }) = owner.call(&ask).await else {
        panic!("not logged")
    };
    assert_eq!(again, leaf);
    assert_eq!(owner.refused(&ask).await, RefusalCode::Quota);
    let emergency = LEAF.replace("policy v1", "request v1\nkind emergency");
    assert_eq!(owner.refused(&Request::SponsorLeaf(emergency)).await, RefusalCode::NotSponsored);
    let camera = world.connect(CAMERA).await;
    assert_eq!(camera.refused(&ask).await, RefusalCode::NotAllowed);
}

#[tokio::test]
async fn a_trustees_day_keys_are_mirrored_as_they_are() {
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let shutdown = Shutdown::new();
    let keys =
        axum::routing::get(|day: axum::extract::Path<u32>| async move { format!("keys of day {}", day.0) });
    let router = axum::Router::new().route("/day-keys/{day}", keys);
    let serving = tokio::spawn(serve(listener, router, ServeLimits::default(), shutdown.clone()));
    let name = "bar.example".to_owned();
    let world = World::with(|config| {
        config.trustees = vec![relay::Trustee { name: name.clone(), url: url.clone() }];
    })
    .await;
    let owner = world.connect(OWNER).await;
    let today = Micros(host::clock::now_us()).day();
    let deadline = tokio::time::Instant::now() + crate::world::PATIENCE;
    for day in [today, Day(today.0 + 1), Day(today.0 + 35)] {
        let expected =
            vec![NamedObject { name: name.clone(), bytes: format!("keys of day {}", day.0).into() }];
        while owner.call(&Request::GetDayKeys(day)).await != Response::Objects(expected.clone()) {
            assert!(tokio::time::Instant::now() < deadline, "never mirrored");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
    assert_eq!(owner.call(&Request::GetDayKeys(Day(today.0 + 36))).await, Response::Objects(Vec::new()));
    shutdown.request();
    serving.await.unwrap();
}

#[tokio::test]
async fn a_connected_camera_is_told_when_a_trustee_has_other_keys() {
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (shutdown, today) = (Shutdown::new(), Micros(host::clock::now_us()).day());
    // They are made when the test says so, as after a restore.
    let made = Arc::new(AtomicBool::new(false));
    let are_made = made.clone();
    let keys = axum::routing::get(move |day: axum::extract::Path<u32>| async move {
        let is_there = day.0 == today.0 && are_made.load(Ordering::SeqCst);
        is_there.then_some("other keys").ok_or(axum::http::StatusCode::NOT_FOUND)
    });
    let router = axum::Router::new().route("/day-keys/{day}", keys);
    let serving = tokio::spawn(serve(listener, router, ServeLimits::default(), shutdown.clone()));
    let world = World::with(|config| {
        config.trustees = vec![relay::Trustee { name: "bar.example".to_owned(), url: url.clone() }];
    })
    .await;
    let (camera, mut end) = world.camera().await;
    made.store(true, Ordering::SeqCst);
    assert_eq!(end.hear().await, Control::Changed { camera_id: camera.id() });
    shutdown.request();
    serving.await.unwrap();
}
