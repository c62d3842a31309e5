//! The cast of these tests: monitors, and a log with four witnesses.

use host::http::{Fetch, FetchLimits, Reply};
use host::running::Running;
use host::shutdown::Shutdown;
use stage::keys::{court, operator, registrar, sponsor, trustee};
use stage::leaves::{Asked, TRUSTEES};
use stage::log::Log;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

pub(crate) fn fetch() -> Fetch {
    Fetch::new(FetchLimits { timeout: Duration::from_secs(30), ..FetchLimits::default() })
}

/// The policy of every log on paper, as a file in `dir`.
pub(crate) fn write_policy(dir: &Path) -> PathBuf {
    std::fs::write(dir.join("policy"), stage::paper::policy_text()).unwrap();
    dir.join("policy")
}

/// A real log with four real witnesses, quorum 3; it waits to be started.
pub(crate) struct World {
    pub dir: TempDir,
    pub log: Log,
}

impl World {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let submitters =
            [sponsor(), registrar(), operator(), court()].into_iter().chain((0..TRUSTEES).map(trustee));
        let log = Log::init(stage::log::config(dir.path(), stage::log::vkeys(submitters))).await;
        Self { dir, log }
    }

    /// Adds leaves in this order.
    pub(crate) async fn add(&self, leaves: &[Vec<u8>]) {
        for leaf in leaves {
            self.log.add(leaf).await;
        }
    }

    /// Adds a request; as it stands in the log.
    pub(crate) async fn ask(&self, asked: Asked) -> Asked {
        let (entry, proof) = self.log.add(&asked.bytes).await;
        assert_eq!(proof.index(), asked.index);
        asked.stamped(entry)
    }

    pub(crate) fn monitor(&self, name: &str, peers: &[String]) -> monitor::Config {
        monitor_config(self.dir.path(), &self.log.config.policy, name, &self.log.url(), peers)
    }
}

/// A monitor's configuration, initialised.
pub(crate) fn monitor_config(
    dir: &Path,
    policy: &Path,
    name: &str,
    log: &str,
    peers: &[String],
) -> monitor::Config {
    let config = monitor::Config {
        listen: stage::loopback(),
        data: dir.join(name),
        log: log.to_owned(),
        policy: policy.to_owned(),
        peers: peers.to_vec(),
        poll_ms: 20,
        withheld_secs: 3600,
    };
    monitor::init(&config).unwrap();
    config
}

/// A running monitor, and how to ask it.
pub(crate) struct Watcher {
    pub running: Running<monitor::At, monitor::Error>,
    pub data: PathBuf,
    fetch: Fetch,
}

impl Watcher {
    pub(crate) async fn start(config: &monitor::Config) -> Self {
        Self::of(config, monitor::start(config.clone(), Shutdown::new()).await.unwrap())
    }

    pub(crate) fn of(config: &monitor::Config, running: Running<monitor::At, monitor::Error>) -> Self {
        Self { running, data: config.data.clone(), fetch: fetch() }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.running.at().http)
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, serde_json::Value) {
        let reply = self.fetch.get(&format!("{}{path}", self.url())).await.unwrap();
        (reply.status, serde_json::from_slice(&reply.body).unwrap())
    }

    pub(crate) async fn text(&self, path: &str) -> String {
        let reply = self.fetch.get(&format!("{}{path}", self.url())).await.unwrap();
        String::from_utf8(reply.body.to_vec()).unwrap()
    }

    pub(crate) async fn gossip(&self, body: impl Into<Vec<u8>>) -> Reply {
        self.fetch.post(&format!("{}/gossip", self.url()), "application/json", body.into()).await.unwrap()
    }

    /// Waits until the status shows this; a minute is far beyond what any of it takes.
    pub(crate) async fn until(
        &self,
        what: &str,
        mut shows: impl FnMut(&serde_json::Value) -> bool,
    ) -> serde_json::Value {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            let (_, status) = self.get("/status").await;
            if shows(&status) {
                return status;
            }
            assert!(tokio::time::Instant::now() < deadline, "never: {what}: {status}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn follows_to(&self, size: u64) -> serde_json::Value {
        self.until(&format!("{size} leaves"), |status| {
            status["size"] == size && status["state"] == "following"
        })
        .await
    }

    /// The files of the alarms that stand, as on disk.
    pub(crate) fn alarms(&self, kind: &str) -> Vec<Vec<u8>> {
        let files = std::fs::read_dir(self.data.join("alarms")).unwrap().map(|file| file.unwrap().path());
        let named = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(kind);
        files.filter(named).map(|path| std::fs::read(path).unwrap()).collect()
    }
}

/// The name of a refusal.
pub(crate) fn error_of(reply: &Reply) -> (u16, String) {
    let json: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert!(!json["what_to_do"].as_str().unwrap().is_empty());
    (reply.status, json["error"].as_str().unwrap().to_owned())
}
