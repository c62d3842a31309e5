//! Virtual time, real fragments, no relay: what ends up in the spool is what was signed.

use super::*;
use crate::filming::Filming;
use crate::notices::Notices;
use crate::source::SourceConfig;
use crate::spool::{Pairing, Spool, Spools};
use crate::state;
use container::split::Splitter;
use escrow::daykeys::DayKey;
use media::chain::{Chain, FragmentsHash};
use media::epoch::{LossReason, Lost, SignedEpochOpen};
use media::id::{Day, EpochNo, TrackId};
use media::policy::{OwnerPolicy, TrusteeEntry};
use media::receipt::{Range, Receipt};
use media::segment::{Part, SegmentReader, Trailer, chain_after};
use media::time::Micros;
use seal::notice::NoticeRoot;
use tlog::note::Signer;

mod clocks;
mod events;
mod week;

/// The first moment of a day, so of an epoch too.
const MIDNIGHT: u64 = 20_833 * 86_400_000_000;
const SECOND: u64 = 1_000_000;

struct Scene {
    _dir: tempfile::TempDir,
    handover: Arc<Handover>,
    film: Film,
    pieces: Vec<Piece>,
    camera_pk: [u8; 32],
}

/// The container's fixture in fragments of 100 ms; a key frame every second, four seconds.
fn pieces() -> Vec<Piece> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../container/tests/fixtures/h264-aac.mp4");
    let output = std::process::Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i", file, "-c", "copy", "-an", "-f", "mp4", "-movflags"])
        .args(["empty_moov+default_base_moof+frag_keyframe", "-frag_duration", "100000", "pipe:1"])
        .output()
        .unwrap();
    let mut splitter = Splitter::new();
    splitter.push(&output.stdout);
    std::iter::from_fn(|| splitter.next_piece().unwrap()).collect()
}

fn film(spool_bytes: u64, filming: &Filming, handover: &Arc<Handover>) -> Film {
    let config = Config { spool_bytes, filming: filming.clone(), ..Config::new("", SourceConfig::Input) };
    Film::new(SigningKey::from_bytes(&[7; 32]), &config, handover.clone(), Rng::system())
}

impl Scene {
    fn new(trustees: &[Signer], spool_bytes: u64) -> Self {
        Self::filming(trustees, spool_bytes, &Filming::default())
    }

    fn filming(trustees: &[Signer], spool_bytes: u64, filming: &Filming) -> Self {
        Self::in_epochs_of(10, trustees, spool_bytes, filming)
    }

    fn in_epochs_of(epoch_len_s: u16, trustees: &[Signer], spool_bytes: u64, filming: &Filming) -> Self {
        // In memory where there is such a place: what is durable is tested elsewhere.
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let (camera, owner) = (SigningKey::from_bytes(&[7; 32]), SigningKey::from_bytes(&[8; 32]));
        let (camera_pk, owner_key) = (camera.verifying_key().to_bytes(), owner.verifying_key().to_bytes());
        let entry = |trustee: &Signer| TrusteeEntry {
            name: trustee.name().to_owned(),
            vkey: trustee.verifier().vkey(),
            url: String::new(),
        };
        let policy = OwnerPolicy {
            epoch_len_s,
            t: u8::try_from(trustees.len()).unwrap().min(2),
            trustees: trustees.iter().map(entry).collect(),
            ..stage::bare::policy(CameraId::of_key(&camera_pk))
        };
        let pairing = Pairing {
            relay: "relay.example:4433".to_owned(),
            relay_key: [1; 32],
            owner_key,
            enrollment: vec![1],
            policy: policy.sign(&owner).unwrap().bytes().to_vec(),
            log_policy: String::new(),
        };
        Spool::create(dir.path()).unwrap();
        let spool = Spool::open(dir.path()).unwrap();
        let notices = Notices { day: Micros(MIDNIGHT).day(), root: NoticeRoot::new([3; 32]) };
        let first = (notices.day, notices.key(&CameraId::of_key(&camera_pk)));
        spool.keep_pairing(&pairing, &notices, &first).unwrap();
        drop(spool);
        let (handover, _) = state::of_tracks(Spools::open(dir.path()).unwrap());
        let film = film(spool_bytes, filming, &handover);
        Self { _dir: dir, handover, film, pieces: pieces(), camera_pk }
    }

