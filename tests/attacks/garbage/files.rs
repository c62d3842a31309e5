//! Garbage in what a party reads when it starts: every file of its folder, cut, emptied and
//! overwritten, and the policy files. It starts (what was damaged can be made again from the rest),
//! or says which file is wrong; it does not panic. Keys and signed state are never made anew in
//! silence.

use super::noise;
use candor::cast::Cast;
use host::machine::Machine;
use host::shutdown::Shutdown;
use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::task::Poll;
use std::time::Duration;
use world::{PATIENCE, Stage, copy_folder};

/// Files of a kind that a folder may have many of: so many are tried.
const OF_A_FOLDER: usize = 3;
/// How long a party that did start is watched for a panic.
const AFTERWARDS: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_named_or_made_again_and_nobody_panics() {
    let mut stage = Stage::set(1).await;
    let filmed = stage.filmed(1).await;
    // So that every ledger holds something.
    let ask = stage.ask(0, requester::request::Kind::Legal, filmed);
    stage.collected("request", &ask).await;
    let dir = stage.folder().join("damaged");
    let cast = &mut stage.cast;
    for camera in &mut cast.video.cameras {
        camera.part.stop().await.unwrap();
    }
    cast.video.relay.stop().await.unwrap();
    cast.video.trustees[0].stop().await.unwrap();
    cast.monitors[0].stop().await.unwrap();
    cast.records.log.stop().await.unwrap();
    cast.records.witnesses[0].stop().await.unwrap();

    let mut tried = Tried { dir, party: "", damages: 0, faults: Vec::new() };
    damaged_records(&mut tried, cast).await;
    damaged_video(&mut tried, cast).await;
    damaged_people(&mut tried, cast).await;
    assert!(tried.damages > 100, "{}", tried.damages);
    assert!(tried.faults.is_empty(), "{} faults:\n{}", tried.faults.len(), tried.faults.join("\n"));
    stage.strike().await;
}

/// Who keeps the log, or looks at it.
async fn damaged_records(tried: &mut Tried, cast: &Cast) {
    let any = stage::loopback();
    let witness = &cast.records.witnesses[0].config;
    tried.party("witness");
    tried
        .folder(&witness.data, async |data| {
            let config = witness::Config { data, listen: any, ..witness.clone() };
            started(witness::start(config, Shutdown::new()).await).await
        })
        .await;

    let log = &cast.records.log.config;
    tried.party("log");
    tried
        .folder(&log.data, async |data| {
            let config = log_server::Config { data, listen: any, ..log.clone() };
            started(log_server::start(config, Shutdown::new()).await).await
        })
        .await;
    tried
        .file(&log.policy, async |policy| {
            let data = copy_folder(&log.data, &policy.with_extension("data"));
            let config = log_server::Config { data, policy, listen: any, ..log.clone() };
            started(log_server::start(config, Shutdown::new()).await).await
        })
        .await;

    let monitor = &cast.monitors[0].config;
    tried.party("monitor");
    tried
        .folder(&monitor.data, async |data| {
            let config = monitor::Config { data, listen: any, ..monitor.clone() };
            started(monitor::start(config, Shutdown::new()).await).await
        })
        .await;
}

/// Who holds footage, or shares of its keys.
async fn damaged_video(tried: &mut Tried, cast: &Cast) {
    let any = stage::loopback();
    let trustee = &cast.video.trustees[0].config;
    tried.party("trustee");
    tried
        .folder(&trustee.data, async |data| {
            let config = trustee::Config { data, listen: any, ..trustee.clone() };
            started(trustee::start(config, Shutdown::new()).await).await
        })
        .await;

    let relay = &cast.video.relay.config;
    tried.party("relay");
    tried
        .folder(&relay.data, async |data| {
            let config = relay::Config { data, listen: any, ..relay.clone() };
            started(relay::start(config, Shutdown::new()).await).await
        })
        .await;

    let camera = &cast.video.cameras[0].part.config;
    tried.party("camera");
    tried
        .folder(&camera.data, async |data| {
            let config = camera::Config { data, ..camera.clone() };
            started(camera::start(config, Shutdown::new()).await).await
        })
        .await;
}

/// Who holds keys of their own.
async fn damaged_people(tried: &mut Tried, cast: &Cast) {
    let owner = &cast.people.owner_config;
    tried.party("owner");
    tried
        .folder(&owner.keybook, async |keybook| {
            owner::Owner::open(owner::Config { keybook, ..owner.clone() })
                .map(drop)
                .map_err(|e| e.to_string())
        })
        .await;
    let requester = &cast.people.requester_config;
    tried.party("requester");
    tried
        .folder(&requester.keys, async |keys| {
            requester::Requester::open(requester::Config { keys, ..requester.clone() }, Machine::system())
                .map(drop)
                .map_err(|e| e.to_string())
        })
        .await;
}

