//! Torn tails at every byte, and bytes that changed on the disk.

use super::*;
use crate::packs::record::{HEADER_LEN, encode};
use crate::record::{Header, Kind};
use media::rope::Rope;
use media::segment::{SegmentHeader, Start, frame};
use std::os::unix::fs::FileExt as _;

/// Three segments in one pack, the index that knows two of them, and one that knows all.
struct Three {
    dir: tempfile::TempDir,
    config: PacksConfig,
    pack: PathBuf,
    bytes: Vec<u8>,
    index_of_two: Vec<u8>,
}

async fn three() -> Three {
    let dir = new_dir();
    let config = config(&dir);
    let store = open(&config);
    for n in 0..3 {
        put(&store, n).await.unwrap();
    }
    store.close().await;
    let pack = packs(&config).remove(0);
    let bytes = std::fs::read(&pack).unwrap();
    let three = Three { dir, config, pack, bytes, index_of_two: Vec::new() };
    three.open_with(&three.bytes[..three.record() * 2], None).close().await;
    let index_of_two = std::fs::read(three.config.dir.join(INDEX_FILE)).unwrap();
    Three { index_of_two, ..three }
}

impl Three {
    fn record(&self) -> usize {
        self.bytes.len() / 3
    }

    /// Opens with these bytes for a pack, and with the older index or none.
    fn open_with(&self, bytes: &[u8], index: Option<&[u8]>) -> Opened {
        std::fs::write(&self.pack, bytes).unwrap();
        let path = self.config.dir.join(INDEX_FILE);
        match index {
            Some(index) => std::fs::write(path, index).unwrap(),
            None => drop(std::fs::remove_file(path)),
        }
        open(&self.config)
    }
}

#[tokio::test]
async fn a_record_cut_short_at_any_byte_is_cut_off_and_the_rest_stays() {
    let three = three().await;
    assert!(three.dir.path().exists());
    let two = three.record() * 2;
    for length in two..three.bytes.len() {
        // Every length with the older index, some without any: making one is slow.
        let indexes = [Some(&three.index_of_two[..]), None];
        for index in indexes.into_iter().take(if length % 8 == 0 { 2 } else { 1 }) {
            let store = three.open_with(&three.bytes[..length], index);
            assert_eq!(sequences(&store).await, [0, 1], "cut at {length}");
            assert_eq!(next(&store).await, 2);
            assert_eq!(store.packs.recovery().cut.len(), usize::from(length > two), "cut at {length}");
            assert!(store.packs.recovery().damaged.is_empty());
            if length % 16 == 0 {
                put(&store, 2).await.unwrap();
                assert_eq!(sequences(&store).await, [0, 1, 2]);
                store.close().await;
                for new in packs(&three.config).iter().filter(|pack| **pack != three.pack) {
                    std::fs::remove_file(new).unwrap();
                }
            } else {
                store.close().await;
            }
            assert_eq!(
                std::fs::metadata(&three.pack).unwrap().len(),
                two as u64,
                "the tail is gone from the disk"
            );
        }
    }
}

#[tokio::test]
async fn a_tail_of_zeros_is_cut_off_too() {
    let three = three().await;
    // A length that reached the disk before the bytes did.
    for from in [three.record() * 2, three.record() * 2 + HEADER_LEN] {
        let mut bytes = three.bytes.clone();
        bytes[from..].fill(0);
        let store = three.open_with(&bytes, Some(&three.index_of_two));
        assert_eq!(sequences(&store).await, [0, 1]);
        assert_eq!(store.packs.recovery().cut.len(), 1);
        store.close().await;
    }
}

#[tokio::test]
async fn a_changed_record_in_the_middle_is_reported_and_its_neighbours_stay() {
    let three = three().await;
    let record = three.record();
    for at in (record..record * 2).step_by(5) {
        let mut bytes = three.bytes.clone();
        bytes[at] ^= 0x10;
        let store = three.open_with(&bytes, None);
        assert_eq!(sequences(&store).await, [0, 2], "byte {at}");
        assert_eq!(next(&store).await, 1, "what is damaged is missing");
        let [lost] = &store.packs.recovery().damaged[..] else { panic!("{:?}", store.packs.recovery()) };
        assert_eq!((lost.from, lost.to), (record as u64, record as u64 * 2));
        let named = lost.what.as_deref().is_some_and(|what| what.starts_with("segment 1 of camera 0707"));
        assert_eq!(named, at >= record + HEADER_LEN, "a whole header still names its body: {lost:?}");
        assert!(store.packs.recovery().cut.is_empty(), "nothing that was acknowledged is cut off");
        // The camera that still has it can fill the hole.
        put(&store, 1).await.unwrap();
        assert_eq!(sequences(&store).await, [0, 1, 2]);
        store.close().await;
        for new in packs(&three.config).iter().filter(|pack| **pack != three.pack) {
            std::fs::remove_file(new).unwrap();
        }
    }
}

