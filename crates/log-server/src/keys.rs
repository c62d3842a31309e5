//! The log's own keys: Ed25519, which every witness and client understands, and ML-DSA-44 under the same name, which holds
//! against quantum computers.

use crate::Error;
use crate::tree::Heads;
use std::path::Path;
use tlog::Hash;
use tlog::checkpoint::{Checkpoint, UnverifiedCheckpoint};
use tlog::cosignature::{Algorithm, Cosigner};
use tlog::note::{KeyError, Signer, Verifier};

const ED25519: &str = "log.key";
const ML_DSA_44: &str = "log-ml-dsa-44.key";

/// The keys of one log.
#[derive(Debug)]
pub(crate) struct Keys {
    origin: String,
    signer: Signer,
    verifier: Verifier,
    post_quantum: Cosigner,
}

impl Keys {
    /// Makes the key files of a new log.
    pub(crate) fn create(data: &Path, origin: &str) -> Result<(), Error> {
        let own = |file: &'static str| {
            move |error: KeyError| Error::OwnKey { path: data.join(file), reason: error.to_string() }
        };
        let signer = Signer::generate(origin, &mut host::rng::OsRng).map_err(own(ED25519))?;
        let post_quantum =
            Cosigner::generate(origin, Algorithm::MlDsa44, &mut host::rng::OsRng).map_err(own(ML_DSA_44))?;
        host::secret::create_line(&data.join(ED25519), &signer.to_secret_text())?;
        host::secret::create_line(&data.join(ML_DSA_44), &post_quantum.to_secret_text())?;
        Ok(())
    }

    /// Reads the key files; both must be of `origin`.
    pub(crate) fn open(data: &Path, origin: &str) -> Result<Self, Error> {
        let own = |file: &str, reason: String| Error::OwnKey { path: data.join(file), reason };
        let line = host::secret::read_line(&data.join(ED25519))?;
        let signer = Signer::from_secret_text(&line).map_err(|error| own(ED25519, error.to_string()))?;
        let line = host::secret::read_line(&data.join(ML_DSA_44))?;
        let post_quantum =
            Cosigner::from_secret_text(&line).map_err(|error| own(ML_DSA_44, error.to_string()))?;
        for (file, name) in [(ED25519, signer.name()), (ML_DSA_44, post_quantum.name())] {
            if name != origin {
                return Err(own(
                    file,
                    format!("it is the key of {name}, and the configuration's origin is {origin}"),
                ));
            }
        }
        let verifier = signer.verifier();
        Ok(Self { origin: origin.to_owned(), signer, verifier, post_quantum })
    }

    /// The Ed25519 key, which stands in policies, then the ML-DSA-44 one.
    pub(crate) fn vkeys(&self) -> Vec<String> {
        vec![self.verifier.vkey(), self.post_quantum.verifier().vkey()]
    }

    pub(crate) fn verifier(&self) -> &Verifier {
        &self.verifier
    }
}

impl Heads for Keys {
    fn sign(&self, size: u64, root: &Hash) -> Vec<u8> {
        let checkpoint = Checkpoint::new(&self.origin, size, *root)
            .expect("the origin is a key's name, and a tree stays far below 2^63");
        let mut signed = checkpoint.sign(&self.signer).expect("the key has the origin's name");
        // A clock before 1970 leaves the post-quantum line out; the Ed25519 one needs no time.
        let _ = signed.cosign(&self.post_quantum, host::clock::now());
        signed.encode()
    }

    fn recognise(&self, signed: &[u8]) -> Result<(u64, Hash), String> {
        let parsed = UnverifiedCheckpoint::parse(signed).map_err(|error| error.to_string())?;
        // A line by either key must be good; the post-quantum one may be absent (see `sign`).
        let keys = [&self.verifier, &self.post_quantum.verifier()];
        parsed.note().verify_one(&self.verifier).map_err(|error| error.to_string())?;
        let verified = parsed.verify(&keys).map_err(|error| error.to_string())?;
        Ok((verified.checkpoint().size(), verified.checkpoint().root()))
    }
}
