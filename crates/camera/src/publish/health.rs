//! What the camera says of itself: looked at every second, put when it changes, and at a beat.
//! Contract: `proto/session.md#health`.
//!
//! Without a session it is looked at all the same, so that the next one tells since when something
//! is wrong. Moments are those of the steady clock until they are told: a wall clock that is set
//! moves none of them. In scope: what is wrong, of what the tracks count ([`crate::stats`]). Out of
//! scope: how it reads to people.

use super::SessionError;
use super::session::Session;
use crate::clock::{Clocks, Moment};
use crate::settings::Followed;
use crate::state::Handover;
use crate::stats::{Figures, Stats, Troubles};
use media::epoch::GapReason;
use media::health::Health;
use media::id::TrackId;
use media::time::Micros;
use quic::CallError;
use relay_client::{ask, calls};
use seal::health::{Picture, PictureState, Said, Trouble, TroubleKind};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// How often it is looked at.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// It is said again after this long, also where nothing changed,
const BEAT: Duration = Duration::from_secs(30);
/// and what changes, after this long at the soonest.
const LEAST: Duration = Duration::from_secs(5);
/// A source that sends nothing for so long, and says nothing of it, has no picture. No source that
/// is filmed pauses longer between two pictures.
const SILENT_US: u64 = 60_000_000;
/// So long it is told that the spool let segments go.
const DROPPED_US: u64 = 600_000_000;

/// What there is to say at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Now {
    /// Each picture, and since when it is so by the steady clock.
    pictures: Vec<(TrackId, PictureState, u64)>,
    troubles: Vec<Trouble>,
    /// The number of the settings that are followed.
    settings: u64,
}

/// What was seen so far.
pub(super) struct Look {
    tracks: Vec<Watched>,
    followed: Followed,
}

struct Watched {
    track: TrackId,
    stats: Stats,
    state: PictureState,
    /// By the steady clock.
    since_us: u64,
    /// When it rested last.
    rested_us: Option<u64>,
    dropped: u64,
    dropped_us: Option<u64>,
}

impl Look {
    /// From the start of the camera on.
    pub(super) fn begin(filmed: &[Arc<Handover>], steady_us: u64) -> Self {
        let watched = |handover: &Arc<Handover>| Watched {
            track: handover.track,
            stats: handover.stats.clone(),
            state: PictureState::Missing,
            since_us: steady_us,
            rested_us: None,
            dropped: 0,
            dropped_us: None,
        };
        let followed = filmed.first().map(|main| main.followed.clone()).unwrap_or_default();
        Self { tracks: filmed.iter().map(watched).collect(), followed }
    }

    /// Looks once. `off`: why nothing is to be filmed now.
    pub(super) fn now(&mut self, off: Option<GapReason>, steady_us: u64) -> Now {
        let mut troubles = Vec::new();
        for watched in &mut self.tracks {
            let figures = watched.stats.now();
            watched.look(&figures, off, steady_us);
            troubles.extend(watched.troubles(&figures, steady_us));
        }
        let pictures = self.tracks.iter().map(|it| (it.track, it.state, it.since_us)).collect();
        Now { pictures, troubles, settings: self.followed.number() }
    }
}

impl Watched {
    fn look(&mut self, figures: &Figures, off: Option<GapReason>, steady_us: u64) {
        if off.is_some() {
            self.rested_us = Some(steady_us);
        }
        // A picture of before it rested is none of now.
        let last = figures.picture_us.filter(|at| Some(*at) > self.rested_us);
        let is_fresh = last.is_some_and(|at| steady_us.saturating_sub(at) <= SILENT_US);
        let state = match off {
            // What the camera does by its owner's rule is nothing that is wrong.
            Some(GapReason::Privacy) => PictureState::Private,
            Some(_) => PictureState::OutsideHours,
            None if figures.troubles.picture.is_some() || !is_fresh => PictureState::Missing,
            None if figures.holds_back => PictureState::NothingMoves,
            None => PictureState::Filmed,
        };
        if state != self.state {
            let went = last.filter(|_| state == PictureState::Missing);
            (self.state, self.since_us) = (state, went.unwrap_or(steady_us));
        }
        if figures.dropped > self.dropped {
            (self.dropped, self.dropped_us) = (figures.dropped, Some(steady_us));
        }
    }

