//! What an epoch costs: its seed dealt to five trustees and wrapped for the owner's device; and
//! each segment's signature.

use super::{Camera, EACH, N, T};
use escrow::daykeys::DayKey;
use escrow::deal::{TrusteeId, deal};
use escrow::record::Name;
use escrow::share::split;
use host::rng::Rng;
use measure::{Candidate, Rounds, Table, in_turns};
use media::chain::Chain;
use media::epoch::SignedEpochOpen;
use media::id::{Day, DeviceId};
use media::policy::{Recipient, Role};
use media::segment::Trailer;
use media::time::Seconds;
use seal::hpke::SecretKey;
use seal::wrap::{unwrap, wrap};
use std::hint::black_box;
use tlog::note::Signer;

const WRAP: &str = "one X-Wing wrap";
const UNWRAP: &str = "one X-Wing unwrap";
const SPLIT: &str = "splitting the seed 3 of 5, alone";
const DEAL: &str = "dealing to 5 trustees";
const EPOCH: &str = "a whole epoch: deal, 1 wrap, sign";
const READ: &str = "owner: verify an epoch, unwrap";
const SIGN: &str = "signing a segment's trailer";
const VERIFY: &str = "verifying it";

impl Camera {
    /// What the first moment of an epoch costs the camera, and the owner's device.
    fn whole_epoch(&self, trustees: &[Option<(TrusteeId, DayKey)>], owner: &Recipient) -> SignedEpochOpen {
        let ctx = self.context.hash();
        let dealt = deal(&self.seed, &ctx, T, trustees, &mut Rng::system()).unwrap();
        let wraps = vec![wrap(owner, &ctx, &self.seed, &mut Rng::system()).unwrap()];
        self.open(wraps, &dealt.share_commits, dealt.shares).sign(&self.key)
    }

    pub(crate) fn epochs(&self) -> Table {
        let (day, ctx) = (self.context.start_us.day(), self.context.hash());
        let trustees: Vec<_> = (1..=N).map(|at| trustee(at, day)).collect();
        let (device, secret) = (DeviceId([9; 32]), SecretKey::new([10; 32]));
        let owner = Recipient {
            device_id: device,
            wrap_pk: secret.public(),
            role: Role::Admin,
            not_after: Seconds::MAX,
        };
        let signed = self.whole_epoch(&trustees, &owner);
        let camera_pk = self.key.verifying_key().to_bytes();
        let coefficients: Vec<[u8; 32]> = (1..T).map(|j| *self.seed.share_coefficient(&ctx, j)).collect();
        let header_hash = self.header().hash();
        let trailer = Trailer::sign(&self.key, &header_hash, 21, 2_000_000, Chain([0; 32]));
        let rounds = in_turns(
            EACH * 2,
            vec![
                Candidate::new(WRAP, || wrap(&owner, &ctx, &self.seed, &mut Rng::system()).unwrap()),
                Candidate::new(UNWRAP, || unwrap(&device, &secret, signed.unverified()).unwrap()),
                Candidate::new(SPLIT, || {
                    split(black_box(self.seed.expose()), black_box(&coefficients), T, N).unwrap()
                }),
                Candidate::new(DEAL, || deal(&self.seed, &ctx, T, &trustees, &mut Rng::system()).unwrap()),
                Candidate::new(EPOCH, || self.whole_epoch(&trustees, &owner)),
                Candidate::new(READ, || {
                    let read = SignedEpochOpen::decode(signed.bytes()).unwrap();
                    unwrap(&device, &secret, read.verify(&camera_pk).unwrap()).unwrap()
                }),
                Candidate::new(SIGN, || {
                    Trailer::sign(&self.key, &header_hash, 21, 2_000_000, Chain([0; 32]))
                }),
                Candidate::new(VERIFY, || trailer.verify(&camera_pk, &header_hash).unwrap()),
            ],
        );
        epoch_table(&rounds, signed.bytes().len())
    }
}

fn epoch_table(rounds: &Rounds, bytes: usize) -> Table {
    let mut table = Table::new(
        format!("once an epoch of 60 s ({bytes} bytes), once a segment; share of one processor"),
        &["what", "us", "of a wrap", "+-%", "ppm of one cpu"],
    );
    for (name, period_s) in [
        (WRAP, 60.0),
        (UNWRAP, 60.0),
        (SPLIT, 60.0),
        (DEAL, 60.0),
        (EPOCH, 60.0),
        (READ, 60.0),
        (SIGN, 2.0),
        (VERIFY, 2.0),
    ] {
        let seconds = rounds.seconds(name);
        let (median, to_wrap) = (seconds.median(), rounds.ratio(name, WRAP));
        table.row(name, &[median * 1e6, to_wrap.median(), seconds.spread_percent(), median / period_s * 1e6]);
    }
    table
}

fn trustee(at: u8, day: Day) -> Option<(TrusteeId, DayKey)> {
    let name = format!("trustee{at}.example");
    let signer = Signer::from_seed(&name, &[60 + at; 32]).unwrap();
    let key = DayKey {
        trustee: Name::new(&name).unwrap(),
        day,
        public: SecretKey::new([70 + at; 32]).public(),
        destroy_by: Seconds(1_900_000_000),
    };
    Some((TrusteeId::of(&signer.verifier()), key))
}
