//! The JSON of version 1. Its shapes are its own: the page's may change from day to day. Times are
//! Unix microseconds, and end with `_us`.

use super::Bridge;
use super::door::Guest;
use super::public::PublicCount;
use super::refused::Refused;
use super::releases::{self, Release};
use crate::app::proof::{Standing, Worth};
use crate::app::timeline::{Hole, Timeline};
use crate::book::StoredCamera;
use crate::span::Span;
use crate::status::{Complaint, Status};
use axum::Json;
use axum::extract::{Path, Query, State};
use media::time::{Micros, Seconds};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Debug, Serialize)]
pub(super) struct About {
    version: u32,
    /// The token's.
    name: String,
    /// What it sees: their ids.
    cameras: Vec<String>,
    now_us: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct AllCameras {
    now_us: u64,
    relay: HeardOfRelay,
    cameras: Vec<CameraNow>,
}

#[derive(Debug, Serialize)]
struct HeardOfRelay {
    /// When it answered last; 0 for never.
    heard_us: u64,
    /// Why it does not answer now.
    problem: Option<String>,
}

/// One camera, as `candor owner cameras` says it.
#[derive(Debug, Serialize)]
pub(super) struct CameraNow {
    id: String,
    name: String,
    /// `unknown` until the relay has answered once.
    state: serde_json::Value,
    since_us: u64,
    text: String,
    troubles: Vec<Complaint>,
    connected: bool,
    /// Start of its newest stored segment; 0 for none.
    newest_us: u64,
    /// Whether it films a second picture (`track=1`).
    second: bool,
    retired: bool,
}

#[derive(Debug, Serialize)]
struct Stretch {
    from_us: u64,
    to_us: u64,
}

#[derive(Debug, Serialize)]
struct Gap {
    from_us: u64,
    to_us: u64,
    reason: String,
}

#[derive(Debug, Serialize)]
struct ReleasedStretch {
    from_us: u64,
    to_us: u64,
    leaf: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct PastTimeline {
    from_us: u64,
    to_us: u64,
    recorded: Vec<Stretch>,
    gaps: Vec<Gap>,
    releases: Vec<ReleasedStretch>,
}

#[derive(Debug, Serialize)]
struct Event {
    from_us: u64,
    to_us: u64,
    /// How much of the picture changed at once, at the most, per mille.
    permille: u16,
}

#[derive(Debug, Serialize)]
pub(super) struct PastEvents {
    events: Vec<Event>,
    /// Whether every head that is there has been read; otherwise ask again.
    complete: bool,
}

/// How much what is said of the log is worth.
#[derive(Debug, Serialize)]
struct LogStanding {
    worth: Worth,
    size: Option<u64>,
    witnesses: usize,
    of_witnesses: usize,
    /// How long ago a quorum stood behind its head, seconds.
    age_secs: Option<u64>,
    problem: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct YearOfReleases {
    log: LogStanding,
    year: u64,
    /// How many requests of others were granted, of those that were read in this year (UTC).
    given: usize,
    /// The public count, where a monitor is configured.
    public: Option<PublicCount>,
    releases: Vec<Release>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Between {
    #[serde(default)]
    from_us: String,
    #[serde(default)]
    to_us: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Year {
    year: Option<String>,
}

impl Bridge {
    /// The camera that a guest means, by its id or its name.
    pub(super) fn camera(&self, guest: &Guest, which: &str) -> Result<StoredCamera, Refused> {
        let cameras = self.owner.stored().cameras;
        let by_id = cameras.iter().find(|camera| camera.camera_id.to_string() == which);
        let camera = by_id.or_else(|| cameras.iter().find(|camera| camera.name == which));
        let camera = camera.filter(|camera| guest.sees(&camera.camera_id.to_string()));
        camera.cloned().ok_or(Refused::UnknownCamera)
    }

    fn camera_now(&self, camera: &StoredCamera, all: &[Status]) -> CameraNow {
        let id = camera.camera_id.to_string();
        let told = all.iter().find(|status| status.camera_id == id);
        let state = told.map_or_else(|| "unknown".into(), |told| serde_json::json!(told.condition.state));
        let of = |number: fn(&Status) -> u64| told.map_or(0, number);
        CameraNow {
            id,
            name: camera.name.clone(),
            state,
            since_us: of(|told| Seconds(told.condition.since).micros().0),
            text: told.map_or_else(
                || "the relay has not answered yet".to_owned(),
                |told| told.condition.text.clone(),
            ),
            troubles: told.map_or_else(Vec::new, |told| told.condition.troubles.clone()),
            connected: told.is_some_and(|told| told.online),
            newest_us: of(|told| told.newest_us),
            second: told.is_some_and(|told| told.second),
            retired: camera.is_retired(),
        }
    }
}

pub(super) async fn about(State(bridge): State<Arc<Bridge>>, guest: Guest) -> Json<About> {
    let ids = bridge.owner.stored().cameras.into_iter().map(|camera| camera.camera_id.to_string());
    let (name, cameras) = (guest.name().to_owned(), ids.filter(|id| guest.sees(id)).collect());
    Json(About { version: 1, name, cameras, now_us: bridge.owner.now_us().0 })
}

pub(super) async fn cameras(State(bridge): State<Arc<Bridge>>, guest: Guest) -> Json<AllCameras> {
    let told = bridge.known.cameras();
    let mut stored = bridge.owner.stored().cameras;
    stored.retain(|camera| guest.sees(&camera.camera_id.to_string()));
    stored.sort_by(|a, b| a.name.cmp(&b.name));
    Json(AllCameras {
        now_us: bridge.owner.now_us().0,
        relay: HeardOfRelay { heard_us: told.heard_us, problem: told.problem },
        cameras: stored.iter().map(|camera| bridge.camera_now(camera, &told.status)).collect(),
    })
}

pub(super) async fn camera(
    State(bridge): State<Arc<Bridge>>,
    guest: Guest,
    Path(which): Path<String>,
) -> Result<Json<CameraNow>, Refused> {
    let camera = bridge.camera(&guest, &which)?;
    Ok(Json(bridge.camera_now(&camera, &bridge.known.cameras().status)))
}

pub(super) async fn timeline(
    State(bridge): State<Arc<Bridge>>,
    guest: Guest,
    Path(which): Path<String>,
    Query(between): Query<Between>,
) -> Result<Json<PastTimeline>, Refused> {
    let (camera, span) = (bridge.camera(&guest, &which)?, between.span()?);
    let timeline = bridge.known.timeline(&camera, span).await;
    timeline
        .map(|timeline| Json(PastTimeline::of(timeline)))
        .map_err(|error| Refused::Relay(error.to_string()))
}

pub(super) async fn events(
    State(bridge): State<Arc<Bridge>>,
    guest: Guest,
    Path(which): Path<String>,
    Query(between): Query<Between>,
) -> Result<Json<PastEvents>, Refused> {
    let (camera, span) = (bridge.camera(&guest, &which)?, between.span()?);
    let moved = bridge.known.moved(&camera, span).await;
    let moved = moved.map_err(|error| Refused::Relay(error.to_string()))?;
    let event = |event: &crate::motion::Motion| Event {
        from_us: event.from,
        to_us: event.to,
        permille: event.permille,
    };
    Ok(Json(PastEvents { events: moved.events.iter().map(event).collect(), complete: moved.complete }))
}

pub(super) async fn releases(
    State(bridge): State<Arc<Bridge>>,
    guest: Guest,
    Query(asked): Query<Year>,
) -> Result<Json<YearOfReleases>, Refused> {
    let year = match asked.year {
        Some(year) => year.parse().map_err(|_| Refused::WrongYear)?,
        None => releases::year_of(bridge.owner.now()),
    };
    let standing = bridge.known.standing();
    let report = bridge.known.report().ok_or_else(|| not_checked(&standing))?;
    let stored = bridge.owner.stored();
    let sees =
        |name: &str| stored.camera(name).is_some_and(|camera| guest.sees(&camera.camera_id.to_string()));
    let mut found = releases::of(&report, &stored, sees);
    found.retain(|release| releases::year_of(Micros(release.read_us).seconds()) == year);
    Ok(Json(YearOfReleases {
        log: LogStanding {
            worth: standing.worth,
            size: standing.head_size,
            witnesses: standing.witnesses,
            of_witnesses: standing.of_witnesses,
            age_secs: standing.age,
            problem: standing.problem,
        },
        year,
        given: found.iter().filter(|release| release.is_given()).count(),
        public: bridge.public.of(year),
        releases: found,
    }))
}

/// Why nothing is said of releases: a fork is said to be one.
fn not_checked(standing: &Standing) -> Refused {
    let not_yet = || "the log has not been audited yet since the bridge started".to_owned();
    Refused::NotChecked(standing.problem.clone().unwrap_or_else(not_yet))
}

impl Between {
    fn span(&self) -> Result<Span, Refused> {
        let moment = |text: &str| {
            let advice = || Refused::WrongSpan("write from_us= and to_us= in Unix microseconds".to_owned());
            text.parse().map(Micros).map_err(|_| advice())
        };
        let span = Span::new(moment(&self.from_us)?, moment(&self.to_us)?);
        span.map_err(|error| Refused::WrongSpan(error.to_string()))
    }
}

impl PastTimeline {
    fn of(timeline: Timeline) -> Self {
        let gap = |Hole { from, to, reason, rests: _ }: Hole| Gap {
            from_us: from,
            to_us: to,
            reason: reason.into_owned(),
        };
        let released = |it: &crate::app::timeline::Released| ReleasedStretch {
            from_us: it.from,
            to_us: it.to,
            leaf: it.row.leaf_index,
        };
        Self {
            from_us: timeline.from,
            to_us: timeline.to,
            recorded: timeline.recorded.iter().map(|&(from_us, to_us)| Stretch { from_us, to_us }).collect(),
            gaps: timeline.gaps.into_iter().map(gap).collect(),
            releases: timeline.releases.iter().map(released).collect(),
        }
    }
}
