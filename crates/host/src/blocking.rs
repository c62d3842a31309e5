//! Work that may wait for a disk or takes arithmetic, on threads that may.
//!
//! [`run`] for work that harms nobody when it goes on alone; [`Blocking`] where a party must know
//! at its end that none of it goes on, because its folder is free for the next process then. A
//! panic of the work goes on in whoever waits for it.

use std::sync::Arc;
use tokio::sync::RwLock;

/// Runs `work` on a thread that may wait. It goes on to its end also when nobody waits for it any
/// more.
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going and never began it; whoever waits here is dropped with it.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Work of one party, counted. Clones count as one.
#[derive(Debug, Clone, Default)]
pub struct Blocking(Arc<RwLock<()>>);

impl Blocking {
    /// [`run`], counted until it has ended.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let busy = self.0.clone().read_owned().await;
        run(move || {
            // What `work` holds is dropped before `busy` is.
            let done = work();
            drop(busy);
            done
        })
        .await
    }

    /// Waits until all that was begun has ended, abandoned work included.
    pub async fn finish(&self) {
        drop(self.0.write().await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_waited_for_at_the_end() {
        let disk = Blocking::default();
        assert_eq!(disk.run(|| 7).await, 7);
        let (release, held) = mpsc::channel::<()>();
        let (started, begun) = tokio::sync::oneshot::channel();
        let abandoned = tokio::spawn({
            let disk = disk.clone();
            async move {
                disk.run(move || {
                    let _ = started.send(());
                    let _ = held.recv();
                })
                .await;
            }
        });
        begun.await.unwrap();
        abandoned.abort();
        let mut finish = Box::pin(disk.finish());
        let early = tokio::time::timeout(std::time::Duration::from_millis(30), finish.as_mut()).await;
        assert!(early.is_err());
        drop(release);
        finish.await;
    }

    #[tokio::test]
    async fn a_panic_reaches_whoever_waits_and_ends_nothing_else() {
        let disk = Blocking::default();
        let failed = tokio::spawn({
            let disk = disk.clone();
            async move { disk.run(|| panic!("on another thread")).await }
        });
        assert!(failed.await.unwrap_err().is_panic());
        disk.finish().await;
        assert_eq!(disk.run(|| 7).await, 7);
    }
}
