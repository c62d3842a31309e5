//! A witness is made once, started, and stops: its folder is its own from before the first file is
//! opened until the last request has ended.

use crate::config::Config;
use crate::error::Error;
use crate::serve::{Front, MAX_REQUEST_BYTES, router};
use crate::state::Witness;
use host::durable::FolderLock;
use host::http::ServeLimits;
use host::running::Running;
use host::start::Start;
use std::net::SocketAddr;
use std::sync::Arc;

/// What a started witness tells: where it listens, and its verifier keys.
#[derive(Debug, Clone)]
pub struct At {
    pub http: SocketAddr,
    pub vkeys: Vec<String>,
}

/// Makes the keys and the empty record of a new witness; returns its verifier keys, one line each,
/// for the logs' and the relying parties' policies. Refuses to touch a data folder that was
/// initialised before.
pub fn init(config: &Config) -> Result<Vec<String>, Error> {
    host::durable::own_dir(&config.data)?;
    let _lock = FolderLock::acquire(&config.data)?;
    Witness::create(config)
}

/// Starts a witness. It ends by itself when its record turns out to be damaged.
pub async fn start(config: Config, start: impl Into<Start>) -> Result<Running<At, Error>, Error> {
    let mut start = start.into();
    let (listener, http) = start.listen(config.listen).await.map_err(Error::Listen)?;
    let lock = FolderLock::acquire(&config.data)?;
    let witness = Witness::open(&config)?;
    let at = At { http, vkeys: witness.vkeys() };
    tracing::info!(name = config.name, %http, logs = config.logs.len(), "the witness listens");
    let own = start.shutdown.child();
    let front = Arc::new(Front::new(witness, start.machine.clock, own.clone()));
    let limits = ServeLimits { body_bytes: MAX_REQUEST_BYTES, ..ServeLimits::default() };
    let stop = own.clone();
    let party = async move {
        host::http::serve(listener, router(front.clone()), limits, stop).await;
        let damage = front.finish().await;
        drop((front, lock));
        damage.map_or(Ok(()), |error| Err(error.into()))
    };
    Ok(Running::spawn(at, own, party))
}
