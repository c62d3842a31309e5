//! The app's door, over real sockets: who is answered, and what every answer says.

use crate::world::World;
use host::running::Running;
use host::shutdown::Shutdown;
use owner::Owner;
use owner::app::addresses::{self, Address, AddressError};
use owner::app::{AppError, At};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

/// A started app, and the path of its token.
pub(crate) async fn started(world: &World) -> (Running<At, AppError>, SocketAddr, String) {
    let app = owner::app::start(world.owner(), None, Shutdown::new()).await.unwrap();
    let (address, url) = (app.at().address, app.at().url.clone());
    let path = url.strip_prefix(&format!("http://{address}")).unwrap().to_owned();
    (app, address, path)
}

/// Sends a request as written and reads the answer's head, and its body if the connection is closed
/// after it.
async fn said(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut request = format!("{method} {path} HTTP/1.1\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let upgrades = headers.iter().any(|(name, _)| *name == "Upgrade");
    let read = async {
        while stream.read_buf(&mut bytes).await.unwrap() > 0 {
            if upgrades && bytes.windows(4).any(|end| end == b"\r\n\r\n") {
                break;
            }
        }
    };
    timeout(PATIENCE, read).await.unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.split(' ').nth(1).unwrap_or_else(|| panic!("{path}: {text}")).parse().unwrap();
    Answer { status, text }
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> Answer {
    said(address, "GET", path, &[("Host", &address.to_string()), ("Connection", "close")]).await
}

/// As the page itself asks for a change.
pub(crate) async fn post(address: SocketAddr, path: &str) -> Answer {
    let (host, origin) = (address.to_string(), format!("http://{address}"));
    let headers =
        [("Host", host.as_str()), ("Origin", &origin), ("Content-Length", "0"), ("Connection", "close")];
    said(address, "POST", path, &headers).await
}

/// As a browser opens a WebSocket for a page of this origin.
async fn opened(address: SocketAddr, path: &str, host: &str, origin: Option<&str>) -> Answer {
    let mut headers = vec![
        ("Host", host),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    headers.extend(origin.map(|origin| ("Origin", origin)));
    said(address, "GET", path, &headers).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_token_another_user_of_the_machine_is_told_nothing() {
    let world = World::new().await;
    let (app, address, path) = started(&world).await;
    let page = get(address, &path).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("<title>Candor</title>"), "{}", page.text);
    let token = path.trim_matches('/');
    let other = owner::app::start(world.owner(), None, Shutdown::new()).await.unwrap();
    let others = other.at().url.rsplit('/').nth(1).unwrap().to_owned();
    let wrong = [
        "/".to_owned(),
        "/favicon.ico".to_owned(),
        "/api/cameras".to_owned(),
        format!("/{}/", &token[1..]),
        format!("/{token}x/"),
        format!("/{}/", token.to_uppercase()),
        format!("/x/../{token}/"),
        format!("/{others}/api/cameras"),
    ];
    for path in wrong {
        let answer = get(address, &path).await;
        assert_eq!(answer.status, 403, "{path}: {}", answer.text);
        assert!(answer.text.contains("wrong-token") && !answer.text.contains("Candor</title>"), "{path}");
    }
    // Who typed it is told in words; who lost its last slash is sent on.
    let host = address.to_string();
    let headers = [("Host", host.as_str()), ("Connection", "close"), ("Accept", "text/html,*/*;q=0.8")];
    let typed = said(address, "GET", "/wrong/", &headers).await;
    assert!(
        typed.status == 403 && typed.text.contains("<h1>") && !typed.text.contains("{"),
        "{}",
        typed.text
    );
    let cut = said(address, "GET", &format!("/{token}"), &headers).await;
    assert!(cut.status == 307 && cut.text.contains(&format!("location: /{token}/\r\n")), "{}", cut.text);
    let cameras = get(address, &format!("{path}api/cameras")).await;
    assert!(cameras.status == 200 && cameras.text.contains("\"proof\""), "{}", cameras.text);
    assert!(!format!("{:?}", app.at()).contains(token), "the token is in what may be logged");
    app.stop_and_join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_was_made_to_point_here_opens_nothing() {
    let world = World::new().await;
    world.pair("front-door", 21).await;
    let (app, address, path) = started(&world).await;
    let id = world.owner().cameras()[0].camera_id.clone();
    let live = format!("{path}api/live?camera={id}");
    for host in
        ["evil.example".to_owned(), format!("evil.example:{}", address.port()), "127.0.0.1:1".to_owned()]
    {
        // The page under that name has the very origin that its Host says.
        let answer = said(address, "GET", &path, &[("Host", &host), ("Connection", "close")]).await;
        assert!(answer.status == 421 && answer.text.contains("wrong-host"), "{host}: {}", answer.text);
        let answer = opened(address, &live, &host, Some(&format!("http://{host}"))).await;
        assert!(answer.status == 421 && answer.text.contains("wrong-host"), "{host}: {}", answer.text);
    }
    app.stop_and_join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_site_opens_no_websocket_and_changes_nothing() {
    let world = World::new().await;
    world.pair("front-door", 21).await;
    let (app, address, path) = started(&world).await;
    let id = world.owner().cameras()[0].camera_id.clone();
    let host = address.to_string();
    let own = format!("http://{address}");
    for what in ["live?camera=", "play?from=1&to=2&camera=", "export?from=1&to=2&camera="] {
        let socket = format!("{path}api/{what}{id}");
        for origin in [Some("http://evil.example"), Some("null"), Some("http://127.0.0.1:1"), None] {
            let answer = opened(address, &socket, &host, origin).await;
            assert!(
                answer.status == 403 && answer.text.contains("wrong-origin"),
                "{origin:?}: {}",
                answer.text
            );
        }
        let answer = opened(address, &socket, &host, Some(&own)).await;
        assert_eq!(answer.status, 101, "the app's own page: {}", answer.text);
    }
    let post = |origin: &'static str| {
        let (host, path) = (host.clone(), format!("{path}api/audit/now"));
        async move {
            let headers = [
                ("Host", host.as_str()),
                ("Origin", origin),
                ("Connection", "close"),
                ("Content-Length", "0"),
            ];
            said(address, "POST", &path, &headers).await
        }
    };
    assert_eq!(post("http://evil.example").await.status, 403);
    assert_eq!(post("null").await.status, 403);
    app.stop_and_join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_forbids_what_a_page_could_be_abused_for_and_no_path_leads_out() {
    let world = World::new().await;
    let (app, address, path) = started(&world).await;
    let paths = [
        path.clone(),
        format!("{path}main.js"),
        format!("{path}api/cameras"),
        format!("{path}nothing"),
        "/".to_owned(),
    ];
    for path in paths {
        let text = get(address, &path).await.text.to_lowercase();
        for said in [
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self';",
            "frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "cache-control: no-store",
            "referrer-policy: no-referrer",
            "cross-origin-resource-policy: same-origin",
        ] {
            assert!(text.contains(said), "{path}: {said} is not in {text}");
        }
        assert!(!text.contains("unsafe-inline") && !text.contains("set-cookie"), "{path}: {text}");
    }
    for out in [
        "../Cargo.toml",
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/etc/passwd",
        "api/download/../../book.json",
        "api/download/x/..%2fbook.json",
        "page.html",
        "app.css/",
    ] {
        let answer = get(address, &format!("{path}{out}")).await;
        assert!(matches!(answer.status, 403 | 404), "{out}: {}", answer.text);
        assert!(!answer.text.contains("root:") && !answer.text.contains("[package]"), "{out}");
    }
    let bad = get(address, &format!("{path}api/timeline?camera=x&from=1&to=2")).await;
    assert!(bad.status == 404 && bad.text.contains("unknown-camera"), "{}", bad.text);
    app.stop_and_join().await.unwrap();
}

/// An app under the kept addresses, and the path of this device's.
async fn kept(owner: &Owner) -> (Running<At, AppError>, SocketAddr, String) {
    let app = owner::app::start_kept(owner.clone(), None, Shutdown::new()).await.unwrap();
    let (address, url) = (app.at().address, app.at().url.clone());
    let path = url.strip_prefix(&format!("http://{address}")).unwrap().to_owned();
    (app, address, path)
}

fn path_of(address: &Address) -> &str {
    address.url.strip_prefix(&format!("http://127.0.0.1:{}", address.port)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_address_is_the_same_at_each_start_and_nobody_else_can_read_it() {
    let world = World::new().await;
    let owner = world.owner();
    assert!(matches!(addresses::add(&owner, "phone").await, Err(AddressError::NeverStarted)));
    let (app, address, path) = kept(&owner).await;
    assert_eq!(get(address, &path).await.status, 200);
    app.stop_and_join().await.unwrap();
    let file = world.keybook().join("app.json");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // The same, on the same port: opened anew, as by another command.
    let (again, same, same_path) = kept(&world.owner()).await;
    assert_eq!((same, &same_path), (address, &path));
    // One that ends with its start is another one, and the kept one does not open it.
    let (once, other, other_path) = started(&world).await;
    assert!(other_path != path && get(other, &path).await.status == 403);
    once.stop_and_join().await.unwrap();
    again.stop_and_join().await.unwrap();

    // What cannot be read is named, and overwritten by nobody.
    std::fs::write(&file, "{}").unwrap();
    let error = owner::app::start_kept(owner.clone(), None, Shutdown::new()).await.unwrap_err();
    assert!(error.to_string().contains("app.json: not a list of addresses"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_of_another_device_opens_the_page_until_it_is_revoked_and_no_longer() {
    let mut world = World::new().await;
    world.pair("front-door", 21).await;
    // A relay that never answers: who watches waits.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    world.owner_config.relay.addresses =
        relay_client::Addresses::one(silent.local_addr().unwrap().to_string());
    let owner = world.owner();
    let (app, address, path) = kept(&owner).await;
    let id = owner.cameras()[0].camera_id.clone();
    let phone = addresses::add(&owner, "Anna's phone").await.unwrap();
    assert!(matches!(addresses::add(&owner, "Anna's phone").await, Err(AddressError::Taken(_))));
    assert!(matches!(addresses::add(&owner, " x").await, Err(AddressError::BadName(_))));
    assert!(!format!("{phone:?}").contains(path_of(&phone)), "the token is in what may be logged");
    let status = async |path: &str| get(address, path).await.status;
    let until = async |path: &str, wanted: u16| {
        let came = async {
            while status(path).await != wanted {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, came).await.unwrap_or_else(|_| panic!("never {wanted}"));
    };
    until(path_of(&phone), 200).await;
    let sharing = get(address, &format!("{path}api/sharing")).await.text;
    assert!(sharing.contains("\"addresses\":[\"Anna's phone\"]"), "who watches through it: {sharing}");
    let names = async || {
        let all = addresses::list(&owner).await.unwrap();
        all.into_iter().map(|address| address.name).collect::<Vec<_>>()
    };
    assert_eq!(names().await, [addresses::HERE, "Anna's phone"]);

    // What is watched through it ends too, though no picture of it ever came.
    let mut watched = TcpStream::connect(address).await.unwrap();
    let (host, own) = (address.to_string(), format!("http://{address}"));
    let request = format!(
        "GET {}api/live?camera={id} HTTP/1.1\r\nHost: {host}\r\nOrigin: {own}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        path_of(&phone)
    );
    watched.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        assert!(timeout(PATIENCE, watched.read_buf(&mut head)).await.unwrap().unwrap() > 0);
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    let mut rest = Vec::new();
    let early = timeout(Duration::from_millis(200), watched.read_buf(&mut rest)).await;
    assert!(early.is_err(), "it is open, and nothing comes: {early:?}");
    addresses::revoke(&owner, "Anna's phone").await.unwrap();
    assert!(matches!(addresses::revoke(&owner, "Anna's phone").await, Err(AddressError::Unknown(_))));
    until(path_of(&phone), 403).await;
    timeout(PATIENCE, watched.read_to_end(&mut rest)).await.expect("what it watched goes on").unwrap();
    let last = String::from_utf8_lossy(&rest);
    assert!(last.contains("\"stopped\""), "it was cut, and did not fail: {last}");
    assert_eq!(status(&path).await, 200, "this device's goes on");

    // This device's too; the next start makes a new one, on the same port.
    addresses::revoke(&owner, addresses::HERE).await.unwrap();
    until(&path, 403).await;
    app.stop_and_join().await.unwrap();
    let (app, same, new) = kept(&owner).await;
    assert!(same == address && new != path);
    assert_eq!((get(address, &path).await.status, get(address, &new).await.status), (403, 200));
    app.stop_and_join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_is_taken_is_named() {
    let world = World::new().await;
    let (app, address, _) = started(&world).await;
    let error = owner::app::start(world.owner(), Some(address.port()), Shutdown::new()).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&address.to_string()) && text.contains("--port"), "{text}");
    app.stop_and_join().await.unwrap();
}
