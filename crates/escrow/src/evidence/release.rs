//! The release that opened the footage: request, details, who signed, who granted. Contract:
//! `proto/evidence.md#verifying`, step 4.

use super::proven::{lines, logged, pruned, stamp};
use super::signers::{Registrations, SignedAs, SignerRole};
use super::{Evidence, EvidenceError};
use crate::bundle::verify_grant;
use crate::deal::{shares_hash, slots};
use crate::details::{Details, owner_can_read};
use crate::policy::PolicyDoc;
use crate::record::{
    Country, EntryId, Grant, Kind, Name, RECOVERY_KEY_NAME, Request, Role, Signed, Span, Word,
};
use alloc::string::ToString as _;
use alloc::vec::Vec;
use media::epoch::EpochOpen;
use media::message::LoggedLeaf;
use media::policy::OwnerPolicy;
use media::time::Seconds;
use seal::details::DetailsKey;
use tlog::note::Verifier;
use tlog::policy::Policy;
use tlog::{Hash, Logged};

/// The release that opened the footage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The request's id.
    pub id: EntryId,
    /// Its place in the log.
    pub index: u64,
    /// When the log ordered it, by its stamp.
    pub logged_at: Seconds,
    /// Its kind.
    pub kind: Kind,
    /// The agency that the text names; none for the owner's own kinds.
    pub agency: Option<Name>,
    /// The agency's country.
    pub country: Option<Country>,
    /// On which basis.
    pub basis: Option<Word>,
    /// Who signed, in the order of the lines.
    pub signers: Vec<SignedAs>,
    /// The details, opened: they name this camera and exactly these epochs.
    pub details: Details,
    /// Who granted.
    pub grants: Vec<Granted>,
    /// How many had to; 0 for an owner's share.
    pub needed: u8,
}

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// By whom.
    pub trustee: Name,
    /// Its place in the log.
    pub index: u64,
    /// Whether the PolicyDoc lists this trustee; none where the file has no PolicyDoc.
    pub of_rules: Option<bool>,
}

impl Release {
    /// Whether a registered officer's and a registered supervisor's key of the agency that it names
    /// signed it.
    pub fn is_by_agency(&self) -> bool {
        let is_shown = |role| {
            let mut signers = self.signers.iter();
            signers.any(|signed| signed.role == SignerRole::Registered(role) && signed.registered.is_some())
        };
        is_shown(Role::Officer) && is_shown(Role::Supervisor)
    }
}

/// What a release is held against: all of it is verified.
pub(super) struct Against<'a> {
    pub(super) policy: &'a OwnerPolicy,
    pub(super) policy_index: u64,
    pub(super) rules: Option<&'a PolicyDoc>,
    pub(super) opens: &'a [EpochOpen],
    pub(super) log_policy: &'a Policy,
}

