//! The side of the video: trustees with their day keys, the relay, and cameras that are paired by
//! real invites.

use super::{Approval, CastError, Part, Plan, Progress, ports};
use camera::Stats;
use host::http::{Fetch, FetchLimits};
use host::lock::Mutex;
use host::running::Running;
use host::shutdown::Shutdown;
use host::start::Start;
use media::id::CameraId;
use media::time::Micros;
use quic::Key;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;
use trustee::LogConfig;

pub type TrusteePart = Part<trustee::Config, trustee::At, trustee::Error>;
pub type RelayPart = Part<relay::Config, relay::At, relay::Error>;

/// How long trustees may take to have their first keys logged.
const KEYS_WITHIN: Duration = Duration::from_secs(60);

/// Relay, trustees, cameras.
#[derive(Debug)]
pub struct Video {
    pub relay: RelayPart,
    pub trustees: Vec<TrusteePart>,
    /// Those of them that came later.
    pub(super) late: Mutex<Vec<Running<trustee::At, trustee::Error>>>,
    pub cameras: Vec<CameraPart>,
    /// When the last camera had begun, Unix microseconds.
    pub filming_since_us: u64,
}

/// A paired camera.
#[derive(Debug)]
pub struct CameraPart {
    pub name: String,
    pub id: CameraId,
    pub stats: Stats,
    pub part: Part<camera::Config, camera::At, camera::Error>,
}

/// Trustees with keys and ports, not started.
pub(super) struct Trustees(Vec<(trustee::Config, TcpListener, String)>);

const NAMES: [&str; 5] =
    ["bar.example", "consumers.example", "press.example", "university.example", "ombudsman.example"];

impl Trustees {
    pub(super) async fn make(plan: &Plan, log: &LogConfig, policy_doc: &Path) -> Result<Self, CastError> {
        let mut trustees = Vec::new();
        for n in 0..usize::from(plan.trustees) {
            let (listener, listen) = ports::listener().await?;
            let name = NAMES.get(n).map_or_else(|| format!("trustee-{n}.example"), |name| (*name).to_owned());
            let config = trustee::Config {
                listen,
                data: plan.dir.join(&name),
                name,
                log: log.clone(),
                policy_doc: policy_doc.to_owned(),
                approvers: Vec::new(),
                auto_approve: plan.approval == Approval::Automatic,
                retention_days: 30,
                days_ahead: 2,
                poll_ms: 500,
            };
            let vkey = trustee::init(&config).map_err(CastError::part("trustee"))?.vkey;
            trustees.push((config, listener, vkey));
        }
        Ok(Self(trustees))
    }

    pub(super) fn vkeys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, _, vkey)| vkey.as_str())
    }

    /// As owners' policies list them.
    pub(super) fn entries(&self) -> Vec<owner::config::Trustee> {
        let entry = |(config, _, vkey): &(trustee::Config, TcpListener, String)| owner::config::Trustee {
            name: config.name.clone(),
            vkey: vkey.clone(),
            url: format!("http://{}", config.listen),
        };
        self.0.iter().map(entry).collect()
    }

    /// As the relay mirrors them.
    fn mirrored(&self) -> Vec<relay::Trustee> {
        let mirrored = |(config, _, _): &(trustee::Config, TcpListener, String)| relay::Trustee {
            name: config.name.clone(),
            url: format!("http://{}", config.listen),
        };
        self.0.iter().map(mirrored).collect()
    }

    /// Starts the first ones.
    pub(super) async fn start(self, first: u8, shutdown: &Shutdown) -> Result<Vec<TrusteePart>, CastError> {
        let mut parts = Vec::new();
        for (config, listener, _) in self.0 {
            if parts.len() >= usize::from(first) {
                parts.push(Part::away(config));
                continue;
            }
            let started = trustee::start(config.clone(), Start::on(listener, shutdown.child())).await;
            parts.push(Part::new(config, started.map_err(CastError::part("trustee"))?));
        }
        for part in parts.iter().filter(|part| part.at().is_some()) {
            has_published(&part.config).await?;
        }
        Ok(parts)
    }
}

