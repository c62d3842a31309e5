//! The started relay: what all its sessions share, the loop that accepts, and the order in which it stops.
//!
//! Stopping: no more connections; each session drains and is told `going-away`; the endpoint closes; the store closes last.

use crate::access::Access;
use crate::config::{Config, Limits};
use crate::fanout::Fanout;
use crate::ingest::Receiving;
use crate::mailbox::Mailboxes;
use crate::publishers::Publishers;
use crate::rate::Rate;
use crate::sponsor::Sponsor;
use crate::store::Store;
use crate::{At, Error, Key, SPONSOR_FILE, calls, daykeys, retention, session, status};
use host::running::Running;
use host::shutdown::Shutdown;
use log_client::LogClient;
use media::id::{CameraId, TrackId};
use media::limits;
use media::message::{Refusal, RefusalCode};
use quic::{Endpoint, Incoming, ServerLimits};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tlog::note::Signer;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How long peers may take to notice that the endpoint has closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// What all sessions share.
#[derive(Debug)]
pub(crate) struct Relay {
    pub limits: Limits,
    pub access: Access,
    pub store: Store,
    pub fanout: Fanout,
    pub publishers: Publishers,
    pub mailboxes: Mailboxes,
    pub sponsor: Sponsor,
    pub receiving: Receiving,
    pub fetches: Semaphore,
    pub shutdown: Shutdown,
    strangers: AtomicUsize,
    /// Of enrolled cameras only, which bounds the map.
    writes: Mutex<BTreeMap<CameraId, Rate>>,
}

impl Relay {
    /// Takes one of the writes that an enrolled camera has a minute.
    pub(crate) fn take_write(&self, camera_id: CameraId) -> Result<(), Refusal> {
        let (now, most) = (Instant::now(), self.limits.writes_per_minute);
        let mut writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        if writes.entry(camera_id).or_insert_with(|| Rate::new(most, now)).take(now) {
            return Ok(());
        }
        Err(Refusal::new(
            RefusalCode::Quota,
            format!("{most} writes a minute are allowed: go on in a moment"),
        ))
    }

    /// Whether a camera may have this track.
    pub(crate) fn check_track(&self, track: TrackId) -> Result<(), Refusal> {
        let most = self.limits.tracks_per_camera;
        if track.0 < most {
            return Ok(());
        }
        Err(Refusal::new(
            RefusalCode::Quota,
            format!("a camera has at most {most} tracks here, numbered from 0"),
        ))
    }
}

/// Starts a relay; returns once it listens and its store is open.
pub(crate) async fn start(config: Config, shutdown: Shutdown) -> Result<Running<At, Error>, Error> {
    check(&config)?;
    let own = shutdown.child();
    let identity = crate::identity(&config.data)?;
    let sponsor = open_sponsor(&config)?;
    let store_config = config.store.at(config.store_dir());
    let opened = tokio::task::spawn_blocking(move || Store::open(store_config)).await;
    let store = opened.unwrap_or_else(|stopped| std::panic::resume_unwind(stopped.into_panic()))?;
    let relay = Arc::new(Relay {
        access: Access::new(&config.owners, &config.sponsors),
        store,
        fanout: Fanout::default(),
        publishers: Publishers::default(),
        mailboxes: Mailboxes::default(),
        sponsor,
        receiving: Receiving::default(),
        fetches: Semaphore::new(config.limits.fetches),
        shutdown: own.clone(),
        strangers: AtomicUsize::new(0),
        writes: Mutex::default(),
        limits: config.limits.clone(),
    });
    for camera in relay.store.cameras().await? {
        calls::learn(&relay, camera.camera_id).await?;
    }
    let server = ServerLimits { connections: config.limits.connections, ..ServerLimits::default() };
    let endpoint = Endpoint::server(config.listen, &identity, server)?;
    let page = match config.http {
        None => None,
        Some(address) => Some(host::http::bind(address).await.map_err(Error::Http)?),
    };
    let http = page.as_ref().map(|page| page.local_addr()).transpose().map_err(Error::Http)?;
    let at = At { quic: endpoint.local_addr()?, http, key: Key(identity.public_key()) };
    tracing::info!(quic = %at.quic, key = %at.key, owners = config.owners.len(), "the relay listens");

    let mut aside = JoinSet::new();
    let every = Duration::from_secs(config.store.sweep_secs.max(1));
    aside.spawn(retention::run(relay.store.clone(), every, own.clone()));
    for trustee in config.trustees {
        aside.spawn(daykeys::mirror(trustee, relay.store.clone(), own.clone()));
    }
    if let Some(page) = page {
        aside.spawn(status::serve(page, relay.clone(), own.clone()));
    }
    Ok(Running::spawn(at, own, serve(relay, endpoint, aside)))
}

