//! A leaf signed, added and proved; the registrar's two kinds of them.
//!
//! A command that was cut short may be given again: the leaf that comes of it says the same and
//! changes nothing (`escrow::register` folds it), it only stands in the log twice.

use crate::config::Config;
use crate::error::{Error, NoLeafKey};
use crate::key::{name, signer};
use escrow::record::{KeyState, Leaf, Record, RequesterKey, Role, Seconds, Signed, Vkey};
use host::clock::Clock;
use host::http::FetchError;
use log_client::{AddError, LogClient};
use tlog::merkle::leaf_hash;
use tlog::note::Verifier;
use tlog::{Entry as _, Hash};

/// A leaf that stands in the log, proved under a checkpoint with the quorum.
#[derive(Debug, Clone)]
pub struct Added {
    /// Its place in the log.
    pub index: u64,
    /// Its leaf hash.
    pub leaf: Hash,
    /// Leaves in the checkpoint that proves it.
    pub size: u64,
    /// When the quorum had cosigned that checkpoint, Unix seconds.
    pub cosigned_at: u64,
    /// The witnesses, by the policy's names, that cosigned it.
    pub witnesses: Vec<String>,
    /// The tlog-proof, for whoever wants to check it offline.
    pub proof: Vec<u8>,
}

/// Registers a key: from this leaf on it counts in this role, for this agency (for a sponsor: under
/// its own name).
pub async fn register(config: &Config, role: Role, agency: &str, vkey: &str) -> Result<Added, Error> {
    state(config, KeyState::Registered, role, agency, vkey).await
}

/// Revokes a key: from this leaf on it counts in this role no more, and never will again.
pub async fn revoke(config: &Config, role: Role, agency: &str, vkey: &str) -> Result<Added, Error> {
    state(config, KeyState::Revoked, role, agency, vkey).await
}

async fn state(
    config: &Config,
    state: KeyState,
    role: Role,
    agency: &str,
    vkey: &str,
) -> Result<Added, Error> {
    let registrar = name(&config.name)?;
    let time = Seconds(Clock::system().seconds());
    add(config, RequesterKey { state, role, agency: name(agency)?, vkey: key(vkey)?, registrar, time }).await
}

/// Signs a leaf with the own key, adds it, and checks the log's proof of it.
pub(crate) async fn add<T: Record>(config: &Config, value: T) -> Result<Added, Error> {
    let signer = signer(config)?;
    let log = LogClient::from_file(&config.log.url, &config.log.policy)?;
    let signed = Signed::sign(value, &[&signer])?;
    // What the log's readers will make of it: a leaf that they would refuse is not sent.
    Signed::<Leaf>::parse(signed.entry_bytes())?;
    let added = log.add(signed.entry_bytes().to_vec()).await;
    let (logged, proof) = added.map_err(|error| match error {
        // SPEC: log.md#admission: a leaf is admitted by the submitter that signed it.
        AddError::Refused(FetchError::Status { status: 403, said }) => {
            Error::NotASubmitter { vkey: signer.verifier().vkey(), said }
        }
        error => Error::Add(error),
    })?;
    let cosigned = logged.cosigned();
    Ok(Added {
        index: logged.index(),
        leaf: leaf_hash(logged.value()),
        size: logged.checkpoint().size(),
        cosigned_at: logged.cosigned_at(),
        witnesses: cosigned.witness_names(),
        proof: proof.encode(),
    })
}

pub(crate) fn key(vkey: &str) -> Result<Vkey, Error> {
    let bad = |source| Error::Key { vkey: vkey.to_owned(), source };
    let verifier = Verifier::parse(vkey).map_err(|error| bad(error.into()))?;
    Vkey::new(verifier).ok_or_else(|| bad(NoLeafKey::Cosigner))
}
