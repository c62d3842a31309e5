//! The whole camera at work, and how it stops: the sources first, then what was filmed is kept,
//! then what is under way may still be acknowledged, then the disk ends its work.
//!
//! ```text
//! shoot (task) --heard--> film (thread: seals, waits for the disk) --live, spool-\
//! shoot of the sub        film of the sub                          --live, spool--> publish: one session for both tracks
//! ```
//!
//! The main track decides when a camera ends. A second source that ends, freezes or is not there is
//! the second track's trouble alone.

use crate::clock::Clocks;
use crate::config::{Config, SoundMode};
use crate::duty;
use crate::error::Error;
use crate::film::Film;
use crate::heard::Heard;
use crate::identity;
use crate::publish::Publisher;
use crate::sensor::Sensor;
use crate::shoot::Shoot;
use crate::source::SourceConfig;
use crate::spool::Spools;
use crate::state::{self, Handover, Tracks};
use crate::stats::Stats;
use host::blocking;
use host::durable::FolderLock;
use host::running::Running;
use host::shutdown::Shutdown;
use host::start::Start;
use media::id::CameraId;
use quic::Identity;
use relay_client::{Addresses, Relay};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Pieces between source and film: some seconds. When it is full, the source waits in its pipe.
const PIECES: usize = 64;
/// How long a camera that is stopped waits for acknowledgements of what is under way. The rest is
/// sent when it starts again.
const DRAIN: Duration = Duration::from_secs(3);

/// What its owner is told, signed by the camera, where sound is switched off.
const SILENT: &str =
    "its sound is switched off ([sound] in its configuration, or --no-audio); no sound is recorded";

/// The same where parts of the picture are masked.
const MASKED: &str = "parts of its picture are black and not recorded ([privacy])";

