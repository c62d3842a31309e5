//! A camera that filmed epochs and dealt their keys to trustees; requests for them, and what a
//! requester sends along.
//!
//! In scope: the keys, the owner's policy and its leaf, the EpochOpens, requests with their sealed
//! details, packages. Out of scope: the log that takes the leaves, the trustees' day keys, the
//! footage itself.

use crate::keys::{name, officer, recovery, sponsor, supervisor};
use ed25519_dalek::SigningKey;
use escrow::daykeys::DayKey;
use escrow::deal::{self, TrusteeId, deal};
use escrow::details::{Details, owner_key};
use escrow::package::Package;
use escrow::record::{
    Country, EntryId, Kind, Line, OwnerPolicyLeaf, Request, Signed, Span, Word, policy_commitment,
};
use host::rng::Rng;
use media::enrollment::{CameraConsent, Enrollment};
use media::epoch::{EpochContext, EpochOpen, SignedEpochOpen};
use media::id::{CameraId, Day, EpochNo, TrackId};
use media::pair::PolicyBundle;
use media::policy::{Class, Classes, OwnerPolicy, SignedOwnerPolicy, TrusteeEntry};
use media::time::{Micros, Seconds};
use seal::details::audit_key;
use seal::epoch::{EpochSeed, Pool};
use seal::hpke::SecretKey;
use seal::notice::{NoticeKey, NoticeRoot};
use std::ops::Range;
use tlog::note::Verifier;
use tlog::proof::TlogProof;
use tlog::{Entry as _, Hash};

/// The number of its first epoch here.
const FIRST: u64 = 7;
const AGENCY: &str = "police.example";
/// What a court ordered, as its clerk scanned it.
pub const ORDER: &[u8] = b"%PDF-1.7 The court orders";

/// What the owner's policy says.
#[derive(Debug, Clone)]
pub struct Terms {
    pub epoch_ms: u32,
    pub threshold: u8,
    /// Their note keys.
    pub trustees: Vec<String>,
    pub trustee_url: String,
    pub log_policy: Hash,
    pub rules: Hash,
}

#[derive(Debug, Clone)]
pub struct Camera {
    key: SigningKey,
    owner: SigningKey,
    /// Whose audit key opens the details; of an impostor, the owner's whose package it got hold of.
    reader: SigningKey,
    created: u64,
    /// From the day it was enrolled to the day it filmed.
    notices: Vec<(Day, NoticeKey)>,
    /// The same, signed; sealed to the trustees to whom it dealt.
    signed_notices: Vec<Vec<u8>>,
    terms: Terms,
    policy: SignedOwnerPolicy,
    bundle: PolicyBundle,
    pub seeds: Vec<EpochSeed>,
    pub contexts: Vec<EpochContext>,
    opens: Vec<SignedEpochOpen>,
}

impl Camera {
    /// A camera that was enrolled at `created`, Unix seconds, and has notice keys up to the day of
    /// `films`.
    pub fn new(created: u64, films: u64, terms: Terms) -> Self {
        let (key, owner) =
            (SigningKey::from_bytes(&host::rng::bytes()), SigningKey::from_bytes(&host::rng::bytes()));
        let id = CameraId::of_key(&key.verifying_key().to_bytes());
        let (mut day, mut root) = (Seconds(created).day(), NoticeRoot::new(host::rng::bytes()));
        let mut notices = Vec::new();
        while day <= Seconds(films).day() {
            notices.push((day, root.key(&id, day)));
            (day, root) = (Day(day.0 + 1), root.next(&id, day));
        }
        let entry = |vkey: &String| TrusteeEntry {
            name: vkey.split('+').next().unwrap().to_owned(),
            vkey: vkey.clone(),
            url: terms.trustee_url.clone(),
        };
        let policy = OwnerPolicy {
            epoch_len_s: (terms.epoch_ms / 1000).try_into().unwrap(),
            t: terms.threshold,
            trustees: terms.trustees.iter().map(entry).collect(),
            classes: Classes::of(&[Class::Legal, Class::Emergency, Class::Recovery]),
            log_policy_hash: terms.log_policy.0,
            policy_doc_hash: terms.rules.0,
            recovery_pk: recovery().verifier().ed25519_key().unwrap(),
            audit_pk: audit_key(&owner.to_bytes()).public(),
            ..crate::bare::policy(id)
        };
        Self {
            policy: policy.sign(&owner).unwrap(),
            bundle: PolicyBundle::default(),
            seeds: Vec::new(),
            contexts: Vec::new(),
            opens: Vec::new(),
            key,
            reader: owner.clone(),
            owner,
            created,
            notices,
            signed_notices: Vec::new(),
            terms,
        }
    }

