//! What is known, looked at again and again, and brought to the broker for as long as the bridge runs.

use super::Broker;
use super::discovery::OFFLINE;
use super::session::{Came, Sent, Session};
use super::told::{CameraTold, News, Seen, Told, held};
use crate::bridge::{Bridge, releases};
use crate::kept::{self, KeptError};
use crate::span::Span;
use crate::status::Status;
use host::backoff::Backoff;
use media::time::Micros;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How much of the newest footage is looked at for motion.
const RECENT: Duration = Duration::from_secs(120);
/// Motion is over when it ended so long before the newest segment, or when nothing new came for so long.
const STILL: Duration = Duration::from_secs(15);
/// A relay that was heard so long ago says nothing of now.
const HEARD: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Tells the broker until the bridge ends.
pub(in crate::bridge) async fn keep_told(bridge: &Bridge, broker: &Broker) {
    let (to, mut seen) = watch::channel(None);
    let looking = async {
        let mut newest = BTreeMap::new();
        loop {
            to.send_replace(Some(look(bridge, &mut newest).await));
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

/// Start of a camera's newest segment, and since when that has been it.
type Newest = BTreeMap<String, (u64, Instant)>;

async fn look(bridge: &Bridge, newest: &mut Newest) -> Seen {
    let (told, now) = (bridge.known.cameras(), bridge.owner.now());
    let silent = bridge.owner.now_us().since(Micros(told.heard_us));
    let is_heard = told.heard_us > 0 && (told.problem.is_none() || silent <= HEARD);
    // Another command may have changed it. A book that cannot be read now was readable before.
    let stored = bridge.owner.refreshed().await.unwrap_or_else(|_| bridge.owner.stored());
    let mut cameras = Vec::new();
    for camera in stored.cameras.iter().filter(|camera| camera.welcomed && !camera.is_retired()) {
        let id = camera.camera_id.to_string();
        let status = told.status.iter().find(|status| status.camera_id == id).filter(|_| is_heard);
        let motion = match status {
            Some(status) if status.online => moves(bridge, camera, status, newest).await,
            Some(_) | None => None,
        };
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
async fn moves(
    bridge: &Bridge,
    camera: &crate::book::StoredCamera,
    status: &Status,
    newest: &mut Newest,
) -> Option<bool> {
    let now = Instant::now();
    let known = newest.entry(status.camera_id.clone()).or_insert((status.newest_us, now));
    if known.0 != status.newest_us {
        *known = (status.newest_us, now);
    }
    let unchanged = now.saturating_duration_since(known.1);
    let newest_us = Micros(status.newest_us);
    let span = Span::new(newest_us.before(RECENT), newest_us.after(Duration::from_secs(1))).ok()?;
    let moved = bridge.known.moved(camera, span).await.ok()?;
    let last_us = moved.events.iter().map(|event| event.to).max();
    Some(is_moving(last_us.map(Micros), newest_us, unchanged))
}

fn is_moving(last_us: Option<Micros>, newest_us: Micros, unchanged: Duration) -> bool {
    unchanged <= STILL && last_us.is_some_and(|last| newest_us.since(last) <= STILL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn motion_ends_a_while_after_the_last_of_it_and_with_what_is_filmed() {
        let (newest, short) = (Micros(1_000_000_000), Duration::from_secs(2));
        let moving =
            |ago: u64, unchanged| is_moving(Some(newest.before(Duration::from_secs(ago))), newest, unchanged);
        assert!(moving(0, short) && moving(15, short));
        assert!(!moving(16, short), "it is over");
        assert!(!moving(0, Duration::from_secs(16)), "a camera that films events only stopped");
        assert!(!is_moving(None, newest, short));
        assert!(is_moving(Some(newest.after(short)), newest, short), "it goes on in the newest one");
    }
}
