//! The bridge over real sockets: who is answered, and that its manual tells the truth.

use crate::audit::{emergency, grant};
use crate::watch::Scene;
use crate::world::World;
use host::clock::Clock;
use host::machine::Machine;
use host::running::Running;
use host::shutdown::Shutdown;
use media::motion::{Event, Motion};
use media::time::Micros;
use owner::Owner;
use owner::bridge::{BridgeAt, BridgeError};
use owner::tokens::{self, TokenError};
use serde_json::Value;
use stage::by_hand::{Camera, SEGMENT_US};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);
const MANUAL: &str = include_str!("../../../../deploy/bridge.md");

pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        format!("{}\r\n\r\n{}", self.head, String::from_utf8_lossy(&self.body))
    }

    /// The name of a refusal.
    fn error(&self) -> (u16, String) {
        (self.status, self.json()["error"].as_str().unwrap().to_owned())
    }
}

/// A bridge on a port of its own, on the keybook of an owner.
pub(crate) async fn started(config: &owner::Config) -> (Running<BridgeAt, BridgeError>, SocketAddr, Owner) {
    started_on(config, Machine::system()).await
}

async fn started_on(
    config: &owner::Config,
    machine: Machine,
) -> (Running<BridgeAt, BridgeError>, SocketAddr, Owner) {
    let mut config = config.clone();
    config.bridge.listen.set_port(0);
    let owner = Owner::open_on(config, machine).unwrap();
    let bridge = owner::bridge::start(owner.clone(), Shutdown::new()).await.unwrap();
    let address = bridge.at().address;
    (bridge, address, owner)
}

pub(crate) async fn asked(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // Nothing is chunked for 1.0, and the connection is closed behind the answer.
    let mut request = format!("{method} {path} HTTP/1.0\r\n");
    headers.iter().for_each(|(name, value)| request.push_str(&format!("{name}: {value}\r\n")));
    stream.write_all(format!("{request}\r\n").as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.unwrap().unwrap();
    let end = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
    let (head, body) = (String::from_utf8_lossy(&bytes[..end]).to_lowercase(), bytes[end + 4..].to_vec());
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body }
}

pub(crate) async fn get(address: SocketAddr, token: &str, path: &str) -> Answer {
    let (host, token) = (address.to_string(), format!("Bearer {token}"));
    asked(address, "GET", path, &[("Host", &host), ("Authorization", &token)]).await
}

