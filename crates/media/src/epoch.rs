//! An epoch in public: its context, its commitments, and the sealed shares and wraps that carry its seed.
//!
//! `proto/segment.md`, "EpochOpen". The camera signs one EpochOpen for each epoch; the relay stores it beside the video. Nothing in it
//! opens anything without a recipient's or trustees' private keys.

use crate::time::Micros;
use alloc::vec::Vec;
use core::time::Duration;

use crate::codec::{DecodeError, Reader, Writer};
use crate::id::{CameraId, Day, DeviceId, EpochNo, TrackId};
use crate::sign::{BadSignature, PublicKey, SignatureBytes, sha256};
use crate::{limits, sign};

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

impl EpochContext {
    /// `ctx_e` of `proto/segment.md`, "Key schedule".
    #[must_use]
    pub fn hash(&self) -> CtxHash {
        CtxHash(sha256(&[
            b"candor ctx\0",
            &crate::codec::SUITE.to_be_bytes(),
            &self.camera_id.0,
            &self.track.0.to_be_bytes(),
            &self.epoch_no.0.to_be_bytes(),
            &self.start_us.0.to_be_bytes(),
            &self.dur_ms.to_be_bytes(),
            &self.policy_hash,
            &self.notice_commit,
            &[self.t],
            &[self.n],
        ]))
    }

    /// The first moment after the epoch.
    #[must_use]
    pub fn end_us(&self) -> Micros {
        self.start_us.after(Duration::from_millis(self.dur_ms.into()))
    }

    /// The day whose notice key and day keys the epoch uses.
    #[must_use]
    pub fn day(&self) -> Day {
        self.start_us.day()
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $word:literal, $told:literal;)*) => {
        /// Why footage is missing between two epochs or segments.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum GapReason { $($(#[$doc])* $name,)* }

        impl GapReason {
            /// Every reason, for tables and tests.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The byte on the wire.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self { $(Self::$name => $code,)* }
            }

            /// The name for scripts: that of the table in `proto/segment.md`, "Chain", with hyphens.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What the camera says by it, for people.
            #[must_use]
            pub const fn told(self) -> &'static str {
                match self { $(Self::$name => $told,)* }
            }

            fn from_code(code: u8) -> Result<Self, DecodeError> {
                match code { $($code => Ok(Self::$name),)* _ => Err(DecodeError::BadValue("gap reason")) }
            }
        }
    };
}

reasons! {
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
}

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

impl EpochClose {
    /// What `chain_0` of the next epoch binds.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        let mut writer = Writer::new();
        self.write(&mut writer);
        sha256(&[b"candor close\0", &writer.finish()])
    }

    fn write(&self, writer: &mut Writer) {
        writer.u64(self.epoch_no.0).u32(self.segments).raw(&self.chain).u8(self.gap.code());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            epoch_no: EpochNo(reader.u64("close epoch_no")?),
            segments: reader.u32("close segments")?,
            chain: reader.array("close chain")?,
            gap: GapReason::from_code(reader.u8("gap reason")?)?,
        })
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

/// The seed (or, for a guest, the content key) sealed to one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrap {
    /// The device.
    pub device_id: DeviceId,
    /// HPKE encapsulation and ciphertext.
    pub sealed: Vec<u8>,
}

/// What a camera publishes when an epoch opens, before its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochOpen {
    /// What is fixed.
    pub context: EpochContext,
    /// `commit_e`.
    pub key_commit: [u8; 32],
    /// `share_commit_1..n`, in the policy's order of trustees.
    pub share_commits: Vec<[u8; 32]>,
    /// Sealed shares 1..n, in the same order.
    pub shares: Vec<SealedShare>,
    /// One for each recipient.
    pub wraps: Vec<Wrap>,
    /// How the previous epoch ended; `None` for the track's first.
    pub previous: Option<EpochClose>,
}

impl EpochOpen {
    /// `prev_close_hash` of `chain_0`: zeros for the track's first epoch.
    #[must_use]
    pub fn prev_close_hash(&self) -> [u8; 32] {
        self.previous.map_or([0; 32], |close| close.hash())
    }

