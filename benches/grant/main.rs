//! A release without its network: the gate, a trustee's whole grant, and what the requester does
//! with three of them, for 1, 6 and 60 epochs.
//!
//! ```text
//! cargo run --release -p candor-benches --bin grant [-- --json]
//! ```
//!
//! 60 epochs of a minute are the most that an emergency may ask for. The log is a tree in memory
//! with real proofs and four real witnesses' cosignatures; how long a log takes to answer, `append`
//! measures. The floor is what no scheme with these wraps avoids: one X-Wing opening an epoch, one
//! sealing.
#![allow(clippy::unwrap_used)]

mod world;

use escrow::bundle::{Bundle, OpenBundle};
use escrow::combine::combine;
use escrow::grant::{Approval, CallBack, Checked, Held, Standing, Verdict, check};
use escrow::package::Asked;
use escrow::record::{EntryId, Grant, Request, Signed};
use escrow::share::Share;
use host::rng::Rng;
use measure::{Candidate, Report, Samples, Table, in_turns};
use seal::hpke::SecretKey;
use stage::keys::signer;
use std::cell::RefCell;
use std::time::{Duration, Instant};
use tlog::Logged;
use tlog::proof::TlogProof;
use world::{NOW, THRESHOLD, World, trustee};

const EPOCHS: [usize; 3] = [1, 6, 60];
const CROWDED_EPOCHS: usize = 6;
const EACH: Duration = Duration::from_secs(5);

/// A logged request, as trustees and requester hold it.
struct Case {
    request: Logged<Signed<Request>>,
    encoded: Vec<u8>,
    release_key: SecretKey,
    epochs: usize,
}

fn main() {
    let mut trustees = Table::new(
        "one trustee, milliseconds by step; the whole as a multiple of the floor: an X-Wing opening for each epoch, one sealing",
        &[
            "epochs",
            "package kB",
            "decode",
            "G1-G7",
            "G8",
            "G9 open",
            "G10 seal",
            "G11-G12",
            "whole",
            "an epoch",
            "of floor",
            "+-%",
        ],
    );
    let mut requesters = Table::new(
        format!(
            "the requester, milliseconds; and a release in whole, its {THRESHOLD} trustees one after the other"
        ),
        &["epochs", "open bundles", "combine", "both", "an epoch", "release", "an epoch", "of 1 epoch"],
    );
    let mut report = Report::new("grant");
    let mut one = None;
    for epochs in EPOCHS {
        // Two emergencies about a camera are what the rules allow in a month: each case has a world
        // of its own.
        let mut world = World::new(0);
        let case = Case::new(&mut world, epochs);
        let granting_ms = grant(&mut world, &case, &mut trustees);
        let (opening_ms, combining_ms) = collect(&mut world, &case);
        let (both, whole) =
            (opening_ms + combining_ms, granting_ms * f64::from(THRESHOLD) + opening_ms + combining_ms);
        let count = epochs as f64;
        let of_one = whole / *one.get_or_insert(whole);
        requesters.row(
            epochs.to_string(),
            &[opening_ms, combining_ms, both, both / count, whole, whole / count, of_one],
        );
    }
    report.add(trustees);
    report.add(requesters);
    report.add(crowded());
    report.print();
}

impl Case {
    fn new(world: &mut World, epochs: usize) -> Self {
        let release_key = SecretKey::generate(&mut Rng::system());
        let (leaf, package) = world.ask(EntryId([81; 16]), epochs, &release_key);
        let proof = TlogProof::parse(&package.proof).unwrap();
        let request = Logged::verify(leaf, &proof, &world.log_policy).unwrap();
        let encoded = package.encode();
        Self { request, encoded, release_key, epochs }
    }
}

/// G1 to G7.
fn gate(world: &World, index: u8, asked: &Asked) -> Checked {
    let own = trustee(index).verifier();
    let standing = Standing {
        log_policy: &world.log_policy,
        rules: &world.rules,
        register: &world.register,
        root_at: &|size| world.root_at(size),
        trustee: &own,
        key_of: &|_, _| Some(world.day_key(index).clone()),
    };
    match check(asked, &standing, media::time::Seconds(NOW)).unwrap() {
        Verdict::Pass(checked) => checked,
        Verdict::WaitUntil { until, .. } => {
            panic!("an emergency waits for nothing, and this one until {until}")
        }
    }
}

/// What a trustee did until the grant's leaf must be logged, and when each step was done.
fn hold(world: &World, index: u8, case: &Case) -> (Held, [Instant; 6]) {
    let begun = Instant::now();
    let asked = Asked::decode(&case.encoded).unwrap();
    let decoded = Instant::now();
    let checked = gate(world, index, &asked);
    let passed = Instant::now();
    let request = checked.request().value().hash();
    let approval = Approval::sign(&request, CallBack::automatic(), &signer("clerk.example"));
    let approved = checked.approve(&[approval], &[signer("clerk.example").verifier()]).unwrap();
    let agreed = Instant::now();
    let opened = approved.open_shares(&|_, _| Some(world.day_key(index).clone())).unwrap();
    let open = Instant::now();
    let held = opened.seal(&trustee(index), media::time::Seconds(NOW), &mut Rng::system()).unwrap();
    (held, [begun, decoded, passed, agreed, open, Instant::now()])
}