    /// Four seconds of pictures, the first of them taken at `from_us`.
    fn films(&mut self, from_us: u64, steady_us: u64) {
        let mut passed = 0;
        for piece in self.pieces.clone() {
            if let Piece::Fragment(fragment) = &piece {
                passed += fragment.duration_us;
            }
            let now = Moment { wall_us: Micros(from_us + passed), steady_us: steady_us + passed };
            self.film.handle(Heard::Piece(piece, now));
        }
    }

    /// From here on the second track of the same camera is filmed.
    fn second(&mut self, spool_bytes: u64) {
        self.film.end_segment();
        let main = &self.handover;
        let sub = main.gives_way.clone().unwrap();
        self.film = film(spool_bytes, &Filming::default(), &sub);
        self.handover = sub;
    }

    fn opens(&self) -> Vec<media::epoch::EpochOpen> {
        let opens = self.handover.spool().opens_from(EpochNo(0)).unwrap();
        let open = |(_, bytes): &(EpochNo, Vec<u8>)| {
            SignedEpochOpen::decode(bytes).unwrap().verify(&self.camera_pk).unwrap().clone()
        };
        opens.iter().map(open).collect()
    }

    /// Every spooled segment, its signature verified.
    fn segments(&self) -> Vec<(SegmentHeader, Trailer, FragmentsHash)> {
        let spool = self.handover.spool();
        let read = |sequence: Sequence| {
            let mut reader = SegmentReader::default();
            reader.push(spool.segments.read(sequence).unwrap().unwrap()).unwrap();
            let (mut header, mut hash) = (None, FragmentsHash::default());
            loop {
                match reader.next_part().unwrap().unwrap() {
                    Part::Header(found) => header = Some(found),
                    Part::Fragment { index, sealed } => hash.update_pieces(index, &sealed),
                    Part::Trailer(trailer) => {
                        let header = header.unwrap();
                        trailer.verify(&self.camera_pk, &header.hash()).unwrap();
                        assert_eq!(header.sequence, sequence);
                        return (header, trailer, hash);
                    }
                }
            }
        };
        spool.segments.sequences().into_iter().map(read).collect()
    }
}

#[test]
fn segments_chain_within_their_epoch_and_epochs_close_one_another() {
    let mut scene = Scene::new(&[], u64::MAX);
    // From second 7 of an epoch of 10 s: three segments in it, and the fourth begins the next.
    scene.films(MIDNIGHT + 7 * SECOND, 0);
    scene.films(MIDNIGHT + 11 * SECOND, 4 * SECOND);
    scene.film.end_segment();
    let (opens, segments) = (scene.opens(), scene.segments());
    let places: Vec<_> = segments.iter().map(|(header, ..)| (header.epoch_no.0, header.k)).collect();
    assert_eq!(places, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (1, 3), (1, 4)]);
    assert_eq!(opens.len(), 2);
    for open in &opens {
        let mut chain = Chain::start(&open.context.hash(), &open.prev_close_hash());
        for (header, trailer, hash) in segments.iter().filter(|(h, ..)| h.epoch_no == open.context.epoch_no) {
            chain = chain_after(&chain, header, hash.clone());
            assert_eq!(trailer.chain, chain);
            assert!((open.context.start_us..open.context.end_us()).contains(&header.start_us));
        }
    }
    assert_eq!(opens[0].context.start_us, Micros(MIDNIGHT + 7 * SECOND));
    assert_eq!(opens[1].context.start_us, Micros(MIDNIGHT + 10 * SECOND), "they join");
    let close = opens[1].previous.unwrap();
    assert_eq!((close.epoch_no, close.segments, close.gap), (EpochNo(0), 3, GapReason::None));
    assert_eq!(close.chain, segments[2].1.chain.0);
    // Each init is a run.
    assert_eq!(segments.iter().map(|(header, ..)| header.run).collect::<Vec<_>>(), [1, 1, 1, 1, 2, 2, 2, 2]);
}