/// Stops what started after a while; what did not start says why.
async fn started<A, E: Display + Send + 'static>(
    started: Result<host::running::Running<A, E>, E>,
) -> Result<(), String> {
    let running = started.map_err(|error| error.to_string())?;
    tokio::time::sleep(AFTERWARDS).await;
    // A panic inside goes on here.
    match caught(running.stop_and_join()).await {
        Ok(ended) => ended.map_err(|error| error.to_string()),
        Err(Panicked) => Err(LATER.to_owned()),
    }
}

/// What a party that started and then fell says.
const LATER: &str = "it started, and panicked afterwards";

/// How a file is damaged.
#[derive(Debug, Clone, Copy)]
enum Damage {
    Emptied,
    Cut,
    Noise,
    /// A byte in the middle is another one.
    OneByte,
}

impl Damage {
    const ALL: [Self; 4] = [Self::Emptied, Self::Cut, Self::Noise, Self::OneByte];

    fn of(self, whole: &[u8]) -> Vec<u8> {
        let middle = whole.len() / 2;
        match self {
            Self::Emptied => Vec::new(),
            Self::Cut => whole[..middle].to_vec(),
            Self::Noise => noise(7, whole.len()),
            Self::OneByte => {
                let mut bytes = whole.to_vec();
                if let Some(byte) = bytes.get_mut(middle) {
                    *byte ^= 0x15;
                }
                bytes
            }
        }
    }
}

/// What was tried.
struct Tried {
    dir: PathBuf,
    party: &'static str,
    damages: usize,
    /// What should not have happened.
    faults: Vec<String>,
}

impl Tried {
    fn party(&mut self, name: &'static str) {
        self.party = name;
    }

    /// Damages each file of a copy of the folder in turn.
    async fn folder(&mut self, folder: &Path, start: impl AsyncFn(PathBuf) -> Result<(), String>) {
        for file in files(folder) {
            let inside = file.strip_prefix(folder).unwrap().to_owned();
            for damage in Damage::ALL {
                self.damages += 1;
                let data = copy_folder(folder, &self.dir.join(format!("{}-{}", self.party, self.damages)));
                let path = data.join(&inside);
                write(&path, &damage.of(&std::fs::read(&file).unwrap()));
                let what = format!("{}: {} {damage:?}", self.party, inside.display());
                let fault = match tokio::time::timeout(PATIENCE, caught(start(data.clone()))).await {
                    Err(_) => Some("it hangs".to_owned()),
                    Ok(Err(Panicked)) => Some("it panicked".to_owned()),
                    Ok(Ok(ended)) => fault(&inside, damage, is_database(&file), ended),
                };
                self.faults.extend(fault.map(|fault| format!("{what}: {fault}")));
                std::fs::remove_dir_all(&data).unwrap();
            }
        }
    }

    /// Damages a file that stands outside of the folder: it is always an error that names it.
    async fn file(&mut self, file: &Path, start: impl AsyncFn(PathBuf) -> Result<(), String>) {
        for damage in [Damage::Emptied, Damage::Noise] {
            self.damages += 1;
            let path = self.dir.join(format!("{}-{}.txt", self.party, self.damages));
            write(&path, &damage.of(&std::fs::read(file).unwrap()));
            let error = start(path.clone()).await.unwrap_err();
            assert!(error.contains(path.to_str().unwrap()), "{}: {damage:?}: {error}", self.party);
        }
    }
}

/// What is wrong with how it ended.
fn fault(inside: &Path, damage: Damage, is_database: bool, ended: Result<(), String>) -> Option<String> {
    // A key of one day or one camera among many is missed when it is needed; the party's own is
    // needed at once.
    let is_own = inside.components().count() == 1;
    let is_key = inside.extension().is_some_and(|end| end == "key" || end == "secret");
    match ended {
        // In the middle of a key another byte may give another key, and nothing in the file could
        // tell.
        Ok(()) if is_own && is_key && !matches!(damage, Damage::OneByte) => {
            Some("it started with a damaged key".to_owned())
        }
        Ok(()) => None,
        // A database reads a page when it needs it, and the library panics on some damages: the
        // party stops, in the middle of its work.
        Err(error) if error == LATER => {
            (!(is_database && matches!(damage, Damage::OneByte))).then_some(error)
        }
        // An error says which file it is about, or which record.
        Err(error) => (error.len() < 20).then(|| format!("{error:?} says nothing")),
    }
}

fn is_database(file: &Path) -> bool {
    std::fs::read(file).unwrap().starts_with(b"redb")
}

struct Panicked;

/// Runs a future; a panic in it is a value.
async fn caught<T>(running: impl Future<Output = T>) -> Result<T, Panicked> {
    let mut running = std::pin::pin!(running);
    std::future::poll_fn(|context| {
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(context)));
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    })
    .await
}

/// The files of a folder and those in it, a few of each.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let (folders, files): (Vec<_>, Vec<_>) = entries.into_iter().partition(|path| path.is_dir());
    let mut found: Vec<PathBuf> =
        files.into_iter().filter(|path| !path.ends_with("lock")).take(OF_A_FOLDER * 4).collect();
    for folder in folders {
        found.extend(self::files(&folder).into_iter().take(OF_A_FOLDER));
    }
    found
}

/// Overwrites in place: the mode stays.
fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}
