//! A picture of a camera on its way to a device of its owner's, through hands that must not see it.
//! Contract: `proto/segment.md#pictures-that-are-sent`.
//!
//! ```text
//! sent    = 0001 18 | recipient 32 | bytes sealed
//! sealed  = HPKE to the recipient's wrap key: info "candor picture seal\0", aad recipient, plaintext:
//! picture = 0001 19 | device_pk 32 | camera_id 32 | u64 from_us | u64 to_us | u64 at_us | text camera | text kind | bytes image | signature 64
//! signature over "candor picture\0" || recipient || all before it
//! ```
//! In scope: sealing and opening. Out of scope: what made the image, and how it travels.

use crate::hpke::{self, ENCAPSULATION_BYTES, HpkeError, SecretKey};
use alloc::string::String;
use alloc::vec::Vec;
use ed25519_dalek::SigningKey;
use media::codec::{self, DecodeError, Reader, Writer};
use media::id::CameraId;
use media::sign::{self, BadSignature, PublicKey};
use media::time::Micros;
use media::{fields, limits};

/// The type byte of what is sent.
pub const TYPE: u8 = 0x18;
const INNER_TYPE: u8 = 0x19;
const INFO: &[u8] = b"candor picture seal\0";
const DOMAIN: &[u8] = b"candor picture\0";
/// The largest image, bytes.
pub const IMAGE_MAX: usize = 4 << 20;
/// What kind of image it is, bytes.
const KIND_MAX: usize = 64;
/// Around the image: HPKE's own, a name, a kind, the signature and the rest.
const AROUND: usize = ENCAPSULATION_BYTES + 16 + limits::NAME + KIND_MAX + 512;
/// The most bytes that are sent.
pub const SENT_MAX: usize = IMAGE_MAX + AROUND + 64;

/// A picture, and what is said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentPicture {
    /// The device that sent it, and signed it.
    pub device_pk: PublicKey,
    /// The camera.
    pub camera_id: CameraId,
    /// When something moved, by the camera's clock.
    pub from_us: Micros,
    /// Until when, as far as was known.
    pub to_us: Micros,
    /// When the image was taken: not always in between.
    pub at_us: Micros,
    /// What the owner calls the camera.
    pub camera: String,
    /// The image's media type, such as `image/jpeg`.
    pub kind: String,
    /// The image.
    pub image: Vec<u8>,
}

fields!(SentPicture {
    device_pk,
    camera_id,
    from_us,
    to_us,
    at_us,
    camera <= limits::NAME,
    kind <= KIND_MAX,
    image <= IMAGE_MAX,
});