#[test]
fn a_source_that_broke_off_and_a_clock_that_was_set_are_told_by_the_next_close() {
    let mut scene = Scene::new(&[], u64::MAX);
    scene.films(MIDNIGHT, 0);
    scene.film.handle(Heard::Lost);
    assert!(scene.film.epoch.is_none(), "a key to what was filmed is kept while nothing is");
    scene.films(MIDNIGHT + 30 * SECOND, 30 * SECOND);
    // An hour ahead in the middle of a run, without a source that broke off.
    let fragments: Vec<Piece> = scene.pieces.iter().skip(1).cloned().collect();
    for (at, piece) in (1..).zip(fragments) {
        let passed = at * 100_000;
        let now =
            Moment { wall_us: Micros(MIDNIGHT + 3634 * SECOND + passed), steady_us: 34 * SECOND + passed };
        scene.film.handle(Heard::Piece(piece, now));
    }
    scene.film.end_segment();
    let opens = scene.opens();
    let gaps: Vec<_> = opens.iter().filter_map(|open| open.previous).map(|close| close.gap).collect();
    assert_eq!(gaps, [GapReason::Source, GapReason::ClockStep]);
    let counted: Vec<_> = opens.iter().filter_map(|open| open.previous).map(|close| close.segments).collect();
    assert_eq!(counted, [4, 4]);
    assert_eq!(opens[1].context.start_us, Micros(MIDNIGHT + 30 * SECOND));
    let runs: Vec<_> = scene.segments().iter().map(|(header, ..)| (header.run, header.start)).collect();
    assert_eq!(runs.last(), Some(&(3, Start::KeyFrame)), "a clock that was set begins a run");
    assert_eq!(scene.handover.stats.now().sent, 12);
}

#[test]
fn a_camera_that_gives_way_ends_its_epoch_tells_it_and_films_on_under_numbers_of_its_own() {
    let mut scene = Scene::new(&[], u64::MAX);
    scene.films(MIDNIGHT + SECOND, 0);
    // Another history's, of the same key.
    let mut theirs = scene.opens().remove(0);
    theirs.context.epoch_no = EpochNo(3);
    let theirs = theirs.sign(&SigningKey::from_bytes(&[7; 32]));
    assert!(scene.handover.spool().give_way(theirs.bytes(), &scene.camera_pk).unwrap());
    // Without a pause, within what was its epoch.
    let passed = scene.pieces.iter().skip(1).cloned().collect::<Vec<_>>();
    for (at, piece) in (1..).zip(passed) {
        let now = Moment {
            wall_us: Micros(MIDNIGHT + 5 * SECOND + at * 100_000),
            steady_us: 4 * SECOND + at * 100_000,
        };
        scene.film.handle(Heard::Piece(piece, now));
    }
    scene.film.end_segment();
    let (opens, segments) = (scene.opens(), scene.segments());
    let block = media::block::Block::of_epoch(EpochNo(0)).next().unwrap();
    assert_eq!(opens.len(), 2);
    assert_eq!(opens[1].context.epoch_no, block.first_epoch());
    let close = opens[1].previous.unwrap();
    assert_eq!((close.gap, close.epoch_no), (GapReason::IdentityConflict, EpochNo(0)));
    let left = segments.iter().filter(|(header, ..)| header.epoch_no == EpochNo(0));
    let (left, last) = (left.clone().count(), left.clone().next_back().unwrap());
    assert_eq!(
        (close.segments as usize, close.chain),
        (left, last.1.chain.0),
        "its own history ends in good order"
    );
    let first = &segments[left].0;
    assert_eq!((first.sequence, first.k), (block.first_segment(), 0));
    assert!(segments.len() > left + 2, "it films on");
}

#[test]
fn an_overflowing_spool_is_told_by_the_next_close() {
    let mut scene = Scene::new(&[], 30_000);
    scene.films(MIDNIGHT + 5 * SECOND, 0);
    scene.films(MIDNIGHT + 9 * SECOND, 4 * SECOND);
    scene.film.end_segment();
    assert!(scene.handover.stats.now().dropped > 0);
    assert!(scene.handover.spool().segments.bytes() <= 30_000);
    assert_eq!(scene.opens()[1].previous.unwrap().gap, GapReason::SpoolOverflow);
}

