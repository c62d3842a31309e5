//! A log that signs two histories. Honest witnesses refuse the second and keep the evidence. If
//! colluding witnesses cosign it, both monitors find it by gossip, with a proof that needs the
//! log's key alone; trustees that are shown it grant nothing any more; the owner's audit names it.
//!
//! The second history is that of the log's own program with the log's own key, on a copy of its
//! folder from before the split, with witnesses on copies of the honest ones' folders.

use candor::cast::{Cast, QUORUM, WITNESSES};
use escrow::record::Role;
use host::http::{Fetch, FetchLimits};
use host::running::Running;
use host::shutdown::Shutdown;
use log_client::LogClient;
use owner::audit::{AuditError, Since};
use requester::collect::{Answer, CollectError};
use requester::request::Kind;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tlog::fork::ForkProof;
use tlog::note::Signer;
use world::{Stage, copy_folder, until};

/// How long a collector asks when nobody may grant.
const FRUITLESS: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_second_history_is_refused_by_witnesses_and_found_by_monitors_trustees_and_owner() {
    let mut stage = Stage::set(1).await;
    let filmed = stage.filmed(1).await;
    // Logged before the split, so that it stands in both histories, and not collected.
    let requester = &stage.cast.people.requester;
    let request = stage.drafted("request", &stage.ask(0, Kind::Legal, filmed)).await;
    requester::request::submit(requester, &request).await.unwrap();

    let mut other = Other::split(&mut stage).await;
    let cast = &mut stage.cast;

    // The honest history goes on under everybody's eyes but the second monitor's.
    let honest = add(&cast.people.registrar, "honest.example", 1).await;
    cast.monitors[1].stop().await.unwrap();
    until("monitor 1 and the trustees follow the honest history", async || {
        let mut follow = json(&url(&cast.monitors[0].config), "status").await["size"].as_u64() > Some(honest);
        for trustee in &cast.video.trustees {
            let status = json(&format!("http://{}", trustee.config.listen), "status").await;
            follow &= status["size"].as_u64() > Some(honest);
        }
        follow
    })
    .await;
    let audited = owner::audit::audit(&cast.people.owner, Since::LastHead, &mut |_| {}).await.unwrap();
    assert!(audited.head_size > honest);

    // The other one grows longer, with witnesses who help it.
    let colluding = other.start(&other.policy).await;
    let registrar = other.registrar(cast, colluding.at());
    let mut forked = 0;
    while forked <= size(cast).await {
        forked = add(&registrar, "forked.example", forked).await + 1;
    }

    witnesses_refuse(cast, &mut other).await;
    monitors_raise_the_alarm(cast, colluding.at()).await;
    colluding.stop_and_join().await.unwrap();

    // The log shows the second history to everybody.
    cast.records.log.stop().await.unwrap();
    other.config.listen = cast.records.log.config.listen;
    let shown = other.start(&other.policy).await;
    trustees_stop(cast).await;
    match owner::audit::audit(&cast.people.owner, Since::LastHead, &mut |_| {}).await {
        Err(AuditError::Fork { kept, shown }) => assert!(kept.exists() && shown.exists()),
        audited => panic!("{audited:?}"),
    }
    // Nor does it help to go back to the first one: a log that signed two histories is trusted with
    // neither.
    shown.stop_and_join().await.unwrap();
    let again = log_server::start(cast.records.log.config.clone(), Shutdown::new()).await.unwrap();
    cast.records.log.resume(again);
    let requester = &cast.people.requester;
    match requester::collect::collect(requester, &request, FRUITLESS, &mut |_| {}).await {
        Err(CollectError::TooFew { held: 0, answers, .. }) => {
            for (trustee, answer) in &answers {
                assert!(
                    matches!(answer, Answer::Unusable { reason } if reason.contains("503") && reason.contains("log-forked")),
                    "{trustee}: {answer:?}"
                );
            }
        }
        collected => panic!("{collected:?}"),
    }
    other.stop().await;
    stage.strike().await;
}

