//! A log with its witnesses, a relay, an owner, and a camera in front of the container's fixture.

use camera::{Config, SourceConfig, Stats};
use host::running::Running;
use host::shutdown::Shutdown;
use host::start::Start;
use media::id::TrackId;
use media::time::Micros;
use owner::config::Addresses;
use owner::{Owner, Picture, Span};
use stage::fixture;
use stage::log::Log;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) struct World {
    _dir: TempDir,
    _log: Log,
    pub(crate) relay: Option<Running<relay::At, relay::Error>>,
    pub(crate) relay_config: relay::Config,
    pub(crate) owner: Owner,
    pub(crate) keybook: PathBuf,
    pub(crate) camera: Config,
}

pub(crate) type Filming = Running<camera::At, camera::Error>;

impl World {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let policy = at("policy");
        let relay_log = |url| relay::Log { url, policy: policy.clone(), sponsor: "relay.example".to_owned() };
        let mut relay_config = relay::Config::new(stage::loopback(), at("relay"), relay_log(String::new()));
        let created = relay::init(&relay_config).unwrap();
        let log = Log::start(stage::log::config(dir.path(), [created.sponsor_vkey.clone()])).await;
        relay_config.log = relay_log(log.url());

        let mut owner_config = owner::Config {
            keybook: at("keybook"),
            relay: owner::config::Relay {
                addresses: Addresses::one("not yet"),
                key: created.link_key,
                invite_address: None,
                sponsor: "relay.example".to_owned(),
            },
            log: owner::config::LogConfig { url: log.url(), policy: policy.clone() },
            escrow: None,
            footage: owner::config::Footage { epoch_seconds: 10, ..owner::config::Footage::default() },
            recovery_key: None,
            alarm: Default::default(),
            bridge: Default::default(),
        };
        let root_key = owner::keys::init(&owner_config).unwrap().root_key;
        relay_config.owners = vec![root_key];
        let relay = relay::start(relay_config.clone(), Shutdown::new()).await.unwrap();
        // So that a restarted one is found again.
        relay_config.listen = relay.at().quic;
        owner_config.relay.addresses = Addresses::one(relay.at().quic.to_string());
        let keybook = owner_config.keybook.clone();
        let owner = Owner::open(owner_config).unwrap();
        let camera = Config::new(at("camera"), SourceConfig::file(fixture("h264-aac.mp4"), true));
        camera::init(&camera).unwrap();
        Self { _dir: dir, _log: log, relay: Some(relay), relay_config, owner, keybook, camera }
    }

    /// Owner and camera find each other.
    pub(crate) async fn pair(&self) {
        let invitation = owner::pair::invite(&self.owner, "door").await.unwrap();
        let url = invitation.url().to_owned();
        let (mut answers, mut steps) = (|_| {}, |_| {});
        let (answered, paired) =
            tokio::join!(invitation.wait(&mut answers), camera::pair::pair(&self.camera, &url, &mut steps));
        assert_eq!(answered.unwrap().camera_id, paired.unwrap().camera_id);
    }

    pub(crate) async fn film(&self) -> Filming {
        self.film_with(Shutdown::new()).await
    }

    pub(crate) async fn film_with(&self, start: impl Into<Start>) -> Filming {
        camera::start(self.camera.clone(), start).await.unwrap()
    }

    pub(crate) async fn stop_relay(&mut self) {
        self.relay.take().unwrap().stop_and_join().await.unwrap();
    }

    pub(crate) async fn start_relay(&mut self) {
        self.relay = Some(relay::start(self.relay_config.clone(), Shutdown::new()).await.unwrap());
    }

    /// Plays the last hour of the main track; what was watched, and the gaps with their reasons.
    pub(crate) async fn play(&self) -> (owner::live::Watched, Vec<String>) {
        self.play_track(TrackId::MAIN).await
    }

    pub(crate) async fn play_track(&self, track: TrackId) -> (owner::live::Watched, Vec<String>) {
        self.play_picture(Picture { camera: "door", track }).await
    }

    pub(crate) async fn play_of(&self, camera: &str) -> (owner::live::Watched, Vec<String>) {
        self.play_picture(Picture::from(camera)).await
    }

    async fn play_picture(&self, picture: Picture<'_>) -> (owner::live::Watched, Vec<String>) {
        let now = host::clock::now_us();
        let span = Span::new(Micros(now - 3_600_000_000), Micros(now + 60_000_000)).unwrap();
        let mut gaps = Vec::new();
        let on = &mut |event| match event {
            // Before it was paired and after now it did not film.
            owner::live::Event::Gap { from_us, .. } if from_us == span.from_us().0 => {}
            owner::live::Event::Gap { to_us, .. } if to_us == span.to_us().0 => {}
            owner::live::Event::Gap { reason, .. } => gaps.push(reason),
            owner::live::Event::Refused { reason, .. } => panic!("{reason}"),
            _ => {}
        };
        let watched =
            owner::play::play(&self.owner, picture, span, &mut tokio::io::sink(), on).await.unwrap();
        (watched, gaps)
    }
}

/// Waits until the camera's figures are so.
pub(crate) async fn until(stats: &Stats, what: &str, is_so: impl Fn(&Stats) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so(stats) {
        assert!(Instant::now() < deadline, "never: {what}; {stats:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
