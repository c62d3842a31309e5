//! Real programs, a real web server.

use super::*;
use crate::alarm::decide::Change;
use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use host::shutdown::Shutdown;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::time::{Instant, sleep};

const SOON: Patience = Patience {
    // A command that does not hang is done by then, on any machine.
    command: Duration::from_secs(3),
    webhook: Retry::new(5, Duration::from_millis(1), Duration::from_millis(5)),
    picture: Retry::new(2, Duration::from_millis(1), Duration::from_millis(5)),
};

fn message(camera: &str) -> Message {
    let change = Change::CameraBack { camera: camera.to_owned(), camera_id: "9f".to_owned(), away_secs: 7 };
    let text = change.to_string();
    Message { at: 3, change, text, picture: None }
}

fn webhook(url: &str) -> Hook {
    Hook::Webhook(Webhook::new(url).unwrap())
}

/// A web server on loopback, ended when the test says so.
struct Web {
    address: String,
    shutdown: Shutdown,
    serving: tokio::task::JoinHandle<()>,
}

impl Web {
    async fn serve(router: Router) -> Self {
        let listener = host::http::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (address, shutdown) = (listener.local_addr().unwrap().to_string(), Shutdown::new());
        let limits = host::http::ServeLimits::default();
        let serving = tokio::spawn(host::http::serve(listener, router, limits, shutdown.clone()));
        Self { address, shutdown, serving }
    }

    async fn end(self) {
        self.shutdown.request();
        self.serving.await.unwrap();
    }
}

/// Waits until the file holds `text`.
async fn holds(path: &Path, text: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let read = || std::fs::read_to_string(path).unwrap_or_default();
    while !read().contains(text) {
        assert!(Instant::now() < deadline, "no {text:?} in {:?}", read());
        sleep(Duration::from_millis(10)).await;
    }
}

/// Writes a program by another process: what this one opens for writing, the children of other
/// tests hold open too from their fork until they are another program, and meanwhile nobody can
/// execute it.
fn executable(path: &Path, text: &str) {
    let mut writer = std::process::Command::new("sh")
        .args(["-c", "cat > \"$0\" && chmod 700 \"$0\""])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    writer.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success());
}

#[test]
fn a_program_that_nobody_could_start_is_told_at_once_and_not_at_the_first_alarm() {
    let dir = tempfile::tempdir().unwrap();
    let (script, text) = (dir.path().join("hook"), dir.path().join("text"));
    executable(&script, "#!/bin/sh\n");
    std::fs::write(&text, "no program").unwrap();
    let is_good = |line: &str| Hook::Program(line.to_owned()).check().is_ok();
    assert!(is_good(script.to_str().unwrap()) && is_good("sh"));
    for wrong in
        ["/nope", "echo hi", "no-such-program", text.to_str().unwrap(), dir.path().to_str().unwrap(), ""]
    {
        assert!(!is_good(wrong), "{wrong}");
    }
    assert!(Hook::Shell("echo hi".to_owned()).check().is_ok());
}

#[tokio::test]
async fn a_program_that_is_still_being_written_is_told_once_it_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let (told, script) = (dir.path().join("told"), dir.path().join("hook"));
    executable(&script, &format!("#!/bin/sh\ncat >> {}\n", told.display()));
    let writing = std::fs::File::options().append(true).open(&script).unwrap();
    let busy = Command::new(&script).spawn().unwrap_err();
    assert_eq!(busy.kind(), std::io::ErrorKind::ExecutableFileBusy);
    let closed = async {
        sleep(Duration::from_millis(100)).await;
        drop(writing);
    };
    let hook = Hook::Program(script.to_string_lossy().into_owned());
    let patience = Patience { command: Duration::from_secs(60), ..SOON };
    let message = message("door");
    let (result, ()) = tokio::join!(hook.tell(&message, patience), closed);
    result.unwrap();
    holds(&told, &serde_json::to_string(&message).unwrap()).await;
}

