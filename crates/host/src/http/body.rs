//! The body of a request, all of it before anybody works on it: whoever sends slowly holds a
//! connection, and no seat of those who work.
//!
//! ```text
//! each part within GRACE of the one before it, and SLOWEST bytes a second on average     else 408
//! FREE bytes of each body; what is beyond comes from a room that all large bodies share   else 429
//! ```
//!
//! In scope: pace and memory. Out of scope: the largest body of a party, which its handlers refuse by
//! their own name: one that is too large is handed on as far as it came.

use super::caller::Caller;
use super::failure::Failure;
use crate::lock::Mutex;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header;
use http_body_util::{BodyExt as _, Full, Limited};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long a peer may send nothing, and begin slowly.
pub(super) const GRACE: Duration = Duration::from_secs(5);
/// The slowest that a body may come on average, bytes a second: a poor mobile line.
const SLOWEST: u64 = 8 * 1024;
/// So much of each body is taken without asking whether there is room: the bound is the number of
/// connections.
const FREE: usize = 1 << 20;
/// What is beyond, of all bodies together.
const ROOM: usize = 128 << 20;
/// The most of it for one caller: one of the largest bodies that there are.
const ROOM_OF_ONE: usize = 32 << 20;

/// Who holds how much of the room.
#[derive(Debug, Clone, Default)]
pub(super) struct Room(Arc<Mutex<BTreeMap<Caller, usize>>>);

/// One body's part of the room, until it is answered.
#[derive(Debug)]
pub(super) struct Held {
    room: Room,
    caller: Caller,
    bytes: usize,
}

impl Room {
    fn hold(&self, caller: Caller) -> Held {
        Held { room: self.clone(), caller, bytes: 0 }
    }

    /// Reads the body of a request to its end, if it has at most `most` bytes.
    pub(super) async fn receive(&self, request: Request, most: usize) -> Result<(Request, Held), Failure> {
        let mut held = self.hold(Caller::of(&request));
        let announced = request.headers().get(header::CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > most as u64) {
            // Whoever takes the body refuses it by its own name, and waits for none of it.
            let refused = Limited::new(Full::new(Bytes::from_static(b"too large")), 0);
            return Ok((request.map(|_| Body::new(refused)), held));
        }
        let expected = announced.and_then(|length| usize::try_from(length).ok()).unwrap_or(most);
        let (head, mut body) = request.into_parts();
        let (begun, mut last) = (Instant::now(), Instant::now());
        let mut came = Vec::new();
        while came.len() <= most {
            let average = Duration::from_secs(came.len() as u64 / SLOWEST);
            let deadline = (last + GRACE).min(begun + GRACE + average);
            let part = match timeout_at(deadline, body.frame()).await {
                Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
                Ok(Some(Err(error))) => {
                    return Err(Failure::new(400, "request-broken", format!("send it again: {error}")));
                }
                Ok(None) => break,
                Err(_) => return Err(slow()),
            };
            last = Instant::now();
            let needed = came.len() + part.len();
            if needed > came.capacity() {
                // Doubled, as a vector grows by itself, up to what is to come; and counted before it
                // is there.
                let larger = needed.max((2 * came.capacity()).min(expected));
                if !held.grow_to(larger) {
                    let advice = "too many large requests at once; send it again in a few seconds";
                    return Err(Failure::new(429, "busy", advice));
                }
                came.reserve_exact(larger - came.len());
            }
            came.extend_from_slice(&part);
        }
        Ok((Request::from_parts(head, Body::from(Bytes::from(came))), held))
    }
}

impl Held {
    /// Whether there is room for so many bytes of this body.
    fn grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(FREE).saturating_sub(self.bytes);
        if more == 0 {
            return true;
        }
        let mut room = self.room.0.lock();
        let all: usize = room.values().sum();
        let own = room.get(&self.caller).copied().unwrap_or_default();
        let most = if self.caller.is_this_machine() { ROOM } else { ROOM_OF_ONE };
        if all + more > ROOM || own + more > most {
            return false;
        }
        room.insert(self.caller, own + more);
        self.bytes += more;
        true
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut room = self.room.0.lock();
        let left = room.get(&self.caller).map_or(0, |own| own - self.bytes);
        if left == 0 {
            room.remove(&self.caller);
        } else {
            room.insert(self.caller, left);
        }
    }
}

