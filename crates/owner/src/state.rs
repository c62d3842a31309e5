//! An opened keybook, and what every command of its owner takes from it: the configuration, the
//! keys, the log, the two ways to the relay, the book of cameras, the clock and randomness.

use crate::book::{Book, BookError, Camera, Stored, StoredCamera};
use crate::config::Config;
use crate::keys::{self, Created, Keys, KeysError};
use ed25519_dalek::SigningKey;
use escrow::record::DEVICE_KEY_NAME;
use host::machine::Machine;
use host::{blocking, rng};
use log_client::LogClient;
use media::id::DeviceId;
use media::sign::PublicKey;
use media::time::{Micros, Seconds};
use quic::Identity;
use relay_client::{Relay, Session};
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use tlog::note::Signer;
use zeroize::Zeroizing;

/// An opened keybook. Clones share it.
#[derive(Debug, Clone)]
pub struct Owner(Arc<Opened>);

/// What an opened keybook holds, and what its commands work with.
pub struct Opened {
    pub(crate) config: Config,
    pub(crate) keys: Keys,
    pub(crate) agreed: Agreed,
    log: LogClient,
    pub(crate) relays: Relays,
    book: Book,
    pub(crate) machine: Machine,
}

/// What the owner's policies bind; zeros for what there is none of.
pub(crate) struct Agreed {
    /// The recovery key itself.
    pub(crate) recovery_pk: [u8; 32],
    /// SHA-256 of the PolicyDoc.
    pub(crate) rules_hash: [u8; 32],
    /// Of that PolicyDoc.
    pub(crate) day_key_max_secs: u32,
    /// The log's policy itself: each camera is handed it.
    pub(crate) log_policy_text: String,
}

/// The relay under each identity.
pub(crate) struct Relays {
    pub(crate) key: PublicKey,
    owner: Relay,
    device: Relay,
}

/// Which of the two identities a session is under: [`crate::keys`] says why there are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum As {
    /// The root key: mailboxes, policies, sponsored leaves.
    Owner,
    /// The device key: watching.
    Device,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Owner").field("keybook", &self.config.keybook).finish_non_exhaustive()
    }
}

impl Deref for Owner {
    type Target = Opened;

    fn deref(&self) -> &Opened {
        &self.0
    }
}

impl Owner {
    /// Opens the keybook; nothing is created.
    pub fn open(config: Config) -> Result<Self, KeysError> {
        Self::open_on(config, Machine::system())
    }

    /// [`open`](Owner::open) on a clock and randomness of a test's.
    pub fn open_on(config: Config, machine: Machine) -> Result<Self, KeysError> {
        let (policy, log_policy_text) = log_client::read_policy(&config.log.policy)?;
        let (rules_hash, day_key_max_secs) = match &config.escrow {
            None => ([0; 32], 0),
            Some(escrow) => {
                let rules = keys::rules(&escrow.policy_doc)?;
                // Every figure of a PolicyDoc has 32 bits.
                (rules.hash().0, u32::try_from(rules.figures().day_key_max_secs).unwrap_or(u32::MAX))
            }
        };
        let recovery_pk = config.recovery_key.as_deref().map_or(Ok([0; 32]), keys::recovery_key)?;
        let key = config.relay.key.0;
        let keys = Keys::open(&config.keybook)?;
        let relay = |own: &SigningKey| {
            let identity = Identity::from_seed(&Zeroizing::new(own.to_bytes()));
            Relay::new(identity, config.relay.addresses.clone(), key)
        };
        let relays = Relays { key, owner: relay(&keys.root), device: relay(&keys.device) };
        Ok(Self(Arc::new(Opened {
            keys,
            agreed: Agreed { recovery_pk, rules_hash, day_key_max_secs, log_policy_text },
            log: LogClient::new(&config.log.url, policy),
            relays,
            book: Book::open(&config.keybook)?,
            config,
            machine,
        })))
    }

    /// Public halves of the keys in the keybook.
    pub fn public(&self) -> Created {
        self.keys.public()
    }

    /// What is configured of the bridge.
    pub fn bridge_config(&self) -> &crate::config::Bridge {
        &self.config.bridge
    }

    /// The cameras in the book, by name.
    pub fn cameras(&self) -> Vec<Camera> {
        let mut cameras: Vec<_> = self.stored().cameras.iter().map(StoredCamera::shown).collect();
        cameras.sort_by(|a, b| a.name.cmp(&b.name));
        cameras
    }

    pub(crate) fn now(&self) -> Seconds {
        self.now_us().seconds()
    }

    pub(crate) fn now_us(&self) -> Micros {
        Micros(self.machine.clock.micros())
    }

    pub(crate) fn rng(&self) -> rng::Rng {
        self.machine.rng.clone()
    }

    pub(crate) fn device_id(&self) -> DeviceId {
        DeviceId::of_key(&self.keys.device.verifying_key().to_bytes())
    }

    /// This device as it signs what it exports for others.
    pub(crate) fn opener(&self) -> Signer {
        let seed = self.keys.device.to_bytes();
        Signer::from_seed(DEVICE_KEY_NAME, &seed).expect("a fixed name, and 32 bytes")
    }

    /// Sessions with the relay, one after the other.
    pub(crate) fn session(&self, who: As) -> Session {
        let relay = match who {
            As::Owner => &self.relays.owner,
            As::Device => &self.relays.device,
        };
        Session::new(relay, self.rng())
    }

    pub(crate) fn log(&self) -> &LogClient {
        &self.log
    }

    pub(crate) fn stored(&self) -> Stored {
        self.book.latest()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.book.folder()
    }

    /// The book as it is on disk now.
    pub(crate) async fn refreshed(&self) -> Result<Stored, BookError> {
        let owner = self.clone();
        blocking::run(move || owner.book.refresh()).await
    }

    /// Changes the book, durable on return, on a thread that may wait for the disk.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Stored) -> Result<T, BookError> + Send + 'static,
    ) -> Result<T, BookError> {
        let owner = self.clone();
        blocking::run(move || owner.book.change(change)).await
    }
}
