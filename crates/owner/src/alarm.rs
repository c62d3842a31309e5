//! The offline alarm: tells when a camera went and when it is back, once each, and keeps quiet about what passes by itself.
//!
//! In scope: what is worth a message ([`decide`]), asking the relay, and handing messages on ([`hook`]). Out of scope: whether a camera films what
//! it should; a camera that is connected and has nothing to send is online.
//!
//! ```text
//! {"event":"camera-offline","at":1795700000,"camera":"front-door","camera_id":"9f86...","newest_us":...,"silent_secs":61,"text":"..."}
//! ```
//! The relay is believed for availability only: one that lies can keep an alarm quiet, and live view shows it.

pub mod decide;
pub mod hook;

use crate::Owner;
use crate::book::{Asking, Status};
use decide::{Change, Decision};
use host::shutdown::Shutdown;
use serde::Serialize;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Between two questions to the relay, at most: one is a message of some bytes on a kept session.
const EVERY: Duration = Duration::from_secs(5);
/// So often at least it is asked within the grace, so that one lost answer does not decide.
const QUESTIONS: u32 = 4;
/// How long the relay may take to answer, its session included.
const ANSWER: Duration = Duration::from_secs(20);

/// A change, and when it was noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Unix seconds.
    pub at: u64,
    #[serde(flatten)]
    pub change: Change,
    /// The same for a person, in one sentence.
    pub text: String,
}

/// Watches the book's cameras until `stop`. What is silent for less than `after` is not told.
pub async fn watch(owner: &Owner, after: Duration, stop: &Shutdown, on: &mut (dyn FnMut(Message) + Send)) {
    let started = Instant::now();
    let pause = EVERY.min(after / QUESTIONS);
    let mut decision = Decision::new(after);
    let mut asking = Asking::new(owner);
    loop {
        let seen = tokio::select! {
            seen = ask(owner, &mut asking) => seen,
            () = stop.requested() => return,
        };
        for change in decision.handle(started.elapsed(), seen.as_deref().map_err(String::as_str)) {
            let text = change.to_string();
            on(Message { at: host::clock::now_us() / 1_000_000, change, text });
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = stop.requested() => return,
        }
    }
}

async fn ask(owner: &Owner, asking: &mut Asking) -> Result<Vec<Status>, String> {
    // Another command may have paired a camera since. A book that cannot be read now was readable when the watch began.
    if let Err(error) = owner.refreshed().await {
        tracing::warn!(%error, "the book is not read; watching the cameras of before");
    }
    match timeout(ANSWER, asking.listed(owner)).await {
        Ok(Ok(cameras)) => Ok(cameras),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => {
            // Whatever hangs, the next question goes by a new session.
            *asking = Asking::new(owner);
            Err(format!("no answer within {} s", ANSWER.as_secs()))
        }
    }
}
