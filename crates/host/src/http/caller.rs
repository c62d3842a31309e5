//! Who asks: the address by which what one stranger may take is bounded.
//!
//! A server listens on loopback behind a reverse proxy, which appends the address that it saw to
//! `X-Forwarded-For`; so the last one there is the caller's, if the peer is this machine. Whoever
//! connects directly is its own address, whatever it says of itself.

use axum::extract::{ConnectInfo, Request};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const FORWARDED_FOR: &str = "x-forwarded-for";

/// An address; of IPv6 the network, since one caller has all the addresses of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Caller(IpAddr);

impl Caller {
    /// Who sent this request, which came in by [`serve`](super::serve).
    pub fn of(request: &Request) -> Self {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let peer = Self::at(peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0.ip()));
        let forwarded = request.headers().get_all(FORWARDED_FOR).iter().next_back();
        let forwarded =
            forwarded.and_then(|list| list.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
        match forwarded {
            Some(address) if peer.is_this_machine() => Self::at(address),
            Some(_) | None => peer,
        }
    }

    pub fn at(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) if !address.is_loopback() => {
                let network = u128::from(address) >> 64 << 64;
                Self(Ipv6Addr::from(network).into())
            }
            address => Self(address),
        }
    }

    /// A proxy that tells no address, or the operator: nobody to keep apart.
    pub fn is_this_machine(self) -> bool {
        self.0 == IpAddr::V4(Ipv4Addr::LOCALHOST) || self.0 == IpAddr::V6(Ipv6Addr::LOCALHOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn caller(peer: &str, forwarded: &[&str]) -> String {
        let mut request = Request::new(Body::empty());
        request.extensions_mut().insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        for value in forwarded {
            request.headers_mut().append(FORWARDED_FOR, value.parse().unwrap());
        }
        Caller::of(&request).0.to_string()
    }

    #[test]
    fn a_proxy_on_this_machine_names_the_caller_and_a_stranger_does_not() {
        assert_eq!(caller("127.0.0.1:1", &[]), "127.0.0.1");
        assert_eq!(caller("127.0.0.1:1", &["192.0.2.7"]), "192.0.2.7");
        // What the caller itself wrote stands before what the proxy appends.
        assert_eq!(caller("127.0.0.1:1", &["192.0.2.1", "192.0.2.2, 192.0.2.7"]), "192.0.2.7");
        assert_eq!(caller("127.0.0.1:1", &["192.0.2.1, nonsense"]), "127.0.0.1");
        assert_eq!(caller("192.0.2.9:1", &["192.0.2.7"]), "192.0.2.9");
        assert_eq!(caller("[::ffff:192.0.2.9]:1", &[]), "192.0.2.9");
        assert_eq!(caller("[2001:db8:1:2:3:4:5:6]:1", &[]), "2001:db8:1:2::");
        assert_eq!(caller("[::1]:1", &["2001:db8:1:2::9"]), "2001:db8:1:2::");
    }
}
