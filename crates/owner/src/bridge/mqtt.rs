//! What a broker is told: Home Assistant finds the cameras there by itself. Manual: `deploy/bridge.md`.
//!
//! ```text
//! homeassistant/device/candor_9f86.../config   what there is of a camera, retained       (discovery)
//! candor/status                                online; offline by the broker's own word when the bridge is gone
//! candor/camera/9f86.../state                  {"state":"filming","motion":"OFF", ...}   retained
//! candor/camera/9f86.../release                the newest request for it                 retained
//! candor/releases                              {"given":1,"year":2026, ...}              retained
//! candor/event                                 each request once for each state that it comes to
//! ```
//!
//! A topic names a camera by its id: names are any text, and stand in payloads. What is retained is
//! sent where it differs from what the broker acknowledged last, so that a slow broker gets the newest
//! state and no queue grows. In scope: one broker, over TCP. Out of scope: TLS (a broker on this machine
//! that bridges on, or a tunnel); commands: nothing that a broker says changes anything.

mod discovery;
mod session;
mod told;
mod watching;

use crate::config::Mqtt;
use discovery::Topics;
use host::secret::{self, SecretError};
use rumqttc::{LastWill, MqttOptions, QoS};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

pub(super) use watching::keep_told;

/// A broker that says nothing for so long is gone; so is a bridge, for the broker.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The largest packet that is read, and sent.
const MOST_READ: usize = 16 << 10;
const MOST_SENT: usize = 256 << 10;

/// Why no broker can be told.
#[derive(Debug, thiserror::Error)]
pub enum MqttError {
    #[error("[bridge.mqtt] broker: {0:?} is no HOST:PORT")]
    BadBroker(String),
    #[error(
        "[bridge.mqtt] topic and discovery: {0:?} begins no topic: letters, digits, - _ and / between them, 64 at the most"
    )]
    BadTopic(String),
    #[error("[bridge.mqtt] user and password_file: one is nothing without the other")]
    HalfLogin,
    #[error("[bridge.mqtt] password_file {}: {reason}; write the password into it as one line, and run chmod 600 on it", .path.display())]
    Password { path: PathBuf, reason: String },
}

/// Where the broker is, and as what it is told.
pub(super) struct Broker {
    options: MqttOptions,
    pub(super) topics: Topics,
}

impl Broker {
    pub(super) fn of(config: &Mqtt) -> Result<Self, MqttError> {
        let bad = || MqttError::BadBroker(config.broker.clone());
        let (host, port) = config.broker.rsplit_once(':').ok_or_else(bad)?;
        let port: u16 = port.parse().map_err(|_| bad())?;
        let is_host = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c == '/' || c == '@');
        is_host.then_some(()).ok_or_else(bad)?;
        for topic in [&config.topic, &config.discovery] {
            is_topic(topic).then_some(()).ok_or_else(|| MqttError::BadTopic(topic.clone()))?;
        }
        let topics = Topics { base: config.topic.clone(), discovery: config.discovery.clone() };
        let mut options = MqttOptions::new(config.topic.replace('/', "-"), host, port);
        options.set_keep_alive(KEEP_ALIVE).set_clean_session(true).set_max_packet_size(MOST_READ, MOST_SENT);
        options.set_last_will(LastWill::new(topics.status(), discovery::OFFLINE, QoS::AtLeastOnce, true));
        match (&config.user, &config.password_file) {
            (None, None) => {}
            (Some(user), Some(path)) => {
                let failed =
                    |error: SecretError| MqttError::Password { path: path.clone(), reason: error.reason() };
                let password = secret::read_line(path).map_err(failed)?;
                options.set_credentials(user, password.as_str());
            }
            (Some(_), None) | (None, Some(_)) => return Err(MqttError::HalfLogin),
        }
        Ok(Self { options, topics })
    }
}

impl Mqtt {
    /// Whether what is said to the broker, the password included, crosses a network in the clear.
    pub fn is_beyond_this_machine(&self) -> bool {
        let host = self.broker.rsplit_once(':').map_or(self.broker.as_str(), |(host, _)| host);
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        !address.map_or(host == "localhost", |address| address.is_loopback())
    }
}

/// No wildcard, no empty level, and nothing that a broker keeps for itself.
fn is_topic(text: &str) -> bool {
    let is_level = |level: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        !level.is_empty() && level.chars().all(plain)
    };
    text.len() <= 64 && text.split('/').all(is_level)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(broker: &str) -> Mqtt {
        let (topic, discovery) = ("candor".to_owned(), "homeassistant".to_owned());
        Mqtt { broker: broker.to_owned(), user: None, password_file: None, topic, discovery }
    }

    #[test]
    fn what_names_no_broker_or_no_topic_is_named() {
        for good in ["127.0.0.1:1883", "localhost:1", "[::1]:1883", "core-mosquitto:1883"] {
            assert!(Broker::of(&config(good)).is_ok(), "{good}");
        }
        for bad in ["", "localhost", ":1883", "host:port", "mqtt://host:1883", "user@host:1883", "host:99999"]
        {
            assert!(matches!(Broker::of(&config(bad)), Err(MqttError::BadBroker(_))), "{bad}");
        }
        for bad in ["", "/candor", "candor/", "a//b", "a/+", "#", "$SYS", "front door", &"a".repeat(65)] {
            let config = Mqtt { topic: bad.to_owned(), ..config("localhost:1883") };
            assert!(matches!(Broker::of(&config), Err(MqttError::BadTopic(_))), "{bad}");
        }
        let half = Mqtt { user: Some("candor".to_owned()), ..config("localhost:1883") };
        assert!(matches!(Broker::of(&half), Err(MqttError::HalfLogin)));
        let missing = Mqtt { password_file: Some("/nowhere".into()), ..half };
        let error = Broker::of(&missing).err().unwrap().to_string();
        assert!(error.contains("/nowhere: no such file") && error.contains("chmod 600"), "{error}");
    }

    #[test]
    fn a_broker_elsewhere_is_told_from_one_of_this_machine() {
        for here in ["127.0.0.1:1883", "localhost:1883", "[::1]:1883", "127.9.9.9:1"] {
            assert!(!config(here).is_beyond_this_machine(), "{here}");
        }
        for elsewhere in ["192.168.1.5:1883", "core-mosquitto:1883", "localhost.example:1", "[fe80::1]:1883"]
        {
            assert!(config(elsewhere).is_beyond_this_machine(), "{elsewhere}");
        }
    }
}
