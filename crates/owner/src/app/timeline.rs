//! One camera's past: which times were filmed, which are missing and why, and which were released
//! to whom.
//!
//! The times come from the EpochOpens that the relay holds, each signed by the camera, so that a
//! day costs kilobytes and no footage. Where an epoch was cut short, and where heads were read
//! anyway, they tell how far its footage reaches: `glimpses`. Fetched once, kept while the page
//! stays near.

mod past;

use super::glimpses::{Glimpses, KnownEpoch, Most};
use crate::audit::Row;
use crate::book::StoredCamera;
use crate::heads;
use crate::lent::Lent;
use crate::live::viewer::signed_reason;
use crate::play::NEW_KEY;
use crate::span::Span;
use crate::state::Owner;
use host::lock::Mutex;
use media::epoch::GapReason;
use media::id::TrackId;
use media::time::Micros;
use past::Past;
use quic::CallError;
use relay_client::{EpochQuery, Paging};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// After so much of what was cut short a question is answered; the rest is drawn as planned, until
/// it is asked again.
const ENDS: Most = Most { heads: 1024, runs: 16 };

/// Where the first epoch of a span is looked for at first, and how much further each time: a day
/// that was filmed costs an EpochOpen or two, and one that was not a few questions.
const LOOK: Duration = Duration::from_secs(60);
const LOOK_FURTHER: u32 = 4;

/// Epochs seen so far, by camera id and track, and the session for more.
#[derive(Debug, Default)]
pub(super) struct Epochs {
    tracks: Mutex<BTreeMap<(String, TrackId), Past>>,
    sessions: Lent,
}

/// A stretch that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Hole {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) reason: Cow<'static, str>,
    /// Whether its owner wanted nothing filmed then.
    pub(crate) rests: bool,
}

impl Hole {
    fn new(from: u64, to: u64, reason: Cow<'static, str>) -> Self {
        let wanted = [GapReason::Privacy, GapReason::OutsideSchedule].map(signed_reason);
        let rests = wanted.contains(&Some(&*reason));
        Self { from, to, reason, rests }
    }
}

/// A request about the camera, where its epochs lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Released {
    pub(crate) from: u64,
    pub(crate) to: u64,
    #[serde(flatten)]
    pub(crate) row: Row,
}

/// All that is shown of a span. Unix microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Timeline {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) recorded: Vec<(u64, u64)>,
    pub(crate) gaps: Vec<Hole>,
    pub(crate) releases: Vec<Released>,
}

impl Epochs {
    /// The epochs of the main picture in a span that were seen so far, in order.
    pub(super) fn known(&self, id: &str, span: Span) -> Vec<KnownEpoch> {
        let tracks = self.tracks.lock();
        let main = tracks.get(&(id.to_owned(), TrackId::MAIN));
        main.map_or_else(Vec::new, |track| track.known(span.from_us().0, span.to_us().0))
    }

    /// The timeline of a span, under whichever keys it was filmed; `newest_us` is the start of the
    /// newest stored segment.
    pub(super) async fn timeline(
        &self,
        owner: &Owner,
        glimpses: &Glimpses,
        camera: &StoredCamera,
        span: Span,
        newest_us: u64,
        rows: &[Row],
    ) -> Result<Timeline, CallError> {
        let (stored, from, to) = (owner.stored(), span.from_us().0, span.to_us().0);
        let mut all = Timeline { from, to, recorded: Vec::new(), gaps: Vec::new(), releases: Vec::new() };
        for (nth, (of, part)) in stored.parts(&camera.name, span).into_iter().enumerate() {
            let newest_us = if of.camera_id == camera.camera_id { newest_us } else { part.to_us().0 };
            let one = self.of_one_key(owner, glimpses, of, part, newest_us, rows).await?;
            if nth > 0 {
                // From where the key before ended to where this one begins.
                let begins = one.recorded.first().map_or(one.from, |(from, _)| *from);
                let ended = all.recorded.last().map_or(begins, |(_, to)| *to);
                all.gaps.push(Hole::new(ended.min(begins), begins, Cow::Borrowed(NEW_KEY)));
            }
            all.recorded.extend(one.recorded);
            all.gaps.extend(one.gaps);
            all.releases.extend(one.releases);
        }
        Ok(all)
    }

