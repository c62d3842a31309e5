//! WS-Discovery (2005/04): a question to everybody on the local network, or to one address, and who
//! answers it.
//!
//! What answers is listed and nothing more: whoever is on the network can answer, and call itself
//! what it likes. In scope: addresses and names as they are said. Out of scope: asking a device (`device`).

use crate::error::OnvifError;
use crate::xml;
use axum::http::Uri;
use host::rng::Rng;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

/// WS-Discovery, 2.4.
const EVERYBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(239, 255, 255, 250)), PORT);
const PORT: u16 = 3702;
/// A datagram can be lost, and some devices answer only to one of two names.
const QUESTIONS: [(&str, Duration); 3] = [
    ("dn:NetworkVideoTransmitter", Duration::ZERO),
    ("tds:Device", Duration::from_millis(300)),
    ("dn:NetworkVideoTransmitter", Duration::from_millis(1000)),
];
/// The most addresses that are listed of one network.
const FOUND_MAX: usize = 512;
const DATAGRAM_MAX: usize = 65_536;

/// Somebody who answered; all but the address is said by itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Seen {
    pub address: IpAddr,
    pub name: Option<String>,
    pub hardware: Option<String>,
    /// Where its device service is. None if it named none on the address that it answered from.
    pub service: Option<String>,
}

/// Asks everybody on each network of this machine, or one address alone, and waits this long.
///
/// # Errors
/// [`OnvifError::Socket`] where no socket could be had at all.
pub async fn discover(
    whom: Option<SocketAddr>,
    patience: Duration,
    rng: &Rng,
) -> Result<Vec<Seen>, OnvifError> {
    let until = Instant::now() + patience;
    let mut asking = JoinSet::new();
    let mut last_error = None;
    for interface in if whom.is_some() { vec![None] } else { interfaces() } {
        match socket(interface).await {
            Ok(socket) => _ = asking.spawn(ask(socket, whom.unwrap_or(EVERYBODY), id(rng), until)),
            Err(error) => last_error = Some(error),
        }
    }
    if let (true, Some(error)) = (asking.is_empty(), last_error) {
        return Err(error.into());
    }
    let mut found = BTreeMap::new();
    while let Some(seen) = asking.join_next().await {
        // On two networks: once.
        for seen in seen.unwrap_or_default() {
            keep(&mut found, seen, true);
        }
    }
    Ok(found.into_values().collect())
}

/// Each network interface by its number; none is the one that the system prefers.
fn interfaces() -> Vec<Option<u32>> {
    let number = |entry: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(entry.ok()?.path().join("ifindex")).ok()?.trim().parse::<u32>().ok()
    };
    let numbers = std::fs::read_dir("/sys/class/net").into_iter().flatten();
    let mut numbers: Vec<Option<u32>> = numbers.filter_map(number).map(Some).collect();
    numbers.push(None);
    numbers
}

async fn socket(interface: Option<u32>) -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    if let Some(number) = interface {
        let any = Ipv4Addr::UNSPECIFIED;
        rustix::net::sockopt::set_ip_multicast_if_with_ifindex(socket.as_fd(), &any, &any, number)?;
    }
    Ok(socket)
}

fn id(rng: &Rng) -> String {
    let [a, b, c, d, e, f, g, h, rest @ ..]: [u8; 16] = rng.bytes();
    let [i, j, k, l, m, n, o, p] = rest;
    // RFC 9562, 5.4: version 4, variant 10.
    let (g, i) = (g & 0x0f | 0x40, i & 0x3f | 0x80);
    format!(
        "uuid:{a:02x}{b:02x}{c:02x}{d:02x}-{e:02x}{f:02x}-{g:02x}{h:02x}-{i:02x}{j:02x}-\
         {k:02x}{l:02x}{m:02x}{n:02x}{o:02x}{p:02x}"
    )
}

/// Asks on one socket, and listens.
async fn ask(socket: UdpSocket, whom: SocketAddr, id: String, until: Instant) -> Vec<Seen> {
    let began = Instant::now();
    let questions = async {
        for (kind, pause) in QUESTIONS {
            sleep_until(began + pause).await;
            if let Err(error) = socket.send_to(probe(&id, kind).as_bytes(), whom).await {
                // An interface that is down, or has no way there: others may have.
                tracing::debug!(%error, "not asked");
            }
        }
        std::future::pending::<()>().await;
    };
    // By address: one that answers often keeps nobody else out.
    let mut seen: BTreeMap<IpAddr, Seen> = BTreeMap::new();
    let answers = async {
        let mut buffer = vec![0; DATAGRAM_MAX];
        while let Ok(received) = timeout_at(until, socket.recv_from(&mut buffer)).await {
            // A refusal of one packet on its way (ICMP) says nothing of the others.
            let Ok((len, from)) = received else { continue };
            for found in answered(buffer.get(..len).unwrap_or_default(), from.ip(), &id) {
                let is_room = seen.len() < FOUND_MAX;
                keep(&mut seen, found, is_room);
            }
        }
    };
    tokio::select! {
        () = answers => {}
        () = questions => {}
    }
    seen.into_values().collect()
}

