//! What `init` makes, and the order in which a relay starts.
//!
//! The data folder, made by [`init`] alone:
//!
//! ```text
//! link.secret      Ed25519 seed: the identity that every invite pins, mode 0600
//! sponsor.key      the note key under which leaves are sponsored, mode 0600
//! store/           packs and their index (crate `store`)
//! ```
//!
//! Starting: keys, the store, what it knows of cameras, the socket, the page, then the tasks
//! beside.

use crate::access::Enrolled;
use crate::config::Config;
use crate::error::Error;
use crate::sponsor::Sponsor;
use crate::state::Relay;
use crate::{daykeys, retention, serve, status};
use ed25519_dalek::SigningKey;
use host::running::Running;
use host::secret;
use host::start::Start;
use log_client::{LogClient, make_key, read_own_key};
use media::enrollment::Enrollment;
use media::limits;
use media::policy::SignedOwnerPolicy;
use quic::{Endpoint, Identity, Key, Limits, LinkError};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use store::{Packs, Store};
use tokio::task::JoinSet;

const LINK_FILE: &str = "link.secret";
const LINK_LABEL: &str = "relay-link";
const SPONSOR_FILE: &str = "sponsor.key";

/// What `init` made: public halves, to be handed to others.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Created {
    /// The key that owners and requesters pin.
    pub link_key: Key,
    /// The verifier key under which leaves are sponsored: the log's operator lists it among the
    /// submitters.
    pub sponsor_vkey: String,
}

/// Where a started relay is.
#[derive(Debug, Clone)]
pub struct At {
    /// The UDP address it listens on.
    pub quic: SocketAddr,
    /// Its status page's TCP address.
    pub http: Option<SocketAddr>,
    /// The key that its peers pin.
    pub key: Key,
}

/// Makes the keys and the empty store of a new relay. Refuses to touch a data folder that was
/// initialised before.
pub fn init(config: &Config) -> Result<Created, Error> {
    host::durable::own_dir(&config.data)?;
    let signer = make_key(&config.data.join(SPONSOR_FILE), &config.log.sponsor)?;
    let seed = secret::create_key(&config.data.join(LINK_FILE), LINK_LABEL)?;
    // Last: a folder with keys and no store was never a relay, and does not start as one.
    Packs::create(&config.store_dir())?;
    let link_key = Key(Identity::from_seed(&seed).public_key());
    Ok(Created { link_key, sponsor_vkey: signer.verifier().vkey() })
}

/// Starts a relay on `config.listen` with packs in its data folder; returns once it listens.
pub async fn start(config: Config, start: impl Into<Start>) -> Result<Running<At, Error>, Error> {
    let start = start.into();
    check(&config)?;
    let (packs, rng) = (config.store.at(config.store_dir()), start.machine.rng.clone());
    let packs = host::blocking::run(move || Packs::open(packs, rng)).await?;
    start_over(Store::over(Arc::new(packs)), config, start).await
}

/// The same over a store that the caller opened.
pub async fn start_over(
    store: Store,
    config: Config,
    start: impl Into<Start>,
) -> Result<Running<At, Error>, Error> {
    let Start { machine, shutdown, .. } = start.into();
    check(&config)?;
    let own = shutdown.child();
    let seed = secret::read_key(&config.data.join(LINK_FILE), LINK_LABEL)?;
    let (identity, key) = (Identity::from_seed(&seed), SigningKey::from_bytes(&seed));
    let sponsor = open_sponsor(&config)?;
    let relay = Arc::new(Relay::new(&config, store, sponsor, key, machine, own.clone()));
    learn_cameras(&relay).await?;
    let server = Limits { connections: config.limits.connections, ..Limits::default() };
    let endpoint = Endpoint::server(config.listen, &identity, server).map_err(|error| match error {
        LinkError::Socket { reason, .. } => {
            Error::Listen(host::http::cannot_listen(config.listen, io::Error::other(reason)))
        }
        error => Error::Link(error),
    })?;
    let page = match config.http {
        None => None,
        Some(address) => Some(host::http::bind(address).await.map_err(Error::Listen)?),
    };
    let http = page.as_ref().map(|page| page.local_addr()).transpose().map_err(Error::Listen)?;
    let quic = endpoint.local_addr().map_err(Error::Link)?;
    let at = At { quic, http, key: Key(identity.public_key()) };
    tracing::info!(quic = %at.quic, key = %at.key, owners = config.owners.len(), "the relay listens");

    let mut aside = JoinSet::new();
    let every = Duration::from_secs(config.store.sweep_secs.max(1));
    aside.spawn(retention::run(relay.clone(), every));
    for trustee in config.trustees {
        aside.spawn(daykeys::mirror(relay.clone(), trustee));
    }
    if let Some(page) = page {
        aside.spawn(status::serve(page, relay.clone()));
    }
    Ok(Running::spawn(at, own, serve::serve(relay, endpoint, aside)))
}

fn check(config: &Config) -> Result<(), Error> {
    let l = &config.limits;
    if l.segment_bytes > limits::SEGMENT {
        return Err(Error::Config("limits.segment_bytes over 24 MiB, which no segment may have"));
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
    let signer = read_own_key(&config.data.join(SPONSOR_FILE), &config.log.sponsor)?;
    let log = LogClient::from_file(&config.log.url, &config.log.policy)?;
    Ok(Sponsor::new(signer, log, config.limits.leaves_per_minute))
}

/// What is known of each camera from its stored policy.
async fn learn_cameras(relay: &Relay) -> Result<(), Error> {
    for camera_id in relay.store.cameras().await?.into_iter().map(|camera| camera.camera_id) {
        let Some(held) = relay.store.policy(camera_id, None).await? else { continue };
        let enrollment = Enrollment::decode_verified(&held.enrollment);
        match (enrollment, SignedOwnerPolicy::decode(&held.bundle.policy)) {
            (Ok(enrollment), Ok(policy)) => relay.access.learn(Enrolled::new(&enrollment, &policy)),
            _ => {
                tracing::error!(%camera_id, "the stored policy is not readable: nobody may use this camera until it is put again");
            }
        }
    }
    Ok(())
}
