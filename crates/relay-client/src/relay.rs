//! One identity's way to its relay: the socket, the pinned key, and the address that answered last.

use crate::addresses::Addresses;
use media::sign::PublicKey;
use quic::{ControlReceiver, Endpoint, Identity, Limits, Link, LinkError};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::timeout;

/// A relay may take so long to be told goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// A relay as one identity meets it. Clones share the socket, which is made when it is first
/// needed.
#[derive(Debug, Clone)]
pub struct Relay(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    identity: Identity,
    addresses: Addresses,
    key: PublicKey,
    limits: Limits,
    endpoint: OnceLock<Endpoint>,
    /// Which of the addresses is tried first.
    answered: AtomicUsize,
}

impl Relay {
    /// Nothing is sent yet. Whoever answers must hold `key`.
    pub fn new(identity: Identity, addresses: Addresses, key: PublicKey) -> Self {
        Self::with_limits(identity, addresses, key, Limits::default())
    }

    /// [`new`](Relay::new) with other patience.
    pub fn with_limits(identity: Identity, addresses: Addresses, key: PublicKey, limits: Limits) -> Self {
        let (endpoint, answered) = (OnceLock::new(), AtomicUsize::new(0));
        Self(Arc::new(Inner { identity, addresses, key, limits, endpoint, answered }))
    }

    /// Opens a session: at the address that answered last, then at the others in turn.
    ///
    /// # Errors
    /// When none answers as it should: what the last of them said, but a fault that does not pass,
    /// such as [`LinkError::WrongKey`], before one that does. It passes as long as one of them does
    /// ([`LinkError::SomeAway`]): the right relay may be the one that is away.
    pub async fn connect(&self) -> Result<(Link, ControlReceiver), LinkError> {
        let endpoint = self.endpoint()?;
        let addresses = self.0.addresses.all();
        let begin = self.0.answered.load(Ordering::Relaxed);
        let (mut worst, mut passes): (Option<LinkError>, bool) = (None, false);
        for at in (0..addresses.len()).map(|step| (begin + step) % addresses.len()) {
            match endpoint.connect(&addresses[at], &self.0.key).await {
                Ok(connected) => {
                    self.0.answered.store(at, Ordering::Relaxed);
                    return Ok(connected);
                }
                Err(error) => {
                    tracing::debug!(address = %addresses[at], %error, "no session at this address");
                    passes |= error.is_passing();
                    worst = Some(worst.filter(|worst| !worst.is_passing()).unwrap_or(error));
                }
            }
        }
        let worst = worst.expect("there is at least one address");
        Err(if passes && !worst.is_passing() { LinkError::SomeAway(Box::new(worst)) } else { worst })
    }

    /// Ends every session in good order, and waits a moment until the relay knows.
    pub async fn leave(&self) {
        if let Some(endpoint) = self.0.endpoint.get() {
            endpoint.close();
            // A relay that is away learns it by itself.
            let _ = timeout(GOODBYE, endpoint.wait_idle()).await;
        }
    }

    fn endpoint(&self) -> Result<&Endpoint, LinkError> {
        if let Some(endpoint) = self.0.endpoint.get() {
            return Ok(endpoint);
        }
        let made = Endpoint::client_with(&self.0.identity, self.0.limits)?;
        Ok(self.0.endpoint.get_or_init(|| made))
    }
}
