//! In which order a relay is asked, by what somebody in its place hears.

use crate::holders::tests::{FIRST, camera, paired};
use crate::publish::{Publisher, Share};
use crate::spool::Spools;
use crate::state::{self, Handover, Tracks};
use host::machine::Machine;
use host::shutdown::Shutdown;
use media::id::{CameraId, Day, Sequence};
use media::message::{Control, RefusalCode, Request, Response};
use media::time::Micros;
use quic::{ControlReceiver, Endpoint, Identity, Limits, Link};
use relay_client::{Addresses, Relay};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// So long a test waits for what will come.
const LONG: Duration = Duration::from_secs(60);
/// By the relay's clock.
const TODAY: Day = Day(FIRST.0 + 4);

/// A camera that publishes.
struct Publishing {
    handover: Arc<Handover>,
    heard: mpsc::UnboundedReceiver<String>,
    _dir: TempDir,
}

impl Publishing {
    /// It was paired four days ago, and has filmed nothing since.
    fn start() -> Self {
        let (dir, spool) = paired(&[1]);
        drop(spool);
        let (handover, _) = state::of_tracks(Spools::open(dir.path()).unwrap());
        let (tell, heard) = mpsc::unbounded_channel();
        let identity = Identity::from_seed(&[9; 32]);
        let any = "127.0.0.1:0".parse().unwrap();
        let endpoint = Endpoint::server(any, &identity, Limits::default()).unwrap();
        let address = Addresses::one(endpoint.local_addr().unwrap().to_string());
        let publisher = Publisher {
            relay: Relay::new(Identity::from_seed(&camera().to_bytes()), address, identity.public_key()),
            camera: camera(),
            tracks: Tracks { main: handover.clone(), sub: None },
            filmed: vec![handover.clone()],
            off: watch::Sender::new(None).subscribe(),
            backfill: Share::default(),
            machine: Machine::system(),
        };
        tokio::spawn(async move {
            while let Some(incoming) = endpoint.accept().await {
                let now = || Micros(TODAY.start().micros().0 + 3_600_000_000);
                let (link, control) = incoming.accept(now).await.unwrap();
                tokio::spawn(hear(link, control, tell.clone()));
            }
        });
        tokio::spawn(async move { publisher.run(&Shutdown::new()).await });
        Self { handover, heard, _dir: dir }
    }

    /// The next thing that the relay hears.
    async fn next(&mut self) -> String {
        timeout(LONG, self.heard.recv()).await.expect("it says no more").unwrap()
    }

    /// All that it hears up to this.
    async fn until(&mut self, last: &str) -> Vec<String> {
        let mut heard = Vec::new();
        while heard.last().is_none_or(|word| word != last) {
            heard.push(self.next().await);
        }
        heard
    }
}

/// In a relay's place: has no newer policy and no keys, and takes all that comes.
async fn hear(link: Link, mut control: ControlReceiver, tell: mpsc::UnboundedSender<String>) {
    loop {
        tokio::select! {
            said = control.next() => match said {
                Ok(Some(Control::Publish { track, .. })) => {
                    let _ = tell.send("publish".to_owned());
                    let leave = Control::PublishOk { track, next: Sequence(0), newest: Vec::new() };
                    link.control_send(&leave).unwrap();
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return,
            },
            call = link.accept_call() => {
                let Ok(call) = call else { return };
                let (request, responder) = call.request().await.unwrap();
                let (word, answer) = match request {
                    Request::GetPolicy { .. } => {
                        ("policy".to_owned(), Response::Refused(RefusalCode::NotFound.because("none")))
                    }
                    Request::GetSettings { .. } => {
                        ("settings".to_owned(), Response::Refused(RefusalCode::NotFound.because("none")))
                    }
                    Request::GetDayKeys(day) => (format!("keys {day}"), Response::Objects(Vec::new())),
                    Request::PutDayNotice(held) => {
                        let camera_key = camera().verifying_key().to_bytes();
                        let notice = media::notice::DayNotice::decode_verified(&held.notice, &camera_key);
                        (format!("notice {}", notice.unwrap().day), Response::Ok)
                    }
                    // How it is it says beside the chores, at any time.
                    Request::PutHealth(_) => {
                        let _ = responder.answer(&Response::Ok).await;
                        continue;
                    }
                    other => panic!("{other:?}"),
                };
                let _ = tell.send(word);
                let _ = responder.answer(&answer).await;
            }
        }
    }
}

/// A relay tells of a policy to the cameras that publish: one that was put just before was told to nobody.
#[tokio::test]
async fn a_policy_that_is_put_while_a_session_begins_is_not_missed() {
    let mut publishing = Publishing::start();
    assert_eq!(publishing.until("publish").await, ["policy", "publish"]);
    assert_eq!(publishing.next().await, "policy");
}

/// A camera that rested gives out the days that it skipped: their notices went without a slot for anybody, for
/// keys were asked for when the session began.
#[tokio::test]
async fn keys_of_days_that_are_given_out_within_a_session_are_asked_for_before_their_notices_go() {
    let mut publishing = Publishing::start();
    publishing.until(&format!("notice {FIRST}")).await;
    {
        let spool = publishing.handover.spool();
        let id = CameraId::of_key(camera().verifying_key().as_bytes());
        let (stands, given) = spool.notices().unwrap().on(TODAY, &id).unwrap();
        spool.advance_notices(&stands, &given).unwrap();
    }
    publishing.handover.to_put.notify_one();
    let heard = publishing.until(&format!("notice {TODAY}")).await;
    for day in FIRST.0 + 1..TODAY.0 {
        let at = |word: String| heard.iter().position(|heard| *heard == word);
        let (keys, notice) = (at(format!("keys {day}")), at(format!("notice {day}")));
        assert!(notice.is_some() && keys.is_some() && keys < notice, "{day}: {heard:?}");
    }
}
