//! The main job by its one command: `candor demo` on real footage, every figure of its report, and
//! the clips that come out of it.
//!
//! The clips are judged here by ffprobe and ffmpeg alone, not by the demo's own comparison.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tokio::process::Command;
use world::processes::{Living, Process, permit};
use world::until;

/// The demo's epochs, and those that its emergency asks for.
const EPOCH_SECONDS: f64 = 10.0;
const ASKED: u64 = 2;
/// The prepared films have a key frame at least this often: no segment is longer.
const SEGMENT_SECONDS: f64 = 2.0;

/// The folder of the prepared films, which stage and demo share.
fn footage_folder() -> PathBuf {
    world::footage()[0].parent().unwrap().to_owned()
}

fn demo(options: &[&str], temporary: &Path) -> Process {
    let args = [&["demo"], options].concat();
    Process::start_with(&args, &[("CANDOR_FOOTAGE", &footage_folder()), ("TMPDIR", temporary)])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_reports_every_figure_truthfully_and_its_clips_are_the_source() {
    let _permit = permit().await;
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("kept");
    let ended = demo(&["--once", "--json", "--keep", kept.to_str().unwrap()], dir.path()).ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);

    let mut lines = ended.stdout.lines();
    let report: serde_json::Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!(lines.next(), None, "standard output is one JSON object and nothing else");
    let number = |field: &str| report[field].as_u64().unwrap_or_else(|| panic!("{field}: {report}"));
    assert!(number("segments_sent") > 0, "{report}");
    assert_eq!(number("segments_acked"), number("segments_sent"), "{report}");
    assert!(number("segments_played") > 0, "{report}");
    assert!(report["live_latency_ms_p50"].as_f64().is_some_and(|ms| ms > 0.0), "{report}");
    assert_eq!(number("epochs_requested"), ASKED, "{report}");
    assert_eq!(number("epochs_opened"), ASKED, "{report}");
    assert_eq!(report["unlogged_refused"], serde_json::json!({ "refused": true, "name": "not-logged" }));
    let prelogged = serde_json::json!({ "refused": true, "name": "footage-from-future" });
    assert_eq!(report["prelogged_refused"], prelogged);
    assert_eq!(report["neighbour_epoch_refused"]["refused"], true, "{report}");
    // It was not there while the released epochs were filmed, and the others released them.
    let away = &report["trustee_away"];
    assert_eq!(
        (&away["trustee"], &away["holding"], &away["trustees"], &away["needed"]),
        (&"ombudsman.example".into(), &4.into(), &5.into(), &3.into()),
        "{report}"
    );
    let granted: Vec<_> = away["granted_by"].as_array().unwrap().iter().collect();
    assert!(granted.len() >= 3 && !granted.contains(&&away["trustee"]), "{report}");
    assert_eq!(report["audit_found"], true, "{report}");
    assert_eq!(number("public_emergency_count"), 1, "{report}");
    assert!(number("leaf_index") > 0, "{report}");
    assert!(number("witness_cosignatures") >= 3, "{report}");
    assert_eq!(report["monitors_agree"], true, "{report}");
    assert_eq!(report["export_plays"], true, "{report}");
    assert_eq!(report["evidence_verified"], true, "{report}");

    // What a script reads is nothing but JSON, a line at a time.
    for line in ended.stderr.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
    }
    let source = &world::footage()[0];
    // The owner's export, and what the requester opened: the same epochs, by two ways.
    for clip in [kept.join("clip.mp4"), kept.join("request/clip-1.mp4")] {
        plays(&clip).await;
        is_a_stretch_of(&clip, source).await;
    }
    let evidence = kept.join("request/evidence");
    let policy = kept.join("log-policy.txt");
    let verified = verify(&evidence, &["--policy", policy.to_str().unwrap()], Some(0)).await;
    assert_eq!((&verified["verdict"], &verified["footage"]["missing"]), (&"complete".into(), &0.into()));
    assert_eq!(verified["release"]["leaf"], report["leaf_index"], "{verified}");
    assert_eq!(verified["release"]["agency_shown"], true, "{verified}");
    assert_eq!(verified["opener"]["as"], "requester", "{verified}");
    // Nothing in the file is an anchor of trust.
    let alone = verify(&evidence, &[], Some(1)).await;
    assert_eq!(alone["verdict"], "consistent-with-itself");
    // The same policy as another editor leaves it, one of another quorum, and what is none.
    let (another, text) = (dir.path().join("another-policy"), std::fs::read_to_string(&policy).unwrap());
    let quorum = text.lines().find(|line| line.starts_with("quorum ")).unwrap();
    for (other, code, verdict) in [
        (format!("# another\n{}", text.replace('\n', "\r\n")), 0, "complete"),
        (text.replace(quorum, "quorum w1"), 1, "another-log-policy"),
    ] {
        std::fs::write(&another, other).unwrap();
        let under_another = verify(&evidence, &["--policy", another.to_str().unwrap()], Some(code)).await;
        assert_eq!(under_another["verdict"], verdict);
    }
    the_court_file_is_what_its_evidence_gives(&kept, policy.to_str().unwrap()).await;
    is_for_its_owner_alone(&kept);
    // What the story cut off says that its end is not proven.
    let cut = kept.join("request/evidence-without-its-closing");
    let cut = verify(&cut, &["--policy", policy.to_str().unwrap()], Some(1)).await;
    assert_eq!((&cut["verdict"], &cut["opener"]), (&"end-not-proven".into(), &serde_json::Value::Null));
}