#[tokio::test]
async fn a_command_gets_the_message_on_its_input_and_in_its_environment() {
    let dir = tempfile::tempdir().unwrap();
    let (told, script) = (dir.path().join("told"), dir.path().join("hook"));
    let text = format!(
        "#!/bin/sh\n(cat; echo; echo \"$#|$CANDOR_ALARM_EVENT|$CANDOR_ALARM_AT|$CANDOR_ALARM_CAMERA|$CANDOR_ALARM_CAMERA_ID|$CANDOR_ALARM_TEXT\") >> {}\n",
        told.display()
    );
    executable(&script, &text);
    let shell = format!("echo \"by a shell: $CANDOR_ALARM_CAMERA\" >> {}", told.display());
    let program = Hook::Program(script.to_string_lossy().into_owned());
    let hooks = Hooks::start_with(
        vec![program, Hook::Shell(shell)],
        Patience { command: Duration::from_secs(60), ..SOON },
    );
    hooks.tell(&message("front door"));
    let line = serde_json::to_string(&message("front door")).unwrap();
    holds(&told, &line).await;
    holds(&told, "0|camera-back|3|front door|9f|front door is back after 7 s").await;
    holds(&told, "by a shell: front door").await;
    hooks.end().await;
}

#[tokio::test]
async fn a_command_that_hangs_is_killed_and_the_next_message_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let told = dir.path().join("told");
    let line = format!(
        "if [ \"$CANDOR_ALARM_CAMERA\" = slow ]; then exec sleep 1000; fi; echo \"$CANDOR_ALARM_CAMERA\" >> {}",
        told.display()
    );
    let hook = Hook::Shell(line);
    let error = hook.tell(&message("slow"), SOON).await.unwrap_err();
    assert!(matches!(error, HookError::TooLong { .. }), "{error}");
    // What it started goes with it: the writer of a pipe is gone when its reader sees the end.
    let pipe = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let several = Hook::Shell(format!("(sleep 1000; true) > {}; true", pipe.display()));
    let (sender, end) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || sender.send(std::fs::read(pipe)));
    assert!(matches!(several.tell(&message("door"), SOON).await, Err(HookError::TooLong { .. })));
    assert_eq!(timeout(Duration::from_secs(60), end).await.unwrap().unwrap().unwrap(), b"");

    let hooks = Hooks::start_with(vec![hook], SOON);
    hooks.tell(&message("slow"));
    hooks.tell(&message("door"));
    holds(&told, "door").await;
    hooks.end().await;

    let error = Hook::Program("/nowhere".to_owned()).tell(&message("door"), SOON).await.unwrap_err();
    assert!(error.to_string().contains("could not be started"), "{error}");
    let error = Hook::Shell("exit 3".to_owned()).tell(&message("door"), SOON).await.unwrap_err();
    assert!(matches!(error, HookError::Failed { .. }), "{error}");
}

#[tokio::test]
async fn a_webhook_that_fails_is_asked_again_and_holds_nobody_up() {
    let asked = Arc::new(AtomicU32::new(0));
    let count = asked.clone();
    let answer = async move |body: Bytes| {
        let message: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(message["event"], "camera-back");
        match count.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::NO_CONTENT,
        }
    };
    let web = Web::serve(Router::new().route("/hook", post(answer))).await;
    let url = format!("http://{}/hook", web.address);
    webhook(&url).tell(&message("door"), SOON).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    let wrong = webhook(&url.replace("/hook", "/other")).tell(&message("door"), SOON).await;
    assert!(wrong.unwrap_err().to_string().contains("404"));

    // A hook that hangs beside one that does not, and more messages than it can keep.
    let hooks = Hooks::start_with(
        vec![Hook::Shell("exec sleep 1000".to_owned()), webhook(&url)],
        Patience { command: Duration::from_secs(60), ..SOON },
    );
    let began = Instant::now();
    for _ in 0..2 * WAITING {
        hooks.tell(&message("door"));
    }
    assert!(began.elapsed() < Duration::from_secs(30), "telling waited for a hook");
    let deadline = Instant::now() + Duration::from_secs(60);
    while asked.load(Ordering::SeqCst) < 3 + WAITING as u32 {
        assert!(Instant::now() < deadline, "{asked:?}");
        sleep(Duration::from_millis(10)).await;
    }
    hooks.end().await;
    web.end().await;
}

