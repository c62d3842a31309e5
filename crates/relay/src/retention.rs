//! The task that lets go of footage past its days; the rules are the store's
//! ([`store::retention`]).

use crate::state::Relay;
use std::sync::Arc;
use std::time::Duration;
use store::StoreError;

/// Sweeps at once, and then every so often, until the relay shuts down. A failure is logged and
/// tried again: the footage stays a while longer, and nothing else depends on it.
pub(crate) async fn run(relay: Arc<Relay>, every: Duration) {
    loop {
        match relay.store.sweep(relay.now_us()).await {
            Ok(swept) if swept.packs == 0 && swept.segments == 0 => {}
            Ok(swept) => tracing::info!(
                packs = swept.packs,
                segments = swept.segments,
                bytes = swept.bytes,
                "retention"
            ),
            Err(StoreError::Closed) => return,
            Err(error) => tracing::warn!(%error, "retention failed; it is tried again"),
        }
        tokio::select! {
            () = relay.shutdown.requested() => return,
            () = tokio::time::sleep(every) => {}
        }
    }
}
