//! What a party is handed at its start beside its configuration: the machine, the signal that stops
//! it, and its listener where the caller bound one.
//!
//! Each party has one `start(config, impl Into<Start>)`; a [`Shutdown`] alone is the usual start,
//! on the real machine:
//!
//! ```text
//! witness::start(config, shutdown)                                       in production
//! witness::start(config, Start::on(listener, shutdown))                  the caller knows the address
//! witness::start(config, Start::from(shutdown).with_machine(machine))    a test steps the clock
//! ```

use crate::http::bind;
use crate::machine::Machine;
use crate::shutdown::Shutdown;
use std::io;
use std::net::SocketAddr;
use tokio::net::TcpListener;

#[derive(Debug)]
pub struct Start {
    pub machine: Machine,
    pub shutdown: Shutdown,
    listener: Option<TcpListener>,
}

impl From<Shutdown> for Start {
    fn from(shutdown: Shutdown) -> Self {
        Self { machine: Machine::system(), shutdown, listener: None }
    }
}

impl Start {
    /// On a listener that the caller bound, whatever the configuration says.
    pub fn on(listener: TcpListener, shutdown: Shutdown) -> Self {
        Self { listener: Some(listener), ..shutdown.into() }
    }

    pub fn with_machine(self, machine: Machine) -> Self {
        Self { machine, ..self }
    }

    /// The listener and the address it has: the caller's, or one bound to `configured`.
    pub async fn listen(&mut self, configured: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
        let listener = match self.listener.take() {
            Some(listener) => listener,
            None => bind(configured).await?,
        };
        let at = listener.local_addr()?;
        Ok((listener, at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_callers_listener_is_taken_before_the_configured_address() {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let bound = bind(any).await.unwrap();
        let own = bound.local_addr().unwrap();
        let mut start = Start::on(bound, Shutdown::new());
        assert_eq!(start.listen(any).await.unwrap().1, own);
        let mut start = Start::from(Shutdown::new());
        let (listener, at) = start.listen(any).await.unwrap();
        assert_ne!(at.port(), 0);
        let taken = start.listen(at).await.unwrap_err();
        assert!(taken.to_string().contains("change `listen`"), "{taken}");
        drop(listener);
    }
}
