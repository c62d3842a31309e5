//! No viewer is added in silence: whatever policy the relay offers, a camera films under the one
//! that its owner put into the witnessed log.

use ed25519_dalek::SigningKey;
use escrow::record::{EntryId, Name, OwnerPolicyLeaf, Record as _, Signed, policy_commitment};
use host::rng::Rng;
use media::epoch::{EpochOpen, SignedEpochOpen};
use media::id::{CameraId, Day, DeviceId};
use media::message::LoggedLeaf;
use media::message::{Control, Request, Response};
use media::pair::HeldPolicy;
use media::pair::PolicyBundle;
use media::policy::{OwnerPolicy, Recipient, Role, SignedOwnerPolicy, TrusteeEntry};
use media::time::{Micros, Seconds};
use seal::hpke::SecretKey;
use seal::notice::{NoticeKey, NoticeRoot};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tlog::note::Signer;
use tlog::{Entry as _, Hash};
use world::impostor::{Answer, Impostor};
use world::session::Session;
use world::{Stage, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_films_under_no_policy_that_its_owner_did_not_sign_label_and_log() {
    let mut stage = Stage::set(1).await;
    // Every trustee's day key is at the camera: an epoch is filmed.
    stage.filmed(1).await;
    let house = House::enter(&stage).await;
    let stats = stage.cast.video.cameras[0].stats.clone();
    let (first, viewer) = (&house.first, viewer());
    let owners = |policy: OwnerPolicy| policy.sign(&house.root).unwrap();
    let with_viewer = || house.next(|policy| policy.recipients.push(viewer.clone()));

    // Everything that can be had without the owner's wish, and what the camera says of it.
    let forged = with_viewer().sign(&SigningKey::from_bytes(&[66; 32])).unwrap();
    let unlogged = owners(house.next(|policy| {
        policy.recipients.push(viewer.clone());
        policy.trustees.push(mole());
    }));
    let unlabelled = owners(with_viewer());
    let later = owners(house.next(|policy| {
        (policy.version, policy.prev_hash) = (3, unlogged.hash());
        policy.recipients.push(viewer.clone());
    }));
    let elsewhere = owners(house.next(|policy| policy.camera_id = CameraId([7; 32])));
    let refused = [
        (house.logged(&forged, house.label()).await, "the policy is not the owner's"),
        (house.unlogged(&unlogged), "its leaf is not in the witnessed log"),
        (
            PolicyBundle { policy: unlogged.bytes().to_vec(), ..house.bundle.clone() },
            "its leaf is another policy's",
        ),
        (house.logged(&unlabelled, |_| [9; 32]).await, "its leaf has no label"),
        (house.logged(&later, house.label()).await, "the versions between 1 and 3 are not to be had"),
        (house.logged(&elsewhere, house.label()).await, "the policy is for another camera"),
    ];
    let wished = owners(with_viewer());
    let wish = house.logged(&wished, house.label()).await;

    let told = Told::offering(&house.bundle);
    let impostor =
        Impostor::take_place(&mut stage.cast.video.relay, told.script(house.enrollment.clone())).await;
    let changed = |bundle: &PolicyBundle| {
        told.offer(bundle);
        impostor.say(&Control::Changed { camera_id: house.camera_id });
    };
    until("the camera publishes to whoever has the relay's key", async || {
        stats.now().troubles.link.is_none()
    })
    .await;
    for (bundle, said) in &refused {
        // So that each refusal is this one's.
        changed(&house.bundle);
        until("the policy in force is no trouble", async || stats.now().troubles.policy.is_none()).await;
        changed(bundle);
        until(said, async || stats.now().troubles.policy.is_some_and(|trouble| trouble.contains(said))).await;
    }
    let since = host::clock::now_us();
    until("an epoch after all that", async || told.opens_since(since).len() == 1).await;
    let opens = told.opens();
    assert!(opens.iter().all(|open| open.context.policy_hash == first.hash()), "{opens:?}");
    assert!(opens.iter().all(|open| wrapped_for(open) == devices(first.unverified())), "{opens:?}");
    assert!(opens.iter().all(|open| open.context.n == 5), "{opens:?}");
    assert!(stats.now().troubles.picture.is_none(), "it films: {stats:?}");

    // The control: what the owner signed, labelled and logged is followed, the viewer that all were
    // to bring included.
    changed(&wish);
    let follows = async || told.opens().last().is_some_and(|open| open.context.policy_hash == wished.hash());
    until("an epoch under what the owner wished", follows).await;
    assert_eq!(wrapped_for(told.opens().last().unwrap()), devices(wished.unverified()));
    assert_eq!(devices(wished.unverified()).len(), 2);

    // And there is no way back.
    changed(&house.bundle);
    let said = "version 1 does not follow version 2";
    until(said, async || stats.now().troubles.policy.is_some_and(|trouble| trouble.contains(said))).await;
    let since = host::clock::now_us();
    until("an epoch after that", async || told.opens_since(since).len() == 1).await;
    assert_eq!(told.opens().last().unwrap().context.policy_hash, wished.hash());
    stage.strike().await;
}

/// What a policy is made with: the owner's root key and notice key, the relay's sponsor key.
struct House {
    root: SigningKey,
    sponsor: Signer,
    relay: Session,
    camera_id: CameraId,
    notice: NoticeKey,
    /// The policy of the pairing, and as the relay serves it.
    first: SignedOwnerPolicy,
    enrollment: Vec<u8>,
    bundle: PolicyBundle,
}

impl House {
    async fn enter(stage: &Stage) -> Self {
        let keybook = &stage.cast.people.owner_config.keybook;
        let root = host::secret::read(&keybook.join("root.secret"), "owner-root").unwrap();
        let root = SigningKey::from_bytes(root[..].try_into().unwrap());
        let sponsor = stage.cast.video.relay.config.data.join("sponsor.key");
        let sponsor = host::secret::read_line(&sponsor).unwrap();
        let relay = Session::of_root(stage).await;
        let camera_id = stage.cast.video.cameras[0].id;
        let asked = relay.link.call(&Request::GetPolicy { camera_id, hash: [0; 32] }).await.unwrap();
        let Response::Policy(HeldPolicy { enrollment, bundle }) = asked else { panic!("{asked:?}") };
        Self {
            notice: notice_key(keybook, &camera_id),
            first: SignedOwnerPolicy::decode(&bundle.policy).unwrap(),
            sponsor: Signer::from_secret_text(&sponsor).unwrap(),
            root,
            relay,
            camera_id,
            enrollment,
            bundle,
        }
    }

    /// The version after the first, changed.
    fn next(&self, change: impl FnOnce(&mut OwnerPolicy)) -> OwnerPolicy {
        let mut policy = self.first.unverified().clone();
        (policy.version, policy.prev_hash) = (2, self.first.hash());
        change(&mut policy);
        policy
    }

    /// The label by which the owner finds a leaf.
    fn label(&self) -> impl Fn(&EntryId) -> [u8; 32] {
        |id| self.notice.label(id.as_bytes())
    }

    fn leaf(&self, policy: &SignedOwnerPolicy, label: impl Fn(&EntryId) -> [u8; 32]) -> OwnerPolicyLeaf {
        let id = EntryId::generate(&mut Rng::system());
        OwnerPolicyLeaf {
            id,
            sponsor: Name::new(self.sponsor.name()).unwrap(),
            label: Hash(label(&id)),
            commitment: policy_commitment(&id, &Hash(policy.hash())),
        }
    }

    /// With a leaf in the witnessed log.
    async fn logged(&self, policy: &SignedOwnerPolicy, label: impl Fn(&EntryId) -> [u8; 32]) -> PolicyBundle {
        let text = self.leaf(policy, label).text();
        let answer = self.relay.link.call(&Request::SponsorLeaf(text)).await.unwrap();
        let Response::Logged(LoggedLeaf { leaf, proof }) = answer else { panic!("{answer:?}") };
        PolicyBundle { policy: policy.bytes().to_vec(), leaf, proof }
    }

    /// With a leaf that the sponsor signed and nobody logged, and another leaf's proof.
    fn unlogged(&self, policy: &SignedOwnerPolicy) -> PolicyBundle {
        let leaf = Signed::sign(self.leaf(policy, self.label()), &[&self.sponsor]).unwrap();
        let proof = self.bundle.proof.clone();
        PolicyBundle { policy: policy.bytes().to_vec(), leaf: leaf.entry_bytes().to_vec(), proof }
    }
}

/// The camera's notice key of today, from the root of its pairing.
fn notice_key(keybook: &Path, camera_id: &CameraId) -> NoticeKey {
    let path = keybook.join("notice").join(format!("{camera_id}.secret"));
    let kept = host::secret::read(&path, "notice-root").unwrap();
    let (day, root) = kept.split_first_chunk::<4>().unwrap();
    let (mut day, mut root) = (Day(u32::from_be_bytes(*day)), NoticeRoot::new(root.try_into().unwrap()));
    while day < Micros(host::clock::now_us()).day() {
        root = root.next(camera_id, day);
        day = Day(day.0 + 1);
    }
    root.key(camera_id, day)
}

/// What the impostor offers, and the EpochOpens that the camera gave it.
#[derive(Clone)]
struct Told {
    offered: Arc<Mutex<PolicyBundle>>,
    opens: Arc<Mutex<Vec<EpochOpen>>>,
}

impl Told {
    fn offering(bundle: &PolicyBundle) -> Self {
        Self { offered: Arc::new(Mutex::new(bundle.clone())), opens: Arc::default() }
    }

    fn offer(&self, bundle: &PolicyBundle) {
        *self.offered.lock().unwrap() = bundle.clone();
    }

    fn script(&self, enrollment: Vec<u8>) -> impl Fn(&Request) -> Answer + Send + Sync + 'static {
        let told = self.clone();
        move |request| match request {
            // What lies between the newest and the camera's own is not to be had.
            Request::GetPolicy { hash, .. } if *hash != [0; 32] => Answer::not_found(),
            Request::GetPolicy { .. } => {
                let (enrollment, bundle) = (enrollment.clone(), told.offered.lock().unwrap().clone());
                Answer::Response(Response::Policy(HeldPolicy { enrollment, bundle }))
            }
            Request::PutEpochOpen(bytes) => {
                let open = SignedEpochOpen::decode(bytes).unwrap().unverified().clone();
                told.opens.lock().unwrap().push(open);
                Answer::Response(Response::Ok)
            }
            Request::PutDayNotice(_) => Answer::Response(Response::Ok),
            _ => Answer::not_found(),
        }
    }

    fn opens(&self) -> Vec<EpochOpen> {
        self.opens.lock().unwrap().clone()
    }

    /// Of epochs that began at `since_us` or later.
    fn opens_since(&self, since_us: u64) -> Vec<EpochOpen> {
        self.opens().into_iter().filter(|open| open.context.start_us >= Micros(since_us)).collect()
    }
}

fn wrapped_for(open: &EpochOpen) -> BTreeSet<DeviceId> {
    open.wraps.iter().map(|wrap| wrap.device_id).collect()
}

fn devices(policy: &OwnerPolicy) -> BTreeSet<DeviceId> {
    policy.recipients.iter().map(|recipient| recipient.device_id).collect()
}

fn viewer() -> Recipient {
    let wrap_pk = SecretKey::generate(&mut Rng::system()).public();
    Recipient { device_id: DeviceId([66; 32]), wrap_pk, role: Role::Admin, not_after: Seconds::MAX }
}

fn mole() -> TrusteeEntry {
    let vkey = Signer::generate("mole.example", &mut Rng::system()).unwrap().verifier().vkey();
    TrusteeEntry { name: "mole.example".to_owned(), vkey, url: "http://127.0.0.1:1".to_owned() }
}
