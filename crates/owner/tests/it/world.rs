//! A log with four witnesses, a relay's name to sponsor under, and an owner whose camera is in the
//! book.

use escrow::record::{Record, Signed};
use owner::Owner;
use stage::copy_folder;
use stage::keybook::Paired;
use stage::keys::{sponsor, trustee};
use stage::log::Log;
use std::path::Path;
use tempfile::TempDir;
use tlog::Entry;

pub(crate) struct World {
    dir: TempDir,
    pub(crate) log: Log,
    pub(crate) owner_config: owner::Config,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_submitters(&[]).await
    }

    /// A log that takes leaves from these note keys too.
    pub(crate) async fn with_submitters(others: &[String]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let own = stage::log::vkeys(std::iter::once(sponsor()).chain((1..=5).map(trustee)));
        let submitters = own.into_iter().chain(others.iter().cloned());
        let log_config =
            log_server::Config { beyond_quorum_ms: 500, ..stage::log::config(dir.path(), submitters) };
        let log = Log::start(log_config).await;
        let owner_config = owner::Config {
            keybook: dir.path().join("keybook"),
            relay: owner::config::Relay {
                // Nothing answers there, at once.
                addresses: relay_client::Addresses::one("no address"),
                key: quic::Key([7; 32]),
                invite_address: None,
                sponsor: "relay.example".to_owned(),
            },
            log: owner::config::LogConfig { url: log.url(), policy: log.config.policy.clone() },
            escrow: None,
            footage: owner::config::Footage::default(),
            recovery_key: None,
            alarm: Default::default(),
            bridge: Default::default(),
        };
        owner::keys::init(&owner_config).unwrap();
        Self { dir, log, owner_config }
    }

    pub(crate) fn owner(&self) -> Owner {
        Owner::open(self.owner_config.clone()).unwrap()
    }

    pub(crate) fn keybook(&self) -> &Path {
        &self.owner_config.keybook
    }

    /// Adds a leaf; its place.
    pub(crate) async fn add(&self, leaf: &[u8]) -> u64 {
        self.log.add(leaf).await.1.index()
    }

    /// The same; its place, and the leaf as it stands in the log.
    pub(crate) async fn log<T: Record>(&self, leaf: &Signed<T>) -> (u64, Signed<T>) {
        let (entry, proof) = self.log.add(leaf.entry_bytes()).await;
        (proof.index(), Signed::parse(&entry).unwrap())
    }

    /// Writes a camera into the book with its policy's leaf in the log, as a pairing does.
    pub(crate) async fn pair(&self, name: &str, at: u8) -> Paired {
        stage::keybook::pair(self.keybook(), &self.log, name, at).await
    }

    /// Keeps a copy of all folders of the stopped log and its witnesses: what a forking operator,
    /// or a thief of all the disks, would have.
    pub(crate) fn back_up(&self) {
        for part in PARTS {
            copy_folder(&self.dir.path().join(part), &self.dir.path().join("backup").join(part));
        }
    }

    /// Puts the copies back, as if what came after them had never been.
    pub(crate) fn restore(&self) {
        for part in PARTS {
            let folder = self.dir.path().join(part);
            std::fs::remove_dir_all(&folder).unwrap();
            copy_folder(&self.dir.path().join("backup").join(part), &folder);
        }
    }
}

const PARTS: [&str; 5] = ["log", "w1", "w2", "w3", "w4"];
