//! An epoch in public: its context, its commitments, and the sealed shares and wraps that carry its
//! seed.
//!
//! `proto/segment.md`, "EpochOpen". The camera signs one EpochOpen for each epoch; the relay stores
//! it beside the video. Nothing in it opens anything without a recipient's or trustees' private
//! keys.

use crate::time::Micros;
use alloc::vec::Vec;
use core::time::Duration;

use crate::codec::{self, DecodeError, Field, Reader, SUITE, Writer};
use crate::id::{CameraId, Day, DeviceId, EpochNo, TrackId};
use crate::receipt::{Range, Receipt, SignedReceipt, are_in_order};
use crate::sign::{self, BadSignature, PublicKey, sha256};
use crate::{fields, limits, numbered};

/// The type byte of an EpochOpen.
pub const TYPE: u8 = 0x11;
const DOMAIN: &[u8] = b"candor epoch open\0";

/// SHA-256 over an epoch's context: what every key, share and wrap of the epoch is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CtxHash(pub [u8; 32]);

/// What is fixed about an epoch when it opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochContext {
    /// Whose footage.
    pub camera_id: CameraId,
    /// Which picture.
    pub track: TrackId,
    /// Counter, never reused.
    pub epoch_no: EpochNo,
    /// First moment.
    pub start_us: Micros,
    /// Planned length, milliseconds.
    pub dur_ms: u32,
    /// SHA-256 of the signed OwnerPolicy in force at capture.
    pub policy_hash: [u8; 32],
    /// Commitment to the notice key of the day in which the epoch starts.
    pub notice_commit: [u8; 32],
    /// Shares needed; 0 when nothing is escrowed.
    pub t: u8,
    /// Shares dealt; 0 when nothing is escrowed.
    pub n: u8,
}

fields!(EpochContext {
    camera_id,
    track,
    epoch_no,
    start_us,
    dur_ms,
    policy_hash,
    notice_commit,
    t,
    n,
} check EpochContext::check);

impl EpochContext {
    /// `ctx_e` of `proto/segment.md`, "Key schedule".
    pub fn hash(&self) -> CtxHash {
        let mut w = Writer::new();
        w.u16(SUITE);
        self.write(&mut w);
        CtxHash(sha256(&[b"candor ctx\0", &w.finish()]))
    }

    /// The first moment after the epoch.
    pub fn end_us(&self) -> Micros {
        self.start_us.after(Duration::from_millis(self.dur_ms.into()))
    }

    /// The day whose notice key and day keys the epoch uses.
    pub fn day(&self) -> Day {
        self.start_us.day()
    }

    fn check(&self) -> Result<(), DecodeError> {
        codec::check_size(self.n.into(), "n", limits::TRUSTEES)?;
        if self.t > self.n || (self.n > 0 && self.t == 0) {
            return Err(DecodeError::BadValue("t"));
        }
        Ok(())
    }
}

macro_rules! reasons {
    ($(#[$about:meta])* $type:ident $($(#[$doc:meta])* $name:ident = $code:literal, $word:literal, $told:literal;)*) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $type { $($(#[$doc])* $name,)* }

        impl $type {
            /// Every reason, for tables and tests.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name for scripts: that of the table in `proto/segment.md`, with hyphens.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What the camera says by it, for people.
            pub const fn told(self) -> &'static str {
                match self { $(Self::$name => $told,)* }
            }
        }

        numbered!($type as u8 { $($name = $code,)* });
    };
}

reasons! {
    /// Why footage is missing between two epochs or segments.
    GapReason
    /// Nothing is missing.
    None = 0, "none", "the camera filmed without a pause";
    /// The camera was off or restarted.
    Restart = 1, "restart", "the camera was off or restarted";
    /// The spool overflowed during an outage; the oldest segments went first.
    SpoolOverflow = 2, "spool-overflow", "the camera's spool overflowed during an outage";
    /// The source froze or ended.
    Source = 3, "source", "the camera's source froze or ended";
    /// The camera's clock stepped.
    ClockStep = 4, "clock-step", "the camera's clock stepped";
    /// The camera films events only, and nothing moved.
    NothingMoved = 5, "nothing-moved", "nothing moved: the camera films events only";
    /// Outside the hours in which the camera films.
    OutsideSchedule = 6, "outside-schedule", "outside the camera's hours of filming";
    /// The camera's privacy switch was on.
    Privacy = 7, "privacy", "the camera's privacy switch was on";
    /// Another history of its identity used its numbers.
    IdentityConflict = 8, "identity-conflict", "another camera filmed with the same key, or this one was put back from a backup";
}

reasons! {
    /// Why a camera let segments go that it had filmed.
    LossReason
    /// The spool overflowed during an outage; the oldest segments went first.
    SpoolOverflow = 1, "spool-overflow", "the camera let it go: its spool overflowed";
    /// The relay said that it will never take them; they lie beside the spool.
    Refused = 2, "refused", "the relay will not take it; it lies in the camera's folder";
    /// Another history of its identity used their numbers; they lie beside the spool.
    Disputed = 3, "disputed", "another camera with the same key used its number; it lies in the camera's folder";
}

/// Segments that the camera filmed and does not have for the relay any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Which.
    pub range: Range,
    /// Why.
    pub why: LossReason,
}

fields!(Lost { range, why = "loss reason" });

/// How the previous epoch of the track ended: what makes a missing segment visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochClose {
    /// The epoch that was closed.
    pub epoch_no: EpochNo,
    /// Segments it had.
    pub segments: u32,
    /// Its last chain value.
    pub chain: [u8; 32],
    /// Why footage is missing after it, if it is.
    pub gap: GapReason,
}

