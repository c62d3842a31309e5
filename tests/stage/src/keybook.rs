//! A camera in an owner's keybook, as pairing leaves it there: files and a leaf, without relay and
//! without camera.

use crate::keys::{name as named, sponsor, trustee};
use crate::log::Log;
use base64::Engine as _;
use ed25519_dalek::SigningKey;
use escrow::record::{EntryId, OwnerPolicyLeaf, Record as _, Signed, policy_commitment};
use media::enrollment::{CameraConsent, Enrollment};
use media::id::{CameraId, Day};
use media::policy::{Class, Classes, OwnerPolicy, TrusteeEntry};
use media::time::{Micros, Seconds};
use seal::notice::{NoticeKey, NoticeRoot};
use std::path::Path;
use tlog::{Entry as _, Hash};

/// A camera as pairing leaves it in the book.
#[derive(Debug)]
pub struct Paired {
    pub id: CameraId,
    root: NoticeRoot,
    day: Day,
    pub audit_pk: Vec<u8>,
    pub leaf_index: u64,
}

/// Writes a camera into the book with its policy's leaf in the log, as a pairing a month ago did.
pub async fn pair(keybook: &Path, log: &Log, name: &str, at: u8) -> Paired {
    let (root_key, camera) = (SigningKey::from_bytes(&[50; 32]), SigningKey::from_bytes(&[at; 32]));
    let (owner_pk, camera_pk) = (root_key.verifying_key().to_bytes(), camera.verifying_key().to_bytes());
    let id = CameraId::of_key(&camera_pk);
    let entry = |at: u8| TrusteeEntry {
        name: trustee(at).name().to_owned(),
        vkey: trustee(at).verifier().vkey(),
        url: "http://127.0.0.1:1".to_owned(),
    };
    let policy = OwnerPolicy {
        t: 3,
        trustees: (1..=5).map(entry).collect(),
        classes: Classes::of(&[Class::Emergency]),
        ..crate::bare::policy(id)
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
    let (entry, proof) = log.add(signed.entry_bytes()).await;

    let base64 = |bytes: &[u8]| base64::prelude::BASE64_STANDARD.encode(bytes);
    let path = keybook.join("book.json");
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
    std::fs::create_dir_all(keybook.join("notice")).unwrap();
    let kept = [&day.0.to_be_bytes()[..], &secret].concat();
    host::secret::create(&keybook.join(format!("notice/{id}.secret")), "notice-root", &kept).unwrap();
    let owner_root = host::secret::read_key(&keybook.join("root.secret"), "owner-root").unwrap();
    let audit_pk = seal::details::audit_key(&owner_root).public();
    Paired { id, root, day, audit_pk, leaf_index: proof.index() }
}

fn policy_leaf(key: &NoticeKey, policy: Hash) -> OwnerPolicyLeaf {
    let id = EntryId::generate(&mut host::rng::Rng::system());
    OwnerPolicyLeaf {
        id,
        sponsor: named("relay.example"),
        label: Hash(key.label(id.as_bytes())),
        commitment: policy_commitment(&id, &policy),
    }
}

impl Paired {
    /// The notice key of so many days after the pairing.
    pub fn notice(&self, days: u32) -> NoticeKey {
        let mut root = self.root.clone();
        (0..days).for_each(|at| root = root.next(&self.id, Day(self.day.0 + at)));
        root.key(&self.id, Day(self.day.0 + days))
    }

    /// A policy leaf for this camera that its owner did not make.
    pub fn silent_viewer(&self) -> Vec<u8> {
        let leaf = policy_leaf(&self.notice(0), Hash([6; 32]));
        Signed::sign(leaf, &[&sponsor()]).unwrap().entry_bytes().to_vec()
    }
}
