//! The relay reads every byte that it stores, and sees nothing: no piece of the footage, no box of
//! its file format, no secret of anybody, and no words of the owner's or of a request. The same
//! search finds each of them where it belongs.

use ed25519_dalek::SigningKey;
use escrow::details::{Details, owner_key};
use escrow::record::{Request, Signed};
use host::shutdown::Shutdown;
use media::epoch::SignedEpochOpen;
use media::id::DeviceId;
use media::message::{Request as MediaRequest, Response};
use media::time::Micros;
use owner::Span;
use requester::request::Kind;
use seal::details::DetailsKey;
use seal::hpke::SecretKey;
use seal::notice::NoticeKey;
use seal::wrap::Unwrapped;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use tlog::Hash;
use world::Stage;
use world::session::Session;

/// So many bytes of footage or of a key in a row are no coincidence.
const PIECE: usize = 16;
type Piece = [u8; PIECE];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_the_relay_stores_or_serves_holds_footage_or_a_key_or_a_name() {
    let mut stage = Stage::set(1).await;
    let filmed = stage.filmed(1).await;
    let needles = Needles::of(&stage).await;
    // The request is granted and opened: after that, too, the relay has nothing of it.
    let folder = stage.collected("request", &stage.ask(0, Kind::Emergency, filmed)).await;
    let opened = requester::open::open(&stage.cast.people.requester, &folder, &mut |_| {}).await.unwrap();
    let clip = stage.folder().join("clip.mp4");
    let (span, name) =
        (Span::new(Micros(filmed.from_us), Micros(filmed.to_us)).unwrap(), &stage.cast.video.cameras[0].name);
    let (owner, mut played) = (&stage.cast.people.owner, Vec::new());
    owner::play::play(owner, name, span, &mut played, &mut |_| {}).await.unwrap();
    owner::export::export(owner, name, span, &clip, &mut |_| {}).await.unwrap();
    stage.cast.video.relay.stop().await.unwrap();

    // The control: what is looked for is found where it belongs, by the same search.
    let clip = std::fs::read(&clip).unwrap();
    let found = needles.found(&clip);
    assert!(found["footage"] * PIECE > clip.len() / 2, "{found:?}, {} bytes", clip.len());
    assert!(found["an MP4 box"] >= 5, "{found:?}");
    assert!(needles.found(&played)["an MP4 box"] > 100);
    let evidence = needles.found(&std::fs::read(&opened.evidence).unwrap());
    assert!(evidence.contains_key("an epoch's seed"), "{evidence:?}");
    let everybody = needles.found_below(&stage.cast.plan.dir);
    for (what, places) in
        [("a key of the owner's", 4), ("a trustee's key", 10), ("the camera's key", 1), ("words", 1)]
    {
        assert!(everybody.get(what).is_some_and(|found| *found >= places), "{what}: {everybody:?}");
    }

    // At rest.
    let config = &mut stage.cast.video.relay.config;
    let stored: u64 = files(&config.data).iter().map(|file| std::fs::metadata(file).unwrap().len()).sum();
    assert!(stored > 1 << 20, "only {stored} bytes: was anything filmed?");
    assert_eq!(needles.found_below(&config.data), BTreeMap::new());
    // And as it tells: its page shows how much, and of whom by number.
    config.http = Some("127.0.0.1:0".parse().unwrap());
    let mut started = None;
    world::until("the relay is back", async || {
        started = relay::start(config.clone(), Shutdown::new()).await.ok();
        started.is_some()
    })
    .await;
    let relay = started.unwrap();
    let page = format!("http://{}/status", relay.at().http.unwrap());
    let mut seen = serde_json::Value::Null;
    world::until("the camera is back", async || {
        let fetch = host::http::Fetch::new(host::http::FetchLimits::default());
        let body = fetch.get(&page).await.unwrap().body;
        assert_eq!(needles.found(&body), BTreeMap::new());
        seen = serde_json::from_slice(&body).unwrap();
        seen["cameras"].as_array().is_some_and(|cameras| cameras.len() == 1)
    })
    .await;
    let fields =
        |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(fields(&seen), ["cameras", "used_bytes"].map(str::to_owned).into());
    let of_camera = ["camera_id", "online", "replaced", "viewers"].map(str::to_owned).into();
    assert_eq!(fields(&seen["cameras"][0]), of_camera);
    stage.cast.video.relay.resume(relay);
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relays_disk_alone_reads_no_detail_of_a_leaf_that_it_can_find() {
    let mut stage = Stage::set(1).await;
    let filmed = stage.filmed(1).await;
    let folder = stage.collected("request", &stage.ask(0, Kind::Emergency, filmed)).await;
    let leaf = std::fs::read(folder.path().join("leaf.note")).unwrap();
    let leaf = Signed::<Request>::parse(&leaf).unwrap().value().clone();
    stage.cast.video.relay.stop().await.unwrap();

    // The control: the keybook has what reads the leaf, and the same search finds it there.
    let keybook = &stage.cast.people.owner_config.keybook;
    let root = host::secret::read(&keybook.join("root.secret"), "owner-root").unwrap();
    assert!(reads(&leaf, &root[..]), "the owner reads it");

    // Ciphertext of footage apart, every 32 bytes that the relay has in a row: as the key of the
    // details, as what they were once derived from (a notice key), as an owner's root.
    let stored = files(&stage.cast.video.relay.config.data);
    let beside = |file: &&PathBuf| !file.file_name().unwrap().to_string_lossy().contains("video-");
    let (mut finds, mut bytes) = (false, 0);
    for file in stored.iter().filter(beside) {
        let stored = std::fs::read(file).unwrap();
        bytes += stored.len();
        for key in stored.windows(32) {
            let notice = NoticeKey::new(key.try_into().unwrap());
            finds |= notice.label(leaf.id.as_bytes()) == leaf.label.0;
            assert!(!opens(&leaf, key) && !opens(&leaf, &derived(key, &leaf)), "{}", file.display());
        }
    }
    assert!(finds && bytes > 4096, "the relay can find the leaf, and this search saw it: {bytes} bytes");
    stage.strike().await;
}

/// Whoever held a sponsor's link key had the notice key of each day of any camera whose id it knew, and so
/// every leaf about it, of other agencies and of its owner.
#[tokio::test(flavor = "multi_thread")]
async fn a_sponsor_finds_no_leaf_about_a_camera_whatever_it_is_shown() {
    let mut stage = Stage::set(1).await;
    let filmed = stage.filmed(1).await;
    let folder = stage.collected("request", &stage.ask(0, Kind::Emergency, filmed)).await;
    let leaf = std::fs::read(folder.path().join("leaf.note")).unwrap();
    let leaf = Signed::<Request>::parse(&leaf).unwrap().value().clone();
    let finds = |bytes: &[u8]| {
        let label = |key: &[u8]| NoticeKey::new(key.try_into().unwrap()).label(leaf.id.as_bytes());
        bytes.windows(32).any(|key| label(key) == leaf.label.0)
    };
    // All that it asks the relay for, and what it kept of its own request.
    let camera_id = stage.cast.video.cameras[0].id;
    let link = stage.cast.people.requester_config.keys.join("link.secret");
    let sponsor = Session::of(&stage, &link, "link").await;
    let today = Micros(host::clock::now_us()).day();
    let mut shown = vec![std::fs::read(folder.path().join("package")).unwrap()];
    shown.extend(sponsor.opens(camera_id).await.iter().map(|open| open.to_vec()));
    for request in [
        MediaRequest::GetDayNotice { camera_id, day: today },
        MediaRequest::GetPolicy { camera_id, hash: [0; 32] },
        MediaRequest::GetDayKeys(today),
    ] {
        let answer = sponsor.link.call(&request).await.unwrap();
        assert!(!matches!(answer, Response::Refused(_)), "{request:?}: {answer:?}");
        shown.push(answer.encode());
    }
    // It cannot name the id of a leaf either: what it names makes an id of its own.
    let mut id = [0; 32];
    id[..16].copy_from_slice(leaf.id.as_bytes());
    let draft = MediaRequest::GetLabel { camera_id, day: today, draft: id };
    let Response::Object(label) = sponsor.link.call(&draft).await.unwrap() else { panic!("no label") };
    assert_ne!(label, leaf.label.0);
    shown.push(label);
    assert!(!shown.iter().any(|bytes| finds(bytes)));

    // The control: the relay, which makes labels, has the key in its store.
    stage.cast.video.relay.stop().await.unwrap();
    let stored = files(&stage.cast.video.relay.config.data);
    let beside = |file: &&PathBuf| !file.file_name().unwrap().to_string_lossy().contains("video-");
    assert!(stored.iter().filter(beside).any(|file| finds(&std::fs::read(file).unwrap())));
    stage.strike().await;
}

/// Whether these bytes are the key of the leaf's details.
fn opens(leaf: &Request, key: &[u8]) -> bool {
    DetailsKey::new(key.try_into().unwrap()).open(leaf.details.as_bytes()).is_some()
}

/// Whether these bytes are a root key of the owner to whom the leaf's details were sealed.
fn reads(leaf: &Request, root: &[u8]) -> bool {
    let audit = seal::details::audit_key(root.try_into().unwrap());
    owner_key(leaf, &audit).is_ok_and(|key| Details::open(&leaf.details, &key).is_ok())
}

/// The key of the leaf's details if one key found and read a leaf.
fn derived(notice: &[u8], leaf: &Request) -> [u8; 32] {
    let prk = ring::hkdf::Prk::new_less_safe(ring::hkdf::HKDF_SHA256, notice);
    let mut key = [0; 32];
    let info: [&[u8]; 2] = [b"candor details\0", leaf.id.as_bytes()];
    prk.expand(&info, ring::hkdf::HKDF_SHA256).unwrap().fill(&mut key).unwrap();
    key
}

/// What is looked for, by kind.
struct Needles {
    footage: HashSet<Piece>,
    secrets: HashMap<Piece, &'static str>,
    words: Vec<String>,
}

impl Needles {
    async fn of(stage: &Stage) -> Self {
        let (video, people) = (&stage.cast.video, &stage.cast.people);
        let camera = &video.cameras[0];
        let mut needles = Self {
            footage: footage(&stage.cast.plan.footage[0]),
            secrets: HashMap::new(),
            words: Vec::new(),
        };
        let keybook = &people.owner_config.keybook;
        let secret = |path: PathBuf, label| host::secret::read(&path, label).unwrap();
        for (file, label) in
            [("root.secret", "owner-root"), ("device.secret", "owner-device"), ("wrap.secret", "owner-wrap")]
        {
            needles.add("a key of the owner's", &secret(keybook.join(file), label));
        }
        let notice = secret(keybook.join("notice").join(format!("{}.secret", camera.id)), "notice-root");
        needles.add("a key of the owner's", &notice);
        needles.add("a key of the owner's", &notice[4..]);
        needles.add("the camera's key", &secret(camera.part.config.data.join("identity.secret"), "camera"));
        for trustee in &video.trustees {
            for file in files(&trustee.config.data.join("days")) {
                if file.extension().is_some_and(|ending| ending == "key") {
                    needles.add("a trustee's key", &secret(file, "day-key"));
                }
            }
            let key = host::secret::read_line(&trustee.config.data.join("note.key")).unwrap();
            let text = key.as_bytes();
            needles.secrets.insert(piece(&text[text.len() - PIECE..]), "a trustee's key");
        }
        needles.epochs(stage).await;
        needles.words =
            [&camera.name, "Sgt. A. Example", "Lt. B. Example", "missing since noon", "police.example"]
                .map(str::to_owned)
                .to_vec();
        needles
    }

    /// Seeds and content keys of every epoch so far, as the owner's device unwraps them.
    async fn epochs(&mut self, stage: &Stage) {
        let keybook = &stage.cast.people.owner_config.keybook;
        let wrap = host::secret::read(&keybook.join("wrap.secret"), "owner-wrap").unwrap();
        let wrap = SecretKey::new(wrap[..].try_into().unwrap());
        let device = host::secret::read(&keybook.join("device.secret"), "owner-device").unwrap();
        let device = SigningKey::from_bytes(device[..].try_into().unwrap()).verifying_key();
        let device = DeviceId::of_key(device.as_bytes());
        let opens = Session::of_device(stage).await.opens(stage.cast.video.cameras[0].id).await;
        assert!(opens.len() >= 2);
        for bytes in opens {
            let open = SignedEpochOpen::decode(&bytes).unwrap().unverified().clone();
            let unwrapped = seal::wrap::unwrap(&device, &wrap, &open).unwrap();
            let Unwrapped::Seed(seed) = unwrapped else { panic!("an owner's device has the seed") };
            self.add("an epoch's seed", seed.expose());
            self.add("a content key", seed.content_key(&open.context.hash()).expose());
        }
    }

    /// A secret as it is, in hexadecimal digits, and in base64.
    fn add(&mut self, what: &'static str, secret: &[u8]) {
        let head = Hash(*secret.first_chunk().unwrap());
        self.secrets.insert(piece(secret), what);
        self.secrets.insert(piece(head.to_hex().as_bytes()), what);
        self.secrets.insert(piece(head.to_base64().as_bytes()), what);
    }

    /// How often each kind occurs.
    fn found(&self, bytes: &[u8]) -> BTreeMap<&'static str, usize> {
        let mut found = BTreeMap::new();
        let mut count = |what| *found.entry(what).or_default() += 1;
        for window in bytes.windows(PIECE) {
            let window = piece(window);
            if self.footage.contains(&window) {
                count("footage");
            }
            if let Some(what) = self.secrets.get(&window) {
                count(what);
            }
        }
        // A box of less than a mebibyte: four letters alone would be met by chance.
        let boxes = [b"ftyp", b"moov", b"trak", b"avc1", b"avcC", b"moof", b"traf", b"mdat"];
        let is_box = |eight: &&[u8]| {
            eight[0] == 0 && eight[1] < 0x10 && boxes.iter().any(|name| eight[4..] == name[..])
        };
        bytes.windows(8).filter(is_box).for_each(|_| count("an MP4 box"));
        for word in &self.words {
            bytes.windows(word.len()).filter(|at| *at == word.as_bytes()).for_each(|_| count("words"));
        }
        found
    }

    fn found_below(&self, folder: &Path) -> BTreeMap<&'static str, usize> {
        let mut all = BTreeMap::new();
        for file in files(folder) {
            for (what, times) in self.found(&std::fs::read(&file).unwrap()) {
                *all.entry(what).or_default() += times;
            }
        }
        all
    }
}

/// The source's media data in pieces, without those that might be met by chance: padding and the
/// like.
fn footage(source: &Path) -> HashSet<Piece> {
    let bytes = std::fs::read(source).unwrap();
    let mut rest = &bytes[..];
    let mut pieces = HashSet::new();
    while let Some((size, kind)) = rest.first_chunk::<8>().map(|head| head.split_at(4)) {
        let size = u32::from_be_bytes(size.try_into().unwrap()) as usize;
        assert!(size >= 8, "a box with a long size: this footage is made without");
        let (one, after) = rest.split_at(size);
        if kind == b"mdat" {
            let chunks = one[8..].chunks_exact(PIECE);
            let telling = |chunk: &&[u8]| chunk.iter().collect::<BTreeSet<_>>().len() > PIECE / 2;
            pieces.extend(chunks.filter(telling).map(piece));
        }
        rest = after;
    }
    assert!(pieces.len() > 1000);
    pieces
}

fn piece(bytes: &[u8]) -> Piece {
    *bytes.first_chunk().unwrap()
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(self::files(&path)),
            false => files.push(path),
        }
    }
    files
}
