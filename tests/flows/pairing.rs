//! Pairing through the command line: an invite pairs one camera once; used again, expired, altered
//! or shown to another relay it is refused by name, whoever waits is told, and a new invite works.

use media::message::{RefusalCode, Request, Response, Side};
use quic::{Endpoint, Identity};
use seal::pair::Invite;
use std::path::{Path, PathBuf};
use world::processes::{Ended, Process, run};
use world::{Stage, config_files, footage, until};

/// A cast without cameras, whose owner and cameras are the command line's.
struct Scene {
    stage: Stage,
    owner: PathBuf,
}

impl Scene {
    async fn set() -> Self {
        let stage = Stage::set(0).await;
        let owner = config_files::owner(&stage);
        Self { stage, owner }
    }

    /// A new camera's configuration.
    async fn camera(&self, name: &str) -> String {
        let config = config_files::camera(self.stage.folder(), name, &footage()[0]);
        let config = config.to_str().unwrap().to_owned();
        well(&run(&["camera", "init", "--config", &config]).await);
        config
    }

    /// Makes an invite; the process waits for the camera.
    async fn invite(&self, name: &str) -> (Process, String) {
        let mut owner = Process::start(&["owner", "invite", "--config", text(&self.owner), name]);
        owner.says("It works once").await;
        let said = owner.stdout();
        let url = said.lines().find(|line| line.starts_with("candor://pair?")).unwrap().to_owned();
        (owner, url)
    }

