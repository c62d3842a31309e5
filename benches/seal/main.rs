//! Sealing and opening of segments against bare AES-256-GCM of the same bytes, and what an epoch
//! costs.
//!
//! ```text
//! cargo run --release -p candor-benches --bin seal [-- --json]
//! ```
//!
//! A segment here has 20 fragments, two seconds of video. Sealing it is what `camera` does: header,
//! a key and AES-256-GCM for each fragment, the hash over what was sealed, the signed trailer.
//! Opening it is what `owner` does, the trailer's signature included. The bound is what no scheme
//! that hashes what it sends can go below: one copy of the bytes and one SHA-256 over them.
#![allow(clippy::unwrap_used)]

mod epoch;

use ed25519_dalek::SigningKey;
use host::rng::Rng;
use measure::{Candidate, Report, Table, in_turns};
use media::chain::Chain;
use media::epoch::{EpochContext, EpochOpen, SealedShare, Wrap};
use media::id::{CameraId, EpochNo, Sequence, TrackId};
use media::segment::{SegmentHeader, Start};
use media::time::Micros;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use seal::epoch::{ContentKey, EpochSeed};
use seal::opener::{Keyring, SegmentOpener};
use seal::sealer::{SegmentHead, SegmentSealer};
use std::time::Duration;

const FRAGMENTS: usize = 20;
const SIZES_KB: [usize; 3] = [4, 32, 256];
/// Five trustees, three of whom must grant; one device of the owner.
const T: u8 = 3;
const N: u8 = 5;
const EACH: Duration = Duration::from_secs(6);

fn main() {
    let camera = Camera::new();
    let mut report = Report::new("seal");
    let mut sealing = Table::new(
        format!(
            "a segment of {FRAGMENTS} fragments; MB/s of video, and time as a multiple of what it is compared with"
        ),
        &[
            "fragment",
            "seal",
            "open",
            "aes-gcm",
            "copy+sha256",
            "seal/aes",
            "open/aes",
            "seal/bound",
            "open/bound",
            "+-%",
        ],
    );
    for kb in SIZES_KB {
        camera.segments(kb << 10, &mut sealing);
    }
    report.add(sealing);
    report.add(camera.epochs());
    report.print();
}

struct Camera {
    key: SigningKey,
    context: EpochContext,
    seed: EpochSeed,
    content: ContentKey,
}

impl Camera {
    fn new() -> Self {
        let key = SigningKey::from_bytes(&[1; 32]);
        let context = EpochContext {
            camera_id: CameraId::of_key(&key.verifying_key().to_bytes()),
            track: TrackId(0),
            epoch_no: EpochNo(7),
            start_us: Micros(1_800_000_000_000_000),
            dur_ms: 60_000,
            policy_hash: [2; 32],
            notice_commit: [3; 32],
            t: T,
            n: N,
        };
        let seed = EpochSeed::new([4; 32]);
        let content = seed.content_key(&context.hash());
        Self { key, context, seed, content }
    }

    fn header(&self) -> SegmentHeader {
        SegmentHeader {
            camera_id: self.context.camera_id,
            track: self.context.track,
            epoch_no: self.context.epoch_no,
            k: 0,
            sequence: Sequence(40),
            run: 0,
            start_us: self.context.start_us,
            start: Start::KeyFrame,
        }
    }

    fn seal(&self, fragment: &[u8]) -> Vec<u8> {
        let start_us = self.context.start_us;
        let head = SegmentHead {
            captured_us: start_us,
            motion: media::motion::Motion::default(),
            waiting: 0,
            codecs: "avc1.640028".into(),
            init: vec![0; 700],
        };
        let (mut sealer, mut bytes) =
            SegmentSealer::start(&self.content, self.header(), &head, &mut Rng::system()).unwrap();
        // As a camera does: each fragment goes out by itself; here into one buffer.
        bytes.reserve(FRAGMENTS * (fragment.len() + 64));
        for at in 0..FRAGMENTS as u64 {
            bytes.extend_from_slice(
                &sealer.fragment(Micros(start_us.0 + at * 100_000), fragment, &mut Rng::system()).unwrap(),
            );
        }
        let mut chain = Chain([0; 32]);
        bytes.extend_from_slice(&sealer.finish(2_000_000, &mut chain, &self.key));
        bytes
    }

    fn segments(&self, size: usize, table: &mut Table) {
        let fragment = video(size);
        let sealed = self.seal(&fragment);
        let mut keys = Keyring::new(self.key.verifying_key().to_bytes(), TrackId(0));
        keys.insert(&self.open(Vec::new(), &[], Vec::new()), self.content.clone());
        let aes = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[5; 32]).unwrap());
        let rounds = in_turns(
            EACH,
            vec![
                Candidate::new("seal", || self.seal(&fragment)),
                Candidate::new("open", || open(&sealed, &keys)),
                Candidate::new("aes-gcm", || bare_aes(&aes, &fragment)),
                Candidate::new("bound", || copy_and_hash(&fragment)),
            ],
        );
        let megabytes = (size * FRAGMENTS) as f64 / 1e6;
        let rate = |name| megabytes / rounds.seconds(name).median();
        let ratio = |name, base| rounds.ratio(name, base).median();
        let numbers = [
            rate("seal"),
            rate("open"),
            rate("aes-gcm"),
            rate("bound"),
            ratio("seal", "aes-gcm"),
            ratio("open", "aes-gcm"),
            ratio("seal", "bound"),
            ratio("open", "bound"),
            rounds.ratio("seal", "bound").spread_percent(),
        ];
        table.row(format!("{} kB", size >> 10), &numbers);
    }

    fn open(
        &self,
        wraps: Vec<Wrap>,
        share_commits: &[[u8; 32]],
        shares: Vec<Option<SealedShare>>,
    ) -> EpochOpen {
        EpochOpen {
            context: self.context.clone(),
            key_commit: self.seed.key_commit(&self.context.hash()),
            share_commits: share_commits.to_vec(),
            shares,
            wraps,
            previous: None,
            lost: Vec::new(),
            receipt: None,
        }
    }
}

/// Bytes that no processor could guess ahead.
fn video(size: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..size).map(|_| next()).collect()
}

fn open(sealed: &[u8], keys: &Keyring) -> usize {
    let mut opener = SegmentOpener::default();
    opener.push(sealed).unwrap();
    let mut parts = 0;
    while opener.poll(keys).unwrap().is_some() {
        parts += 1;
    }
    opener.finish().unwrap();
    // Header, head, fragments, end.
    assert_eq!(parts, FRAGMENTS + 3);
    parts
}

fn bare_aes(key: &LessSafeKey, fragment: &[u8]) -> Vec<Vec<u8>> {
    let seal = |at: usize| {
        let mut buffer = Vec::with_capacity(fragment.len() + 16);
        buffer.extend_from_slice(fragment);
        let nonce = Nonce::assume_unique_for_key([u8::try_from(at).unwrap(); 12]);
        key.seal_in_place_append_tag(nonce, Aad::empty(), &mut buffer).unwrap();
        buffer
    };
    (0..FRAGMENTS).map(seal).collect()
}

fn copy_and_hash(fragment: &[u8]) -> (Vec<Vec<u8>>, [u8; 32]) {
    let copies: Vec<Vec<u8>> = (0..FRAGMENTS).map(|_| fragment.to_vec()).collect();
    let parts: Vec<&[u8]> = copies.iter().map(Vec::as_slice).collect();
    let hash = media::sign::sha256(&parts);
    (copies, hash)
}
