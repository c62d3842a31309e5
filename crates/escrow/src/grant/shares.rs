//! G9: the label was seen, and this trustee's shares open and are those that the camera committed
//! to. Contract: `proto/release.md#g9`.

use super::approval::{Approved, Decision};
use super::{Case, Refusal};
use crate::deal::{TrusteeId, Unsealed, slots, unseal};
use crate::record::KeyEnd;
use crate::register::LoggedKey;
use crate::share::Share;
use alloc::vec::Vec;
use media::epoch::{EpochOpen, SealedShare};
use media::id::{Day, EpochNo};
use seal::epoch::share_commit;
use seal::hpke::SecretKey;
use tlog::Hash;

/// Shares that were opened and match the camera's commitments. Only [`Approved::open_shares`] makes
/// one:
///
/// ```compile_fail,E0451
/// fn from_nowhere(shares: Vec<(media::id::EpochNo, escrow::share::Share)>) -> escrow::grant::Opened {
///     escrow::grant::Opened { case: todo!(), decision: todo!(), shares }
/// }
/// ```
///
/// and it shows none of them:
///
/// ```compile_fail,E0616
/// fn peek(opened: &escrow::grant::Opened) -> usize {
///     opened.shares.len()
/// }
/// ```
pub struct Opened {
    pub(super) case: Case,
    pub(super) decision: Decision,
    pub(super) shares: Vec<(EpochNo, Share)>,
}

/// Why shares were not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShareFailure {
    /// G9 refuses.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A share does not match what the camera committed to: it becomes a share-bad leaf.
    #[error("the share of epoch {0} does not match its commitment")]
    Bad(EpochNo),
}

impl Approved {
    /// G9: opens this trustee's shares with its day keys.
    pub fn open_shares(
        self,
        key_of: &dyn Fn(Day, &Hash) -> Option<SecretKey>,
    ) -> Result<Opened, ShareFailure> {
        let Self { case, decision } = self;
        check_label_was_seen(&case, key_of)?;
        let trustee = TrusteeId::of(&case.trustee);
        let mut shares = Vec::with_capacity(case.opens.len());
        // SPEC: release.md#g9: epochs whose slot is empty are passed over; one share at least MUST
        // be there.
        for (open, sealed) in slots(&case.opens, case.index) {
            shares.push((open.context.epoch_no, open_one(open, sealed, &case, &trustee, key_of)?));
        }
        match (shares.is_empty(), case.opens.first()) {
            (true, Some(open)) => Err(Refusal::ShareNotDealt(open.context.epoch_no).into()),
            (true, None) | (false, _) => Ok(Opened { case, decision, shares }),
        }
    }
}

// SPEC: release.md#g9: a trustee that has not the notice key of the first epoch's day MUST refuse:
// it could not tell whether the owner will find the request.
fn check_label_was_seen(
    case: &Case,
    key_of: &dyn Fn(Day, &Hash) -> Option<SecretKey>,
) -> Result<(), Refusal> {
    let first = case.opens.first().map(|open| &open.context).ok_or(Refusal::NoEpochs)?;
    let day = first.day();
    if case.label_was_seen {
        return Ok(());
    }
    if slots(&case.opens, case.index).next().is_none() {
        return Err(Refusal::ShareNotDealt(first.epoch_no));
    }
    let sealed_to = slots(&case.opens, case.index).find(|(open, _)| open.context.day() == day);
    let sealed_to = sealed_to.map(|(_, sealed)| Hash(sealed.day_key_id));
    let of_day = case.day_keys.get(&day).map_or(&[][..], Vec::as_slice);
    let known = of_day.iter().find(|known| Some(known.key_id) == sealed_to).or(of_day.last());
    Err(match known.map(|known| (known.key_id, known.ended)) {
        Some((_, Some(KeyEnd::Due))) => Refusal::DayKeyDestroyed(day),
        Some((_, Some(KeyEnd::Lost))) => Refusal::DayKeyLost(first.epoch_no),
        Some((id, None)) if key_of(day, &id).is_some() => Refusal::NoticeUnreadable(day),
        Some((_, None)) | None => Refusal::DayKeyUnknown(first.epoch_no),
    })
}

fn open_one(
    open: &EpochOpen,
    sealed: &SealedShare,
    case: &Case,
    trustee: &TrusteeId,
    key_of: &dyn Fn(Day, &Hash) -> Option<SecretKey>,
) -> Result<Share, ShareFailure> {
    let (day, epoch, at) = (open.context.day(), open.context.epoch_no, usize::from(case.index) - 1);
    // G6 compared the list with the policy in which this trustee's index was found.
    let signed = open.share_commits.get(at).ok_or(Refusal::SharesMismatch(epoch))?;
    let key_id = Hash(sealed.day_key_id);
    let logged = case.day_keys.get(&day).map_or(&[][..], Vec::as_slice);
    let sealed_to = |known: &&LoggedKey| known.key_id == key_id;
    match logged.iter().find(sealed_to).map(|known| known.ended) {
        // SPEC: release.md#g9: what was escrowed under a day key that was destroyed, or lost by its
        // trustee's word, MUST NOT be opened, even where a copy survives.
        Some(Some(KeyEnd::Due)) => return Err(Refusal::DayKeyDestroyed(day).into()),
        Some(Some(KeyEnd::Lost)) => return Err(Refusal::DayKeyLost(epoch).into()),
        // Nor what was sealed to a key that does not count in the log: nobody would see its end.
        None if !logged.is_empty() => return Err(Refusal::DayKeyMismatch(epoch).into()),
        // It may be announced anew, and count then.
        None => return Err(Refusal::DayKeyUnknown(epoch).into()),
        Some(None) => {}
    }
    let key = key_of(day, &key_id).ok_or(Refusal::DayKeyUnknown(epoch))?;
    let ctx = open.context.hash();
    let opened =
        unseal(sealed, &ctx, case.index, trustee, &key).map_err(|_| Refusal::ShareBoundElsewhere(epoch))?;
    match opened {
        Unsealed::Share(share) if share_commit(&ctx, case.index, share.expose()) == *signed => Ok(share),
        // SPEC: release.md#g9: a share that does not match its commitment MUST be refused and named
        // in a share-bad leaf.
        Unsealed::Share(_) | Unsealed::Nonsense => Err(ShareFailure::Bad(epoch)),
    }
}

impl core::fmt::Debug for Opened {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Opened({:?}, secret)", self.case)
    }
}
