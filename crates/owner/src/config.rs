//! The owner's one TOML file. Sample: `deploy/config/owner.toml`, which a test parses.

mod alarms;

pub use alarms::{Alarms, Hours, PictureKey, WebhookPicture};
pub use log_client::LogConfig;
pub use relay_client::Addresses;

use host::config::Located;
use quic::Key;
use serde::Deserialize;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// `candor owner VERB --config owner.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Folder of the keys and of the book of cameras; made by `candor owner init`.
    pub keybook: PathBuf,
    pub relay: Relay,
    pub log: LogConfig,
    /// Absent: no escrow at all (n = 0); nobody but the owner's devices can ever open the footage.
    pub escrow: Option<Escrow>,
    #[serde(default)]
    pub footage: Footage,
    /// The Ed25519 note key, of the name `recovery`, that signs a recovery on the day every device is
    /// lost (`recovery+HASH+BASE64`). Its secret half belongs on paper, elsewhere. The class
    /// `recovery` needs it; each camera films under the key that its policy named then.
    pub recovery_key: Option<String>,
    #[serde(default, deserialize_with = "alarms::checked")]
    pub alarm: Alarms,
    #[serde(default)]
    pub bridge: Bridge,
}

impl Located for Config {
    fn paths(&mut self) -> Vec<&mut PathBuf> {
        let rules = self.escrow.as_mut().map(|escrow| &mut escrow.policy_doc);
        let password = self.bridge.mqtt.as_mut().and_then(|mqtt| mqtt.password_file.as_mut());
        [&mut self.keybook, &mut self.log.policy].into_iter().chain(rules).chain(password).collect()
    }
}

/// The relay, trusted for availability only.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relay {
    /// `HOST:PORT` of each, tried in turn.
    pub addresses: Addresses,
    /// The relay's Ed25519 public key, base64url; the operator publishes it, every invite carries
    /// it on.
    pub key: Key,
    /// How cameras reach the relay, if not by the first of `addresses` (`HOST:PORT`, written into
    /// invites).
    pub invite_address: Option<String>,
    /// The name under which the relay's operator signs leaves for its owners; it stands in every
    /// leaf of this owner's.
    pub sponsor: String,
}

/// What the owner lets trustees do, fixed at capture by every epoch.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escrow {
    /// The published PolicyDoc the owner agrees to; its hash goes into the owner's policy.
    pub policy_doc: PathBuf,
    /// Shares needed (t).
    pub threshold: u8,
    /// Which classes of release are allowed: `legal`, `emergency`, `recovery`.
    pub classes: Vec<String>,
    /// In share order, 1..n.
    pub trustees: Vec<Trustee>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trustee {
    pub name: String,
    /// The trustee's note key, as it publishes it (`NAME+HASH+BASE64`).
    pub vkey: String,
    /// Where requesters reach it.
    pub url: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Footage {
    /// The unit of release, 10 to 600 s.
    pub epoch_seconds: u16,
    pub retention_days: u16,
}

impl Default for Footage {
    fn default() -> Self {
        Self { epoch_seconds: 60, retention_days: 30 }
    }
}

/// What `candor owner bridge` serves to programs of the house.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bridge {
    /// This machine alone, unless another address is named: what is said there is not encrypted.
    pub listen: SocketAddr,
    /// Names under which programs ask for it, beside addresses and `localhost`: others are refused,
    /// as a page of the web could make its own name point here.
    pub names: Vec<String>,
    /// The address of a monitor, whose public count is told on.
    pub monitor: Option<String>,
    /// A broker that is told, for Home Assistant.
    pub mqtt: Option<Mqtt>,
}

/// An MQTT broker. It is told in the clear, the password included: one of this machine, or through a
/// tunnel.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mqtt {
    /// `HOST:PORT`.
    pub broker: String,
    pub user: Option<String>,
    /// One line, for its owner alone (chmod 600).
    pub password_file: Option<PathBuf>,
    /// What topics begin with; two owners at one broker need two.
    #[serde(default = "topic")]
    pub topic: String,
    /// Where Home Assistant looks for devices.
    #[serde(default = "discovery")]
    pub discovery: String,
}

fn topic() -> String {
    "candor".to_owned()
}

fn discovery() -> String {
    "homeassistant".to_owned()
}

impl Default for Bridge {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8620)),
            names: Vec::new(),
            monitor: None,
            mqtt: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const SAMPLE: &str = include_str!("../../../deploy/config/owner.toml");

    #[test]
    fn the_sample_is_a_configuration() {
        let config: Config = host::config::parse(SAMPLE, Path::new("owner.toml")).unwrap();
        let escrow = config.escrow.unwrap();
        assert!(usize::from(escrow.threshold) <= escrow.trustees.len());
        assert_eq!(config.footage.epoch_seconds, 60);
    }

    #[test]
    fn what_stands_in_the_sample_of_a_broker_is_one() {
        let (before, broker) = SAMPLE.split_once("# [bridge.mqtt]").unwrap();
        let text = format!("{before}[bridge.mqtt]{}", broker.replace("\n# ", "\n"));
        let config: Config = host::config::parse(&text, Path::new("owner.toml")).unwrap();
        let mqtt = config.bridge.mqtt.unwrap();
        assert_eq!((mqtt.topic, mqtt.discovery), (topic(), discovery()));
        assert!(!config.bridge.listen.ip().is_unspecified() && config.bridge.listen.ip().is_loopback());
    }

    #[test]
    fn a_misspelt_field_is_named() {
        let text = SAMPLE.replace("threshold", "treshold");
        let error = host::config::parse::<Config>(&text, Path::new("owner.toml")).unwrap_err().to_string();
        assert!(error.contains("treshold"), "{error}");
    }
}
