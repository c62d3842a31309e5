//! Identifiers: newtypes, so that a camera is never taken for a device nor a sequence for an epoch.

use core::fmt;

macro_rules! hash_id {
    ($(#[$doc:meta])* $name:ident, $domain:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The identifier of an Ed25519 public key, 32 bytes.
            pub fn of_key(public_key: &[u8; 32]) -> Self {
                Self(crate::sign::sha256(&[$domain, public_key]))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        crate::wrapped!($name);

        impl core::str::FromStr for $name {
            type Err = BadId;

            /// 64 hexadecimal digits, as [`fmt::Display`] writes them.
            fn from_str(text: &str) -> Result<Self, BadId> {
                let mut id = [0; 32];
                // `from_str_radix` alone would take a sign and capitals: an identifier has one
                // text.
                if text.len() != 64 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
                    return Err(BadId);
                }
                for (byte, pair) in id.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
                    let pair = core::str::from_utf8(pair).map_err(|_| BadId)?;
                    *byte = u8::from_str_radix(pair, 16).map_err(|_| BadId)?;
                }
                Ok(Self(id))
            }
        }
    };
}

/// A text is not an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier: 64 hexadecimal digits are expected")]
pub struct BadId;

hash_id!(
    /// A camera: the hash of its Ed25519 public key.
    CameraId,
    b"candor camera\0"
);
hash_id!(
    /// A device that watches: the hash of the Ed25519 public key with which it meets the relay.
    DeviceId,
    b"candor device\0"
);

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        crate::wrapped!($name);

        impl $name {
            /// The next one; `None` at the end of the counter.
            pub fn next(self) -> Option<Self> {
                self.0.checked_add(1).map(Self)
            }
        }
    };
}
pub(crate) use number_id;

number_id!(
    /// One picture of one camera. Track 0 is the main one, track 1 a second one at a lower rate.
    TrackId(u32)
);
number_id!(
    /// Counts the epochs of one camera and track for ever; never reused.
    EpochNo(u64)
);
number_id!(
    /// Counts the segments of one camera and track for ever; never reused.
    Sequence(u64)
);
number_id!(
    /// A Unix day: seconds since 1970 divided by 86,400.
    Day(u32)
);

impl TrackId {
    /// A camera's picture.
    pub const MAIN: Self = Self(0);
    /// A second picture of the same scene at a lower rate, where the camera has one.
    pub const SUB: Self = Self(1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn identifiers_of_one_key_differ_by_domain_and_round_trip_as_text() {
        let key = [7; 32];
        let camera = CameraId::of_key(&key);
        assert_ne!(camera.0, DeviceId::of_key(&key).0);
        assert_eq!(camera.to_string().parse(), Ok(camera));
        assert_eq!("zz".parse::<CameraId>(), Err(BadId));
        let (signed, capitals) = ("+f".repeat(32), camera.to_string().to_uppercase());
        assert_eq!(signed.parse::<CameraId>(), Err(BadId), "an identifier has one text");
        assert_eq!(capitals.parse::<CameraId>(), Err(BadId));
    }
}
