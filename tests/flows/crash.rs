//! kill -9 of real processes in the middle of their work, with the rest of the cast around them:
//! nothing acknowledged is lost, nothing is there twice, no history forks, nobody grants twice.

use escrow::record::{Grant, Role, Signed};
use media::time::Micros;
use owner::Span;
use owner::audit::Since;
use owner::live::Event;
use requester::collect::{Answer, collect};
use requester::request::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tlog::reader::{Head, VerifiedEntry};
use tokio::task::JoinSet;
use tokio::time::sleep;
use world::processes::Process;
use world::{PATIENCE, Stage, config_files, until};

/// How often each part is killed.
const KILLS: u64 = 4;
/// Who adds leaves at a time while the log is killed.
const SUBMITTERS: usize = 4;

fn serve(party: &str, config: &Path) -> Process {
    Process::start(&[party, "serve", "--config", config.to_str().unwrap()])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_killed_while_cameras_publish_loses_nothing_it_acknowledged() {
    let mut stage = Stage::set(2).await;
    let config = config_files::relay(&stage);
    stage.cast.video.relay.stop().await.unwrap();
    let mut acknowledged = vec![0; 2];
    for life in 0..KILLS {
        let mut relay = serve("relay", &config);
        // Another moment each time: after some segments, and in the middle of one.
        goes_on(&stage, &mut relay, 1 + life % 2).await;
        sleep(Duration::from_millis(370 * life)).await;
        acknowledged = acks(&stage);
        relay.kill().await;
    }
    let mut relay = serve("relay", &config);
    goes_on(&stage, &mut relay, 2).await;
    for (camera, acknowledged) in stage.cast.video.cameras.iter().zip(acknowledged) {
        assert_eq!(camera.stats.now().dropped, 0, "{}", camera.name);
        assert_eq!(camera.stats.now().refused, 0, "{}", camera.name);
        let mut recorded = Vec::new();
        // Live segments overtake those that waited: the holes are filled from behind.
        until("every number from the first to the last", async || {
            recorded = self::recorded(&stage, &camera.name).await;
            let distinct: BTreeSet<u64> = recorded.iter().copied().collect();
            assert_eq!(distinct.len(), recorded.len(), "{}: played twice: {recorded:?}", camera.name);
            recorded.first() == Some(&0) && recorded.last() == Some(&(recorded.len() as u64 - 1))
        })
        .await;
        assert!(recorded.len() as u64 >= acknowledged, "{}: {acknowledged} acknowledged", camera.name);
    }
    relay.kill().await;
    stage.strike().await;
}

fn acks(stage: &Stage) -> Vec<u64> {
    stage.cast.video.cameras.iter().map(|camera| camera.stats.now().acked).collect()
}

/// Waits until each camera has so many more segments acknowledged than it has now.
async fn goes_on(stage: &Stage, relay: &mut Process, more: u64) {
    let before = acks(stage);
    let stats: Vec<_> = stage.cast.video.cameras.iter().map(|camera| camera.stats.clone()).collect();
    until(&format!("every camera's segments are acknowledged: {stats:?}"), async || {
        assert!(relay.is_running(), "{}", relay.stderr());
        acks(stage).iter().zip(&before).all(|(now, before)| *now >= before + more)
    })
    .await;
}

/// The numbers of all segments that the owner can play, each verified, in the order of playing.
async fn recorded(stage: &Stage, camera: &str) -> Vec<u64> {
    let from_us = stage.cast.video.filming_since_us - 60_000_000;
    let span = Span::new(Micros(from_us), Micros(host::clock::now_us())).unwrap();
    let mut numbers = Vec::new();
    let on = &mut |event| match event {
        Event::SegmentVerified { sequence, .. } => numbers.push(sequence),
        Event::Refused { sequence, reason } => panic!("segment {sequence} is refused: {reason}"),
        _ => {}
    };
    let owner = &stage.cast.people.owner;
    owner::play::play(owner, camera, span, &mut tokio::io::sink(), on).await.unwrap();
    numbers
}

/// What submitters were told: whom they registered, and in which leaf.
type Told = Arc<Mutex<BTreeMap<String, u64>>>;

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_killed_while_leaves_are_added_keeps_each_acknowledged_one_and_forks_nothing() {
    let mut stage = Stage::set(1).await;
    let filmed = stage.filmed(1).await;
    let config = config_files::log(&stage);
    owner::audit::audit(&stage.cast.people.owner, Since::Beginning, &mut |_| {}).await.unwrap();
    stage.cast.records.log.stop().await.unwrap();

    let (told, fresh) = (Told::default(), Arc::new(AtomicU64::new(0)));
    for life in 0..KILLS {
        let log = serve("log", &config);
        let mut submitters = JoinSet::new();
        for _ in 0..SUBMITTERS {
            submitters.spawn(register(stage.cast.people.registrar.clone(), told.clone(), fresh.clone()));
        }
        let enough = told.lock().unwrap().len() + 3 + life as usize;
        until("leaves are acknowledged", async || told.lock().unwrap().len() >= enough).await;
        log.kill().await;
        // Those who wait for an answer in vain give up for this life.
        submitters.shutdown().await;
    }
    let log = serve("log", &config);
    // The whole chain goes on: a request is logged, granted and opened.
    let folder = stage.collected("after", &stage.ask(0, Kind::Legal, filmed)).await;
    let opened = requester::open::open(&stage.cast.people.requester, &folder, &mut |_| {}).await.unwrap();
    assert_eq!((opened.epochs_opened, opened.epochs_requested), (1, 1));

    let entries = entries(&stage).await;
    let told = told.lock().unwrap().clone();
    for (agency, index) in &told {
        let named = entries.iter().filter(|entry| names(entry, agency));
        let places: Vec<u64> = named.map(VerifiedEntry::index).collect();
        assert_eq!(places, [*index], "{agency}: acknowledged as leaf {index}");
    }
    // The owner's head of before, both monitors' and the witnesses' are all of this one history.
    let audited = owner::audit::audit(&stage.cast.people.owner, Since::LastHead, &mut |_| {}).await.unwrap();
    assert!(audited.head_size >= entries.len() as u64);
    for monitor in &stage.cast.monitors {
        let url = format!("http://{}/status", monitor.at().unwrap().http);
        let status = async || json(&url).await;
        let follows =
            async || status().await["size"].as_u64().is_some_and(|size| size >= entries.len() as u64);
        until("the monitor follows", follows).await;
        assert_eq!(status().await["alarms"], serde_json::json!([]));
    }
    for witness in &stage.cast.records.witnesses {
        let refused = std::fs::read_dir(witness.config.data.join("refused")).unwrap().count();
        assert_eq!(refused, 0, "{} saw a head that did not continue", witness.config.name);
    }
    log.kill().await;
    stage.strike().await;
}

/// Registers one agency after the other until it is stopped, and notes what was acknowledged.
async fn register(registrar: registrar::Config, told: Told, fresh: Arc<AtomicU64>) {
    let vkey = registrar::vkey(&registrar).unwrap();
    loop {
        let agency = format!("agency-{:04}.example", fresh.fetch_add(1, Ordering::Relaxed));
        if let Ok(added) = registrar::register(&registrar, Role::Officer, &agency, &vkey).await {
            told.lock().unwrap().insert(agency, added.index);
        }
    }
}

fn names(entry: &VerifiedEntry, agency: &str) -> bool {
    String::from_utf8_lossy(entry.bytes()).lines().any(|line| line.split(' ').any(|word| word == agency))
}

/// Every leaf of the log, verified against its witnessed head.
async fn entries(stage: &Stage) -> Vec<VerifiedEntry> {
    let records = &stage.cast.records;
    let url = format!("http://{}", records.log.config.listen);
    let client = log_client::LogClient::new(&url, records.policy.clone());
    let note = client.unverified_checkpoint().await.unwrap();
    let head = records.policy.verify_checkpoint(&note).unwrap();
    let mut entries = Vec::new();
    client.read(Head::EMPTY, &head, &mut |entry| entries.push(entry)).await.unwrap();
    entries
}

async fn json(url: &str) -> serde_json::Value {
    let fetch = host::http::Fetch::new(host::http::FetchLimits::default());
    match fetch.get(url).await {
        Ok(reply) => serde_json::from_slice(&reply.body).unwrap_or_default(),
        Err(_) => serde_json::Value::Null,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trustee_that_is_killed_while_it_grants_grants_once_and_still_serves_its_bundle() {
    // All three must grant: no request is served without the one that is killed.
    let mut stage = Stage::set_with(1, |plan| plan.trustees = 3).await;
    let filmed = stage.filmed(1).await;
    let config = config_files::trustee(&stage, 0);
    let name = stage.cast.video.trustees[0].config.name.clone();
    let status = format!("http://{}/status", stage.cast.video.trustees[0].config.listen);
    stage.cast.video.trustees[0].stop().await.unwrap();

    let requester = &stage.cast.people.requester;
    let ask = stage.ask(0, Kind::Legal, filmed);
    let mut granted = BTreeMap::new();
    for request in 0..3 {
        let mut trustee = serve("trustee", &config);
        let follows = async || json(&status).await["state"] == "following";
        until("the trustee follows the log", follows).await;
        let folder = stage.drafted(&format!("request-{request}"), &ask).await;
        requester::request::submit(requester, &folder).await.unwrap();
        let on = &mut |_| {};
        let collecting = collect(requester, &folder, PATIENCE, on);
        let killing = async {
            for kill in 0..KILLS {
                // While it checks, decides, appends, waits for its proof, or has answered.
                sleep(Duration::from_millis(20 + 97 * request + 61 * kill)).await;
                trustee.kill().await;
                trustee = serve("trustee", &config);
            }
            trustee
        };
        let (collected, trustee) = tokio::join!(collecting, killing);
        assert_eq!(collected.unwrap().held, 3);
        // Whoever lost the bundles asks anew, and is handed the same grant.
        for bundle in std::fs::read_dir(folder.path().join("bundles")).unwrap() {
            std::fs::remove_file(bundle.unwrap().path()).unwrap();
        }
        let again = collect(requester, &folder, PATIENCE, &mut |_| {}).await.unwrap();
        let (_, answer) = again.answers.into_iter().find(|(trustee, _)| *trustee == name).unwrap();
        let Answer::Granted { grant_index } = answer else { panic!("{answer:?}") };
        granted.insert(grant_index, folder);
        trustee.kill().await;
    }
    let last = serve("trustee", &config);
    let grants: Vec<_> = entries(&stage).await.iter().filter_map(grant).collect();
    let mut pairs = BTreeSet::new();
    for (index, grant) in &grants {
        let pair = (grant.trustee.to_string(), grant.request_index);
        assert!(pairs.insert(pair), "leaf {index} is a second grant: {grant:?}");
    }
    assert_eq!(grants.len(), 9, "three trustees, three requests");
    let own: Vec<u64> =
        grants.iter().filter(|(_, by)| by.trustee.to_string() == name).map(|(at, _)| *at).collect();
    assert_eq!(own, granted.keys().copied().collect::<Vec<_>>());
    for folder in granted.values() {
        let opened = requester::open::open(requester, folder, &mut |_| {}).await.unwrap();
        assert_eq!((opened.epochs_opened, opened.epochs_requested), (1, 1));
    }
    last.kill().await;
    stage.strike().await;
}

fn grant(entry: &VerifiedEntry) -> Option<(u64, Grant)> {
    let signed = Signed::<Grant>::parse(entry.bytes()).ok()?;
    Some((entry.index(), signed.value().clone()))
}
