//! The whole camera at work, and how it stops: the sources first, then what was filmed is kept, then what is under way may still be acknowledged.
//!
//! ```text
//! capture (task) --pieces--> film (thread: seals, waits for the disk) --live, spool-\
//! capture of the sub         film of the sub                        --live, spool--> publish (task): one session for both tracks
//! ```
//!
//! The main track decides when a camera ends. A second source that ends, freezes or is not there is the second track's trouble alone.

use crate::film::Film;
use crate::handover::{self, Handover, Tracks, lock};
use crate::spool::Spools;
use crate::{At, Config, Error, SourceConfig, Stats, capture, duty, identity, publish};
use host::durable::FolderLock;
use host::running::Running;
use host::shutdown::Shutdown;
use media::epoch::GapReason;
use media::id::CameraId;
use quic::{Endpoint, Identity};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
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
    if matches!((&config.source, &config.sub), (SourceConfig::Input, Some(SourceConfig::Input))) {
        return Err(Error::OneInput);
    }
    let camera = identity(&config)?;
    let folder = FolderLock::acquire(&config.data)?;
    let (main, sub) = handover::of_tracks(Spools::open(&config.data)?);
    let pairing = main.spool().pairing()?;
    let camera_id = CameraId::of_key(camera.verifying_key().as_bytes());
    let endpoint = Endpoint::client(&Identity::from_seed(&camera.to_bytes()))?;
    let camera_key = camera.verifying_key().to_bytes();
    let film_of = |handover: &Arc<Handover>| {
        let camera = camera.clone();
        Film::new(camera, pairing.owner_key, config.spool_bytes, &config.filming, handover.clone())
    };
    let film = film_of(&main);
    let sub_film = config.sub.clone().map(|source| (source, film_of(&sub)));
    let at = At { camera_id, stats: main.stats.clone(), sub: sub_film.as_ref().map(|_| sub.stats.clone()) };
    // What was filmed before the second source was taken out of the configuration is still sent.
    let is_published = sub_film.is_some() || lock(&sub.outbox).depth() > 0;
    let tracks = Tracks { main: main.clone(), sub: is_published.then(|| sub.clone()) };
    let own = shutdown.child();
    let stop_publishing = Shutdown::new();
    let stop = stop_publishing.clone();
    let publishing =
        publish::publish(endpoint, pairing, camera_key, tracks.clone(), config.backfill_percent, stop);
    let party = {
        let stop = own.clone();
        async move {
            let publishing = tokio::spawn(publishing);
            let off = duty::follow(&config);
            let stop_sub = stop.child();
            tokio::join!(
                async {
                    roll(&config.source, film, &main.stats, off.clone(), &stop).await;
                    stop_sub.request();
                },
                async {
                    if let Some((source, film)) = sub_film {
                        roll(&source, film, &sub.stats, off.clone(), &stop_sub).await;
                    }
                }
            );
            tokio::select! {
                // A source that ended is waited for as long as it takes.
                () = acknowledged(&tracks) => {}
                () = async {
                    stop.requested().await;
                    let _ = timeout(DRAIN, acknowledged(&tracks)).await;
                } => {}
            }
            let waiting: usize = tracks.iter().map(|track| lock(&track.outbox).depth()).sum();
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
    Ok(Running::spawn(at, own, party))
}

/// Films one source until `stop`, or until it ends, and closes the segment that is open then.
async fn roll(
    source: &SourceConfig,
    film: Film,
    stats: &Stats,
    off: watch::Receiver<Option<GapReason>>,
    stop: &Shutdown,
) {
    let (pieces, heard) = mpsc::channel(PIECES);
    let filming = tokio::task::spawn_blocking(move || film.run(heard));
    capture::shoot(source, &pieces, stats, off, stop).await;
    // Dropped: the film ends, and closes its segment.
    drop(pieces);
    ended(filming.await);
}

/// Waits until the relay has everything of every track.
async fn acknowledged(tracks: &Tracks) {
    for track in tracks.iter() {
        let mut depth = track.depth.subscribe();
        // The sender lives in the handover, so waiting cannot fail.
        let _ = depth.wait_for(|depth| *depth == 0).await;
    }
}

/// A panic in a part goes on here.
fn ended(ended: Result<(), tokio::task::JoinError>) {
    if let Err(failed) = ended
        && let Ok(panic) = failed.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}
