//! Ports of loopback for parts that may be stopped and started again. They lie outside the range
//! from which the system gives a port to whoever opens a connection: otherwise any of those might
//! take a part's port while it is away, and keep it from starting.

use super::{CastError, LOOPBACK};
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::ops::Range;

/// Below Linux's range (`net.ipv4.ip_local_port_range`, from 32768), above where services live.
const PORTS: Range<u16> = 15_000..32_000;
const TRIES: usize = 100;

/// An address that is free now, for TCP and for UDP.
///
/// # Errors
/// The last refusal, should none be free.
pub fn free_address() -> io::Result<SocketAddr> {
    let mut refused = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..TRIES {
        let at = u16::from_be_bytes(host::rng::bytes()) % (PORTS.end - PORTS.start);
        let address = SocketAddr::new(LOOPBACK, PORTS.start + at);
        match TcpListener::bind(address).and_then(|_| UdpSocket::bind(address)) {
            Ok(_) => return Ok(address),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// A listener on such an address.
pub(super) async fn listener() -> Result<(tokio::net::TcpListener, SocketAddr), CastError> {
    for _ in 0..TRIES {
        let address = free_address().map_err(CastError::Port)?;
        match host::http::bind(address).await {
            // Somebody else was as quick.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            bound => return Ok((bound.map_err(CastError::Port)?, address)),
        }
    }
    Err(CastError::Port(io::ErrorKind::AddrInUse.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_is_free_and_none_that_a_connection_gets() {
        let (held, address) = listener().await.unwrap();
        assert!(PORTS.contains(&address.port()));
        assert_eq!(held.local_addr().unwrap(), address);
        assert_ne!(free_address().unwrap(), address);
        assert!(TcpListener::bind(address).is_err());
    }
}
