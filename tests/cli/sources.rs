//! RTSP cameras on the command line: where a password may stand, what a probe finds, and how what
//! cannot be filmed is called.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use world::config_files::write;
use world::processes::{Ended, Process, run};
use world::rtsp::{PASSWORD, RtspServer, USER};

const NO: i32 = 1;
const WRONG: i32 = 2;
const NOT_NOW: i32 = 4;

/// One error, and the password is not in it.
fn failed(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), ""), "{}", ended.stderr);
    for words in words {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_stands_neither_on_the_command_line_nor_where_others_read_it() {
    let dir = tempfile::tempdir().unwrap();
    let config = |name: &str, source: &str| {
        let data = dir.path().join(name);
        let path = write(dir.path(), name, &format!("data = {data:?}\n[source]\n{source}\n"));
        path.to_str().unwrap().to_owned()
    };
    let plain = config("plain", "path = \"-\"");
    let url = "rtsp://me:s3cret@127.0.0.1:1/stream";
    let said = ["password on the command line", "--password-file", "CANDOR_SOURCE_PASSWORD", "[source]"];
    failed(&run(&["camera", "run", "--config", &plain, "--source", url]).await, WRONG, &said);
    failed(&run(&["camera", "probe", url]).await, WRONG, &said);
    failed(&run(&["camera", "probe", "--user", "me", url]).await, WRONG, &said);

    // The second source is held to the same.
    failed(&run(&["camera", "run", "--config", &plain, "--sub", url]).await, WRONG, &said);
    let second = config("second", &format!("path = \"-\"\n[sub]\nurl = {url:?}"));
    std::fs::set_permissions(&second, std::fs::Permissions::from_mode(0o640)).unwrap();
    let exposed = ["readable by others (mode 640)", "chmod 600"];
    failed(&run(&["camera", "run", "--config", &second]).await, WRONG, &exposed);
    let twice = config("twice", "path = \"-\"\n[sub]\npath = \"-\"");
    assert_eq!(run(&["camera", "init", "--config", &twice]).await.code, Some(0));
    failed(&run(&["camera", "run", "--config", &twice]).await, WRONG, &["both standard input"]);

    let holding = config("holding", &format!("url = {url:?}"));
    let run_it = ["camera", "run", "--config", &holding];
    let mode = |mode| std::fs::set_permissions(&holding, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o640);
    failed(&run(&run_it).await, WRONG, &["readable by others (mode 640)", "chmod 600", "password_file"]);
    mode(0o600);
    failed(&run(&run_it).await, WRONG, &["candor camera init"]);

    let exposed = dir.path().join("password");
    std::fs::write(&exposed, "s3cret\n").unwrap();
    std::fs::set_permissions(&exposed, std::fs::Permissions::from_mode(0o644)).unwrap();
    let probe = |file: &Path| {
        let file = file.to_str().unwrap().to_owned();
        async move {
            run(&["camera", "probe", "rtsp://127.0.0.1:1/", "--user", "me", "--password-file", &file]).await
        }
    };
    failed(&probe(&exposed).await, WRONG, &["readable by others (mode 644)", "chmod 600"]);
    failed(&probe(&dir.path().join("none")).await, WRONG, &["no such file", "on one line"]);
    let beside = ["camera", "run", "--config", &plain, "--user", "me"];
    failed(&run(&beside).await, WRONG, &["[source]"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_says_what_a_camera_sends_and_what_to_change() {
    let server = RtspServer::start().await;
    let password = server.password_file();
    let probe = async |mount: &str, more: &[&str]| {
        let url = server.url(mount);
        let file = password.to_str().unwrap();
        let args = ["camera", "probe", &url, "--user", USER, "--password-file", file];
        run(&[&args, more].concat()).await
    };
    let cases = [
        ("h264-aac", "h264", (640, 272), Some("aac"), [].as_slice()),
        ("h265-aac", "hevc", (320, 136), Some("aac"), &["h265-in-browsers"]),
        ("b-frames", "h264", (320, 136), None, &["b-frames", "no-sound"]),
        ("live", "h264", (320, 240), Some("pcm_alaw"), &["sound-is-converted"]),
    ];
    let [a, b, c, d] = cases.map(|(mount, ..)| probe(mount, &["--json", "--transport", "udp"]));
    let ended = <[Ended; 4]>::from(tokio::join!(a, b, c, d));
    for ((_, codec, size, sound, advice), ended) in cases.into_iter().zip(ended) {
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let found: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(found["video"]["codec"], codec);
        assert_eq!((&found["video"]["width"], &found["video"]["height"]), (&size.0.into(), &size.1.into()));
        assert!((found["video"]["fps"].as_f64().unwrap() - 25.0).abs() < 1.0, "{found}");
        let apart = found["video"]["key_frames_apart_s"][1].as_f64().unwrap();
        assert!((apart - 1.0).abs() < 0.1, "{found}");
        assert_eq!(found["audio"]["codec"].as_str(), sound, "{found}");
        let names: Vec<_> = found["advice"]
            .as_array()
            .unwrap()
            .iter()
            .map(|advice| advice["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, advice, "{found}");
    }
    let ahead = RtspServer::ahead_by(100).await;
    let (url, file) = (ahead.url("live"), ahead.password_file());
    let told = ["camera", "probe", &url, "--user", USER, "--password-file", file.to_str().unwrap()];
    let (told, ahead) = tokio::join!(probe("b-frames", &[]), run(&told));
    let clock = ahead.stdout.split_once("clock       +").and_then(|(_, rest)| rest.split_once(" s beside"));
    let clock: f64 = clock.unwrap_or_else(|| panic!("{}", ahead.stdout)).0.parse().unwrap();
    assert!((99.0..=100.5).contains(&clock), "{}", ahead.stdout);
    for words in ["clock: the camera's clock is 1m ", "ahead of this machine's", "NTP"] {
        assert!(ahead.stdout.contains(words), "{words}: {}", ahead.stdout);
    }
    for words in
        ["picture     H.264", "320x136, 25.0 pictures a second", "key frames  every 1.0 s", "Switch them off"]
    {
        assert!(told.stdout.contains(words), "{words}: {}", told.stdout);
    }

    // The password from the environment; and a wrong one, which is named and neither repeated nor
    // shown.
    let url = server.url("live");
    let with = async |password: &str, args: &[&str]| {
        let env = [("CANDOR_SOURCE_USER", Path::new(USER)), ("CANDOR_SOURCE_PASSWORD", Path::new(password))];
        Process::start_with(args, &env).ended().await
    };
    assert_eq!(with(PASSWORD, &["camera", "probe", &url]).await.code, Some(0));
    let refused = ["refuses the user or the password", "password_file", "CANDOR_SOURCE_PASSWORD"];
    failed(&with("s3cret", &["camera", "probe", &url]).await, WRONG, &refused);
    let dir = tempfile::tempdir().unwrap();
    let config = world::config_files::camera(dir.path(), "camera", Path::new("-"));
    let config = config.to_str().unwrap();
    assert_eq!(run(&["camera", "init", "--config", config]).await.code, Some(0));
    let filming = ["camera", "run", "--config", config, "--source", &url];
    failed(&with("s3cret", &filming).await, WRONG, &refused);

    // Nobody there, nothing there, no picture there.
    failed(
        &run(&["camera", "probe", "rtsp://127.0.0.1:1/live"]).await,
        NOT_NOW,
        &["not readable", "refused"],
    );
    failed(&probe("none", &[]).await, NOT_NOW, &["404"]);
    failed(&probe("sound-only", &[]).await, NO, &["no H.264 or H.265 picture"]);

    // A certificate that nobody signed is named, and believed once it is pinned; no other is.
    let veiled = server.encrypted().await;
    let (url, fingerprint) = (veiled.url("live"), veiled.fingerprint().unwrap().to_string());
    let pinned = async |more: &[&str]| with(PASSWORD, &[&["camera", "probe", &url], more].concat()).await;
    let own = ["signed by nobody known", &fingerprint, "tls_fingerprint", "--tls-fingerprint"];
    failed(&pinned(&[]).await, WRONG, &own);
    let another = "0".repeat(64);
    let refused = ["another certificate than the pinned one", &fingerprint];
    failed(&pinned(&["--tls-fingerprint", &another]).await, WRONG, &refused);
    let found = pinned(&["--tls-fingerprint", &fingerprint]).await;
    assert!(found.stdout.contains("sound       pcm_alaw"), "{} {}", found.stdout, found.stderr);
}
