//! Ways to alter one thing and see what the gate says.

use super::super::super::*;
use crate::policy::Figures;
use crate::record::EntryId;
use crate::world_for_tests::*;
use media::time::Seconds;
use std::vec::Vec;
use tlog::note::Signer;

/// An ordinary emergency in an ordinary world, and the package altered.
pub(super) fn package(alter: fn(&World, &mut Package)) -> Refusal {
    let mut world = World::new();
    let mut package = world.ordinary();
    alter(&world, &mut package);
    world.check(&package).unwrap_err()
}

/// The request composed otherwise.
pub(super) fn ask(kind: Kind, alter: fn(&mut Ask)) -> Refusal {
    let mut world = World::new();
    let mut ask = world.ask(kind);
    alter(&mut ask);
    let package = world.log_request(&ask);
    world.check(&package).unwrap_err()
}

/// An ordinary request in a world set up otherwise.
pub(super) fn world(alter: fn(&mut Setup)) -> Refusal {
    world_of(Kind::Emergency, alter)
}

pub(super) fn world_of(kind: Kind, alter: fn(&mut Setup)) -> Refusal {
    let mut setup = Setup::default();
    alter(&mut setup);
    let mut world = World::with(&setup);
    let ask = world.ask(kind);
    let package = world.log_request(&ask);
    world.check(&package).unwrap_err()
}

/// What a trustee says that reads another log.
pub(super) fn roots(root_at: &dyn Fn(u64) -> Option<Hash>) -> Refusal {
    let mut world = World::new();
    let package = world.ordinary();
    let own = trustee(1).verifier();
    let standing = Standing {
        log_policy: &world.log_policy,
        rules: &world.rules,
        register: &world.register,
        root_at,
        trustee: &own,
        key_of: &|_, _| None,
    };
    check(&Asked::of(package).unwrap(), &standing, Seconds(NOW)).unwrap_err().refusal
}

/// A second request of a kind, after an earlier one that everybody saw.
pub(super) fn second(kind: Kind, figures: fn(&mut Figures), between: fn(&mut World, &Package)) -> Refusal {
    let mut setup = Setup::default();
    figures(&mut setup.figures);
    let mut world = World::with(&setup);
    let mut ask = world.ask(kind);
    world.time = NOW - 60;
    let first = world.log_request(&ask);
    between(&mut world, &first);
    world.time = NOW;
    ask.id = EntryId([99; 16]);
    let package = world.log_request(&ask);
    world.check(&package).unwrap_err()
}

pub(super) fn approval(of: fn(&Hash) -> Option<Approval>, approvers: &[Verifier]) -> Refusal {
    let mut world = World::new();
    let package = world.ordinary();
    let checked = world.passed(1, &package);
    let approval = of(&checked.request().value().hash());
    checked.approve(approval.as_slice(), approvers).unwrap_err()
}

pub(super) fn approved(world: &World, package: &Package) -> Approved {
    let checked = world.passed(1, package);
    let clerks = [approver(), signer("second.example", 97)];
    let hash = checked.request().value().hash();
    let needed: Vec<_> =
        clerks.iter().take(checked.approvals_needed()).map(|clerk| yes(&hash, clerk)).collect();
    checked.approve(&needed, &clerks.each_ref().map(Signer::verifier)).unwrap()
}

pub(super) fn shares(setup: fn(&mut Setup), later: fn(&mut World)) -> ShareFailure {
    let mut altered = Setup::default();
    setup(&mut altered);
    let mut world = World::with(&altered);
    let package = world.ordinary();
    later(&mut world);
    approved(&world, &package).open_shares(&world.key_of(1)).unwrap_err()
}

pub(super) fn refused(failure: ShareFailure) -> Refusal {
    match failure {
        ShareFailure::Refused(refusal) => refusal,
        ShareFailure::Bad(epoch) => panic!("epoch {epoch} has a bad share"),
    }
}

pub(super) fn seal_with(signer: &Signer, alter: fn(&mut World) -> Package) -> Refusal {
    let mut world = World::new();
    let package = alter(&mut world);
    let opened = approved(&world, &package).open_shares(&world.key_of(1)).unwrap();
    opened.seal(signer, Seconds(NOW), &mut world.rng).unwrap_err()
}

/// What comes of releasing trustee 1's bundle for a grant of the trustee with this index, with a
/// proof at that time.
pub(super) fn release(granted: u8, proof_time: u64) -> Refusal {
    let mut world = World::new();
    let package = world.ordinary();
    let held = world.hold(1, &package);
    let other = world.hold(granted, &package);
    let grant = if granted == 1 { held.grant() } else { other.grant() }.clone();
    let (index, grant) = world.add(&grant);
    let logged = Logged::verify(grant, &world.log.proof(index, 4, NOW), &world.log_policy).unwrap();
    held.release(&logged, &world.log.proof(index, 4, proof_time).encode()).unwrap_err()
}

pub(super) fn flip_last(bytes: &mut [u8]) {
    *bytes.last_mut().unwrap() ^= 1;
}

/// The proof of the package's request under another head.
pub(super) fn proof_under(
    world: &World,
    package: &Package,
    signer: &Signer,
    cosigners: usize,
    time: u64,
) -> Vec<u8> {
    let index = TlogProof::parse(&package.proof).unwrap().index();
    let inclusion = world.log.tree.prove_inclusion(index, world.log.tree.size()).unwrap();
    TlogProof::from_parts(index, inclusion, &world.log.checkpoint(signer, cosigners, time)).unwrap().encode()
}
