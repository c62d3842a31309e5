//! What is known, looked at again and again, and brought to the broker for as long as the bridge runs.

use super::Broker;
use super::discovery::OFFLINE;
use super::session::{Came, Sent, Session};
use super::told::{CameraTold, News, Seen, Told, held};
use crate::book::StoredCamera;
use crate::bridge::{Bridge, releases};
use crate::kept::{self, KeptError};
use crate::span::Span;
use crate::status::{CameraState, Status};
use host::backoff::Backoff;
use media::time::Micros;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How much of the newest footage is looked at for motion.
const RECENT: Duration = Duration::from_secs(120);
/// Motion is over when it ended so long before the newest segment, or when nothing new came for so long.
const STILL: Duration = Duration::from_secs(15);
/// A relay that was heard so long ago says nothing of now.
const HEARD: Duration = Duration::from_secs(30);
/// What was found so long ago says nothing of what moves now.
const ANSWERED: Duration = Duration::from_secs(8);
/// How far the newest head that was read may be behind the newest segment: heads are asked for every
/// few seconds.
const LATE: Duration = Duration::from_secs(6);
/// Footage that is so old is not of now, whatever the relay says.
const OLD: Duration = Duration::from_secs(120);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Tells the broker until the bridge ends.
pub(in crate::bridge) async fn keep_told(bridge: &Arc<Bridge>, broker: &Broker) {
    let (to, mut seen) = watch::channel(None);
    let looking = async {
        let mut motions = Motions::default();
        loop {
            to.send_replace(Some(look(bridge, &mut motions).await));
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let telling = async {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            match session(bridge, broker, &mut seen, &mut backoff).await {
                Ok(()) => return,
                Err(error) => tracing::warn!(%error, "the broker is not told; trying again"),
            }
            let pause = backoff.failed(&mut bridge.owner.rng());
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = bridge.shutdown.requested() => return,
            }
        }
    };
    tokio::select! {
        () = looking => {}
        () = telling => {}
    }
}

/// One session, from its start to its end; `Ok` when the bridge ends.
async fn session(
    bridge: &Bridge,
    broker: &Broker,
    seen: &mut watch::Receiver<Option<Seen>>,
    backoff: &mut Backoff,
) -> Result<(), String> {
    let topics = &broker.topics;
    let folder = bridge.owner.folder();
    let named = |error: KeptError| error.to_string();
    let mut told: Told = kept::read(folder).await.map_err(named)?;
    let mut session = tokio::select! {
        opened = Session::open(&broker.options) => opened?,
        () = bridge.shutdown.requested() => return Ok(()),
    };
    // What this broker has by its own word: another session's, or another broker's, is no part of it.
    let mut has = BTreeMap::new();
    loop {
        let now = seen.borrow_and_update().clone();
        if let Some(now) = &now {
            let ids = now.cameras.iter().map(|camera| camera.id.clone());
            let (all, releases) = (ids.collect::<Vec<_>>(), now.releases.clone());
            let before = told.clone();
            // Written before the broker has any of it: what it may hold is taken back later on.
            told.cameras.extend(all);
            releases.iter().for_each(|releases| told.look(releases));
            if told != before {
                keep(bridge, &told).await?;
            }
            tell(&mut session, broker, now, &told, &has)?;
        }
        tokio::select! {
            came = session.next() => match came? {
                Came::Nothing => {}
                Came::Acknowledged(Sent::Retained { topic, text }) => {
                    backoff.worked();
                    let is_taken_back = text.is_empty();
                    has.insert(topic, text);
                    if is_taken_back {
                        // A camera of which nothing is left there is forgotten.
                        let is_gone = |topic: &String| has.get(topic).is_some_and(String::is_empty);
                        told.cameras.retain(|id| !topics.all_of(id).iter().all(is_gone));
                        keep(bridge, &told).await?;
                    }
                }
                Came::Acknowledged(Sent::News(News { leaf, word, .. })) => {
                    told.tell(leaf, word);
                    keep(bridge, &told).await?;
                }
            },
            changed = seen.changed() => changed.map_err(|error| error.to_string())?,
            () = bridge.shutdown.requested() => {
                session.close(&topics.status(), OFFLINE).await;
                return Ok(());
            }
        }
    }
}

