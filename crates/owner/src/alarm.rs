//! The offline alarm: tells when a camera went and when it is back, once each, and keeps quiet
//! about what passes by itself.
//!
//! In scope: what is worth a message ([`decide`]), asking the relay, and handing messages on
//! ([`hook`]). Out of scope: whether a camera films what it should; a camera that is connected and
//! has nothing to send is online.
//!
//! ```text
//! {"event":"camera-offline","at":1795700000,"camera":"front-door","camera_id":"9f86...","newest_us":...,"silent_secs":61,"text":"..."}
//! ```
//! The relay is believed for availability only: one that lies can keep an alarm quiet, and live
//! view shows it.

pub mod decide;
pub mod hook;

use crate::state::Owner;
use crate::status::{Asking, Status};
use decide::{Change, Decision};
use host::clock::Clock;
use host::shutdown::Shutdown;
use serde::Serialize;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// The shortest grace: each answer of the relay, its session included, then has 5 s.
pub const SHORTEST: Duration = Duration::from_secs(20);

/// Between two questions: one is a message of some bytes on a kept session.
const PAUSE: Duration = Duration::from_secs(5);
/// How long an answer is waited for.
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

/// Watches the book's cameras until `stop`. What is silent for less than `after`, [`SHORTEST`] at
/// least, is not told.
pub async fn watch(owner: &Owner, after: Duration, stop: &Shutdown, on: &mut (dyn FnMut(Message) + Send)) {
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
        asking.listed(owner).await.map_err(|error| error.to_string())
    };
    let clock = owner.machine.clock.clone();
    tokio::select! {
        () = ask_on(after, &clock, ask, on) => {}
        () = stop.requested() => {}
    }
}

/// Asks for ever. `ask` is told when it must ask anew, by another session than before.
async fn ask_on(
    after: Duration,
    clock: &Clock,
    mut ask: impl AsyncFnMut(bool) -> Result<Vec<Status>, String>,
    on: &mut (dyn FnMut(Message) + Send),
) {
    let started = Instant::now();
    // A pause and a question that hangs take half the grace at the most: no single one decides.
    let (pause, patience) = (PAUSE.min(after / 4), ANSWER.min(after / 4));
    let mut decision = Decision::new(after);
    let mut anew = false;
    loop {
        let answer = timeout(patience, ask(anew)).await;
        anew = answer.is_err();
        let seen = answer.unwrap_or_else(|_| Err(format!("no answer within {:?}", patience)));
        for change in decision.handle(started.elapsed(), seen.as_deref().map_err(String::as_str)) {
            let text = change.to_string();
            on(Message { at: clock.seconds(), change, text });
        }
        sleep(pause).await;
    }
}

#[cfg(test)]
mod tests;