pub(super) fn slow() -> Failure {
    Failure::new(408, "request-timeout", "send the whole request without pause, then try again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::HttpBody;
    use hyper::body::Frame;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    /// A body that comes in parts of so many bytes, one at each tick.
    struct Drip {
        parts: usize,
        of: usize,
        every: tokio::time::Interval,
    }

    impl HttpBody for Drip {
        type Data = Bytes;
        type Error = axum::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
            if self.parts == 0 {
                return Poll::Ready(None);
            }
            std::task::ready!(self.every.poll_tick(cx));
            self.parts -= 1;
            Poll::Ready(Some(Ok(Frame::data(vec![b'x'; self.of].into()))))
        }
    }

    /// The length of what was received, or the status, and after how many seconds.
    async fn received(parts: usize, of: usize, every: u64) -> (Result<usize, u16>, u64) {
        let begun = Instant::now();
        let every = tokio::time::interval(Duration::from_secs(every).max(Duration::from_millis(1)));
        let request = Request::new(Body::new(Drip { parts, of, every }));
        let received = Room::default().receive(request, 1 << 20).await;
        let length = match received {
            Ok((request, _)) => Ok(request.into_body().collect().await.unwrap().to_bytes().len()),
            Err(failure) => Err(failure.status),
        };
        (length, begun.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_comes_at_a_bearable_pace_or_is_cut_off() {
        assert_eq!(received(0, 1, 1).await, (Ok(0), 0));
        assert_eq!(received(5, 1, 1).await, (Ok(5), 4), "small and slow, and there in time");
        assert_eq!(received(100, 1, 1).await, (Err(408), 5), "a byte a second");
        assert_eq!(received(2, 100_000, 6).await, (Err(408), 5), "a pause, however much came before");
        assert_eq!(received(60, 10_000, 1).await, (Ok(600_000), 59), "a poor line");
        // What is over the limit is not read to its end: whoever takes it refuses it by its name.
        assert_eq!(received(1000, 100_000, 0).await, (Ok(1_100_000), 0));
    }

    /// What is held of the room is what the bytes take in memory, and no body of the largest size is
    /// refused for it.
    #[tokio::test(start_paused = true)]
    async fn the_room_counts_what_the_memory_is_and_not_what_came() {
        let held = async |announced: Option<usize>, most: usize| {
            let every = tokio::time::interval(Duration::from_millis(1));
            let mut request = Request::new(Body::new(Drip { parts: 60, of: 100_000, every }));
            if let Some(length) = announced {
                request.headers_mut().insert(header::CONTENT_LENGTH, length.into());
            }
            let (request, held) = Room::default().receive(request, most).await.unwrap();
            assert_eq!(request.into_body().collect().await.unwrap().to_bytes().len(), 6_000_000);
            held.bytes + FREE
        };
        assert_eq!(held(None, ROOM_OF_ONE).await, 6_400_000);
        assert_eq!(held(None, 6_000_000).await, 6_000_000);
        assert_eq!(held(Some(6_000_000), ROOM_OF_ONE).await, 6_000_000);
    }

    fn from(address: &str) -> Caller {
        Caller::at(address.parse().unwrap())
    }

    #[test]
    fn the_room_for_large_bodies_is_bounded_for_all_and_for_each() {
        let room = Room::default();
        let mut small: Vec<Held> = (0..1000).map(|_| room.hold(from("192.0.2.1"))).collect();
        assert!(small.iter_mut().all(|held| held.grow_to(FREE)), "what is small needs no room");
        let held = |at: u8, bytes: usize| {
            let mut held = room.hold(from(&format!("192.0.2.{at}")));
            held.grow_to(FREE + bytes).then_some(held)
        };
        let first = held(1, ROOM_OF_ONE).unwrap();
        assert!(held(1, 1).is_none(), "one address has its share");
        let rest: Vec<_> = (2..5).map(|at| held(at, ROOM_OF_ONE).unwrap()).collect();
        assert!(held(9, 1).is_none(), "there is no more");
        drop(first);
        assert!(held(9, 1).is_some());
        drop(rest);
        assert!(room.0.lock().is_empty());
        // A proxy in front keeps its own callers apart, or the operator is at work.
        let mut own = room.hold(from("127.0.0.1"));
        assert!(own.grow_to(FREE + ROOM) && !own.grow_to(FREE + ROOM + 1));
    }
}
