//! What a store promises to a relay, so that another one can take the place of pack files.
//!
//! A store keeps *records*: a [`Header`] that says what stands in the body, and the body, byte for
//! byte. It never looks into a body, but for policies, whose order it keeps, and notices, which only
//! grow (`judge`).
//!
//! **Durable.** [`Backend::put`] answers `Ok` only when the record will be there after a crash and
//! a power cut; a camera erases its copy on that word. An error says nothing about the disk: the
//! record may be there all the same. Nothing else is durable by itself, and nothing else needs to
//! be.
//!
//! **Who retries.** The store never does. Whoever put sends the same record again, for days if it
//! must, and a store that has it already says `Ok` (`judge.rs`): so *failed* and *failed, but
//! persisted* cost the same. A read that failed is asked again by whoever asked. A sweep that
//! failed is made good by the next one.
//!
//! **Consistent over what.** A put is one step: no reader sees a half, none sees it before it is
//! durable, and every read that begins after its `Ok` sees it. Of one track, and of one camera's
//! policies, puts are judged one after the other. Across records there is no order: a [`Page`] is
//! one moment's, and the bodies it names are read later. What was dropped meanwhile is
//! [`StoreError::Gone`], which is no failure. Up to [`Backend::next_missing`] a track *was*
//! complete, also when retention has taken the segments.
//!
//! **Who may share it.** One relay writes; an implementation refuses a second one when it opens
//! (packs: a lock on the folder), because two would hand out one sequence twice. Within the relay
//! everything may be called at once, and nothing waits for a slow reader. Dropping an answer before
//! it came takes nothing back.
//!
//! **When it is full** it says [`StoreError::Full`], an error like the others; reading goes on. A
//! quota concerns segments and EpochOpens, never policies, notices and day keys, without which no
//! footage is of use.
//!
//! **Damage.** A body that is not what was put is never handed out by [`Backend::read`]; it is
//! [`StoreError::Damaged`], by name. Putting it again replaces it, but for a policy, whose
//! neighbours hang on its body.
//!
//! **Somebody who controls the place** (the disk, the bucket) can withhold, delete and put back old
//! states: footage is lost, the chain shows the gap to whoever opens it, a policy that was replaced
//! may be served again, which its camera and owner refuse by its version. They learn what a relay
//! may see: who films when, and how much. They cannot show a frame, forge or reorder footage
//! without being seen: segments, EpochOpens, policies and notices are signed, day keys stand in the
//! log, and no reader takes one on the store's word. An acknowledgement is on the store's word
//! alone.

use crate::error::StoreError;
use crate::policy::PolicyFacts;
use crate::record::{Header, Key, Kind};
use bytes::Bytes;
use media::id::{CameraId, Day, Sequence, TrackId};
use media::message::TrackStatus;
use media::rope::Rope;
use media::time::Micros;
use std::fmt;
use std::ops::Range;
use std::pin::Pin;

/// An answer that is waited for.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A record to be kept. Not `Debug`: the body of a DayNotice is for few eyes.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "a body is for few eyes")]
pub struct Put {
    pub header: Header,
    pub body: Rope,
    /// Of a policy, what decides whether it follows the one that is held.
    pub policy: Option<PolicyFacts>,
}

/// A record that is kept, and where: `pack` is what the implementation drops as a whole, `offset` a
/// place in it. Both are for the implementation, and for an operator who is told of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub pack: u64,
    pub offset: u64,
    pub header: Header,
}

impl Entry {
    /// The error of a record that is no longer what was put.
    pub fn damaged(&self) -> StoreError {
        let Header { kind, camera_id, track, number, .. } = self.header;
        let (pack, offset) = (self.pack, self.offset);
        StoreError::Damaged { what: kind.word(), camera_id, track, number, pack, offset }
    }
}

/// The records of one kind and track that overlap `from_us..to_us` by the camera's clock.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub kind: Kind,
    pub camera_id: CameraId,
    pub track: TrackId,
    pub from_us: Micros,
    pub to_us: Micros,
}

impl Span {
    /// Whether a record touches it: ends are excluded, and one of no length counts where it starts.
    pub fn holds(&self, header: &Header) -> bool {
        let (start, end) = (header.start_us, header.end_us());
        start < self.to_us && (end > self.from_us || start >= self.from_us)
    }
}

/// Some entries in order of their numbers, and where to go on. A page may be empty and not the
/// last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub entries: Vec<Entry>,
    pub next: Option<u64>,
}

/// What is stored of a camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraTotals {
    pub camera_id: CameraId,
    /// Start of the segment that came last, of any track, by the camera's clock.
    pub newest_us: Option<Micros>,
    /// Relay's clock minus camera's at that segment's header, milliseconds; 0 for none.
    pub clock_offset_ms: i64,
    /// The tracks that hold segments, in order of their number.
    pub tracks: Vec<TrackStatus>,
}

/// What a sweep let go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Packs removed.
    pub packs: u64,
    /// Segments that are no longer served.
    pub segments: u64,
    /// Bytes given back.
    pub bytes: u64,
}

/// One implementation. The module says what each method promises together with the others.
///
/// Dropping it waits until what was begun has ended, and frees the place for the next one.
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// Keeps a record that `judge.rs` lets stand; durable on `Ok`.
    fn put(&self, put: Put) -> Answer<'_, ()>;

    /// The record under a key.
    fn get(&self, key: Key) -> Answer<'_, Option<Entry>>;

    /// The EpochOpen of the highest number of a track.
    fn newest_open(&self, camera_id: CameraId, track: TrackId) -> Answer<'_, Option<Entry>>;

    /// The policy of a camera with this hash; the newest for `None`.
    fn policy(&self, camera_id: CameraId, hash: Option<[u8; 32]>) -> Answer<'_, Option<Entry>>;

    /// Every trustee's keys of a day, at most `most` of them.
    fn day_keys(&self, day: Day, most: usize) -> Answer<'_, Vec<Entry>>;

    /// At most `most` entries of a span, from number `cursor` on.
    fn page(&self, span: Span, cursor: u64, most: usize) -> Answer<'_, Page>;

    /// A body, whole and checked.
    fn read(&self, entry: Entry) -> Answer<'_, Bytes>;

    /// A part of a body, which lies within it. Only that the record is where it should be is
    /// checked; whoever asks knows how to tell whether the bytes are good.
    fn read_part(&self, entry: Entry, part: Range<usize>) -> Answer<'_, Bytes>;

    /// The first sequence of which nothing earlier is missing: 0 for a track that is not known.
    fn next_missing(&self, camera_id: CameraId, track: TrackId) -> Answer<'_, Sequence>;

    /// Every camera that has a policy or footage here.
    fn cameras(&self) -> Answer<'_, Vec<CameraTotals>>;

    /// Drops what is past its days (`retention.rs`) as of `now_us`, by the relay's clock. Footage
    /// may stay an hour longer than stated, never less; an EpochOpen stays as long as a segment
    /// that may need it.
    fn sweep(&self, now_us: Micros) -> Answer<'_, Swept>;

    /// Bytes that everything takes.
    fn used_bytes(&self) -> u64;
}
