//! Where a relay is: one address or several, in the order in which they are tried.
//!
//! ```toml
//! addresses = ["relay.example:4433", "192.0.2.7:4433"]
//! ```

use serde::Deserialize;

/// The most addresses of one relay: trying them all must end while somebody still waits.
pub const ADDRESSES_MAX: usize = 8;

/// `HOST:PORT` each; at least one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct Addresses(Vec<String>);

impl Addresses {
    /// One address.
    pub fn one(address: impl Into<String>) -> Self {
        Self(vec![address.into()])
    }

    /// The one that is told to others.
    pub fn first(&self) -> &str {
        self.0.first().expect("there is at least one, by construction")
    }

    /// All of them, in order.
    pub fn all(&self) -> &[String] {
        &self.0
    }
}

impl TryFrom<Vec<String>> for Addresses {
    type Error = String;

    fn try_from(addresses: Vec<String>) -> Result<Self, String> {
        match addresses.len() {
            0 => Err("there is no address: write addresses = [\"HOST:PORT\"]".to_owned()),
            1..=ADDRESSES_MAX => Ok(Self(addresses)),
            many => Err(format!("{many} addresses are over the limit of {ADDRESSES_MAX}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Config {
        addresses: Addresses,
    }

    fn read(text: &str) -> Result<Addresses, String> {
        toml::from_str::<Config>(text).map(|config| config.addresses).map_err(|error| error.to_string())
    }

    #[test]
    fn one_to_eight_addresses_are_read_and_the_first_is_the_one_that_is_told() {
        let two = read(r#"addresses = ["a:1", "b:2"]"#).unwrap();
        assert_eq!((two.first(), two.all().len()), ("a:1", 2));
        assert!(read("addresses = []").unwrap_err().contains("HOST:PORT"));
        let many = format!("addresses = [{}]", "\"a:1\",".repeat(ADDRESSES_MAX + 1));
        assert!(read(&many).unwrap_err().contains("over the limit"));
    }
}
