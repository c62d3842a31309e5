//! A camera's side of it: an owner's policy in the log, epochs dealt to the trustees, requests and packages about them.

use crate::world::{Served, World, name, officer, other_trustee, recovery, sponsor, supervisor, until};
use ed25519_dalek::SigningKey;
use escrow::daykeys::DayKey;
use escrow::deal::{TrusteeId, deal};
use escrow::details::{Details, Line};
use escrow::package::Package;
use escrow::record::{
    Country, EntryId, Kind, OwnerPolicyLeaf, Request, Signed, Span, Time, Word, policy_commitment,
};
use host::rng::OsRng;
use media::enrollment::{CameraConsent, Enrollment};
use media::epoch::{EpochContext, EpochOpen};
use media::id::{Day, EpochNo, TrackId};
use media::notice::DayNotice;
use media::pair::PolicyBundle;
use media::policy::{Class, Classes, OwnerPolicy, TrusteeEntry};
use seal::epoch::{EpochSeed, Pool};
use seal::hpke::SecretKey;
use seal::notice::{NoticeKey, NoticeRoot};
use tlog::{Entry as _, Hash, Logged};

pub(crate) const EPOCHS: u64 = 3;
const FIRST: u64 = 7;
const EPOCH_MS: u32 = 10_000;

pub(crate) struct Camera {
    enrollment: Enrollment,
    owner: SigningKey,
    notice: NoticeKey,
    signed_notice: Vec<u8>,
    policy: PolicyBundle,
    opens: Vec<Vec<u8>>,
    pub seeds: Vec<EpochSeed>,
    pub contexts: Vec<EpochContext>,
}

/// A logged request and its package.
pub(crate) struct Case {
    pub id: EntryId,
    pub request: Signed<Request>,
    pub logged: Option<Logged<Signed<Request>>>,
    pub package: Package,
    pub release_key: SecretKey,
}

/// Which share the camera deals badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dealing {
    Well,
    /// The first trustee's share of the last epoch is not the one committed to.
    BadShare,
}

/// The day key that a trustee serves, once it does.
pub(crate) async fn day_key(world: &World, trustee: &Served<'_>, day: Day) -> DayKey {
    let note = until("a day key is published", async || {
        let reply = trustee.get(&format!("/day-keys/{}", day.0)).await;
        (reply.status == 200).then_some(reply.body)
    });
    let vkey = tlog::note::Verifier::parse(&world.created.vkey).unwrap();
    DayKey::decode_verified(&note.await, &vkey, day).unwrap()
}

impl Camera {
    /// A camera that has filmed three epochs of ten seconds.
    pub(crate) async fn film(world: &World, trustee: &Served<'_>, dealing: Dealing) -> Self {
        let (key, owner) =
            (SigningKey::from_bytes(&host::rng::bytes()), SigningKey::from_bytes(&host::rng::bytes()));
        let owner_root_pk = owner.verifying_key().to_bytes();
        let start = host::clock::now() - 60;
        let day = Day::of_us(start * 1_000_000);
        let enrollment = Enrollment {
            camera_pk: key.verifying_key().to_bytes(),
            owner_root_pk,
            created: start,
            firmware_hash: [0; 32],
            camera_consent: CameraConsent::sign(&key, &owner_root_pk, host::rng::bytes()),
        };
        let camera_id = enrollment.camera_id();
        let notice = NoticeRoot::new(host::rng::bytes()).key(&camera_id, day);
        let signed_notice = DayNotice { camera_id, day, notice_key: *notice.expose() }.sign(&key);

        let other_key = SecretKey::generate(&mut OsRng);
        let other = DayKey {
            trustee: name(other_trustee().name()),
            day,
            public: other_key.public(),
            destroy_by: Time(start + 90 * 86_400),
        };
        let own = day_key(world, trustee, day).await;
        let vkeys = [world.created.vkey.clone(), other_trustee().verifier().vkey()];
        let ids = vkeys.clone().map(|vkey| TrusteeId::of(&tlog::note::Verifier::parse(&vkey).unwrap()));
        let dealt_to = [(ids[0], own), (ids[1], other)];
        let entries = vkeys.map(|vkey| TrusteeEntry {
            name: vkey.split('+').next().unwrap().to_owned(),
            vkey,
            url: trustee.url.clone(),
        });
        let policy = OwnerPolicy {
            camera_id,
            version: 1,
            prev_hash: [0; 32],
            epoch_len_s: 10,
            t: 2,
            trustees: entries.to_vec(),
            recipients: Vec::new(),
            classes: Classes::of(&[Class::Legal, Class::Emergency, Class::Recovery]),
            retention_days: 30,
            log_policy_hash: world.client.policy().hash().0,
            policy_doc_hash: world.rules.hash().0,
            recovery_pk: recovery().verifier().ed25519_key().unwrap(),
        };
        let signed = policy.sign(&owner).unwrap();
        let id = EntryId::generate(&mut OsRng);
        let leaf = OwnerPolicyLeaf {
            id,
            sponsor: name("relay.example"),
            label: Hash(notice.label(id.as_bytes())),
            commitment: policy_commitment(&id, &Hash(signed.hash())),
        };
        let leaf = Signed::sign(leaf, &[&sponsor()]).unwrap();
        let proof = world.add(&leaf).await;
        let policy = PolicyBundle {
            policy: signed.bytes().to_vec(),
            leaf: leaf.entry_bytes().to_vec(),
            proof: proof.encode(),
        };
        let mut camera = Self {
            enrollment,
            owner,
            notice,
            signed_notice,
            policy,
            opens: Vec::new(),
            seeds: Vec::new(),
            contexts: Vec::new(),
        };
        let mut pool = Pool::new(host::rng::bytes());
        for at in 0..EPOCHS {
            let context = EpochContext {
                camera_id,
                track: TrackId(0),
                epoch_no: EpochNo(FIRST + at),
                start_us: start * 1_000_000 + at * u64::from(EPOCH_MS) * 1000,
                dur_ms: EPOCH_MS,
                policy_hash: signed.hash(),
                notice_commit: camera.notice.commit(),
                t: 2,
                n: 2,
            };
            let ctx = context.hash();
            let seed = pool.next_seed(&host::rng::bytes(), &ctx);
            let mut dealt = deal(&seed, &ctx, 2, &dealt_to, &mut OsRng).unwrap();
            if dealing == Dealing::BadShare && at + 1 == EPOCHS {
                dealt.share_commits[0] = [0; 32];
            }
            let open = EpochOpen {
                context: context.clone(),
                key_commit: seed.key_commit(&ctx),
                share_commits: dealt.share_commits,
                shares: dealt.shares,
                wraps: Vec::new(),
                previous: None,
            };
            camera.opens.push(open.sign(&key).bytes().to_vec());
            camera.seeds.push(seed);
            camera.contexts.push(context);
        }
        camera
    }

