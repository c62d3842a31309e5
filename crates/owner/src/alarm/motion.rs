//! Something moved: reads the newest heads of the cameras that the owner asked for, and makes a
//! message with a picture of what [`told`](super::told) finds due.
//!
//! In scope: which heads are read, what was told before (`alarm-motion.json` in the keybook), the
//! picture. Out of scope: what an event is ([`crate::motion`]); whom a message is handed to
//! ([`super::hook`]).

use super::decide::Change;
use super::sight::{Look, Seen, Sight, is_of_now};
use super::told::{Due, Known, Told, second_of_day};
use super::{Ahead, Message, Pictured};
use crate::book::{Stored, StoredCamera};
use crate::config::{Alarms, PictureKey, WebhookPicture};
use crate::heads::picture::picture_at;
use crate::heads::{self, Head, Wanted};
use crate::motion::{Motion, moved};
use crate::state::{As, Owner};
use crate::status::{CameraState, Status};
use crate::still::{Still, still};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use host::{blocking, durable};
use media::id::{CameraId, EpochNo, Sequence};
use media::time::Micros;
use quic::CallError;
use relay_client::Session;
use seal::opener::Keyring;
use seal::picture::SentPicture;
use serde_json::{Value, json};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// How much of the newest footage is looked at: what comes later than that is no news.
const RECENT: Duration = Duration::from_secs(600);
/// A camera of which nothing new comes for so long has ended its event.
const STILL: Duration = Duration::from_secs(30);
/// How long a look at one camera may take, so that none holds up the others; and its picture.
const LOOK: Duration = Duration::from_secs(20);
const PICTURE: Duration = Duration::from_secs(40);

/// In the keybook's folder: what was told.
const KEPT: &str = "alarm-motion.json";
/// It has three numbers for each camera.
const KEPT_MAX_BYTES: u64 = 1 << 20;

/// What was told, by camera id.
type AllTold = BTreeMap<String, Told>;

/// The cameras that are followed.
pub(super) struct Following<'a> {
    owner: &'a Owner,
    ahead: Ahead,
    /// How long heads are waited for.
    after: Duration,
    session: Session,
    cameras: BTreeMap<CameraId, Followed>,
    told: AllTold,
    kept: AllTold,
    /// Names of the configuration that no camera has any more.
    unknown: BTreeSet<String>,
}

/// One of them.
struct Followed {
    keys: Keyring,
    /// Where each segment starts, and what its head says.
    segments: VecDeque<(Micros, media::motion::Motion)>,
    next: Sequence,
    newest_us: Micros,
    /// When a head opened last.
    grew: Instant,
    sight: Sight,
}

impl<'a> Following<'a> {
    pub(super) fn new(owner: &'a Owner, after: Duration, ahead: Ahead) -> Self {
        let told = kept(&owner.folder().join(KEPT));
        let (session, kept) = (owner.session(As::Device), told.clone());
        let (cameras, unknown) = (BTreeMap::new(), BTreeSet::new());
        Self { owner, ahead, after, session, cameras, told, kept, unknown }
    }

    /// Tells for ever, by what the relay says of the cameras.
    pub(super) async fn tell(mut self, mut seen: watch::Receiver<Vec<Status>>, on: impl Fn(Message)) {
        let begun = Instant::now();
        while seen.changed().await.is_ok() {
            let cameras = seen.borrow_and_update().clone();
            let book = self.owner.stored();
            self.names(&book).into_iter().for_each(|change| on(self.says(change)));
            let asked = |status: &&Status| !status.retired && self.owner.config.alarm.tells_of(&status.name);
            let asked: Vec<_> = cameras.iter().filter(asked).collect();
            for status in asked {
                let Some(camera) = book.camera(&status.name) else { continue };
                let look = self.look(camera, status).await;
                let known = self.cameras.get_mut(&camera.camera_id);
                let seen = known.and_then(|known| known.sight.handle(begun.elapsed(), look, self.after));
                if let Some(seen) = seen {
                    on(self.says(sight(camera, seen)));
                }
                if let Some(due) = self.due(camera) {
                    let picture = timeout(PICTURE, picture(self.owner, &mut self.session, camera, due.event));
                    on(message(self.owner, camera, due, self.ahead, picture.await.ok().flatten()));
                }
            }
            self.told.retain(|id, _| book.cameras.iter().any(|camera| camera.camera_id.to_string() == *id));
            self.keep().await;
        }
    }

