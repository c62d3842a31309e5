//! The loop that accepts connections, and the order in which a relay stops.
//!
//! Stopping: no more connections; each session drains and is told `going-away`; the endpoint
//! closes; the store closes last.

use crate::error::Error;
use crate::session;
use crate::state::Relay;
use media::message::RefusalCode;
use quic::{Endpoint, Incoming};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How long peers may take to notice that the endpoint has closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves until the relay shuts down; `aside` ends by the same signal.
pub(crate) async fn serve(
    relay: Arc<Relay>,
    endpoint: Endpoint,
    mut aside: JoinSet<()>,
) -> Result<(), Error> {
    let mut sessions = JoinSet::new();
    let mut number = 0;
    loop {
        tokio::select! {
            () = relay.shutdown.requested() => break,
            Some(done) = sessions.join_next() => if let Err(error) = done {
                tracing::error!(%error, "a session failed");
            },
            incoming = endpoint.accept() => {
                // The endpoint is closed by nobody but this function.
                let Some(incoming) = incoming else { break };
                number += 1;
                sessions.spawn(admit(relay.clone(), incoming, number));
            }
        }
    }
    tracing::info!(sessions = sessions.len(), "the relay stops");
    while sessions.join_next().await.is_some() {}
    endpoint.close_with(&RefusalCode::GoingAway.because("the relay is stopping: come back in a moment"));
    // A peer that is gone cannot notice.
    let _ = tokio::time::timeout(FAREWELL, endpoint.wait_idle()).await;
    while aside.join_next().await.is_some() {}
    match Arc::try_unwrap(relay) {
        Ok(relay) => relay.store.close().await,
        Err(_) => tracing::error!("something still holds the store; it closes when that ends"),
    }
    Ok(())
}

async fn admit(relay: Arc<Relay>, incoming: Incoming, number: u64) {
    let peer = incoming.peer_address();
    let accepted = tokio::select! {
        accepted = incoming.accept(|| relay.now_us()) => accepted,
        () = relay.shutdown.requested() => return,
    };
    let (link, control) = match accepted {
        Ok(session) => session,
        Err(error) => return tracing::debug!(%peer, %error, "no session"),
    };
    let mut _seat = None;
    if relay.access.is_stranger(&link.peer_key(), relay.now()) {
        _seat = relay.load.strangers.try_acquire().ok();
        if _seat.is_none() {
            let text = "too many connections by keys that nobody enrolled: try again later";
            return link.close(&RefusalCode::Quota.because(text));
        }
    }
    session::run(relay.clone(), link, control, number).await;
}
