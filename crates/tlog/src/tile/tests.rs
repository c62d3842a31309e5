use super::*;
use crate::merkle::Tree;
use alloc::vec;
use alloc::vec::Vec;

#[test]
fn paths_are_those_of_the_specification() {
    let path = |kind, index, width| TilePath::new(kind, index, width).unwrap().to_string();
    assert_eq!(path(Kind::Hashes(0), 1_234_067, 256), "tile/0/x001/x234/067");
    assert_eq!(path(Kind::Hashes(1), 1, 17), "tile/1/001.p/17");
    assert_eq!(path(Kind::Entries, 0, 1), "tile/entries/000.p/1");
    for text in ["tile/0/x001/x234/067", "tile/1/001.p/17", "tile/entries/000.p/1", "tile/7/000.p/255"] {
        assert_eq!(text.parse::<TilePath>().unwrap().to_string(), text);
    }
    assert_eq!(url("https://log.example/", &"tile/2/000".parse().unwrap()), "https://log.example/tile/2/000");
}

#[test]
fn other_spellings_of_a_path_are_refused() {
    for text in [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/0/0",
        "tile/0/1",
        "tile/0/0000",
        "tile/00/000",
        "tile/0/x000/000",
        "tile/0/x001",
        "tile/0/001/002",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p/1/",
        "tile/8/000",
        "tile/63/000",
        "tile/7/001",
        "tile/-1/000",
        "tile/entries/x1/000",
        "tile/data/000",
        "tile/0/../000",
        "tile/0/00a",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/6/257",
    ] {
        assert_eq!(text.parse::<TilePath>(), Err(TileError::BadPath), "{text}");
    }
}

#[test]
fn the_edge_of_a_tree_of_70_000_leaves() {
    let edge: Vec<_> = edge_of(70_000).iter().map(TilePath::to_string).collect();
    assert_eq!(edge, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
    let edge: Vec<_> = edge_of(256).iter().map(TilePath::to_string).collect();
    assert_eq!(edge, ["tile/1/000.p/1"]);
    assert_eq!(edge_of(0), []);
    assert_eq!(edge_of(u64::MAX).len(), 8);
    assert_eq!(tile_at(Kind::Hashes(0), u64::MAX, u64::MAX), None);
}

#[test]
fn every_perfect_subtree_is_found_in_a_tile() {
    let mut tree = Tree::new();
    (0..700u32).for_each(|n| tree.push(leaf_hash(&n.to_be_bytes())));
    let tile = |level: u8, index: u64| {
        let path = tile_at(Kind::Hashes(level), index, 700).unwrap();
        let first = index << 8;
        let ids = (first..first + u64::from(path.width())).map(|index| NodeId { level: 8 * level, index });
        Tile { hashes: ids.map(|id| tree.node(id).unwrap()).collect() }
    };
    for level in 0..10 {
        for index in 0..700 >> level {
            let id = NodeId { level, index };
            let place = place_of(id);
            assert!(place.tile_in(700).is_some());
            assert_eq!(tile(place.level, place.index).subtree(&place), tree.node(id), "{id:?}");
        }
    }
    let high = place_of(NodeId { level: 63, index: 1 });
    assert_eq!((high.level, high.index, high.start, high.count), (7, 0, 128, 128));
    assert_eq!(high.tile_in(700), None);
}

#[test]
fn bundles_and_tiles_of_another_length_are_refused() {
    let entries = vec![b"one".to_vec(), Vec::new(), vec![7; ENTRY_MAX_BYTES]];
    let bytes = Bundle { entries: entries.clone() }.encode();
    assert_eq!(Bundle::parse(3, &bytes).unwrap().entries, entries);
    for width in [0, 1, 2, 4, 256, 257, u16::MAX] {
        assert_eq!(Bundle::parse(width, &bytes), Err(TileError::BadBundle { expected: width }));
    }
    assert!(Bundle::parse(3, &bytes[..bytes.len() - 1]).is_err());
    assert!(Bundle::parse(3, &[&bytes[..], &[0]].concat()).is_err());
    assert!(Bundle::parse(1, &[0xff, 0xff, 0]).is_err());
    let path: TilePath = "tile/0/000.p/2".parse().unwrap();
    assert_eq!(Tile::parse(&path, &[1; 64]).unwrap().encode(), [1; 64]);
    for length in [0, 32, 63, 65, 8192] {
        let error = TileError::WrongLength { path, expected: 64, got: length };
        assert_eq!(Tile::parse(&path, &vec![1; length]), Err(error));
    }
}
