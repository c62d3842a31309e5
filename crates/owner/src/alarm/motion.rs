//! Something moved: reads the newest heads of the cameras that the owner asked for, and makes a
//! message with a picture of what [`told`](super::told) finds due.
//!
//! In scope: which heads are read, what was told before (`alarm-motion.json` in the keybook), the
//! picture. Out of scope: what an event is ([`crate::motion`]); whom a message is handed to
//! ([`super::hook`]).

use super::decide::Change;
use super::told::{Due, Known, Told, second_of_day};
use super::{Ahead, Message, Pictured};
use crate::book::StoredCamera;
use crate::config::{Alarms, PictureKey, WebhookPicture};
use crate::heads::picture::picture_at;
use crate::heads::{self, Head, Wanted};
use crate::motion::{Motion, moved};
use crate::state::{As, Owner};
use crate::status::Status;
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
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How much of the newest footage is looked at: what comes later than that is no news.
const RECENT: Duration = Duration::from_secs(600);
/// A camera of which nothing new comes for so long has ended its event.
const STILL: Duration = Duration::from_secs(30);
/// How far an event that was told may grow before that is kept.
const KEPT_EVERY_US: u64 = 60_000_000;

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
    session: Session,
    cameras: BTreeMap<CameraId, Followed>,
    told: AllTold,
    kept: AllTold,
}

/// One of them.
struct Followed {
    keys: Keyring,
    /// Where each segment starts, and what its head says.
    segments: VecDeque<(Micros, media::motion::Motion)>,
    next: Sequence,
    newest_us: Micros,
    grew: Instant,
}

impl<'a> Following<'a> {
    pub(super) fn new(owner: &'a Owner, ahead: Ahead) -> Self {
        let told = kept(&owner.folder().join(KEPT));
        let (session, kept) = (owner.session(As::Device), told.clone());
        Self { owner, ahead, session, cameras: BTreeMap::new(), told, kept }
    }

    /// Tells for ever, by what the relay says of the cameras.
    pub(super) async fn tell(mut self, mut seen: watch::Receiver<Vec<Status>>, on: impl Fn(Message)) {
        while seen.changed().await.is_ok() {
            let cameras = seen.borrow_and_update().clone();
            let book = self.owner.stored();
            let asked = |status: &&Status| !status.retired && self.owner.config.alarm.tells_of(&status.name);
            let asked: Vec<_> = cameras.iter().filter(asked).filter(|status| status.newest_us > 0).collect();
            for status in asked {
                let Some(camera) = book.camera(&status.name) else { continue };
                match self.look(camera, Micros(status.newest_us)).await {
                    Ok(Some(message)) => on(message),
                    Ok(None) => {}
                    // The alarm says by itself that the relay is away.
                    Err(error) => tracing::debug!(%error, camera = %camera.camera_id, "no heads"),
                }
            }
            self.told.retain(|id, _| book.cameras.iter().any(|camera| camera.camera_id.to_string() == *id));
            self.keep().await;
        }
    }

    /// Reads what is new of a camera up to the segment that starts at `newest_us`.
    async fn look(&mut self, camera: &StoredCamera, newest_us: Micros) -> Result<Option<Message>, CallError> {
        let Self { owner, ahead, session, cameras, told, .. } = self;
        let (owner, ahead) = (*owner, *ahead);
        let id = camera.camera_id;
        let known = match cameras.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(Followed::new(heads::keyring(camera)?)),
        };
        known.read(owner, session, camera, newest_us).await?;
        // What moved before this alarm knew of the camera is none of its business.
        let news = Told { to_us: newest_us.0, ..Told::default() };
        let told = told.entry(id.to_string()).or_insert(news);
        let events = moved(known.segments.iter().map(|(_, said)| *said), camera.ignored.0);
        let (now_us, asked) = (owner.now_us(), &owner.config.alarm);
        let due = told.due(&events, known.known(), now_us, (asked, ahead));
        let Some(due) = due else { return Ok(None) };
        let picture = picture(owner, session, camera, due.event).await;
        Ok(Some(message(owner, camera, due, ahead, picture)))
    }

    /// Writes down what was told, where that changed.
    async fn keep(&mut self) {
        let as_kept = |(id, told): (&String, &Told)| {
            self.kept.get(id).is_some_and(|kept| {
                (kept.at_us, kept.untold) == (told.at_us, told.untold)
                    && told.to_us < kept.to_us.saturating_add(KEPT_EVERY_US)
            })
        };
        if self.told.len() == self.kept.len() && self.told.iter().all(as_kept) {
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
        let (segments, newest_us) = (VecDeque::new(), Micros(0));
        Self { keys, segments, next: Sequence(0), newest_us, grew: Instant::now() }
    }

    async fn read(
        &mut self,
        owner: &Owner,
        session: &mut Session,
        camera: &StoredCamera,
        newest_us: Micros,
    ) -> Result<(), CallError> {
        if self.newest_us == newest_us {
            return Ok(());
        }
        let (from_us, to_us) = (newest_us.before(RECENT), newest_us.after(Duration::from_micros(1)));
        let wanted = Wanted { from_us, to_us, cursor: self.next, pictures: false };
        let answer = heads::fetch(owner, session, camera, &mut self.keys, wanted).await?;
        answer.heads.iter().for_each(|head| self.take(head));
        self.segments.retain(|(start_us, _)| *start_us >= from_us);
        self.grew = Instant::now();
        // The rest of an answer that was full comes with the next question.
        if answer.next.is_none() {
            self.newest_us = newest_us;
        }
        Ok(())
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

/// A picture of an event; an event without one is told all the same.
async fn picture(
    owner: &Owner,
    session: &mut Session,
    camera: &StoredCamera,
    event: Motion,
) -> Option<Arc<Pictured>> {
    for at in [event.at, event.at.saturating_sub(1)] {
        match picture_at(owner, session, camera, Micros(at)).await {
            Ok(Some((Head { sealed, picture: Some(picture), .. }, _))) => {
                let still = still([sealed.init, picture].concat()).await?;
                let posted = posted(owner, camera, event, &still);
                return Some(Arc::new(Pictured { still, posted, folder: owner.folder().to_owned() }));
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, camera = %camera.camera_id, "no picture of what moved"),
        }
    }
    None
}

/// What a webhook is given of a picture.
fn posted(owner: &Owner, camera: &StoredCamera, event: Motion, still: &Still) -> Value {
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
