//! What a leaf about an own camera is; in the book and in JSON a word.

use escrow::record::Kind;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const POLICY: &str = "policy";

/// A request of some kind, or a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundKind {
    /// `emergency`, `legal`, `owner-share`, `recovery`.
    Request(Kind),
    /// `policy`.
    Policy,
}

impl FoundKind {
    /// Whether trustees are asked to let keys go.
    pub fn is_asked_of_trustees(self) -> bool {
        match self {
            Self::Request(kind) => kind != Kind::OwnerShare,
            Self::Policy => false,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Request(kind) => kind.word(),
            Self::Policy => POLICY,
        }
    }
}

impl Serialize for FoundKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for FoundKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let request = Kind::from_word(&word).map(Self::Request);
        let kind = if word == POLICY { Some(Self::Policy) } else { request };
        kind.ok_or_else(|| serde::de::Error::custom(format!("{word:?} is no kind of leaf about a camera")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_its_word_there_and_back_and_others_are_refused() {
        let requests = [Kind::OwnerShare, Kind::Legal, Kind::Emergency, Kind::Recovery];
        for kind in requests.map(FoundKind::Request).into_iter().chain([FoundKind::Policy]) {
            let text = serde_json::to_string(&kind).unwrap();
            assert_eq!(text, format!("{:?}", kind.word()));
            assert_eq!(serde_json::from_str::<FoundKind>(&text).unwrap(), kind);
        }
        assert!(serde_json::from_str::<FoundKind>("\"grant\"").is_err());
    }
}
