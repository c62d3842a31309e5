//! A device that speaks TLS with a certificate of its own making, over real sockets.

use super::*;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Command;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Says what it hears, backwards, a line at a time, to each client; its port and fingerprint.
fn device(folder: &Path) -> (u16, Fingerprint) {
    let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
    let made = Command::new("openssl")
        .args(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=door"
                .split(' '),
        )
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut shown = Command::new("openssl");
    let shown = shown.args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]).arg(&certificate).output();
    let shown = String::from_utf8(shown.unwrap().stdout).unwrap();
    let fingerprint = shown.trim().split_once('=').unwrap().1.parse().unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(&certificate).unwrap()],
            PrivateKeyDer::from_pem_file(&key).unwrap(),
        );
    let config = Arc::new(config.unwrap());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, config) = (client.unwrap(), config.clone());
            std::thread::spawn(move || {
                let mut tls = rustls::ServerConnection::new(config).unwrap();
                let mut line = rustls::Stream::new(&mut tls, &mut client);
                let mut heard = Vec::new();
                let mut byte = [0];
                while let Ok(1) = line.read(&mut byte) {
                    heard.push(byte[0]);
                    if byte == [b'\n'] {
                        heard.reverse();
                        line.write_all(&std::mem::take(&mut heard)).unwrap();
                        line.flush().unwrap();
                    }
                }
            });
        }
    });
    (port, fingerprint)
}

#[tokio::test]
async fn a_pinned_device_is_spoken_to_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (port, fingerprint) = device(folder.path());
    let tunnel = Tunnel::open("127.0.0.1", port, Some(fingerprint)).await.unwrap();
    // The line that is there, and another.
    let mut clients = Vec::new();
    for word in ["door\n", "gate\n"] {
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, tunnel.port())).await.unwrap();
        client.write_all(word.as_bytes()).await.unwrap();
        let mut said = vec![0; word.len()];
        client.read_exact(&mut said).await.unwrap();
        said.reverse();
        assert_eq!(said, word.as_bytes());
        clients.push(client);
        if clients.len() == LINES {
            clients.remove(0);
        }
    }
    let through = tunnel.port();
    drop(tunnel);
    let mut client = clients.remove(0);
    assert_eq!(client.read(&mut [0]).await.unwrap_or(0), 0, "it is closed");
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, through)).await.is_err());

    // Another certificate than the pinned one, and one that nobody pinned or signed: named.
    let other = Some("0".repeat(64).parse().unwrap());
    let refused = Tunnel::open("127.0.0.1", port, other).await.unwrap_err();
    assert!(matches!(refused, TunnelError::Other(found) if found == fingerprint), "{refused}");
    let refused = Tunnel::open("localhost", port, None).await.unwrap_err();
    assert!(
        matches!(refused, TunnelError::Unknown { found, why } if found == fingerprint && why.contains("nobody")),
        "{refused}"
    );
    assert!(refused.to_string().contains(&fingerprint.to_string()));
}

#[tokio::test]
async fn what_speaks_no_tls_or_does_not_listen_is_no_certificate() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answering = tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            client.write_all(b"RTSP/1.0 400 Bad Request\r\n\r\n").await.unwrap();
        }
    });
    for pinned in [None, Some("ab".repeat(32).parse().unwrap())] {
        for port in [port, 1] {
            let refused = Tunnel::open("127.0.0.1", port, pinned).await.unwrap_err();
            assert!(matches!(refused, TunnelError::Connect(_)), "{refused}");
        }
    }
    answering.abort();
}

#[test]
fn a_fingerprint_is_written_as_others_show_it() {
    let plain = "0123456789abcdef".repeat(4);
    let pairs: Vec<&str> = (0..32).map(|at| &plain[at * 2..at * 2 + 2]).collect();
    let shown: Fingerprint = pairs.join(":").to_uppercase().parse().unwrap();
    assert_eq!((shown.to_string(), plain.parse()), (plain.clone(), Ok(shown)));
    for wrong in ["", "01", &plain[1..], &format!("{plain}00"), &plain.replace('a', "g")] {
        assert_eq!(wrong.parse::<Fingerprint>(), Err(FingerprintError), "{wrong}");
    }
}

#[test]
fn why_a_certificate_is_not_believed_is_said_as_it_is() {
    for (why, said) in [
        (CertificateError::Expired, "has expired"),
        (CertificateError::NotValidForName, "is for another name"),
        (CertificateError::UnknownIssuer, "is its own or signed by nobody known"),
    ] {
        assert_eq!(distrust(&why), said);
    }
}
