//! The desk's keys: officer, supervisor and sponsor sign leaves; the link key speaks with the
//! relay. One is made for each purpose, once; [`init`] never replaces one, and a missing one is an
//! error that names it.
//!
//! ```text
//! requester-keys/officer.secret      PRIVATE+KEY+police.example/officer-1182+1f2e3d4c+Aa...=
//! requester-keys/supervisor.secret   the same for the supervisor; in a real agency on that person's own token
//! requester-keys/sponsor.secret      the same for the sponsor
//! requester-keys/link.secret         CANDOR+SECRET+link+...=
//! ```
//!
//! In scope: making, reading, public halves. Out of scope: the release key, of which each request
//! has its own ([`crate::folder`]).

use crate::config::Config;
use host::durable::{self, DurableError};
use host::secret::{self, SecretError};
use log_client::{KeyFileError, make_key, read_own_key};
use quic::{Identity, Key};
use tlog::note::Signer;

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
    /// The sponsor's Ed25519 link key: the relay's operator lists it under `sponsors`.
    pub link_key: Key,
}

/// Why the desk's keys could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    File(#[from] DurableError),
    #[error(transparent)]
    Key(#[from] KeyFileError),
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
    durable::own_dir(&config.keys)?;
    let make = |file: &str, name: &str| {
        Ok::<_, KeysError>(make_key(&config.keys.join(file), name)?.verifier().vkey())
    };
    let officer_vkey = make(OFFICER, &config.names.officer)?;
    let supervisor_vkey = make(SUPERVISOR, &config.names.supervisor)?;
    let sponsor_vkey = make(SPONSOR, &config.names.sponsor)?;
    let seed = secret::create_key(&config.keys.join(LINK), LINK_LABEL)?;
    let link_key = Key(Identity::from_seed(&seed).public_key());
    Ok(Created { officer_vkey, supervisor_vkey, sponsor_vkey, link_key })
}

impl Keys {
    pub(crate) fn open(config: &Config) -> Result<Self, KeysError> {
        let (folder, names) = (&config.keys, &config.names);
        Ok(Self {
            officer: read_own_key(&folder.join(OFFICER), &names.officer)?,
            supervisor: read_own_key(&folder.join(SUPERVISOR), &names.supervisor)?,
            sponsor: read_own_key(&folder.join(SPONSOR), &names.sponsor)?,
        })
    }
}

/// The key that speaks with the relay.
pub(crate) fn link(config: &Config) -> Result<Identity, KeysError> {
    Ok(Identity::from_seed(&*secret::read_key(&config.keys.join(LINK), LINK_LABEL)?))
}
