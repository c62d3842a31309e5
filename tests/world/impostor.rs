//! The relay's place, taken: whoever holds its address and its key is the relay for its peers, and
//! says what a test wants.
//!
//! In scope: sessions, and answers by a script. Publishing is allowed and every segment
//! acknowledged, so that cameras go on. Out of scope: what is answered, which is the attack.

use crate::until;
use bytes::Bytes;
use candor::cast::RelayPart;
use host::shutdown::Shutdown;
use media::id::Sequence;
use media::message::{Control, RefusalCode, Request, Response};
use media::segment::{HEADER_LEN, SegmentHeader};
use media::time::Micros;
use quic::{ControlReceiver, Endpoint, Identity, Limits, Link, SegmentRecv};
use std::sync::{Arc, Mutex};
use tokio::task::JoinHandle;

/// What the impostor says to a request.
#[derive(Debug)]
pub enum Answer {
    Response(Response),
    /// Segments with the times at which they were received.
    Segments(Vec<(Micros, Bytes)>),
}

impl Answer {
    /// What a relay says that has not got it.
    pub fn not_found() -> Self {
        Self::Response(Response::Refused(RefusalCode::NotFound.because("it is not here")))
    }
}

type Script = Arc<dyn Fn(&Request) -> Answer + Send + Sync>;

/// A party in the relay's place.
#[derive(Debug)]
pub struct Impostor {
    endpoint: Endpoint,
    links: Arc<Mutex<Vec<Link>>>,
    serving: JoinHandle<()>,
}

impl Impostor {
    /// Stops the relay and takes its address and key.
    pub async fn take_place(
        relay: &mut RelayPart,
        script: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let (address, data) = (relay.at().unwrap().quic, relay.config.data.clone());
        relay.stop().await.unwrap();
        let seed = host::secret::read(&data.join("link.secret"), "relay-link").unwrap();
        let identity = Identity::from_seed(seed[..].try_into().unwrap());
        let mut taken = None;
        // The system may take a moment to give the address back.
        until("the relay's address is free", async || {
            taken = Endpoint::server(address, &identity, Limits::default()).ok();
            taken.is_some()
        })
        .await;
        let endpoint = taken.unwrap();
        let links = Arc::default();
        let serving = tokio::spawn(serve(endpoint.clone(), Arc::clone(&links), Arc::new(script)));
        Self { endpoint, links, serving }
    }

    /// Says something to everybody who is connected.
    pub fn say(&self, message: &Control) {
        let links = self.links.lock().unwrap();
        // Some sessions may have ended.
        links.iter().for_each(|link| drop(link.control_send(message)));
    }

    /// Goes, and lets the relay back into its place.
    pub async fn leave(self, relay: &mut RelayPart) {
        self.serving.abort();
        self.links.lock().unwrap().clear();
        self.endpoint.close();
        self.endpoint.wait_idle().await;
        drop(self);
        let mut started = None;
        until("the relay is back", async || {
            started = relay::start(relay.config.clone(), Shutdown::new()).await.ok();
            started.is_some()
        })
        .await;
        relay.resume(started.unwrap());
    }
}

async fn serve(endpoint: Endpoint, links: Arc<Mutex<Vec<Link>>>, script: Script) {
    while let Some(incoming) = endpoint.accept().await {
        let (links, script) = (links.clone(), script.clone());
        tokio::spawn(async move {
            let Ok((link, control)) = incoming.accept(|| Micros(host::clock::now_us())).await else { return };
            links.lock().unwrap().push(link.clone());
            session(link, control, script).await;
        });
    }
}

async fn session(link: Link, mut control: ControlReceiver, script: Script) {
    loop {
        tokio::select! {
            said = control.next() => match said {
                Ok(Some(Control::Publish { track, .. })) => {
                    let _ = link.control_send(&Control::PublishOk { track, next: Sequence(0), newest: Vec::new() });
                }
                Ok(Some(_)) => {}
                _ => return,
            },
            segment = link.accept_segment() => match segment {
                Ok(segment) => drop(tokio::spawn(acknowledge(link.clone(), segment))),
                Err(_) => return,
            },
            call = link.accept_call() => match call {
                Ok(call) => {
                    let script = script.clone();
                    tokio::spawn(async move {
                        // Whoever asked may have gone.
                        let Ok((request, responder)) = call.request().await else { return };
                        match script(&request) {
                            Answer::Response(response) => drop(responder.answer(&response).await),
                            Answer::Segments(segments) => {
                                let Ok(mut out) = responder.follow(&Response::Segments).await else { return };
                                for (received_us, segment) in segments {
                                    if out.send(received_us, segment).await.is_err() {
                                        return;
                                    }
                                }
                                drop(out.finish().await);
                            }
                        }
                    });
                }
                Err(_) => return,
            },
        }
    }
}

/// Takes a segment, keeps nothing of it, and says that it is durable.
async fn acknowledge(link: Link, mut segment: SegmentRecv) {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = segment.read_chunk(64 << 10).await {
        bytes.extend_from_slice(&chunk);
    }
    if let Some(Ok(header)) = bytes.get(..HEADER_LEN).map(SegmentHeader::decode) {
        let _ = link.control_send(&Control::Ack { track: header.track, sequence: header.sequence });
    }
}
