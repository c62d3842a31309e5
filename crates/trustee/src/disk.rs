//! Work that may wait for a disk or takes arithmetic, on threads that may; and the way to know that none of it goes on.
//!
//! A request that is cut short leaves its work running. A trustee that has stopped must not: its folder is free for the next process.

use std::sync::Arc;
use tokio::sync::RwLock;

/// Clones count as one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk(Arc<RwLock<()>>);

impl Disk {
    /// Runs `work` on a thread that may wait. It goes on to its end also when nobody waits for it any more.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let busy = self.0.clone().read_owned().await;
        let running = tokio::task::spawn_blocking(move || {
            // What `work` holds is dropped before `busy` is.
            let done = work();
            drop(busy);
            done
        });
        running.await.unwrap_or_else(|stopped| std::panic::resume_unwind(stopped.into_panic()))
    }

    /// Waits for all that was begun.
    pub(crate) async fn finish(&self) {
        drop(self.0.write().await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_waited_for_at_the_end() {
        let disk = Disk::default();
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
}
