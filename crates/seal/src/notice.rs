//! Notice keys: how an owner finds the leaves about its cameras, and nobody else can tell whose
//! they are. Contract: `proto/segment.md#notice-keys`.
//!
//! ```text
//! NR_{d+1} = HKDF-Expand(NR_d, "candor day\0" || camera_id || u32 d, 32)        one way: a camera keeps only today's
//! notice_d = HKDF-Expand(NR_d, "candor notice\0" || camera_id || u32 d, 32)
//! commit   = SHA-256("candor nk\0" || notice_d)                                 in every EpochContext of the day
//! label    = HMAC(notice_d, "candor label\0" || entry_id)                       in the leaf
//! details  = ChaCha20-Poly1305(HKDF-Expand(notice_d, "candor details\0" || entry_id, 32), nonce 0, padded text)
//! ```

use crate::epoch::{expand, secret};
use alloc::vec::Vec;
use media::id::{CameraId, Day};
use media::sign::sha256;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;

secret!(
    /// `NR_d`: the one-way chain from which each day's notice key comes.
    NoticeRoot
);

secret!(
    /// `notice_d`.
    NoticeKey
);

secret!(
    /// What opens one leaf's details.
    DetailsKey
);

impl NoticeRoot {
    /// `NR_{d+1}` from `NR_d`; `day` is d.
    pub fn next(&self, camera: &CameraId, day: Day) -> Self {
        Self(*expand(&self.0, &[b"candor day\0", &camera.0, &day.0.to_be_bytes()]))
    }

    /// `notice_d`.
    pub fn key(&self, camera: &CameraId, day: Day) -> NoticeKey {
        NoticeKey(*expand(&self.0, &[b"candor notice\0", &camera.0, &day.0.to_be_bytes()]))
    }
}

impl NoticeKey {
    /// `notice_commit_d`, which every EpochContext of the day carries.
    pub fn commit(&self) -> [u8; 32] {
        sha256(&[b"candor nk\0", &self.0])
    }

    /// The label of the leaf with this entry id.
    pub fn label(&self, entry_id: &[u8; 16]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.0));
        context.update(b"candor label\0");
        context.update(entry_id);
        let mut label = [0; 32];
        label.copy_from_slice(context.sign().as_ref());
        label
    }

    /// Seals a leaf's details (already padded). The key is used once: an entry id is fresh for
    /// every leaf.
    pub fn seal_details(&self, entry_id: &[u8; 16], padded: &[u8]) -> Vec<u8> {
        self.details_key(entry_id).seal(padded)
    }

    /// Opens them; `None` when they are not this key's.
    pub fn open_details(&self, entry_id: &[u8; 16], sealed: &[u8]) -> Option<Vec<u8>> {
        self.details_key(entry_id).open(sealed)
    }

    /// What opens the details of the leaf with this entry id, and nothing else of the day.
    pub fn details_key(&self, entry_id: &[u8; 16]) -> DetailsKey {
        DetailsKey(*expand(&self.0, &[b"candor details\0", entry_id]))
    }
}

impl DetailsKey {
    /// Seals padded details: once, since the nonce is always the same.
    fn seal(&self, padded: &[u8]) -> Vec<u8> {
        let mut sealed = padded.to_vec();
        self.aead()
            .seal_in_place_append_tag(zero_nonce(), Aad::empty(), &mut sealed)
            .expect("details are far below the AEAD's limit");
        sealed
    }

    /// Opens them; `None` when they are not this key's.
    pub fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let mut opening = sealed.to_vec();
        let opened = self.aead().open_in_place(zero_nonce(), Aad::empty(), &mut opening).ok()?.len();
        opening.truncate(opened);
        Some(opening)
    }

    fn aead(&self) -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &self.0).expect("32 bytes"))
    }
}

fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}
