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
use media::policy::{Classes, OwnerPolicy, TrusteeEntry};
use media::receipt::{Range, Receipt};
use media::segment::{Part, SegmentReader, Trailer, chain_after};
use media::time::Micros;
use seal::notice::NoticeRoot;
use tlog::note::Signer;

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
        let dir = tempfile::tempdir().unwrap();
        let (camera, owner) = (SigningKey::from_bytes(&[7; 32]), SigningKey::from_bytes(&[8; 32]));
        let (camera_pk, owner_key) = (camera.verifying_key().to_bytes(), owner.verifying_key().to_bytes());
        let entry = |trustee: &Signer| TrusteeEntry {
            name: trustee.name().to_owned(),
            vkey: trustee.verifier().vkey(),
            url: String::new(),
        };
        let policy = OwnerPolicy {
            camera_id: CameraId::of_key(&camera_pk),
            version: 1,
            prev_hash: [0; 32],
            epoch_len_s: 10,
            t: u8::try_from(trustees.len()).unwrap().min(2),
            trustees: trustees.iter().map(entry).collect(),
            recipients: Vec::new(),
            classes: Classes::default(),
            retention_days: 30,
            log_policy_hash: [0; 32],
            policy_doc_hash: [0; 32],
            recovery_pk: [0; 32],
            audit_pk: vec![0; 1216],
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
        spool.keep_pairing(&pairing, &notices, &notices.notice(&camera)).unwrap();
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
    let key = DayKey { trustee: name, day, public, destroy_by: escrow::record::Seconds(1) };
    let signed = key.sign(trustee).unwrap();
    scene.handover.spool().keep_day_key(day, share, tlog::Entry::entry_bytes(&signed)).unwrap();
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

const DAY: u64 = 86_400 * SECOND;

/// Days after the first whose notices wait for the relay.
fn given_out(scene: &Scene) -> Vec<u32> {
    let waiting = scene.handover.spool().waiting_notices().unwrap();
    waiting.iter().map(|(day, _)| day.0 - Micros(MIDNIGHT).day().0).collect()
}

/// The owner's commitment of a day after the first.
fn commit(day: u32) -> [u8; 32] {
    let camera = SigningKey::from_bytes(&[7; 32]);
    let id = CameraId::of_key(&camera.verifying_key().to_bytes());
    let first = Notices { day: Micros(MIDNIGHT).day(), root: NoticeRoot::new([3; 32]) };
    let at = Day(first.day.0 + day);
    first.on(at, &camera).unwrap().0.key(&id).commit()
}

#[test]
fn a_new_day_has_its_own_notice_key_and_skipped_days_have_theirs() {
    let mut scene = Scene::new(&[], u64::MAX);
    scene.handover.relay_time.hear(Micros(MIDNIGHT), 0);
    scene.films(MIDNIGHT, 0);
    scene.films(MIDNIGHT + 3 * DAY, 3 * DAY);
    assert_eq!(given_out(&scene), [0, 1, 2, 3]);
    let opens = scene.opens();
    assert_eq!(opens.last().unwrap().context.notice_commit, commit(3));
    assert_eq!(opens[0].context.notice_commit, commit(0));
    // The clock goes back behind it, a little and far: there is no key of that day any more, and it is
    // filmed on by the time that goes on.
    for (at, wall) in [(3 * DAY + 10 * SECOND, 3 * DAY - 60 * SECOND), (3 * DAY + 20 * SECOND, DAY)] {
        let filmed = scene.segments().len();
        scene.films(MIDNIGHT + wall, at);
        assert!(scene.segments().len() >= filmed + 4, "{wall}");
        assert_eq!(scene.opens().last().unwrap().context.notice_commit, commit(3));
        assert!(scene.handover.stats.now().troubles.time.unwrap().contains("set the clock"));
    }
    assert_eq!(given_out(&scene), [0, 1, 2, 3]);
}

#[test]
fn a_clock_that_jumps_a_day_a_year_or_back_gives_no_notice_out_and_stops_no_filming() {
    for relay in [None, Some(Micros(MIDNIGHT))] {
        let mut scene = Scene::new(&[], u64::MAX);
        if let Some(relay) = relay {
            scene.handover.relay_time.hear(relay, 0);
        }
        scene.films(MIDNIGHT + 3600 * SECOND, 3600 * SECOND);
        for (at, wall) in [(1, MIDNIGHT + DAY), (2, MIDNIGHT + 365 * DAY), (3, MIDNIGHT - DAY), (4, 0)] {
            let (filmed, steady) = (scene.segments().len(), (3600 + at * 10) * SECOND);
            scene.films(wall, steady);
            assert_eq!(scene.segments().len(), filmed + 4, "{wall}");
            assert_eq!(given_out(&scene), [0], "{wall}");
            assert_eq!(scene.handover.spool().notices().unwrap().day, Micros(MIDNIGHT).day());
            // By the time before, so that trustees' keys of that day are there.
            let open = scene.opens().pop().unwrap().context;
            assert_eq!((open.day(), open.notice_commit), (Micros(MIDNIGHT).day(), commit(0)));
        }
        // The right time again, and nothing was used up.
        scene.films(MIDNIGHT + 3700 * SECOND, 3700 * SECOND);
        scene.films(MIDNIGHT + DAY, DAY);
        assert_eq!(scene.opens().last().unwrap().context.notice_commit, commit(1));
        assert_eq!(given_out(&scene), if relay.is_some() { vec![0, 1] } else { vec![0] });
    }
}

#[test]
fn a_camera_that_is_offline_for_40_days_films_on_and_gives_out_its_notices_when_it_is_back() {
    let trustee = Signer::from_seed("bar.example", &[9; 32]).unwrap();
    let mut scene = Scene::new(std::slice::from_ref(&trustee), u64::MAX);
    let first = Micros(MIDNIGHT).day().0;
    for day in first..=first + 35 {
        give_key(&scene, &trustee, 1, Day(day));
    }
    for day in 0..=40 {
        let filmed = scene.segments().len();
        scene.films(MIDNIGHT + day * DAY, day * DAY);
        assert!(scene.segments().len() > filmed, "day {day}");
        let open = scene.opens().pop().unwrap();
        assert_eq!(open.context.notice_commit, commit(u32::try_from(day).unwrap()));
        assert_eq!(open.is_escrowed(), day <= 35, "day {day}: shares are dealt as long as there are keys");
        assert_eq!(given_out(&scene), [0], "day {day}");
        assert!(scene.handover.stats.now().troubles.time.unwrap().contains("unconfirmed"));
    }
    let now = 40 * DAY + 60 * SECOND;
    scene.handover.relay_time.hear(Micros(MIDNIGHT + now), now);
    scene.films(MIDNIGHT + now, now);
    assert_eq!(given_out(&scene), (0..=40).collect::<Vec<_>>());
    assert_eq!(scene.handover.stats.now().troubles.time, None);
    // The same over a restart: what it had is where it goes on.
    assert_eq!(scene.handover.spool().notices().unwrap().day, Day(first + 40));
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
        scene.handover.spool().keep_receipt(receipt(last).bytes()).unwrap();
    }
    scene.handover.spool().set_aside(Sequence(2), LossReason::Refused).unwrap();
    scene.films(MIDNIGHT + 12 * SECOND, 12 * SECOND);
    scene.films(MIDNIGHT + 24 * SECOND, 24 * SECOND);
    let opens = scene.opens();
    let lost = Lost { range: Range { first: Sequence(2), last: Sequence(2) }, why: LossReason::Refused };
    assert_eq!((&opens[0].lost[..], &opens[1].lost[..], &opens[2].lost[..]), (&[][..], &[lost][..], &[][..]));
    assert_eq!(opens[1].receipt, Some(receipt(1)));
}

