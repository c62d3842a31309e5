//! What an operator decides, once, in one file: `deploy/config/relay.toml`.

use host::config::Located;
use media::limits;
use quic::Key;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use store::{PacksConfig, Terms, WhenFull};

/// The configuration of a relay (deploy/config/relay.toml).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The UDP address where it listens, for example `0.0.0.0:4433`.
    pub listen: SocketAddr,
    /// Its data folder, made by `candor relay init`.
    pub data: PathBuf,
    /// The TCP address of its status page, for the operator alone; none when absent.
    #[serde(default)]
    pub http: Option<SocketAddr>,
    /// Root keys of the owners who may enroll cameras here.
    #[serde(default)]
    pub owners: Vec<Key>,
    /// Link keys of those who may fetch ciphertext in order to ask for a release.
    #[serde(default)]
    pub sponsors: Vec<Key>,
    /// The log to which the relay submits leaves for its owners.
    pub log: Log,
    /// Whose day keys are mirrored for cameras.
    #[serde(default)]
    pub trustees: Vec<Trustee>,
    /// How much footage is kept, and how long.
    #[serde(default)]
    pub store: Storage,
    /// What bounds the peers.
    #[serde(default)]
    pub limits: Limits,
}

impl Located for Config {
    fn paths(&mut self) -> Vec<&mut PathBuf> {
        vec![&mut self.data, &mut self.log.policy]
    }
}

impl Config {
    /// The defaults: nobody may do anything yet.
    pub fn new(listen: SocketAddr, data: PathBuf, log: Log) -> Self {
        Self {
            listen,
            data,
            http: None,
            owners: Vec::new(),
            sponsors: Vec::new(),
            log,
            trustees: Vec::new(),
            store: Storage::default(),
            limits: Limits::default(),
        }
    }

    pub(crate) fn store_dir(&self) -> PathBuf {
        self.data.join("store")
    }
}

/// The log, and the relay's name in it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Its URL.
    pub url: String,
    /// A tlog-policy file: the log's verifier key, the witnesses, the quorum.
    pub policy: PathBuf,
    /// The name under which the relay signs leaves, for example `relay.example`.
    pub sponsor: String,
}

/// A trustee whose day keys cameras find here.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trustee {
    /// Its key name.
    pub name: String,
    /// Where it serves.
    pub url: String,
}

/// How much footage is kept, and how long.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Storage {
    /// The most days that footage is kept, whatever its owner wishes.
    pub retention_days_max: u16,
    /// The most bytes that packs may take; no limit but the disk's when absent.
    pub quota_bytes: Option<u64>,
    /// What happens when the quota is reached: `drop-oldest` or `refuse`.
    pub when_full: WhenFull,
    /// Nothing is stored while the disk has less than this free.
    pub min_free_bytes: u64,
    /// A pack is closed at this size.
    pub pack_bytes: u64,
    /// Seconds between two looks for footage past its retention.
    pub sweep_secs: u64,
}

impl Default for Storage {
    fn default() -> Self {
        let PacksConfig { terms, min_free_bytes, pack_bytes, .. } = PacksConfig::new(Path::new(""));
        let Terms { retention_days_max, quota_bytes, when_full } = terms;
        Self { retention_days_max, quota_bytes, when_full, min_free_bytes, pack_bytes, sweep_secs: 60 }
    }
}

impl Storage {
    pub(crate) fn at(&self, dir: PathBuf) -> PacksConfig {
        let Self { retention_days_max, quota_bytes, when_full, min_free_bytes, pack_bytes, .. } = *self;
        let terms = Terms { retention_days_max, quota_bytes, when_full };
        PacksConfig { dir, terms, min_free_bytes, pack_bytes }
    }
}

/// What bounds the peers. Over any of these a peer meets `quota` or `too-large`, never a hang.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Connections at once by keys that nobody enrolled: cameras that are being paired, and
    /// strangers.
    pub strangers: usize,
    /// Cameras that one owner may enroll; retired ones count apart, three for each of these.
    pub cameras_per_owner: usize,
    /// Pictures of one camera, numbered from 0; at most 16.
    pub tracks_per_camera: u32,
    /// Subscriptions of one connection.
    pub subscriptions: usize,
    /// Viewers of one track.
    pub viewers_per_track: usize,
    /// Bytes of one segment; at most 24 MiB.
    pub segment_bytes: usize,
    /// Bytes of all segments that are being received.
    pub receiving_bytes: usize,
    /// Segments and EpochOpens a minute, of one camera. Backfill after an outage counts too.
    pub writes_per_minute: u32,
    /// Fetches at once, of all peers; a quarter of them by one key.
    pub fetches: usize,
    /// Leaves a minute that are sponsored for one owner.
    pub leaves_per_minute: u32,
    /// Answers with EpochOpens (of 64 at most) or a label that one sponsor is given in a minute, on average.
    pub opens_per_minute: u32,
    /// So many of them at once: one long request.
    pub opens_at_once: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2048,
            strangers: 256,
            cameras_per_owner: 64,
            tracks_per_camera: 4,
            subscriptions: 64,
            viewers_per_track: 1024,
            segment_bytes: limits::SEGMENT,
            receiving_bytes: 512 << 20,
            writes_per_minute: 3000,
            fetches: 64,
            leaves_per_minute: 30,
            opens_per_minute: 10,
            opens_at_once: 160,
        }
    }
}