/// The first answer of an address, until one names a service.
fn keep(seen: &mut BTreeMap<IpAddr, Seen>, found: Seen, is_room: bool) {
    match seen.get_mut(&found.address) {
        Some(known) if known.service.is_none() && found.service.is_some() => *known = found,
        None if is_room => _ = seen.insert(found.address, found),
        Some(_) | None => {}
    }
}

fn probe(id: &str, kind: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
         xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\"><s:Header>\
         <a:Action s:mustUnderstand=\"1\">http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action>\
         <a:MessageID>{id}</a:MessageID>\
         <a:ReplyTo><a:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo>\
         <a:To s:mustUnderstand=\"1\">urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></s:Header><s:Body>\
         <Probe xmlns=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\">\
         <d:Types xmlns:d=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\" \
         xmlns:dn=\"http://www.onvif.org/ver10/network/wsdl\" \
         xmlns:tds=\"http://www.onvif.org/ver10/device/wsdl\">{kind}</d:Types></Probe></s:Body></s:Envelope>"
    )
}

/// Who says in this datagram that it is there; nothing if it answers no question of this id.
fn answered(datagram: &[u8], from: IpAddr, id: &str) -> Vec<Seen> {
    let text = String::from_utf8_lossy(datagram);
    let Ok(document) = xml::parse(&text) else { return Vec::new() };
    let root = document.root();
    let relates = xml::text(root, &["RelatesTo"]);
    if relates.as_deref().map(|it| it.trim_start_matches("urn:")) != Some(id) {
        return Vec::new();
    }
    let seen = |found: roxmltree::Node<'_, '_>| {
        let scopes = xml::text(found, &["Scopes"]).unwrap_or_default();
        let scope = |kind: &str| {
            let at =
                |scope: &str| scope.strip_prefix("onvif://www.onvif.org/")?.strip_prefix(kind).map(decoded);
            scopes.split_whitespace().find_map(at).filter(|text| !text.is_empty())
        };
        let is_its_own = |address: &&str| {
            let uri: Option<Uri> = address.parse().ok();
            let host = uri.as_ref().and_then(Uri::host).map(|host| host.trim_matches(['[', ']']).parse());
            host == Some(Ok(from)) && address.starts_with("http://")
        };
        let addresses = xml::text(found, &["XAddrs"]).unwrap_or_default();
        Seen {
            address: from,
            name: scope("name/"),
            hardware: scope("hardware/"),
            service: addresses.split_whitespace().find(is_its_own).map(str::to_owned),
        }
    };
    xml::all(root, "ProbeMatch").take(8).map(seen).collect()
}

/// Percent-decoded, as scopes are written.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, tail @ ..] = rest {
        let hex = match (first, tail) {
            (b'%', [high, low, ..]) => {
                std::str::from_utf8(&[*high, *low]).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok())
            }
            _ => None,
        };
        bytes.push(hex.unwrap_or(*first));
        rest = if hex.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    xml::shown(&String::from_utf8_lossy(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 20));

    fn matched(id: &str, scopes: &str, addresses: &str) -> String {
        format!(
            "<e:Envelope xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\" \
             xmlns:w=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" \
             xmlns:d=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\"><e:Header><w:RelatesTo>{id}</w:RelatesTo></e:Header>\
             <e:Body><d:ProbeMatches><d:ProbeMatch><d:Scopes>{scopes}</d:Scopes><d:XAddrs>{addresses}</d:XAddrs>\
             </d:ProbeMatch></d:ProbeMatches></e:Body></e:Envelope>"
        )
    }

    #[test]
    fn a_match_tells_name_hardware_and_the_service_at_its_own_address() {
        let scopes = "onvif://www.onvif.org/Profile/Streaming onvif://www.onvif.org/name/Fr%C3%B6nt%20d%zzor \
                      onvif://www.onvif.org/hardware/IPC-1%1b";
        let addresses = "http://192.168.1.9/onvif/device_service https://10.0.0.20/x http://10.0.0.20:8000/onvif/device_service";
        let seen = answered(matched("urn:uuid:7", scopes, addresses).as_bytes(), HERE, "uuid:7");
        let expected = Seen {
            address: HERE,
            name: Some("Frönt d%zzor".to_owned()),
            hardware: Some("IPC-1".to_owned()),
            service: Some("http://10.0.0.20:8000/onvif/device_service".to_owned()),
        };
        assert_eq!(seen, [expected]);
    }

    #[test]
    fn who_names_only_addresses_of_others_is_listed_without_one() {
        for addresses in
            ["http://10.0.0.1/onvif/device_service", "", "http://10.0.0.20.evil.example/", "nonsense"]
        {
            let seen = answered(matched("uuid:7", "", addresses).as_bytes(), HERE, "uuid:7");
            assert_eq!(seen.iter().map(|seen| &seen.service).collect::<Vec<_>>(), [&None], "{addresses}");
        }
    }

    #[test]
    fn what_answers_no_question_of_ours_is_nobody() {
        let good = matched("uuid:7", "", "http://10.0.0.20/");
        assert_eq!(answered(good.as_bytes(), HERE, "uuid:8"), []);
        for cut in 0..good.len() {
            assert_eq!(answered(&good.as_bytes()[..cut], HERE, "uuid:7"), []);
        }
        assert_eq!(answered(&[0xff; 2000], HERE, "uuid:7"), []);
    }
}