#[tokio::test]
async fn bytes_that_change_under_a_running_relay_are_an_error_by_name_and_can_be_sent_again() {
    let dir = new_dir();
    let config = config(&dir);
    let store = open(&config);
    put(&store, 0).await.unwrap();
    let pack = packs(&config).remove(0);
    let mut bytes = std::fs::read(&pack).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&pack, &bytes).unwrap();
    let segment = stored(&store, all(Micros(0), Micros::MAX)).await[0];
    let error = store.read_segment(&segment).await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged { what: "segment", number: 0, .. }), "{error}");
    put(&store, 0).await.unwrap();
    assert_eq!(sequences(&store).await, [0]);
    std::fs::write(&pack, b"").unwrap();
    let error = store.read_segment(&segment).await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "a shorter file: {error}");
}

/// A head is read without the body's checksum: what of it no longer leads to its end is damage,
/// whatever else the disk changed is not seen.
#[tokio::test]
async fn a_head_that_the_disk_changed_is_named_where_its_form_breaks_and_read_no_further_than_it_reaches() {
    let dir = new_dir();
    let config = config(&dir);
    let store = open(&config);
    let header = SegmentHeader {
        camera_id: CAMERA,
        track: TRACK,
        epoch_no: EpochNo(0),
        k: 0,
        sequence: Sequence(0),
        run: 0,
        start_us: T0,
        start: Start::KeyFrame,
    };
    let long = vec![7; 20_000];
    let body = [&header.encode()[..], &frame(0, b"head"), &frame(1, &long), &frame(2, b"more")].concat();
    store.put_segment(facts(0), body.clone()).await.unwrap();
    let segment = stored(&store, all(Micros(0), Micros::MAX)).await[0];
    let short = 72 + 8 + 4;
    let both = short + 8 + long.len();
    assert_eq!(store.read_head(&segment, false).await.unwrap(), body[..short]);
    assert_eq!(store.read_head(&segment, true).await.unwrap(), body[..both]);

    let pack = packs(&config).remove(0);
    let whole = std::fs::read(&pack).unwrap();
    let damaged = |at: usize| {
        let mut bytes = whole.clone();
        bytes[HEADER_LEN + at] ^= 0x80;
        bytes
    };
    // The suite, the flags, the index and the highest byte of the length of each fragment.
    for (at, seen, seen_with_picture) in [
        (0, true, true),
        (71, true, true),
        (72, true, true),
        (76, true, true),
        (short, false, true),
        (short + 4, false, true),
        (both + 5, false, false),
    ] {
        std::fs::write(&pack, damaged(at)).unwrap();
        for (picture, seen) in [(false, seen), (true, seen_with_picture)] {
            let read = store.read_head(&segment, picture).await;
            assert_eq!(
                matches!(read, Err(StoreError::Damaged { .. })),
                seen,
                "byte {at}, {picture}: {read:?}"
            );
        }
    }
    // A head that says it is longer than its record.
    let mut bytes = whole.clone();
    bytes[HEADER_LEN + short + 5] = 0x7f;
    std::fs::write(&pack, &bytes).unwrap();
    assert!(matches!(store.read_head(&segment, true).await, Err(StoreError::Damaged { .. })));
    // The record's own header is checked, as ever.
    let mut bytes = whole.clone();
    bytes[20] ^= 1;
    std::fs::write(&pack, &bytes).unwrap();
    assert!(matches!(store.read_head(&segment, false).await, Err(StoreError::Damaged { .. })));
    std::fs::write(&pack, &whole[..HEADER_LEN + 40]).unwrap();
    assert!(
        matches!(store.read_head(&segment, false).await, Err(StoreError::Damaged { .. })),
        "a shorter file"
    );
    std::fs::write(&pack, &whole).unwrap();
    assert_eq!(store.read_head(&segment, true).await.unwrap(), body[..both]);
}

#[tokio::test]
async fn a_record_hidden_inside_a_segment_is_never_taken_for_one() {
    let dir = new_dir();
    let config = config(&dir);
    let store = open(&config);
    let victim = CameraId([1; 32]);
    let inner = b"forged";
    let forged = Header::new(Kind::Segment, victim, 0, T0).of_body(&Rope::from(inner.to_vec()));
    // The best a camera can do: a whole record with every mark but the right one.
    let hiding: Vec<u8> =
        [0, 1, u64::MAX].iter().flat_map(|mark| [&encode(&forged, *mark)[..], inner].concat()).collect();
    store.put_segment(facts(0), hiding).await.unwrap();
    put(&store, 1).await.unwrap();
    store.close().await;
    let pack = packs(&config).remove(0);
    let mut bytes = std::fs::read(&pack).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&pack, &bytes).unwrap();
    lose_index(&config);
    let store = open(&config);
    assert_eq!(store.packs.recovery().damaged.len(), 1);
    assert_eq!(sequences(&store).await, [1]);
    assert!(store.cameras().await.unwrap().iter().all(|camera| camera.camera_id == CAMERA));
}