fn check(config: &Config) -> Result<(), Error> {
    let l = &config.limits;
    if l.segment_bytes > limits::SEGMENT {
        return Err(Error::Config("limits.segment_bytes over 16 MiB, which no segment may have"));
    }
    if l.connections == 0 || l.fetches == 0 || l.tracks_per_camera == 0 {
        return Err(Error::Config("a limit of 0, under which nobody could do anything"));
    }
    if l.tracks_per_camera as usize > limits::TRACKS_PER_CAMERA {
        return Err(Error::Config("limits.tracks_per_camera over 16, which no answer could name"));
    }
    if config.trustees.len() > limits::TRUSTEES * 4 {
        return Err(Error::Config("more trustees than one answer can name (64)"));
    }
    Ok(())
}

fn open_sponsor(config: &Config) -> Result<Sponsor, Error> {
    let path = config.data.join(SPONSOR_FILE);
    let own = |reason: String| Error::SponsorKey { path: path.clone(), reason };
    let signer =
        Signer::from_secret_text(&host::secret::read_line(&path)?).map_err(|e| own(e.to_string()))?;
    if signer.name() != config.log.sponsor {
        let (held, said) = (signer.name(), &config.log.sponsor);
        return Err(own(format!("it is the key of {held}, and the configuration says {said}")));
    }
    let log = LogClient::from_file(&config.log.url, &config.log.policy)?;
    Ok(Sponsor::new(signer, log, config.limits.leaves_per_minute))
}

async fn serve(relay: Arc<Relay>, endpoint: Endpoint, mut aside: JoinSet<()>) -> Result<(), Error> {
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
    endpoint
        .close_with(&Refusal::new(RefusalCode::GoingAway, "the relay is stopping: come back in a moment"));
    // A peer that is gone cannot notice.
    let _ = tokio::time::timeout(FAREWELL, endpoint.wait_idle()).await;
    while aside.join_next().await.is_some() {}
    match Arc::try_unwrap(relay) {
        Ok(relay) => relay.store.close().await,
        Err(_) => tracing::error!("something still holds the store; it closes when that ends"),
    }
    Ok(())
}

/// A session of a stranger; there are only so many.
struct Stranger(Arc<Relay>);

impl Drop for Stranger {
    fn drop(&mut self) {
        self.0.strangers.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn admit(relay: Arc<Relay>, incoming: Incoming, number: u64) {
    let peer = incoming.peer_address();
    let accepted = tokio::select! {
        accepted = incoming.accept(host::clock::now_us) => accepted,
        () = relay.shutdown.requested() => return,
    };
    let (link, control) = match accepted {
        Ok(session) => session,
        Err(error) => return tracing::debug!(%peer, %error, "no session"),
    };
    let stranger = relay.access.is_stranger(&link.peer_key(), host::clock::now()).then(|| {
        relay.strangers.fetch_add(1, Ordering::Relaxed);
        Stranger(relay.clone())
    });
    if stranger.is_some() && relay.strangers.load(Ordering::Relaxed) > relay.limits.strangers {
        let text = "too many connections by keys that nobody enrolled: try again later";
        return link.close(&Refusal::new(RefusalCode::Quota, text));
    }
    session::run(relay, link, control, number).await;
}
