//! Why a key was not made, or a leaf not added.

use escrow::policy::PolicyDocError;
use escrow::record::RecordError;
use host::durable::DurableError;
use host::given::GivenError;
use log_client::{AddError, FollowError, KeyFileError, PolicyFileError};
use std::path::PathBuf;
use tlog::LoggedError;
use tlog::note::KeyError;
use tlog::proof::ProofError;

/// Why a key was not made, or a leaf not added.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    File(#[from] DurableError),
    #[error(transparent)]
    OwnKey(#[from] KeyFileError),
    #[error(transparent)]
    Policy(#[from] PolicyFileError),
    #[error("{vkey:?} is not a verifier key that signs leaves: {source}")]
    Key { vkey: String, source: NoLeafKey },
    #[error("{name:?} is not a name: write a host name in lower case, such as police.example")]
    Name { name: String },
    #[error("this leaf cannot be: {0}")]
    Leaf(#[from] RecordError),
    #[error(transparent)]
    Rules(#[from] GivenError<PolicyDocError>),
    #[error(
        "{}: its operator is {operator}, and the key here is {own}: a policy-doc leaf by another key counts for nobody; name this key as operator, or publish with that one", .path.display()
    )]
    NotOperator { path: PathBuf, operator: String, own: String },
    #[error(
        "{scope:?} is no scope of a registrar: after its key write names and countries, such as police.example US,CA, or * for all"
    )]
    Scope { scope: String },
    #[error("there is no figure {word:?} in the rules; those are: {known}")]
    Figure { word: String, known: String },
    #[error(
        "the log does not take leaves from {vkey}: its operator must list this key under [[submitters]] in the log's configuration and start it again ({said})"
    )]
    NotASubmitter { vkey: String, said: String },
    #[error("the request's proof: {0}")]
    Proof(ProofError),
    #[error("the request is not shown to be in the log: {0}")]
    NotLogged(LoggedError),
    #[error("a {0} request needs no ratification; only an emergency does")]
    NotAnEmergency(&'static str),
    #[error(transparent)]
    Add(AddError),
    #[error(transparent)]
    Log(#[from] FollowError),
    #[error("nothing was logged, for it would count for nothing: {0}")]
    ForNothing(#[from] ForNothing),
}

/// Why nobody would heed a leaf.
#[derive(Debug, thiserror::Error)]
pub enum ForNothing {
    #[error("no rules are in the log yet; their operator publishes them first (`candor registrar publish`)")]
    NoRules,
    #[error("the rules in force name no registrar with the key {vkey}")]
    NoRegistrar { vkey: String },
    #[error(
        "{agency} is not within this registrar's scope in the rules in force, {scope}; another registrar registers it, or the operator publishes rules with a wider scope"
    )]
    OutOfScope { agency: String, scope: String },
    #[error(
        "the key's name is {key}, which is not {agency}'s; look at --agency and --vkey: an agency's key is named AGENCY/PERSON"
    )]
    OtherName { key: String, agency: String },
    #[error(
        "this public key is registered in another role, under another name, or by another registrar, for ever"
    )]
    OtherKey,
    #[error("this key was revoked, and never counts again: register another one")]
    Revoked,
    #[error("the key is not registered: there is nothing to revoke")]
    NeverRegistered,
    #[error(
        "these rules were in force once, and others followed them; in force are those with SHA-256 {in_force}: write new ones with --after FILE"
    )]
    Superseded { in_force: String },
    #[error(
        "these rules do not follow those in force (SHA-256: {in_force}): write them with `candor registrar rules --after FILE`, where FILE is what was published last"
    )]
    NotNext { in_force: String },
    #[error("the rules in force are changed by their own operator alone, {operator}")]
    NotTheirOperator { operator: String },
}

/// Why a text is no key that can sign leaves.
#[derive(Debug, thiserror::Error)]
pub enum NoLeafKey {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("it cosigns checkpoints")]
    Cosigner,
}
