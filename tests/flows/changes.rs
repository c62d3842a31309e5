//! A camera that is set to another size or codec while it is filmed: what comes after is a run of
//! its own, with the right init segment, live and in the export, and no picture is lost in silence
//! or shown under the wrong one.

use camera::Transport;
use media::time::Micros;
use owner::Span;
use owner::live::Event;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;
use world::browser::Browser;
use world::filming::Filming;
use world::processes::Process;
use world::rtsp::RtspServer;
use world::{Stage, footage, until, wall_clock};

fn today() -> Span {
    let now = host::clock::now_us();
    Span::new(Micros(now - 3_600_000_000), Micros(now + 60_000_000)).unwrap()
}

/// An export's files, and why something is missing between them.
async fn exported(stage: &Stage, name: &str) -> (Vec<PathBuf>, Vec<String>) {
    let to = stage.folder().join(format!("{name}.mp4"));
    let owner = &stage.cast.people.owner;
    let mut refused = Vec::new();
    let mut on = |event| {
        if let Event::Refused { reason, .. } = event {
            refused.push(reason);
        }
    };
    let exported = owner::export::export(owner, name, today(), &to, &mut on).await.unwrap();
    assert_eq!(refused, Vec::<String>::new());
    let files = exported.files.into_iter().map(|file| file.path).collect();
    (files, exported.gaps.into_iter().map(|gap| gap.reason).collect())
}

