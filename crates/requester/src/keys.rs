//! The desk's keys: officer, supervisor and sponsor sign leaves; the link key speaks with the relay. One is made for each
//! purpose, once; [`init`] never replaces one, and a missing one is an error that names it.
//!
//! ```text
//! requester-keys/officer.secret      PRIVATE+KEY+police.example/officer-1182+1f2e3d4c+Aa...=
//! requester-keys/supervisor.secret   the same for the supervisor; in a real agency on that person's own token
//! requester-keys/sponsor.secret      the same for the sponsor
//! requester-keys/link.secret         CANDOR+SECRET+link+...=
//! ```
//!
//! In scope: making, reading, public halves. Out of scope: the release key, which each request has its own of
//! ([`crate::folder`]).

use crate::config::Config;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use escrow::policy::{POLICY_DOC_MAX_BYTES, PolicyDoc, PolicyDocError};
use escrow::record::{Country, Name};
use host::durable::{self, DurableError};
use host::rng::OsRng;
use host::secret::{self, SecretError};
use log_client::LogClient;
use quic::{Endpoint, Identity, LinkError};
use std::path::{Path, PathBuf};
use tlog::note::{KeyError, Signer};
use tlog::policy::{POLICY_MAX_BYTES, Policy, PolicyError};
use zeroize::Zeroizing;

const LINK_LABEL: &str = "link";

/// What `init` made: public halves, for the registrar, the log's and the relay's operators.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Created {
    /// For the registrar.
    pub officer_vkey: String,
    /// For the registrar.
    pub supervisor_vkey: String,
    /// For the log's configuration (submitters) and the registrar.
    pub sponsor_vkey: String,
    /// The sponsor's Ed25519 link key, base64url: the relay's operator lists it under `sponsors`.
    pub link_key: String,
}

/// Why the desk's keys or settings could not be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    File(#[from] DurableError),
    #[error("{name:?} cannot name a note key: {error}; correct [names] in the configuration")]
    Name { name: String, error: KeyError },
    #[error("{name:?} is not a name that leaves can carry; correct [names] in the configuration")]
    Agency { name: String },
    #[error("{}: {reason}; restore it from a backup", .path.display())]
    Key { path: PathBuf, reason: String },
    #[error("{}: holds the key of {found:?}, the configuration says {expected:?}", .path.display())]
    OtherName { path: PathBuf, found: String, expected: String },
    #[error("country {0:?} is not a two-letter code in capitals; correct it in the configuration")]
    Country(String),
    #[error("{}: no such file; get it from the log's or the relay's operator", .path.display())]
    NoFile { path: PathBuf },
    #[error("{}: {error}", .path.display())]
    LogPolicy { path: PathBuf, error: PolicyError },
    #[error("{}: {error}", .path.display())]
    PolicyDoc { path: PathBuf, error: PolicyDocError },
    #[error("the relay's key {0:?} is not the base64url of 32 bytes; correct [relay] in the configuration")]
    RelayKey(String),
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// An opened desk: configuration, keys, the log and the rules.
#[derive(Debug)]
pub struct Requester {
    pub(crate) config: Config,
    pub(crate) agency: Name,
    pub(crate) sponsor_name: Name,
    pub(crate) country: Country,
    pub(crate) officer: Signer,
    pub(crate) supervisor: Signer,
    pub(crate) sponsor: Signer,
    pub(crate) log: LogClient,
    pub(crate) log_policy_text: Vec<u8>,
    pub(crate) rules: PolicyDoc,
    pub(crate) relay_key: [u8; 32],
    link: Identity,
}