    /// Where the first recording of a span begins, or is under way; by its main picture.
    pub(super) async fn first(
        &self,
        owner: &Owner,
        camera: &StoredCamera,
        span: Span,
    ) -> Result<Option<Micros>, CallError> {
        let (stored, mut session) = (owner.stored(), self.sessions.borrow(owner));
        let mut first = None;
        for (of, part) in stored.parts(&camera.name, span) {
            let camera_key = heads::camera_key(of)?;
            let (mut from_us, mut look) = (part.from_us(), LOOK);
            while first.is_none() && from_us < part.to_us() {
                let to_us = from_us.after(look).min(part.to_us());
                let query = EpochQuery { camera_key, track: TrackId::MAIN, from_us, to_us };
                let page = Paging::new(query).next(&session.link().await?).await?;
                let starts = page.iter().flat_map(|page| &page.epochs).map(|it| it.open().context.start_us);
                first = starts.min().map(|start| start.max(part.from_us()));
                (from_us, look) = (to_us, look * LOOK_FURTHER);
            }
        }
        self.sessions.give_back(session);
        Ok(first)
    }

    async fn of_one_key(
        &self,
        owner: &Owner,
        glimpses: &Glimpses,
        camera: &StoredCamera,
        span: Span,
        newest_us: u64,
        rows: &[Row],
    ) -> Result<Timeline, CallError> {
        let (name, from, to) = (&camera.name, span.from_us().0, span.to_us().0);
        let main = self.fetched(owner, camera, TrackId::MAIN, span).await?;
        glimpses.read(owner, camera, &main.cut_short(from, to), ENDS).await?;
        let stored = glimpses.stored(camera.camera_id, main.around(from, to));
        let (recorded, gaps) = main.drawn(&stored, from, to, newest_us);
        let mut releases = main.releases(TrackId::MAIN, from, to, name, rows);
        // A release names epochs of one track: those of the second one lie where its own EpochOpens
        // say.
        if rows.iter().any(|row| row.track == TrackId::SUB.0 && row.camera == *name) {
            let sub = self.fetched(owner, camera, TrackId::SUB, span).await?;
            releases.extend(sub.releases(TrackId::SUB, from, to, name, rows));
        }
        Ok(Timeline { from, to, recorded, gaps, releases })
    }

    /// What is known of a track in a span, asked of the relay where it is not kept.
    async fn fetched(
        &self,
        owner: &Owner,
        camera: &StoredCamera,
        of: TrackId,
        span: Span,
    ) -> Result<Past, CallError> {
        let camera_key = heads::camera_key(camera)?;
        let mut session = self.sessions.borrow(owner);
        let id = (camera.camera_id.to_string(), of);
        let mut track = self.tracks.lock().get(&id).cloned().unwrap_or_default();
        let (from, to, now) = (span.from_us().0, span.to_us().0, owner.now_us().0);
        track.relay = owner.relays.key;
        let mut wanted = track.wanted(from, to);
        wanted.extend(track.late(from, to, now));
        for (from, to) in wanted {
            let (from_us, to_us) = (Micros(from), Micros(to));
            let link = session.link().await?;
            let mut paging = Paging::new(EpochQuery { camera_key, track: of, from_us, to_us });
            while let Some(page) = paging.next(&link).await? {
                page.epochs.iter().for_each(|epoch| track.take(epoch.open()));
            }
        }
        self.sessions.give_back(session);
        track.cover(from, to.min(now));
        self.tracks.lock().insert(id, track.clone());
        Ok(track)
    }
}
