//! Somebody in a relay's place, who answers by a script.

use host::rng::Rng;
use media::message::{RefusalCode, Request, Response};
use media::time::Micros;
use quic::{Endpoint, Identity, Limits, Link, LinkError};
use relay_client::{Addresses, Relay, Session};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// What is said to one question.
pub(crate) enum Answer {
    Say(Response),
    /// Ends the session instead.
    Goodbye,
}

pub(crate) fn refused(code: RefusalCode) -> Answer {
    Answer::Say(Response::Refused(code.because("by the script")))
}

pub(crate) struct Fake {
    pub(crate) address: String,
    pub(crate) key: [u8; 32],
    sessions: Arc<AtomicUsize>,
    ended: mpsc::UnboundedReceiver<LinkError>,
    _endpoint: Endpoint,
}

impl Fake {
    /// Serves until it is dropped; `answer` is told how many questions came before.
    pub(crate) fn start(
        seed: u8,
        answer: impl Fn(usize, &Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let identity = Identity::from_seed(&[seed; 32]);
        let any = "127.0.0.1:0".parse().unwrap();
        let endpoint = Endpoint::server(any, &identity, Limits::default()).unwrap();
        let address = endpoint.local_addr().unwrap().to_string();
        let key = identity.public_key();
        let (sessions, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (tell, ended) = mpsc::unbounded_channel();
        let (answer, counted, server) = (Arc::new(answer), sessions.clone(), endpoint.clone());
        tokio::spawn(async move {
            while let Some(incoming) = server.accept().await {
                let (answer, asked, counted, tell) =
                    (answer.clone(), asked.clone(), counted.clone(), tell.clone());
                tokio::spawn(async move {
                    let Ok((link, _control)) = incoming.accept(|| Micros(7)).await else { return };
                    counted.fetch_add(1, Ordering::SeqCst);
                    let _ = tell.send(serve(&link, &asked, &*answer).await);
                });
            }
        });
        Self { address, key, sessions, ended, _endpoint: endpoint }
    }

    pub(crate) fn sessions(&self) -> usize {
        self.sessions.load(Ordering::SeqCst)
    }

    /// How the next session of those that end ended.
    pub(crate) async fn ended(&mut self) -> LinkError {
        self.ended.recv().await.unwrap()
    }

    pub(crate) fn relay(&self) -> Relay {
        relay(Addresses::one(&self.address), self.key)
    }

    pub(crate) fn session(&self) -> Session {
        Session::new(&self.relay(), Rng::system())
    }
}

async fn serve(
    link: &Link,
    asked: &AtomicUsize,
    answer: &(impl Fn(usize, &Request) -> Answer + Send + Sync),
) -> LinkError {
    loop {
        let call = match link.accept_call().await {
            Ok(call) => call,
            Err(error) => return error,
        };
        let Ok((request, responder)) = call.request().await else { continue };
        match answer(asked.fetch_add(1, Ordering::SeqCst), &request) {
            Answer::Say(response) => responder.answer(&response).await.unwrap(),
            Answer::Goodbye => link.goodbye(),
        }
    }
}

/// How long a client of these tests waits where nobody answers; far beyond what a handshake takes.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(3);

/// A client that gives up soon where nobody answers.
pub(crate) fn relay(addresses: Addresses, key: [u8; 32]) -> Relay {
    let options = Limits { handshake: HANDSHAKE, ..Limits::default() };
    Relay::with_limits(Identity::from_seed(&[77; 32]), addresses, key, options)
}
