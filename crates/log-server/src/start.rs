//! A log is made once, started, and stops: keys and tree first, then the index that follows from
//! them, then what serves; in the end the sequencer stops what serves, and never the other way
//! round.

use crate::admission::Admission;
use crate::alarms::Alarms;
use crate::catch_up::catch_up;
use crate::config::Config;
use crate::cosign::Witnesses;
use crate::error::Error;
use crate::index::Index;
use crate::keys::Keys;
use crate::policy;
use crate::scrub::scrub_and_tell;
use crate::sequencer::{Pace, Sequencer};
use crate::serve::{self, Front};
use crate::state::Handover;
use crate::storage::Folder;
use crate::tree::Tree;
use host::blocking;
use host::clock::Clock;
use host::durable::FolderLock;
use host::http::ServeLimits;
use host::running::Running;
use host::start::Start;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a started log tells: where it listens, and its verifier keys.
#[derive(Debug, Clone)]
pub struct At {
    pub http: SocketAddr,
    pub vkeys: Vec<String>,
}

/// Makes the keys and the signed empty tree of a new log; returns its verifier keys, one line each:
/// the Ed25519 one, which goes into policies, and the ML-DSA-44 one. Refuses to touch a data folder
/// that was initialised before.
pub fn init(config: &Config) -> Result<Vec<String>, Error> {
    host::durable::own_dir(&config.data)?;
    let _lock = FolderLock::acquire(&config.data)?;
    Keys::create(&config.data, &config.origin)?;
    let keys = Keys::open(&config.data, &config.origin, Clock::system())?;
    Tree::create(&Folder::new(&config.data), &keys)?;
    Ok(keys.vkeys())
}

/// Starts a log.
pub async fn start(config: Config, start: impl Into<Start>) -> Result<Running<At, Error>, Error> {
    let mut start = start.into();
    let (listener, http) = start.listen(config.listen).await.map_err(Error::Listen)?;
    let lock = FolderLock::acquire(&config.data)?;
    let keys = Keys::open(&config.data, &config.origin, start.machine.clock)?;
    let at = At { http, vkeys: keys.vkeys() };
    let policy = Arc::new(policy::read(&config, keys.verifier())?);
    let admission = Admission::new(&config.submitters, keys.stamping().key(), Instant::now())?;

    let storage = Folder::new(&config.data);
    let stamping = keys.stamping();
    let tree = Tree::open(storage.clone(), keys)?;
    // A tree that ends without a stamp is found now, and not by the first leaf.
    stamping.next(tree.last_entry()?.as_deref())?;
    let index = Index::open(&config.data.join("index.redb"))?;
    catch_up(&tree, &index)?;
    let alarms = Arc::new(Alarms::open(&config.data.join("alarms"))?);
    let handover = Arc::new(Handover::new(index));
    handover.published.send_replace(tree.published()?);

    let own = start.shutdown.child();
    let beyond_quorum = Duration::from_millis(config.beyond_quorum_ms);
    let witnesses = Witnesses::new(policy, storage.clone(), alarms.clone(), beyond_quorum);
    let front = Front {
        admission,
        handover: handover.clone(),
        storage: storage.clone(),
        alarms: alarms.clone(),
        peers: witnesses.peers(),
        origin: config.origin.clone(),
        add_wait: Duration::from_secs(config.add_wait_secs),
        shutdown: own.clone(),
    };
    let size = tree.size();
    tracing::info!(origin = config.origin, %http, size, "the log listens");
    let (tree, pace, shutdown, rng) = (Some(tree), Pace::of(&config), own.clone(), start.machine.rng);
    let sequencer = Sequencer { tree, handover, witnesses, stamping, pace, shutdown, rng };
    let limits = ServeLimits {
        body_bytes: serve::BODY_LIMIT,
        request_timeout: Duration::from_secs(config.add_wait_secs.saturating_add(30)),
        ..ServeLimits::default()
    };
    let stop = own.clone();
    let party = async move {
        let serving = host::http::serve(listener, serve::router(Arc::new(front)), limits, stop.clone());
        let scrub_stop = stop.clone();
        let scrubbing = blocking::run(move || scrub_and_tell(&storage, size, &scrub_stop, &alarms));
        let sequencing = async {
            let ended = sequencer.run().await;
            // Nothing is served by a log that may not write: its answers would only grow stale.
            stop.request();
            ended
        };
        let ((), (), ended) = tokio::join!(serving, scrubbing, sequencing);
        drop(lock);
        ended
    };
    Ok(Running::spawn(at, own, party))
}
