//! From kept bundles to seeds: one for each granted epoch, with whoever handed out a wrong share
//! named. Contract: `proto/release.md#combining`.

use crate::case::{Case, CaseError, Granted};
use crate::folder::FolderError;
use escrow::bundle::BundleError;
use escrow::combine::{CombineError, Combined, combine};
use escrow::record::{Request, Signed};
use media::epoch::EpochOpen;
use media::id::EpochNo;
use tlog::Logged;

/// Why the kept bundles give no keys.
#[derive(Debug, thiserror::Error)]
pub enum SharesError {
    #[error(transparent)]
    Case(#[from] CaseError),
    #[error("the request is not logged yet; run `candor request submit`, then `collect`")]
    NotLogged,
    #[error("the kept bundle of share {share} does not hold any more: {error}; remove it and collect again")]
    Bundle { share: u8, error: BundleError },
    #[error(
        "epoch {epoch}: {error}; `candor request collect` says what each trustee answered, and asks those again that have not refused"
    )]
    Combine { epoch: EpochNo, error: CombineError },
}

impl From<FolderError> for SharesError {
    fn from(error: FolderError) -> Self {
        Self::Case(error.into())
    }
}

/// What the trustees let go.
pub(crate) struct Shares {
    pub(crate) request: Logged<Signed<Request>>,
    pub(crate) granted: Vec<Granted>,
}

impl Shares {
    /// Opens the kept bundles.
    pub(crate) fn read(case: &Case<'_>) -> Result<Self, SharesError> {
        let request = case.logged()?.ok_or(SharesError::NotLogged)?;
        let mut granted = Vec::new();
        for (share, trustee) in case.trustees() {
            let Some(bytes) = case.folder.bundle(share)? else { continue };
            let open = case.open_bundle(&request, (share, trustee), &bytes);
            granted.push(open.map_err(|error| SharesError::Bundle { share, error })?);
        }
        Ok(Self { request, granted })
    }

    /// The seed of an epoch, and the shares that were wrong.
    pub(crate) fn combine(&self, open: &EpochOpen) -> Result<Combined, SharesError> {
        let epoch = open.context.epoch_no;
        let all = self.granted.iter().flat_map(|granted| &granted.bundle.shares);
        let shares: Vec<_> = all.filter(|(of, _)| *of == epoch).map(|(_, share)| share.clone()).collect();
        combine(open, &shares).map_err(|error| SharesError::Combine { epoch, error })
    }
}
