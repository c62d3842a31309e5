//! What the worlds of tests and benches are built of. For them alone: nothing that ships depends on
//! this crate, which `tests/architecture.rs` asserts.
//!
//! | module | holds |
//! |---|---|
//! | `keys` | one signer for each name |
//! | `log` | a real log and its four witnesses on loopback, each of which stops and starts |
//! | `paper` | a log in memory whose operator shows what he likes, over real HTTP |
//! | `leaves` | the leaves of a small world: rules, agencies, requests, grants |
//! | `dealt` | a camera that filmed epochs and dealt them to trustees; requests for them |
//! | `keybook` | a camera in an owner's keybook, as pairing leaves it |
//! | `bare` | an owner's policy and an epoch, of which a test changes what it is about |
//! | `books` | a camera that signs and chains what it sends, and seals nothing |
//! | `by_hand` | a camera that pairs, seals and publishes what a test tells it to |
//! | `refusing` | a camera over RTSP that refuses whoever asks |
//! | `process` | this test binary, started again as a party, and killed |
//!
//! In scope: the parts. Out of scope: the whole cast at once (`tests/world`), and every party but
//! the log and the witnesses, which a test starts itself. A crate's tests within its own source may
//! use what does not name that crate's types: they would be another copy of them.
#![allow(clippy::unwrap_used)]

pub mod bare;
pub mod books;
pub mod by_hand;
pub mod dealt;
pub mod keybook;
pub mod keys;
pub mod leaves;
pub mod log;
pub mod paper;
pub mod process;
pub mod refusing;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The longest that a test waits for what must happen. Nothing takes a tenth of it on a quiet
/// machine; machines are noisy, and a hang is still found.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A free port of this machine.
pub fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Asks again until the answer is there; panics with `what` when it never is.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "never: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// A copy of a folder, as a backup or a thief makes it.
pub fn copy_folder(from: &Path, to: &Path) -> PathBuf {
    std::fs::create_dir_all(to).unwrap();
    let copied = std::process::Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap();
    assert!(copied.success());
    to.to_owned()
}

/// A file of the container's fixtures: a few seconds of film.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/container/tests/fixtures").join(name)
}
