//! The desk's keys: officer, supervisor and sponsor sign leaves; the link key speaks with the relay.
//! One is made for each purpose, once; [`init`] never replaces one, and a missing one is an error that
//! names it.
//!
//! ```text
//! requester-keys/officer.secret      PRIVATE+KEY+police.example/officer-1182+1f2e3d4c+Aa...=
//! requester-keys/supervisor.secret   the same for the supervisor; in a real agency on that person's own token
//! requester-keys/sponsor.secret      the same for the sponsor
//! requester-keys/link.secret         CANDOR+SECRET+link+...=
//! ```
//!
//! In scope: making, reading, public halves. Out of scope: the release key, of which each request has
//! its own ([`crate::folder`]).

use crate::config::Config;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use host::durable::{self, DurableError};
use host::rng::OsRng;
use host::secret::{self, SecretError};
use quic::Identity;
use std::path::{Path, PathBuf};
use tlog::note::{KeyError, Signer};
use zeroize::Zeroizing;

const OFFICER: &str = "officer.secret";
const SUPERVISOR: &str = "supervisor.secret";
const SPONSOR: &str = "sponsor.secret";
const LINK: &str = "link.secret";
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

/// Why the desk's keys could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    File(#[from] DurableError),
    #[error("{name:?} cannot name a note key: {error}; correct [names] in the configuration")]
    Name { name: String, error: KeyError },
    #[error("{}: {error}; restore it from a backup", .path.display())]
    Key { path: PathBuf, error: KeyError },
    #[error("{}: a link key has 32 bytes; restore it from a backup", .path.display())]
    Link { path: PathBuf },
    #[error("{}: holds the key of {found:?}, the configuration says {expected:?}", .path.display())]
    OtherName { path: PathBuf, found: String, expected: String },
}

/// The keys that sign leaves.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) officer: Signer,
    pub(crate) supervisor: Signer,
    pub(crate) sponsor: Signer,
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

impl Keys {
    pub(crate) fn open(config: &Config) -> Result<Self, KeysError> {
        let (folder, names) = (&config.keys, &config.names);
        Ok(Self {
            officer: signer(&folder.join(OFFICER), &names.officer)?,
            supervisor: signer(&folder.join(SUPERVISOR), &names.supervisor)?,
            sponsor: signer(&folder.join(SPONSOR), &names.sponsor)?,
        })
    }
}

fn signer(path: &Path, expected: &str) -> Result<Signer, KeysError> {
    let line = secret::read_line(path)?;
    let signer =
        Signer::from_secret_text(&line).map_err(|error| KeysError::Key { path: path.to_owned(), error })?;
    if signer.name() != expected {
        let (found, expected) = (signer.name().to_owned(), expected.to_owned());
        return Err(KeysError::OtherName { path: path.to_owned(), found, expected });
    }
    Ok(signer)
}

/// The key that speaks with the relay.
pub(crate) fn link(config: &Config) -> Result<Identity, KeysError> {
    let path = config.keys.join(LINK);
    let bytes = secret::read(&path, LINK_LABEL)?;
    match <[u8; 32]>::try_from(&bytes[..]).map(Zeroizing::new) {
        Ok(seed) => Ok(Identity::from_seed(&seed)),
        Err(_) => Err(KeysError::Link { path }),
    }
}
