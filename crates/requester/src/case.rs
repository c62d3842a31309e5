//! One request, read back from its folder and verified: what asking, opening and ratifying have in
//! common.

use crate::Requester;
use crate::folder::{DRAFT, DRAWN, FolderError, LEAF, PACKAGE, PROOF, RequestFolder};
use crate::objects::{self, Facts, ObjectsError};
use escrow::bundle::{Bundle, BundleError, OpenBundle};
use escrow::package::Package;
use escrow::record::{Request, Signed};
use media::id::{EpochNo, Sequence, TrackId};
use media::message::{LoggedLeaf, ReleasedQuery};
use media::policy::TrusteeEntry;
use media::time::Micros;
use seal::hpke::SecretKey;
use tlog::note::Verifier;
use tlog::proof::TlogProof;
use tlog::{Entry as _, Logged};

/// Why a folder holds no request that can go on.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Objects(#[from] ObjectsError),
}

pub(crate) struct Case<'a> {
    pub(crate) desk: &'a Requester,
    pub(crate) folder: &'a RequestFolder,
    pub(crate) facts: Facts,
    pub(crate) package: Package,
    /// As it goes, or would go, to the log.
    pub(crate) leaf: Vec<u8>,
    release_key: SecretKey,
}

/// A trustee's answer that holds: the grant that the log shows, and the shares it let go.
pub(crate) struct Granted {
    pub(crate) grant: LoggedLeaf,
    pub(crate) bundle: OpenBundle,
}

impl<'a> Case<'a> {
    pub(crate) fn open(desk: &'a Requester, folder: &'a RequestFolder) -> Result<Self, CaseError> {
        let package = Package::decode(&folder.get(PACKAGE)?);
        let package = package.map_err(|error| folder.damaged(PACKAGE, error))?;
        let facts = objects::facts(&package)?;
        let leaf = match folder.find(LEAF)? {
            Some(leaf) => leaf,
            // Nothing is logged: the sponsor's signature is all that the leaf will gain.
            None => {
                let draft = Signed::<Request>::parse(&folder.get(DRAFT)?);
                let leaf = draft.and_then(|draft| draft.countersign(&desk.keys.sponsor));
                leaf.map_err(|error| folder.damaged(DRAFT, error))?.entry_bytes().to_vec()
            }
        };
        let release_key = SecretKey::new(*folder.release_key()?);
        Ok(Self { desk, folder, facts, package, leaf, release_key })
    }

    /// The logged request, by the proof in the folder; none before `submit`.
    pub(crate) fn logged(&self) -> Result<Option<Logged<Signed<Request>>>, FolderError> {
        let Some(proof) = self.folder.find(PROOF)? else { return Ok(None) };
        let proof = TlogProof::parse(&proof).map_err(|error| self.folder.damaged(PROOF, error))?;
        let request = Signed::parse(&self.leaf).map_err(|error| self.folder.damaged(LEAF, error))?;
        let logged = Logged::verify(request, &proof, self.desk.log.policy());
        logged.map(Some).map_err(|error| self.folder.damaged(PROOF, error))
    }

    /// The trustees of the policy with their share numbers, from 1: a trustee's share is its place.
    pub(crate) fn trustees(&self) -> impl Iterator<Item = (u8, &TrusteeEntry)> {
        (1..).zip(&self.facts.policy.trustees)
    }

    /// Whose share it is.
    pub(crate) fn name(&self, share: u8) -> String {
        let trustee = self.trustees().find(|(number, _)| *number == share);
        trustee.map(|(_, trustee)| trustee.name.clone()).unwrap_or_default()
    }

    /// Whether a trustee's grant is known here to stand in the log.
    pub(crate) fn is_granted(&self) -> Result<bool, FolderError> {
        for (share, _) in self.trustees() {
            if self.folder.has_bundle(share)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Opens what a trustee answered. It is believed only if its grant stands in the log, is of
    /// exactly this request, and all of its shares are this trustee's.
    pub(crate) fn open_bundle(
        &self,
        request: &Logged<Signed<Request>>,
        (share, trustee): (u8, &TrusteeEntry),
        bytes: &[u8],
    ) -> Result<Granted, BundleError> {
        let bundle = Bundle::decode(bytes)?;
        let key = Verifier::parse(&trustee.vkey)
            .map_err(|_| BundleError::WrongGrant("the policy's key of this trustee is no key"))?;
        let open = bundle.open(request, &key, &self.release_key, self.desk.log.policy())?;
        open.of_trustee(share)?;
        Ok(Granted { grant: LoggedLeaf { leaf: bundle.grant, proof: bundle.proof }, bundle: open })
    }

    pub(crate) fn track(&self) -> TrackId {
        self.facts.opens.first().map(|open| open.context.track).unwrap_or_default()
    }

    /// From the first moment of the first epoch to the end of the last. A segment belongs to the
    /// epoch in which it starts, and may end after it.
    pub(crate) fn span_us(&self) -> (Micros, Micros) {
        (self.facts.from_us, self.facts.to_us)
    }

    /// What to show the relay for the sealed segments of these epochs: it hands out what was
    /// granted.
    pub(crate) fn released(
        &self,
        granted: &[Granted],
        (first, last): (EpochNo, EpochNo),
    ) -> Result<ReleasedQuery, CaseError> {
        let drawn = self.folder.get(DRAWN)?;
        Ok(ReleasedQuery {
            camera_id: self.facts.enrollment.camera_id(),
            track: self.track(),
            draft: drawn.try_into().map_err(|_| self.folder.damaged(DRAWN, "not 32 bytes"))?,
            first,
            last,
            cursor: Sequence(0),
            request: LoggedLeaf { leaf: self.leaf.clone(), proof: self.folder.get(PROOF)? },
            grants: granted.iter().map(|granted| granted.grant.clone()).collect(),
        })
    }
}