/// Hands over what the broker lacks, as far as there is room.
fn tell(
    session: &mut Session,
    broker: &Broker,
    now: &Seen,
    told: &Told,
    has: &BTreeMap<String, String>,
) -> Result<(), String> {
    for (topic, text) in held(&broker.topics, now, told) {
        let is_of_topic = |sent: &Sent| matches!(sent, Sent::Retained { topic: of, .. } if *of == topic);
        let is_there = has.get(&topic) == Some(&text);
        if session.has_room() && !is_there && !session.is_under_way(is_of_topic) {
            session.send(&topic, Sent::Retained { topic: topic.clone(), text })?;
        }
    }
    for news in told.news(now.releases.as_deref().unwrap_or_default()) {
        let is_it = |sent: &Sent| matches!(sent, Sent::News(of) if of.leaf == news.leaf);
        if session.has_room() && !session.is_under_way(is_it) {
            session.send(&broker.topics.event(), Sent::News(news))?;
        }
    }
    Ok(())
}

async fn keep(bridge: &Bridge, told: &Told) -> Result<(), String> {
    let told = told.clone();
    let kept = kept::change(bridge.owner.folder(), move |kept: &mut Told| {
        *kept = told;
        Ok::<(), KeptError>(())
    });
    kept.await.map_err(|error| error.to_string())
}

/// What moves at the cameras, asked of each by a task of its own: a relay that answers slowly, or not,
/// keeps back nothing else.
#[derive(Default)]
struct Motions {
    /// Start of a camera's newest segment, and since when that has been it.
    newest: BTreeMap<String, (u64, Instant)>,
    asked: JoinSet<(String, Option<Looked>)>,
    under_way: BTreeSet<String>,
    answers: BTreeMap<String, (Looked, Instant)>,
}

/// What was found of a camera's last minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Looked {
    /// When the last of what moved ended.
    moved_us: Option<Micros>,
    /// From where to where its newest heads were read and none is missing.
    seen: Option<(Micros, Micros)>,
    /// Whether every head that is there has been read.
    complete: bool,
}

impl Motions {
    /// Since when this has been the start of a camera's newest segment.
    fn unchanged(&mut self, id: &str, newest_us: u64, now: Instant) -> Duration {
        let known = self.newest.entry(id.to_owned()).or_insert((newest_us, now));
        if known.0 != newest_us {
            *known = (newest_us, now);
        }
        now.saturating_duration_since(known.1)
    }

    /// What was found last, where that was of late; asks again where nothing is asked yet.
    fn of(
        &mut self,
        id: &str,
        now: Instant,
        ask: impl Future<Output = Option<Looked>> + Send + 'static,
    ) -> Option<Looked> {
        while let Some(ended) = self.asked.try_join_next() {
            // What it asked of is not known when a task did not end well: all are asked again.
            let Ok((of, found)) = ended else { return self.forget() };
            self.under_way.remove(&of);
            match found {
                Some(found) => drop(self.answers.insert(of, (found, now))),
                None => drop(self.answers.remove(&of)),
            }
        }
        if self.under_way.insert(id.to_owned()) {
            let of = id.to_owned();
            self.asked.spawn(async move { (of, ask.await) });
        }
        let (found, at) = self.answers.get(id)?;
        (now.saturating_duration_since(*at) <= ANSWERED).then_some(*found)
    }

    fn forget(&mut self) -> Option<Looked> {
        *self = Self::default();
        None
    }
}

async fn look(bridge: &Arc<Bridge>, motions: &mut Motions) -> Seen {
    let (told, now) = (bridge.known.cameras(), bridge.owner.now());
    let silent = bridge.owner.now_us().since(Micros(told.heard_us));
    let is_heard = told.heard_us > 0 && (told.problem.is_none() || silent <= HEARD);
    // Another command may have changed it. A book that cannot be read now was readable before.
    let stored = bridge.owner.refreshed().await.unwrap_or_else(|_| bridge.owner.stored());
    let mut cameras = Vec::new();
    for camera in stored.cameras.iter().filter(|camera| camera.welcomed && !camera.is_retired()) {
        let id = camera.camera_id.to_string();
        let status = told.status.iter().find(|status| status.camera_id == id).filter(|_| is_heard);
        let online = status.filter(|status| status.online);
        let motion = online.and_then(|status| moves(bridge, camera, status, motions));
        let now = status.map(|status| (status.condition.clone(), status.online));
        cameras.push(CameraTold { id, name: camera.name.clone(), now, motion });
    }
    let report = bridge.known.report();
    let releases = report.map(|report| releases::of(&report, &stored, |_| true));
    let year = releases::year_of(now);
    let given = releases.iter().flatten().filter(|release| release.is_given());
    let given = given.filter(|release| releases::year_of(Micros(release.read_us).seconds()) == year).count();
    Seen { cameras, releases, standing: bridge.known.standing(), year, given }
}

