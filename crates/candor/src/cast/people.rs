//! The people: owner and requester, and those who speak in the log before anybody can ask:
//! registrar and operator.

use super::video::{Relaying, Trustees};
use super::{CastError, Plan};
use escrow::record::{RECOVERY_KEY_NAME, Role};
use host::machine::Machine;
use log_client::make_key;
use log_server::kinds;
use owner::Owner;
use owner::config::{Addresses, LogConfig};
use quic::Key;
use requester::Requester;
use std::path::PathBuf;

/// The cast's people, opened.
#[derive(Debug)]
pub struct People {
    pub owner: Owner,
    pub owner_config: owner::Config,
    pub requester: Requester,
    pub requester_config: requester::Config,
    pub registrar: registrar::Config,
    pub operator: registrar::Config,
    pub policy_doc: PathBuf,
}

/// The agency of the story.
pub(super) const AGENCY: &str = "police.example";

/// Registrar and operator with their keys, and where the rules are that they stand for.
pub(super) struct Speakers {
    registrar: registrar::Config,
    registrar_vkey: String,
    operator: registrar::Config,
    operator_vkey: String,
    pub(super) policy_doc: PathBuf,
}

impl Speakers {
    /// The keys; the rules come when the trustees have theirs.
    pub(super) fn make(plan: &Plan, log: &LogConfig) -> Result<Self, CastError> {
        let speaker = |name: &str| registrar::Config {
            data: plan.dir.join(name),
            name: format!("{name}.example"),
            log: log.clone(),
        };
        let (registrar, operator) = (speaker("registrar"), speaker("operator"));
        let registrar_vkey = registrar::init(&registrar).map_err(CastError::part("registrar"))?;
        let operator_vkey = registrar::init(&operator).map_err(CastError::part("operator"))?;
        let policy_doc = plan.dir.join("policy-doc.txt");
        Ok(Self { registrar, registrar_vkey, operator, operator_vkey, policy_doc })
    }

    pub(super) fn write_rules(&self, trustees: &Trustees) -> Result<(), CastError> {
        let draft = registrar::Draft {
            operator: &self.operator_vkey,
            registrars: &[&self.registrar_vkey],
            trustees: &trustees.vkeys().collect::<Vec<_>>(),
            figures: &[],
            after: None,
        };
        registrar::write_rules(&self.policy_doc, &draft).map_err(CastError::part("rules"))?;
        Ok(())
    }
}

/// People with keys, not yet opened: what they need of the relay is not running yet.
pub(super) struct Keyed {
    owner_config: owner::Config,
    pub(super) root_key: Key,
    requester_config: requester::Config,
    pub(super) requester: requester::keys::Created,
    speakers: Speakers,
}

impl People {
    /// Makes everybody's keys and the rules.
    pub(super) fn make(
        plan: &Plan,
        log: &LogConfig,
        speakers: Speakers,
        trustees: &Trustees,
        relay: &Relaying,
    ) -> Result<Keyed, CastError> {
        let addresses = Addresses::one(relay.config.listen.to_string());
        let recovery_key = make_key(&plan.dir.join("recovery.key"), RECOVERY_KEY_NAME);
        let recovery_key = recovery_key.map_err(CastError::part("owner"))?.verifier().vkey();
        let owner_config = owner::Config {
            keybook: plan.dir.join("owner"),
            relay: owner::config::Relay {
                addresses: addresses.clone(),
                key: relay.created.link_key,
                invite_address: None,
                sponsor: relay.config.log.sponsor.clone(),
            },
            log: log.clone(),
            escrow: Some(owner::config::Escrow {
                policy_doc: speakers.policy_doc.clone(),
                threshold: plan.threshold,
                classes: ["legal", "emergency", "recovery"].map(str::to_owned).to_vec(),
                trustees: trustees.entries(),
            }),
            footage: owner::config::Footage { epoch_seconds: plan.epoch_seconds, retention_days: 30 },
            recovery_key: Some(recovery_key),
            alarm: Default::default(),
            bridge: Default::default(),
        };
        let root_key = owner::keys::init(&owner_config).map_err(CastError::part("owner"))?.root_key;

        let requester_config = requester::Config {
            keys: plan.dir.join("requester"),
            names: requester::config::Names {
                agency: AGENCY.to_owned(),
                officer: format!("{AGENCY}/officer-1182"),
                supervisor: format!("{AGENCY}/supervisor-7"),
                sponsor: "sponsor.example".to_owned(),
            },
            country: "US".to_owned(),
            relay: requester::config::Relay { addresses, key: relay.created.link_key },
            log: log.clone(),
            policy_doc: speakers.policy_doc.clone(),
        };
        let requester = requester::keys::init(&requester_config).map_err(CastError::part("requester"))?;
        Ok(Keyed { owner_config, root_key, requester_config, requester, speakers })
    }
}

impl Keyed {
    /// Whose leaves the log must admit.
    pub(super) fn submitters(&self) -> [(&str, &'static [&'static str]); 3] {
        [
            (&self.speakers.registrar_vkey, kinds::REGISTRAR),
            (&self.speakers.operator_vkey, kinds::OPERATOR),
            (&self.requester.sponsor_vkey, kinds::SPONSOR),
        ]
    }

    /// Puts the rules and everybody's keys into the log.
    pub(super) async fn publish_and_register(&self, relay_sponsor: &str) -> Result<(), CastError> {
        let Speakers { operator, policy_doc, registrar, .. } = &self.speakers;
        registrar::publish_rules(operator, policy_doc).await.map_err(CastError::part("rules"))?;
        let sponsor_name = |vkey: &str| vkey.split('+').next().unwrap_or_default().to_owned();
        let sponsors = [relay_sponsor, &self.requester.sponsor_vkey];
        let mut keys = vec![
            (Role::Officer, AGENCY.to_owned(), self.requester.officer_vkey.as_str()),
            (Role::Supervisor, AGENCY.to_owned(), &self.requester.supervisor_vkey),
        ];
        keys.extend(sponsors.map(|vkey| (Role::Sponsor, sponsor_name(vkey), vkey)));
        for (role, name, vkey) in keys {
            registrar::register(registrar, role, &name, vkey).await.map_err(CastError::part("registrar"))?;
        }
        Ok(())
    }

    /// Opens owner and requester.
    pub(super) fn open(self) -> Result<People, CastError> {
        Ok(People {
            owner: Owner::open(self.owner_config.clone()).map_err(CastError::part("owner"))?,
            owner_config: self.owner_config,
            requester: Requester::open(self.requester_config.clone(), Machine::system())
                .map_err(CastError::part("requester"))?,
            requester_config: self.requester_config,
            registrar: self.speakers.registrar,
            operator: self.speakers.operator,
            policy_doc: self.speakers.policy_doc,
        })
    }
}
