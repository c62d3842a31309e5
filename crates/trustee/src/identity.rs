//! Who the trustee is: its own key, the rules and log it goes by, and the humans whose yes counts.

use crate::daykeys::DayKeys;
use crate::ledger::Ledger;
use crate::{Config, Error};
use escrow::policy::{POLICY_DOC_MAX_BYTES, PolicyDoc};
use escrow::record::Name;
use host::durable::{DurableError, FolderLock};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tlog::note::{KeyError, Signer, Verifier};

const KEY: &str = "note.key";
const AUTO_KEY: &str = "auto-approve.key";
pub(crate) const LEDGER: &str = "ledger.redb";

/// What `init` made.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Created {
    /// The trustee's verifier key: for owners' policies, and for the log's list of submitters.
    pub vkey: String,
    /// The key that approves without a human, where the configuration asks for one.
    pub approver: Option<String>,
}

/// Makes the data folder of a new trustee: its key and its empty ledger. Refuses to touch one that was initialised before.
pub fn init(config: &Config) -> Result<Created, Error> {
    let name = Name::new(&config.name).ok_or_else(|| Error::Name { name: config.name.clone() })?;
    host::durable::create_dirs(&config.data)?;
    close_to_others(&config.data)?;
    let _lock = FolderLock::acquire(&config.data)?;
    let signer = make_key(&config.data.join(KEY), name.as_str())?;
    let approver = match config.auto_approve {
        true => Some(make_key(&config.data.join(AUTO_KEY), &format!("{name}/auto-approve"))?),
        false => None,
    };
    for folder in [DayKeys::FOLDER, crate::pending::FOLDER, crate::approve::FOLDER, crate::append::EVIDENCE] {
        host::durable::create_dirs(&config.data.join(folder))?;
    }
    let vkey = signer.verifier().vkey();
    // Last: a folder with a key and no ledger was never a trustee, and does not start as one.
    Ledger::create(&config.data.join(LEDGER), &vkey)?;
    Ok(Created { vkey, approver: approver.map(|key| key.verifier().vkey()) })
}

/// The verifier key of an initialised trustee.
pub fn vkey(config: &Config) -> Result<String, Error> {
    Ok(own_key(config)?.verifier().vkey())
}

/// Makes a key and its file; never overwrites one.
pub(crate) fn make_key(path: &Path, name: &str) -> Result<Signer, Error> {
    let own = |error: KeyError| Error::OwnKey { path: path.to_owned(), reason: error.to_string() };
    let signer = Signer::generate(name, &mut host::rng::OsRng).map_err(own)?;
    host::secret::create_line(path, &signer.to_secret_text())?;
    Ok(signer)
}

pub(crate) fn read_key(path: &Path) -> Result<Signer, Error> {
    let line = host::secret::read_line(path)?;
    Signer::from_secret_text(&line)
        .map_err(|error| Error::OwnKey { path: path.to_owned(), reason: error.to_string() })
}

pub(crate) fn own_key(config: &Config) -> Result<Signer, Error> {
    let path = config.data.join(KEY);
    let signer = read_key(&path)?;
    if signer.name() != config.name {
        let reason =
            format!("it is the key of {}, and the configuration says {}", signer.name(), config.name);
        return Err(Error::OwnKey { path, reason });
    }
    Ok(signer)
}

/// The key that approves without a human, if the configuration wants it to.
pub(crate) fn auto_approver(config: &Config) -> Result<Option<Signer>, Error> {
    if !config.auto_approve {
        return Ok(None);
    }
    let path = config.data.join(AUTO_KEY);
    if !path.exists() {
        return Err(Error::NoAutoApprover { path });
    }
    read_key(&path).map(Some)
}

/// The humans whose approval counts.
pub(crate) fn approvers(config: &Config) -> Result<Vec<Verifier>, Error> {
    let parse = |vkey: &String| {
        let bad = |reason: String| Error::Approver { vkey: vkey.clone(), reason };
        let key = Verifier::parse(vkey).map_err(|error| bad(error.to_string()))?;
        match key.ed25519_key() {
            Some(_) => Ok(key),
            None => Err(bad("it cosigns checkpoints and cannot approve".to_owned())),
        }
    };
    config.approvers.iter().map(parse).collect()
}

pub(crate) fn rules(path: &Path) -> Result<PolicyDoc, Error> {
    let bytes = host::durable::read_limited(path, POLICY_DOC_MAX_BYTES as u64)?;
    let bytes = bytes.ok_or_else(|| Error::NoRules { path: path.to_owned() })?;
    PolicyDoc::parse(&bytes)
        .map_err(|error| Error::Rules { path: path.to_owned(), reason: error.to_string() })
}

/// Details of requests are in the folder: nobody else on this machine reads them, whatever the umask was.
pub(crate) fn close_to_others(folder: &Path) -> Result<(), DurableError> {
    let closed = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(folder, closed).map_err(|error| DurableError::at(folder, error))
}
