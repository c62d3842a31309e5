//! Witnesses that are away: with three of four everything goes on; with two nothing is published
//! and no key goes; with three again it goes on, and nothing that was acknowledged is lost.

use candor::cast::{Cast, WitnessPart};
use escrow::answer::State;
use host::shutdown::Shutdown;
use log_client::{AddError, LogClient};
use requester::collect::{Answer, CollectError};
use requester::request::{Kind, RequestError};
use std::time::Duration;
use tlog::policy::CosignedCheckpoint;
use tlog::reader::Head;
use world::{PATIENCE, Stage, until};

/// The log's patience with its witnesses while they are away, seconds: a submitter hears of it
/// soon.
const ADD_WAIT_SECS: u64 = 3;
/// How long a collector asks when nobody may grant.
const FRUITLESS: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn three_witnesses_go_on_and_two_publish_nothing_and_let_no_key_go() {
    let mut stage = Stage::set(1).await;
    let filmed = stage.filmed(1).await;
    restart_log(&mut stage.cast).await;
    let ask = stage.ask(0, Kind::Legal, filmed);
    let log = LogClient::new(&log_url(&stage.cast), stage.cast.records.policy.clone());
    let emergency = stage.drafted("emergency", &stage.ask(0, Kind::Emergency, filmed)).await;
    let logged = stage.drafted("logged", &ask).await;
    let unlogged = stage.drafted("unlogged", &ask).await;

    // One is away: the leaf is in the log with the three others' cosignatures, and the trustees
    // grant.
    stop_witness(&mut stage.cast, 3).await;
    let requester = &stage.cast.people.requester;
    let submitted = requester::request::submit(requester, &emergency).await.unwrap();
    assert_eq!(submitted.witnesses, ["w1", "w2", "w3"]);
    let collected = requester::collect::collect(requester, &emergency, PATIENCE, &mut |_| {}).await.unwrap();
    assert!(collected.held >= 3, "{collected:?}");
    let acknowledged = requester::request::submit(requester, &logged).await.unwrap();
    // Whatever the trustees still had to say about the first request is said: from here on only
    // what is asked is logged.
    until("the trustees have nothing to send", async || {
        let mut quiet = true;
        for trustee in &stage.cast.video.trustees {
            let status = trustee_status(&trustee.config).await;
            quiet &= status["appending"] == 0 && status["outbox"] == 0;
        }
        quiet
    })
    .await;

    // A second one is away: nothing is published.
    stop_witness(&mut stage.cast, 2).await;
    let requester = &stage.cast.people.requester;
    let before = head(&stage.cast).await;
    assert!(before.checkpoint().size() > acknowledged.leaf_index);
    match requester::request::submit(requester, &unlogged).await {
        Err(RequestError::Add(AddError::NotYet(error))) => {
            assert!(error.to_string().contains("503") && error.to_string().contains("no-quorum"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    // What has no proof is refused, as if it had never been sent; what has one finds trustees who
    // cannot log their grants.
    let answers = requester::collect::ask_once(requester, &unlogged).await.unwrap();
    assert_eq!(answers.len(), 5);
    for (trustee, answer) in &answers {
        assert!(
            matches!(answer, Answer::Refused(no) if (no.step.as_str(), no.name.as_str()) == ("g2", "not-logged")),
            "{trustee}: {answer:?}"
        );
    }
    match requester::collect::collect(requester, &logged, FRUITLESS, &mut |_| {}).await {
        Err(CollectError::TooFew { held: 0, needed: 3, answers }) => {
            for (trustee, answer) in &answers {
                assert!(matches!(answer, Answer::Pending(State::Appending)), "{trustee}: {answer:?}");
            }
        }
        other => panic!("{other:?}"),
    }
    let during = head(&stage.cast).await;
    assert_eq!(during.checkpoint(), before.checkpoint());

    // One is back: what waited is published, what was acknowledged stands where it stood.
    start_witness(&mut stage.cast, 2).await;
    let requester = &stage.cast.people.requester;
    until("the unlogged request is logged", async || {
        requester::request::submit(requester, &unlogged).await.is_ok()
    })
    .await;
    let collected = requester::collect::collect(requester, &logged, PATIENCE, &mut |_| {}).await.unwrap();
    assert!(collected.held >= 3, "{collected:?}");
    let collected = requester::collect::collect(requester, &unlogged, PATIENCE, &mut |_| {}).await.unwrap();
    assert!(collected.held >= 3, "{collected:?}");

    let after = head(&stage.cast).await;
    let mut places = Vec::new();
    let leaf = std::fs::read(logged.path().join("leaf.note")).unwrap();
    let of_before = Head { size: before.checkpoint().size(), root: before.checkpoint().root() };
    log.read(Head::EMPTY, &after, &mut |entry| {
        if entry.bytes() == leaf {
            places.push(entry.index());
        }
    })
    .await
    .unwrap();
    assert_eq!(places, [acknowledged.leaf_index]);
    // The head of before is a prefix of this one: a reader who trusts it can go on from it.
    log.read(of_before, &after, &mut |_| {}).await.unwrap();
    stage.strike().await;
}

/// The log once more, with less patience.
async fn restart_log(cast: &mut Cast) {
    let log = &mut cast.records.log;
    log.stop().await.unwrap();
    log.config.add_wait_secs = ADD_WAIT_SECS;
    let running = log_server::start(log.config.clone(), Shutdown::new()).await.unwrap();
    log.resume(running);
}

async fn stop_witness(cast: &mut Cast, at: usize) {
    cast.records.witnesses[at].stop().await.unwrap();
}

async fn start_witness(cast: &mut Cast, at: usize) {
    let part: &mut WitnessPart = &mut cast.records.witnesses[at];
    let running = witness::start(part.config.clone(), Shutdown::new()).await.unwrap();
    part.resume(running);
}

/// The published head, with whatever cosignatures it has: a quorum, or this fails.
async fn head(cast: &Cast) -> CosignedCheckpoint {
    let log = LogClient::new(&log_url(cast), cast.records.policy.clone());
    let bytes = log.unverified_checkpoint().await.unwrap();
    cast.records.policy.verify_checkpoint(&bytes).unwrap()
}

fn log_url(cast: &Cast) -> String {
    format!("http://{}", cast.records.log.config.listen)
}

async fn trustee_status(config: &trustee::Config) -> serde_json::Value {
    let fetch = host::http::Fetch::new(host::http::FetchLimits::default());
    let reply = fetch.get(&format!("http://{}/status", config.listen)).await.unwrap();
    serde_json::from_slice(&reply.body).unwrap()
}
