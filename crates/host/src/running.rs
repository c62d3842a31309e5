//! What a started party hands back. `start(config, shutdown)` returns once the party listens and
//! its state is open, so that the caller knows the real addresses (port 0 in tests) before anything
//! dials in.

use crate::shutdown::Shutdown;
use std::future::Future;
use tokio::task::JoinHandle;

/// A started party: where it is (`A`: addresses, keys), how to stop it, and how it ended (`E`).
///
/// Dropping it asks the party to stop, and does not wait.
#[must_use = "dropping a running party stops it"]
#[derive(Debug)]
pub struct Running<A, E> {
    at: A,
    shutdown: Shutdown,
    task: Option<JoinHandle<Result<(), E>>>,
}

/// Waits from a party's start to its end.
pub async fn until_ended<A, E: Send + 'static>(
    started: impl Future<Output = Result<Running<A, E>, E>>,
) -> Result<(), E> {
    started.await?.join().await
}

impl<A, E: Send + 'static> Running<A, E> {
    /// Spawns `party`, which must return soon after `shutdown` is requested.
    pub fn spawn(
        at: A,
        shutdown: Shutdown,
        party: impl Future<Output = Result<(), E>> + Send + 'static,
    ) -> Self {
        Self { at, shutdown, task: Some(tokio::spawn(party)) }
    }

    pub fn at(&self) -> &A {
        &self.at
    }

    /// Asks the party to stop; [`join`](Running::join) waits for it.
    pub fn stop(&self) {
        self.shutdown.request();
    }

    pub fn is_finished(&self) -> bool {
        self.task.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits until the party has ended. A panic inside it goes on here.
    pub async fn join(mut self) -> Result<(), E> {
        let Some(task) = self.task.take() else { return Ok(()) };
        match task.await {
            Ok(ended) => ended,
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Nobody but this handle could abort the task, and it does not.
                Err(_) => Ok(()),
            },
        }
    }

    /// Stops the party and waits until it has ended.
    pub async fn stop_and_join(self) -> Result<(), E> {
        self.stop();
        self.join().await
    }
}

impl<A, E> Drop for Running<A, E> {
    fn drop(&mut self) {
        if self.task.is_some() {
            self.shutdown.request();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_party_stops_by_its_handle_and_reports_how_it_ended() {
        let root = Shutdown::new();
        let own = root.child();
        let waits = own.clone();
        let running = Running::spawn(7, own, async move {
            waits.requested().await;
            Err("ended")
        });
        assert_eq!(*running.at(), 7);
        assert_eq!(running.stop_and_join().await, Err("ended"));
        assert!(!root.is_requested());
    }

    #[tokio::test]
    async fn dropping_the_handle_stops_the_party() {
        let own = Shutdown::new();
        let waits = own.clone();
        drop(Running::spawn((), own.clone(), async move {
            waits.requested().await;
            Ok::<(), ()>(())
        }));
        own.requested().await;
    }
}
