//! Registered keys count for every reader of the log from their leaf on, and revoked ones no more.

use crate::world::World;
use escrow::record::{
    Country, EntryId, Kind, Name, Request, Role, SealedDetails, Seconds, Signed, Span, Word,
};
use escrow::register::{Register, Unauthorised};
use registrar::{Config, Error, LogConfig};
use tlog::cosignature::{Algorithm, Cosigner};
use tlog::note::Signer;
use tlog::proof::TlogProof;
use tlog::{Hash, Logged};

fn signer(name: &str, seed: u8) -> Signer {
    Signer::from_seed(name, &[seed; 32]).unwrap()
}

fn request(signers: &[&Signer]) -> Signed<Request> {
    let request = Request {
        id: EntryId([1; 16]),
        kind: Kind::Emergency,
        sponsor: Name::new("relay.example").unwrap(),
        agency: Name::new("police.example"),
        country: Country::new("US"),
        basis: Word::new("danger-of-death"),
        span: Span::from_secs(60).unwrap(),
        needs: 3,
        incident: None,
        policy: Hash([2; 32]),
        release_key: Hash([3; 32]),
        label: Hash([4; 32]),
        details: SealedDetails::new(vec![0; 1040]).unwrap(),
        details_key: escrow::record::WrappedKey::new(vec![0; 1168]).unwrap(),
        time: Seconds(1_795_494_910),
    };
    Signed::sign(request, signers).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registered_keys_count_for_whoever_reads_the_log_until_they_are_revoked() {
    let world = World::new().await;
    let (officer, supervisor, relay) =
        (signer("police.example/7", 1), signer("police.example/chief", 2), signer("relay.example", 3));
    let vkey = |signer: &Signer| signer.verifier().vkey();
    let own = &world.registrar;
    world.publish_rules().await;
    let first = registrar::register(own, Role::Officer, "police.example", &vkey(&officer)).await.unwrap();
    assert_eq!((first.index, first.size), (1, 2));
    assert!(first.witnesses.len() >= 3 && first.witnesses.iter().all(|name| name.starts_with('w')));
    let second =
        registrar::register(own, Role::Supervisor, "police.example", &vkey(&supervisor)).await.unwrap();
    let third = registrar::register(own, Role::Sponsor, "relay.example", &vkey(&relay)).await.unwrap();
    assert_eq!((second.index, third.index), (2, 3));
    let fourth = registrar::revoke(own, Role::Officer, "police.example", &vkey(&officer)).await.unwrap();
    assert_eq!(fourth.index, 4);

    // The proof that came back holds offline, for exactly these bytes.
    let entries = world.log.entries().await;
    let proof = TlogProof::parse(&third.proof).unwrap();
    let logged = Logged::verify(entries[3].clone(), &proof, &world.log.policy).unwrap();
    assert_eq!((logged.index(), logged.cosigned_at()), (3, third.cosigned_at));
    assert_eq!(tlog::merkle::leaf_hash(&entries[3]), third.leaf);
    assert!(Logged::verify(entries[2].clone(), &proof, &world.log.policy).is_err());

    let mut register = Register::new(world.log.policy.stamp_keys());
    // Where no rules name the registrar, the same leaves register nobody.
    let mut other = Register::new(world.log.policy.stamp_keys());
    // Its last line stands where the log's stamp will.
    let asked = request(&[&officer, &supervisor, &relay, &signer("log.example", 9)]);
    register.fold(0, &entries[0]).unwrap();
    for (index, entry) in (1..).zip(&entries[1..]) {
        // All three must be there, and are asked for in the order of their lines.
        match [Role::Officer, Role::Supervisor, Role::Sponsor].get(index - 1) {
            Some(role) => {
                assert_eq!(register.authority(&asked), Err(Unauthorised::Missing(*role)), "before {index}");
            }
            None => {
                let authority = register.authority(&asked).unwrap();
                assert_eq!(authority.officer, Some(officer.verifier()));
                assert_eq!(authority.supervisor, Some(supervisor.verifier()));
            }
        }
        register.fold(register.size(), entry).unwrap();
        other.fold(other.size(), entry).unwrap();
    }
    assert_eq!(register.authority(&asked), Err(Unauthorised::Revoked(Role::Officer)));
    assert_eq!(other.authority(&asked), Err(Unauthorised::Missing(Role::Officer)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_registered_is_named_and_never_reaches_the_log() {
    let world = World::new().await;
    let officer = signer("police.example/7", 1).verifier().vkey();
    let cosigner = Cosigner::from_seed("w.example", Algorithm::Ed25519, &[5; 32]).unwrap().verifier().vkey();
    let own = &world.registrar;
    for bad in ["", "police.example/7", &officer[..officer.len() - 4], &cosigner] {
        let error = registrar::register(own, Role::Officer, "police.example", bad).await.unwrap_err();
        assert!(matches!(error, Error::Key { .. }), "{bad:?}: {error}");
    }
    for bad in ["", "-", "the police", "a+b", "line\nbreak"] {
        let error = registrar::register(own, Role::Officer, bad, &officer).await.unwrap_err();
        assert!(matches!(error, Error::Name { .. }), "{bad:?}: {error}");
    }
    // A sponsor speaks under its own name only.
    let error = registrar::register(own, Role::Sponsor, "relay.example", &officer).await.unwrap_err();
    assert!(matches!(error, Error::Leaf(_)), "{error}");

    let error =
        registrar::register(&world.stranger, Role::Officer, "police.example", &officer).await.unwrap_err();
    assert!(matches!(error, Error::NotASubmitter { .. }), "{error}");
    let (text, vkey) = (error.to_string(), registrar::vkey(&world.stranger).unwrap());
    assert!(text.contains("[[submitters]]") && text.contains(&vkey), "{text}");

    assert_eq!(world.log.entries().await.len(), 0);
    let listening = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listening.local_addr().unwrap());
    drop(listening);
    let nobody = Config { log: LogConfig { url, ..own.log.clone() }, ..own.clone() };
    let error = registrar::register(&nobody, Role::Officer, "police.example", &officer).await.unwrap_err();
    assert!(matches!(&error, Error::Add(log_client::AddError::NotYet(_))), "{error}");
}
