//! This test binary, started again as a party of its own, and killed: no destructor, no flush, no
//! goodbye.
//!
//! The role is a test that is ignored where nobody asks for it:
//!
//! ```text
//! #[tokio::test]
//! #[ignore = "the process that the test below starts and kills"]
//! async fn party() {
//!     let Some(path) = stage::process::role() else { return };
//!     let running = party::start(host::config::load(&path).unwrap(), Shutdown::new()).await.unwrap();
//!     stage::process::listening(&path, running.at().http);
//!     running.join().await.unwrap();
//! }
//! ```

use crate::PATIENCE;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Names the configuration file of the process that this binary, started again, shall be.
const ROLE: &str = "CANDOR_TEST_PROCESS";

/// The configuration file of the party that this process is to be; none: it is a test like others.
/// The process ends with its standard input, so that none is left behind.
pub fn role() -> Option<PathBuf> {
    let path = std::env::var_os(ROLE).map(PathBuf::from)?;
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    Some(path)
}

/// Tells whoever started this process that it listens.
pub fn listening(config: &Path, at: SocketAddr) {
    host::durable::write_atomic(&config.with_extension("at"), at.to_string().as_bytes()).unwrap();
}

/// A process that plays a role. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pub url: String,
}

impl Process {
    /// Starts the test of this path (`module::test`) as the process with this configuration file,
    /// and waits until it tells where it listens.
    pub fn start(role: &str, config: &Path) -> Self {
        let at = config.with_extension("at");
        let _ = std::fs::remove_file(&at);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([role, "--exact", "--ignored", "--nocapture"])
            .env(ROLE, config)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(at) = std::fs::read_to_string(&at) {
                return Self { child, url: format!("http://{at}") };
            }
            assert_eq!(child.try_wait().unwrap(), None, "{role} did not start");
            assert!(Instant::now() < deadline, "{role} does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// SIGKILL.
    pub fn kill(self) {}
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