    /// A name that stands in the configuration and is no camera's is said, once.
    fn names(&mut self, book: &Stored) -> Vec<Change> {
        let names = self.owner.config.alarm.motion.iter().filter(|name| *name != "*");
        let (known, unknown): (Vec<_>, Vec<_>) = names.partition(|name| book.camera(name).is_some());
        let back = known
            .into_iter()
            .filter(|name| self.unknown.remove(*name))
            .map(|name| Change::MotionSeen { camera: name.clone(), camera_id: String::new() });
        let mut changes: Vec<_> = back.collect();
        for name in unknown.into_iter().filter(|name| self.unknown.insert((*name).clone())) {
            let reason = "[alarm] of the configuration names it, and no camera is called so any more";
            let (camera, reason) = (name.clone(), reason.to_owned());
            changes.push(Change::MotionUnseen { camera, camera_id: String::new(), reason });
        }
        changes
    }

    /// Reads what is new of a camera.
    async fn look(&mut self, camera: &StoredCamera, status: &Status) -> Look {
        let (owner, id) = (self.owner, camera.camera_id);
        let known = match self.cameras.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => match heads::keyring(camera) {
                Ok(keys) => place.insert(Followed::new(keys)),
                Err(_) => return Look::NotAwaited,
            },
        };
        let read = known.read(owner, &mut self.session, camera, Micros(status.newest_us));
        let opened = match timeout(LOOK, read).await {
            Ok(Ok(opened)) => opened,
            Ok(Err(error)) => {
                tracing::debug!(%error, camera = %id, "no heads");
                None
            }
            Err(_) => {
                self.session = owner.session(As::Device);
                None
            }
        };
        match status.condition.state {
            _ if opened.is_some_and(|at| is_of_now(at, owner.now_us(), self.after)) => Look::Opened,
            // By the camera's own signed word.
            CameraState::Filming => Look::Nothing,
            CameraState::NothingMoves | CameraState::Resting | CameraState::NoPicture => Look::NotAwaited,
            CameraState::NotStored | CameraState::Silent | CameraState::Offline => Look::Unsaid,
        }
    }

    /// What is to be told of what is known of a camera.
    fn due(&mut self, camera: &StoredCamera) -> Option<Due> {
        let known = self.cameras.get(&camera.camera_id)?;
        // By a head that opened: what the relay says of times counts for nothing here.
        let newest_us = known.segments.iter().map(|(start_us, _)| start_us.0).max()?;
        let told = self.told.entry(camera.camera_id.to_string()).or_insert_with(|| Told::since(newest_us));
        if told.mend(newest_us) {
            tracing::warn!(camera = %camera.camera_id, "what was told of it lies ahead of what is stored: forgotten");
        }
        let events = moved(known.segments.iter().map(|(_, said)| *said), camera.ignored.0);
        // One that begins in a time to come would be told again and again.
        let events: Vec<_> = events.into_iter().filter(|event| event.from <= newest_us).collect();
        told.due(&events, known.known(), self.owner.now_us(), (&self.owner.config.alarm, self.ahead))
    }

    fn says(&self, change: Change) -> Message {
        let text = change.to_string();
        Message { at: self.owner.now().0, change, text, picture: None }
    }

    /// Writes down what was told, where that changed.
    async fn keep(&mut self) {
        if self.told == self.kept {
            return;
        }
        let path = self.owner.folder().join(KEPT);
        let text = serde_json::to_vec(&self.told).expect("numbers and texts");
        match blocking::run(move || durable::write_atomic(&path, &text)).await {
            Ok(()) => self.kept = self.told.clone(),
            Err(error) => {
                tracing::warn!(%error, "what moved and was told is not kept: after a restart it may be told again")
            }
        }
    }
}

impl Followed {
    fn new(keys: Keyring) -> Self {
        let (segments, newest_us, sight) = (VecDeque::new(), Micros(0), Sight::default());
        Self { keys, segments, next: Sequence(0), newest_us, grew: Instant::now(), sight }
    }

    /// Up to the segment that starts at `newest_us`, by the relay's word; where the newest one starts whose
    /// head opened.
    async fn read(
        &mut self,
        owner: &Owner,
        session: &mut Session,
        camera: &StoredCamera,
        newest_us: Micros,
    ) -> Result<Option<Micros>, CallError> {
        if self.newest_us == newest_us {
            return Ok(None);
        }
        let (from_us, to_us) = (newest_us.before(RECENT), newest_us.after(Duration::from_micros(1)));
        let wanted = Wanted { from_us, to_us, cursor: self.next, pictures: false };
        let answer = heads::fetch(owner, session, camera, &mut self.keys, wanted).await?;
        let fresh = answer.heads.iter().filter(|head| head.header.sequence >= wanted.cursor);
        let starts = fresh.map(|head| {
            self.take(head);
            head.header.start_us.0
        });
        let opened = starts.max().map(Micros);
        if opened.is_some() {
            self.grew = Instant::now();
        }
        let oldest_us = self.segments.back().map_or(Micros(0), |(start_us, _)| start_us.before(RECENT));
        self.segments.retain(|(start_us, _)| *start_us >= oldest_us);
        // The rest of an answer that was full comes with the next question.
        if answer.next.is_none() {
            self.newest_us = newest_us;
        }
        Ok(opened)
    }