/// What a court is given says what its evidence does, in words and films, and nothing else can stand in it.
async fn the_court_file_is_what_its_evidence_gives(kept: &Path, policy: &str) {
    let court = kept.join("request/court.zip");
    let verified = verify(&court, &["--policy", policy], Some(0)).await;
    assert_eq!(verified["verdict"], "complete", "{verified}");
    let whole = std::fs::read(&court).unwrap();
    let film = std::fs::read(kept.join("request/clip-1.mp4")).unwrap();
    let evidence = std::fs::read(kept.join("request/evidence")).unwrap();
    let at = |part: &[u8]| whole.windows(part.len()).rposition(|window| window == part).unwrap();
    let of_film = at(&film[film.len() / 2..][..64]);
    let of_evidence = at(&evidence[evidence.len() / 2..][..64]);
    let altered = kept.join("altered.zip");
    // A byte of the evidence, of the film, of the page; every other one is tried beside the code.
    for (place, code, said) in
        [(of_evidence, 3, "false"), (of_film, 3, "false"), (at(b"Check it first"), 3, "false")]
    {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        std::fs::write(&altered, &bytes).unwrap();
        let verified = verify(&altered, &["--policy", policy], Some(code)).await;
        assert_eq!(verified["verdict"], said, "byte {place}: {verified}");
    }
    std::fs::write(&altered, [&b"PK\x03\x04"[..], &[0; 100]].concat()).unwrap();
    let ended = world::processes::run(&["verify", altered.to_str().unwrap(), "--policy", policy]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    std::fs::remove_file(&altered).unwrap();
}

/// Keys, seeds and footage lie in all of it: nobody else on the machine may read what the verbs wrote.
fn is_for_its_owner_alone(path: &Path) {
    let metadata = std::fs::symlink_metadata(path).unwrap();
    let mode = metadata.permissions().mode() & 0o777;
    let expected = if metadata.is_dir() { 0o700 } else { 0o600 };
    assert_eq!(mode, expected, "{}: {mode:o}", path.display());
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            is_for_its_owner_alone(&entry.unwrap().path());
        }
    }
}