impl Against<'_> {
    pub(super) fn check(
        &self,
        head: &Evidence,
        registrations: &mut Registrations,
    ) -> Result<Option<(Release, Signed<Request>)>, EvidenceError> {
        let LoggedLeaf { leaf, proof } = &head.request;
        let key = match head.details_key {
            None if leaf.is_empty() && proof.is_empty() => {
                return if head.grants.is_empty() { Ok(None) } else { Err(EvidenceError::GrantsAlone) };
            }
            None => return Err(EvidenceError::Details("there is no key to them")),
            Some(key) => DetailsKey::new(key),
        };
        let request = Signed::<Request>::parse(leaf)?;
        let (request, logged_at) = logged("request", request, proof, self.log_policy)?;
        let value = request.value().value();
        self.check_text(&request, logged_at)?;
        let signers = self.signers(&request, registrations)?;
        let details = self.details(value, &key)?;
        let grants = self.grants(head, &request)?;
        // SPEC: evidence.md#verifying: a release MUST show as many grants as shares were needed. An
        // owner-share has none.
        let needed = if value.kind == Kind::OwnerShare { 0 } else { self.policy.t.max(1) };
        if value.needs != u32::from(needed) {
            return Err(EvidenceError::Rules(
                "it needs another number of trustees than its OwnerPolicy says",
            ));
        }
        if grants.len() < usize::from(needed) {
            return Err(EvidenceError::TooFewGrants { got: grants.len(), needed });
        }
        // A trustee to whom an epoch was not dealt lets none of it go: each epoch that was opened needs
        // enough of them.
        let shares = |open: &EpochOpen| {
            let of = |granted: &&Granted| {
                let place =
                    self.policy.trustees.iter().position(|known| known.name == granted.trustee.as_str());
                place.and_then(|place| open.shares.get(place)).is_some_and(Option::is_some)
            };
            grants.iter().filter(of).count()
        };
        let opened = self.opens.iter().zip(&head.seeds).filter(|(_, seed)| seed.is_some());
        if let Some(got) = opened.map(|(open, _)| shares(open)).find(|got| *got < usize::from(needed)) {
            return Err(EvidenceError::TooFewGrants { got, needed });
        }
        if needed == 0 && !grants.is_empty() {
            return Err(EvidenceError::GrantsAlone);
        }
        let release = Release {
            id: value.id,
            index: request.index(),
            logged_at,
            kind: value.kind,
            agency: value.agency.clone(),
            country: value.country,
            basis: value.basis.clone(),
            signers,
            details,
            grants,
            needed,
        };
        Ok(Some((release, request.value().clone())))
    }

    /// Its place and time, its span, its rules.
    fn check_text(&self, request: &Logged<Signed<Request>>, logged_at: Seconds) -> Result<(), EvidenceError> {
        let value = request.value().value();
        if Span::of_epochs(self.opens.iter().map(|open| open.context.dur_ms)) != Some(value.span) {
            return Err(EvidenceError::WrongSpan);
        }
        if value.policy != Hash(self.policy.policy_doc_hash) {
            return Err(EvidenceError::Rules("the request is under another one than the OwnerPolicy"));
        }
        let known = |basis: &Word| self.rules.is_none_or(|rules| rules.bases(value.kind).contains(basis));
        if !value.basis.as_ref().is_none_or(known) {
            return Err(EvidenceError::Rules("it has no such basis"));
        }
        if request.index() <= self.policy_index {
            return Err(EvidenceError::Order("the request was logged before the OwnerPolicy"));
        }
        let skew = self.rules.map_or(0, |rules| rules.figures().clock_skew_secs);
        let asked = Seconds(logged_at.0.saturating_add(skew)).micros();
        if self.opens.last().is_some_and(|last| last.context.end_us() > asked) {
            return Err(EvidenceError::Order("the footage had not ended when the request was logged"));
        }
        Ok(())
    }

    /// The lines of the request, in the order of the roles: as many as its kind needs.
    fn signers(
        &self,
        request: &Logged<Signed<Request>>,
        registrations: &mut Registrations,
    ) -> Result<Vec<SignedAs>, EvidenceError> {
        let value = request.value().value();
        let mut signers = Vec::new();
        match (value.kind, &value.agency) {
            (Kind::Emergency | Kind::Legal, Some(agency)) => {
                for (at, role) in [Role::Officer, Role::Supervisor].into_iter().enumerate() {
                    signers.push(registrations.signer(request, at, role, (agency, value.country))?);
                }
            }
            (Kind::Recovery, _) => {
                let key = Verifier::from_ed25519(RECOVERY_KEY_NAME, &self.policy.recovery_pk);
                let is_owners = self.policy.recovery_pk != [0; 32];
                if !is_owners || !key.is_ok_and(|key| request.value().is_line_by(0, &key)) {
                    return Err(EvidenceError::NotRecovery);
                }
                let key = RECOVERY_KEY_NAME.to_string();
                signers.push(SignedAs { role: SignerRole::Recovery, key, registered: None });
            }
            (Kind::OwnerShare | Kind::Emergency | Kind::Legal, _) => {}
        }
        let sponsor = (&value.sponsor, None);
        signers.push(registrations.signer(request, signers.len(), Role::Sponsor, sponsor)?);
        lines("request", request.value(), signers.len())?;
        Ok(signers)
    }

    // SPEC: evidence.md#verifying: the details MUST open, and MUST name this camera, track, exactly
    // these epochs and the agency of the public text.
    fn details(&self, request: &Request, key: &DetailsKey) -> Result<Details, EvidenceError> {
        let wrong = |why| Err(EvidenceError::Details(why));
        let Ok(details) = Details::open(&request.details, key) else {
            return wrong("the key in the file does not open them");
        };
        // SPEC: evidence.md#verifying: the leaf MUST give the owner the key of its details.
        if !owner_can_read(request, key, &self.policy.audit_pk) {
            return wrong("the leaf does not give their key to the owner");
        }
        let (Some(first), Some(last)) = (self.opens.first(), self.opens.last()) else {
            return Err(EvidenceError::NoEpochs);
        };
        if (details.camera_id, details.track) != (first.context.camera_id, first.context.track) {
            return wrong("they are of another camera or track");
        }
        if (details.first_epoch, details.last_epoch) != (first.context.epoch_no, last.context.epoch_no) {
            return wrong("they are of other epochs");
        }
        if details.agency != request.agency || !details.is_complete_for(request.kind) {
            return wrong("they do not say what a request of this kind must, or another agency");
        }
        Ok(details)
    }

    fn grants(
        &self,
        head: &Evidence,
        request: &Logged<Signed<Request>>,
    ) -> Result<Vec<Granted>, EvidenceError> {
        let mut grants: Vec<Granted> = Vec::new();
        for LoggedLeaf { leaf, proof } in &head.grants {
            let granted = self.grant(leaf, proof, request)?;
            if grants.iter().any(|known| known.trustee == granted.trustee) {
                return Err(EvidenceError::WrongTrustee(granted.trustee));
            }
            grants.push(granted);
        }
        Ok(grants)
    }

    /// One grant: by a trustee of the policy, in the log, for this request, of exactly the shares
    /// of these epochs.
    fn grant(
        &self,
        leaf: &[u8],
        proof: &[u8],
        request: &Logged<Signed<Request>>,
    ) -> Result<Granted, EvidenceError> {
        let signed = Signed::<Grant>::parse(leaf)?;
        let name = signed.value().trustee.clone();
        let listed = (1u8..).zip(&self.policy.trustees).find(|(_, trustee)| trustee.name == name.as_str());
        let Some((share, trustee)) = listed else { return Err(EvidenceError::WrongTrustee(name)) };
        let key =
            Verifier::parse(&trustee.vkey).map_err(|error| EvidenceError::TrusteeKey(name.clone(), error))?;
        lines("grant", &signed, 1)?;
        stamp("grant", &signed, self.log_policy)?;
        pruned("grant", proof, self.log_policy)?;
        let grant = verify_grant(leaf, proof, request, &key, self.log_policy)
            .map_err(|error| EvidenceError::WrongGrant(name.clone(), error))?;
        if grant.index() <= request.index() {
            return Err(EvidenceError::Order("a trustee granted before the request was logged"));
        }
        let value = grant.value().value();
        // As many as were dealt to it of these epochs.
        let dealt = slots(self.opens, share).count();
        let epochs = dealt > 0 && usize::try_from(value.epochs) == Ok(dealt);
        if epochs && shares_hash(self.opens, share) == value.shares {
            let of_rules = self.rules.map(|rules| rules.trustee(&name) == Some(&key));
            Ok(Granted { trustee: name, index: grant.index(), of_rules })
        } else {
            Err(EvidenceError::OtherShares(name))
        }
    }
}