    /// The same camera with another policy of its owner in its packages; not in the log yet.
    pub fn under_policy(&self, alter: impl FnOnce(&mut OwnerPolicy)) -> Self {
        let mut policy = self.policy.unverified().clone();
        alter(&mut policy);
        Self { policy: policy.sign(&self.owner).unwrap(), ..self.clone() }
    }

    /// Another camera, of another owner, by somebody who has this one's notice keys from a package:
    /// it has filmed nothing yet.
    pub fn impostor(&self) -> Self {
        let (key, owner) =
            (SigningKey::from_bytes(&host::rng::bytes()), SigningKey::from_bytes(&host::rng::bytes()));
        let camera_id = CameraId::of_key(&key.verifying_key().to_bytes());
        let policy = OwnerPolicy { camera_id, ..self.policy.unverified().clone() };
        Self {
            policy: policy.sign(&owner).unwrap(),
            seeds: Vec::new(),
            contexts: Vec::new(),
            opens: Vec::new(),
            key,
            owner,
            ..self.clone()
        }
    }

    pub fn enrollment(&self) -> Enrollment {
        let owner_root_pk = self.owner.verifying_key().to_bytes();
        Enrollment {
            camera_pk: self.key.verifying_key().to_bytes(),
            owner_root_pk,
            created: Seconds(self.created),
            firmware_hash: [0; 32],
            camera_consent: CameraConsent::sign(&self.key, &owner_root_pk, [5; 32]),
        }
    }

    /// The notice key of the day on which it filmed.
    fn notice(&self) -> &NoticeKey {
        &self.notices.last().unwrap().1
    }

    /// The leaf that puts the owner's policy on record.
    pub fn policy_leaf(&self) -> Signed<OwnerPolicyLeaf> {
        let id = EntryId::generate(&mut Rng::system());
        let leaf = OwnerPolicyLeaf {
            id,
            sponsor: name("relay.example"),
            label: Hash(self.notice().label(id.as_bytes())),
            commitment: policy_commitment(&id, &Hash(self.policy.hash())),
        };
        Signed::sign(leaf, &[&sponsor()]).unwrap()
    }

    /// Remembers that this leaf stands in the log.
    pub fn keep_policy(&mut self, leaf: &Signed<OwnerPolicyLeaf>, proof: &TlogProof) {
        self.bundle = PolicyBundle {
            policy: self.policy.bytes().to_vec(),
            leaf: leaf.entry_bytes().to_vec(),
            proof: proof.encode(),
        };
    }

    /// Films so many epochs from `start` on, Unix seconds, and deals each; gives out its notices.
    /// `alter` changes an EpochOpen before it is signed.
    pub fn film(
        &mut self,
        start: u64,
        epochs: u64,
        day_keys: Vec<DayKey>,
        alter: impl Fn(u64, &mut EpochOpen),
    ) -> &[SignedEpochOpen] {
        let id = |vkey: &String| TrusteeId::of(&Verifier::parse(vkey).unwrap());
        let holders: Vec<_> = self.terms.trustees.iter().map(id).zip(day_keys).collect();
        let camera_id = self.enrollment().camera_id();
        let notice = |(day, key): &(Day, NoticeKey)| {
            deal::notice(key, camera_id, *day, None, &holders, &mut Rng::system()).sign(&self.key)
        };
        self.signed_notices = self.notices.iter().map(notice).collect();
        let dealt_to: Vec<_> = holders.into_iter().map(Some).collect();
        let (t, n) = (self.terms.threshold, u8::try_from(dealt_to.len()).unwrap());
        let mut pool = Pool::new(host::rng::bytes());
        for at in 0..epochs {
            let context = EpochContext {
                camera_id,
                track: TrackId(0),
                epoch_no: EpochNo(FIRST + at),
                start_us: Micros(start * 1_000_000 + at * u64::from(self.terms.epoch_ms) * 1000),
                dur_ms: self.terms.epoch_ms,
                policy_hash: self.policy.hash(),
                notice_commit: self.notice().commit(),
                t,
                n,
            };
            let ctx = context.hash();
            let seed = pool.next_seed(&host::rng::bytes(), &ctx);
            let dealt = deal(&seed, &ctx, t, &dealt_to, &mut Rng::system()).unwrap();
            let mut open = EpochOpen {
                key_commit: seed.key_commit(&ctx),
                share_commits: dealt.share_commits,
                shares: dealt.shares,
                ..crate::bare::open(context.clone())
            };
            alter(at, &mut open);
            self.opens.push(open.sign(&self.key));
            self.seeds.push(seed);
            self.contexts.push(context);
        }
        &self.opens
    }

