//! kill -9 at any moment loses nothing acknowledged: a child process writes and says what was
//! acknowledged, and is killed.

use super::*;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

const TEST: &str = "packs::tests::crash::a_killed_relay_has_everything_that_it_acknowledged";
const DIR: &str = "CANDOR_STORE_CHILD";
const TRACKS: u32 = 4;

fn facts_of(track: u32, n: u64) -> Header {
    Header { track: TrackId(track), ..facts(n) }
}

/// Some thousand bytes that only this segment has.
fn body_of(track: u32, n: u64) -> Bytes {
    let seed = u64::from(track) << 32 | n;
    Bytes::from_iter(
        (0..500 + n % 700).flat_map(|i| (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ i).to_be_bytes()),
    )
}

/// Writes until it is killed.
async fn child(dir: PathBuf) {
    // Small packs, so that the kill meets the making of packs too.
    let config = PacksConfig { min_free_bytes: 0, pack_bytes: 200_000, ..PacksConfig::new(&dir) };
    let store = open(&config);
    writeln!(std::io::stdout()).unwrap();
    let writers: Vec<_> = (0..TRACKS)
        .map(|track| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut n = store.next_missing(CAMERA, TrackId(track)).await.unwrap().0;
                while n < u64::MAX {
                    store.put_segment(facts_of(track, n), body_of(track, n)).await.unwrap();
                    writeln!(std::io::stdout(), "acked {track} {n}").unwrap();
                    n += 1;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

/// The test starts itself again as the child.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_relay_has_everything_that_it_acknowledged() {
    if let Some(dir) = std::env::var_os(DIR) {
        return child(dir.into()).await;
    }
    let dir = new_dir();
    let path = config(&dir).dir;
    let mut acked = vec![0u64; TRACKS as usize];
    for round in 0..6usize {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([TEST, "--exact", "--nocapture", "--test-threads=1"])
            .env(DIR, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut seen = 0;
        let mut ended = true;
        // To the end of the pipe: what it acknowledged in its last moment counts too.
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let Some((track, n)) = line.strip_prefix("acked ").and_then(|rest| rest.split_once(' ')) else {
                continue;
            };
            let (track, n): (usize, u64) = (track.parse().unwrap(), n.parse().unwrap());
            assert!(n >= acked[track], "the child wrote {n} again, which was acknowledged");
            acked[track] = n + 1;
            seen += 1;
            if seen == 40 + 37 * round {
                child.kill().unwrap();
                ended = false;
            }
        }
        child.wait().unwrap();
        assert!(!ended, "round {round}: the child ended by itself after {seen} acknowledgements");
        if round % 3 == 2 {
            std::fs::remove_file(path.join(INDEX_FILE)).unwrap();
        }
        let store = open(&PacksConfig { min_free_bytes: 0, ..PacksConfig::new(&path) });
        assert!(store.packs.recovery().damaged.is_empty(), "{:?}", store.packs.recovery());
        for track in 0..TRACKS {
            let query = SegmentQuery { track: TrackId(track), ..all(Micros(0), Micros::MAX) };
            let found = stored(&store, query).await;
            let next = store.next_missing(CAMERA, TrackId(track)).await.unwrap().0;
            assert!(next >= acked[track as usize], "round {round}, track {track}: acknowledged and lost");
            assert_eq!(found.len() as u64, next);
            for (n, segment) in (0..).zip(&found) {
                assert_eq!(without_body(segment.header), facts_of(track, n));
                assert_eq!(store.read_segment(segment).await.unwrap(), body_of(track, n));
            }
        }
        store.close().await;
    }
}
