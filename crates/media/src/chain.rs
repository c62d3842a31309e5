//! The chain that makes dropping, reordering or adding a segment visible.
//!
//! `proto/segment.md`, "Chain": `chain_0` starts an epoch and binds the close of the one before;
//! each segment folds in its header and every sealed fragment. Only hashes: anyone can recompute it
//! without a key.

use crate::epoch::CtxHash;
use crate::rope::Rope;
use crate::sign::sha256;

/// The running chain value of one epoch, 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain(pub [u8; 32]);

crate::wrapped!(Chain);

impl Chain {
    /// `chain_0` of an epoch whose predecessor was closed with `prev_close_hash` (zeros for a
    /// track's first epoch).
    pub fn start(ctx: &CtxHash, prev_close_hash: &[u8; 32]) -> Self {
        Self(sha256(&[b"candor chain0\0", &ctx.0, prev_close_hash]))
    }

    /// `chain_k` from `chain_{k-1}`, the hash of the segment's header and the hash of its framed
    /// fragments.
    pub fn next(&self, header_hash: &[u8; 32], fragments_hash: &[u8; 32]) -> Self {
        Self(sha256(&[b"candor chain\0", &self.0, header_hash, fragments_hash]))
    }
}

/// SHA-256 over the framed fragments of one segment, fed as they come.
#[derive(Clone)]
pub struct FragmentsHash(ring::digest::Context);

impl core::fmt::Debug for FragmentsHash {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("FragmentsHash(..)")
    }
}

impl Default for FragmentsHash {
    fn default() -> Self {
        Self(ring::digest::Context::new(&ring::digest::SHA256))
    }
}

impl FragmentsHash {
    /// Folds in one fragment: `u32 index || u32 length || sealed bytes`, exactly as on the wire.
    pub fn update(&mut self, index: u32, sealed: &[u8]) {
        self.frame(index, sealed.len());
        self.0.update(sealed);
    }

    /// The same for a fragment in pieces.
    pub fn update_pieces(&mut self, index: u32, sealed: &Rope) {
        self.frame(index, sealed.len());
        sealed.pieces().for_each(|piece| self.0.update(piece));
    }

    fn frame(&mut self, index: u32, length: usize) {
        self.0.update(&index.to_be_bytes());
        self.0.update(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    }

    /// The hash.
    pub fn finish(self) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(self.0.finish().as_ref());
        out
    }
}
