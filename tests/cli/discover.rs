//! `candor camera discover`: who is found, what is listed, how what does not answer is called.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use world::processes::run;

/// The device of `crates/onvif`'s own tests.
struct Device(Child, Vec<String>);

impl Device {
    fn start(stream: &str) -> Self {
        let mut child = Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/onvif/tests/it/device.py"))
            .args(["--user", "me", "--password", "s3cret", "--stream", stream])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let addresses = ready.split_whitespace().skip(1).map(|port| format!("127.0.0.1:{port}")).collect();
        Self(child, addresses)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_finds_a_camera_lists_its_streams_and_is_told_what_to_do_next() {
    let device = Device::start("rtsp://admin:hidden@127.0.0.1:554/main?a=1");
    let [http, discovery] = [0, 1].map(|at| device.1[at].as_str());
    let dir = tempfile::tempdir().unwrap();
    let secret = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (right, wrong) = (secret("right", "s3cret\n"), secret("wrong", "other\n"));

    let found = run(&["camera", "discover", "--at", discovery, "--wait", "1"]).await;
    assert_eq!(found.code, Some(0), "{}", found.stderr);
    for words in ["127.0.0.1", "Front door", "IPC-1"] {
        assert!(found.stdout.contains(words), "{}", found.stdout);
    }
    assert!(found.stderr.contains("candor camera discover ADDRESS --user USER"), "{}", found.stderr);

    let list = async |file: &str, more: &[&str]| {
        let args = ["camera", "discover", http, "--user", "me", "--password-file", file];
        run(&[&args, more].concat()).await
    };
    let listed = list(&right, &[]).await;
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    for words in [
        "main stream (main)",
        "H264 1920x1080 25/s 4096 kbit/s",
        "every 4.0 s",
        "rtsp://127.0.0.1:554/main?a=1",
    ] {
        assert!(listed.stdout.contains(words), "{words}: {}", listed.stdout);
    }
    assert!(listed.stderr.contains("--source 'rtsp://127.0.0.1:554/main?a=1'"), "{}", listed.stderr);
    let told = format!("{}{}", listed.stdout, listed.stderr);
    assert!(!told.contains("hidden") && !told.contains("s3cret"), "{told}");
    let listed = list(&right, &["--json"]).await;
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!((&listed[0]["token"], &listed[1]["stream"]), (&"main".into(), &serde_json::Value::Null));

    let refused = list(&wrong, &[]).await;
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("refuses the user or the password"), "{}", refused.stderr);
    for (args, code, words) in [
        (&["--at", "127.0.0.1:9", "--wait", "1"][..], 1, "Is ONVIF switched on"),
        (&["127.0.0.1:9"], 4, "127.0.0.1:9"),
        (&["rtsp://127.0.0.1/1"], 2, "no address of a device"),
        (&["--wait", "0"], 2, "0 is not in 1..=60"),
    ] {
        let ended = run(&[&["camera", "discover"], args].concat()).await;
        assert_eq!(ended.code, Some(code), "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(words), "{args:?}: {}", ended.stderr);
    }
    let ended = run(&["camera", "probe", "door.mp4", "--fix"]).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("name its rtsp:// address"), "{}", ended.stderr);
}
