//! What filming an RTSP camera costs, and how soon its first segment is durable.
//!
//! ```text
//! cargo run --release -p candor-benches --bin capture -- [--rounds 5] [--starts 24] [--json]      needs GStreamer's RTSP server (deploy/setup.sh)
//! ```
//!
//! *Cost*: a camera of 4 Mbit/s with sound, filmed by `candor camera run`, a process of its own, in
//! turns with the way before: an ffmpeg child reads picture and sound of the same camera together and
//! hands fragments on, here over standard input. Counted are the process and all its children. *Start*:
//! from the start of a camera that is paired to its first segment's being durable at a real relay on
//! loopback; beside it, when such an ffmpeg hands on its first fragment.
#![allow(clippy::unwrap_used)]

mod filmed;
mod starts;

use filmed::{Film, Way};
use measure::{Report, Samples, Table};
use std::path::PathBuf;
use std::process::ExitCode;
use world::rtsp::RtspServer;
use world::{Stage, footage};

const ROUNDS: usize = 5;
const STARTS: usize = 24;
/// Of a film, seconds: longer than a turn.
const FILM_SECONDS: &str = "60";

fn main() -> ExitCode {
    // As a camera.
    if std::env::args().nth(1).is_some_and(|first| !first.starts_with("--")) {
        return candor::cli::main();
    }
    let [rounds, starts] = [("--rounds", ROUNDS), ("--starts", STARTS)].map(count);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut report = Report::new("capture");
        let stage = Stage::set(0).await;
        let server = RtspServer::playing(films()).await;
        report.add(cost(&stage, &server, rounds).await);
        report.add(starts::table(&stage, &server, starts).await);
        report.print();
        stage.strike().await;
    });
    ExitCode::SUCCESS
}

fn count((name, default): (&str, usize)) -> usize {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    arguments.next().map_or(default, |count| count.parse().unwrap())
}

/// 4 Mbit/s at 25 pictures a second, a key frame a second; with AAC, and with G.711.
fn films() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let [_, street] = &footage()[..] else { panic!("two films") };
    let picture = "-vf scale=1280:-2,fps=25 -pix_fmt yuv420p -c:v libx264 -preset ultrafast -bf 0 -g 25 -sc_threshold 0 -b:v 4M \
                   -minrate 4M -maxrate 4M -bufsize 1M -x264-params nal-hrd=cbr";
    for (name, sound) in [("h264-aac.mp4", "-c:a aac"), ("h264-g711.mov", "-c:a pcm_alaw -ar 8000 -ac 1")] {
        let mut ffmpeg = std::process::Command::new("ffmpeg");
        ffmpeg.args(["-nostdin", "-v", "error", "-stream_loop", "-1", "-i"]).arg(street);
        ffmpeg.args([
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=700:sample_rate=16000",
            "-map",
            "0:v:0",
            "-map",
            "1:a",
        ]);
        ffmpeg.args(picture.split_whitespace()).args(sound.split(' ')).args(["-t", FILM_SECONDS]);
        assert!(ffmpeg.arg(folder.path().join(name)).status().unwrap().success(), "{name}");
    }
    folder
}

async fn cost(stage: &Stage, server: &RtspServer, rounds: usize) -> Table {
    let mut table = Table::new(
        format!("a camera of 4 Mbit/s: {rounds} rounds of {} s, in turns", filmed::COUNTED.as_secs()),
        &["way", "% of a processor", "own memory kB", "of before: processor", "memory", "MB stored a turn"],
    );
    for mount in ["h264-aac", "h264-g711"] {
        let config: [PathBuf; 2] = [
            filmed::configure(stage, server, mount, Way::Rtsp).await,
            filmed::configure(stage, server, mount, Way::Piped).await,
        ];
        let mut films: [Vec<Film>; 2] = Default::default();
        for _ in 0..rounds {
            films[0].push(filmed::turn(stage, server, mount, Way::Rtsp, &config[0]).await);
            films[1].push(filmed::turn(stage, server, mount, Way::Piped, &config[1]).await);
        }
        for (way, of_way) in [("rtsp read here", &films[0]), ("before: an ffmpeg child", &films[1])] {
            let median = |of: &dyn Fn(&Film) -> f64| Samples::new(of_way.iter().map(of).collect()).median();
            let ratio = |of: &dyn Fn(&Film) -> f64| {
                Samples::new(of_way.iter().zip(&films[1]).map(|(film, base)| of(film) / of(base)).collect())
                    .median()
            };
            table.row(
                format!("{mount}, {way}"),
                &[
                    median(&|film| film.processor_percent),
                    median(&|film| film.own_kb),
                    ratio(&|film| film.processor_percent),
                    ratio(&|film| film.own_kb),
                    median(&|film| film.stored_mb),
                ],
            );
        }
    }
    table
}
