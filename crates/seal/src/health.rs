//! What a camera says of itself, for its owner alone. Contract: `proto/segment.md#health`.
//!
//! ```text
//! health key = HKDF-Expand(NR_d, "candor health key\0" || camera_id || u32 d, 32)     of the day at which the camera's chain stands
//! said       = u32 length || pictures, troubles, waiting, settings || zeros, 1664 bytes together
//! sealed     = nonce 12 || ChaCha20-Poly1305(health key, nonce, said)
//! ```
//!
//! In scope: the words, and their one length. Out of scope: signature and date (`media::health`),
//! what is said of it to people.

use crate::epoch::secret;
use alloc::string::String;
use alloc::vec::Vec;
use media::codec::{self, DecodeError, Reader};
use media::id::TrackId;
use media::time::Micros;
use media::{fields, limits, numbered};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

secret!(
    /// What seals and opens the words of one camera and day.
    HealthKey
);

/// What a camera says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its pictures, the main one first.
    pub pictures: Vec<Picture>,
    /// What is wrong, the worst first; none while all is well.
    pub troubles: Vec<Trouble>,
    /// Segments that wait for the relay.
    pub waiting: u32,
    /// The number of the [settings](media::settings) that it follows; 0 for none.
    pub settings: u64,
}

fields!(Said { pictures[limits::HEALTH_PICTURES], troubles[limits::HEALTH_TROUBLES], waiting, settings });

/// How one picture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Which.
    pub track: TrackId,
    /// Whether it is filmed.
    pub state: PictureState,
    /// Since when that is so, by the camera's clock.
    pub since_us: Micros,
}

fields!(Picture { track, state, since_us });

/// Whether a picture is filmed; if not, whether by its owner's own rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureState {
    /// It is.
    Filmed,
    /// It comes, and nothing moves in it: of a camera that films events only.
    NothingMoves,
    /// Now is outside its hours.
    OutsideHours,
    /// Its privacy switch is on.
    Private,
    /// It should be, and it is not.
    Missing,
}

numbered!(PictureState as u8 { Filmed = 1, NothingMoves = 2, OutsideHours = 3, Private = 4, Missing = 5 });

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// With which picture; what concerns the whole camera is the main one's.
    pub track: TrackId,
    /// With what of it.
    pub kind: TroubleKind,
    /// What it is, and perhaps what to do.
    pub text: String,
}

fields!(Trouble { track, kind, text <= limits::HEALTH_TEXT });

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    /// There is no picture.
    Picture,
    /// There is no sound.
    Sound,
    /// The clock of the camera that is filmed.
    CameraClock,
    /// The camera's own clock.
    Clock,
    /// The relay does not take what is filmed.
    Relay,
    /// Another camera has its key, or it was put back from a backup.
    Identity,
    /// A policy of the owner's that is not followed.
    Policy,
    /// Trustees who get no share.
    Trustees,
    /// Segments that were let go for want of room.
    Spool,
    /// Nothing: what the camera's configuration chose, for whoever wonders.
    Chosen,
    /// What is asked of it and not followed.
    Settings,
    /// What the camera that is filmed says of motion: it is not heard.
    Sensor,
}

numbered!(TroubleKind as u8 {
    Picture = 1,
    Sound = 2,
    CameraClock = 3,
    Clock = 4,
    Relay = 5,
    Identity = 6,
    Policy = 7,
    Trustees = 8,
    Spool = 9,
    Chosen = 10,
    Settings = 11,
    Sensor = 12,
});

impl Trouble {
    /// A longer text is cut.
    pub fn new(track: TrackId, kind: TroubleKind, text: impl Into<String>) -> Self {
        Self { track, kind, text: codec::cut_text(text, limits::HEALTH_TEXT) }
    }
}

impl Said {
    fn padded(&self) -> Vec<u8> {
        let mut said = codec::encode_bare(self);
        let length = u32::try_from(said.len()).expect("its lists and texts are short");
        said.splice(0..0, length.to_be_bytes());
        assert!(said.len() <= limits::HEALTH_SAID, "the longest of all fits");
        said.resize(limits::HEALTH_SAID, 0);
        said
    }

