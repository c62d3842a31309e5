//! The order of starting and stopping: the folder is locked and all of it is open before anybody is
//! answered; at the end the URLs and both loops stop, then what they left behind is waited for.

use crate::config::Config;
use crate::error::Error;
use crate::state::Trustee;
use crate::{serve, work};
use escrow::envelope::ENVELOPE_MAX_BYTES;
use host::http::ServeLimits;
use host::running::Running;
use host::start::Start;
use std::net::SocketAddr;
use std::sync::Arc;

/// What a started trustee tells.
#[derive(Debug, Clone)]
pub struct At {
    pub http: SocketAddr,
    pub vkey: String,
}

/// Starts a trustee on `config.listen`, or as `start` says. It answers 503 until it has read the
/// log to a fresh head.
pub async fn start(config: Config, start: impl Into<Start>) -> Result<Running<At, Error>, Error> {
    let mut start = start.into();
    let (listener, http) = start.listen(config.listen).await.map_err(Error::Listen)?;
    let trustee = Arc::new(Trustee::open(config, start.machine)?);
    let vkey = trustee.vkey().vkey();
    tracing::info!(vkey, %http, "the trustee listens");
    for warning in &trustee.office.warnings {
        tracing::warn!(vkey, "{warning}");
    }
    let own = start.shutdown.child();
    // A day's worth of epochs takes a moment to send; the answer may wait for the grant's proof.
    let limits = ServeLimits { body_bytes: ENVELOPE_MAX_BYTES, connections: 256, ..ServeLimits::default() };
    let party = {
        let own = own.clone();
        async move {
            let serving = host::http::serve(listener, serve::router(trustee.clone()), limits, own.clone());
            let working = async {
                let worked = work::work(&trustee, &own).await;
                // Where the ledger is damaged, nothing else is answered either.
                own.request();
                worked
            };
            let ((), (), worked) = tokio::join!(serving, work::watch(&trustee, &own), working);
            trustee.desk.finish().await;
            worked
        }
    };
    Ok(Running::spawn(At { http, vkey }, own, party))
}