    /// A request for all epochs, signed by whoever must; not in the log.
    pub(crate) fn ask(&self, world: &World, kind: Kind) -> Case {
        let line = |text: &str, of: &[Kind]| of.contains(&kind).then(|| Line::new(text).unwrap());
        let (emergency, legal) = (&[Kind::Emergency][..], &[Kind::Legal][..]);
        let agency = &[Kind::Emergency, Kind::Legal][..];
        let details = Details {
            camera_id: self.enrollment.camera_id(),
            track: TrackId(0),
            first_epoch: EpochNo(FIRST),
            last_epoch: EpochNo(FIRST + EPOCHS - 1),
            agency: kind.is_by_agency().then(|| name("police.example")),
            officer: line("Sgt. A. Byron", agency),
            badge: line("1182", agency),
            supervisor: line("Lt. M. Curie", emergency),
            call_back: line("14:02 UTC, the published number", emergency),
            case_number: line("2026-8812", agency),
            court: line("district court", legal),
            order: legal.contains(&kind).then_some(Hash([3; 32])),
            grounds: line("a burglary next door", &[Kind::Legal, Kind::Recovery]),
            in_danger: line("a boy of 4, taken by an unknown man", emergency),
            urgency: line("every minute counts", emergency),
            no_order: line("the court is closed until Monday", emergency),
            purpose: line("the car's number plate", emergency),
            recipient: None,
        };
        let (id, release_key) = (EntryId::generate(&mut OsRng), SecretKey::generate(&mut OsRng));
        let basis = if kind == Kind::Legal { "court-order" } else { "danger-of-death" };
        let request = Request {
            id,
            kind,
            sponsor: name("relay.example"),
            agency: kind.is_by_agency().then(|| name("police.example")),
            country: Country::new("US").filter(|_| kind.is_by_agency()),
            basis: Word::new(basis).filter(|_| kind.is_by_agency()),
            span: Span::of_epochs(self.contexts.iter().map(|context| context.dur_ms)).unwrap(),
            policy: world.rules.hash(),
            release_key: Hash::of(&[&release_key.public()]),
            label: Hash(self.notice.label(id.as_bytes())),
            details: details.seal(&self.notice, &id).unwrap(),
            time: Time(host::clock::now()),
        };
        let (officer, supervisor, sponsor, recovery) = (officer(), supervisor(), sponsor(), recovery());
        let signers = match kind {
            Kind::Emergency => vec![&officer, &supervisor, &sponsor],
            Kind::Recovery => vec![&recovery, &sponsor],
            _ => vec![&officer, &sponsor],
        };
        let request = Signed::sign(request, &signers).unwrap();
        let package = Package {
            leaf: request.entry_bytes().to_vec(),
            proof: Vec::new(),
            first_proof: Vec::new(),
            release_key: release_key.public(),
            enrollment: self.enrollment.sign(&self.owner),
            policy: self.policy.clone(),
            notices: vec![self.signed_notice.clone()],
            opens: self.opens.clone(),
        };
        Case { id, request, logged: None, package, release_key }
    }

    /// The same, in the log.
    pub(crate) async fn request(&self, world: &World, kind: Kind) -> Case {
        let mut case = self.ask(world, kind);
        case.log(world).await;
        case
    }
}

impl Case {
    pub(crate) async fn log(&mut self, world: &World) {
        let proof = world.add(&self.request).await;
        self.package.proof = proof.encode();
        self.package.first_proof = proof.encode();
        self.logged = Some(Logged::verify(self.request.clone(), &proof, world.client.policy()).unwrap());
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        self.package.encode()
    }

    pub(crate) fn logged(&self) -> &Logged<Signed<Request>> {
        self.logged.as_ref().unwrap()
    }
}