    /// # Errors
    /// [`DecodeError`], also where something stands behind it.
    fn unpadded(said: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(said);
        let content = codec::decode_bare(r.bytes(limits::HEALTH_SAID, "health")?)?;
        let zeros = r.take(r.left(), "zeros")?;
        // SPEC: segment.md#health: other bytes than zeros behind the words MUST be refused.
        if zeros.iter().any(|byte| *byte != 0) {
            return Err(DecodeError::BadValue("zeros"));
        }
        Ok(content)
    }
}

impl HealthKey {
    // SPEC: segment.md#health: its length MUST be the same whatever is said.
    /// Seals what is said: [`limits::HEALTH_SEALED`] bytes. Over its limits it is cut: the last
    /// troubles and pictures are not told.
    pub fn seal(&self, mut said: Said, rng: &mut impl rand_core::CryptoRng) -> Vec<u8> {
        said.pictures.truncate(limits::HEALTH_PICTURES);
        said.troubles.truncate(limits::HEALTH_TROUBLES);
        seal_under(&self.0, said.padded(), rng)
    }

    /// Opens it; `None` when it is not this key's, or no words of this version.
    pub fn open(&self, sealed: &[u8]) -> Option<Said> {
        Said::unpadded(&open_under(&self.0, sealed)?).ok()
    }
}

/// A fresh nonce, and words of a fixed length under it.
pub(crate) fn seal_under(key: &[u8; 32], mut said: Vec<u8>, rng: &mut impl rand_core::CryptoRng) -> Vec<u8> {
    let mut nonce = [0; NONCE_LEN];
    rng.fill_bytes(&mut nonce);
    aead(key)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut said)
        .expect("it is far below the AEAD's limit");
    [&nonce[..], &said].concat()
}

/// What was sealed so; `None` when it is not this key's.
pub(crate) fn open_under(key: &[u8; 32], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let mut opening = sealed.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    Some(aead(key).open_in_place(nonce, Aad::empty(), &mut opening).ok()?.to_vec())
}

fn aead(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).expect("32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;
    use alloc::vec;
    use chacha20::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    fn picture(state: PictureState) -> Picture {
        Picture { track: TrackId::MAIN, state, since_us: Micros(7) }
    }

    fn said(troubles: Vec<Trouble>) -> Said {
        Said { pictures: vec![picture(PictureState::Missing)], troubles, waiting: 3, settings: 0 }
    }

    #[test]
    fn what_is_said_has_one_length_and_comes_back_whole() {
        let key = HealthKey::new([7; 32]);
        let long = "ä".repeat(limits::HEALTH_TEXT);
        let worst = Trouble::new(TrackId::MAIN, TroubleKind::Picture, long);
        assert_eq!(worst.text.len(), limits::HEALTH_TEXT);
        for troubles in [vec![], vec![worst.clone(); limits::HEALTH_TROUBLES]] {
            let mut whole = said(troubles);
            whole.pictures = vec![picture(PictureState::Filmed); limits::HEALTH_PICTURES];
            let sealed = key.seal(whole.clone(), &mut ChaCha20Rng::seed_from_u64(1));
            assert_eq!(sealed.len(), limits::HEALTH_SEALED);
            assert_eq!(key.open(&sealed), Some(whole));
        }
        // What is too much is cut, not lost whole.
        let many = key.seal(said(vec![worst.clone(); 99]), &mut ChaCha20Rng::seed_from_u64(1));
        assert_eq!(key.open(&many).unwrap().troubles.len(), limits::HEALTH_TROUBLES);
    }

    #[test]
    fn another_key_altered_bytes_and_anything_behind_the_words_open_nothing() {
        let key = HealthKey::new([7; 32]);
        let sealed = key.seal(said(vec![]), &mut ChaCha20Rng::seed_from_u64(1));
        assert_eq!(HealthKey::new([8; 32]).open(&sealed), None);
        for at in [0, 12, limits::HEALTH_SEALED - 1] {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert_eq!(key.open(&altered), None, "{at}");
        }
        assert_eq!(key.open(&sealed[..11]), None);
        let mut padded = said(vec![]).padded();
        assert_eq!(Said::unpadded(&padded), Ok(said(vec![])));
        *padded.last_mut().unwrap() = 1;
        assert_eq!(Said::unpadded(&padded), Err(DecodeError::BadValue("zeros")));
    }

    #[test]
    fn a_text_of_the_sources_holds_no_control_characters() {
        let trouble = Trouble::new(TrackId::SUB, TroubleKind::Sound, "no\u{1b}[2J\n sound");
        assert_eq!(trouble.text, "no[2J sound".to_string());
    }
}
