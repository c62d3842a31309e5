//! A log with four witnesses, a relay's name to sponsor under, and an owner whose camera is in the book.

use base64::Engine as _;
use ed25519_dalek::SigningKey;
use escrow::record::{EntryId, Name, OwnerPolicyLeaf, Record, Signed, policy_commitment};
use host::running::Running;
use host::shutdown::Shutdown;
use log_client::LogClient;
use log_server::Submitter;
use media::enrollment::{CameraConsent, Enrollment};
use media::id::{CameraId, Day};
use media::policy::{Class, Classes, OwnerPolicy, TrusteeEntry};
use owner::Owner;
use seal::notice::{NoticeKey, NoticeRoot};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tlog::note::Signer;
use tlog::policy::Policy;
use tlog::{Entry, Hash};

type Log = Running<log_server::At, log_server::Error>;
type Witness = Running<witness::At, witness::Error>;

pub(crate) struct World {
    dir: TempDir,
    policy_text: String,
    log: Log,
    log_config: log_server::Config,
    witnesses: Vec<Witness>,
    witness_configs: Vec<witness::Config>,
    pub(crate) owner_config: owner::Config,
}

/// A camera as pairing leaves it in the book.
pub(crate) struct Paired {
    pub(crate) id: CameraId,
    root: NoticeRoot,
    day: Day,
    pub(crate) leaf_index: u64,
}

pub(crate) fn sponsor() -> Signer {
    Signer::from_seed("relay.example", &[1; 32]).unwrap()
}

pub(crate) fn trustee(at: u8) -> Signer {
    Signer::from_seed(&format!("trustee{at}.example"), &[30 + at; 32]).unwrap()
}

fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn log_config(folder: &Path, policy: PathBuf, others: &[String]) -> log_server::Config {
    let own = std::iter::once(sponsor()).chain((1..=5).map(trustee)).map(|signer| signer.verifier().vkey());
    let submit = |vkey: String| Submitter { vkey, per_minute: 60_000, burst: 1000 };
    log_server::Config {
        listen: loopback(),
        data: folder.to_owned(),
        origin: "log.example/candor".to_owned(),
        policy,
        submitters: own.chain(others.iter().cloned()).map(submit).collect(),
        batch_ms: 5,
        checkpoint_ms: 5,
        refresh_secs: 3600,
        beyond_quorum_ms: 500,
        add_wait_secs: 20,
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    let copied = std::process::Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap();
    assert!(copied.success());
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_submitters(&[]).await
    }

    /// A log that takes leaves from these note keys too.
    pub(crate) async fn with_submitters(others: &[String]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let policy = dir.path().join("log-policy.txt");
        let log_config = log_config(&dir.path().join("log"), policy.clone(), others);
        let log_key = log_server::init(&log_config).unwrap().remove(0);
        let mut policy_text = format!("log {log_key}\n");
        let (mut witnesses, mut witness_configs) = (Vec::new(), Vec::new());
        for n in 1..=4 {
            let mut own = witness::Config {
                listen: loopback(),
                data: dir.path().join(format!("w{n}")),
                name: format!("witness.example/w{n}"),
                logs: vec![log_key.clone()],
            };
            let vkey = witness::init(&own).unwrap().remove(0);
            let running = witness::start(own.clone(), Shutdown::new()).await.unwrap();
            own.listen = running.at().http;
            policy_text.push_str(&format!("witness w{n} {vkey} http://{}/\n", running.at().http));
            witnesses.push(running);
            witness_configs.push(own);
        }
        policy_text.push_str("group all 3 w1 w2 w3 w4\nquorum all\n");
        std::fs::write(&policy, &policy_text).unwrap();
        let log = log_server::start(log_config.clone(), Shutdown::new()).await.unwrap();
        let owner_config = owner::Config {
            keybook: dir.path().join("keybook"),
            relay: owner::config::Relay {
                // Nothing answers there, at once.
                address: "no address".to_owned(),
                key: base64::prelude::BASE64_URL_SAFE_NO_PAD.encode([7; 32]),
                invite_address: None,
                sponsor: "relay.example".to_owned(),
            },
            log: owner::config::LogConfig { url: format!("http://{}", log.at().http), policy },
            escrow: None,
            footage: owner::config::Footage::default(),
            recovery_key: None,
        };
        owner::keys::init(&owner_config).unwrap();
        Self { dir, policy_text, log, log_config, witnesses, witness_configs, owner_config }
    }

    pub(crate) fn owner(&self) -> Owner {
        Owner::open(self.owner_config.clone()).unwrap()
    }

    pub(crate) fn keybook(&self) -> &Path {
        &self.owner_config.keybook
    }

    /// Adds a leaf; its place.
    pub(crate) async fn add(&self, leaf: &[u8]) -> u64 {
        let (logged, _) = self.client().add(leaf.to_vec()).await.unwrap();
        logged.index()
    }

    fn client(&self) -> LogClient {
        let policy = Policy::parse(self.policy_text.as_bytes()).unwrap();
        LogClient::new(&self.owner_config.log.url, policy)
    }

    /// Writes a camera into the book with its policy's leaf in the log, as a pairing does.
    pub(crate) async fn pair(&self, name: &str, at: u8) -> Paired {
        let (root_key, camera) = (SigningKey::from_bytes(&[50; 32]), SigningKey::from_bytes(&[at; 32]));
        let (owner_pk, camera_pk) = (root_key.verifying_key().to_bytes(), camera.verifying_key().to_bytes());
        let id = CameraId::of_key(&camera_pk);
        let entry = |at: u8| TrusteeEntry {
            name: trustee(at).name().to_owned(),
            vkey: trustee(at).verifier().vkey(),
            url: "http://127.0.0.1:1".to_owned(),
        };
        let policy = OwnerPolicy {
            camera_id: id,
            version: 1,
            prev_hash: [0; 32],
            epoch_len_s: 60,
            t: 3,
            trustees: (1..=5).map(entry).collect(),
            recipients: Vec::new(),
            classes: Classes::of(&[Class::Emergency]),
            retention_days: 30,
            log_policy_hash: [0; 32],
            policy_doc_hash: [0; 32],
            recovery_pk: [0; 32],
        };
        let policy = policy.sign(&root_key).unwrap();
        let enrollment = Enrollment {
            camera_pk,
            owner_root_pk: owner_pk,
            created: host::clock::now(),
            firmware_hash: [0; 32],
            camera_consent: CameraConsent::sign(&camera, &owner_pk, [9; 32]),
        };
        // Paired a month ago: audits try every day since.
        let day = Day(Day::of_us(host::clock::now_us()).0 - 30);
        let secret = [at; 32];
        let root = NoticeRoot::new(secret);
        let leaf = policy_leaf(&root.key(&id, day), Hash(policy.hash()));
        let text = leaf.text();
        let id_hex = leaf.id.to_hex();
        let signed = Signed::sign(leaf, &[&sponsor()]).unwrap();
        let (logged, proof) = self.client().add(signed.entry_bytes().to_vec()).await.unwrap();

        let base64 = |bytes: &[u8]| base64::prelude::BASE64_STANDARD.encode(bytes);
        let path = self.keybook().join("book.json");
        let mut book: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        book["own"].as_array_mut().unwrap().push(serde_json::json!({
            "id": id_hex,
            "text_sha256": hex::encode(media::sign::sha256(&[text.as_bytes()])),
        }));
        book["cameras"].as_array_mut().unwrap().push(serde_json::json!({
            "name": name,
            "camera_id": id.to_string(),
            "model": "a camera",
            "enrollment": base64(&enrollment.sign(&root_key)),
            "policies": [{
                "policy": base64(policy.bytes()),
                "leaf": base64(signed.entry_bytes()),
                "proof": base64(&proof.encode()),
                "leaf_index": logged.index(),
                "since": host::clock::now(),
            }],
            "notice_from": day.0,
            "paired_at": host::clock::now(),
            "welcomed": true,
            "epochs_checked_to_us": 0,
        }));
        std::fs::write(&path, serde_json::to_vec(&book).unwrap()).unwrap();
        std::fs::create_dir_all(self.keybook().join("notice")).unwrap();
        let kept = [&day.0.to_be_bytes()[..], &secret].concat();
        host::secret::create(&self.keybook().join(format!("notice/{id}.secret")), "notice-root", &kept)
            .unwrap();
        Paired { id, root, day, leaf_index: logged.index() }
    }

    /// Stops the log and its witnesses and keeps a copy of all their folders: what a forking operator, or a thief of all the
    /// disks, would have.
    pub(crate) async fn stop(self) -> Stopped {
        let stopped = self.stop_without_a_copy().await;
        let backup = stopped.dir.path().join("backup");
        for part in PARTS {
            copy(&stopped.dir.path().join(part), &backup.join(part));
        }
        stopped
    }

    pub(crate) async fn stop_without_a_copy(self) -> Stopped {
        let Self { dir, policy_text, log, log_config, witnesses, witness_configs, owner_config } = self;
        log.stop_and_join().await.unwrap();
        for witness in witnesses {
            witness.stop_and_join().await.unwrap();
        }
        Stopped { dir, policy_text, log_config, witness_configs, owner_config }
    }
}

