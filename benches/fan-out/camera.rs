//! What the camera sends: an enrollment, one long epoch, segments.

use crate::stage::{CAMERA, OWNER, TRACK, key};
use bytes::Bytes;
use ed25519_dalek::SigningKey;
use media::chain::{Chain, FragmentsHash};
use media::enrollment::{CameraConsent, Enrollment};
use media::epoch::{EpochContext, EpochOpen};
use media::id::{CameraId, EpochNo, Sequence};
use media::message::Request;
use media::pair::PolicyBundle;
use media::policy::{Classes, OwnerPolicy, SignedOwnerPolicy};
use media::segment::{SegmentHeader, Start, Trailer, chain_after, frame};

/// A camera's books: it chains and signs what it sends. Fragments are not sealed: nobody on the way can tell.
#[derive(Debug)]
pub(crate) struct Camera {
    key: SigningKey,
    policy: SignedOwnerPolicy,
    pub(crate) epoch: Vec<u8>,
    chain: Chain,
    start_us: u64,
    /// Of the next segment.
    pub(crate) next: u32,
}

impl Camera {
    pub(crate) fn new() -> Self {
        let camera = key(CAMERA);
        let camera_id = CameraId::of_key(&camera.verifying_key().to_bytes());
        let policy = OwnerPolicy {
            camera_id,
            version: 1,
            prev_hash: [0; 32],
            epoch_len_s: 600,
            t: 0,
            trustees: Vec::new(),
            recipients: Vec::new(),
            classes: Classes::default(),
            retention_days: 30,
            log_policy_hash: [0; 32],
            policy_doc_hash: [0; 32],
            recovery_pk: [0; 32],
        };
        let policy = policy.sign(&key(OWNER)).unwrap();
        let start_us = host::clock::now_us();
        let context = EpochContext {
            camera_id,
            track: TRACK,
            epoch_no: EpochNo(0),
            start_us,
            dur_ms: 600_000,
            policy_hash: policy.hash(),
            notice_commit: [0; 32],
            t: 0,
            n: 0,
        };
        let open = EpochOpen {
            context,
            key_commit: [0; 32],
            share_commits: Vec::new(),
            shares: Vec::new(),
            wraps: Vec::new(),
            previous: None,
        };
        let chain = Chain::start(&open.context.hash(), &open.prev_close_hash());
        let epoch = open.sign(&camera).bytes().to_vec();
        Self { key: camera, policy, epoch, chain, start_us, next: 0 }
    }

    pub(crate) fn id(&self) -> CameraId {
        CameraId::of_key(&self.key.verifying_key().to_bytes())
    }

    pub(crate) fn put_policy(&self) -> Request {
        let owner_root_pk = key(OWNER).verifying_key().to_bytes();
        let enrollment = Enrollment {
            camera_pk: self.key.verifying_key().to_bytes(),
            owner_root_pk,
            created: 1,
            firmware_hash: [0; 32],
            camera_consent: CameraConsent::sign(&self.key, &owner_root_pk, [7; 32]),
        };
        let (leaf, proof) = (b"leaf".to_vec(), b"proof".to_vec());
        let bundle = PolicyBundle { policy: self.policy.bytes().to_vec(), leaf, proof };
        Request::PutPolicy { enrollment: enrollment.sign(&key(OWNER)), bundle }
    }

    /// The next segment in the pieces in which it is sent: the header goes with the first fragment, the end with the last.
    pub(crate) fn film(&mut self, fragments: u32, fragment: &[u8]) -> Vec<Bytes> {
        let header = SegmentHeader {
            camera_id: self.id(),
            track: TRACK,
            epoch_no: EpochNo(0),
            k: self.next,
            sequence: Sequence(self.next.into()),
            run: 0,
            // Long runs stay within one epoch.
            start_us: self.start_us + u64::from(self.next) * 10_000,
            start: Start::KeyFrame,
        };
        self.next += 1;
        let mut hash = FragmentsHash::default();
        let mut pieces: Vec<Vec<u8>> = Vec::new();
        for index in 0..fragments {
            hash.update(index, fragment);
            pieces.push(frame(index, fragment));
        }
        self.chain = chain_after(&self.chain, &header, hash);
        let end = Trailer::sign(&self.key, &header.hash(), fragments, 10_000, self.chain).encode();
        pieces[0].splice(0..0, header.encode());
        pieces.last_mut().unwrap().extend_from_slice(&end);
        pieces.into_iter().map(Bytes::from).collect()
    }
}