fn events(pre_roll_secs: u64, post_roll_secs: u64) -> Filming {
    let table = format!(
        "mode = \"events\"\npre_roll_secs = {pre_roll_secs}\npost_roll_secs = {post_roll_secs}\nthreshold_permille = 20"
    );
    host::config::parse(&table, std::path::Path::new("camera.toml")).unwrap()
}

impl Scene {
    /// The same four seconds again and again, in one run; each second begins with a key frame and,
    /// before it, this score.
    fn seconds(&mut self, from: u64, scores: &[u16]) {
        let pieces = self.pieces.clone();
        let (init, fragments) = pieces.split_first().unwrap();
        let at = |us: u64| Moment { wall_us: Micros(MIDNIGHT + us), steady_us: us };
        if from == 0 {
            self.film.handle(Heard::Piece(init.clone(), at(0)));
        }
        let per_second = fragments.len() / 4;
        for (second, score) in (from..).zip(scores) {
            let begins = second * SECOND;
            self.film.handle(Heard::Motion(*score, at(begins)));
            let place = usize::try_from(second % 4).unwrap() * per_second;
            for (n, piece) in (1..).zip(&fragments[place..place + per_second]) {
                self.film.handle(Heard::Piece(piece.clone(), at(begins + n * SECOND / per_second as u64)));
            }
        }
    }

