//! The keybook: a folder with the owner's keys, made once, and the book of cameras.
//!
//! ```text
//! keybook/root.secret      Ed25519: signs enrollments and policies; the relay's operator lists its public half
//! keybook/device.secret    Ed25519: this device's identity when it watches
//! keybook/wrap.secret      X-Wing: what cameras wrap epoch seeds to
//! keybook/book.json        the cameras ([`crate::book`])
//! keybook/notice/          one notice root a camera
//! ```
//!
//! **Two identities towards the relay.** What only an owner may do (open a mailbox, put a policy, have a leaf sponsored)
//! is done over a session as the *root* key, which the relay's operator lists. Watching (subscribe, fetch, list cameras) is
//! done as the *device* key, whose `DeviceId` stands among the policy's recipients: the same rule as for every other
//! viewer, so that a device can be taken out of a policy without changing the root.

use crate::book::{Book, BookError, Camera, Stored, StoredCamera};
use crate::config::Config;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use escrow::policy::{POLICY_DOC_MAX_BYTES, PolicyDoc, PolicyDocError};
use host::durable::{self, DurableError};
use host::secret::{self, SecretError};
use log_client::LogClient;
use media::id::DeviceId;
use quic::Identity;
use seal::hpke;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tlog::policy::{POLICY_MAX_BYTES, Policy, PolicyError};
use zeroize::Zeroizing;

/// What `init` made: public halves only, for the relay's operator and for the owner's own records.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Created {
    /// The owner's Ed25519 root key, base64url: the relay's operator lists it under `owners`.
    pub root_key: String,
    /// This device's Ed25519 key, base64url.
    pub device_key: String,
}

/// Why keys could not be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    File(#[from] DurableError),
    #[error(transparent)]
    Book(#[from] BookError),
    #[error("{}: a key has 32 bytes; restore it from a backup", .path.display())]
    Length { path: PathBuf },
    #[error("{}: no such file; get it from the log's operator, or correct the configuration", .path.display())]
    NoFile { path: PathBuf },
    #[error("{}: {error}", .path.display())]
    LogPolicy { path: PathBuf, error: PolicyError },
    #[error("{}: not UTF-8; get it again from the log's operator", .path.display())]
    LogPolicyText { path: PathBuf },
    #[error("{}: {error}", .path.display())]
    PolicyDoc { path: PathBuf, error: PolicyDocError },
    #[error("{field} {value:?} is not the base64url of {bytes} bytes; correct it in the configuration")]
    PublicKey { field: &'static str, value: String, bytes: usize },
}

/// An opened keybook: configuration, keys, book of cameras and the log policy. Clones share it.
#[derive(Debug, Clone)]
pub struct Owner(Arc<Opened>);

struct Opened {
    config: Config,
    root: SigningKey,
    device: SigningKey,
    wrap: hpke::SecretKey,
    relay_key: [u8; 32],
    recovery_pk: [u8; 32],
    log: LogClient,
    log_policy_text: String,
    rules_hash: [u8; 32],
    book: Book,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Owner").field("keybook", &self.config.keybook).finish_non_exhaustive()
    }
}

const ROOT: (&str, &str) = ("root.secret", "owner-root");
const DEVICE: (&str, &str) = ("device.secret", "owner-device");
const WRAP: (&str, &str) = ("wrap.secret", "owner-wrap");

/// Makes the keybook folder with fresh keys. Refuses a folder that already holds any.
pub fn init(config: &Config) -> Result<Created, KeysError> {
    use std::os::unix::fs::PermissionsExt;
    let folder = &config.keybook;
    durable::create_dirs(folder)?;
    // Names of cameras and the addresses of their leaves are nobody else's business.
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
        .map_err(|error| DurableError::at(folder, error))?;
    let make = |(file, label): (&str, &str)| {
        let seed = Zeroizing::new(host::rng::bytes::<32>());
        secret::create(&folder.join(file), label, &seed[..])?;
        Ok::<_, KeysError>(SigningKey::from_bytes(&seed))
    };
    let (root, device) = (make(ROOT)?, make(DEVICE)?);
    let wrap = hpke::SecretKey::generate(&mut host::rng::OsRng);
    secret::create(&folder.join(WRAP.0), WRAP.1, wrap.expose())?;
    Book::create(folder)?;
    Ok(public_halves(&root, &device))
}

