//! EpochOpens of one track and span: every one verified, each once, in order. Contract:
//! `proto/session.md`, "Fetching"; `proto/segment.md`, "EpochOpen".
//!
//! ```text
//! Paging -> request()          FetchEpochs from..to, from a number on
//!        <- handle(opens, more)  -> Page: what is new and the camera's
//!        -> request()          from the number after the last one, or None: it is over
//! ```
//!
//! [`Paging`] does no I/O. The relay is believed nothing: what the camera did not sign for this
//! track, what lies outside the span, what comes again or out of order is no part of the answer,
//! and an answer that leads no further is the last, also when it says "more": a relay cannot be asked for ever, for each
//! question costs it an EpochOpen that the camera signed. What it leaves out does not show here,
//! but in the chain.
//!
//! It goes by number and not by time: after a restart an epoch begins before the planned end of the
//! one before, and two histories of one identity film at the same time.

use crate::calls::{ask, epoch_page, found};
use crate::session::Session;
use host::clock::Clock;
use media::epoch::{EpochContext, EpochOpen, SignedEpochOpen};
use media::id::{CameraId, EpochNo, TrackId};
use media::message::Request;
use media::sign::PublicKey;
use media::time::Micros;
use quic::{CallError, Link};
use std::time::Duration;

/// Which epochs: those of one track that overlap `from_us..to_us`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochQuery {
    /// Whose; it names the camera.
    pub camera_key: PublicKey,
    pub track: TrackId,
    pub from_us: Micros,
    /// The first moment after.
    pub to_us: Micros,
}

/// An EpochOpen that the camera signed for the track and the span that were asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epoch(SignedEpochOpen);

impl Epoch {
    pub fn open(&self) -> &EpochOpen {
        // The only way to an `Epoch` is `Epoch::verified`.
        self.0.unverified()
    }

    /// As the camera signed it.
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// `None` for what this camera did not sign for this track, or of another time.
    fn verified(bytes: &[u8], query: &EpochQuery) -> Option<Self> {
        let signed = SignedEpochOpen::decode(bytes).ok()?;
        let context = &signed.verify(&query.camera_key).ok()?.context;
        // One of no length counts where it starts, as at the relay.
        let begun = context.end_us() > query.from_us || context.start_us >= query.from_us;
        let overlaps = begun && context.start_us < query.to_us;
        (context.track == query.track && overlaps).then_some(Self(signed))
    }
}

/// One answer, looked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What no page had before, in order.
    pub epochs: Vec<Epoch>,
    /// The first that the answer gave after a later one; it is no part of what is new.
    pub disordered: Option<EpochNo>,
    /// How many of the answer's objects this camera did not sign for this track and span.
    pub foreign: usize,
    /// The relay said that there are more, and gave nothing that leads to them.
    pub stuck: bool,
}

/// A span being asked about, page by page.
#[derive(Debug, Clone)]
pub struct Paging {
    query: EpochQuery,
    /// The number after the highest that came.
    cursor: EpochNo,
    over: bool,
}

impl Paging {
    pub fn new(query: EpochQuery) -> Self {
        Self::from_number(query, EpochNo(0))
    }

    /// Those of this number and higher ones alone.
    pub fn from_number(query: EpochQuery, cursor: EpochNo) -> Self {
        Self { query, cursor, over: query.from_us >= query.to_us }
    }

    /// What to ask next; `None` when it is over.
    pub fn request(&self) -> Option<Request> {
        let EpochQuery { camera_key, track, from_us, to_us } = self.query;
        let (camera_id, cursor) = (CameraId::of_key(&camera_key), self.cursor);
        (!self.over).then_some(Request::FetchEpochs { camera_id, track, from_us, to_us, cursor })
    }

    /// The answer.
    pub fn handle(&mut self, opens: &[Vec<u8>], more: bool) -> Page {
        let mut page = Page { epochs: Vec::new(), disordered: None, foreign: 0, stuck: false };
        let (mut before, mut last) = (None, false);
        for bytes in opens {
            let Some(epoch) = Epoch::verified(bytes, &self.query) else {
                page.foreign += 1;
                continue;
            };
            let number = epoch.open().context.epoch_no;
            if before.is_some_and(|before| number <= before) {
                page.disordered.get_or_insert(number);
            }
            before = before.max(Some(number));
            if number >= self.cursor && !last {
                last = number.next().is_none();
                self.cursor = number.next().unwrap_or(number);
                page.epochs.push(epoch);
            }
        }
        page.stuck = more && page.epochs.is_empty();
        // SPEC: session.md#fetching: a client MUST NOT ask for ever.
        self.over = !more || page.stuck || last;
        page
    }

    /// Asks for the next page; `None` when it is over. A relay that holds nothing gives an empty
    /// one.
    pub async fn next(&mut self, link: &Link) -> Result<Option<Page>, CallError> {
        let Some(request) = self.request() else { return Ok(None) };
        let (opens, more) = found(ask(link, &epoch_page(request)).await)?.unwrap_or_default();
        Ok(Some(self.handle(&opens, more)))
    }
}

/// All epochs of a query. Where they are more than `most`, more than `most` of them are given: by a
/// page at the most.
pub async fn epochs(link: &Link, query: EpochQuery, most: usize) -> Result<Vec<Epoch>, CallError> {
    let (mut paging, mut all) = (Paging::new(query), Vec::new());
    while all.len() <= most
        && let Some(page) = paging.next(link).await?
    {
        all.extend(page.epochs);
    }
    Ok(all)
}

/// How long after its planned end an epoch's successor is waited for: a camera that films opens it at
/// the next key frame.
const AFTER_WITHIN: Duration = Duration::from_secs(30);
/// Between two looks for it.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A camera that was off opens its next epoch later; this far ahead it is looked for.
const REACH: Duration = Duration::from_secs(86_400);

/// The epoch that closes this one: it proves how the other ended. Waited for while it may still come;
/// `None` where the relay has none.
// SPEC: evidence.md#head: a writer SHOULD fetch it, waiting for the epoch's end if it must.
pub async fn epoch_after(
    session: &mut Session,
    camera_key: PublicKey,
    of: &EpochContext,
    clock: &Clock,
) -> Result<Option<Epoch>, CallError> {
    // After a restart it may begin, and end, before the planned end of the one before.
    let (from_us, to_us) = (of.start_us, of.end_us().after(REACH));
    let query = EpochQuery { camera_key, track: of.track, from_us, to_us };
    loop {
        let mut paging = Paging::new(query);
        let link = session.link().await?;
        while let Some(page) = paging.next(&link).await? {
            let closes =
                |epoch: &Epoch| epoch.open().previous.is_some_and(|close| close.epoch_no == of.epoch_no);
            match page.epochs.into_iter().find(|epoch| epoch.open().context.epoch_no > of.epoch_no) {
                Some(next) => return Ok(Some(next).filter(closes)),
                None => continue,
            }
        }
        if clock.micros() > of.end_us().after(AFTER_WITHIN).0 {
            return Ok(None);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

#[cfg(test)]
mod tests;