/// Waits until a trustee has published its key of today: a camera films without it, and what it films
/// before has no share in it.
pub(super) async fn has_published(trustee: &trustee::Config) -> Result<(), CastError> {
    let (fetch, deadline) = (Fetch::new(FetchLimits::default()), Instant::now() + KEYS_WITHIN);
    let today = Micros(host::clock::now_us()).day();
    let url = media::policy::day_keys_url(&format!("http://{}", trustee.listen), today);
    while !fetch.get(&url).await.is_ok_and(|reply| reply.status == 200) {
        if Instant::now() > deadline {
            return Err(CastError::Missing("a trustee's key of today"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// A relay with keys and a port, not started.
pub(super) struct Relaying {
    pub(super) config: relay::Config,
    pub(super) created: relay::Created,
}

impl Relaying {
    pub(super) fn make(plan: &Plan, log: &LogConfig, trustees: &Trustees) -> Result<Self, CastError> {
        // The address goes into configurations before the relay starts: a port that is free now.
        let listen = ports::free_address().map_err(CastError::Port)?;
        let LogConfig { url, policy } = log.clone();
        let log = relay::Log { url, policy, sponsor: "relay.example".to_owned() };
        let mut config = relay::Config::new(listen, plan.dir.join("relay"), log);
        config.trustees = trustees.mirrored();
        let created = relay::init(&config).map_err(CastError::part("relay"))?;
        Ok(Self { config, created })
    }

    pub(super) async fn start(
        mut self,
        owner: Key,
        requester: Key,
        shutdown: &Shutdown,
    ) -> Result<RelayPart, CastError> {
        self.config.owners = vec![owner];
        self.config.sponsors = vec![requester];
        let started = relay::start(self.config.clone(), shutdown.child()).await;
        Ok(Part::new(self.config, started.map_err(CastError::part("relay"))?))
    }
}

/// Makes, pairs and starts a camera for each film.
pub(super) async fn cameras(
    plan: &Plan,
    owner: &owner::Owner,
    shutdown: &Shutdown,
    on: &mut (dyn FnMut(Progress) + Send),
) -> Result<Vec<CameraPart>, CastError> {
    let mut cameras = Vec::new();
    for (n, path) in (1..).zip(&plan.footage) {
        let name = name_of(n, path);
        let source = camera::SourceConfig::file(path, true);
        let config = camera::Config {
            model: format!("demo camera {n}"),
            ..camera::Config::new(plan.dir.join(format!("camera-{n}")), source)
        };
        pair(owner, &config, &name).await?;
        on(Progress::Paired(name.clone()));
        let running =
            camera::start(config.clone(), shutdown.child()).await.map_err(CastError::part("camera"))?;
        let (id, stats) = (running.at().camera_id, running.at().stats.clone());
        cameras.push(CameraPart { name, id, stats, part: Part::new(config, running) });
    }
    Ok(cameras)
}

/// Makes a camera and pairs it by an invite of its owner's, as two people would. It is not started.
pub async fn pair(owner: &owner::Owner, config: &camera::Config, name: &str) -> Result<CameraId, CastError> {
    camera::init(config).map_err(CastError::part("camera"))?;
    let invitation = owner::pair::invite(owner, name).await.map_err(CastError::part("owner invite"))?;
    let url = invitation.url().to_owned();
    let (mut answers, mut steps) = (|_| {}, |_| {});
    let (answered, paired) =
        tokio::join!(invitation.wait(&mut answers), camera::pair::pair(config, &url, &mut steps));
    let answered = answered.map_err(CastError::part("owner pair"))?;
    let paired = paired.map_err(CastError::part("camera pair"))?;
    if answered.camera_id != paired.camera_id {
        return Err(CastError::TwoCameras);
    }
    paired.camera_id.parse().map_err(CastError::part("camera id"))
}

/// What the owner calls it: its film's name and a number.
fn name_of(n: usize, path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let plain: String = stem.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(24).collect();
    if plain.is_empty() { format!("camera-{n}") } else { format!("{plain}-{n}") }
}

/// The films of a folder that `deploy/footage.sh` filled.
pub fn prepared_footage(folder: &Path) -> Vec<PathBuf> {
    ["pedestrians.mp4", "bicycles.mp4"]
        .map(|name| folder.join(name))
        .into_iter()
        .filter(|path| path.is_file())
        .collect()
}