/// Makes the keys folder with fresh keys. Refuses a folder that already holds any.
pub fn init(config: &Config) -> Result<Created, KeysError> {
    durable::create_dirs(&config.keys)?;
    let make = |file: &str, name: &str| {
        let named = |error| KeysError::Name { name: name.to_owned(), error };
        let signer = Signer::generate(name, &mut OsRng).map_err(named)?;
        secret::create_line(&config.keys.join(file), &signer.to_secret_text())?;
        Ok::<_, KeysError>(signer.verifier().vkey())
    };
    let officer_vkey = make(OFFICER, &config.names.officer)?;
    let supervisor_vkey = make(SUPERVISOR, &config.names.supervisor)?;
    let sponsor_vkey = make(SPONSOR, &config.names.sponsor)?;
    let seed = Zeroizing::new(host::rng::bytes::<32>());
    secret::create(&config.keys.join(LINK), LINK_LABEL, &seed[..])?;
    let link_key = URL_SAFE_NO_PAD.encode(Identity::from_seed(&seed).public_key());
    Ok(Created { officer_vkey, supervisor_vkey, sponsor_vkey, link_key })
}

const OFFICER: &str = "officer.secret";
const SUPERVISOR: &str = "supervisor.secret";
const SPONSOR: &str = "sponsor.secret";
const LINK: &str = "link.secret";

impl Requester {
    /// Opens the desk; nothing is created.
    pub fn open(config: Config) -> Result<Self, KeysError> {
        let leaf_name =
            |name: &str| Name::new(name).ok_or_else(|| KeysError::Agency { name: name.to_owned() });
        let country =
            Country::new(&config.country).ok_or_else(|| KeysError::Country(config.country.clone()))?;
        let log_policy_text = read(&config.log.policy, POLICY_MAX_BYTES)?;
        let policy = Policy::parse(&log_policy_text)
            .map_err(|error| KeysError::LogPolicy { path: config.log.policy.clone(), error })?;
        let rules = PolicyDoc::parse(&read(&config.policy_doc, POLICY_DOC_MAX_BYTES)?)
            .map_err(|error| KeysError::PolicyDoc { path: config.policy_doc.clone(), error })?;
        let relay_key = URL_SAFE_NO_PAD
            .decode(&config.relay.key)
            .ok()
            .and_then(|key| key.try_into().ok())
            .ok_or_else(|| KeysError::RelayKey(config.relay.key.clone()))?;
        Ok(Self {
            agency: leaf_name(&config.names.agency)?,
            sponsor_name: leaf_name(&config.names.sponsor)?,
            country,
            officer: signer(&config.keys.join(OFFICER), &config.names.officer)?,
            supervisor: signer(&config.keys.join(SUPERVISOR), &config.names.supervisor)?,
            sponsor: signer(&config.keys.join(SPONSOR), &config.names.sponsor)?,
            log: LogClient::new(&config.log.url, policy),
            log_policy_text,
            rules,
            relay_key,
            link: link(&config.keys.join(LINK))?,
            config,
        })
    }

    /// A session with the relay, as the sponsor's link key.
    pub(crate) async fn relay(&self) -> Result<quic::Link, LinkError> {
        let endpoint = Endpoint::client(&self.link)?;
        let (link, _control) = endpoint.connect(&self.config.relay.address, &self.relay_key).await?;
        Ok(link)
    }
}

fn signer(path: &Path, expected: &str) -> Result<Signer, KeysError> {
    let line = secret::read_line(path)?;
    let signer = Signer::from_secret_text(&line)
        .map_err(|error| KeysError::Key { path: path.to_owned(), reason: error.to_string() })?;
    if signer.name() != expected {
        return Err(KeysError::OtherName {
            path: path.to_owned(),
            found: signer.name().to_owned(),
            expected: expected.to_owned(),
        });
    }
    Ok(signer)
}

fn link(path: &Path) -> Result<Identity, KeysError> {
    let bytes = secret::read(path, LINK_LABEL)?;
    let seed = Zeroizing::new(<[u8; 32]>::try_from(&bytes[..]).map_err(|_| KeysError::Key {
        path: path.to_owned(),
        reason: "a link key has 32 bytes".to_owned(),
    })?);
    Ok(Identity::from_seed(&seed))
}

fn read(path: &Path, limit: usize) -> Result<Vec<u8>, KeysError> {
    durable::read_limited(path, limit as u64)?.ok_or_else(|| KeysError::NoFile { path: path.to_owned() })
}