    /// Signs with the camera's key.
    #[must_use]
    pub fn sign(self, camera: &ed25519_dalek::SigningKey) -> SignedEpochOpen {
        let mut bytes = self.encode_body();
        let signature = sign::sign(camera, DOMAIN, &bytes);
        bytes.extend_from_slice(&signature);
        SignedEpochOpen { open: self, bytes }
    }

    fn encode_body(&self) -> Vec<u8> {
        let c = &self.context;
        let mut w = Writer::object(TYPE);
        w.raw(&c.camera_id.0).u32(c.track.0).u64(c.epoch_no.0).u64(c.start_us.0).u32(c.dur_ms);
        w.raw(&c.policy_hash).raw(&c.notice_commit).u8(c.t).u8(c.n).raw(&self.key_commit);
        for commit in &self.share_commits {
            w.raw(commit);
        }
        for share in &self.shares {
            w.raw(&share.day_key_id).bytes(&share.sealed);
        }
        w.count(self.wraps.len());
        for wrap in &self.wraps {
            w.raw(&wrap.device_id.0).bytes(&wrap.sealed);
        }
        match &self.previous {
            None => {
                w.u8(0);
            }
            Some(close) => close.write(w.u8(1)),
        }
        w.finish()
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let context = EpochContext {
            camera_id: CameraId(r.array("camera_id")?),
            track: TrackId(r.u32("track")?),
            epoch_no: EpochNo(r.u64("epoch_no")?),
            start_us: Micros(r.u64("start_us")?),
            dur_ms: r.u32("dur_ms")?,
            policy_hash: r.array("policy_hash")?,
            notice_commit: r.array("notice_commit")?,
            t: r.u8("t")?,
            n: r.u8("n")?,
        };
        let n = usize::from(context.n);
        if n > limits::TRUSTEES {
            return Err(DecodeError::TooLong { field: "n", got: n, limit: limits::TRUSTEES });
        }
        if context.t > context.n || (context.n > 0 && context.t == 0) {
            return Err(DecodeError::BadValue("t"));
        }
        let key_commit = r.array("key_commit")?;
        let share_commits = (0..n).map(|_| r.array("share_commit")).collect::<Result<_, _>>()?;
        let shares = (0..n)
            .map(|_| {
                let day_key_id = r.array("day_key_id")?;
                let sealed = r.bytes(limits::WRAPPED, "sealed share")?.to_vec();
                Ok(SealedShare { day_key_id, sealed })
            })
            .collect::<Result<_, DecodeError>>()?;
        let wraps = (0..r.count(limits::RECIPIENTS, "wraps")?)
            .map(|_| {
                let device_id = DeviceId(r.array("device_id")?);
                let sealed = r.bytes(limits::WRAPPED, "wrap")?.to_vec();
                Ok(Wrap { device_id, sealed })
            })
            .collect::<Result<_, DecodeError>>()?;
        let previous = match r.u8("previous")? {
            0 => None,
            1 => Some(EpochClose::read(r)?),
            _ => return Err(DecodeError::BadValue("previous")),
        };
        Ok(Self { context, key_commit, share_commits, shares, wraps, previous })
    }
}

/// An EpochOpen and the bytes that were signed. The signature is *unverified* until [`SignedEpochOpen::verify`].
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
        if bytes.len() > limits::EPOCH_OPEN {
            return Err(DecodeError::TooLong {
                field: "EpochOpen",
                got: bytes.len(),
                limit: limits::EPOCH_OPEN,
            });
        }
        let mut reader = Reader::object(bytes, TYPE)?;
        let open = EpochOpen::read(&mut reader)?;
        let _signature: SignatureBytes = reader.array("signature")?;
        reader.finish()?;
        Ok(Self { open, bytes: bytes.to_vec() })
    }

    /// The bytes, signature included.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The content, unverified: enough to index it by.
    #[must_use]
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
