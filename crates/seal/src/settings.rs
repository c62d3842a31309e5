//! What an owner asks of a camera, for the two of them alone. Contract: `proto/segment.md#settings`.
//!
//! ```text
//! settings key = HKDF-Expand(NR_d, "candor settings key\0" || camera_id || u32 d, 32)     d: the day that the object names
//! said         = cells 18 || zeros, 64 bytes together
//! sealed       = nonce 12 || ChaCha20-Poly1305(settings key, nonce, said)
//! ```
//!
//! In scope: the words, and their one length. Out of scope: who may ask (`media::settings` and its
//! readers).

use crate::epoch::secret;
use crate::health::{open_under, seal_under};
use alloc::vec::Vec;
use media::codec::{self, DecodeError, Reader};
use media::motion::Cells;
use media::{fields, limits};

secret!(
    /// What seals and opens what is asked of one camera.
    SettingsKey
);

/// What is asked of a camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// What moves in these cells makes no event.
    pub ignored: Cells,
}

fields!(Asked { ignored });

impl SettingsKey {
    /// Seals what is asked: [`limits::SETTINGS_SEALED`] bytes.
    pub fn seal(&self, asked: &Asked, rng: &mut impl rand_core::CryptoRng) -> Vec<u8> {
        let mut said = codec::encode_bare(asked);
        said.resize(limits::SETTINGS_SAID, 0);
        seal_under(&self.0, said, rng)
    }

    /// Opens it; `None` when it is not this key's, or no words of this version.
    pub fn open(&self, sealed: &[u8]) -> Option<Asked> {
        unpadded(&open_under(&self.0, sealed)?).ok()
    }
}

fn unpadded(said: &[u8]) -> Result<Asked, DecodeError> {
    let mut r = Reader::new(said);
    let asked = codec::decode_bare(r.take(media::motion::CELLS_LEN, "settings")?)?;
    // SPEC: segment.md#settings: other bytes than zeros behind what is asked MUST be refused.
    if r.take(r.left(), "zeros")?.iter().any(|byte| *byte != 0) {
        return Err(DecodeError::BadValue("zeros"));
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::NoticeRoot;
    use chacha20::ChaCha20Rng;
    use media::id::{CameraId, Day};
    use rand_core::SeedableRng as _;

    #[test]
    fn what_is_asked_comes_back_under_its_own_days_key_and_under_no_other() {
        let (root, camera) = (NoticeRoot::new([5; 32]), CameraId([7; 32]));
        let asked = Asked { ignored: Cells::NONE.with(3, 2).with(15, 8) };
        let key = root.settings_key(&camera, Day(9));
        let sealed = key.seal(&asked, &mut ChaCha20Rng::seed_from_u64(1));
        assert_eq!((sealed.len(), key.open(&sealed)), (limits::SETTINGS_SEALED, Some(asked)));
        let health = root.health_key(&camera, Day(9));
        for other in [
            root.settings_key(&camera, Day(10)),
            root.settings_key(&CameraId([8; 32]), Day(9)),
            SettingsKey::new(*health.expose()),
        ] {
            assert_eq!(other.open(&sealed), None);
        }
        for at in [0, 12, 40, limits::SETTINGS_SEALED - 1] {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert_eq!(key.open(&altered), None, "{at}");
        }
        assert_eq!((key.open(&sealed[..11]), key.open(&[])), (None, None));
        let mut said = [0; limits::SETTINGS_SAID];
        assert_eq!(unpadded(&said), Ok(Asked::default()));
        said[limits::SETTINGS_SAID - 1] = 1;
        assert_eq!(unpadded(&said), Err(DecodeError::BadValue("zeros")));
    }
}
