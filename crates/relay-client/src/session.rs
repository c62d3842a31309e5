//! Sessions with a relay, one after the other.
//!
//! ```text
//! link()    the session that stands, or a new one     whoever asks now and then
//! open()    a new one, with its control stream        whoever lives in a session: publishes, subscribes
//! failed()  the next of them waits                    the pause grows with each failure in a row
//! worked()  the next failure is a first one
//! ```
//!
//! The loop stays its owner's, because only it knows what a failure means: a camera comes back for
//! ever, a person's command until a deadline ([`Session::ask_until`], [`Session::again`]). The
//! pauses are here.

use crate::calls::{Call, ask};
use crate::relay::Relay;
use host::backoff::Backoff;
use host::rng::Rng;
use quic::{CallError, ControlReceiver, Link, LinkError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The bound of the first pause, and of the longest. A relay that restarts is found again within
/// the first; many clients of one that was away for long do not come back together.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(15));

/// A session that is opened when it is needed, and opened again when it was lost.
#[derive(Debug)]
pub struct Session {
    relay: Relay,
    /// The receiver is kept, for a session ends with it.
    open: Option<(Link, ControlReceiver)>,
    pauses: Backoff,
    not_before: Option<Instant>,
    rng: Rng,
}

impl Session {
    /// Nothing is opened yet. `rng` spreads the pauses.
    pub fn new(relay: &Relay, rng: Rng) -> Self {
        Self { relay: relay.clone(), open: None, pauses: PAUSES, not_before: None, rng }
    }

    /// The session that stands, or a new one. Waits first if a failure was told. Cancel-safe.
    pub async fn link(&mut self) -> Result<Link, LinkError> {
        self.wait().await;
        if let Some((link, _)) = self.open.as_ref().filter(|(link, _)| !link.is_closed()) {
            return Ok(link.clone());
        }
        self.open = None;
        let opened = self.relay.connect().await?;
        Ok(self.open.insert(opened).0.clone())
    }

    /// A new session, for whoever hears its control stream. Waits first if a failure was told.
    /// Cancel-safe.
    pub async fn open(&mut self) -> Result<(Link, ControlReceiver), LinkError> {
        self.wait().await;
        self.relay.connect().await
    }

    /// A try failed: the next one waits. When it will be.
    pub fn failed(&mut self) -> Instant {
        let at = Instant::now() + self.pauses.failed(&mut self.rng);
        *self.not_before.insert(at)
    }

    /// A try worked: the next failure is a first one.
    pub fn worked(&mut self) {
        self.pauses.worked();
    }

    /// What `call` is answered; a refusal is an error.
    pub async fn ask<T>(&mut self, call: &Call<T>) -> Result<T, CallError> {
        ask(&self.link().await?, call).await
    }

    /// Asks until there is an answer, or the failure is none that passes, or the next try would
    /// begin after `deadline`. Every call of the protocol may be repeated.
    pub async fn ask_until<T>(&mut self, call: &Call<T>, deadline: Instant) -> Result<T, CallError> {
        loop {
            match self.ask(call).await {
                Ok(answer) => {
                    self.worked();
                    return Ok(answer);
                }
                Err(error) => self.again(error, deadline)?,
            }
        }
    }

    /// Whether to try again after this failure; the next try waits.
    ///
    /// # Errors
    /// The failure itself: it is none that passes, or the next try would begin after `deadline`.
    pub fn again(&mut self, error: CallError, deadline: Instant) -> Result<(), CallError> {
        if !error.is_passing() || self.failed() >= deadline {
            return Err(error);
        }
        tracing::warn!(%error, "the relay did not answer; asking again");
        Ok(())
    }

    /// The relay that it is with.
    pub fn relay(&self) -> &Relay {
        &self.relay
    }

    async fn wait(&mut self) {
        if let Some(at) = self.not_before {
            sleep_until(at).await;
            self.not_before = None;
        }
    }
}