#[tokio::test]
async fn no_error_repeats_the_path_or_the_query_of_a_webhook() {
    // It says what it was asked, as some frameworks do; then it says too much; then nothing.
    let answer = async |uri: axum::http::Uri| match uri.path() {
        "/s3cret/large" => (StatusCode::OK, "-".repeat(1 << 20)),
        _ => (StatusCode::NOT_FOUND, format!("no such path: {uri}")),
    };
    let web = Web::serve(Router::new().fallback(answer)).await;
    let address = web.address.clone();
    let refusing = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let broken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let breaks = broken.local_addr().unwrap().to_string();
    let breaking = tokio::spawn(async move {
        loop {
            drop(broken.accept().await.unwrap());
        }
    });
    for (host, path, says) in [
        (&address, "s3cret", "answered 404"),
        (&address, "?key=s3cret", "answered 404"),
        (&address, "s3cret/large", "larger than"),
        (&refusing, "s3cret", "no connection"),
        (&breaks, "s3cret", "broke off"),
    ] {
        let hook = webhook(&format!("http://{host}/{path}"));
        let error = hook.tell(&message("door"), SOON).await.unwrap_err();
        for said in [error.to_string(), format!("{error:?}"), format!("{hook:?}")] {
            assert!(said.contains(&format!("http://{host}")) && !said.contains("s3cret"), "{said}");
        }
        assert!(error.to_string().contains(says), "{error}");
    }
    breaking.abort();
    web.end().await;

    for (url, says) in [
        ("", "https://HOST/"),
        ("s3cret", "https://HOST/"),
        ("/s3cret", "https://HOST/"),
        ("ftp://ntfy.example/s3cret", "https://HOST/"),
        ("https:///s3cret", "https://HOST/"),
        ("https://ntfy.example/s3cret key", "https://HOST/"),
        ("https://me:s3cret@ntfy.example/", "not sent"),
    ] {
        let error = Webhook::new(url).unwrap_err();
        assert!(
            error.to_string().contains(says) && !format!("{error} {error:?}").contains("s3cret"),
            "{error}"
        );
    }
}

fn with_a_picture(folder: &Path, posted: serde_json::Value) -> Message {
    let still = crate::still::Still { kind: "image/jpeg", bytes: b"a picture".to_vec() };
    let pictured = crate::alarm::Pictured { still, posted, folder: folder.to_owned() };
    Message { picture: Some(Arc::new(pictured)), ..message("door") }
}

#[tokio::test]
async fn a_command_reads_its_picture_and_nothing_of_it_is_left_when_it_ends_or_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let (told, keybook) = (dir.path().join("told"), dir.path().join("keybook"));
    std::fs::create_dir(&keybook).unwrap();
    let message = with_a_picture(&keybook, serde_json::Value::Null);
    let line = format!(
        "stat -c %a \"$CANDOR_ALARM_PICTURE\" > {0}; cat \"$CANDOR_ALARM_PICTURE\" >> {0}; echo \" $CANDOR_ALARM_PICTURE_TYPE\" >> {0}",
        told.display()
    );
    let patience = Patience { command: Duration::from_secs(60), ..SOON };
    Hook::Shell(line).tell(&message, patience).await.unwrap();
    assert_eq!(std::fs::read_to_string(&told).unwrap(), "600\na picture image/jpeg\n");
    let left = || std::fs::read_dir(&keybook).unwrap().count();
    assert_eq!(left(), 0);
    let hangs = format!("echo begun > {}; exec sleep 1000", told.display());
    let ended = Hook::Shell(hangs).tell(&message, SOON).await;
    assert!(matches!(ended, Err(HookError::TooLong { .. })));
    assert_eq!((std::fs::read_to_string(&told).unwrap().as_str(), left()), ("begun\n", 0));
    // What a process that was killed left goes with the next start, and nothing else does.
    let crashed = PictureFile::write(message.picture.as_ref().unwrap()).unwrap();
    std::mem::forget(crashed);
    std::fs::write(keybook.join("alarm.json"), "{}").unwrap();
    sweep(&keybook).unwrap();
    assert!(left() == 1 && keybook.join("alarm.json").is_file());
}