/// What its configuration chose, for its owner.
fn chosen(config: &Config) -> Option<String> {
    let silent = (config.sound.mode == SoundMode::Off).then_some(SILENT);
    let masked = (!config.privacy.mask.is_empty()).then_some(MASKED);
    if masked.is_some() {
        tracing::info!(
            "parts of the picture are masked: every picture is decoded and encoded anew, which takes two thirds of a core for 1080p at 25 a second"
        );
    }
    let said: Vec<&str> = [masked, silent].into_iter().flatten().collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// What a started camera tells.
#[derive(Debug, Clone)]
pub struct At {
    pub camera_id: CameraId,
    /// The main track's, and what concerns the whole camera.
    pub stats: Stats,
    /// The second track's, if it has one.
    pub sub: Option<Stats>,
}

/// Starts filming, and publishing as soon as the relay can be reached.
pub async fn start(config: Config, start: impl Into<Start>) -> Result<Running<At, Error>, Error> {
    let Start { machine, shutdown, .. } = start.into();
    if let Some(path) = config.source.missing_file() {
        return Err(Error::NoSource(path.to_owned()));
    }
    if let (SourceConfig::Input, Some(SourceConfig::Input)) = (&config.source, &config.sub) {
        return Err(Error::OneInput);
    }
    let camera = identity::read(&config)?;
    let folder = FolderLock::acquire(&config.data)?;
    let (main, sub) = state::of_tracks(Spools::open(&config.data)?);
    let pairing = main.spool().pairing()?;
    main.followed.restore(&main.spool())?;
    let addresses = Addresses::one(pairing.relay);
    let relay = Relay::new(Identity::from_seed(&camera.to_bytes()), addresses, pairing.relay_key);
    let off = duty::follow(&config, machine.clock.clone());
    let clocks = Clocks::new(machine.clock.clone());
    let mut films = Vec::new();
    let mut reel_of = |source: &SourceConfig, handover: &Arc<Handover>| {
        let (pieces, heard) = mpsc::channel(PIECES);
        let film = Film::new(camera.clone(), &config, handover.clone(), machine.rng.clone());
        let chosen = chosen(&config);
        handover.stats.change(|now| now.troubles.chosen = chosen);
        films.push(pieces.downgrade());
        let shoot = Shoot {
            source: source.clone(),
            sound: config.sound.mode,
            mask: config.privacy.mask.clone(),
            heard: pieces,
            stats: handover.stats.clone(),
            off: off.clone(),
            clocks: clocks.clone(),
            rng: machine.rng.clone(),
        };
        Reel { shoot, film, heard }
    };
    let main_reel = reel_of(&config.source, &main);
    let sub_reel = config.sub.as_ref().map(|source| reel_of(source, &sub));
    let sensor = Sensor::new(
        &config.source,
        &config.filming,
        films,
        main.stats.clone(),
        off.clone(),
        machine.clone(),
    )?;
    let at = At {
        camera_id: CameraId::of_key(camera.verifying_key().as_bytes()),
        stats: main.stats.clone(),
        sub: sub_reel.as_ref().map(|_| sub.stats.clone()),
    };
    let filmed = std::iter::once(main.clone()).chain(sub_reel.as_ref().map(|_| sub.clone())).collect();
    // What was filmed before the second source was taken out of the configuration is still sent.
    let is_published = sub_reel.is_some() || sub.outbox.depth() > 0;
    let tracks = Tracks { main: main.clone(), sub: is_published.then_some(sub) };
    let backfill = config.backfill_percent;
    let publisher = Publisher { relay, camera, tracks: tracks.clone(), filmed, off, backfill, machine };
    let own = shutdown.child();
    let stop = own.clone();
    let party = async move {
        let stop_publishing = Shutdown::new();
        tokio::join!(publisher.run(&stop_publishing), async {
            tokio::select! {
                () = film(main_reel, sub_reel, &stop) => {}
                () = listen(sensor) => {}
            }
            drain(&tracks, &stop).await;
            stop_publishing.request();
        });
        // What a session left for the disk to do, above all to forget what the relay has.
        main.disk.finish().await;
        drop(folder);
        Ok(())
    };
    Ok(Running::spawn(at, own, party))
}

/// Asks the filmed camera what moves, for as long as it is waited for.
async fn listen(sensor: Option<Sensor>) {
    if let Some(sensor) = sensor {
        sensor.run().await;
    }
    std::future::pending().await
}

/// One source and the film of it.
struct Reel {
    shoot: Shoot,
    film: Film,
    heard: mpsc::Receiver<Heard>,
}

impl Reel {
    /// Films until `stop`, or until the source ends, and closes the segment that is open then.
    async fn run(self, stop: &Shutdown) {
        let Self { shoot, film, heard } = self;
        tokio::join!(blocking::run(move || film.run(heard)), shoot.run(stop));
    }
}

/// Films both pictures until the main one ends.
async fn film(main: Reel, sub: Option<Reel>, stop: &Shutdown) {
    let stop_sub = stop.child();
    tokio::join!(
        async {
            main.run(stop).await;
            stop_sub.request();
        },
        async {
            if let Some(sub) = sub {
                sub.run(&stop_sub).await;
            }
        }
    );
}

/// Waits until the relay has everything: after a source that ended for as long as it takes, after
/// `stop` a little.
async fn drain(tracks: &Tracks, stop: &Shutdown) {
    tokio::select! {
        () = tracks.wait_until_empty() => {}
        () = async {
            stop.requested().await;
            let _ = timeout(DRAIN, tracks.wait_until_empty()).await;
        } => {}
    }
    let waiting: usize = tracks.iter().map(|track| track.outbox.depth()).sum();
    if waiting > 0 && tracks.main.stats.now().is_retired {
        tracing::info!(waiting, "stopped; nothing more is taken of it, for its owner retired it");
    } else if waiting > 0 {
        tracing::info!(waiting, "stopped; what the relay does not have is sent when the camera starts again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::init;
    use crate::spool::SpoolError;
    use std::path::Path;

    const SAMPLE: &str = include_str!("../../../deploy/config/camera.toml");

    #[tokio::test]
    async fn nothing_starts_before_it_was_made_paired_and_given_a_picture() {
        let dir = tempfile::tempdir().unwrap();
        let mut config: Config = host::config::parse(SAMPLE, Path::new("camera.toml")).unwrap();
        assert!(config.sub.is_none());
        config.data = dir.path().join("camera");
        config.source = SourceConfig::file(dir.path().join("none.mp4"), true);
        assert!(matches!(start(config.clone(), Shutdown::new()).await, Err(Error::NoSource(_))));
        config.source = SourceConfig::Input;
        config.sub = Some(SourceConfig::Input);
        assert!(matches!(start(config.clone(), Shutdown::new()).await, Err(Error::OneInput)));
        config.sub = None;
        assert!(matches!(start(config.clone(), Shutdown::new()).await, Err(Error::Secret(_))));
        let id = init(&config).unwrap().camera_id;
        assert_eq!(id.len(), 64);
        assert!(init(&config).is_err());
        let unpaired = start(config, Shutdown::new()).await;
        assert!(matches!(unpaired, Err(Error::Spool(SpoolError::NotPaired))));
    }
}
