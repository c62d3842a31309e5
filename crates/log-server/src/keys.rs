//! The log's own keys: Ed25519, which every witness and client understands, and ML-DSA-44 under the
//! same name, which holds against quantum computers.

use crate::error::Error;
use crate::stamping::Stamping;
use crate::tree::Heads;
use host::clock::Clock;
use host::rng::Rng;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tlog::Hash;
use tlog::checkpoint::{Checkpoint, CheckpointError, UnverifiedCheckpoint};
use tlog::cosignature::{Algorithm, Cosigner};
use tlog::note::{KeyError, Signer, Verifier};

const ED25519: &str = "log.key";
const ML_DSA_44: &str = "log-ml-dsa-44.key";

/// The keys of one log.
#[derive(Debug)]
pub(crate) struct Keys {
    origin: String,
    signer: Arc<Signer>,
    verifier: Verifier,
    post_quantum: Cosigner,
    clock: Clock,
}

impl Keys {
    /// Makes the key files of a new log.
    pub(crate) fn create(data: &Path, origin: &str) -> Result<(), Error> {
        let own = |file: &str| own_key(data.join(file));
        let signer = Signer::generate(origin, &mut Rng::system()).map_err(own(ED25519))?;
        let post_quantum =
            Cosigner::generate(origin, Algorithm::MlDsa44, &mut Rng::system()).map_err(own(ML_DSA_44))?;
        host::secret::create_line(&data.join(ED25519), &signer.to_secret_text())?;
        host::secret::create_line(&data.join(ML_DSA_44), &post_quantum.to_secret_text())?;
        Ok(())
    }

    /// Reads the key files; both must be of `origin`. The ML-DSA-44 key states times of this clock.
    pub(crate) fn open(data: &Path, origin: &str, clock: Clock) -> Result<Self, Error> {
        let own = |file: &str| own_key(data.join(file));
        let line = host::secret::read_line(&data.join(ED25519))?;
        let signer =
            Signer::from_secret_text(&line).and_then(|key| key.named(origin)).map_err(own(ED25519))?;
        let line = host::secret::read_line(&data.join(ML_DSA_44))?;
        let post_quantum =
            Cosigner::from_secret_text(&line).and_then(|key| key.named(origin)).map_err(own(ML_DSA_44))?;
        let verifier = signer.verifier();
        Ok(Self { origin: origin.to_owned(), signer: Arc::new(signer), verifier, post_quantum, clock })
    }

    /// The Ed25519 key, which stands in policies, then the ML-DSA-44 one.
    pub(crate) fn vkeys(&self) -> Vec<String> {
        vec![self.verifier.vkey(), self.post_quantum.verifier().vkey()]
    }

    /// What stamps this log's entries.
    pub(crate) fn stamping(&self) -> Stamping {
        Stamping::new(self.signer.clone(), self.clock.clone())
    }

    pub(crate) fn verifier(&self) -> &Verifier {
        &self.verifier
    }
}

fn own_key(path: PathBuf) -> impl FnOnce(KeyError) -> Error {
    |source| Error::OwnKey { path, source }
}

impl Heads for Keys {
    fn sign(&self, size: u64, root: &Hash) -> Vec<u8> {
        let checkpoint = Checkpoint::new(&self.origin, size, *root)
            .expect("the origin is a key's name, and a tree stays far below 2^63");
        let mut signed = checkpoint.sign(&self.signer).expect("the key has the origin's name");
        // A clock before 1970 leaves the post-quantum line out; the Ed25519 one needs no time.
        let _ = signed.cosign(&self.post_quantum, self.clock.seconds());
        signed.encode()
    }

    fn recognise(&self, signed: &[u8]) -> Result<(u64, Hash), CheckpointError> {
        let parsed = UnverifiedCheckpoint::parse(signed)?;
        // A line by either key must be good; the post-quantum one may be absent (see `sign`).
        let keys = [&self.verifier, &self.post_quantum.verifier()];
        parsed.note().verify_one(&self.verifier)?;
        let verified = parsed.verify(&keys)?;
        Ok((verified.checkpoint().size(), verified.checkpoint().root()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tlog::note::NoteError;

    #[test]
    fn a_head_states_the_clocks_time_and_without_one_has_its_plain_signature_alone() {
        let dir = tempfile::tempdir().unwrap();
        Keys::create(dir.path(), "log.example").unwrap();
        for (clock, stated) in [(7, Ok(Some(7))), (0, Err(NoteError::NoKnownKey))] {
            let clock = Clock::stepped(clock * 1_000_000).0;
            let keys = Keys::open(dir.path(), "log.example", clock).unwrap();
            let signed = keys.sign(0, &tlog::merkle::root_of(&[]));
            let head = UnverifiedCheckpoint::parse(&signed).unwrap();
            assert_eq!(head.note().verify_one(&keys.post_quantum.verifier()), stated);
            assert_eq!(head.note().verify_one(&keys.verifier), Ok(None));
        }
    }
}