#[tokio::test]
async fn a_webhook_is_given_of_a_picture_what_the_owner_lets_out_and_nothing_else() {
    let posted = Arc::new(host::lock::Mutex::new(Vec::new()));
    let to = posted.clone();
    let answer = async move |body: String| to.lock().push(body);
    let web = Web::serve(Router::new().route("/", post(answer))).await;
    let url = format!("http://{}/", web.address);
    let sealed = serde_json::json!({ "sealed": "AAAA" });
    for posted in [sealed.clone(), serde_json::Value::Null] {
        webhook(&url).tell(&with_a_picture(Path::new("/nowhere"), posted), SOON).await.unwrap();
    }
    web.end().await;
    let posted = posted.lock();
    let bodies: Vec<serde_json::Value> =
        posted.iter().map(|body| serde_json::from_str(body).unwrap()).collect();
    assert_eq!((&bodies[0]["picture"], &bodies[0]["event"]), (&sealed, &"camera-back".into()));
    assert_eq!(bodies[1]["picture"], serde_json::Value::Null);
    assert!(!posted.iter().any(|body| body.contains("YSBwaWN0dXJl") || body.contains("nowhere")));
}

/// Common services take some kilobytes: every message of what moved was lost there.
#[tokio::test]
async fn a_webhook_that_takes_no_picture_is_told_without_and_what_is_slow_holds_up_nothing_else() {
    let told = Arc::new(host::lock::Mutex::new(Vec::new()));
    let to = told.clone();
    let answer = async move |body: String| {
        let message: serde_json::Value = serde_json::from_str(&body).unwrap();
        if message["picture"] != serde_json::Value::Null {
            return StatusCode::PAYLOAD_TOO_LARGE;
        }
        to.lock().push(message["event"].as_str().unwrap().to_owned());
        StatusCode::OK
    };
    let web = Web::serve(Router::new().route("/", post(answer))).await;
    let url = format!("http://{}/", web.address);
    let pictured = with_a_picture(Path::new("/nowhere"), serde_json::json!({ "sealed": "AAAA" }));
    webhook(&url).tell(&pictured, SOON).await.unwrap();
    assert_eq!(*told.lock(), ["camera-back"]);
    web.end().await;

    // A command that hangs on what moved: the camera that was cut is told all the same.
    let dir = tempfile::tempdir().unwrap();
    let told = dir.path().join("told");
    let line = format!(
        "[ \"$CANDOR_ALARM_EVENT\" = motion ] && exec sleep 1000; echo \"$CANDOR_ALARM_EVENT\" >> {}",
        told.display()
    );
    let patience = Patience { command: Duration::from_secs(600), ..SOON };
    let hooks = Hooks::start_with(vec![Hook::Shell(line)], patience);
    let motion = Change::Motion {
        camera: "door".to_owned(),
        camera_id: "9f".to_owned(),
        from_us: 1,
        to_us: 2,
        local_time: "00:00:00".to_owned(),
        goes_on: false,
        permille: 30,
        untold: 0,
    };
    for _ in 0..2 * WAITING_MOTION {
        hooks.tell(&Message { change: motion.clone(), ..message("door") });
    }
    hooks.tell(&message("door"));
    holds(&told, "camera-back").await;
}