#[test]
fn a_second_track_that_finds_no_room_films_nothing_and_says_so_once_there_is_some() {
    let mut scene = Scene::new(&[], 30_000);
    scene.films(MIDNIGHT, 0);
    let main = scene.handover.clone();
    scene.second(30_000);
    let held = main.spool().segments.sequences();
    for again in 0..3 {
        scene.films(MIDNIGHT + (20 + 4 * again) * SECOND, (20 + 4 * again) * SECOND);
    }
    scene.film.end_segment();
    assert_eq!(
        (scene.segments().len(), main.spool().segments.sequences()),
        (0, held),
        "the main track's stay"
    );
    assert_eq!(scene.opens().len(), 1, "no epoch opens for what is not filmed");
    assert!(scene.handover.stats.now().troubles.picture.unwrap().contains("spool_bytes"));
    let taken = main.spool().segments.sequences();
    for sequence in taken {
        main.spool().segments.forget(sequence).unwrap();
    }
    scene.films(MIDNIGHT + 60 * SECOND, 60 * SECOND);
    scene.film.end_segment();
    let (opens, segments) = (scene.opens(), scene.segments());
    assert_eq!(
        (opens[1].context.track, opens[1].previous.unwrap().gap),
        (TrackId::SUB, GapReason::SpoolOverflow)
    );
    assert!(!segments.is_empty() && segments.iter().all(|(header, ..)| header.track == TrackId::SUB));
    assert_eq!(scene.handover.stats.now().troubles.picture, None);
    // Numbers and seeds of its own; the camera's notice key is one.
    assert_eq!(opens[0].context.epoch_no, EpochNo(0));
    let of_main = main.spool().opens_from(EpochNo(0)).unwrap();
    let of_main = SignedEpochOpen::decode(&of_main[0].1).unwrap().verify(&scene.camera_pk).unwrap().clone();
    assert_ne!(of_main.key_commit, opens[0].key_commit);
    assert_eq!(of_main.context.notice_commit, opens[0].context.notice_commit);
}

/// This trustee's key of the day is here.
fn give_key(scene: &Scene, trustee: &Signer, share: u8, day: Day) {
    let public = seal::hpke::SecretKey::generate(&mut Rng::system()).public();
    let name = escrow::record::Name::new(trustee.name()).unwrap();
    let destroy_by = Day(day.0 + 38).start();
    keep_key(scene, DayKey { trustee: name, day, public, destroy_by }, trustee, share);
}

fn keep_key(scene: &Scene, key: DayKey, trustee: &Signer, share: u8) {
    let day = key.day;
    let signed = key.sign(trustee).unwrap();
    let spool = scene.handover.spool();
    spool.keep_day_key(day, share, (0, tlog::Entry::entry_bytes(&signed))).unwrap();
}

#[test]
fn no_share_is_dealt_to_a_key_that_is_kept_longer_than_the_owner_agreed_to() {
    let trustees =
        [9, 10, 11].map(|seed| Signer::from_seed(&format!("t{seed}.example"), &[seed; 32]).unwrap());
    let mut scene = Scene::new(&trustees, u64::MAX);
    let day = Micros(MIDNIGHT).day();
    let most = Day(day.0 + 1).start().after(Duration::from_secs(8_640_000));
    for (share, (trustee, destroy_by)) in (1u8..).zip(trustees.iter().zip([most.0, most.0, most.0 + 1])) {
        let public = seal::hpke::SecretKey::generate(&mut Rng::system()).public();
        let name = escrow::record::Name::new(trustee.name()).unwrap();
        let destroy_by = media::time::Seconds(destroy_by);
        keep_key(&scene, DayKey { trustee: name, day, public, destroy_by }, trustee, share);
    }
    scene.films(MIDNIGHT, 0);
    let dealt: Vec<bool> = scene.opens()[0].shares.iter().map(Option::is_some).collect();
    assert_eq!(dealt, [true, true, false]);
}

