//! After an emergency: a court's confirmation goes into the log, or the agency loses the right to
//! ask. Contract: `proto/release.md#leaves`.
//!
//! In scope: carrying the note that a court signed (`candor registrar confirm`) about a request of one's
//! own. Out of scope: who confirms, and how; the log holds the document's hash only.

use crate::Requester;
use crate::case::{Case, CaseError};
use crate::folder::{FolderError, RATIFICATION, RequestFolder};
use crate::outset;
use escrow::record::{Country, Kind, Ratification, RecordError, Seconds, Signed};
use escrow::register::{Register, Weight};
use log_client::{AddError, FollowError};
use tlog::Entry;

/// A ratification in the log.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Ratified {
    pub leaf_index: u64,
    /// The request's place.
    pub request_index: u64,
    pub court: String,
    /// SHA-256 of the document, hex.
    pub document: String,
    pub witnesses: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum RatifyError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Case(#[from] CaseError),
    #[error("the request is not logged: there is nothing to ratify")]
    NotLogged,
    #[error("the court's note is about the request of leaf {0}, not about this one")]
    OtherRequest(u64),
    #[error("the request is no emergency: nothing of it is to be ratified")]
    NotEmergency,
    #[error(
        "no trustee has granted it yet: a ratification that comes before the first grant counts nowhere, for ever; run `candor request collect` first"
    )]
    NotGranted,
    #[error(
        "it is not ratified by this: the key {key} is not registered as a court's for {country}, or your sponsor's is not; the court signs with its own key (`candor registrar confirm`), which the registrar has registered with --role court"
    )]
    NoCourt { key: String, country: String },
    #[error("the emergency is ratified already: a second note of a court's changes nothing")]
    Already,
    #[error("the log as it is does not know the request as one that was granted; try again in a minute")]
    Dangling,
    #[error(transparent)]
    Log(#[from] FollowError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Add(#[from] AddError),
}

/// Carries a court's signed confirmation of this emergency to the log. Idempotent: the same note has
/// one leaf.
pub async fn ratify(
    desk: &Requester,
    folder: &RequestFolder,
    confirmed: &[u8],
) -> Result<Ratified, RatifyError> {
    let case = Case::open(desk, folder)?;
    let request = case.logged()?.ok_or(RatifyError::NotLogged)?;
    let confirmed = Signed::<Ratification>::parse(confirmed)?;
    let said = confirmed.value().clone();
    if (said.request_index, said.request) != (request.index(), request.value().hash()) {
        return Err(RatifyError::OtherRequest(said.request_index));
    }
    if request.value().value().kind != Kind::Emergency {
        return Err(RatifyError::NotEmergency);
    }
    // SPEC: release.md#register: one that stands before the first grant MUST count nowhere, and its text
    // is logged once.
    if !case.is_granted()? {
        return Err(RatifyError::NotGranted);
    }
    let kept = match folder.find(RATIFICATION)? {
        None => None,
        Some(bytes) => {
            let kept = Signed::<Ratification>::parse(&bytes);
            Some(kept.map_err(|error| folder.damaged(RATIFICATION, error))?)
        }
    };
    // What was kept before it was sent is sent again: the same bytes have one place.
    let leaf = match kept.filter(|kept| *kept.value() == said) {
        Some(kept) => kept,
        None => confirmed.countersign(&desk.keys.sponsor)?,
    };
    let register = outset::read(desk).await?.register;
    counts(&register, &leaf, desk.country, Seconds(desk.machine.clock.seconds()))?;
    folder.keep(RATIFICATION, leaf.entry_bytes())?;
    let (logged, _) = desk.log.add(leaf.entry_bytes().to_vec()).await?;
    Ok(Ratified {
        leaf_index: logged.index(),
        request_index: request.index(),
        court: said.court.to_string(),
        document: said.document.to_hex(),
        witnesses: logged.cosigned().witness_names(),
    })
}

// SPEC: release.md#register: a ratification MUST be signed by a court's key. One that counts for nothing is
// not logged: it would be taken for one.
fn counts(
    register: &Register,
    leaf: &Signed<Ratification>,
    country: Country,
    now: Seconds,
) -> Result<(), RatifyError> {
    match register.foresee(leaf.entry_bytes(), now)? {
        Weight::Counts => Ok(()),
        // The very leaf stands there, after a crash before its proof was read.
        Weight::Repeated if register.has(leaf) => Ok(()),
        Weight::Repeated => Err(RatifyError::Already),
        Weight::Dangling => Err(RatifyError::Dangling),
        Weight::Unsigned | Weight::Unauthorised | Weight::Unknown => {
            let key = leaf.signatures().first().map_or(String::new(), |line| line.name().to_owned());
            Err(RatifyError::NoCourt { key, country: country.as_str().to_owned() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage::keys::{registrar, sponsor, trustee};
    use stage::leaves::{Asked, ask, founding, grant, ratification, ratification_by};
    use stage::paper::{History, NOW, policy};

    /// A note by a key that is no court's was logged, and said to have ratified.
    #[test]
    fn a_note_that_counts_for_nothing_is_refused_by_name_and_the_court_s_own_is_not() {
        let (mut log, mut register) = (History::default(), Register::new(policy().stamp_keys()));
        let mut add = |register: &mut Register, leaf: &[u8]| {
            let at = log.add(leaf);
            register.fold(at, log.entry(at)).unwrap();
            (at, log.entry(at).to_vec())
        };
        founding(NOW).iter().for_each(|leaf| drop(add(&mut register, leaf)));
        let of = ask(Kind::Emergency, "police.example", register.size(), NOW);
        let (_, entry) = add(&mut register, &of.bytes);
        let asked: Asked = of.stamped(entry);
        let us = Country::new("US").unwrap();
        let counted = |register: &Register, leaf: &[u8]| {
            counts(register, &Signed::parse(leaf).unwrap(), us, Seconds(NOW + 60))
        };
        let (true_one, false_one) =
            (ratification(&asked, 60), ratification_by(&asked, 60, &[&registrar(), &sponsor()]));
        assert!(matches!(counted(&register, &true_one), Err(RatifyError::Dangling)), "nobody granted it");
        add(&mut register, &grant(&asked, &trustee(1)));
        let refused = counted(&register, &false_one).unwrap_err();
        assert!(
            matches!(&refused, RatifyError::NoCourt { key, .. } if *key == registrar().name()),
            "{refused}"
        );
        counted(&register, &true_one).unwrap();
        add(&mut register, &true_one);
        counted(&register, &true_one).unwrap();
        let second = ratification(&asked, 61);
        let again = counted(&register, &second);
        assert!(matches!(again, Err(RatifyError::Already)), "{again:?}");
    }
}
