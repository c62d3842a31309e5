//! The owner's policy, and a camera that films under it.

use super::{FIRST, START_US, THRESHOLD, TRUSTEES, World, name, signer, sponsor, trustee};
use escrow::daykeys::DayKey;
use escrow::deal::{TrusteeId, deal};
use escrow::record::{EntryId, OwnerPolicyLeaf, Signed, policy_commitment};
use host::rng::OsRng;
use media::enrollment::{CameraConsent, Enrollment};
use media::epoch::{EpochContext, EpochOpen};
use media::id::{EpochNo, TrackId};
use media::pair::PolicyBundle;
use media::policy::{Class, Classes, OwnerPolicy, TrusteeEntry};
use seal::epoch::EpochSeed;
use tlog::{Entry as _, Hash};

impl World {
    pub(super) fn log_policy_of_the_owner(&mut self) -> [u8; 32] {
        let entry = |index| TrusteeEntry {
            name: trustee(index).name().into(),
            vkey: trustee(index).verifier().vkey(),
            url: "http://127.0.0.1:1".into(),
        };
        let policy = OwnerPolicy {
            camera_id: self.enrollment().camera_id(),
            version: 1,
            prev_hash: [0; 32],
            epoch_len_s: 60,
            t: THRESHOLD,
            trustees: (1..=TRUSTEES).map(entry).collect(),
            recipients: Vec::new(),
            classes: Classes::of(&[Class::Legal, Class::Emergency]),
            retention_days: 30,
            log_policy_hash: self.log_policy.hash().0,
            policy_doc_hash: self.rules.hash().0,
            recovery_pk: signer("recovery.example", 56).verifier().ed25519_key().unwrap(),
        };
        let signed = policy.sign(&self.owner).unwrap();
        let id = EntryId([80; 16]);
        let leaf = OwnerPolicyLeaf {
            id,
            sponsor: name("relay.example"),
            label: Hash(self.notice().label(id.as_bytes())),
            commitment: policy_commitment(&id, &Hash(signed.hash())),
        };
        let leaf = Signed::sign(leaf, &[&sponsor()]).unwrap();
        let index = self.add(&leaf);
        self.policy = PolicyBundle {
            policy: signed.bytes().to_vec(),
            leaf: leaf.entry_bytes().to_vec(),
            proof: self.proof(index).encode(),
        };
        signed.hash()
    }

    pub(super) fn film(&mut self, at: u64, policy_hash: [u8; 32], dealt_to: &[(TrusteeId, DayKey)]) {
        let context = EpochContext {
            camera_id: self.enrollment().camera_id(),
            track: TrackId(0),
            epoch_no: EpochNo(FIRST + at),
            start_us: START_US + at * 60_000_000,
            dur_ms: 60_000,
            policy_hash,
            notice_commit: self.notice().commit(),
            t: THRESHOLD,
            n: TRUSTEES,
        };
        let ctx = context.hash();
        let seed = EpochSeed::new(host::rng::bytes());
        let dealt = deal(&seed, &ctx, THRESHOLD, dealt_to, &mut OsRng).unwrap();
        let open = EpochOpen {
            key_commit: seed.key_commit(&ctx),
            share_commits: dealt.share_commits,
            shares: dealt.shares,
            wraps: Vec::new(),
            previous: None,
            context,
        };
        self.opens.push(open.sign(&self.camera));
    }

    pub(super) fn enrollment(&self) -> Enrollment {
        let owner_root_pk = self.owner.verifying_key().to_bytes();
        Enrollment {
            camera_pk: self.camera.verifying_key().to_bytes(),
            owner_root_pk,
            created: self.created,
            firmware_hash: [0; 32],
            camera_consent: CameraConsent::sign(&self.camera, &owner_root_pk, [5; 32]),
        }
    }
}