fields!(EpochClose {
    epoch_no = "close epoch_no",
    segments = "close segments",
    chain = "close chain",
    gap = "gap reason",
});

impl EpochClose {
    /// What `chain_0` of the next epoch binds.
    pub fn hash(&self) -> [u8; 32] {
        sha256(&[b"candor close\0", &codec::encode_bare(self)])
    }
}

/// One trustee's share, sealed to its day key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedShare {
    /// Which of the trustee's day keys it is sealed to.
    pub day_key_id: [u8; 32],
    /// HPKE encapsulation and ciphertext.
    pub sealed: Vec<u8>,
}

fields!(SealedShare { day_key_id, sealed = "sealed share" <= limits::WRAPPED });

/// The seed (or, for a guest, the content key) sealed to one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrap {
    /// The device.
    pub device_id: DeviceId,
    /// HPKE encapsulation and ciphertext.
    pub sealed: Vec<u8>,
}

fields!(Wrap { device_id, sealed = "wrap" <= limits::WRAPPED });

/// What a camera publishes when an epoch opens, before its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochOpen {
    /// What is fixed.
    pub context: EpochContext,
    /// `commit_e`.
    pub key_commit: [u8; 32],
    /// `share_commit_1..n`, in the policy's order of trustees.
    pub share_commits: Vec<[u8; 32]>,
    /// Sealed shares 1..n, in the same order; none where the trustee had no key of the day.
    pub shares: Vec<Option<SealedShare>>,
    /// One for each recipient.
    pub wraps: Vec<Wrap>,
    /// How the previous epoch ended; `None` for the track's first.
    pub previous: Option<EpochClose>,
    /// What the camera let go since the EpochOpen before, in order.
    pub lost: Vec<Lost>,
    /// One that a relay signed of this track.
    pub receipt: Option<SignedReceipt>,
}

impl EpochOpen {
    /// How many trustees hold a share.
    pub fn holders(&self) -> usize {
        self.shares.iter().flatten().count()
    }

    /// Whether trustees together can open it.
    pub fn is_escrowed(&self) -> bool {
        self.holders() > 0
    }

    fn check(&self) -> Result<(), DecodeError> {
        // SPEC: segment.md#epochopen: as many slots are filled as open something, or none is.
        if (1..usize::from(self.context.t)).contains(&self.holders()) {
            return Err(DecodeError::BadValue("shares"));
        }
        if !are_in_order(self.lost.iter().map(|lost| &lost.range)) {
            return Err(DecodeError::BadValue("lost"));
        }
        let EpochContext { camera_id, track, .. } = self.context;
        let own = |receipt: &Receipt| (receipt.camera_id, receipt.track) == (camera_id, track);
        match &self.receipt {
            Some(receipt) if !own(receipt.unverified()) => Err(DecodeError::BadValue("receipt")),
            Some(_) | None => Ok(()),
        }
    }

    /// `prev_close_hash` of `chain_0`: zeros for the track's first epoch.
    pub fn prev_close_hash(&self) -> [u8; 32] {
        self.previous.map_or([0; 32], |close| close.hash())
    }

    /// Signs with the camera's key.
    pub fn sign(self, camera: &ed25519_dalek::SigningKey) -> SignedEpochOpen {
        let bytes = sign::sign_object(camera, DOMAIN, codec::encode(TYPE, &self));
        SignedEpochOpen { open: self, bytes }
    }
}

/// Commitments and shares have no count of their own: there are as many as the context says.
impl Field for EpochOpen {
    fn write(&self, w: &mut Writer) {
        self.context.write(w);
        self.key_commit.write(w);
        self.share_commits.iter().for_each(|commit| commit.write(w));
        self.shares.iter().for_each(|share| w.optional(share.as_ref()));
        w.list(&self.wraps);
        w.optional(self.previous.as_ref());
        w.list(&self.lost);
        w.optional(self.receipt.as_ref());
    }

    fn read(r: &mut Reader<'_>, field: &'static str) -> Result<Self, DecodeError> {
        let context = EpochContext::read(r, field)?;
        let open = Self {
            key_commit: r.array("key_commit")?,
            share_commits: (0..context.n).map(|_| r.array("share_commit")).collect::<Result<_, _>>()?,
            shares: (0..context.n).map(|_| r.optional("share")).collect::<Result<_, _>>()?,
            wraps: r.list(limits::RECIPIENTS, "wraps")?,
            previous: r.optional("previous")?,
            lost: r.list(limits::LOST, "lost")?,
            receipt: r.optional("receipt")?,
            context,
        };
        open.check()?;
        Ok(open)
    }
}

/// An EpochOpen and the bytes that were signed. The signature is *unverified* until
/// [`SignedEpochOpen::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedEpochOpen {
    open: EpochOpen,
    bytes: Vec<u8>,
}

impl SignedEpochOpen {
    /// Parses; does not verify.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::check_size(bytes.len(), "EpochOpen", limits::EPOCH_OPEN)?;
        Ok(Self { open: codec::decode_signed(TYPE, bytes)?, bytes: bytes.to_vec() })
    }

    /// The bytes, signature included.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The content, unverified: enough to index it by.
    pub fn unverified(&self) -> &EpochOpen {
        &self.open
    }

    /// The content, when `camera_key` signed it and is the camera it names.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, camera_key: &PublicKey) -> Result<&EpochOpen, BadSignature> {
        sign::verify_object(&self.bytes, camera_key, DOMAIN, "EpochOpen")?;
        // SPEC: segment.md#epochopen: the signing key MUST be the one that camera_id names.
        if CameraId::of_key(camera_key) == self.open.context.camera_id {
            Ok(&self.open)
        } else {
            Err(BadSignature("EpochOpen"))
        }
    }
}