/// Why what was sent is not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// Cut off, altered outside the seal, or something else.
    #[error("not a sealed picture: {0}")]
    Malformed(#[from] DecodeError),
    /// It may open elsewhere.
    #[error("it is sealed to the key of another device")]
    OtherKey,
    /// Altered on its way.
    #[error(transparent)]
    Closed(#[from] HpkeError),
    /// Whoever knows a public key can seal to it.
    #[error(transparent)]
    Unsigned(#[from] BadSignature),
}

/// By what a wrap key is named.
fn recipient(public: &[u8]) -> [u8; 32] {
    sign::sha256(&[public])
}

impl SentPicture {
    /// With the device's signature behind it: what is sealed. It names the recipient, so that who
    /// opens it cannot pass it on as sent to another.
    pub fn sign(&self, device: &SigningKey, recipient: &[u8; 32]) -> Vec<u8> {
        let mut signed = codec::encode(INNER_TYPE, self);
        let signature = sign::sign(device, DOMAIN, &[&recipient[..], &signed].concat());
        signed.extend_from_slice(&signature);
        signed
    }

    /// Reads what [`sign`](Self::sign) made, and verifies it.
    ///
    /// # Errors
    /// [`PictureError::Malformed`], [`PictureError::Unsigned`].
    pub fn verified(signed: &[u8], recipient: &[u8; 32]) -> Result<Self, PictureError> {
        let (body, signature) = signed.split_last_chunk::<64>().ok_or(DecodeError::Truncated("signature"))?;
        let picture: Self = codec::decode(INNER_TYPE, body)?;
        // SPEC: segment.md#pictures-that-are-sent: one that is not signed MUST NOT be shown.
        let message = [&recipient[..], body].concat();
        sign::verify(&picture.device_pk, DOMAIN, &message, signature, "picture")?;
        Ok(picture)
    }

    /// Signs as the device and seals to the wrap key `to`.
    ///
    /// # Errors
    /// [`HpkeError::BadPublicKey`].
    pub fn seal(
        &self,
        device: &SigningKey,
        to: &[u8],
        rng: &mut impl rand_core::CryptoRng,
    ) -> Result<Vec<u8>, HpkeError> {
        let recipient = recipient(to);
        let sealed = hpke::seal(to, INFO, &recipient, &self.sign(device, &recipient), rng)?;
        let mut w = Writer::object(TYPE);
        w.raw(&recipient).bytes(&sealed);
        Ok(w.finish())
    }

    /// Opens what [`seal`](Self::seal) made. That `device_pk` signed it is verified; whose device
    /// that is, only the caller knows.
    ///
    /// # Errors
    /// [`PictureError`].
    pub fn open(sent: &[u8], key: &SecretKey) -> Result<Self, PictureError> {
        let mut r = Reader::object(sent, TYPE)?;
        let to: [u8; 32] = r.array("recipient")?;
        let sealed = r.bytes(IMAGE_MAX + AROUND, "sealed picture")?;
        r.finish()?;
        if to != recipient(&key.public()) {
            return Err(PictureError::OtherKey);
        }
        Self::verified(&key.open(INFO, &to, sealed)?, &to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chacha20::ChaCha20Rng;
    use chacha20::rand_core::SeedableRng as _;

    fn rng() -> ChaCha20Rng {
        ChaCha20Rng::seed_from_u64(1)
    }

    fn picture(device: &SigningKey) -> SentPicture {
        SentPicture {
            device_pk: device.verifying_key().to_bytes(),
            camera_id: CameraId([7; 32]),
            from_us: Micros(1_795_700_000_000_000),
            to_us: Micros(1_795_700_012_000_000),
            at_us: Micros(1_795_700_011_000_000),
            camera: "front-door".into(),
            kind: "image/jpeg".into(),
            image: alloc::vec![0xd8; 70_000],
        }
    }

    #[test]
    fn one_device_alone_opens_a_picture_and_knows_who_sent_it() {
        let mut rng = rng();
        let (device, mine, other) =
            (SigningKey::from_bytes(&[3; 32]), SecretKey::generate(&mut rng), SecretKey::generate(&mut rng));
        let sent = picture(&device).seal(&device, &mine.public(), &mut rng).unwrap();
        assert!(sent.len() <= SENT_MAX);
        assert!(!sent.windows(10).any(|part| part == b"front-door" || part == [0xd8; 10]));
        assert_eq!(SentPicture::open(&sent, &mine), Ok(picture(&device)));
        assert_eq!(SentPicture::open(&sent, &other), Err(PictureError::OtherKey));
        for at in (0..sent.len()).filter(|at| *at < 64 || at % 4999 == 0) {
            let mut altered = sent.clone();
            altered[at] ^= 1;
            assert!(SentPicture::open(&altered, &mine).is_err(), "byte {at}");
            assert!(SentPicture::open(&sent[..at], &mine).is_err(), "{at} bytes");
        }
        assert!(SentPicture::open(&[&sent[..], &[0]].concat(), &mine).is_err());
        assert_eq!(picture(&device).seal(&device, &[1; 1215], &mut rng), Err(HpkeError::BadPublicKey));
    }

    /// Whoever serves the webhook knows the key that pictures are sealed to, for they are posted there.
    #[test]
    fn a_picture_in_a_devices_name_is_not_shown_unless_it_signed_it() {
        let mut rng = rng();
        let (device, forger) = (SigningKey::from_bytes(&[3; 32]), SigningKey::from_bytes(&[4; 32]));
        let mine = SecretKey::generate(&mut rng);
        let sent = picture(&device).seal(&forger, &mine.public(), &mut rng).unwrap();
        assert_eq!(SentPicture::open(&sent, &mine), Err(BadSignature("picture").into()));
    }

    #[test]
    fn whoever_opened_a_picture_cannot_pass_it_on_as_sent_to_another() {
        let (mut rng, device) = (rng(), SigningKey::from_bytes(&[3; 32]));
        let (mine, other) = (SecretKey::generate(&mut rng), SecretKey::generate(&mut rng));
        let signed = picture(&device).sign(&device, &recipient(&mine.public()));
        let to = recipient(&other.public());
        let sealed = hpke::seal(&other.public(), INFO, &to, &signed, &mut rng).unwrap();
        let mut w = Writer::object(TYPE);
        w.raw(&to).bytes(&sealed);
        assert_eq!(SentPicture::open(&w.finish(), &other), Err(BadSignature("picture").into()));
    }

    #[test]
    fn an_image_over_the_limit_is_refused() {
        let mut rng = rng();
        let (device, mine) = (SigningKey::from_bytes(&[3; 32]), SecretKey::generate(&mut rng));
        let large = SentPicture { image: alloc::vec![0; IMAGE_MAX + 1], ..picture(&device) };
        let sent = large.seal(&device, &mine.public(), &mut rng).unwrap();
        assert!(matches!(SentPicture::open(&sent, &mine), Err(PictureError::Malformed(_))));
    }
}