    /// The worst first.
    fn troubles(&self, figures: &Figures, steady_us: u64) -> Vec<Trouble> {
        let Troubles {
            picture,
            sound,
            clock,
            time,
            link,
            identity,
            policy,
            settings,
            sensor,
            escrow,
            chosen,
        } = &figures.troubles;
        let is_missing = self.state == PictureState::Missing;
        // Without a picture it is not waited for.
        let sound = sound
            .as_ref()
            .filter(|_| matches!(self.state, PictureState::Filmed | PictureState::NothingMoves));
        let unsaid = || match figures.picture_us {
            None => "the source is being started".to_owned(),
            Some(_) => "the source sends no picture".to_owned(),
        };
        let picture = is_missing.then(|| picture.clone().unwrap_or_else(unsaid));
        let is_dropping = self.dropped_us.is_some_and(|at| steady_us.saturating_sub(at) < DROPPED_US);
        let dropped = is_dropping.then(|| {
            format!("the spool is full: {} segments that the relay did not take are gone", self.dropped)
        });
        // SPEC: segment.md#health: a text MUST NOT hold a password: no error of a source does.
        let all = [
            (TroubleKind::Picture, picture.as_ref()),
            (TroubleKind::Identity, identity.as_ref()),
            (TroubleKind::Policy, policy.as_ref()),
            (TroubleKind::Settings, settings.as_ref()),
            (TroubleKind::Spool, dropped.as_ref()),
            (TroubleKind::Relay, link.as_ref()),
            (TroubleKind::Clock, time.as_ref()),
            (TroubleKind::CameraClock, clock.as_ref()),
            (TroubleKind::Trustees, escrow.as_ref()),
            (TroubleKind::Sensor, sensor.as_ref()),
            (TroubleKind::Sound, sound),
            (TroubleKind::Chosen, chosen.as_ref()),
            (TroubleKind::Chosen, figures.usual.as_ref()),
        ];
        all.into_iter().filter_map(|(kind, text)| Some(Trouble::new(self.track, kind, text?))).collect()
    }
}

impl Now {
    /// Whether it says the same, but for how long: figures that count on are no news.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let words = |trouble: &Trouble| {
            let text: String = trouble.text.chars().filter(|c| !c.is_ascii_digit()).collect();
            (trouble.track, trouble.kind, text)
        };
        self.pictures == other.pictures
            && self.settings == other.settings
            && self.troubles.iter().map(words).eq(other.troubles.iter().map(words))
    }

    /// In the words of the contract, by the wall clock; and since when the main picture is missing.
    fn said(&self, now: Moment, waiting: u64) -> (Said, Option<Micros>) {
        let at = |steady_us: u64| {
            now.wall_us.before(Duration::from_micros(now.steady_us.saturating_sub(steady_us)))
        };
        let pictures: Vec<_> = self
            .pictures
            .iter()
            .map(|&(track, state, since_us)| Picture { track, state, since_us: at(since_us) })
            .collect();
        let missing = |it: &&Picture| it.track == TrackId::MAIN && it.state == PictureState::Missing;
        let missing = pictures.iter().find(missing).map(|picture| picture.since_us);
        let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        (Said { pictures, troubles: self.troubles.clone(), waiting, settings: self.settings }, missing)
    }
}

/// Says it until the session ends.
// SPEC: session.md#health: a camera MUST say it again after 30 s at the latest.
pub(super) async fn run(
    session: &Session,
    mut told: watch::Receiver<Now>,
) -> Result<Infallible, SessionError> {
    loop {
        let now = told.borrow_and_update().clone();
        put(session, &now).await?;
        sleep(LEAST).await;
        tokio::select! {
            // Whoever looks outlives every session.
            _ = told.changed() => {}
            () = sleep(BEAT - LEAST) => {}
        }
    }
}

async fn put(session: &Session, now: &Now) -> Result<(), SessionError> {
    let notices = session.main.handover.on_disk(|spool| spool.notices()).await?;
    let figures = session.main.handover.stats.now();
    let tracks = [Some(&session.main), session.sub.as_ref()].into_iter().flatten();
    let waiting = tracks.map(|track| track.handover.stats.now().spooled.0).sum();
    let moment = as_footage(Clocks::new(session.clock.clone()).now(), figures.doubted);
    let (said, no_picture_since_us) = now.said(moment, waiting);
    let key = notices.root.health_key(&session.camera_id, notices.day);
    let health = Health {
        camera_id: session.camera_id,
        at_us: moment.wall_us,
        no_picture_since_us,
        day: notices.day,
        sealed: key.seal(said, &mut session.rng.clone()),
    };
    match ask(&session.link, &calls::put_health(health.sign(&session.camera))).await {
        // It is said again; footage goes on.
        Err(CallError::Refused(refusal)) => {
            tracing::warn!(%refusal, "the relay does not pass on how this camera is");
            Ok(())
        }
        Err(error @ CallError::TimedOut { .. }) => {
            tracing::warn!(%error, "how this camera is was not passed on");
            Ok(())
        }
        put => Ok(put?),
    }
}

/// Dated as footage is: a clock that is not believed dates no word either, which a relay could keep
/// for then.
fn as_footage(moment: Moment, doubted: Option<Moment>) -> Moment {
    doubted.map_or(moment, |at| {
        let since = Duration::from_micros(moment.steady_us.saturating_sub(at.steady_us));
        Moment { wall_us: at.wall_us.after(since), ..moment }
    })
}

#[cfg(test)]
mod tests;