    /// A request for these of its epochs, signed by whoever must; not in the log.
    pub fn request(
        &self,
        kind: Kind,
        id: EntryId,
        epochs: Range<usize>,
        time: u64,
        key: &SecretKey,
    ) -> Signed<Request> {
        let contexts = &self.contexts[epochs];
        let by_agency = kind.is_by_agency();
        let basis = if kind == Kind::Legal { "court-order" } else { "danger-of-death" };
        let audit_pk = &self.policy.unverified().audit_pk;
        let sealed = details(kind, contexts).seal(audit_pk, &id, &mut Rng::system()).unwrap();
        let request = Request {
            id,
            kind,
            sponsor: name("relay.example"),
            agency: by_agency.then(|| name(AGENCY)),
            country: by_agency.then(|| Country::new("US").unwrap()),
            basis: by_agency.then(|| Word::new(basis).unwrap()),
            span: Span::of_epochs(contexts.iter().map(|context| context.dur_ms)).unwrap(),
            needs: if kind == Kind::OwnerShare { 0 } else { self.terms.threshold.into() },
            incident: None,
            policy: self.terms.rules,
            release_key: Hash::of(&[&key.public()]),
            label: Hash(self.notice().label(id.as_bytes())),
            details: sealed.details,
            details_key: sealed.wrapped,
            time: Seconds(time),
        };
        let (officer, supervisor, sponsor, recovery) =
            (officer(AGENCY), supervisor(AGENCY), sponsor(), recovery());
        let signers = match kind {
            Kind::Emergency | Kind::Legal => vec![&officer, &supervisor, &sponsor],
            Kind::Recovery => vec![&recovery, &sponsor],
            Kind::OwnerShare => vec![&sponsor],
        };
        Signed::sign(request, &signers).unwrap()
    }

    /// What a requester sends to a trustee, but for the proofs.
    pub fn package(&self, request: &Signed<Request>, epochs: Range<usize>, key: &SecretKey) -> Package {
        Package {
            leaf: request.entry_bytes().to_vec(),
            proof: Vec::new(),
            release_key: key.public(),
            // As the owner would read it from the leaf.
            details_key: owner_key(request.value(), &audit_key(&self.reader.to_bytes())).unwrap(),
            order: if request.value().kind == Kind::Legal { ORDER.to_vec() } else { Vec::new() },
            enrollment: self.enrollment().sign(&self.owner),
            policy: self.bundle.clone(),
            notices: self.signed_notices.clone(),
            opens: self.opens[epochs].iter().map(|open| open.bytes().to_vec()).collect(),
        }
    }
}

/// Complete for its kind.
fn details(kind: Kind, contexts: &[EpochContext]) -> Details {
    let line = |text: &str, of: &[Kind]| of.contains(&kind).then(|| Line::new(text).unwrap());
    let (emergency, legal) = (&[Kind::Emergency][..], &[Kind::Legal][..]);
    let agency = &[Kind::Emergency, Kind::Legal][..];
    Details {
        camera_id: contexts[0].camera_id,
        track: contexts[0].track,
        first_epoch: contexts[0].epoch_no,
        last_epoch: contexts.last().unwrap().epoch_no,
        agency: kind.is_by_agency().then(|| name(AGENCY)),
        officer: line("Sgt. A. Byron", agency),
        badge: line("1182", agency),
        supervisor: line("Lt. M. Curie", emergency),
        call_back: line("14:02 UTC, the published number", emergency),
        case_number: line("2026-8812", agency),
        court: line("district court", legal),
        order: legal.contains(&kind).then_some(Hash::of(&[ORDER])),
        grounds: line("a burglary next door", &[Kind::Legal, Kind::Recovery]),
        in_danger: line("a boy of 4, taken by an unknown man", emergency),
        urgency: line("every minute counts", emergency),
        no_order: line("the court is closed until Monday", emergency),
        purpose: line("the car's number plate", emergency),
        recipient: line("the neighbour", &[Kind::OwnerShare]),
    }
}
