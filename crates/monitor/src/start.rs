//! A monitor is made once, started, and stops: its folder is its own until the last work on it has
//! ended.

use crate::book::Book;
use crate::config::Config;
use crate::error::Error;
use crate::gossip::MAX_GOSSIP_BYTES;
use crate::serve::router;
use crate::state::Monitor;
use crate::store::Store;
use crate::watch::watch;
use host::durable::FolderLock;
use host::http::{Fetch, FetchLimits, ServeLimits};
use host::running::Running;
use host::start::Start;
use std::net::SocketAddr;
use std::sync::Arc;

/// What a started monitor tells.
#[derive(Debug, Clone)]
pub struct At {
    pub http: SocketAddr,
}

/// Makes the data folder of a new monitor, which has seen nothing yet. Refuses one that was made
/// before.
pub fn init(config: &Config) -> Result<(), Error> {
    Ok(Store::create(&config.data)?)
}

/// Starts a monitor.
pub async fn start(config: Config, start: impl Into<Start>) -> Result<Running<At, Error>, Error> {
    let mut start = start.into();
    let (listener, http) = start.listen(config.listen).await.map_err(Error::Listen)?;
    let folder = FolderLock::acquire(&config.data)?;
    let log = config.open_log()?;
    let book = Book::open(&config.data, log.policy())?;
    tracing::info!(log = config.log, %http, size = book.size(), "the monitor listens");
    let peers = Fetch::new(FetchLimits { answer_bytes: MAX_GOSSIP_BYTES, ..FetchLimits::default() });
    let monitor = Arc::new(Monitor::new(config, log, peers, start.machine.clock, book, folder));
    let own = start.shutdown.child();
    let limits = ServeLimits { body_bytes: MAX_GOSSIP_BYTES, ..ServeLimits::default() };
    let stop = own.clone();
    let party = async move {
        let serving = host::http::serve(listener, router(monitor.clone()), limits, stop.clone());
        tokio::join!(serving, watch(&monitor, &stop));
        monitor.finish().await;
        Ok(())
    };
    Ok(Running::spawn(At { http }, own, party))
}