/// Asks again until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waited = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, waited).await.unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_token_or_by_a_strangers_name_nothing_is_told() {
    let mut world = World::new().await;
    world.owner_config.bridge.names = vec!["homeassistant.local".to_owned()];
    world.pair("front-door", 21).await;
    let owner = world.owner();
    let made = tokens::add(&owner, "hass", None, None).await.unwrap();
    let token = made.token.clone();
    assert!(!format!("{made:?}").contains(&token), "it is in what may be logged");
    let (bridge, address, _) = started(&world.owner_config).await;
    let host = address.to_string();
    let bearer = format!("Bearer {token}");
    let basic = |text: &str| {
        use base64::Engine as _;
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text))
    };
    let ask = async |method: &str, path: &str, headers: &[(&str, &str)]| {
        asked(address, method, path, headers).await
    };
    let path = "/api/v1/cameras";
    for right in [&bearer, &basic(&format!("hass:{token}")), &basic(&format!(":{token}"))] {
        let answer = ask("GET", path, &[("Host", &host), ("Authorization", right)]).await;
        assert!(answer.status == 200 && answer.text().contains("front-door"), "{}", answer.text());
        for said in ["cache-control: no-store", "x-content-type-options: nosniff", "default-src 'none'"] {
            assert!(answer.head.contains(said), "{said}: {}", answer.head);
        }
    }
    let by_query = ask("GET", &format!("{path}?token={token}"), &[("Host", &host)]).await;
    assert_eq!(by_query.status, 200);
    let named = [("Host", "homeassistant.local:8620"), ("Authorization", bearer.as_str())];
    assert_eq!(ask("GET", path, &named).await.status, 200);
    assert_eq!(ask("HEAD", path, &named).await.status, 200);

    let none = ask("GET", path, &[("Host", &host)]).await;
    assert_eq!(none.error(), (401, "no-token".to_owned()));
    assert!(none.head.contains("www-authenticate: basic"), "a player sends nothing unasked: {}", none.head);
    let shorter = format!("Bearer {}", &token[..token.len() - 1]);
    for wrong in [shorter.as_str(), "Bearer x", &basic("hass:hass"), &basic(&format!("{token}:"))] {
        for path in [path, "/", "/favicon.ico", "/api/v2"] {
            let answer = ask("GET", path, &[("Host", &host), ("Authorization", wrong)]).await;
            assert!(matches!(answer.status, 401 | 429), "{wrong}: {}", answer.text());
            assert!(!answer.text().contains("front-door"));
        }
    }
    // A page whose name was made to point here, and pages at all.
    for host in ["evil.example", "evil.example:8620", ""] {
        let answer = ask("GET", path, &[("Host", host), ("Authorization", &bearer)]).await;
        assert_eq!(answer.error(), (421, "wrong-host".to_owned()), "{host}");
    }
    for origin in ["http://evil.example", "null", &format!("http://{host}")] {
        let headers = [("Host", host.as_str()), ("Origin", origin), ("Authorization", &bearer)];
        assert_eq!(ask("GET", path, &headers).await.error(), (403, "wrong-origin".to_owned()), "{origin}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let headers = [("Host", host.as_str()), ("Authorization", &bearer)];
        assert_eq!(ask(method, path, &headers).await.error(), (405, "method-not-allowed".to_owned()));
    }
    assert_eq!(get(address, &token, "/api/v2").await.error(), (404, "not-found".to_owned()));
    bridge.stop_and_join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_tokens_are_answered_so_often_and_a_right_one_always() {
    let world = World::new().await;
    let token = tokens::add(&world.owner(), "hass", None, None).await.unwrap().token;
    let (bridge, address, _) = started(&world.owner_config).await;
    for _ in 0..10 {
        assert_eq!(get(address, "candor-guess", "/api/v1").await.error(), (401, "wrong-token".to_owned()));
    }
    let late = get(address, "candor-guess", "/api/v1").await;
    assert_eq!(late.error(), (429, "too-many-wrong-tokens".to_owned()));
    assert!(late.head.contains("retry-after: "), "{}", late.head);
    assert_eq!(get(address, &token, "/api/v1").await.status, 200, "who guesses locks nobody out");
    bridge.stop_and_join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_shows_no_token_holds_no_connection() {
    let world = World::new().await;
    let token = tokens::add(&world.owner(), "hass", None, None).await.unwrap().token;
    let (bridge, address, _) = started(&world.owner_config).await;
    for (header, host, status) in [
        (String::new(), address.to_string(), 401),
        ("Authorization: Bearer guess\r\n".to_owned(), address.to_string(), 401),
        (format!("Origin: null\r\nAuthorization: Bearer {token}\r\n"), address.to_string(), 403),
        (format!("Authorization: Bearer {token}\r\n"), "evil.example".to_owned(), 421),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /api/v1 HTTP/1.1\r\nHost: {host}\r\n{header}\r\n");
        stream.write_all(request.repeat(2).as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        // What was sent behind it and is not read may reset the connection: closed it is.
        let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(text.matches(&format!("HTTP/1.1 {status} ")).count(), 1, "{text}");
    }
    bridge.stop_and_join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_tokens_that_cannot_be_read_opens_nothing() {
    let world = World::new().await;
    let token = tokens::add(&world.owner(), "hass", None, None).await.unwrap().token;
    let kept = world.keybook().join("tokens.json");
    let before = std::fs::read(&kept).unwrap();
    let (bridge, address, _) = started(&world.owner_config).await;
    let status = async || get(address, &token, "/api/v1").await.status;
    assert_eq!(status().await, 200);
    std::fs::write(&kept, "no list").unwrap();
    until("it opens nothing", async || status().await != 200).await;
    std::fs::write(&kept, before).unwrap();
    until("it can be read again", async || status().await == 200).await;
    bridge.stop_and_join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_kept_as_its_hash_sees_its_cameras_alone_and_ends_when_it_is_removed() {
    let world = World::new().await;
    world.pair("front-door", 21).await;
    world.pair("yard", 22).await;
    let (clock, hand) = Clock::stepped(host::clock::now_us());
    let (bridge, address, owner) = started_on(&world.owner_config, Machine::with_clock(clock)).await;
    let cameras = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let made = tokens::add(&owner, "hass", Some(&cameras(&["yard"])), None).await.unwrap();
    let kept = world.keybook().join("tokens.json");
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&kept).unwrap();
    assert!(!text.contains(&made.token) && !text.contains(&made.token[7..]), "{text}");

    // Made while the bridge runs, it is good soon.
    until("the token is good", async || get(address, &made.token, "/api/v1").await.status == 200).await;
    let id = |name: &str| {
        let all = owner.cameras();
        all.iter().find(|camera| camera.name == name).unwrap().camera_id.clone()
    };
    let about = get(address, &made.token, "/api/v1").await.json();
    assert_eq!((&about["name"], &about["cameras"]), (&"hass".into(), &serde_json::json!([id("yard")])));
    let all = get(address, &made.token, "/api/v1/cameras").await.json();
    assert_eq!(all["cameras"].as_array().unwrap().len(), 1, "{all}");
    for (which, status) in [(id("yard"), 200), ("yard".to_owned(), 200), (id("front-door"), 404)] {
        assert_eq!(get(address, &made.token, &format!("/api/v1/cameras/{which}")).await.status, status);
    }
    for route in
        ["", "/timeline?from_us=1&to_us=2", "/events?from_us=1&to_us=2", "/snapshot.mp4", "/snapshot.jpg"]
    {
        let answer = get(address, &made.token, &format!("/api/v1/cameras/front-door{route}")).await;
        assert_eq!(answer.error(), (404, "unknown-camera".to_owned()), "{route}");
    }

    let refused = async |name: &str, of: Option<&[String]>, until| tokens::add(&owner, name, of, until).await;
    assert!(matches!(refused("hass", None, None).await, Err(TokenError::Taken(_))));
    assert!(matches!(refused(" x", None, None).await, Err(TokenError::BadName(_))));
    assert!(matches!(refused("x", Some(&[]), None).await, Err(TokenError::NoCamera)));
    assert!(matches!(refused("x", Some(&cameras(&["attic"])), None).await, Err(TokenError::Book(_))));
    assert!(matches!(refused("x", None, Some(1)).await, Err(TokenError::Over)));
    let short = tokens::add(&owner, "short", None, Some(host::clock::now() + 3600)).await.unwrap();
    until("the short one is good", async || get(address, &short.token, "/api/v1").await.status == 200).await;
    hand.step(Duration::from_secs(3601));
    assert_ne!(get(address, &short.token, "/api/v1").await.status, 200, "it is over");
    assert_eq!(get(address, &made.token, "/api/v1").await.status, 200);

    tokens::remove(&owner, "hass").await.unwrap();
    assert!(matches!(tokens::remove(&owner, "hass").await, Err(TokenError::Unknown(_))));
    until("it opens nothing", async || get(address, &made.token, "/api/v1").await.status != 200).await;
    assert_eq!(tokens::list(&owner).await.unwrap().len(), 1);
    bridge.stop_and_join().await.unwrap();

    std::fs::write(&kept, "{}").unwrap();
    let error = owner::bridge::start(owner, Shutdown::new()).await.unwrap_err();
    assert!(error.to_string().contains("tokens.json: not a list of tokens"), "{error}");
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "{}");
}

/// Something moves as long as it films.
pub(crate) fn moving(camera: &Camera) -> Motion {
    let [from_us, to_us] = [0, 10].map(|second| Micros(camera.began_us + second * SEGMENT_US));
    Motion { permille: 300, event: Some(Event { from_us, to_us }), ..Motion::default() }
}

/// What the manual shows of a route's answer.
pub(crate) fn shown(route: &str) -> Value {
    let section = MANUAL.split(&format!("### `GET {route}`\n")).nth(1).unwrap();
    let section = section.split("\n#").next().unwrap();
    let text = section.split("```json").nth(1).unwrap().split("```").next().unwrap();
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{route}: {error}: {text}"))
}

/// Whether what is served has the fields that are told, no others, and values of their kinds.
fn alike(told: &Value, served: &Value, at: &str) {
    match (told, served) {
        (Value::Null, _) | (_, Value::Null) => {}
        (Value::Object(told), Value::Object(served)) => {
            assert!(told.keys().eq(served.keys()), "{at}: {told:?} is told, {served:?} served");
            told.iter().for_each(|(name, of)| alike(of, &served[name], &format!("{at}.{name}")));
        }
        (Value::Array(told), Value::Array(served)) => {
            if let (Some(told), Some(served)) = (told.first(), served.first()) {
                alike(told, served, &format!("{at}[0]"));
            }
        }
        (Value::Number(_), Value::Number(_))
        | (Value::String(_), Value::String(_))
        | (Value::Bool(_), Value::Bool(_)) => {}
        (told, served) => panic!("{at}: {told} is told, {served} served"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_served_of_cameras_has_the_shape_that_the_manual_shows() {
    let scene = Scene::new().await;
    let mut camera = scene.paired("Anna's дверь +?").await;
    camera.motion = moving(&camera);
    for _ in 0..12 {
        camera.film().await;
    }
    let token = tokens::add(&scene.owner, "hass", None, None).await.unwrap().token;
    let (bridge, address, _) = started(&scene.world.owner_config).await;
    let of = "/api/v1/cameras/Anna%27s%20%D0%B4%D0%B2%D0%B5%D1%80%D1%8C%20%2B%3F";
    let ask = async |route: &str| get(address, &token, route).await;
    until("the relay answered", async || {
        let told = ask("/api/v1/cameras").await;
        told.status == 200 && told.json()["relay"]["heard_us"] != 0
    })
    .await;
    let span = format!("from_us={}&to_us={}", camera.began_us, camera.began_us + 20 * SEGMENT_US);
    for (route, asked) in [
        ("/api/v1", "/api/v1".to_owned()),
        ("/api/v1/cameras", "/api/v1/cameras".to_owned()),
        ("/api/v1/cameras/{camera}", of.to_owned()),
        ("/api/v1/cameras/{camera}/timeline", format!("{of}/timeline?{span}")),
        ("/api/v1/cameras/{camera}/events", format!("{of}/events?{span}")),
    ] {
        let answer = ask(&asked).await;
        assert_eq!(answer.status, 200, "{asked}: {}", answer.text());
        alike(&shown(route), &answer.json(), route);
    }
    let timeline = ask(&format!("{of}/timeline?{span}")).await.json();
    assert_eq!(timeline["recorded"][0]["from_us"], camera.began_us, "{timeline}");
    let events = ask(&format!("{of}/events?{span}")).await.json();
    assert_eq!(events["events"][0]["permille"], 300, "{events}");
    for wrong in
        ["", "?from_us=5", "?from_us=x&to_us=2", "?from_us=2&to_us=1", "?from_us=0&to_us=99999999999"]
    {
        let answer = ask(&format!("{of}/timeline{wrong}")).await;
        assert_eq!(answer.error(), (400, "wrong-span".to_owned()), "{wrong}");
    }

    let mp4 = ask(&format!("{of}/snapshot.mp4?old=1")).await;
    assert!(mp4.status == 200 && mp4.head.contains("content-type: video/mp4; codecs="), "{}", mp4.head);
    assert!(mp4.head.contains(&format!("candor-made-us: {}", camera.next_us() - SEGMENT_US)), "{}", mp4.head);
    assert_eq!(&mp4.body[4..8], b"ftyp");
    let jpg = ask(&format!("{of}/snapshot.jpg?old=1")).await;
    assert!(jpg.status == 200 && jpg.head.contains("content-type: image/jpeg"), "{}", jpg.text());
    assert!(jpg.body.starts_with(&[0xff, 0xd8]));
    bridge.stop_and_join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_served_of_releases_is_what_the_audit_verified_and_has_the_shape_that_is_shown() {
    // A relay that knows these cameras not is asked at once.
    let Scene { world, owner, .. } = &Scene::new().await;
    let camera = world.pair("front-door", 21).await;
    world.pair("yard", 22).await;
    let token = tokens::add(owner, "hass", None, None).await.unwrap().token;
    let yard = tokens::add(owner, "yard", Some(&["yard".to_owned()]), None).await.unwrap().token;
    let (index, request) = world.log(&emergency(&camera, 0)).await;
    for by in 1..=3 {
        world.add(&grant(index, &request, by)).await;
    }
    let (bridge, address, _) = started(&world.owner_config).await;
    let route = "/api/v1/releases";
    until("the audit ended", async || get(address, &token, route).await.status == 200).await;
    let answer = get(address, &token, route).await.json();
    alike(&shown(route), &answer, route);
    let [release] = &answer["releases"].as_array().unwrap()[..] else { panic!("{answer}") };
    assert_eq!((&answer["given"], &answer["log"]["worth"]), (&1.into(), &"fresh".into()), "{answer}");
    assert_eq!((&release["leaf"], &release["state"]), (&index.into(), &"completed".into()));
    let text = release["text"].as_str().unwrap();
    assert!(
        text.starts_with("somebody (NOT signed by registered keys of police.example) was given the keys of "),
        "no registered key: {text}"
    );
    let before = get(address, &token, &format!("{route}?year=2025")).await.json();
    assert_eq!((&before["given"], before["releases"].as_array().unwrap().len()), (&0.into(), 0));
    let wrong = get(address, &token, &format!("{route}?year=x")).await;
    assert_eq!(wrong.error(), (400, "wrong-year".to_owned()));
    // Of cameras that a token does not see it is told nothing, not even how many.
    let other = get(address, &yard, route).await.json();
    assert_eq!((&other["given"], other["releases"].as_array().unwrap().len()), (&0.into(), 0), "{other}");
    bridge.stop_and_join().await.unwrap();
}
