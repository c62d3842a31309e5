//! One signal that everything awaits. A party is stopped by requesting it; each loop selects on
//! [`Shutdown::requested`] and then drains in its own documented order.

use std::sync::Arc;
use tokio::sync::watch;

/// A cloneable stop signal. Clones are the same signal; a [`child`](Shutdown::child) also stops
/// when its parent does, and stopping a child leaves the parent alone.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(Arc<Signal>);

#[derive(Debug, Default)]
struct Signal {
    requested: watch::Sender<bool>,
    parent: Option<Shutdown>,
}

impl Shutdown {
    pub fn new() -> Self {
        Self::default()
    }

    /// A signal that stops with this one, or alone.
    pub fn child(&self) -> Self {
        Self(Arc::new(Signal { parent: Some(self.clone()), ..Signal::default() }))
    }

    /// A signal that is requested by SIGINT (Ctrl-C) or SIGTERM.
    ///
    /// Call it once, at the top of the process, inside the runtime.
    pub fn on_signals() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let shutdown = Self::new();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let requested = shutdown.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
                _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
            }
            requested.request();
        });
        Ok(shutdown)
    }

    pub fn request(&self) {
        self.0.requested.send_replace(true);
    }

    pub fn is_requested(&self) -> bool {
        *self.0.requested.borrow() || self.0.parent.as_ref().is_some_and(Shutdown::is_requested)
    }

    /// Resolves once this signal, or one it descends from, is requested. Cancel-safe.
    pub async fn requested(&self) {
        let mut own = self.0.requested.subscribe();
        match &self.0.parent {
            // The sender lives in `self`, so waiting cannot fail.
            None => {
                let _ = own.wait_for(|requested| *requested).await;
            }
            Some(parent) => {
                tokio::select! {
                    _ = own.wait_for(|requested| *requested) => {}
                    () = Box::pin(parent.requested()) => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_reaches_clones_and_children_but_not_the_parent() {
        let root = Shutdown::new();
        let child = root.child();
        let grandchild = child.child();
        let sibling = root.child();

        child.clone().request();
        grandchild.requested().await;
        assert!(child.is_requested() && grandchild.is_requested());
        assert!(!root.is_requested() && !sibling.is_requested());

        root.request();
        sibling.requested().await;
        // A request made before waiting is not lost.
        root.child().requested().await;
    }
}