/// The honest witnesses are shown the other history's head, which is longer than theirs and does
/// not continue it.
async fn witnesses_refuse(cast: &Cast, other: &mut Other) {
    let refused = |n: usize| cast.records.witnesses[n].config.data.join("refused");
    let count = |folder: PathBuf| std::fs::read_dir(folder).unwrap().count();
    assert!((0..WITNESSES).all(|n| count(refused(n)) == 0));
    let data = other.dir.join("log-shown-to-the-honest");
    let mut config = other.config.clone();
    config.data = copy_folder(&other.config.data, &data);
    config.policy = cast.records.policy_file.clone();
    config.add_wait_secs = 2;
    let log = log_server::start(config, Shutdown::new()).await.unwrap();
    let registrar = other.registrar(cast, log.at());
    let error = try_add(&registrar, "refused.example").await.unwrap_err().to_string();
    assert!(error.contains("503") && error.contains("no-quorum"), "{error}");
    until("every honest witness has refused it and kept the evidence", async || {
        (0..WITNESSES).all(|n| count(refused(n)) > 0)
    })
    .await;
    log.stop_and_join().await.unwrap();
    let alarms: Vec<String> = std::fs::read_dir(data.join("alarms"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(alarms.iter().any(|name| name.starts_with("head-contradicted-")), "{alarms:?}");
    // The honest history still has its quorum.
    add(&cast.people.registrar, "honest-again.example", 0).await;
}

/// One monitor knows the one history, the other is shown the other one: both learn of both.
async fn monitors_raise_the_alarm(cast: &mut Cast, fork: &log_server::At) {
    assert_eq!(json(&url(&cast.monitors[0].config), "status").await["alarms"], serde_json::json!([]));
    let mut config = cast.monitors[1].config.clone();
    config.log = format!("http://{}", fork.http);
    let running = monitor::start(config, Shutdown::new()).await.unwrap();
    cast.monitors[1].resume(running);
    let vkey = std::fs::read_to_string(&cast.records.policy_file).unwrap();
    let vkey = vkey.lines().find_map(|line| line.strip_prefix("log ")).unwrap().to_owned();
    let log_key = tlog::note::Verifier::parse(&vkey).unwrap();
    for monitor in &cast.monitors {
        until("the monitor raises the alarm", async || {
            json(&url(&monitor.config), "status").await["state"] == "forked"
        })
        .await;
        let reply = fetch().get(&format!("{}/status", url(&monitor.config))).await.unwrap();
        assert_eq!(reply.status, 500);
        // As a stranger verifies it: with the log's key and nothing else.
        let gossip = json(&url(&monitor.config), "gossip").await;
        let proofs = gossip["forks"].as_array().unwrap();
        assert!(!proofs.is_empty());
        for proof in proofs {
            let proof = ForkProof::parse(proof.as_str().unwrap().as_bytes()).unwrap();
            let fork = proof.verify(&[&log_key]).unwrap();
            assert_ne!(fork.first().checkpoint().root(), fork.root_in_second());
        }
    }
}

/// The trustees are shown the other history at the log's own address.
async fn trustees_stop(cast: &Cast) {
    for trustee in &cast.video.trustees {
        until("the trustee sees the fork", async || {
            let status = json(&format!("http://{}", trustee.config.listen), "status").await;
            status["state"] == "forked" && status["alarms"] == serde_json::json!(["fork"])
        })
        .await;
    }
}

/// The other history: copies of the log and of its witnesses, from before the split.
struct Other {
    dir: PathBuf,
    config: log_server::Config,
    policy: PathBuf,
    witnesses: Vec<Running<witness::At, witness::Error>>,
}

impl Other {
    async fn split(stage: &mut Stage) -> Self {
        let dir = stage.folder().join("other");
        let records = &mut stage.cast.records;
        records.log.stop().await.unwrap();
        let mut config = records.log.config.clone();
        config.data = copy_folder(&config.data, &dir.join("log"));
        config.listen = "127.0.0.1:0".parse().unwrap();
        let mut policy = std::fs::read_to_string(&records.policy_file).unwrap();
        let mut witnesses = Vec::new();
        for part in &mut records.witnesses {
            part.stop().await.unwrap();
            let mut own = part.config.clone();
            own.data = copy_folder(&own.data, &dir.join(&own.name));
            own.listen = "127.0.0.1:0".parse().unwrap();
            let running = witness::start(own, Shutdown::new()).await.unwrap();
            let honest = part.config.listen.to_string();
            assert!(policy.contains(&honest));
            policy = policy.replace(&honest, &running.at().http.to_string());
            witnesses.push(running);
            let running = witness::start(part.config.clone(), Shutdown::new()).await.unwrap();
            part.resume(running);
        }
        assert!(witnesses.len() >= QUORUM);
        let running = log_server::start(records.log.config.clone(), Shutdown::new()).await.unwrap();
        records.log.resume(running);
        let policy_file = dir.join("policy.txt");
        std::fs::write(&policy_file, policy).unwrap();
        Self { dir, config, policy: policy_file, witnesses }
    }

    async fn start(&self, policy: &Path) -> Running<log_server::At, log_server::Error> {
        let mut config = self.config.clone();
        config.policy = policy.to_owned();
        log_server::start(config, Shutdown::new()).await.unwrap()
    }

    /// The cast's registrar, shown this log.
    fn registrar(&self, cast: &Cast, at: &log_server::At) -> registrar::Config {
        let mut config = cast.people.registrar.clone();
        config.log.url = format!("http://{}", at.http);
        config
    }

    async fn stop(self) {
        for witness in self.witnesses {
            witness.stop_and_join().await.unwrap();
        }
    }
}

/// Adds a registration of a fresh key; returns its place.
async fn add(registrar: &registrar::Config, name: &str, salt: u64) -> u64 {
    let seed = [u8::try_from(salt % 251).unwrap() + 1; 32];
    let vkey = Signer::from_seed(name, &seed).unwrap().verifier().vkey();
    registrar::register(registrar, Role::Officer, name, &vkey).await.unwrap().index
}

async fn try_add(registrar: &registrar::Config, name: &str) -> Result<(), registrar::Error> {
    let vkey = Signer::from_seed(name, &[7; 32]).unwrap().verifier().vkey();
    registrar::register(registrar, Role::Officer, name, &vkey).await.map(|_| ())
}

/// Leaves in the honest log's published head.
async fn size(cast: &Cast) -> u64 {
    let log =
        LogClient::new(&format!("http://{}", cast.records.log.config.listen), cast.records.policy.clone());
    let bytes = log.unverified_checkpoint().await.unwrap();
    cast.records.policy.verify_checkpoint(&bytes).unwrap().checkpoint().size()
}

fn url(config: &monitor::Config) -> String {
    format!("http://{}", config.listen)
}

async fn json(base: &str, path: &str) -> serde_json::Value {
    let reply = fetch().get(&format!("{base}/{path}")).await.unwrap();
    serde_json::from_slice(&reply.body).unwrap()
}

fn fetch() -> Fetch {
    Fetch::new(FetchLimits::default())
}