    /// The seconds, from midnight on, in which spooled segments begin.
    fn filmed(&self) -> Vec<u64> {
        self.segments().iter().map(|(header, ..)| (header.start_us.0 - MIDNIGHT) / SECOND).collect()
    }

    fn gaps(&self) -> Vec<GapReason> {
        self.opens().iter().filter_map(|open| open.previous).map(|close| close.gap).collect()
    }
}

/// What a sealed head says of motion; the epoch must still be open.
fn motion_of(scene: &Scene, sequence: u64) -> u16 {
    let epoch = scene.film.epoch.as_ref().unwrap();
    let mut keys = seal::opener::Keyring::new(scene.camera_pk, TrackId(0));
    keys.insert(&epoch.open, epoch.key.clone());
    let mut opener = seal::opener::SegmentOpener::default();
    opener.push(&scene.handover.spool().segments.read(Sequence(sequence)).unwrap().unwrap()).unwrap();
    loop {
        if let seal::opener::Opened::Head(head) = opener.poll(&keys).unwrap().unwrap() {
            return head.motion_permille;
        }
    }
}

#[test]
fn each_score_stands_in_the_head_of_the_segment_that_begins_next_and_in_no_other() {
    let mut scene = Scene::new(&[], u64::MAX);
    scene.seconds(0, &[0, 300]);
    // Two before one key frame, the decoder having lagged: the higher one. Then none.
    scene.film.handle(Heard::Motion(700, Moment { wall_us: Micros(MIDNIGHT), steady_us: 0 }));
    scene.seconds(2, &[40, 0]);
    scene.film.end_segment();
    let sequences: Vec<u64> = scene.segments().iter().map(|(header, ..)| header.sequence.0).collect();
    let motion: Vec<u16> = sequences.iter().map(|sequence| motion_of(&scene, *sequence)).collect();
    assert_eq!(motion, [0, 300, 700, 0]);
    // Measured before the source broke off: it says nothing of what comes after.
    scene.film.handle(Heard::Motion(800, Moment { wall_us: Micros(MIDNIGHT), steady_us: 4 * SECOND }));
    scene.film.handle(Heard::Lost);
    scene.seconds(9, &[0]);
    scene.film.end_segment();
    assert_eq!(motion_of(&scene, 4), 0);
}

#[test]
fn events_are_filmed_with_what_came_before_and_after_and_the_rest_is_a_signed_gap() {
    let mut scene = Scene::filming(&[], u64::MAX, &events(2, 3));
    // Still for 6 s, motion at the beginning of second 6, still until 20, motion again.
    let mut scores = [0; 24];
    (scores[6], scores[20]) = (20, 1000);
    scene.seconds(0, &scores);
    scene.film.end_segment();
    // Whole segments that cover two seconds before, and to the first key frame behind three seconds
    // after.
    assert_eq!(scene.filmed(), [4, 5, 6, 7, 8, 18, 19, 20, 21, 22]);
    // The gap, and the next epoch of ten seconds, which joins.
    assert_eq!(scene.gaps(), [GapReason::NothingMoved, GapReason::None]);
}

