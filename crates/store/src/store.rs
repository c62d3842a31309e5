//! The typed questions and answers of a relay, over any [`Backend`].

use crate::contract::{Answer, Backend, CameraTotals, Entry, Page, Put, Span, Swept};
use crate::error::StoreError;
use crate::policy::PolicyFacts;
use crate::record::{Header, Kind};
use bytes::Bytes;
use media::id::{CameraId, Sequence, TrackId};
use media::limits;
use media::rope::Rope;
use media::segment::{HeadExtent, SegmentQuery, head_extent};
use media::time::Micros;
use std::ops::Range;
use std::sync::Arc;

/// Segments in one page of an answer.
const PAGE: usize = 256;
/// What is read of a segment at first for its head: an init segment of one picture and one sound
/// takes about 1.3 kB.
const HEAD_READ: usize = 4 << 10;

/// A handle on a store; clones are the same store. It closes when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) backend: Arc<dyn Backend>,
}

impl Store {
    pub fn over(backend: Arc<dyn Backend>) -> Self {
        Self { backend }
    }

    /// Drops this handle without blocking the caller's runtime. When it was the last one,
    /// everything is kept and the place is free on return.
    pub async fn close(self) {
        host::blocking::run(move || drop(self)).await;
    }

    /// Keeps a segment; durable on return. The same bytes again are no error.
    ///
    /// Dropping the future does not take the write back.
    ///
    /// # Errors
    /// [`StoreError::Taken`], [`StoreError::OutOfOrder`], [`StoreError::Full`],
    /// [`StoreError::TooLarge`] or a failing place.
    pub async fn put_segment(&self, header: Header, body: impl Into<Rope>) -> Result<(), StoreError> {
        let body = body.into();
        check_size("a segment", body.len(), limits::SEGMENT)?;
        self.keep(header, body, None).await
    }

    /// Keeps a body, of which `header` does not know the length and the checksum yet.
    pub(crate) fn keep(&self, header: Header, body: Rope, policy: Option<PolicyFacts>) -> Answer<'_, ()> {
        self.backend.put(Put { header: header.of_body(&body), body, policy })
    }

    /// The first sequence of which nothing earlier is missing: 0 for a track that is not known.
    ///
    /// # Errors
    /// [`StoreError::Index`].
    pub fn next_missing(&self, camera_id: CameraId, track: TrackId) -> Answer<'_, Sequence> {
        self.backend.next_missing(camera_id, track)
    }

    /// A page of the segments asked for, as of now.
    ///
    /// # Errors
    /// [`StoreError::Index`].
    pub fn segments(&self, query: SegmentQuery) -> Answer<'_, Page> {
        let SegmentQuery { camera_id, track, from_us, to_us, cursor } = query;
        self.backend.page(Span { kind: Kind::Segment, camera_id, track, from_us, to_us }, cursor.0, PAGE)
    }

    /// A segment's bytes, exactly as they were received.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the disk changed them; [`StoreError::Gone`] when retention was
    /// faster.
    pub fn read_segment(&self, segment: &Entry) -> Answer<'_, Bytes> {
        self.backend.read(*segment)
    }

    /// A part of a segment, as [`Backend::read_part`] gives it: unchecked, for whoever can tell.
    ///
    /// # Errors
    /// As [`Store::read_segment`]; also where the segment is shorter.
    pub async fn read_part(&self, segment: &Entry, part: Range<usize>) -> Result<Bytes, StoreError> {
        if part.start > part.end || part.end > segment.header.body_len() {
            return Err(segment.damaged());
        }
        self.backend.read_part(*segment, part).await
    }

    /// The head of a segment, with its key picture if that is wanted and there is one: of a large
    /// segment no more is read than that.
    ///
    /// The record's checksum is over all of it and is not checked here; the key under which each
    /// fragment is sealed checks more.
    ///
    /// # Errors
    /// As [`Store::read_segment`].
    pub async fn read_head(&self, segment: &Entry, picture: bool) -> Result<Bytes, StoreError> {
        let mut first = self.read_part(segment, 0..HEAD_READ.min(segment.header.body_len())).await?;
        loop {
            let wanted = match head_extent(&first, picture) {
                Ok(HeadExtent::Whole(end)) if end <= first.len() => return Ok(first.slice(..end)),
                Ok(HeadExtent::Whole(end) | HeadExtent::Needs(end)) => end,
                Err(_) => return Err(segment.damaged()),
            };
            first = self.read_part(segment, 0..wanted).await?;
        }
    }

    /// Every camera that has a policy or footage here.
    ///
    /// # Errors
    /// [`StoreError::Index`].
    pub fn cameras(&self) -> Answer<'_, Vec<CameraTotals>> {
        self.backend.cameras()
    }

    /// Bytes that everything takes.
    pub fn used_bytes(&self) -> u64 {
        self.backend.used_bytes()
    }

    /// Applies retention and the quota as of `now_us`, by the relay's clock.
    ///
    /// # Errors
    /// A failing place; what was not dropped is dropped by a later call.
    pub fn sweep(&self, now_us: Micros) -> Answer<'_, Swept> {
        self.backend.sweep(now_us)
    }
}

pub(crate) fn check_size(what: &'static str, size: usize, limit: usize) -> Result<(), StoreError> {
    if size > limit { Err(StoreError::TooLarge { what, size, limit }) } else { Ok(()) }
}
