//! The numbers that bound a peer. `proto/session.md` and `proto/segment.md` state each of them.

/// A sealed fragment, bytes: a key frame of 4K at the highest rates, and what follows within 100 ms.
pub const FRAGMENT: usize = 16 << 20;
/// A whole segment on the wire, bytes. A camera closes one at 4 MiB or 10 s, and a larger fragment
/// has one for itself; this is where a reader gives up.
pub const SEGMENT: usize = 24 << 20;
/// Fragments in one segment.
pub const FRAGMENTS: u32 = 4096;
/// Trustees in a policy; also the largest share index.
pub const TRUSTEES: usize = 16;
/// Recipients in a policy.
pub const RECIPIENTS: usize = 32;
/// A sealed share or a wrap, bytes: X-Wing ciphertext 1120, plaintext 33, tag 16, with room to
/// spare.
pub const WRAPPED: usize = 2048;
/// An X-Wing public key, bytes.
pub const WRAP_KEY: usize = 1216;
/// Ranges of segments that one EpochOpen says its camera let go.
pub const LOST: usize = 64;
/// Ranges of segments that one receipt says are durable.
pub const ACKNOWLEDGED: usize = 16;
/// An encoded receipt, bytes.
pub const RECEIPT: usize = 512;
/// What a camera says of itself, before it is sealed: padded to this, bytes.
pub const HEALTH_SAID: usize = 1664;
/// The same sealed, bytes: nonce and tag.
pub const HEALTH_SEALED: usize = 12 + HEALTH_SAID + 16;
/// The signed object around it, bytes.
pub const HEALTH: usize = 2048;
/// Pictures that it tells of.
pub const HEALTH_PICTURES: usize = 2;
/// Troubles that it tells of.
pub const HEALTH_TROUBLES: usize = 8;
/// The text of one, bytes.
pub const HEALTH_TEXT: usize = 192;
/// What is asked of a camera, before it is sealed: padded to this, bytes.
pub const SETTINGS_SAID: usize = 64;
/// The same sealed, bytes: nonce and tag.
pub const SETTINGS_SEALED: usize = 12 + SETTINGS_SAID + 16;
/// The signed object around it, bytes.
pub const SETTINGS: usize = 512;
/// Slots of a DayNotice: the trustees of two policies of one day.
pub const NOTICE_SLOTS: usize = 2 * TRUSTEES;
/// An encoded DayNotice, bytes.
pub const DAY_NOTICE: usize = 40 << 10;
/// A name or a vkey in a policy, bytes.
pub const NAME: usize = 256;
/// A URL in a policy, bytes.
pub const URL: usize = 512;
/// An encoded EpochOpen, bytes.
pub const EPOCH_OPEN: usize = 128 << 10;
/// An encoded OwnerPolicy or Enrollment, bytes.
pub const POLICY: usize = 128 << 10;
/// A leaf note, bytes.
pub const LEAF: usize = 32 << 10;
/// A tlog-proof, bytes.
pub const PROOF: usize = 64 << 10;
/// A trustee's day-keys bundle, bytes.
pub const DAY_KEYS: usize = 128 << 10;
/// A message in a pairing mailbox, bytes.
pub const MAIL: usize = 256 << 10;
/// A message of the session other than segment bytes, bytes.
pub const MESSAGE: usize = 1 << 20;
/// EpochOpens in one answer.
pub const EPOCHS_PER_ANSWER: usize = 64;
/// Heads of segments in one answer.
pub const HEADS_PER_ANSWER: usize = 1024;
/// The same with key pictures.
pub const PICTURES_PER_ANSWER: usize = 16;
/// Cameras in one answer.
pub const CAMERAS_PER_ANSWER: usize = 256;
/// Tracks of one camera, in an answer and at a relay.
pub const TRACKS_PER_CAMERA: usize = 16;
/// A human-readable text in a refusal, bytes.
pub const TEXT: usize = 1024;
/// Epoch length, seconds: smallest and largest.
pub const EPOCH_SECONDS: (u16, u16) = (10, 600);
