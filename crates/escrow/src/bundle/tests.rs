use super::*;
use crate::record::Kind;
use crate::world_for_tests::{World, trustee};
use std::vec::Vec;
use tlog::Entry as _;

struct Case {
    world: World,
    request: Logged<Signed<Request>>,
    bundle: Bundle,
    key: SecretKey,
}

fn case() -> Case {
    let mut world = World::new();
    let package = world.ordinary();
    let request = world.logged(&package);
    let key = world.ask(Kind::Emergency).release_key;
    let held = world.hold(2, &package);
    let bundle = world.release(held);
    Case { world, request, bundle, key }
}

impl Case {
    fn open(&self, bundle: &Bundle) -> Result<OpenBundle, BundleError> {
        bundle.open(&self.request, &trustee(2).verifier(), &self.key, &self.world.log_policy)
    }

    /// The same shares and whatever else, under a grant of the trustee's own writing.
    fn regranted(&mut self, alter: fn(&mut Grant), sealed: Option<Vec<u8>>) -> Bundle {
        let mut grant = Signed::<Grant>::parse(&self.bundle.grant).unwrap().value().clone();
        let sealed = sealed.unwrap_or_else(|| self.bundle.sealed.clone());
        grant.bundle = Hash::of(&[&sealed]);
        alter(&mut grant);
        let signed = Signed::sign(grant, &[&trustee(2)]).unwrap();
        let (index, signed) = self.world.add(&signed);
        let proof = self.world.log.proof(index, 4, self.world.time).encode();
        Bundle { grant: signed.entry_bytes().to_vec(), proof, sealed }
    }

    fn sealed(&mut self, shares: &[(u64, u8)]) -> Vec<u8> {
        let shares: Vec<_> = shares
            .iter()
            .map(|(epoch, index)| (EpochNo(*epoch), Share::new(*index, [1; 32]).unwrap()))
            .collect();
        let own = trustee(2).verifier();
        seal_shares(&shares, self.request.value(), &own, &self.key.public(), &mut self.world.rng).unwrap()
    }
}

#[test]
fn a_bundle_opens_for_its_request_trustee_and_key_alone() {
    let mut case = case();
    let decoded = Bundle::decode(&case.bundle.encode()).unwrap();
    assert_eq!(decoded, case.bundle);
    case.open(&decoded).unwrap().of_trustee(2).unwrap();

    let policy = &case.world.log_policy;
    let other_trustee = decoded.open(&case.request, &trustee(1).verifier(), &case.key, policy);
    assert_eq!(other_trustee.unwrap_err(), BundleError::WrongGrant("the trustee did not sign it"));
    let other_key = decoded.open(&case.request, &trustee(2).verifier(), &SecretKey::new([1; 32]), policy);
    assert_eq!(other_key.unwrap_err(), BundleError::CannotOpen);

    let mut ask = case.world.ask(Kind::Emergency);
    ask.id = EntryId([1; 16]);
    let package = case.world.log_request(&ask);
    let other = case.world.logged(&package);
    let other_request = decoded.open(&other, &trustee(2).verifier(), &case.key, &case.world.log_policy);
    assert_eq!(other_request.unwrap_err(), BundleError::WrongGrant("it is for another request"));
}

#[test]
fn a_grant_must_be_logged_and_name_this_bundle() {
    let mut case = case();
    let mut unlogged = case.bundle.clone();
    unlogged.proof = case.world.log.proof(0, 4, case.world.time).encode();
    assert!(matches!(case.open(&unlogged), Err(BundleError::NotLogged(_))));
    let mut other = case.bundle.clone();
    *other.sealed.last_mut().unwrap() ^= 1;
    assert_eq!(case.open(&other).unwrap_err(), BundleError::WrongGrant("it names another bundle"));
    let fewer = case.regranted(|grant| grant.epochs = 2, None);
    assert_eq!(case.open(&fewer).unwrap_err(), BundleError::WrongShares);
    let elsewhere = case.regranted(|grant| grant.request_index += 1, None);
    assert_eq!(case.open(&elsewhere).unwrap_err(), BundleError::WrongGrant("it is for another request"));
}

#[test]
fn shares_of_a_lying_trustee_are_caught() {
    let mut case = case();
    let hole = case.sealed(&[(7, 2), (9, 2), (9, 2)]);
    let hole = case.regranted(|_| {}, Some(hole));
    assert_eq!(case.open(&hole).unwrap_err(), BundleError::WrongShares);
    // Bad shares under another trustee's index would have the other blamed.
    let framing = case.sealed(&[(7, 3), (8, 3), (9, 3)]);
    let framing = case.regranted(|_| {}, Some(framing));
    assert_eq!(case.open(&framing).unwrap().of_trustee(2).unwrap_err(), BundleError::WrongShares);
}

#[test]
fn cut_bundles_and_bundles_with_more_are_refused() {
    let bytes = case().bundle.encode();
    for at in 0..bytes.len() {
        assert!(Bundle::decode(&bytes[..at]).is_err());
    }
    assert!(Bundle::decode(&[bytes, std::vec![0]].concat()).is_err());
    assert!(Bundle::decode(&std::vec![0; BUNDLE_MAX_BYTES + 1]).is_err());
}
