//! Leaves for owners, under the relay's name: the log sees who sponsors, never whose camera it is
//! (`proto/release.md`, "Leaves").
//!
//! The relay links no rules of release, and needs none: it signs three kinds of text and no other,
//! each naming it as the sponsor, but for a veto, which a device signed and anybody may carry. It judges by the first line and by the lines `sponsor` and
//! `kind`; whether the rest makes sense is for those who read the log.

use crate::load::Rates;
use log_client::{AddError, LogClient};
use media::message::{LoggedLeaf, Refusal, RefusalCode, Response};
use media::sign::PublicKey;
use std::time::Duration;
use tlog::note::{self, NoteError, Signer, UnverifiedNote};
use tlog::policy::Policy;
use tlog::stamp::SUBMITTED_MAX_BYTES;

/// How long an owner waits for the log before it is told to try again: less than a call may take.
const LOG_WITHIN: Duration = Duration::from_secs(50);

#[derive(Debug)]
pub(crate) struct Sponsor {
    signer: Signer,
    log: LogClient,
    per_minute: u32,
    /// Of owners: those of the configuration, so their number bounds the map.
    rates: Rates,
}

impl Sponsor {
    pub(crate) fn new(signer: Signer, log: LogClient, per_minute: u32) -> Self {
        Self { signer, log, per_minute, rates: Rates::default() }
    }

    /// Whose log it is, and who must vouch for it.
    pub(crate) fn log_policy(&self) -> &Policy {
        self.log.policy()
    }

    /// Signs a leaf's text and appends it. The same text again has the same place in the log.
    pub(crate) async fn append(&self, owner: &PublicKey, text: &str) -> Result<Response, Refusal> {
        judge(text, self.signer.name())?;
        if !self.rates.take(*owner, self.per_minute) {
            let text =
                format!("{} leaves a minute are sponsored for one owner: wait a minute", self.per_minute);
            return Err(RefusalCode::Quota.because(text));
        }
        let leaf = self.signed(text).map_err(|error| RefusalCode::Malformed.because(error.to_string()))?;
        if leaf.len() > SUBMITTED_MAX_BYTES {
            let text = "a leaf has at most 32 KiB, its signature and the log's stamp included";
            return Err(RefusalCode::TooLarge.because(text));
        }
        let added = tokio::time::timeout(LOG_WITHIN, self.log.add(leaf)).await;
        let late = || RefusalCode::LogUnavailable.because("the log did not answer in time: ask again later");
        let (logged, proof) = added.map_err(|_| late())?.map_err(|error| refusal(&error))?;
        Ok(Response::Logged(LoggedLeaf { leaf: logged.value().clone(), proof: proof.encode() }))
    }
}

fn refusal(error: &AddError) -> Refusal {
    match error {
        AddError::NotYet(_) => tracing::warn!(%error, "a sponsored leaf waits"),
        _ => tracing::error!(%error, "a sponsored leaf is not in the log"),
    }
    RefusalCode::LogUnavailable.because(error.to_string())
}

impl Sponsor {
    /// The leaf of this text. A veto comes as a note: the device's signature stands before the relay's,
    /// which only carries it.
    fn signed(&self, text: &str) -> Result<Vec<u8>, NoteError> {
        if !is_veto(text) {
            return Ok(note::sign(text, &[&self.signer])?.encode());
        }
        let mut veto = UnverifiedNote::parse(text.as_bytes())?;
        veto.add(self.signer.sign_text(veto.unverified_text()));
        Ok(veto.encode())
    }
}

fn is_veto(text: &str) -> bool {
    text.starts_with("candor veto v1\n")
}

/// Whether this relay, called `sponsor`, speaks for an owner with this text.
// SPEC: session.md#sponsoring: every other text MUST be refused.
fn judge(text: &str, sponsor: &str) -> Result<(), Refusal> {
    let no = |why: String| RefusalCode::NotSponsored.because(why);
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let kind = match first {
        "candor policy v1" | "candor veto v1" => None,
        "candor request v1" => Some("owner-share"),
        _ => {
            return Err(no(format!("the relay sponsors policies, vetoes and owners' shares; not {first:?}")));
        }
    };
    if is_veto(text) {
        let signed = UnverifiedNote::parse(text.as_bytes());
        let by_device =
            |note: &UnverifiedNote| matches!(note.signatures(), [line] if line.name() == "device");
        return match signed.is_ok_and(|note| by_device(&note)) {
            true => Ok(()),
            false => {
                Err(no("a veto is a note that a device of the owner signed, and nobody else".to_owned()))
            }
        };
    }
    if only(text, "sponsor ") != Some(sponsor) {
        return Err(no(format!("the leaf must name its sponsor, {sponsor}, in one line")));
    }
    if kind.is_some() && only(text, "kind ") != kind {
        return Err(no("of requests, the relay sponsors the kind owner-share alone".to_owned()));
    }
    Ok(())
}

/// The value of the one line that starts with `field`.
fn only<'a>(text: &'a str, field: &str) -> Option<&'a str> {
    let mut values = text.lines().filter_map(|line| line.strip_prefix(field));
    values.next().filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_relay_speaks_for_owners_and_for_nobody_else() {
        for good in [
            "candor policy v1\nid x\nsponsor relay.example\nlabel y\n",
            "candor request v1\nid x\nkind owner-share\nsponsor relay.example\n",
        ] {
            assert_eq!(judge(good, "relay.example"), Ok(()));
        }
        let signer = |name| Signer::from_seed(name, &[7; 32]).unwrap();
        let veto = |signers: &[&Signer]| note::sign("candor veto v1\nid x\n", signers).unwrap().encode();
        let [device, other] = [signer("device"), signer("other.example")];
        let good = String::from_utf8(veto(&[&device])).unwrap();
        assert_eq!(judge(&good, "relay.example"), Ok(()));
        for bad in [veto(&[&other]), veto(&[&device, &other]), veto(&[&other, &device])] {
            let bad = String::from_utf8(bad).unwrap();
            assert_eq!(judge(&bad, "relay.example").unwrap_err().code, RefusalCode::NotSponsored, "{bad:?}");
        }
        for bad in [
            "",
            "candor policy v2\nsponsor relay.example\n",
            "candor policy v1\nid x\n",
            "candor veto v1\nid x\nsponsor relay.example\n",
            "candor policy v1\nsponsor other.example\n",
            "candor policy v1\nsponsor relay.example\nsponsor relay.example\n",
            "candor request v1\nkind emergency\nsponsor relay.example\n",
            "candor request v1\nkind recovery\nsponsor relay.example\n",
            "candor request v1\nsponsor relay.example\n",
            "candor request v1\nkind owner-share\nkind emergency\nsponsor relay.example\n",
            "candor grant v1\nsponsor relay.example\n",
            "candor ratification v1\nsponsor relay.example\n",
            " candor policy v1\nsponsor relay.example\n",
        ] {
            assert_eq!(judge(bad, "relay.example").unwrap_err().code, RefusalCode::NotSponsored, "{bad:?}");
        }
    }
}