#[test]
fn a_trustee_that_is_away_for_ever_stops_nothing_and_is_named() {
    let trustees =
        [9, 10, 11].map(|seed| Signer::from_seed(&format!("t{seed}.example"), &[seed; 32]).unwrap());
    let mut scene = Scene::new(&trustees, u64::MAX);
    let day = Micros(MIDNIGHT).day();
    let slots = |scene: &Scene| -> Vec<Vec<bool>> {
        scene.opens().iter().map(|open| open.shares.iter().map(Option::is_some).collect()).collect()
    };
    // With none of its keys here a camera that has just started waits for them, some seconds.
    scene.films(MIDNIGHT, 0);
    assert_eq!((scene.opens().len(), scene.segments().len()), (0, 0));
    assert!(scene.handover.stats.now().troubles.picture.unwrap().contains("t9.example"));
    // Then it films all the same, and everybody sees for whom alone.
    scene.films(MIDNIGHT + 10 * SECOND, 10 * SECOND);
    assert_eq!(slots(&scene), [[false; 3]]);
    assert_eq!(scene.handover.stats.now().troubles.picture, None);
    let said = scene.handover.stats.now().troubles.escrow.unwrap();
    assert!(
        said.contains("t9.example, t10.example, t11.example") && said.contains("devices alone"),
        "{said}"
    );
    // t = 2 of 3 are here: another epoch begins at once, without a gap, and the one who is away is left out.
    give_key(&scene, &trustees[0], 1, day);
    give_key(&scene, &trustees[2], 3, day);
    scene.films(MIDNIGHT + 14 * SECOND, 14 * SECOND);
    assert_eq!(slots(&scene)[1..], [[true, false, true]]);
    assert_eq!(scene.opens()[1].previous.unwrap().gap, GapReason::None);
    let said = scene.handover.stats.now().troubles.escrow.unwrap();
    assert!(said.contains("t10.example") && !said.contains("t9.example"), "{said}");
    // Days later the two others' keys are used up as well: it films on.
    let filmed = scene.segments().len();
    scene.films(MIDNIGHT + 86_400 * SECOND, 86_400 * SECOND);
    scene.film.end_segment();
    assert!(scene.segments().len() > filmed + 3, "{}", scene.segments().len());
    assert_eq!(slots(&scene).last(), Some(&vec![false; 3]));
}

#[test]
fn what_was_let_go_and_the_newest_receipt_stand_in_the_next_epoch_open() {
    let mut scene = Scene::new(&[], u64::MAX);
    scene.films(MIDNIGHT, 0);
    let relay = SigningKey::from_bytes(&[50; 32]);
    let camera_id = CameraId::of_key(&scene.camera_pk);
    let receipt = |last| {
        let receipt = Receipt {
            relay_key: relay.verifying_key().to_bytes(),
            camera_id,
            track: TrackId::MAIN,
            at_us: Micros(MIDNIGHT),
            epoch_no: EpochNo(0),
            k: 1,
            chain: [1; 32],
            acknowledged: vec![Range { first: Sequence(0), last: Sequence(last) }],
        };
        receipt.sign(&relay)
    };
    for last in [0, 1] {
        scene.handover.spool().keep_receipt(&receipt(last)).unwrap();
    }
    scene.handover.spool().set_aside(Sequence(2), LossReason::Refused).unwrap();
    scene.films(MIDNIGHT + 12 * SECOND, 12 * SECOND);
    scene.films(MIDNIGHT + 24 * SECOND, 24 * SECOND);
    let opens = scene.opens();
    let lost = Lost { range: Range { first: Sequence(2), last: Sequence(2) }, why: LossReason::Refused };
    assert_eq!((&opens[0].lost[..], &opens[1].lost[..], &opens[2].lost[..]), (&[][..], &[lost][..], &[][..]));
    assert_eq!(opens[1].receipt, Some(receipt(1)));
}

#[test]
fn padded_fragments_are_sealed_in_steps() {
    let padding: Filming =
        host::config::parse("pad_to_bytes = 4096", std::path::Path::new("camera.toml")).unwrap();
    let mut sizes = Vec::new();
    for filming in [Filming::default(), padding] {
        let mut scene = Scene::filming(&[], u64::MAX, &filming);
        scene.films(MIDNIGHT, 0);
        scene.film.end_segment();
        let spool = scene.handover.spool();
        let mut seen = std::collections::BTreeSet::new();
        for sequence in spool.segments.sequences() {
            let mut reader = SegmentReader::default();
            reader.push(spool.segments.read(sequence).unwrap().unwrap()).unwrap();
            while let Some(part) = reader.next_part().unwrap() {
                if let Part::Fragment { index: 1.., sealed } = part {
                    seen.insert(sealed.len());
                }
            }
        }
        sizes.push(seen);
    }
    assert!(sizes[0].len() > 5, "they differ: {sizes:?}");
    // SPEC: segment.md#sealing: captured_us and the steps, in chunks of which the last is shorter,
    // each with its tag; salt and commitment before.
    let steps: Vec<usize> = (1..8).map(|step| 8 + step * 4096).collect();
    let sealed: Vec<usize> = steps.iter().map(|plain| 56 + plain + (plain / 16_384 + 1) * 16).collect();
    assert!(sizes[1].iter().all(|size| sealed.contains(size)), "{sizes:?}");
    assert!(sizes[1].len() < 4, "{sizes:?}");
}
