//! The silent alarm: tells when a camera went or has no picture, and when it is back, once each, and
//! keeps quiet about what passes by itself. Of the cameras that the owner names, that something moved.
//!
//! In scope: what is worth a message ([`decide`], `told`), asking the relay, what was told before,
//! and handing messages on ([`hook`]). Out of scope: who or what it is that moves.
//!
//! ```text
//! {"event":"camera-offline","at":1795700000,"camera":"front-door","camera_id":"9f86...","newest_us":...,"silent_secs":61,"text":"..."}
//! ```
//! Whether a camera has a picture is its own signed word, of now ([`crate::status`]); whether it is
//! connected is the relay's. One keybook has one alarm: what it told is in the folder's `alarm.json`, and of what moved
//! in `alarm-motion.json`.

pub mod decide;
pub mod hook;
mod motion;
mod sight;
mod told;

use crate::book::BookError;
use crate::state::Owner;
use crate::status::{Asking, Status};
use crate::still::Still;
use decide::{Change, Decision};
use host::clock::Clock;
use host::durable::FolderLock;
use host::lock::Mutex;
use host::shutdown::Shutdown;
use host::{blocking, durable};
use media::time::Micros;
use motion::Following;
use serde::Serialize;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// The shortest grace: each answer of the relay, its session included, then has 5 s.
pub const SHORTEST: Duration = Duration::from_secs(20);

/// Between two questions: one is a message of some bytes on a kept session.
const PAUSE: Duration = Duration::from_secs(5);
/// How long an answer is waited for.
const ANSWER: Duration = Duration::from_secs(20);

/// In the keybook's folder: held by the one alarm that runs.
const HELD: &str = "alarm";
/// In the keybook's folder: what was told.
const KEPT: &str = "alarm.json";
/// It has a few numbers for each camera.
const KEPT_MAX_BYTES: u64 = 1 << 20;

/// A change, and when it was noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Unix seconds.
    pub at: u64,
    #[serde(flatten)]
    pub change: Change,
    /// The same for a person, in one sentence.
    pub text: String,
    /// What moved, for hooks.
    #[serde(skip)]
    pub picture: Option<Arc<Pictured>>,
}

impl Message {
    /// As JSON for whoever serves a webhook: of a picture what the owner lets out.
    fn posted(&self) -> Vec<u8> {
        let mut message = serde_json::to_value(self).expect("strings and numbers");
        if let Some(pictured) = &self.picture {
            message["picture"] = pictured.posted.clone();
        }
        message.to_string().into_bytes()
    }
}

/// What goes with a message: for a command, and what of it a webhook is given.
#[derive(Debug, PartialEq, Eq)]
pub struct Pictured {
    pub still: Still,
    /// JSON; null where the owner lets no picture out.
    pub posted: Value,
    /// Where a command's file may lie: the keybook, which is closed to others.
    folder: PathBuf,
}

/// How far the clocks of this machine are ahead of UTC at a moment, seconds.
pub type Ahead = fn(Micros) -> i64;

/// Watches the book's cameras until `stop`. What is silent for less than `after`, [`SHORTEST`] at
/// least, is not told.
///
/// # Errors
/// [`BookError::Unknown`] for a camera of the configuration that is not in the book, [`BookError::File`]
/// if another alarm runs on this keybook: each would take what the other keeps.
pub async fn watch(
    owner: &Owner,
    after: Duration,
    ahead: Ahead,
    stop: &Shutdown,
    on: &mut (dyn FnMut(Message) + Send),
) -> Result<(), BookError> {
    let book = owner.stored();
    let unknown = |name: &&String| *name != "*" && book.camera(name).is_none();
    if let Some(name) = owner.config.alarm.motion.iter().find(unknown) {
        return Err(BookError::Unknown(name.clone()));
    }
    let held = owner.folder().join(HELD);
    durable::create_dirs(&held)?;
    let _only = FolderLock::acquire(&held)?;
    if let Err(error) = hook::sweep(owner.folder()) {
        tracing::warn!(%error, "a picture of before may be left in the keybook");
    }
    let (sender, seen) = tokio::sync::watch::channel(Vec::new());
    let mut asking = Asking::new(owner);
    let ask = async |anew: bool| {
        if anew {
            asking = Asking::new(owner);
        }
        // Another command may have paired a camera since. A book that cannot be read now was
        // readable when the watch began.
        if let Err(error) = owner.refreshed().await {
            tracing::warn!(%error, "the book is not read; watching the cameras of before");
        }
        let listed = asking.listed(owner).await.map_err(|error| error.to_string());
        listed.inspect(|all| drop(sender.send_replace(all.clone())))
    };
    let clock = owner.machine.clock.clone();
    let path = owner.folder().join(KEPT);
    let decision = kept(&path).map_or_else(|| Decision::new(after), |kept| kept.goes_on(after));
    let keep = async |decision: &Decision| {
        let (path, text) = (path.clone(), serde_json::to_vec(decision).expect("numbers and texts"));
        let written = blocking::run(move || durable::write_atomic(&path, &text)).await;
        if let Err(error) = written {
            tracing::warn!(%error, "what was told is not kept: after a restart it is told again");
        }
    };
    let on = Mutex::new(on);
    let tell = |message| (*on.lock())(message);
    let mut also = tell;
    tokio::select! {
        () = ask_on(decision, &clock, ask, &mut also, keep) => {}
        () = Following::new(owner, after, ahead).tell(seen, tell) => {}
        () = stop.requested() => {}
    }
    Ok(())
}

/// What was told before, if anything was.
fn kept(path: &Path) -> Option<Decision> {
    let read = durable::read_limited(path, KEPT_MAX_BYTES);
    let kept = read.ok().flatten().map(|text| serde_json::from_slice(&text));
    kept.and_then(|kept| {
        kept.inspect_err(|error| tracing::warn!(%error, path = %path.display(), "what was told is not read"))
            .ok()
    })
}

/// Asks for ever. `ask` is told when it must ask anew, by another session than before; `keep` is given
/// what is known whenever something was told, or what was told ended.
async fn ask_on(
    mut decision: Decision,
    clock: &Clock,
    mut ask: impl AsyncFnMut(bool) -> Result<Vec<Status>, String>,
    on: &mut (dyn FnMut(Message) + Send),
    keep: impl AsyncFn(&Decision),
) {
    // By the wall clock once, so that what was kept by another process stands before it.
    let (begun, started, after) = (Duration::from_secs(clock.seconds()), Instant::now(), decision.after());
    // A pause and a question that hangs take half the grace at the most: no single one decides.
    let (pause, patience) = (PAUSE.min(after / 4), ANSWER.min(after / 4));
    let mut anew = false;
    loop {
        let answer = timeout(patience, ask(anew)).await;
        anew = answer.is_err();
        let seen = answer.unwrap_or_else(|_| Err(format!("no answer within {:?}", patience)));
        let now = begun + started.elapsed();
        let before = decision.told();
        let changes = decision.handle(now, seen.as_deref().map_err(String::as_str));
        let is_news = !changes.is_empty() || decision.told() != before;
        for change in changes {
            let text = change.to_string();
            on(Message { at: clock.seconds(), change, text, picture: None });
        }
        if is_news {
            keep(&decision).await;
        }
        sleep(pause).await;
    }
}

#[cfg(test)]
mod tests;