/// What `candor verify --json` says of a file, and its exit code.
async fn verify(evidence: &Path, options: &[&str], code: Option<i32>) -> serde_json::Value {
    let args = [&["verify", "--json", evidence.to_str().unwrap()], options].concat();
    let ended = world::processes::run(&args).await;
    assert_eq!(ended.code, code, "{}{}", ended.stdout, ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_in_the_middle_of_the_demo_leaves_no_process_and_no_file() {
    let _permit = permit().await;
    for moment in ["started  log", "The owner watches live"] {
        interrupted(&[], moment).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_after_the_story_leaves_no_process_and_no_file() {
    let _permit = permit().await;
    interrupted(&[], "Ctrl-C stops everybody").await;
}

/// Interrupts the demo when it has said `moment`.
async fn interrupted(options: &[&str], moment: &str) {
    let dir = tempfile::tempdir().unwrap();
    let mut demo = demo(options, dir.path());
    demo.says(moment).await;
    let films = |all: &[Living]| all.iter().filter(|it| it.name == "ffmpeg").count();
    if moment != "started  log" {
        // Both cameras film, so that there is something to be left behind.
        until("both cameras film", async || films(&demo.descendants()) >= 2).await;
    }
    let family = demo.descendants();
    demo.interrupt();
    let ended = demo.ended().await;
    assert_eq!(ended.code, Some(0), "{moment}: {}", ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{moment}: {}", ended.stderr);
    let left: Vec<&Living> = family.iter().filter(|it| it.is_alive()).collect();
    assert!(left.is_empty(), "{moment}: left behind: {left:?}");
    let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.is_empty(), "{moment}: left behind: {files:?}");
}

/// ffprobe and ffmpeg find nothing wrong with the clip: H.264, as long as was asked but for a
/// segment, times that only grow, every frame decodes.
async fn plays(clip: &Path) {
    let show = async |what: &[&str]| {
        let text = output("ffprobe", &[&["-v", "error", "-of", "csv=p=0"], what].concat(), clip, &[]).await;
        text.lines().map(|line| line.trim_end_matches(',').to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(show(&["-select_streams", "v", "-show_entries", "stream=codec_name"]).await, ["h264"]);
    let duration: f64 = show(&["-show_entries", "format=duration"]).await[0].parse().unwrap();
    let asked = ASKED as f64 * EPOCH_SECONDS;
    assert!((duration - asked).abs() <= SEGMENT_SECONDS + 0.1, "{}: {duration} s", clip.display());
    for stream in show(&["-show_entries", "stream=index"]).await {
        let times = show(&["-select_streams", &stream, "-show_entries", "packet=dts"]).await;
        let times: Vec<i64> = times.iter().map(|time| time.parse().unwrap()).collect();
        assert!(times.len() > 1 && times.windows(2).all(|two| two[0] < two[1]), "{}", clip.display());
    }
    // `output` refuses whatever ffmpeg says against a file.
    output("ffmpeg", &["-nostdin", "-v", "warning", "-xerror", "-i"], clip, &["-f", "null", "-"]).await;
}

/// Frame for frame what the source shows, decoded, without a hole: the source may begin anew, as
/// the camera loops it.
async fn is_a_stretch_of(clip: &Path, source: &Path) {
    let (frames, source) = (frames(clip).await, frames(source).await);
    assert!(frames.len() > 25, "{}: {} frames", clip.display(), frames.len());
    let looped: Vec<&String> = source.iter().chain(&source).collect();
    let is_there = looped.windows(frames.len()).any(|stretch| stretch.iter().copied().eq(&frames));
    assert!(is_there, "{}: its frames are not the source's", clip.display());
    // The comparison can fail: one frame left out is noticed.
    let mut holed = frames;
    let at = (1..holed.len()).find(|at| holed[*at] != holed[at - 1]).unwrap();
    holed.remove(at);
    assert!(!looped.windows(holed.len()).any(|stretch| stretch.iter().copied().eq(&holed)));
}

/// The MD5 of each decoded frame.
async fn frames(file: &Path) -> Vec<String> {
    let after = ["-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-"];
    let text = output("ffmpeg", &["-nostdin", "-v", "error", "-i"], file, &after).await;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit(',').next().unwrap().trim().to_owned()).collect()
}

async fn output(program: &str, before: &[&str], file: &Path, after: &[&str]) -> String {
    let output = Command::new(program).args(before).arg(file).args(after).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{program} {}: {said}", file.display());
    String::from_utf8(output.stdout).unwrap()
}