#[test]
fn what_follows_an_event_at_once_is_filmed_without_a_gap() {
    let mut scene = Scene::filming(&[], u64::MAX, &events(4, 1));
    let mut scores = [0; 9];
    (scores[0], scores[4]) = (500, 500);
    scene.seconds(0, &scores);
    scene.film.end_segment();
    // It had stopped at second 1; what came then was held, and nothing was gone.
    assert_eq!(scene.filmed(), [0, 1, 2, 3, 4]);
    assert!(scene.gaps().is_empty());
}

#[test]
fn where_motion_is_not_measured_everything_is_filmed() {
    let mut scene = Scene::filming(&[], u64::MAX, &events(2, 3));
    scene.seconds(0, &[0, 0]);
    let pieces = scene.pieces.clone();
    for second in 2..70 {
        for (n, piece) in (1..).zip(&pieces[1..]).take(10) {
            let us = second * SECOND + n * 100_000;
            scene.film.handle(Heard::Piece(
                piece.clone(),
                Moment { wall_us: Micros(MIDNIGHT + us), steady_us: us },
            ));
        }
    }
    scene.film.end_segment();
    let filmed = scene.filmed();
    assert!(filmed.first().is_some_and(|first| *first < 61), "{filmed:?}");
    assert_eq!(filmed.last(), Some(&69), "{filmed:?}");
}

#[test]
fn what_is_held_for_an_event_is_given_up_when_the_camera_rests() {
    let mut scene = Scene::filming(&[], u64::MAX, &events(60, 3));
    scene.seconds(0, &[0; 8]);
    scene.film.handle(Heard::Off(GapReason::Privacy));
    // On again, and something moves: nothing from before the switch is filmed.
    scene.seconds(20, &[0, 500, 0]);
    scene.film.end_segment();
    assert_eq!(scene.filmed(), [20, 21, 22]);
    assert_eq!(scene.segments().len(), 3);
}

#[test]
fn of_several_reasons_for_one_gap_the_heaviest_is_signed() {
    use GapReason::{OutsideSchedule, Privacy, Source};
    for (heard, said) in [
        (vec![Heard::Lost, Heard::Off(OutsideSchedule)], OutsideSchedule),
        (vec![Heard::Off(Privacy), Heard::Off(OutsideSchedule)], Privacy),
        (vec![Heard::Off(OutsideSchedule), Heard::Off(Privacy)], Privacy),
        (vec![Heard::Lost], Source),
    ] {
        let mut scene = Scene::new(&[], u64::MAX);
        scene.seconds(0, &[0, 0]);
        heard.into_iter().for_each(|heard| scene.film.handle(heard));
        scene.seconds(8, &[0]);
        scene.film.end_segment();
        assert_eq!(scene.gaps(), [said]);
    }
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

#[test]
fn what_is_held_for_an_event_is_bounded_in_bytes() {
    let scene = Scene::filming(&[], u64::MAX, &events(60, 3));
    let Some(Piece::Fragment(fragment)) = scene.pieces.get(1) else { panic!("no fragment") };
    // Two fit, and the third takes the place of the first.
    let third = u32::try_from(crate::events::HELD_BYTES_MAX / 5 * 2).unwrap();
    let taken = |now_us| Taken {
        fragment: fragment.clone().padded(third),
        cut: Cut::Before(Start::KeyFrame),
        now_us: Micros(now_us),
        motion_permille: 0,
    };
    let mut events = Events::new(events(60, 3).events);
    let gone: Vec<bool> =
        (0..3).map(|second| events.handle(taken(second), second * SECOND).is_gone).collect();
    assert_eq!(gone, [false, false, true]);
    events.handle_motion(1000, 3 * SECOND);
    let film = events.handle(taken(3), 3 * SECOND).film;
    assert_eq!(film.iter().map(|taken| taken.now_us.0).collect::<Vec<_>>(), [1, 2, 3]);
}