    fn take(&mut self, head: &Head) {
        let header = &head.header;
        self.next = Sequence(header.sequence.0.saturating_add(1));
        self.keys.forget_before(EpochNo(header.epoch_no.0.saturating_sub(1)));
        self.segments.push_back((header.start_us, head.sealed.motion));
    }

    fn known(&self) -> Known {
        // SPEC: segment.md#motion: the newest head tells of the time before its segment.
        let until_us = self.segments.iter().rev().nth(1).map_or(0, |(start_us, _)| start_us.0);
        Known { until_us, stands_still: self.grew.elapsed() >= STILL }
    }
}

fn sight(camera: &StoredCamera, seen: Seen) -> Change {
    let (camera, camera_id) = (camera.name.clone(), camera.camera_id.to_string());
    match seen {
        Seen::Again => Change::MotionSeen { camera, camera_id },
        Seen::Unseen { secs } => {
            let reason = format!("it films, as it says, and no head of its segments has opened for {secs} s");
            Change::MotionUnseen { camera, camera_id, reason }
        }
    }
}

/// A picture of an event; an event without one is told all the same.
async fn picture(
    owner: &Owner,
    session: &mut Session,
    camera: &StoredCamera,
    event: Motion,
) -> Option<Arc<Pictured>> {
    for at in [event.at, event.at.saturating_sub(1)] {
        match picture_at(owner, session, camera, Micros(at)).await {
            Ok(Some((Head { header, sealed, picture: Some(picture), .. }, _))) => {
                let still = still([sealed.init, picture].concat()).await?;
                let posted = posted(owner, camera, event, header.start_us, &still);
                return Some(Arc::new(Pictured { still, posted, folder: owner.folder().to_owned() }));
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, camera = %camera.camera_id, "no picture of what moved"),
        }
    }
    None
}

/// What a webhook is given of a picture.
fn posted(owner: &Owner, camera: &StoredCamera, event: Motion, at_us: Micros, still: &Still) -> Value {
    let Alarms { webhook_picture, picture_key, .. } = &owner.config.alarm;
    match webhook_picture {
        WebhookPicture::None => Value::Null,
        WebhookPicture::InTheClear => {
            json!({ "type": still.kind, "clear": BASE64_STANDARD.encode(&still.bytes) })
        }
        WebhookPicture::Sealed => {
            let device = &owner.keys.device;
            let sent = SentPicture {
                device_pk: device.verifying_key().to_bytes(),
                camera_id: camera.camera_id,
                from_us: Micros(event.from),
                to_us: Micros(event.to),
                at_us,
                camera: camera.name.clone(),
                kind: still.kind.to_owned(),
                image: still.bytes.clone(),
            };
            let own = || PictureKey(owner.keys.wrap.public());
            let PictureKey(to) = picture_key.clone().unwrap_or_else(own);
            let sealed = sent.seal(device, &to, &mut owner.rng());
            sealed.map_or(Value::Null, |sealed| json!({ "sealed": BASE64_STANDARD.encode(sealed) }))
        }
    }
}

fn message(
    owner: &Owner,
    camera: &StoredCamera,
    Due { event, goes_on, untold }: Due,
    ahead: Ahead,
    picture: Option<Arc<Pictured>>,
) -> Message {
    let second = second_of_day(Micros(event.from), ahead);
    let change = Change::Motion {
        camera: camera.name.clone(),
        camera_id: camera.camera_id.to_string(),
        from_us: event.from,
        to_us: event.to,
        local_time: format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60),
        goes_on,
        permille: event.permille,
        untold,
    };
    let text = change.to_string();
    Message { at: owner.now().0, change, text, picture }
}

fn kept(path: &Path) -> AllTold {
    let read = durable::read_limited(path, KEPT_MAX_BYTES).map_err(|error| error.to_string());
    let kept = read.and_then(|text| match text {
        None => Ok(AllTold::new()),
        Some(text) => serde_json::from_slice(&text).map_err(|error| error.to_string()),
    });
    kept.unwrap_or_else(|error| {
        tracing::warn!(%error, path = %path.display(), "what moved and was told is not read");
        AllTold::new()
    })
}
