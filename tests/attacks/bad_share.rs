//! A trustee that hands out a wrong share: it is named, nobody else is, and the release succeeds
//! from the others.

use bytes::Bytes;
use escrow::bundle::Bundle;
use escrow::deal::{TrusteeId, shares_hash};
use escrow::package::Package;
use escrow::record::{Grant, Name, Request, Seconds, Signed};
use host::rng::Rng;
use host::shutdown::Shutdown;
use log_client::LogClient;
use media::epoch::{EpochOpen, SignedEpochOpen};
use requester::collect::Answer;
use requester::folder::RequestFolder;
use requester::open::{OpenError, Step};
use requester::request::Kind;
use requester::shares::SharesError;
use seal::hpke::SecretKey;
use tlog::note::Signer;
use tlog::proof::TlogProof;
use tlog::{Entry as _, Hash};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use world::{PATIENCE, Stage, until};

/// The bad one's place in the cast; its share's index is one more.
const BAD: usize = 1;

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_share_is_named_and_the_release_succeeds_from_the_others() {
    let mut stage = Stage::set(1).await;
    let filmed = stage.filmed(1).await;
    let folder = stage.drafted("request", &stage.ask(0, Kind::Legal, filmed)).await;
    requester::request::submit(&stage.cast.people.requester, &folder).await.unwrap();
    // The bad one and two others answer: three bundles, which are as many as must grant, and one
    // share too few.
    for silent in [BAD, 3, 4] {
        stage.cast.video.trustees[silent].stop().await.unwrap();
    }
    let bad = BadTrustee::of(&stage);
    let bundle = bad.bundle(&stage, &folder, |share| share[1] ^= 1).await;
    let served = bad.serve(bundle).await;
    let requester = &stage.cast.people.requester;
    let collected = requester::collect::collect(requester, &folder, PATIENCE, &mut |_| {}).await.unwrap();
    assert_eq!(collected.held, 3, "{collected:?}");
    let opened = requester::open::open(requester, &folder, &mut |_| {}).await;
    let Err(OpenError::Shares(SharesError::Combine { error, .. })) = opened else { panic!("{opened:?}") };
    let index = u8::try_from(BAD).unwrap() + 1;
    assert!(
        matches!(&error, escrow::combine::CombineError::TooFew { good: 2, needed: 3, culprits } if *culprits == [index]),
        "{error:?}"
    );

    // One more comes back: it is asked, and that is enough.
    restart(&mut stage, 3).await;
    let requester = &stage.cast.people.requester;
    until("the fourth bundle", async || {
        let collected = requester::collect::collect(requester, &folder, PATIENCE, &mut |_| {}).await;
        collected.unwrap().held == 4
    })
    .await;
    let mut blamed = Vec::new();
    let on = &mut |step| {
        if let Step::Culprit { trustee, .. } = step {
            blamed.push(trustee);
        }
    };
    let opened = requester::open::open(requester, &folder, on).await.unwrap();
    assert_eq!((opened.epochs_requested, opened.epochs_opened), (1, 1));
    assert!(opened.segments > 0);
    assert_eq!((&opened.culprits, &blamed), (&vec![bad.name.clone()], &vec![bad.name.clone()]));
    served.abort();
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_under_anothers_index_is_refused_when_it_is_collected_and_blames_nobody() {
    let mut stage = Stage::set(1).await;
    let filmed = stage.filmed(1).await;
    let folder = stage.drafted("request", &stage.ask(0, Kind::Legal, filmed)).await;
    requester::request::submit(&stage.cast.people.requester, &folder).await.unwrap();
    stage.cast.video.trustees[BAD].stop().await.unwrap();
    let bad = BadTrustee::of(&stage);
    // A wrong share in the name of the first trustee, whose own is good.
    let bundle = bad
        .bundle(&stage, &folder, |share| {
            share[0] = 1;
            share[1] ^= 1;
        })
        .await;
    let served = bad.serve(bundle).await;
    let requester = &stage.cast.people.requester;
    let answers = requester::collect::ask_once(requester, &folder).await.unwrap();
    for (trustee, answer) in &answers {
        match answer {
            Answer::Unusable { reason } if *trustee == bad.name => {
                assert!(reason.contains("one share for each granted epoch"), "{reason}");
            }
            Answer::Granted { .. } if *trustee != bad.name => {}
            answer => panic!("{trustee}: {answer:?}"),
        }
    }
    assert!(!folder.path().join("bundles").join((BAD + 1).to_string()).exists());
    let opened = requester::open::open(requester, &folder, &mut |_| {}).await.unwrap();
    assert_eq!((opened.epochs_requested, opened.epochs_opened), (1, 1));
    assert!(opened.culprits.is_empty(), "{opened:?}");
    served.abort();
    stage.strike().await;
}

async fn restart(stage: &mut Stage, at: usize) {
    let trustee = &mut stage.cast.video.trustees[at];
    let mut started = None;
    until("the trustee is back", async || {
        started = trustee::start(trustee.config.clone(), Shutdown::new()).await.ok();
        started.is_some()
    })
    .await;
    trustee.resume(started.unwrap());
}

/// A trustee of the cast with everything that one has: its name, its keys, its address, its leave
/// to write into the log.
struct BadTrustee {
    name: String,
    signer: Signer,
    data: std::path::PathBuf,
    listen: std::net::SocketAddr,
    index: u8,
}

impl BadTrustee {
    fn of(stage: &Stage) -> Self {
        let config = &stage.cast.video.trustees[BAD].config;
        let key = host::secret::read_line(&config.data.join("note.key")).unwrap();
        Self {
            name: config.name.clone(),
            signer: Signer::from_secret_text(&key).unwrap(),
            data: config.data.clone(),
            listen: config.listen,
            index: u8::try_from(BAD).unwrap() + 1,
        }
    }

    /// A bundle for the request in the folder, as a trustee makes it, whose shares (index and
    /// value) were changed. Its grant is logged.
    async fn bundle(&self, stage: &Stage, folder: &RequestFolder, change: impl Fn(&mut [u8])) -> Vec<u8> {
        let file = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        let package = Package::decode(&file("package")).unwrap();
        let request = Signed::<Request>::parse(&file("leaf.note")).unwrap();
        let request_index = TlogProof::parse(&file("leaf.tlog-proof")).unwrap().index();
        let opens: Vec<EpochOpen> = package
            .opens
            .iter()
            .map(|bytes| SignedEpochOpen::decode(bytes).unwrap().unverified().clone())
            .collect();
        let mut list = Vec::new();
        for open in &opens {
            let mut share = self.own_share(open);
            change(&mut share);
            list.extend_from_slice(&open.context.epoch_no.0.to_be_bytes());
            list.extend_from_slice(&share);
        }
        let trustee = TrusteeId::of(&self.signer.verifier());
        let info = [b"candor release\0", &request.value().id.as_bytes()[..], &trustee.0].concat();
        let hash = request.hash();
        let sealed =
            seal::hpke::seal(&package.release_key, &info, hash.as_bytes(), &list, &mut Rng::system())
                .unwrap();
        let grant = Grant {
            id: request.value().id,
            trustee: Name::new(&self.name).unwrap(),
            request_index,
            request: hash,
            epochs: u32::try_from(opens.len()).unwrap(),
            shares: shares_hash(&opens, self.index),
            bundle: Hash::of(&[&sealed]),
            decision: Hash([0; 32]),
            approver: None,
            time: Seconds(host::clock::now()),
        };
        let grant = Signed::sign(grant, &[&self.signer]).unwrap().entry_bytes().to_vec();
        let log = LogClient::new(&stage.cast.people.owner_config.log.url, stage.cast.records.policy.clone());
        let (logged, proof) = log.add(grant).await.unwrap();
        Bundle { grant: logged.value().clone(), proof: proof.encode(), sealed }.encode()
    }

    /// What the camera dealt to this trustee: index and value. Contract:
    /// `proto/release.md#dealing`.
    fn own_share(&self, open: &EpochOpen) -> Vec<u8> {
        let sealed = open.shares[usize::from(self.index) - 1].as_ref().unwrap();
        let path = self.data.join("days").join(format!("{}.key", open.context.day().0));
        let key = host::secret::read(&path, "day-key").unwrap();
        let trustee = TrusteeId::of(&self.signer.verifier());
        let info = [b"candor share seal\0", &trustee.0[..], &sealed.day_key_id].concat();
        let aad = [&open.context.hash().0[..], &[self.index]].concat();
        let key = SecretKey::new(key[..].try_into().unwrap());
        key.open(&info, &aad, &sealed.sealed).unwrap().to_vec()
    }

    /// Answers every package with this bundle, at the trustee's address, and whoever asks for its key with that.
    async fn serve(&self, bundle: Vec<u8>) -> tokio::task::JoinHandle<()> {
        let mut bound = None;
        until("the trustee's address is free", async || {
            bound = TcpListener::bind(self.listen).await.ok();
            bound.is_some()
        })
        .await;
        let today = media::time::Seconds(host::clock::now()).day();
        let key = std::fs::read(self.data.join("days").join(format!("{today}.published"))).unwrap();
        let (listener, key, bundle) = (bound.unwrap(), Bytes::from(key), Bytes::from(bundle));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, key.clone(), bundle.clone()));
            }
        })
    }
}

/// One request read to its end, one answer.
async fn answer(mut stream: TcpStream, key: Bytes, bundle: Bytes) {
    let (mut heard, mut chunk) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        let Ok(read) = stream.read(&mut chunk).await else { return };
        heard.extend_from_slice(&chunk[..read]);
        let head = heard.windows(4).position(|four| four == b"\r\n\r\n");
        let length = head.map(|end| (end + 4, content_length(&heard[..end])));
        match length {
            Some((body, length)) if heard.len() >= body + length => break,
            _ if read == 0 => return,
            _ => {}
        }
    }
    let answer = if heard.starts_with(b"GET ") { key } else { bundle };
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&answer).await;
    let _ = stream.shutdown().await;
}

fn content_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_lowercase();
    head.lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map_or(0, |length| length.trim().parse().unwrap())
}
