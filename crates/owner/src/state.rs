//! An opened keybook, and what every command of its owner takes from it: the configuration, the
//! keys, the log, the two ways to the relay, the book of cameras, the clock and randomness.

use crate::book::{Book, BookError, Camera, Stored, StoredCamera};
use crate::config::Config;
use crate::keys::{self, Created, Keys, KeysError};
use ed25519_dalek::SigningKey;
use host::clock::Clock;
use host::machine::Machine;
use host::{blocking, rng};
use log_client::LogClient;
use media::id::DeviceId;
use media::sign::PublicKey;
use media::time::{Micros, Seconds};
use relay_client::{Relay, Session};
use seal::hpke;
use std::path::Path;
use std::sync::Arc;

/// An opened keybook. Clones share it.
#[derive(Debug, Clone)]
pub struct Owner(Arc<Opened>);

struct Opened {
    config: Config,
    keys: Keys,
    agreed: Agreed,
    log: Log,
    relays: Relays,
    book: Book,
    machine: Machine,
}

/// What the owner's policies bind, by its hash; zeros for what there is none of.
struct Agreed {
    /// SHA-256 of the recovery key.
    recovery_pk: [u8; 32],
    /// SHA-256 of the PolicyDoc.
    rules_hash: [u8; 32],
}

struct Log {
    client: LogClient,
    policy_text: String,
}

/// The relay under each identity.
struct Relays {
    key: PublicKey,
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

impl Owner {
    /// Opens the keybook; nothing is created.
    pub fn open(config: Config) -> Result<Self, KeysError> {
        Self::open_on(config, Machine::system())
    }

    /// [`open`](Owner::open) on a clock and randomness of a test's.
    pub fn open_on(config: Config, machine: Machine) -> Result<Self, KeysError> {
        let (policy, policy_text) = log_client::read_policy(&config.log.policy)?;
        let rules_hash = match &config.escrow {
            None => [0; 32],
            Some(escrow) => keys::rules_hash(&escrow.policy_doc)?,
        };
        let recovery_pk = match &config.recovery_key {
            None => [0; 32],
            Some(text) => {
                media::sign::sha256(&[&keys::public_key::<{ hpke::PUBLIC_BYTES }>("recovery_key", text)?])
            }
        };
        let key = keys::public_key("relay.key", &config.relay.key)?;
        let keys = Keys::open(&config.keybook)?;
        let relay = |identity| Relay::new(identity, config.relay.addresses.clone(), key);
        let relays =
            Relays { key, owner: relay(keys.root_identity()), device: relay(keys.device_identity()) };
        Ok(Self(Arc::new(Opened {
            keys,
            agreed: Agreed { recovery_pk, rules_hash },
            log: Log { client: LogClient::new(&config.log.url, policy), policy_text },
            relays,
            book: Book::open(&config.keybook)?,
            config,
            machine,
        })))
    }

    /// Public halves of the keys in the keybook.
    pub fn public(&self) -> Created {
        self.0.keys.public()
    }

    /// The cameras in the book, by name.
    pub fn cameras(&self) -> Vec<Camera> {
        let mut cameras: Vec<_> = self.stored().cameras.iter().map(StoredCamera::shown).collect();
        cameras.sort_by(|a, b| a.name.cmp(&b.name));
        cameras
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn now(&self) -> Seconds {
        self.now_us().seconds()
    }

    pub(crate) fn now_us(&self) -> Micros {
        Micros(self.0.machine.clock.micros())
    }

    pub(crate) fn clock(&self) -> Clock {
        self.0.machine.clock.clone()
    }

    pub(crate) fn rng(&self) -> rng::Rng {
        self.0.machine.rng.clone()
    }

    pub(crate) fn root(&self) -> &SigningKey {
        &self.0.keys.root
    }

    pub(crate) fn wrap_key(&self) -> &hpke::SecretKey {
        &self.0.keys.wrap
    }

    pub(crate) fn device_id(&self) -> DeviceId {
        DeviceId::of_key(&self.0.keys.device.verifying_key().to_bytes())
    }

    /// Sessions with the relay, one after the other.
    pub(crate) fn session(&self, who: As) -> Session {
        let relay = match who {
            As::Owner => &self.0.relays.owner,
            As::Device => &self.0.relays.device,
        };
        Session::new(relay, self.rng())
    }

    pub(crate) fn relay_key(&self) -> &PublicKey {
        &self.0.relays.key
    }

    pub(crate) fn recovery_pk(&self) -> [u8; 32] {
        self.0.agreed.recovery_pk
    }

    /// SHA-256 of the PolicyDoc that the owner agrees to; zeros without escrow.
    pub(crate) fn rules_hash(&self) -> [u8; 32] {
        self.0.agreed.rules_hash
    }

    pub(crate) fn log(&self) -> &LogClient {
        &self.0.log.client
    }

    pub(crate) fn log_policy_text(&self) -> &str {
        &self.0.log.policy_text
    }

    pub(crate) fn stored(&self) -> Stored {
        self.0.book.latest()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.book.folder()
    }

    /// The book as it is on disk now.
    pub(crate) async fn refreshed(&self) -> Result<Stored, BookError> {
        let owner = self.clone();
        blocking::run(move || owner.0.book.refresh()).await
    }

    /// Changes the book, durable on return, on a thread that may wait for the disk.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Stored) -> Result<T, BookError> + Send + 'static,
    ) -> Result<T, BookError> {
        let owner = self.clone();
        blocking::run(move || owner.0.book.change(change)).await
    }
}