impl Owner {
    /// Opens the keybook; nothing is created.
    pub fn open(config: Config) -> Result<Self, KeysError> {
        let folder = &config.keybook;
        let policy_path = &config.log.policy;
        let text = read(policy_path, POLICY_MAX_BYTES)?;
        let policy = Policy::parse(&text)
            .map_err(|error| KeysError::LogPolicy { path: policy_path.clone(), error })?;
        let log_policy_text =
            String::from_utf8(text).map_err(|_| KeysError::LogPolicyText { path: policy_path.clone() })?;
        let rules_hash = match &config.escrow {
            None => [0; 32],
            Some(escrow) => rules_hash(&escrow.policy_doc)?,
        };
        let recovery_pk = match &config.recovery_key {
            None => [0; 32],
            Some(text) => media::sign::sha256(&[&public_key("recovery_key", text, hpke::PUBLIC_BYTES)?]),
        };
        let relay_key = public_key("relay.key", &config.relay.key, 32)?;
        let relay_key = <[u8; 32]>::try_from(relay_key).map_err(|_| KeysError::PublicKey {
            field: "relay.key",
            value: config.relay.key.clone(),
            bytes: 32,
        })?;
        Ok(Self(Arc::new(Opened {
            root: SigningKey::from_bytes(&*key(folder, ROOT)?),
            device: SigningKey::from_bytes(&*key(folder, DEVICE)?),
            wrap: hpke::SecretKey::new(*key(folder, WRAP)?),
            relay_key,
            recovery_pk,
            log: LogClient::new(&config.log.url, policy),
            log_policy_text,
            rules_hash,
            book: Book::open(folder)?,
            config,
        })))
    }

    /// Public halves of the keys in the keybook.
    pub fn public(&self) -> Created {
        public_halves(&self.0.root, &self.0.device)
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

    pub(crate) fn root(&self) -> &SigningKey {
        &self.0.root
    }

    pub(crate) fn wrap_key(&self) -> &hpke::SecretKey {
        &self.0.wrap
    }

    pub(crate) fn device_id(&self) -> DeviceId {
        DeviceId::of_key(&self.0.device.verifying_key().to_bytes())
    }

    /// For what only the owner may do.
    pub(crate) fn root_identity(&self) -> Identity {
        Identity::from_seed(&Zeroizing::new(self.0.root.to_bytes()))
    }

    /// For watching.
    pub(crate) fn device_identity(&self) -> Identity {
        Identity::from_seed(&Zeroizing::new(self.0.device.to_bytes()))
    }

    pub(crate) fn relay_key(&self) -> &[u8; 32] {
        &self.0.relay_key
    }

    pub(crate) fn recovery_pk(&self) -> [u8; 32] {
        self.0.recovery_pk
    }

    pub(crate) fn log(&self) -> &LogClient {
        &self.0.log
    }

    pub(crate) fn log_policy_text(&self) -> &str {
        &self.0.log_policy_text
    }

    /// SHA-256 of the PolicyDoc that the owner agrees to; zeros without escrow.
    pub(crate) fn rules_hash(&self) -> [u8; 32] {
        self.0.rules_hash
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
        match tokio::task::spawn_blocking(move || owner.0.book.refresh()).await {
            Ok(read) => read,
            // A panic inside goes on here; nobody aborts the task.
            Err(failed) => std::panic::resume_unwind(failed.into_panic()),
        }
    }

    /// Changes the book, durable on return, on a thread that may wait for the disk.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Stored) -> Result<T, BookError> + Send + 'static,
    ) -> Result<T, BookError> {
        let owner = self.clone();
        match tokio::task::spawn_blocking(move || owner.0.book.change(change)).await {
            Ok(changed) => changed,
            // A panic inside goes on here; nobody aborts the task.
            Err(failed) => std::panic::resume_unwind(failed.into_panic()),
        }
    }
}

fn public_halves(root: &SigningKey, device: &SigningKey) -> Created {
    let encode = |key: &SigningKey| URL_SAFE_NO_PAD.encode(key.verifying_key().to_bytes());
    Created { root_key: encode(root), device_key: encode(device) }
}

fn key(folder: &Path, (file, label): (&str, &str)) -> Result<Zeroizing<[u8; 32]>, KeysError> {
    let path = folder.join(file);
    let bytes = secret::read(&path, label)?;
    <[u8; 32]>::try_from(&bytes[..]).map(Zeroizing::new).map_err(|_| KeysError::Length { path })
}

fn rules_hash(path: &Path) -> Result<[u8; 32], KeysError> {
    let document = PolicyDoc::parse(&read(path, POLICY_DOC_MAX_BYTES)?)
        .map_err(|error| KeysError::PolicyDoc { path: path.to_owned(), error })?;
    Ok(document.hash().0)
}

fn public_key(field: &'static str, text: &str, bytes: usize) -> Result<Vec<u8>, KeysError> {
    let decoded = URL_SAFE_NO_PAD.decode(text).ok().filter(|key| key.len() == bytes);
    decoded.ok_or_else(|| KeysError::PublicKey { field, value: text.chars().take(64).collect(), bytes })
}

fn read(path: &Path, limit: usize) -> Result<Vec<u8>, KeysError> {
    durable::read_limited(path, limit as u64)?.ok_or_else(|| KeysError::NoFile { path: path.to_owned() })
}

#[cfg(test)]
pub(crate) mod tests;
