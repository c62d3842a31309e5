//! The whole camera at work, and how it stops: the source first, then what was filmed is kept, then what is under way may still be acknowledged.
//!
//! ```text
//! capture (task) --pieces--> film (thread: seals, waits for the disk) --live, spool--> publish (task)
//! ```

use crate::film::Film;
use crate::handover::{Handover, lock};
use crate::spool::Spool;
use crate::{At, Config, Error, SourceConfig, Stats, capture, duty, identity, publish};
use host::durable::FolderLock;
use host::running::Running;
use host::shutdown::Shutdown;
use media::id::CameraId;
use quic::{Endpoint, Identity};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Pieces between source and film: some seconds. When it is full, the source waits in its pipe.
const PIECES: usize = 64;
/// So long a camera that is stopped waits for acknowledgements of what is under way. The rest is sent when it starts again.
const DRAIN: Duration = Duration::from_secs(3);

pub(crate) async fn start(config: Config, shutdown: Shutdown) -> Result<Running<At, Error>, Error> {
    if let SourceConfig::File { path, .. } = &config.source
        && !path.is_file()
    {
        return Err(Error::NoSource(path.clone()));
    }
    let camera = identity(&config)?;
    let folder = FolderLock::acquire(&config.data)?;
    let spool = Spool::open(&config.data)?;
    let pairing = spool.pairing()?;
    let camera_id = CameraId::of_key(camera.verifying_key().as_bytes());
    let stats = Stats::default();
    let handover = Arc::new(Handover::new(spool, stats.clone()));
    let endpoint = Endpoint::client(&Identity::from_seed(&camera.to_bytes()))?;
    let camera_key = camera.verifying_key().to_bytes();
    let film = Film::new(camera, pairing.owner_key, config.spool_bytes, &config.filming, handover.clone());
    let own = shutdown.child();
    let stop_publishing = Shutdown::new();
    let stop = stop_publishing.clone();
    let publishing =
        publish::publish(endpoint, pairing, camera_key, handover.clone(), config.backfill_percent, stop);
    let party = {
        let (stop, stats) = (own.clone(), stats.clone());
        async move {
            let publishing = tokio::spawn(publishing);
            let (pieces, heard) = mpsc::channel(PIECES);
            let filming = tokio::task::spawn_blocking(move || film.run(heard));
            let off = duty::follow(&config);
            capture::shoot(&config.source, &pieces, &stats, off, &stop).await;
            // Dropped: the film ends, and closes its segment.
            drop(pieces);
            ended(filming.await);
            let mut depth = handover.depth.subscribe();
            // The sender lives in `handover`, so waiting cannot fail.
            let acknowledged = depth.wait_for(|depth| *depth == 0);
            tokio::select! {
                // A source that ended is waited for as long as it takes.
                _ = acknowledged => {}
                () = async {
                    stop.requested().await;
                    let mut depth = handover.depth.subscribe();
                    let _ = timeout(DRAIN, depth.wait_for(|depth| *depth == 0)).await;
                } => {}
            }
            let waiting = lock(&handover.outbox).depth();
            if waiting > 0 {
                tracing::info!(
                    waiting,
                    "stopped; what the relay does not have is sent when the camera starts again"
                );
            }
            stop_publishing.request();
            ended(publishing.await);
            drop(folder);
            Ok(())
        }
    };
    Ok(Running::spawn(At { camera_id, stats }, own, party))
}

/// A panic in a part goes on here.
fn ended(ended: Result<(), tokio::task::JoinError>) {
    if let Err(failed) = ended
        && let Ok(panic) = failed.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}
