//! An Ed25519 public key as people copy it from one configuration into another.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use media::sign::PublicKey;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// An Ed25519 public key: 43 characters of base64url, as `init` commands print it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(pub PublicKey);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Key {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadKey)?;
        Ok(Self(bytes.try_into().map_err(|_| BadKey)?))
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a key: 43 characters of base64url are expected, as the `init` command of its holder printed them"
)]
pub struct BadKey;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_written_and_what_is_none_is_refused() {
        let key = Key([7; 32]);
        let text = key.to_string();
        assert_eq!((text.len(), text.parse()), (43, Ok(key)));
        for bad in ["AA", "", &text[1..], &format!("{text}A"), &format!("{text}=")] {
            assert_eq!(bad.parse::<Key>(), Err(BadKey), "{bad:?}");
        }
    }
}
