//! The running monitor: look at the log, swap heads with the peers, pause.

use crate::follow::look;
use crate::gossip::gossip_with;
use crate::look::LookError;
use crate::state::Monitor;
use host::shutdown::Shutdown;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The loop, until shutdown.
pub(crate) async fn watch(monitor: &Arc<Monitor>, shutdown: &Shutdown) {
    let pause = Duration::from_millis(monitor.config.poll_ms.max(10));
    let patience = Duration::from_secs(monitor.config.withheld_secs);
    while !shutdown.is_requested() {
        let looked = look(monitor, shutdown).await;
        if matches!(looked, Err(LookError::Stopping)) {
            return;
        }
        if let Err(error) = &looked {
            tracing::warn!(%error, "the log could not be followed");
        }
        monitor.note_look(&looked);
        for peer in &monitor.config.peers {
            let trouble = gossip_with(monitor, peer, shutdown).await.err().map(|error| error.to_string());
            if let Some(error) = &trouble {
                tracing::warn!(peer, error, "no gossip with this peer");
            }
            monitor.note_peer(peer, trouble);
        }
        let withheld = monitor.with_book(move |book, _| book.withheld(Instant::now(), patience));
        if let Err(error) = withheld.await {
            tracing::error!(%error, "an alarm could not be kept");
        }
        tokio::select! {
            () = shutdown.requested() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}