/// Codec, width and height that a file says, and those of its decoded pictures, each different one
/// once.
async fn shapes(file: &Path) -> (String, Vec<String>) {
    let probe = async |what: &[&str]| {
        let mut ffprobe = Command::new("ffprobe");
        ffprobe.args(["-v", "error", "-of", "csv=p=0", "-select_streams", "v"]).args(what).arg(file);
        let output = ffprobe.output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{}: {said}", file.display());
        String::from_utf8(output.stdout).unwrap()
    };
    let said = probe(&["-show_entries", "stream=codec_name,width,height"]).await;
    let decoded = probe(&["-show_entries", "frame=width,height"]).await;
    let mut decoded: Vec<String> =
        decoded.lines().map(|line| line.trim_end_matches(',').to_owned()).filter(|l| !l.is_empty()).collect();
    decoded.dedup();
    (said.trim().to_owned(), decoded)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_rtsp_camera_that_is_set_to_another_size_is_filmed_on_in_a_run_of_its_own() {
    let stage = Stage::set(0).await;
    let server = RtspServer::start().await;
    // Before the camera films: its first size lasts only so long.
    let browser = Browser::start().await;
    let filming = Filming::begin(&stage, "changing", server.source("changing", Transport::Tcp)).await;
    filming.acked(1).await;
    let app = owner::app::start(stage.cast.people.owner.clone(), None, stage.shutdown.child()).await.unwrap();
    browser.go(&app.at().url).await;
    browser.until("small pictures", "document.querySelector('video')?.videoWidth === 640").await;
    wall_clock::follow(&browser).await;
    browser.until("large pictures", "document.querySelector('video').videoWidth === 1280").await;
    let before = wall_clock::followed(&browser).await[0].pictures.len();
    until("they go on", async || wall_clock::followed(&browser).await[0].pictures.len() > before + 60).await;
    let seen = wall_clock::followed(&browser).await.remove(0);
    assert_eq!(seen.unreadable, 0, "broken pictures were shown");
    assert!(seen.pictures.is_sorted_by_key(|picture| picture.drawn), "the time went backwards");
    assert_eq!(filming.stats().now().troubles.picture, None);
    filming.stop().await;

    let (files, gaps) = exported(&stage, "changing").await;
    let mut shapes_found = Vec::new();
    let mut drawn = Vec::new();
    for file in &files {
        shapes_found.push(shapes(file).await);
        drawn.extend(wall_clock::drawn_ms(file).await);
    }
    let expected = ["640,360", "1280,720"].map(|size| (format!("h264,{size}"), vec![size.to_owned()]));
    assert_eq!(shapes_found, expected, "{files:?}");
    assert!(drawn.is_sorted() && drawn.len() > 200, "{} pictures", drawn.len());
    // The same connection goes on, and nothing is missing between the two.
    assert!(gaps.iter().all(|reason| reason != "the camera's source froze or ended"), "{gaps:?}");
    drop(browser);
    app.stop_and_join().await.unwrap();
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_input_that_pauses_and_goes_on_in_another_size_or_codec_is_filmed_on_in_a_run_of_its_own() {
    let stage = Stage::set(0).await;
    let name = "piped";
    let data = stage.folder().join(name);
    let config = camera::Config::new(&data, camera::SourceConfig::Input);
    candor::cast::pair(&stage.cast.people.owner, &config, name).await.unwrap();

    let piped = Piped::make(stage.folder()).await;
    let text = format!("data = {data:?}\nmodel = {name:?}\n[source]\npath = \"-\"\n");
    let file = world::config_files::write(stage.folder(), name, &text);
    let args = ["camera", "run", "--config", file.to_str().unwrap()];
    // It ends when its source has and the relay has all of it.
    let ended = Process::start_fed(&args, piped.played()).ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);

    let mut runs = Vec::new();
    let mut on = |event| {
        if let Event::Run { codec } = event {
            runs.push(codec.split('.').next().unwrap().to_owned());
        }
    };
    let owner = &stage.cast.people.owner;
    owner::play::play(owner, name, today(), &mut tokio::io::sink(), &mut on).await.unwrap();
    assert_eq!(runs, ["avc1", "avc1", "hvc1"]);
    let (files, gaps) = exported(&stage, name).await;
    assert!(gaps.iter().any(|reason| reason == "the camera's source froze or ended"), "{gaps:?}");
    let mut shapes_found = Vec::new();
    let mut kept = Vec::new();
    for file in &files {
        shapes_found.push(shapes(file).await.0);
        kept.push(Piped::decoded(file).await);
    }
    assert_eq!(shapes_found, ["h264,320,240", "h264,480,360", "hevc,320,240"]);
    let sent = piped.pictures().await;
    let counts = |runs: &[Vec<String>]| runs.iter().map(Vec::len).collect::<Vec<_>>();
    assert!(kept == sent, "pictures: {:?} of {:?}; {}", counts(&kept), counts(&sent), ended.stderr);
    stage.strike().await;
}

/// Real footage in two sizes and two codecs, one after the other on one pipe, each with its own
/// init segment.
struct Piped(Vec<PathBuf>);

impl Piped {
    /// Pictures in a segment.
    const GROUP: usize = 20;

    async fn make(folder: &Path) -> Self {
        let street = footage().remove(0);
        let group = Self::GROUP.to_string();
        let h265 = format!("log-level=none:bframes=0:keyint={0}:min-keyint={0}:scenecut=0", Self::GROUP);
        let mut parts = Vec::new();
        for (name, size, codec) in [
            ("small.mp4", "320:240", ["-c:v", "libx264", "-sc_threshold", "0"]),
            ("large.mp4", "480:360", ["-c:v", "libx264", "-sc_threshold", "0"]),
            ("other.mp4", "320:240", ["-c:v", "libx265", "-x265-params", &h265]),
        ] {
            let part = folder.join(name);
            let mut ffmpeg = Command::new("ffmpeg");
            ffmpeg.args(["-nostdin", "-v", "error", "-i"]).arg(&street).args(["-an", "-frames:v", "80"]);
            ffmpeg.args([
                "-vf",
                &format!("scale={size},fps=20"),
                "-pix_fmt",
                "yuv420p",
                "-preset",
                "ultrafast",
            ]);
            ffmpeg.args(["-bf", "0", "-g", &group]).args(codec).arg(&part);
            assert!(ffmpeg.status().await.unwrap().success(), "{name}");
            parts.push(part);
        }
        Self(parts)
    }

    /// As they come through the pipe, at the pace of a camera.
    fn played(&self) -> Stdio {
        let how = "-c copy -tag:v TAG -f mp4 -movflags empty_moov+default_base_moof+frag_keyframe -frag_duration 100000 -flush_packets 1 pipe:1";
        let one = |(part, tag): (&PathBuf, &str)| {
            format!("ffmpeg -nostdin -v error -re -i {part:?} {}", how.replace("TAG", tag))
        };
        let [small, large, other] = [0, 1, 2].map(|n| one((&self.0[n], ["avc1", "avc1", "hvc1"][n])));
        let mut shell = Command::new("sh");
        // What feeds a pipe may pause for longer than a camera is waited for.
        shell
            .args(["-c", &format!("{small}; sleep 15; {large}; {other}")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        // It ends with its films, or when nobody reads its pipe any more.
        shell.spawn().unwrap().stdout.take().unwrap().try_into().unwrap()
    }

    async fn pictures(&self) -> Vec<Vec<String>> {
        let mut all = Vec::new();
        for part in &self.0 {
            all.push(Self::decoded(part).await);
        }
        all
    }

    /// The MD5 of each decoded picture.
    async fn decoded(file: &Path) -> Vec<String> {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-nostdin", "-v", "error", "-i"]).arg(file);
        let output =
            ffmpeg.args(["-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-"]).output().await;
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.rsplit(',').next().unwrap().trim().to_owned()).collect()
    }
}
