//! Sessions with the relay, under one of the owner's two identities ([`crate::keys`] says which does what), and calls that
//! survive a lost session.

use crate::Owner;
use host::http::Retry;
use media::message::{Request, Response};
use quic::{CallError, ControlReceiver, Endpoint, Identity, Link, LinkError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Pauses between tries to reach a relay that is away: half a second, then longer, to a quarter of a minute, with jitter.
const AWAY: Retry = Retry {
    tries: u32::MAX,
    first_pause: Duration::from_millis(500),
    longest_pause: Duration::from_secs(15),
};

/// Which of the two identities a session is under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum As {
    /// The root key: mailboxes, policies, sponsored leaves.
    Owner,
    /// The device key: watching.
    Device,
}

/// Opens a session.
pub(crate) async fn connect(owner: &Owner, who: As) -> Result<(Link, ControlReceiver), LinkError> {
    let identity: Identity = match who {
        As::Owner => owner.root_identity(),
        As::Device => owner.device_identity(),
    };
    Endpoint::client(&identity)?.connect(&owner.config().relay.address, owner.relay_key()).await
}

/// Asks once; a refusal is an error.
pub(crate) async fn ask(link: &Link, request: &Request) -> Result<Response, CallError> {
    match link.call(request).await? {
        Response::Refused(refusal) => Err(refusal.into()),
        response => Ok(response),
    }
}

/// A session that is opened again when it was lost.
#[derive(Debug)]
pub(crate) struct Session {
    owner: Owner,
    who: As,
    link: Option<(Link, ControlReceiver)>,
}

impl Session {
    pub(crate) fn new(owner: &Owner, who: As) -> Self {
        Self { owner: owner.clone(), who, link: None }
    }

    /// The session, opened if there is none.
    pub(crate) async fn link(&mut self) -> Result<Link, LinkError> {
        if let Some((link, _)) = self.link.as_ref().filter(|(link, _)| !link.is_closed()) {
            return Ok(link.clone());
        }
        let opened = connect(&self.owner, self.who).await?;
        let link = opened.0.clone();
        self.link = Some(opened);
        Ok(link)
    }

    /// Asks, on a fresh session if the last one was lost.
    pub(crate) async fn ask(&mut self, request: &Request) -> Result<Response, CallError> {
        let link = self.link().await?;
        ask(&link, request).await
    }

    /// Asks until there is an answer or the failure is not one that passes, at most until `deadline`. Only for requests
    /// that may be repeated.
    pub(crate) async fn ask_until(
        &mut self,
        request: &Request,
        deadline: Instant,
    ) -> Result<Response, CallError> {
        let mut failures = 0;
        loop {
            let error = match self.ask(request).await {
                Err(error) if error.is_passing() => error,
                answered => return answered,
            };
            failures += 1;
            let pause = pause(failures);
            if Instant::now() + pause >= deadline {
                return Err(error);
            }
            tracing::warn!(%error, "the relay did not answer; asking again");
            tokio::time::sleep(pause).await;
        }
    }
}

/// A kept session that is lent to one at a time; who comes while it is lent opens another.
#[derive(Debug, Default)]
pub(crate) struct Lent(Mutex<Option<Session>>);

impl Lent {
    fn kept(&self) -> MutexGuard<'_, Option<Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn borrow(&self, owner: &Owner) -> Session {
        let kept = self.kept().take();
        kept.unwrap_or_else(|| Session::new(owner, As::Device))
    }

    pub(crate) fn give_back(&self, session: Session) {
        *self.kept() = Some(session);
    }
}

/// How long to wait after so many failures in a row.
pub(crate) fn pause(failures: u32) -> Duration {
    AWAY.pause_before(failures.saturating_add(1), &mut host::rng::OsRng).unwrap_or(AWAY.longest_pause)
}
