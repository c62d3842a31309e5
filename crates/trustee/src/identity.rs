//! Who the trustee is: its own key, the rules it goes by, and the humans whose yes counts.

use crate::config::Config;
use crate::error::Error;
use crate::folder::{AUTO_KEY, DAYS, FOLDERS, KEY, LEDGER, RESTORED};
use crate::ledger::Ledger;
use escrow::policy::{POLICY_DOC_MAX_BYTES, PolicyDoc};
use escrow::record::Name;
use host::durable::{self, FolderLock};
use log_client::{make_key, read_key, read_own_key};
use std::path::Path;
use tlog::note::{Signer, Verifier};

/// What `init` made.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Created {
    /// The trustee's verifier key: for owners' policies, and for the log's list of submitters.
    pub vkey: String,
    /// The key that approves without a human, where the configuration asks for one.
    pub approver: Option<String>,
}

/// Makes the data folder of a new trustee: its key and its empty ledger. Refuses to touch one that
/// was initialised before.
pub fn init(config: &Config) -> Result<Created, Error> {
    let name = own_name(config)?;
    durable::own_dir(&config.data)?;
    let _lock = FolderLock::acquire(&config.data)?;
    let signer = make_key(&config.data.join(KEY), name.as_str())?;
    let approver = match config.auto_approve {
        true => Some(make_key(&config.data.join(AUTO_KEY), &format!("{name}/auto-approve"))?),
        false => None,
    };
    for folder in FOLDERS {
        durable::create_dirs(&config.data.join(folder))?;
    }
    let vkey = signer.verifier().vkey();
    // Last: a folder with a key and no ledger was never a trustee, and does not start as one.
    Ledger::create(&config.data.join(LEDGER), &vkey)?;
    Ok(Created { vkey, approver: approver.map(|key| key.verifier().vkey()) })
}

/// What `restore` found and made.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Restored {
    /// The trustee's verifier key, as before.
    pub vkey: String,
    /// What was not there and is empty now.
    pub made: Vec<String>,
}

/// Makes what is missing around the key of a trustee that was one before: its disk was lost, or its
/// folder came back from a backup without `days/`. The log knows what it granted and which keys it
/// published, so that what is forgotten here is neither granted twice nor made a second time before
/// the log says that it is lost: which the trustee says, at its next start, of each key that is not
/// here.
pub fn restore(config: &Config) -> Result<Restored, Error> {
    let _lock = FolderLock::acquire(&config.data)?;
    let signer = own_key(config)?;
    durable::own_dir(&config.data)?;
    let mut made = Vec::new();
    for folder in FOLDERS {
        let path = config.data.join(folder);
        if !path.exists() {
            durable::create_dirs(&path)?;
            made.push(folder.to_owned());
        }
    }
    let vkey = signer.verifier().vkey();
    let ledger = config.data.join(LEDGER);
    if ledger.exists() {
        Ledger::open(&ledger, &vkey)?;
    } else {
        Ledger::create(&ledger, &vkey)?;
        made.push(LEDGER.to_owned());
    }
    durable::write_atomic(&config.data.join(DAYS).join(RESTORED), b"")?;
    Ok(Restored { vkey, made })
}

/// The verifier key of an initialised trustee.
pub fn vkey(config: &Config) -> Result<String, Error> {
    Ok(own_key(config)?.verifier().vkey())
}

pub(crate) fn own_name(config: &Config) -> Result<Name, Error> {
    Name::new(&config.name).ok_or_else(|| Error::Name { name: config.name.clone() })
}

pub(crate) fn own_key(config: &Config) -> Result<Signer, Error> {
    Ok(read_own_key(&config.data.join(KEY), &config.name)?)
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
    Ok(Some(read_key(&path)?))
}

/// The humans whose approval counts.
pub(crate) fn approvers(config: &Config) -> Result<Vec<Verifier>, Error> {
    let parse = |vkey: &String| {
        let key = Verifier::parse(vkey);
        let key = key.map_err(|source| Error::Approver { vkey: vkey.clone(), source })?;
        match key.ed25519_key() {
            Some(_) => Ok(key),
            None => Err(Error::Cosigner { vkey: vkey.clone() }),
        }
    };
    config.approvers.iter().map(parse).collect()
}

pub(crate) fn rules(path: &Path) -> Result<PolicyDoc, Error> {
    let what = "PolicyDoc; get the published rules of release from the operator";
    Ok(host::given::read(path, POLICY_DOC_MAX_BYTES, what, PolicyDoc::parse)?)
}
