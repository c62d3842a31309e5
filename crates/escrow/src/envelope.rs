//! The envelope: a package sealed to one trustee, for the way to it. Contract:
//! `proto/release.md#envelope`.
//!
//! ```text
//! 0001 35 | u32 day | day_key_id 32 | u32 length, encapsulation 1120, ciphertext
//! info = "candor package seal\0" || trustee_id || day_key_id       aad = u32 day       plaintext = a Package
//! ```
//!
//! Details and a court's order are for those who decide. TLS hides them as far as whoever ends it: here only
//! who holds the trustee's key of the day reads them. In scope: sealing and opening. Out of scope: whether
//! that key is the trustee's ([`crate::daykeys`]), and what is in the package ([`crate::grant`]).

use crate::daykeys::DayKey;
use crate::deal::{TrusteeId, seal_info};
use crate::package::PACKAGE_MAX_BYTES;
use alloc::vec::Vec;
use media::codec::{DecodeError, Reader, Writer};
use media::id::Day;
use seal::hpke::{self, ENCAPSULATION_BYTES, HpkeError, SecretKey};
use tlog::Hash;
use zeroize::Zeroizing;

/// The type byte.
pub const TYPE: u8 = 0x35;
/// Version, type, day, key id, length.
const HEAD_BYTES: usize = 2 + 1 + 4 + 32 + 4;
/// What is sealed is so much longer than what is in it.
const SEAL_BYTES: usize = ENCAPSULATION_BYTES + 16;
/// The largest envelope, bytes.
pub const ENVELOPE_MAX_BYTES: usize = HEAD_BYTES + SEAL_BYTES + PACKAGE_MAX_BYTES;
const DOMAIN: &[u8] = b"candor package seal\0";

/// An envelope as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// Whose key it is sealed to.
    pub day: Day,
    /// Which one of that day.
    pub day_key_id: Hash,
    sealed: &'a [u8],
}

/// Seals the bytes of a package to a trustee's key of a day.
pub fn seal(
    package: &[u8],
    trustee: &TrusteeId,
    key: &DayKey,
    rng: &mut impl rand_core::CryptoRng,
) -> Result<Vec<u8>, HpkeError> {
    let (id, day) = (key.id(), key.day.0);
    let sealed =
        hpke::seal(&key.public, &seal_info(DOMAIN, trustee, &id.0), &day.to_be_bytes(), package, rng)?;
    let mut w = Writer::object(TYPE);
    w.u32(day).raw(&id.0).bytes(&sealed);
    Ok(w.finish())
}

impl<'a> Envelope<'a> {
    /// Whether these bytes say that they are one. All else is a package, or nothing.
    pub fn is_one(bytes: &[u8]) -> bool {
        bytes.get(2) == Some(&TYPE)
    }

    /// Reads one, within the limits.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::object(bytes, TYPE)?;
        let (day, id) = (Day(r.u32("day")?), r.array("day key id")?);
        let sealed = r.bytes(SEAL_BYTES + PACKAGE_MAX_BYTES, "envelope")?;
        r.finish()?;
        Ok(Self { day, day_key_id: Hash(id), sealed })
    }

    /// The bytes of the package.
    pub fn open(&self, trustee: &TrusteeId, key: &SecretKey) -> Result<Zeroizing<Vec<u8>>, HpkeError> {
        let info = seal_info(DOMAIN, trustee, &self.day_key_id.0);
        key.open(&info, &self.day.0.to_be_bytes(), self.sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::Package;
    use crate::record::Kind;
    use crate::world_for_tests::{ORDER, START_US, World, trustee};

    /// Who ended TLS before a trustee, and whoever listened where a policy names one by http, read what a clerk
    /// reads: who is in danger, and the court's order.
    #[test]
    fn nothing_of_a_package_shows_on_its_way_and_one_trustee_alone_opens_it() {
        let mut world = World::new();
        let ask = world.ask(Kind::Legal);
        let package = world.log_request(&ask);
        let bytes = package.encode();
        let shows = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).any(|part| part == what);
        let secrets = [ORDER, package.details_key.expose(), &package.release_key, &package.opens[0]];
        assert!(secrets.iter().all(|secret| shows(&bytes, secret)), "the search finds them where they are");
        let secret = world.day_keys[0].clone();
        let key = world.day_key(1, START_US.day(), &secret);
        let id = |index| TrusteeId::of(&trustee(index).verifier());
        let sealed = seal(&bytes, &id(1), &key, &mut world.rng).unwrap();
        assert!(!secrets.iter().any(|secret| shows(&sealed, secret)));
        assert_eq!(sealed.len() - bytes.len(), ENVELOPE_MAX_BYTES - PACKAGE_MAX_BYTES);

        assert!(Envelope::is_one(&sealed) && !Envelope::is_one(&bytes) && !Envelope::is_one(&sealed[..2]));
        let envelope = Envelope::decode(&sealed).unwrap();
        assert_eq!((envelope.day, envelope.day_key_id), (START_US.day(), key.id()));
        let opened = envelope.open(&id(1), &secret).unwrap();
        assert_eq!(Package::decode(&opened), Ok(package));
        assert!(envelope.open(&id(2), &secret).is_err(), "for another trustee");
        assert!(envelope.open(&id(1), &world.day_keys[1]).is_err());
        let other_day = Envelope { day: Day(START_US.day().0 + 1), ..envelope };
        assert!(other_day.open(&id(1), &secret).is_err(), "of another day");
        // Every byte of the head counts, and some of what is sealed.
        let sealed_at = (HEAD_BYTES..sealed.len()).step_by(997);
        for at in (0..HEAD_BYTES).chain(sealed_at) {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            let opened = Envelope::decode(&altered).map(|envelope| envelope.open(&id(1), &secret).is_ok());
            assert_ne!(opened, Ok(true), "byte {at}");
        }
        assert!(Envelope::decode(&sealed[..sealed.len() - 1]).is_err());
        assert!(Envelope::decode(&[&sealed[..], &[0]].concat()).is_err());
    }
}
