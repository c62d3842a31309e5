//! Against the device of `onvif`'s tests.

use super::*;
use crate::filming::Trigger;
use crate::source::Transport;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const LONG: Duration = Duration::from_secs(60);

/// A device that runs until it is dropped, and its port.
struct Running(Child, u16);

impl Running {
    fn start(args: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../onvif/tests/it/device.py");
        let mut child =
            Command::new("python3").arg(script).args(args).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let port = ready.split_whitespace().nth(1).unwrap().parse().unwrap();
        Self(child, port)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn stream(user: &str) -> SourceConfig {
    let url = format!("rtsp://{user}@127.0.0.1/stream1").parse().unwrap();
    SourceConfig::Stream(Stream::new(url, Transport::Tcp, None, None).unwrap())
}

fn filming(onvif: Option<String>) -> Filming {
    Filming { trigger: Trigger::Both, onvif, ..Filming::default() }
}

/// What is heard of a device, until enough was.
async fn heard(device: &Running, user: &str, enough: usize) -> (Vec<Sensed>, Stats) {
    let (sender, mut heard) = mpsc::channel(8);
    let (stats, off) = (Stats::default(), watch::Sender::new(None));
    let filming = filming(Some(format!("127.0.0.1:{}", device.1)));
    let sensor = Sensor::new(
        &stream(user),
        &filming,
        vec![sender.downgrade()],
        stats.clone(),
        off.subscribe(),
        Machine::system(),
    );
    let sensor = tokio::spawn(sensor.unwrap().unwrap().run());
    let mut all = Vec::new();
    while all.len() < enough {
        match timeout(LONG, heard.recv()).await.unwrap().unwrap() {
            Heard::Sensed(sensed, _) => all.push(sensed),
            other => panic!("{other:?}"),
        }
    }
    sensor.abort();
    (all, stats)
}

#[tokio::test]
async fn what_the_camera_says_is_heard_as_it_changes() {
    let device = Running::start(&[]);
    let (all, stats) = heard(&device, "viewer:secret", 4).await;
    assert_eq!(all, [Sensed::Moves, Sensed::Still, Sensed::Moves, Sensed::Still]);
    assert_eq!(stats.now().troubles.sensor, None);
}

#[tokio::test]
async fn where_it_is_not_heard_the_picture_decides_and_the_owner_is_told_why() {
    let refusing = Running::start(&[]);
    let (all, stats) = heard(&refusing, "viewer:s3cret", 1).await;
    assert_eq!(all, [Sensed::Nothing]);
    let said = stats.now().troubles.sensor.unwrap();
    assert!(said.contains("refuses the user or the password") && !said.contains("s3cret"), "{said}");
    let without = Running::start(&["--no-events"]);
    let (all, stats) = heard(&without, "viewer:secret", 1).await;
    assert_eq!(all, [Sensed::Nothing]);
    assert!(stats.now().troubles.sensor.unwrap().contains("event service"));
}

#[tokio::test]
async fn a_device_that_speaks_of_everything_but_motion_does_not_say_that_nothing_moves() {
    let device = Running::start(&["--says", "tns1:RuleEngine/FieldDetector/ObjectsInside"]);
    let (all, stats) = heard(&device, "viewer:secret", 2).await;
    assert_eq!(all, [Sensed::Nothing, Sensed::Nothing]);
    assert!(stats.now().troubles.sensor.unwrap().contains("nothing of motion"));
}

#[tokio::test]
async fn a_password_is_proven_on_the_host_of_the_source_alone() {
    let of = |source: &SourceConfig, filming: &Filming| {
        let off = watch::Sender::new(None).subscribe();
        Sensor::new(source, filming, Vec::new(), Stats::default(), off, Machine::system())
    };
    let door = stream("viewer:secret");
    for own in
        [None, Some("127.0.0.1"), Some("127.0.0.1:8080"), Some("http://127.0.0.1:8080/onvif/device_service")]
    {
        assert!(of(&door, &filming(own.map(str::to_owned))).unwrap().is_some(), "{own:?}");
    }
    for other in
        ["10.0.0.9", "http://10.0.0.9/onvif/device_service", "127.0.0.1@10.0.0.9", "http://user@10.0.0.9/"]
    {
        let refused = of(&door, &filming(Some(other.to_owned()))).map(|_| ()).unwrap_err();
        assert!(matches!(refused, Error::OtherDevice { .. }), "{other}: {refused}");
    }
    assert!(matches!(of(&SourceConfig::Input, &filming(None)), Err(Error::NoDevice)));
    assert!(of(&SourceConfig::Input, &Filming::default()).unwrap().is_none());
}
