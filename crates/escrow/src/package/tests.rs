use super::*;
use crate::world_for_tests::World;

#[test]
fn a_package_round_trips_and_no_part_of_one_does() {
    let package = World::new().ordinary();
    let bytes = package.encode();
    assert_eq!(Package::decode(&bytes), Ok(package));
    for at in 0..bytes.len() {
        assert!(Package::decode(&bytes[..at]).is_err());
    }
    let more = [&bytes[..], &[0]].concat();
    assert_eq!(Package::decode(&more), Err(DecodeError::Trailing(1)));
}

#[test]
fn altered_bytes_are_refused_or_another_package() {
    let package = World::new().ordinary();
    let bytes = package.encode();
    for at in (0..bytes.len()).step_by(7) {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        if let Ok(other) = Package::decode(&altered) {
            assert_eq!(other.encode(), altered);
        }
    }
}

#[test]
fn lists_and_parts_over_their_limits_are_refused_before_they_are_read() {
    let mut package = World::new().ordinary();
    package.notices = alloc::vec![alloc::vec![]; NOTICES_MAX + 1];
    let limit = |result: Result<Package, DecodeError>| matches!(result, Err(DecodeError::TooLong { .. }));
    assert!(limit(Package::decode(&package.encode())));
    package.notices.clear();
    package.opens = alloc::vec![alloc::vec![]; EPOCHS_MAX + 1];
    assert!(limit(Package::decode(&package.encode())));
    package.opens.clear();
    package.order = alloc::vec![0; ORDER_MAX_BYTES + 1];
    assert!(limit(Package::decode(&package.encode())));
    package.order.clear();
    package.leaf = alloc::vec![0; LEAF_MAX_BYTES + 1];
    assert!(limit(Package::decode(&package.encode())));
    assert!(limit(Package::decode(&alloc::vec![0; PACKAGE_MAX_BYTES + 1])));
}

#[test]
fn only_a_package_around_a_request_asks_for_something() {
    let mut package = World::new().ordinary();
    let asked = Asked::decode(&package.encode()).unwrap();
    assert_eq!(
        (asked.package(), &asked.request().hash()),
        (&package, &tlog::merkle::leaf_hash(&package.leaf))
    );
    assert!(matches!(Asked::decode(&package.encode()[1..]), Err(PackageError::Encoding(_))));
    package.leaf.clone_from(&package.policy.leaf);
    assert!(matches!(Asked::decode(&package.encode()), Err(PackageError::Leaf(RecordError::Text(_)))));
}

/// Its epochs fit alone, and so does its order: what no trustee takes must not be signed, nor logged.
#[test]
fn what_fits_without_the_order_or_the_leaf_need_not_fit_with_them() {
    let bare = Package { leaf: Vec::new(), proof: Vec::new(), ..World::new().ordinary() };
    let of = |opens: usize, order: usize| Package {
        opens: alloc::vec![alloc::vec![0; limits::EPOCH_OPEN]; opens],
        order: alloc::vec![0; order],
        ..bare.clone()
    };
    let most = PACKAGE_MAX_BYTES / (limits::EPOCH_OPEN + 4) - 1;
    assert!(of(most, 0).fits() && of(10, ORDER_MAX_BYTES).fits());
    assert!(!of(most, ORDER_MAX_BYTES).fits());
    // Room for leaf and proof is kept.
    let rest = PACKAGE_MAX_BYTES - of(most - 8, 0).encode().len();
    assert!(!of(most - 8, rest).fits() && of(most - 8, rest).encode().len() <= PACKAGE_MAX_BYTES);
    assert!(of(most - 8, rest - LEAF_MAX_BYTES - limits::PROOF).fits());
}
