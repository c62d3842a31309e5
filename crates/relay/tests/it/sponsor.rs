//! A leaf sponsored for an owner, in a real log with real witnesses; and day keys mirrored over real HTTP.

use crate::world::{CAMERA, OWNER, World};
use host::http::{ServeLimits, bind, serve};
use host::running::Running;
use host::shutdown::Shutdown;
use media::id::Day;
use media::message::{NamedObject, RefusalCode, Request, Response};
use std::net::SocketAddr;
use std::path::Path;
use tlog::Logged;
use tlog::note::{UnverifiedNote, Verifier};
use tlog::policy::Policy;
use tlog::proof::TlogProof;

/// A log with one witness; it admits what `submitter` signs.
struct LogForTests {
    config: log_server::Config,
    policy: String,
    _witness: Running<witness::At, witness::Error>,
}

impl LogForTests {
    async fn new(dir: &Path) -> Self {
        let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let mut config = log_server::Config {
            listen: loopback,
            data: dir.join("log"),
            origin: "log.example/candor".to_owned(),
            policy: dir.join("log-policy"),
            submitters: Vec::new(),
            batch_ms: 5,
            checkpoint_ms: 5,
            refresh_secs: 3600,
            beyond_quorum_ms: 10,
            add_wait_secs: 20,
        };
        let log_key = log_server::init(&config).unwrap().remove(0);
        let own = witness::Config {
            listen: loopback,
            data: dir.join("witness"),
            name: "witness.example/w1".to_owned(),
            logs: vec![log_key.clone()],
        };
        let vkey = witness::init(&own).unwrap().remove(0);
        let witness = witness::start(own, Shutdown::new()).await.unwrap();
        let url = witness.at().http;
        let policy = format!("log {log_key}\nwitness w1 {vkey} http://{url}/\nquorum w1\n");
        std::fs::write(&config.policy, &policy).unwrap();
        // The log's port must be known to the relay before the relay's key is known to the log.
        config.listen = bind(loopback).await.unwrap().local_addr().unwrap();
        Self { config, policy, _witness: witness }
    }

    async fn start(&mut self, submitter: String) -> Running<log_server::At, log_server::Error> {
        self.config.submitters =
            vec![log_server::Submitter { vkey: submitter, per_minute: 6000, burst: 100 }];
        log_server::start(self.config.clone(), Shutdown::new()).await.unwrap()
    }
}

const LEAF: &str =
    "candor policy v1\nid q83vEjRWeJCrze8SNFZ4kA==\nsponsor relay.example\nlabel 9Yk2\ncommitment 4bT0\n";

#[tokio::test]
async fn an_owners_leaf_is_signed_by_the_relay_and_proven_and_others_are_not_sponsored() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = LogForTests::new(dir.path()).await;
    let world = World::with(|config| {
        config.log.url = format!("http://{}", log.config.listen);
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
    let running = log.start(vkey.vkey()).await;
    let Response::Logged { leaf, proof } = owner.call(&ask).await else { panic!("not logged") };
    assert_eq!(UnverifiedNote::parse(&leaf).unwrap().verify(&[&vkey]).unwrap().text(), LEAF);
    let policy = Policy::parse(log.policy.as_bytes()).unwrap();
    Logged::verify(leaf.clone(), &TlogProof::parse(&proof).unwrap(), &policy).unwrap();
    // The same text again has the same place.
    let Response::Logged { leaf: again, .. } = owner.call(&ask).await else { panic!("not logged") };
    assert_eq!(again, leaf);
    assert_eq!(owner.refused(&ask).await, RefusalCode::Quota);
    let emergency = LEAF.replace("policy v1", "request v1\nkind emergency");
    assert_eq!(owner.refused(&Request::SponsorLeaf(emergency)).await, RefusalCode::NotSponsored);
    let camera = world.connect(CAMERA).await;
    assert_eq!(camera.refused(&ask).await, RefusalCode::NotAllowed);
    running.stop_and_join().await.unwrap();
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
    let today = Day::of_us(host::clock::now_us());
    let deadline = tokio::time::Instant::now() + crate::world::PATIENCE;
    for day in [today, Day(today.0 + 1), Day(today.0 + 2)] {
        let expected =
            vec![NamedObject { name: name.clone(), bytes: format!("keys of day {}", day.0).into() }];
        while owner.call(&Request::GetDayKeys(day)).await != Response::Objects(expected.clone()) {
            assert!(tokio::time::Instant::now() < deadline, "never mirrored");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
    assert_eq!(owner.call(&Request::GetDayKeys(Day(today.0 + 9))).await, Response::Objects(Vec::new()));
    shutdown.request();
    serving.await.unwrap();
}