/// G11 and G12, once the log answered: the grant's own proof is verified.
fn release(world: &World, held: Held, grant: Signed<Grant>, proof: &[u8]) -> Bundle {
    let logged = Logged::verify(grant, &TlogProof::parse(proof).unwrap(), &world.log_policy).unwrap();
    held.release(&logged, proof).unwrap()
}

/// One trustee's grant by step; milliseconds in whole.
fn grant(world: &mut World, case: &Case, table: &mut Table) -> f64 {
    // The log's answer to a grant is made once: G11 and G12 below are of this one.
    let (held, _) = hold(world, 1, case);
    let (at, logged) = world.add(held.grant());
    let (world, proof) = (&*world, world.proof(at).encode());
    let steps: RefCell<Vec<[f64; 6]>> = RefCell::default();
    let key = world.day_key(1);
    let sealed = seal::hpke::seal(&key.public(), b"info", b"aad", &[7; 33], &mut Rng::system()).unwrap();
    let one_grant = || {
        let (_, at) = hold(world, 1, case);
        // Sealing draws fresh bytes, so that only the first one's leaf is logged.
        let last = Instant::now();
        let bundle = release(world, held.clone(), logged.clone(), &proof);
        let released = last.elapsed();
        let step = |n: usize| (at[n + 1] - at[n]).as_secs_f64();
        steps.borrow_mut().push([step(0), step(1), step(2), step(3), step(4), released.as_secs_f64()]);
        bundle
    };
    let floor = || {
        for _ in 0..case.epochs {
            key.open(b"info", b"aad", &sealed).unwrap();
        }
        seal::hpke::seal(
            &case.release_key.public(),
            b"info",
            b"aad",
            &vec![7; 41 * case.epochs],
            &mut Rng::system(),
        )
        .unwrap()
    };
    let rounds = in_turns(EACH, vec![Candidate::new("grant", one_grant), Candidate::new("floor", floor)]);
    let steps = steps.into_inner();
    let step = |at: usize| Samples::new(steps.iter().map(|grant| grant[at] * 1e3).collect()).median();
    let (whole, ratio) = (rounds.seconds("grant").median() * 1e3, rounds.ratio("grant", "floor"));
    let mut numbers = vec![case.encoded.len() as f64 / 1024.0];
    numbers.extend((0..6).map(step));
    numbers.extend([whole, whole / case.epochs as f64, ratio.median(), ratio.spread_percent()]);
    table.row(case.epochs.to_string(), &numbers);
    whole
}

/// The gate's rules count earlier requests, and try each of the camera's notice keys on each of
/// them.
fn crowded() -> Table {
    let mut table = Table::new(
        format!(
            "G1-G7 for {CROWDED_EPOCHS} epochs, beside earlier emergencies of this month in the log, by days since the camera was enrolled"
        ),
        &["days", "no other: ms", "1,000: ms", "of none", "10,000: ms", "of none"],
    );
    for days in [0, 31] {
        let empty = World::new(days);
        let cases: Vec<(World, Case)> = [0, 1000, 10_000]
            .map(|requests| {
                let mut world = empty.clone();
                world.crowd(requests);
                let case = Case::new(&mut world, CROWDED_EPOCHS);
                (world, case)
            })
            .into();
        let packages: Vec<Asked> =
            cases.iter().map(|(_, case)| Asked::decode(&case.encoded).unwrap()).collect();
        let candidate = |at: usize, name| {
            let (world, package) = (&cases[at].0, &packages[at]);
            Candidate::new(name, move || gate(world, 1, package))
        };
        let all = vec![candidate(0, "none"), candidate(1, "1,000"), candidate(2, "10,000")];
        let rounds = in_turns(EACH / 2, all);
        let ms = |name| rounds.seconds(name).median() * 1e3;
        let ratio = |name| rounds.ratio(name, "none").median();
        table
            .row(days.to_string(), &[ms("none"), ms("1,000"), ratio("1,000"), ms("10,000"), ratio("10,000")]);
    }
    table
}

/// What the requester does with the first three trustees' bundles: milliseconds for opening, and
/// for combining.
fn collect(world: &mut World, case: &Case) -> (f64, f64) {
    let bundles: Vec<(u8, Bundle)> = (1..=THRESHOLD)
        .map(|index| {
            let (held, _) = hold(world, index, case);
            let (at, grant) = world.add(held.grant());
            let proof = world.proof(at).encode();
            (index, release(world, held, grant, &proof))
        })
        .collect();
    let open = || -> Vec<OpenBundle> {
        let one = |(index, bundle): &(u8, Bundle)| {
            let trustee = trustee(*index).verifier();
            let open = bundle.open(&case.request, &trustee, &case.release_key, &world.log_policy).unwrap();
            open.of_trustee(*index).unwrap();
            open
        };
        bundles.iter().map(one).collect()
    };
    let opened = open();
    let combine_all = || {
        for (at, epoch) in world.opens[..case.epochs].iter().enumerate() {
            let shares: Vec<Share> = opened.iter().map(|bundle| bundle.shares[at].1.clone()).collect();
            let combined = combine(epoch.unverified(), &shares).unwrap();
            assert!(combined.culprits.is_empty());
        }
    };
    let rounds =
        in_turns(EACH / 3, vec![Candidate::new("open", open), Candidate::new("combine", combine_all)]);
    (rounds.seconds("open").median() * 1e3, rounds.seconds("combine").median() * 1e3)
}
