//! One turn: a camera that films as a process of its own, and what that took.

use camera::{Config, SourceConfig, Transport};
use measure::process::{held, used};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};
use world::config_files::write;
use world::processes::family;
use world::rtsp::{PASSWORD, RtspServer, USER};
use world::{Stage, until};

/// What is counted of a turn, and what is waited before: pools and windows fill.
pub(crate) const COUNTED: Duration = Duration::from_secs(20);
const SETTLES: Duration = Duration::from_secs(6);

/// How its pictures are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By the camera itself.
    Rtsp,
    /// By an ffmpeg child, which the camera reads.
    Piped,
}

/// What a turn took.
#[derive(Debug)]
pub(crate) struct Film {
    pub(crate) processor_percent: f64,
    pub(crate) own_kb: f64,
    pub(crate) stored_mb: f64,
}

/// Pairs a camera that films a mount this way, and writes its configuration.
pub(crate) async fn configure(stage: &Stage, server: &RtspServer, mount: &str, way: Way) -> PathBuf {
    let name = name(mount, way);
    let data = stage.folder().join(&name);
    let config = Config::new(&data, SourceConfig::Input);
    candor::cast::pair(&stage.cast.people.owner, &config, &name).await.unwrap();
    let source = match way {
        Way::Piped => "path = \"-\"".to_owned(),
        Way::Rtsp => {
            format!(
                "url = {:?}\nuser = {USER:?}\npassword_file = {:?}",
                server.url(mount),
                server.password_file()
            )
        }
    };
    write(
        stage.folder(),
        &format!("{name}-config"),
        &format!("data = {data:?}\nmodel = {name:?}\n[source]\n{source}\n"),
    )
}

fn name(mount: &str, way: Way) -> String {
    format!("{mount}-{}", if way == Way::Rtsp { "rtsp" } else { "piped" })
}

pub(crate) async fn turn(stage: &Stage, server: &RtspServer, mount: &str, way: Way, config: &Path) -> Film {
    let mut ffmpeg = (way == Way::Piped).then(|| reading(&server.url(mount), mount.ends_with("aac")));
    let fed =
        ffmpeg.as_mut().map_or_else(Stdio::null, |ffmpeg| ffmpeg.stdout.take().unwrap().try_into().unwrap());
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["camera", "run", "--config"]).arg(config).env("CANDOR_LOG", "error").kill_on_drop(true);
    let camera = command.stdin(fed).stdout(Stdio::null()).spawn().unwrap();
    let name = name(mount, way);
    let before = stored(stage, &name).await;
    until("it films", async || stored(stage, &name).await > before).await;
    tokio::time::sleep(SETTLES).await;

    let all = || -> Vec<u32> {
        let pids = [camera.id(), ffmpeg.as_ref().and_then(Child::id)];
        pids.into_iter().flatten().flat_map(family).map(|living| living.pid).collect()
    };
    let processor = || all().into_iter().filter_map(used).sum::<Duration>();
    let (begun, begin, bytes) = (Instant::now(), processor(), stored(stage, &name).await);
    tokio::time::sleep(COUNTED).await;
    let share = (processor() - begin).as_secs_f64() / begun.elapsed().as_secs_f64();
    let own_kb = all().into_iter().filter_map(held).map(|held| held.own_kb as f64).sum();
    let stored_mb = (stored(stage, &name).await - bytes) as f64 / 1e6;
    Film { processor_percent: 100.0 * share, own_kb, stored_mb }
}

/// Bytes of a camera at the relay.
async fn stored(stage: &Stage, name: &str) -> u64 {
    let cameras = owner::status::status(&stage.cast.people.owner).await.unwrap();
    cameras.iter().find(|camera| camera.name == name).map_or(0, |camera| camera.bytes)
}

/// The child that read a camera before: picture and sound of one session, as fragmented MP4.
pub(crate) fn reading(url: &str, is_aac: bool) -> Child {
    let password: String = PASSWORD.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let url = url.replacen("://", &format!("://{USER}:{password}@"), 1);
    let sound: &[&str] =
        if is_aac { &["-c:a", "copy"] } else { &["-c:a", "aac", "-b:a", "32k", "-af", "aresample=async=1"] };
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg
        .args(["-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i", &url, "-c:v", "copy"])
        .args(sound);
    ffmpeg.args(["-max_interleave_delta", "500000", "-f", "mp4"]);
    ffmpeg.args("-movflags empty_moov+default_base_moof+frag_keyframe -frag_duration 100000".split(' '));
    ffmpeg.args("-write_prft wallclock -flush_packets 1 pipe:1".split(' '));
    ffmpeg.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
}

/// As the camera films it within this process.
pub(crate) fn source(server: &RtspServer, mount: &str) -> SourceConfig {
    server.source(mount, Transport::Tcp)
}