/// Whether something moves now; `None` where that is not known.
fn moves(
    bridge: &Arc<Bridge>,
    camera: &StoredCamera,
    status: &Status,
    motions: &mut Motions,
) -> Option<bool> {
    let (now, newest_us) = (Instant::now(), Micros(status.newest_us));
    let unchanged = motions.unchanged(&status.camera_id, newest_us.0, now);
    let looked = motions.of(&status.camera_id, now, found(bridge.clone(), camera.clone(), newest_us));
    // The camera's own signed word.
    if status.condition.state == CameraState::NothingMoves && unchanged > STILL {
        return Some(false);
    }
    let is_of_now = bridge.owner.now_us().since(newest_us) <= OLD;
    is_moving(looked?, newest_us, unchanged).filter(|_| is_of_now)
}

async fn found(bridge: Arc<Bridge>, camera: StoredCamera, newest_us: Micros) -> Option<Looked> {
    let span = Span::new(newest_us.before(RECENT), newest_us.after(Duration::from_secs(1))).ok()?;
    let moved = bridge.known.moved(&camera, span).await.ok()?;
    let moved_us = moved.events.iter().map(|event| Micros(event.to)).max();
    let seen = bridge.known.unbroken(&camera);
    Some(Looked { moved_us, seen, complete: moved.complete })
}

/// That nothing moves is said where the heads of the last while were seen, to the newest one: a relay
/// that keeps heads back, or leaves some out, is not believed.
fn is_moving(looked: Looked, newest_us: Micros, unchanged: Duration) -> Option<bool> {
    if unchanged > STILL {
        return None;
    }
    if looked.moved_us.is_some_and(|last| newest_us.since(last) <= STILL) {
        return Some(true);
    }
    let is_seen =
        |(from, to): (Micros, Micros)| from <= newest_us.before(STILL) && newest_us.since(to) <= LATE;
    (looked.complete && looked.seen.is_some_and(is_seen)).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked(moved_ago: Option<u64>, seen: Option<(u64, u64)>, newest: Micros) -> Looked {
        let ago = |secs| newest.before(Duration::from_secs(secs));
        let seen = seen.map(|(from, to)| (ago(from), ago(to)));
        Looked { moved_us: moved_ago.map(ago), seen, complete: true }
    }

    #[test]
    fn motion_ends_a_while_after_the_last_of_it_and_with_what_is_filmed() {
        let (newest, short) = (Micros(1_000_000_000), Duration::from_secs(2));
        let moving =
            |ago: u64, unchanged| is_moving(looked(Some(ago), Some((120, 0)), newest), newest, unchanged);
        assert_eq!((moving(0, short), moving(15, short)), (Some(true), Some(true)));
        assert_eq!(moving(16, short), Some(false), "it is over");
        assert_eq!(moving(0, Duration::from_secs(16)), None, "nothing new came");
        let on = Looked { moved_us: Some(newest.after(short)), ..looked(None, None, newest) };
        assert_eq!(is_moving(on, newest, short), Some(true), "it goes on in the newest one");
    }

    #[test]
    fn where_heads_are_missing_it_is_not_known_that_nothing_moves() {
        let (newest, short) = (Micros(1_000_000_000), Duration::from_secs(2));
        let still = |seen| is_moving(looked(None, seen, newest), newest, short);
        assert_eq!(still(Some((120, 0))), Some(false));
        assert_eq!(still(Some((15, 6))), Some(false), "the newest one is asked for in a moment");
        assert_eq!(still(None), None, "no head is there, or none opened");
        assert_eq!(still(Some((120, 7))), None, "the newest ones are kept back");
        assert_eq!(still(Some((5, 0))), None, "one is left out a while ago");
        let some = Looked { complete: false, ..looked(None, Some((120, 0)), newest) };
        assert_eq!(is_moving(some, newest, short), None, "more are to be read");
    }

    #[tokio::test]
    async fn a_relay_that_stalls_holds_up_nothing_and_what_it_said_last_is_not_of_now() {
        let mut motions = Motions::default();
        let (start, found) = (Instant::now(), looked(None, Some((120, 0)), Micros(1_000_000_000)));
        assert_eq!(motions.of("a", start, async move { Some(found) }), None, "it is only asked");
        assert_eq!(motions.of("b", start, std::future::pending()), None);
        while motions.of("a", start, std::future::pending()).is_none() {
            tokio::task::yield_now().await;
        }
        // Both are asked and do not answer any more.
        assert_eq!(motions.of("b", start, std::future::pending()), None);
        assert_eq!(motions.asked.len(), 2, "one is not asked twice at once");
        assert_eq!(motions.of("a", start + ANSWERED, std::future::pending()), Some(found));
        let later = start + ANSWERED + Duration::from_secs(1);
        assert_eq!(motions.of("a", later, std::future::pending()), None);
    }
}
