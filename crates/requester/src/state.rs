//! An opened desk: what every step needs of configuration, keys, the log and the rules.

use crate::config::Config;
use crate::keys::{self, Keys, KeysError};
use escrow::policy::{POLICY_DOC_MAX_BYTES, PolicyDoc, PolicyDocError};
use escrow::record::{Country, Name};
use host::given::{self, GivenError};
use host::machine::Machine;
use log_client::{LogClient, PolicyFileError};
use media::sign::PublicKey;
use relay_client::{Relay, Session};

/// Why the desk cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error("{name:?} is not a name that leaves can carry; correct [names] in the configuration")]
    Name { name: String },
    #[error("country {0:?} is not a two-letter code in capitals; correct it in the configuration")]
    Country(String),
    #[error(transparent)]
    LogPolicy(#[from] PolicyFileError),
    #[error(transparent)]
    PolicyDoc(#[from] GivenError<PolicyDocError>),
}

/// An opened desk.
#[derive(Debug)]
pub struct Requester {
    pub(crate) agency: Name,
    pub(crate) sponsor: Name,
    pub(crate) country: Country,
    pub(crate) keys: Keys,
    pub(crate) log: LogClient,
    pub(crate) log_policy_text: String,
    pub(crate) rules: PolicyDoc,
    pub(crate) machine: Machine,
    /// By which the relay knows the sponsor.
    pub(crate) link_key: PublicKey,
    relay: Relay,
}

impl Requester {
    /// Opens the desk; nothing is created. Time and chance are the machine's.
    pub fn open(config: Config, machine: Machine) -> Result<Self, DeskError> {
        let name = |name: &str| Name::new(name).ok_or_else(|| DeskError::Name { name: name.to_owned() });
        let country =
            Country::new(&config.country).ok_or_else(|| DeskError::Country(config.country.clone()))?;
        let (policy, log_policy_text) = log_client::read_policy(&config.log.policy)?;
        let what = "file; get it from the log's or the relay's operator";
        let rules = given::read(&config.policy_doc, POLICY_DOC_MAX_BYTES, what, PolicyDoc::parse)?;
        let link = keys::link(&config)?;
        Ok(Self {
            agency: name(&config.names.agency)?,
            sponsor: name(&config.names.sponsor)?,
            country,
            keys: Keys::open(&config)?,
            machine,
            log: LogClient::new(&config.log.url, policy),
            log_policy_text,
            rules,
            link_key: link.public_key(),
            relay: Relay::new(link, config.relay.addresses, config.relay.key.0),
        })
    }

    /// Sessions with the relay, as the sponsor's link key.
    pub(crate) fn session(&self) -> Session {
        Session::new(&self.relay, self.machine.rng.clone())
    }
}
