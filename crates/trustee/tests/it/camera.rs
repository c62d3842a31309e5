//! A camera's side of it: an owner's policy in the log, epochs dealt to two trustees, requests and
//! packages about them.

use crate::world::{Served, World};
use escrow::daykeys::{DayKey, PublishedDayKey};
use escrow::package::Package;
use escrow::record::{EntryId, Kind, Request, Signed};
use host::rng::Rng;
use media::id::Day;
use media::time::Seconds;
use seal::hpke::SecretKey;
use stage::dealt::{self, Terms};
use stage::keys::{name, signer};
use stage::until;
use tlog::{Entry as _, Logged};

pub(crate) const EPOCHS: u64 = 3;
/// The trustee that is not run here: a share is dealt to it too.
const OTHER: &str = "press.example";

pub(crate) struct Camera {
    pub filmed: dealt::Camera,
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
    published(world, trustee, day).await.1
}

/// The same with what shows that it is in the log.
pub(crate) async fn published(world: &World, trustee: &Served<'_>, day: Day) -> (PublishedDayKey, DayKey) {
    let bytes = until("a day key is published", async || {
        let reply = trustee.get(&format!("/day-keys/{}", day.0)).await;
        (reply.status == 200).then_some(reply.body)
    });
    let vkey = tlog::note::Verifier::parse(&world.created.vkey).unwrap();
    let read = PublishedDayKey::decode_verified(&bytes.await, &vkey, day, &world.log.policy);
    let (published, key, _) = read.unwrap();
    (published, key)
}

/// The day keys that a camera deals to: the trustee's, and one of the other that is not run here.
pub(crate) async fn day_keys(world: &World, trustee: &Served<'_>, day: Day) -> Vec<DayKey> {
    let other = DayKey {
        trustee: name(OTHER),
        day,
        public: SecretKey::generate(&mut Rng::system()).public(),
        destroy_by: Seconds(host::clock::now() + 90 * 86_400),
    };
    vec![day_key(world, trustee, day).await, other]
}

impl Camera {
    /// A camera that has filmed three epochs of ten seconds.
    pub(crate) async fn film(world: &World, trustee: &Served<'_>, dealing: Dealing) -> Self {
        let start = host::clock::now() - 60;
        let terms = Terms {
            epoch_ms: 10_000,
            threshold: 2,
            trustees: vec![world.created.vkey.clone(), signer(OTHER).verifier().vkey()],
            trustee_url: trustee.url.clone(),
            log_policy: world.log.policy.hash(),
            rules: world.rules.hash(),
        };
        let mut filmed = dealt::Camera::new(start, start, terms);
        let (leaf, proof) = world.add(&filmed.policy_leaf()).await;
        filmed.keep_policy(&leaf, &proof);
        let keys = day_keys(world, trustee, Seconds(start).day()).await;
        filmed.film(start, EPOCHS, keys, |at, open| {
            if dealing == Dealing::BadShare && at + 1 == EPOCHS {
                open.share_commits[0] = [0; 32];
            }
        });
        Self { filmed }
    }

    /// A request for all epochs, signed by whoever must; not in the log.
    pub(crate) fn ask(&self, kind: Kind) -> Case {
        let (id, release_key) =
            (EntryId::generate(&mut Rng::system()), SecretKey::generate(&mut Rng::system()));
        let all = 0..self.filmed.contexts.len();
        let request = self.filmed.request(kind, id, all.clone(), host::clock::now(), &release_key);
        let package = self.filmed.package(&request, all, &release_key);
        Case { id, request, logged: None, package, release_key }
    }

    /// The same, in the log.
    pub(crate) async fn request(&self, world: &World, kind: Kind) -> Case {
        let mut case = self.ask(kind);
        case.log(world).await;
        case
    }
}

impl Case {
    pub(crate) async fn log(&mut self, world: &World) {
        let (request, proof) = world.add(&self.request).await;
        self.package.leaf = request.entry_bytes().to_vec();
        self.request = request;
        self.package.proof = proof.encode();
        self.logged = Some(Logged::verify(self.request.clone(), &proof, &world.log.policy).unwrap());
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        self.package.encode()
    }

    pub(crate) fn logged(&self) -> &Logged<Signed<Request>> {
        self.logged.as_ref().unwrap()
    }
}
