//! An open witness, and what happens between a request and its answer: parse, origin, the log's
//! signature, then [`decide`] and the write of the new head in one transaction, then the
//! cosignature leaves. Pure but for the record; time is an argument.

use crate::config::Config;
use crate::decide::{Refusal, decide};
use crate::error::Error;
use crate::latest::{Latest, LatestError};
use crate::refused::Refused;
use host::rng::Rng;
use std::collections::BTreeMap;
use tlog::checkpoint::{CheckpointError, SignedCheckpoint, UnverifiedCheckpoint};
use tlog::cosignature::{Algorithm, Cosigner};
use tlog::note::Verifier;
use tlog::reader::Head;
use tlog::witness::{AddCheckpointRequest, encode_cosignatures, monitoring_path};

const KEYS: [(&str, Algorithm); 2] =
    [("ed25519.key", Algorithm::Ed25519), ("ml-dsa-44.key", Algorithm::MlDsa44)];
const LATEST: &str = "latest.redb";
const REFUSED: &str = "refused";

/// An open witness.
#[derive(Debug)]
pub(crate) struct Witness {
    cosigners: Vec<Cosigner>,
    /// The trusted keys of each log, by origin.
    logs: BTreeMap<String, Vec<Verifier>>,
    latest: Latest,
    refused: Refused,
}

/// Why there is no cosignature.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AddError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Latest(#[from] LatestError),
    #[error(
        "the record of {origin} is damaged ({source}): nothing is cosigned for it; restore is not safe, start a new witness"
    )]
    Senseless { origin: String, source: CheckpointError },
    #[error(
        "the record of {origin} holds a head of {found}: nothing is cosigned for it; restore is not safe, start a new witness"
    )]
    Misplaced { origin: String, found: String },
    #[error("this machine's clock reads {0}: set it before anything is cosigned")]
    Clock(u64),
}

impl Witness {
    /// Makes the keys and the empty record of a new witness; returns its verifier keys.
    pub(crate) fn create(config: &Config) -> Result<Vec<String>, Error> {
        let mut vkeys = Vec::new();
        for (file, algorithm) in KEYS {
            let path = config.data.join(file);
            let cosigner = Cosigner::generate(&config.name, algorithm, &mut Rng::system())
                .map_err(|source| Error::OwnKey { path: path.clone(), source })?;
            host::secret::create_line(&path, &cosigner.to_secret_text())?;
            vkeys.push(cosigner.verifier().vkey());
        }
        // Last: a folder with keys and no record was never a witness, and does not start as one.
        Latest::create(&config.data.join(LATEST))?;
        Ok(vkeys)
    }

    /// Opens an initialised witness: its keys, its record of latest heads, its configured logs.
    pub(crate) fn open(config: &Config) -> Result<Self, Error> {
        let mut cosigners = Vec::new();
        for (file, _) in KEYS {
            let path = config.data.join(file);
            let line = host::secret::read_line(&path)?;
            let cosigner = Cosigner::from_secret_text(&line).and_then(|key| key.named(&config.name));
            cosigners.push(cosigner.map_err(|source| Error::OwnKey { path, source })?);
        }
        let mut logs: BTreeMap<String, Vec<Verifier>> = BTreeMap::new();
        for vkey in &config.logs {
            let key = Verifier::parse(vkey).map_err(|source| Error::LogKey { vkey: vkey.clone(), source })?;
            logs.entry(key.name().to_owned()).or_default().push(key);
        }
        let latest = Latest::open(&config.data.join(LATEST))?;
        let refused = Refused::open(&config.data.join(REFUSED))?;
        Ok(Self { cosigners, logs, latest, refused })
    }

    pub(crate) fn vkeys(&self) -> Vec<String> {
        self.cosigners.iter().map(|cosigner| cosigner.verifier().vkey()).collect()
    }

    /// Answers one `add-checkpoint` body at `now` (Unix seconds) with cosignature lines.
    pub(crate) fn add_checkpoint(&self, body: &[u8], now: u64) -> Result<String, AddError> {
        let request = AddCheckpointRequest::parse(body).map_err(Refusal::Malformed)?;
        let head = Head::of(request.checkpoint.unverified());
        let old = request.old_size;
        if old > head.size {
            return Err(Refusal::OldBeyondSize { old, size: head.size }.into());
        }
        let origin = request.checkpoint.origin().to_owned();
        // SPEC: log.md#witness: an unknown origin is answered with 404, before any signature is
        // looked at.
        let keys = self.logs.get(&origin).ok_or(Refusal::UnknownOrigin)?;
        let keys: Vec<&Verifier> = keys.iter().collect();
        let signed = request.checkpoint.clone().verify(&keys).map_err(Refusal::Unsigned)?;

        let mut contradicted = false;
        let outcome = self.latest.update(&origin, |before| {
            let latest = before.map(|note| self.head_of(&origin, note)).transpose()?;
            contradicted = latest.is_some_and(|latest| latest.size == head.size && latest.root != head.root);
            decide(latest, old, head, &request.proof)?;
            self.cosign(&signed, &keys, now)
        })?;
        if let Err(AddError::Refused(refusal)) = &outcome
            && (contradicted || refusal.is_evidence())
        {
            self.refused.keep(signed.checkpoint(), body, refusal);
        }
        outcome
    }

    /// The latest cosigned checkpoint of the log whose origin has this SHA-256, in hex.
    pub(crate) fn latest(&self, origin_hash: &str) -> Result<Option<Vec<u8>>, LatestError> {
        let path = format!("{origin_hash}/checkpoint");
        let known = self.logs.keys().find(|origin| monitoring_path(origin) == path);
        known.map_or(Ok(None), |origin| self.latest.get(origin))
    }

    /// The note to keep and the lines to send. Signature lines by keys that are not trusted are
    /// left behind.
    fn cosign(
        &self,
        signed: &SignedCheckpoint,
        keys: &[&Verifier],
        now: u64,
    ) -> Result<(Vec<u8>, String), AddError> {
        let checkpoint = signed.checkpoint();
        let mut note = format!("{}\n", checkpoint.text());
        for line in signed.note().signatures() {
            if keys.iter().any(|key| line.is_by(key)) {
                note.push_str(&format!("{line}\n"));
            }
        }
        // SPEC: log.md#witness: the time of a cosignature MUST NOT be 0.
        let lines = self.cosigners.iter().map(|cosigner| cosigner.cosign(checkpoint, now));
        let lines = lines.collect::<Result<Vec<_>, _>>().map_err(|error| AddError::Clock(error.0))?;
        let lines = encode_cosignatures(&lines);
        note.push_str(&lines);
        Ok((note.into_bytes(), lines))
    }

    /// The head in a kept note, which this witness itself wrote.
    fn head_of(&self, origin: &str, note: &[u8]) -> Result<Head, AddError> {
        let kept = UnverifiedCheckpoint::parse(note)
            .map_err(|source| AddError::Senseless { origin: origin.to_owned(), source })?;
        if kept.origin() != origin {
            return Err(AddError::Misplaced { origin: origin.to_owned(), found: kept.origin().to_owned() });
        }
        Ok(Head::of(kept.unverified()))
    }
}
