//! A court confirms an emergency: its signature under a ratification, which the agency carries to the log.
//! Contract: `proto/release.md#leaves`.
//!
//! In scope: what the court signs, and that it is about a request that stands in the log. Out of scope:
//! whether the emergency was one (people decide that); adding the leaf (`requester`).

use crate::config::Config;
use crate::error::Error;
use crate::key::{name, signer};
use escrow::record::{EntryId, Kind, Ratification, Request, Seconds, Signed};
use host::clock::Clock;
use host::rng::Rng;
use tlog::proof::TlogProof;
use tlog::{Entry as _, Hash, Logged};

/// Signs that this document confirms the logged request, an emergency; returns the note, to which the
/// one who carries it to the log adds a line.
pub fn confirm(config: &Config, leaf: &[u8], proof: &[u8], document: Hash) -> Result<Vec<u8>, Error> {
    let (policy, _) = log_client::read_policy(&config.log.policy)?;
    let request = Signed::<Request>::parse(leaf)?;
    let proof = TlogProof::parse(proof).map_err(Error::Proof)?;
    let request = Logged::verify(request, &proof, &policy).map_err(Error::NotLogged)?;
    let kind = request.value().value().kind;
    if kind != Kind::Emergency {
        return Err(Error::NotAnEmergency(kind.word()));
    }
    let leaf = Ratification {
        id: EntryId::generate(&mut Rng::system()),
        court: name(&config.name)?,
        request_index: request.index(),
        request: request.value().hash(),
        document,
        time: Seconds(Clock::system().seconds()),
    };
    Ok(Signed::sign(leaf, &[&signer(config)?])?.entry_bytes().to_vec())
}