#[tokio::test]
async fn an_index_that_breaks_under_a_running_relay_is_made_anew() {
    let dir = new_dir();
    let config = config(&dir);
    let store = open(&config);
    for n in 0..3 {
        put(&store, n).await.unwrap();
    }
    let before = store.packs.inner.index.dump();
    // As the library does on some damaged pages.
    let broken = store.packs.inner.index.read(|_| -> Result<(), redb::Error> { panic!("a senseless page") });
    assert!(matches!(broken, Err(StoreError::Index(_))), "{broken:?}");
    let after = store.segments(all(Micros(0), Micros::MAX)).await.unwrap_err();
    assert!(after.to_string().contains("rebuilt"), "said, and not used again: {after}");
    put(&store, 2).await.expect("the next write makes it anew, and finds what is there");
    assert_eq!(store.packs.inner.index.dump(), before, "row by row");
    assert_eq!((sequences(&store).await, next(&store).await), (vec![0, 1, 2], 3));

    let path = config.dir.join(INDEX_FILE);
    for n in 3..60 {
        let length = usize::try_from(std::fs::metadata(&path).unwrap().len()).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(&vec![0xa5; length], 0).unwrap();
        insist(&store, n).await;
    }
    assert_eq!((sequences(&store).await, next(&store).await), ((0..60).collect(), 60));
    store.close().await;
    let store = open(&config);
    assert_eq!((sequences(&store).await, next(&store).await), ((0..60).collect(), 60));
}

#[tokio::test]
async fn an_index_that_could_not_be_made_anew_is_not_believed() {
    let dir = new_dir();
    let config = config(&dir);
    let (store, disk) = open_faulty(&config);
    for n in 0..3 {
        put(&store, n).await.unwrap();
    }
    let broken = store.packs.inner.index.read(|_| -> Result<(), redb::Error> { panic!("a senseless page") });
    broken.unwrap_err();
    // The packs cannot be read just now: what was begun is an index of nothing.
    disk.fail_looks_from(Some(0));
    let error = put(&store, 3).await.unwrap_err();
    assert!(matches!(error, StoreError::Disk(_)), "{error}");
    disk.fail_looks_from(None);
    put(&store, 3).await.unwrap();
    assert_eq!((sequences(&store).await, next(&store).await), (vec![0, 1, 2, 3], 4));
}

#[tokio::test]
async fn an_index_that_ends_before_its_pack_is_not_written_past_but_made_anew() {
    let dir = new_dir();
    let config = config(&dir);
    let store = open(&config);
    for n in 0..3 {
        put(&store, n).await.unwrap();
    }
    let forgotten = store.packs.inner.index.change(redb::Durability::None, |tables| {
        tables.packs()?.into_iter().try_for_each(|pack| Ok(tables.forget_pack(pack)?))
    });
    forgotten.unwrap();
    let error = put(&store, 3).await.unwrap_err();
    assert!(matches!(error, StoreError::Index(_)), "{error}");
    put(&store, 3).await.unwrap();
    assert_eq!((sequences(&store).await, next(&store).await), (vec![0, 1, 2, 3], 4));
    store.close().await;
    let store = open(&config);
    assert_eq!((sequences(&store).await, next(&store).await), (vec![0, 1, 2, 3], 4));
}

#[tokio::test]
async fn a_pack_that_is_damaged_at_its_end_is_not_appended_to_once_it_was_read_again() {
    let dir = new_dir();
    let config = config(&dir);
    let store = open(&config);
    for n in 0..3 {
        put(&store, n).await.unwrap();
    }
    let pack = packs(&config).remove(0);
    let mut bytes = std::fs::read(&pack).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&pack, &bytes).unwrap();
    let index = &store.packs.inner.index;
    index.read(|_| -> Result<(), redb::Error> { panic!("a senseless page") }).unwrap_err();
    put(&store, 3).await.unwrap();
    assert_eq!(sequences(&store).await, [0, 1, 3]);
    assert_eq!(std::fs::read(&pack).unwrap(), bytes);
    put(&store, 2).await.unwrap();
    store.close().await;
    assert_eq!(sequences(&open(&config)).await, [0, 1, 2, 3]);
}