/// Everything on disk, nothing running.
pub(crate) struct Stopped {
    dir: TempDir,
    policy_text: String,
    log_config: log_server::Config,
    witness_configs: Vec<witness::Config>,
    owner_config: owner::Config,
}

const PARTS: [&str; 5] = ["log", "w1", "w2", "w3", "w4"];

impl Stopped {
    /// Puts the copies back, as if what came after them had never been.
    pub(crate) fn restore(&self) {
        for part in PARTS {
            let folder = self.dir.path().join(part);
            std::fs::remove_dir_all(&folder).unwrap();
            copy(&self.dir.path().join("backup").join(part), &folder);
        }
    }

    pub(crate) async fn start(self) -> World {
        let Self { dir, policy_text, log_config, witness_configs, mut owner_config } = self;
        let mut witnesses = Vec::new();
        for own in &witness_configs {
            witnesses.push(witness::start(own.clone(), Shutdown::new()).await.unwrap());
        }
        let log = log_server::start(log_config.clone(), Shutdown::new()).await.unwrap();
        owner_config.log.url = format!("http://{}", log.at().http);
        World { dir, policy_text, log, log_config, witnesses, witness_configs, owner_config }
    }
}

fn policy_leaf(key: &NoticeKey, policy: Hash) -> OwnerPolicyLeaf {
    let id = EntryId::generate(&mut host::rng::OsRng);
    OwnerPolicyLeaf {
        id,
        sponsor: Name::new("relay.example").unwrap(),
        label: Hash(key.label(id.as_bytes())),
        commitment: policy_commitment(&id, &policy),
    }
}

impl Paired {
    /// The notice key of so many days after the pairing.
    pub(crate) fn notice(&self, days: u32) -> NoticeKey {
        let mut root = self.root.clone();
        (0..days).for_each(|at| root = root.next(&self.id, Day(self.day.0 + at)));
        root.key(&self.id, Day(self.day.0 + days))
    }

    /// A policy leaf for this camera that its owner did not make.
    pub(crate) fn silent_viewer(&self) -> Vec<u8> {
        let leaf = policy_leaf(&self.notice(0), Hash([6; 32]));
        Signed::sign(leaf, &[&sponsor()]).unwrap().entry_bytes().to_vec()
    }
}
