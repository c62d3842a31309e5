//! The order of starting and stopping: it listens before its address is told.

use super::door::Door;
use super::hub::Hub;
use super::mqtt::{self, Broker};
use super::public::Public;
use super::{Bridge, BridgeAt, BridgeError, serve};
use crate::app::Known;
use crate::state::Owner;
use host::http::{self, ServeLimits};
use host::running::Running;
use host::shutdown::Shutdown;
use std::sync::Arc;
use std::time::Duration;

/// Requests and streams at once; a stream that is watched lives a day at the most.
const LIMITS: ServeLimits = ServeLimits {
    body_bytes: 0,
    connections: 128,
    header_timeout: Duration::from_secs(10),
    request_timeout: Duration::from_secs(60),
    connection_life: Duration::from_secs(86_400),
    drain: Duration::from_secs(1),
};

/// Starts the bridge where `[bridge] listen` says; returns once it listens.
pub async fn start(owner: Owner, shutdown: Shutdown) -> Result<Running<BridgeAt, BridgeError>, BridgeError> {
    let config = &owner.config.bridge;
    let is_name = |name: &String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        !name.is_empty() && name.chars().all(plain)
    };
    if let Some(name) = config.names.iter().find(|name| !is_name(name)) {
        return Err(BridgeError::BadName(name.clone()));
    }
    let is_url = |url: &&String| url.starts_with("http://") || url.starts_with("https://");
    if let Some(url) = config.monitor.as_ref().filter(|url| !is_url(url)) {
        return Err(BridgeError::BadMonitor(url.clone()));
    }
    let broker = config.mqtt.as_ref().map(Broker::of).transpose()?;
    let listener = http::bind(config.listen).await?;
    let at = BridgeAt { address: listener.local_addr()? };
    let door = Arc::new(Door::new(owner.clone()).await?);
    let known = Known::new(owner.clone(), shutdown.clone());
    let hub = Hub::new(owner.clone(), shutdown.clone());
    let public = Public::new(config.monitor.as_deref());
    let bridge = Arc::new(Bridge { owner: owner.clone(), known, hub, public, shutdown: shutdown.clone() });
    let router = door.clone().before(serve::router(bridge.clone()));
    let stop = shutdown.clone();
    let serving = async move {
        let telling = async {
            if let Some(broker) = &broker {
                mqtt::keep_told(&bridge, broker).await;
            }
        };
        let counting = async {
            tokio::select! {
                () = bridge.public.follow(|| bridge.owner.now_us().0) => {}
                () = stop.requested() => {}
            }
        };
        tokio::join!(
            telling,
            counting,
            bridge.known.keep_fresh(),
            door.follow(&stop),
            http::serve(listener, router, LIMITS, stop.clone())
        );
        Ok(())
    };
    Ok(Running::spawn(at, shutdown, serving))
}
