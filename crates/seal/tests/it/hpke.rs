//! HPKE with X-Wing against others.
//!
//! Vectors: the KEM's own (draft-connolly-cfrg-xwing-kem), and the one of draft-ietf-hpke-pq that
//! is of our suite in every part. Oracle: `hpke-rs` over libcrux shares no code with `hpke`,
//! neither for ML-KEM and X25519 nor for the key schedule and the AEAD.

use crate::schedule::{array, bytes};
use chacha20::ChaCha20Rng as Rng;
use core::convert::Infallible;
use hpke_rs::hpke_types::{AeadAlgorithm, KdfAlgorithm, KemAlgorithm};
use hpke_rs::libcrux::{HpkeLibcrux, HpkeLibcruxPrng};
use hpke_rs::{Hpke, HpkePrivateKey, HpkePublicKey, Mode};
use rand_core::SeedableRng as _;
use rand_core::{TryCryptoRng, TryRng};
use seal::hpke::{self, ENCAPSULATION_BYTES, HpkeError, PUBLIC_BYTES, SecretKey};

fn oracle() -> Hpke<HpkeLibcrux> {
    let prng = HpkeLibcruxPrng::try_from_seed([7; 32]).unwrap();
    Hpke::new_with_rng(
        Mode::Base,
        KemAlgorithm::XWingDraft06,
        KdfAlgorithm::HkdfSha256,
        AeadAlgorithm::ChaCha20Poly1305,
        prng,
    )
}

/// Gives out what a vector says that the randomness was.
struct Told(Vec<u8>);

impl TryRng for Told {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("encapsulation reads bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("encapsulation reads bytes")
    }

    fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), Infallible> {
        let rest = self.0.split_off(destination.len());
        destination.copy_from_slice(&core::mem::replace(&mut self.0, rest));
        Ok(())
    }
}

impl TryCryptoRng for Told {}

#[test]
fn the_kems_own_vectors() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../../proto/vectors/x-wing.json")).unwrap();
    let vectors = vectors["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let key = SecretKey::new(array(&vector["seed"]));
        assert_eq!(key.public(), bytes(&vector["pk"]));
        let mut told = Told(bytes(&vector["eseed"]));
        let sealed = hpke::seal(&key.public(), b"info", b"aad", b"text", &mut told).unwrap();
        assert_eq!(sealed[..ENCAPSULATION_BYTES], bytes(&vector["ct"]));
        assert!(told.0.is_empty(), "all of the randomness, and no more");
        assert_eq!(key.open(b"info", b"aad", &sealed).unwrap().as_slice(), b"text");
    }
}

#[test]
fn the_vector_of_the_whole_suite() {
    let vector: serde_json::Value =
        serde_json::from_str(include_str!("../../../../proto/vectors/hpke-pq.json")).unwrap();
    assert_eq!(
        (&vector["kem_id"], &vector["kdf_id"], &vector["aead_id"]),
        (&0x647a.into(), &1.into(), &3.into())
    );
    let [info, aad, text] = ["info", "aad", "pt"].map(|field| bytes(&vector[field]));
    let key = SecretKey::new(array(&vector["sk_r"]));
    let expected = [bytes(&vector["enc"]), bytes(&vector["ct"])].concat();
    let mut told = Told(bytes(&vector["ikm_e"]));
    assert_eq!(hpke::seal(&key.public(), &info, &aad, &text, &mut told).unwrap(), expected);
    assert!(told.0.is_empty(), "all of the randomness, and no more");
    assert_eq!(key.open(&info, &aad, &expected).unwrap().as_slice(), text);
}

#[test]
fn the_oracle_opens_what_we_seal_and_we_what_it_seals() {
    let mut rng = Rng::seed_from_u64(1);
    for (info, aad, text) in [
        (&b""[..], &b""[..], &b""[..]),
        (b"candor wrap\0id", &[3; 32], &[4; 33]),
        (&[5; 300], &[6; 100], &[7; 70_000]),
    ] {
        let key = SecretKey::generate(&mut rng);
        let sealed = hpke::seal(&key.public(), info, aad, text, &mut rng).unwrap();
        assert_eq!(sealed.len(), text.len() + ENCAPSULATION_BYTES + 16);
        let (encapsulated, ciphertext) = sealed.split_at(ENCAPSULATION_BYTES);
        let private = HpkePrivateKey::new(key.expose().to_vec());
        let opened = oracle().open(encapsulated, &private, info, aad, ciphertext, None, None, None).unwrap();
        assert_eq!(opened, text);

        let public = HpkePublicKey::new(key.public());
        let (encapsulated, ciphertext) = oracle().seal(&public, info, aad, text, None, None, None).unwrap();
        let sealed = [encapsulated, ciphertext].concat();
        assert_eq!(key.open(info, aad, &sealed).unwrap().as_slice(), text);
    }
}

#[test]
fn it_opens_for_its_key_info_and_aad_only_and_unaltered() {
    let mut rng = Rng::seed_from_u64(2);
    let (key, other) = (SecretKey::generate(&mut rng), SecretKey::generate(&mut rng));
    let sealed = hpke::seal(&key.public(), b"info", b"aad", b"text", &mut rng).unwrap();
    assert_eq!(key.open(b"info", b"aad", &sealed).unwrap().as_slice(), b"text");
    assert_eq!(other.open(b"info", b"aad", &sealed), Err(HpkeError::CannotOpen));
    assert_eq!(key.open(b"infO", b"aad", &sealed), Err(HpkeError::CannotOpen));
    assert_eq!(key.open(b"info", b"aaD", &sealed), Err(HpkeError::CannotOpen));
    for at in (0..sealed.len()).step_by(37).chain(ENCAPSULATION_BYTES - 40..sealed.len()) {
        let mut altered = sealed.clone();
        altered[at] ^= 1;
        assert_eq!(key.open(b"info", b"aad", &altered), Err(HpkeError::CannotOpen), "byte {at}");
        assert_eq!(key.open(b"info", b"aad", &sealed[..at]), Err(HpkeError::CannotOpen), "cut at {at}");
    }
    let longer = [&sealed[..], &[0]].concat();
    assert_eq!(key.open(b"info", b"aad", &longer), Err(HpkeError::CannotOpen));
}

#[test]
fn nothing_is_sealed_to_what_is_no_public_key() {
    let mut rng = Rng::seed_from_u64(3);
    let public = SecretKey::generate(&mut rng).public();
    assert_eq!(public.len(), PUBLIC_BYTES);
    hpke::seal(&public, b"", b"", b"text", &mut rng).unwrap();
    // FIPS 203, section 7.2: a coefficient of q or more is refused.
    let beyond_q = [&[0xff; 3][..], &public[3..]].concat();
    for bad in [&[][..], &public[..PUBLIC_BYTES - 1], &[&public[..], &[0]].concat(), &beyond_q] {
        assert_eq!(hpke::seal(bad, b"", b"", b"text", &mut rng), Err(HpkeError::BadPublicKey));
    }
}

#[test]
fn two_seals_of_one_text_have_nothing_in_common() {
    let mut rng = Rng::seed_from_u64(4);
    let public = SecretKey::generate(&mut rng).public();
    let mut seal = || hpke::seal(&public, b"", b"", &[0; 33], &mut rng).unwrap();
    let (one, two) = (seal(), seal());
    assert_ne!(one[..32], two[..32]);
    assert_ne!(one[ENCAPSULATION_BYTES..], two[ENCAPSULATION_BYTES..]);
}
