//! The stage of the whole-house tests: a cast of real parties on loopback, and the few steps that
//! most tests take with it.
//!
//! In scope: setting a stage, waiting for filmed epochs, asking. Out of scope: attacks, which stand
//! with their tests.
#![allow(clippy::unwrap_used)]

pub mod browser;
pub mod config_files;
pub mod filming;
pub mod firefox;
pub mod impostor;
pub mod network;
pub mod processes;
pub mod rtsp;
pub mod session;
pub mod wall_clock;

use candor::cast::{Approval, Cast, Plan, prepared_footage};
use host::shutdown::Shutdown;
use requester::folder::RequestFolder;
use requester::request::{Ask, Grounds, Kind};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// The longest that a test waits for what must happen: the machines are noisy, a hang is still
/// found.
pub const PATIENCE: Duration = Duration::from_secs(300);
pub const EPOCH_SECONDS: u16 = 10;

/// Casts on stage at one time. Each films in real time with ffmpeg; more of them would starve each
/// other on two cores.
static STAGES: Semaphore = Semaphore::const_new(6);

/// The prepared footage: what a camera films.
pub fn footage() -> Vec<PathBuf> {
    let prepared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/footage");
    let folder = std::env::var_os("CANDOR_FOOTAGE").map_or(prepared, PathBuf::from);
    let films = prepared_footage(&folder);
    assert_eq!(films.len(), 2, "no footage in {}: run deploy/footage.sh target/footage", folder.display());
    films
}

/// Keeps what a test made as `target/NAME`, for people.
pub fn keep(name: &str, bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name), bytes).unwrap();
}

/// A running cast in a folder of its own.
#[derive(Debug)]
pub struct Stage {
    pub cast: Cast,
    pub shutdown: Shutdown,
    dir: tempfile::TempDir,
    _permit: SemaphorePermit<'static>,
}

/// Whole epochs that were filmed and stored: half open, Unix microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filmed {
    pub from_us: u64,
    pub to_us: u64,
}

impl Stage {
    /// The usual cast: five trustees of whom three must grant, who approve by themselves, and
    /// `cameras` cameras.
    pub async fn set(cameras: usize) -> Self {
        Self::set_with(cameras, |_| {}).await
    }

    /// The usual cast but for what `change` changes of its plan.
    pub async fn set_with(cameras: usize, change: impl FnOnce(&mut Plan)) -> Self {
        let permit = STAGES.acquire().await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut plan = Plan {
            dir: dir.path().join("cast"),
            footage: footage().into_iter().cycle().take(cameras).collect(),
            epoch_seconds: EPOCH_SECONDS,
            trustees: 5,
            away: 0,
            threshold: 3,
            approval: Approval::Automatic,
        };
        change(&mut plan);
        let shutdown = Shutdown::new();
        let cast = Cast::start(plan, &shutdown, &mut |_| {}).await.unwrap();
        Self { cast, shutdown, dir, _permit: permit }
    }

    /// A folder beside the cast's, for what a test writes.
    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// Waits until the first `epochs` whole epochs after the beginning, and one after them, are
    /// stored at the relay for every camera.
    pub async fn filmed(&self, epochs: u64) -> Filmed {
        let length_us = u64::from(self.cast.plan.epoch_seconds) * 1_000_000;
        let from_us = self.cast.video.filming_since_us.div_ceil(length_us) * length_us;
        let to_us = from_us + epochs * length_us;
        self.stored_until(to_us + length_us).await;
        Filmed { from_us, to_us }
    }

    /// Waits until every camera's newest stored segment ends at `until_us` or later.
    pub async fn stored_until(&self, until_us: u64) {
        let owner = &self.cast.people.owner;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let cameras = owner::status::status(owner).await.unwrap_or_default();
            if !cameras.is_empty() && cameras.iter().all(|camera| camera.newest_us >= until_us) {
                return;
            }
            assert!(Instant::now() < deadline, "not filmed in time: {cameras:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// A request's folder of this name.
    pub fn request_folder(&self, name: &str) -> RequestFolder {
        RequestFolder::at(&self.folder().join(name))
    }

    /// What an officer asks of camera `camera`: the whole epochs of `filmed`, and no neighbour.
    pub fn ask(&self, camera: usize, kind: Kind, filmed: Filmed) -> Ask {
        let (basis, grounds) = match kind {
            Kind::Emergency => ("danger-of-death", emergency()),
            Kind::Legal => ("search-warrant", legal()),
        };
        Ask {
            camera_id: self.cast.video.cameras[camera].id.to_string(),
            track: 0,
            from_us: filmed.from_us + 1_000_000,
            to_us: filmed.to_us - 1_000_000,
            kind,
            basis: basis.to_owned(),
            officer: "Sgt. A. Example".to_owned(),
            badge: "1182".to_owned(),
            supervisor: "Lt. B. Example".to_owned(),
            call_back: "control room called back on the published number".to_owned(),
            case_number: "test/1".to_owned(),
            incident: None,
            grounds,
        }
    }

    /// Composes and signs a request; nothing is logged yet.
    pub async fn drafted(&self, name: &str, ask: &Ask) -> RequestFolder {
        let folder = self.request_folder(name);
        let requester = &self.cast.people.requester;
        requester::request::new(requester, ask, &folder).await.unwrap();
        requester::request::sign(requester, &folder).unwrap();
        folder
    }

    /// Composes, signs and logs a request, and collects from the trustees until enough granted.
    pub async fn collected(&self, name: &str, ask: &Ask) -> RequestFolder {
        let folder = self.drafted(name, ask).await;
        let requester = &self.cast.people.requester;
        requester::request::submit(requester, &folder).await.unwrap();
        requester::collect::collect(requester, &folder, PATIENCE, &mut |_| {}).await.unwrap();
        folder
    }

    /// Stops everybody, in good order.
    pub async fn strike(self) {
        self.cast.stop().await;
    }
}

/// Waits for what must come true; panics with `what` when it does not.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Copies a folder with all that is in it; returns where the copy is.
pub fn copy_folder(from: &Path, to: &Path) -> PathBuf {
    std::fs::create_dir_all(to).unwrap();
    let copied = std::process::Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap();
    assert!(copied.success());
    to.to_owned()
}

/// A port of loopback that is free now, and that no connection gets.
pub fn free_port() -> u16 {
    candor::cast::free_address().unwrap().port()
}

fn emergency() -> Grounds {
    Grounds::Emergency {
        in_danger: "a child of six, missing since noon".to_owned(),
        why_waiting_is_dangerous: "it is below zero and getting dark".to_owned(),
        why_no_order: "no judge can be reached within the hour".to_owned(),
        how_footage_helps: "the camera shows which way the child left".to_owned(),
    }
}

fn legal() -> Grounds {
    Grounds::Legal {
        court: "District Court of Example".to_owned(),
        summary: "burglary at the named address".to_owned(),
        order: b"%PDF-1.7 The District Court of Example orders".to_vec(),
    }
}