    /// The book, as the owner sees it.
    async fn book(&self) -> Vec<(String, String)> {
        let listed = run(&["owner", "cameras", "--json", "--config", text(&self.owner)]).await;
        well(&listed);
        let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
        let word = |camera: &serde_json::Value, field: &str| camera[field].as_str().unwrap().to_owned();
        let cameras = listed["cameras"].as_array().unwrap();
        cameras.iter().map(|camera| (word(camera, "name"), word(camera, "camera_id"))).collect()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn pairing<'a>(camera: &'a str, invite: &'a str) -> [&'a str; 6] {
    ["camera", "pair", "--json", "--config", camera, invite]
}

async fn pair(camera: &str, invite: &str) -> Ended {
    run(&pairing(camera, invite)).await
}

fn well(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

/// Refused: the answer is no, and it is named.
fn refused(ended: &Ended, name: &str) {
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{}", ended.stderr);
    assert!(ended.stderr.contains(name), "{name}: {}", ended.stderr);
}

/// The invite is spent, and it is said what to do.
fn spent(ended: &Ended) {
    refused(ended, "invite-spent");
    assert!(ended.stderr.contains("ask the owner for a new one"), "{}", ended.stderr);
}

fn id_of(paired: &Ended) -> String {
    let paired: serde_json::Value = serde_json::from_str(&paired.stdout).unwrap();
    paired["camera_id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_pairs_exactly_one_camera_once() {
    let scene = Scene::set().await;
    let (first, second) = (scene.camera("first").await, scene.camera("second").await);
    let (owner, url) = scene.invite("door").await;
    let said = owner.stdout();
    let qr = said.lines().filter(|line| line.contains(['█', '▀', '▄'])).count();
    assert!(qr >= 20, "no QR code: {said}");

    // Both at once: the relay gives the mailbox to one.
    let (a, b) = tokio::join!(pair(&first, &url), pair(&second, &url));
    let (paired, other, winner, loser) =
        if a.code == Some(0) { (a, b, &first, &second) } else { (b, a, &second, &first) };
    well(&paired);
    spent(&other);
    let owner = owner.ended().await;
    well(&owner);
    assert!(owner.stdout.contains(&format!("door is paired: camera {}", id_of(&paired))), "{}", owner.stdout);
    assert_eq!(scene.book().await, [("door".to_owned(), id_of(&paired))]);

    // Again: neither by who used it, nor by who found it.
    let again = pair(winner, &url).await;
    assert_eq!((again.code, again.stderr.contains("paired already")), (Some(2), true), "{}", again.stderr);
    spent(&pair(loser, &url).await);
    assert_eq!(scene.book().await.len(), 1);
    let taken = run(&["owner", "invite", "--config", text(&scene.owner), "door"]).await;
    assert_eq!(
        (taken.code, taken.stderr.contains("choose another name")),
        (Some(2), true),
        "{}",
        taken.stderr
    );

    // Who was refused is not marked by it.
    let (owner, url) = scene.invite("yard").await;
    let paired = pair(loser, &url).await;
    well(&paired);
    well(&owner.ended().await);
    assert_eq!(scene.book().await[1], ("yard".to_owned(), id_of(&paired)));
    scene.stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_invite_is_refused_and_the_true_one_still_works() {
    let scene = Scene::set().await;
    let camera = scene.camera("camera").await;
    let (owner, url) = scene.invite("door").await;
    let invite = Invite::parse(&url).unwrap();
    let altered = |change: &dyn Fn(&mut Invite)| {
        let mut altered = invite.clone();
        change(&mut altered);
        altered.url()
    };
    spent(&pair(&camera, &altered(&|invite| invite.secret[0] ^= 1)).await);
    // Another relay's key, then another relay with its own.
    let wrong_key = "holds another key than the relay's";
    refused(&pair(&camera, &altered(&|invite| invite.relay_key = invite.owner_key)).await, wrong_key);
    let other = other_relay(&scene.stage).await;
    let at = other.at().quic.to_string();
    let elsewhere = altered(&|invite| invite.relay.clone_from(&at));
    refused(&pair(&camera, &elsewhere).await, wrong_key);
    let of_other = altered(&|invite| {
        invite.relay.clone_from(&at);
        invite.relay_key = other.at().key.0;
    });
    spent(&pair(&camera, &of_other).await);

    // None of it spent the true one.
    let paired = pair(&camera, &url).await;
    well(&paired);
    well(&owner.ended().await);
    assert_eq!(scene.book().await, [("door".to_owned(), id_of(&paired))]);
    other.stop_and_join().await.unwrap();
    scene.stage.strike().await;
}

/// A relay of another operator, which serves the same owner.
async fn other_relay(stage: &Stage) -> host::running::Running<relay::At, relay::Error> {
    let mut config = stage.cast.video.relay.config.clone();
    config.listen.set_port(0);
    config.data = stage.folder().join("other-relay");
    relay::init(&config).unwrap();
    relay::start(config, stage.shutdown.child()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_was_shown_another_owner_is_not_paired_and_the_owner_is_told() {
    let scene = Scene::set().await;
    let camera = scene.camera("camera").await;
    let (owner, url) = scene.invite("door").await;
    let mut invite = Invite::parse(&url).unwrap();
    invite.owner_key = invite.relay_key;
    let mut pairing = Process::start(&pairing(&camera, &invite.url()));
    // The camera consented to somebody else: the owner sees it, and signs nothing.
    let told = owner.ended().await;
    refused_by_owner(&told, "make a new invite");
    assert_eq!(scene.book().await, []);
    // The camera waits for an answer that will not come; whoever stands beside it stops it, and is
    // told.
    assert!(pairing.is_running(), "{}", pairing.stderr());
    pairing.interrupt();
    refused(&pairing.ended().await, "stopped before the owner answered");
    let (owner, url) = scene.invite("door").await;
    well(&pair(&camera, &url).await);
    well(&owner.ended().await);
    scene.stage.strike().await;
}

/// The owner's process ends with no: it has printed the invite, and says what became of it.
fn refused_by_owner(ended: &Ended, words: &str) {
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains(words) && !ended.stdout.contains("is paired:"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_restarts_spends_its_invites_and_both_sides_are_told() {
    let mut scene = Scene::set().await;
    let config = config_files::relay(&scene.stage);
    scene.stage.cast.video.relay.stop().await.unwrap();
    let serve = || Process::start(&["relay", "serve", "--config", text(&config)]);
    let relay = serve();
    let camera = scene.camera("camera").await;
    let (owner, url) = scene.invite("door").await;
    relay.kill().await;
    let unreachable = pair(&camera, &url).await;
    assert_eq!(unreachable.code, Some(4), "{}", unreachable.stderr);
    assert!(unreachable.stderr.contains("is the relay running"), "{}", unreachable.stderr);

    let relay = serve();
    spent(&pair(&camera, &url).await);
    refused_by_owner(&owner.ended().await, "make a new one");
    let (owner, url) = scene.invite("door").await;
    let paired = pair(&camera, &url).await;
    well(&paired);
    well(&owner.ended().await);
    assert_eq!(scene.book().await, [("door".to_owned(), id_of(&paired))]);
    relay.kill().await;
    scene.stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_invite_is_refused() {
    let scene = Scene::set().await;
    let camera = scene.camera("camera").await;
    // The owner's own invite in all but its life, which the command line sets to 15 minutes.
    let root = scene.stage.cast.people.owner_config.keybook.join("root.secret");
    let seed: [u8; 32] = host::secret::read(&root, "owner-root").unwrap()[..].try_into().unwrap();
    let identity = Identity::from_seed(&seed);
    let at = scene.stage.cast.video.relay.at().unwrap();
    let invite = Invite {
        relay: at.quic.to_string(),
        relay_key: at.key.0,
        owner_key: identity.public_key(),
        secret: host::rng::bytes::<32>().into(),
    };
    let endpoint = Endpoint::client(&identity).unwrap();
    let (link, _control) = endpoint.connect(&invite.relay, &invite.relay_key).await.unwrap();
    let mailbox = invite.mailbox();
    let opened = link.call(&Request::MailboxOpen { mailbox, ttl_s: 1 }).await.unwrap();
    assert_eq!(opened, Response::Ok);
    until("the invite expires", async || {
        let taken = link.call(&Request::MailboxTake { mailbox, side: Side::Camera }).await.unwrap();
        matches!(taken, Response::Refused(refusal) if refusal.code == RefusalCode::InviteSpent)
    })
    .await;
    spent(&pair(&camera, &invite.url()).await);
    assert_eq!(scene.book().await, []);
    scene.stage.strike().await;
}
