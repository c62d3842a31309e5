//! A log with four witnesses, a relay's name to sponsor under, and an owner whose camera is in the
//! book.

use base64::Engine as _;
use ed25519_dalek::SigningKey;
use escrow::record::{EntryId, OwnerPolicyLeaf, Record, Signed, policy_commitment};
use media::enrollment::{CameraConsent, Enrollment};
use media::id::{CameraId, Day};
use media::policy::{Class, Classes, OwnerPolicy, TrusteeEntry};
use media::time::{Micros, Seconds};
use owner::Owner;
use seal::notice::{NoticeKey, NoticeRoot};
use stage::copy_folder;
use stage::keys::{name, sponsor, trustee};
use stage::log::Log;
use std::path::Path;
use tempfile::TempDir;
use tlog::{Entry, Hash};

pub(crate) struct World {
    dir: TempDir,
    pub(crate) log: Log,
    pub(crate) owner_config: owner::Config,
}

/// A camera as pairing leaves it in the book.
pub(crate) struct Paired {
    pub(crate) id: CameraId,
    root: NoticeRoot,
    day: Day,
    pub(crate) audit_pk: Vec<u8>,
    pub(crate) leaf_index: u64,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_submitters(&[]).await
    }

    /// A log that takes leaves from these note keys too.
    pub(crate) async fn with_submitters(others: &[String]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let own = stage::log::vkeys(std::iter::once(sponsor()).chain((1..=5).map(trustee)));
        let submitters = own.into_iter().chain(others.iter().cloned());
        let log_config =
            log_server::Config { beyond_quorum_ms: 500, ..stage::log::config(dir.path(), submitters) };
        let log = Log::start(log_config).await;
        let owner_config = owner::Config {
            keybook: dir.path().join("keybook"),
            relay: owner::config::Relay {
                // Nothing answers there, at once.
                addresses: relay_client::Addresses::one("no address"),
                key: base64::prelude::BASE64_URL_SAFE_NO_PAD.encode([7; 32]),
                invite_address: None,
                sponsor: "relay.example".to_owned(),
            },
            log: owner::config::LogConfig { url: log.url(), policy: log.config.policy.clone() },
            escrow: None,
            footage: owner::config::Footage::default(),
            recovery_key: None,
        };
        owner::keys::init(&owner_config).unwrap();
        Self { dir, log, owner_config }
    }

    pub(crate) fn owner(&self) -> Owner {
        Owner::open(self.owner_config.clone()).unwrap()
    }

    pub(crate) fn keybook(&self) -> &Path {
        &self.owner_config.keybook
    }

    /// Adds a leaf; its place.
    pub(crate) async fn add(&self, leaf: &[u8]) -> u64 {
        self.log.add(leaf).await.1.index()
    }

    /// The same; its place, and the leaf as it stands in the log.
    pub(crate) async fn log<T: Record>(&self, leaf: &Signed<T>) -> (u64, Signed<T>) {
        let (entry, proof) = self.log.add(leaf.entry_bytes()).await;
        (proof.index(), Signed::parse(&entry).unwrap())
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
            audit_pk: vec![0; 1216],
        };
        let policy = policy.sign(&root_key).unwrap();
        let enrollment = Enrollment {
            camera_pk,
            owner_root_pk: owner_pk,
            created: Seconds(host::clock::now()),
            firmware_hash: [0; 32],
            camera_consent: CameraConsent::sign(&camera, &owner_pk, [9; 32]),
        };
        // Paired a month ago: audits try every day since.
        let day = Day(Micros(host::clock::now_us()).day().0 - 30);
        let secret = [at; 32];
        let root = NoticeRoot::new(secret);
        let leaf = policy_leaf(&root.key(&id, day), Hash(policy.hash()));
        let text = leaf.text();
        let id_hex = leaf.id.to_hex();
        let signed = Signed::sign(leaf, &[&sponsor()]).unwrap();
        let (entry, proof) = self.log.add(signed.entry_bytes()).await;

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
                "leaf": base64(&entry),
                "proof": base64(&proof.encode()),
                "leaf_index": proof.index(),
                "since": host::clock::now(),
            }],
            "notice_from": day.0,
            "paired_at": host::clock::now(),
            "welcomed": true,
        }));
        std::fs::write(&path, serde_json::to_vec(&book).unwrap()).unwrap();
        std::fs::create_dir_all(self.keybook().join("notice")).unwrap();
        let kept = [&day.0.to_be_bytes()[..], &secret].concat();
        host::secret::create(&self.keybook().join(format!("notice/{id}.secret")), "notice-root", &kept)
            .unwrap();
        let owner_root = host::secret::read_key(&self.keybook().join("root.secret"), "owner-root").unwrap();
        let audit_pk = seal::details::audit_key(&owner_root).public();
        Paired { id, root, day, audit_pk, leaf_index: proof.index() }
    }

    /// Keeps a copy of all folders of the stopped log and its witnesses: what a forking operator,
    /// or a thief of all the disks, would have.
    pub(crate) fn back_up(&self) {
        for part in PARTS {
            copy_folder(&self.dir.path().join(part), &self.dir.path().join("backup").join(part));
        }
    }

    /// Puts the copies back, as if what came after them had never been.
    pub(crate) fn restore(&self) {
        for part in PARTS {
            let folder = self.dir.path().join(part);
            std::fs::remove_dir_all(&folder).unwrap();
            copy_folder(&self.dir.path().join("backup").join(part), &folder);
        }
    }
}

const PARTS: [&str; 5] = ["log", "w1", "w2", "w3", "w4"];

fn policy_leaf(key: &NoticeKey, policy: Hash) -> OwnerPolicyLeaf {
    let id = EntryId::generate(&mut host::rng::Rng::system());
    OwnerPolicyLeaf {
        id,
        sponsor: name("relay.example"),
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
