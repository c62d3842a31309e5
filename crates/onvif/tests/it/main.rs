//! Against a device of its own (`device.py`): found, asked, set, listened to; and what a hostile one gets.
#![allow(clippy::unwrap_used)]

use host::clock::Clock;
use host::rng::Rng;
use onvif::{Access, Device, OnvifError, discover};
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use zeroize::Zeroizing;

/// A device that runs until it is dropped.
struct Running {
    child: Child,
    address: String,
    discovery: SocketAddr,
    log: tempfile::NamedTempFile,
}

impl Running {
    fn start(args: &[&str]) -> Self {
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut child = Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/device.py"))
            .arg("--log")
            .arg(log.path())
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let ports: Vec<u16> = ready.split_whitespace().skip(1).map(|port| port.parse().unwrap()).collect();
        let discovery = SocketAddr::from((Ipv4Addr::LOCALHOST, ports[1]));
        Self { child, address: format!("127.0.0.1:{}", ports[0]), discovery, log }
    }

    async fn device(&self, password: &str) -> Result<Device, OnvifError> {
        let access = Access { user: "viewer".to_owned(), password: Zeroizing::new(password.to_owned()) };
        Device::at(&self.address, Some(access), Clock::system(), Rng::system()).await
    }

    fn asked(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn its_streams_are_listed_for_who_proves_the_password_either_way_and_by_its_own_clock() {
    for args in
        [&["--proof", "token"][..], &["--proof", "digest"], &["--proof", "token", "--ahead", "-86400"]]
    {
        let running = Running::start(args);
        let profiles = running.device("secret").await.unwrap().profiles().await.unwrap();
        let [main, sub] = &profiles[..] else { panic!("{profiles:?}") };
        assert_eq!((main.token.as_str(), main.encoding.as_deref()), ("main", Some("H264")));
        assert_eq!(
            (main.width, main.height, main.fps, main.kbit_s),
            (Some(1920), Some(1080), Some(25), Some(4096))
        );
        assert_eq!((main.key_frame_every, main.audio.as_deref()), (Some(100), Some("G711")));
        // Without the password that the device wrote into it.
        assert_eq!(main.stream.as_deref(), Some("rtsp://127.0.0.1:554/main?a=1"));
        // Of one it does not tell the stream; the other stands.
        assert_eq!((sub.name.as_deref(), &sub.stream, &sub.audio), (Some("sub stream"), &None, &None));
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_by_name_and_basic_is_never_spoken() {
    for proof in ["token", "digest"] {
        let running = Running::start(&["--proof", proof]);
        assert!(matches!(running.device("wrong").await, Err(OnvifError::Unauthorized)), "{proof}");
    }
    let hostile = Running::start(&["--proof", "basic"]);
    assert!(matches!(hostile.device("secret").await, Err(OnvifError::Unauthorized)));
    assert!(!hostile.asked().contains("Basic"), "{}", hostile.asked());
}

#[tokio::test]
async fn a_device_that_names_another_host_for_a_service_is_refused_and_nothing_is_sent_there() {
    let elsewhere = std::net::TcpListener::bind("127.0.0.2:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let hostile = Running::start(&["--elsewhere", &elsewhere.local_addr().unwrap().to_string()]);
    let refused = hostile.device("secret").await.unwrap_err();
    assert!(matches!(refused, OnvifError::Elsewhere { .. }), "{refused}");
    assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_stream_on_another_host_or_one_that_would_write_a_command_is_none() {
    for stream in ["rtsp://evil.example/1", "rtsp://127.0.0.1@evil.example/1", "rtsp://127.0.0.1/1'; id; '"] {
        let hostile = Running::start(&["--stream", stream]);
        let profiles = hostile.device("secret").await.unwrap().profiles().await.unwrap();
        assert_eq!(profiles[0].stream, None, "{stream}");
    }
}

#[tokio::test]
async fn a_page_of_an_error_is_not_taken_for_a_yes() {
    let running = Running::start(&["--busy"]);
    let device = running.device("secret").await.unwrap();
    let profiles = device.profiles().await.unwrap();
    let refused = device.set_key_frames(&profiles[0], 1).await.unwrap_err();
    assert!(refused.to_string().contains("503"), "{refused}");
}

#[tokio::test]
async fn key_frames_are_set_within_what_it_allows_and_read_back_and_all_else_stays() {
    for (most, expected) in [("400", 50), ("30", 30)] {
        let running = Running::start(&["--gov-max", most]);
        let device = running.device("secret").await.unwrap();
        let profiles = device.profiles().await.unwrap();
        let changed = device.set_key_frames(&profiles[0], 2).await.unwrap();
        assert_eq!((changed.before, changed.after), (100, expected));
        assert_eq!(device.profiles().await.unwrap()[0].key_frame_every, Some(expected));
        assert_eq!(device.profiles().await.unwrap()[1].key_frame_every, Some(20), "the other one's");
    }
}

#[tokio::test]
async fn what_it_says_of_motion_is_heard_in_order() {
    let running = Running::start(&[]);
    let mut point = running.device("secret").await.unwrap().pull_point().await.unwrap();
    let mut heard = Vec::new();
    for _ in 0..3 {
        heard.push(point.moves().await.unwrap());
    }
    assert_eq!(heard, [Some(true), Some(false), Some(true)]);
}

#[tokio::test]
async fn a_pull_point_is_renewed_before_it_ends_or_made_anew() {
    for (args, renewed, made) in
        [(&["--lasts", "4", "--ahead", "-3600"][..], true, 1), (&["--lasts", "4", "--no-renew"], true, 2)]
    {
        let running = Running::start(args);
        let mut point = running.device("secret").await.unwrap().pull_point().await.unwrap();
        // Until well after it would have ended.
        let until = std::time::Instant::now() + Duration::from_millis(5500);
        while std::time::Instant::now() < until {
            assert!(point.moves().await.unwrap().is_some());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let asked = running.asked();
        assert_eq!(asked.contains("Renew token"), renewed, "{args:?}: {asked}");
        assert!(asked.matches("CreatePullPointSubscription").count() >= made, "{args:?}: {asked}");
    }
}

#[tokio::test]
async fn who_is_asked_directly_is_found_and_no_password_is_sent_for_it() {
    let running = Running::start(&[]);
    let found = discover(Some(running.discovery), Duration::from_millis(1500), &Rng::system()).await.unwrap();
    let [seen] = &found[..] else { panic!("{found:?}") };
    assert_eq!((seen.name.as_deref(), seen.hardware.as_deref()), (Some("Front door"), Some("IPC-1")));
    assert_eq!(seen.service, Some(format!("http://{}/onvif/device_service", running.address)));
    assert_eq!(running.asked(), "");
    // Where nobody listens nobody is found, and that is no error.
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
    assert_eq!(discover(Some(nobody), Duration::from_millis(300), &Rng::system()).await.unwrap(), []);
}

#[tokio::test]
async fn everybody_on_each_network_is_asked() {
    let _running = Running::start(&["--join"]);
    let found = discover(None, Duration::from_millis(1500), &Rng::system()).await.unwrap();
    // It hears loopback alone, and answers from whichever address of this machine it was asked at.
    assert!(found.iter().any(|seen| seen.name.as_deref() == Some("Front door")), "{found:?}");
}

#[tokio::test]
async fn what_speaks_no_onvif_is_an_error_with_its_address_and_never_waited_for_long() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await;
        }
    });
    let answer = Device::at(&address, None, Clock::system(), Rng::system()).await;
    assert!(matches!(answer, Err(OnvifError::Malformed(_))), "{answer:?}");
    let answer = Device::at("127.0.0.1:9", None, Clock::system(), Rng::system()).await;
    assert!(answer.unwrap_err().to_string().contains("127.0.0.1:9"));
}
