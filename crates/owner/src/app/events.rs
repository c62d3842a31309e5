//! When something moved, by the heads of the segments: footage is fetched only when somebody looks
//! at it.

use super::asked::Stretch;
use super::glimpses::{Glimpse, Most};
use super::{App, Known};
use crate::book::StoredCamera;
use crate::motion::{self, Motion};
use crate::span::Span;
use axum::Json;
use axum::extract::{Query, State};
use host::http::Failure;
use media::time::Micros;
use quic::CallError;
use serde::Serialize;
use std::sync::Arc;

/// After about 3 MB of heads a question is answered.
const MOST: Most = Most { heads: 2048, runs: 64 };

/// What is known of a span.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Moved {
    pub(crate) events: Vec<Motion>,
    /// Whether every head that is there has been read; otherwise ask again.
    pub(crate) complete: bool,
}

pub(super) async fn events(
    State(app): State<Arc<App>>,
    Query(stretch): Query<Stretch>,
) -> Result<Json<Moved>, Failure> {
    let (camera, span) = app.stretch(&stretch)?;
    let found = find(&app, &camera, span).await;
    found.map(Json).map_err(|error| Failure::new(502, "relay", error.to_string()))
}

/// From where to where the newest heads of a camera were read, and none of its segments is missing.
pub(super) fn unbroken(known: &Known, camera: &StoredCamera) -> Option<(Micros, Micros)> {
    known.glimpses.through(&camera.camera_id.to_string(), |segments| newest_stretch(segments))
}

/// Of segments in order, by their numbers.
fn newest_stretch<'a>(segments: impl Iterator<Item = &'a Glimpse>) -> Option<(Micros, Micros)> {
    let mut newest = None::<(u64, &Glimpse)>;
    for segment in segments {
        let joined = newest.filter(|(_, last)| last.sequence.checked_add(1) == Some(segment.sequence));
        newest = Some((joined.map_or(segment.start_us, |(from, _)| from), segment));
    }
    newest.map(|(from, last)| (Micros(from), Micros(last.end_us)))
}

pub(super) async fn find(known: &Known, camera: &StoredCamera, span: Span) -> Result<Moved, CallError> {
    let (mut events, mut complete) = (Vec::new(), true);
    // Under whichever keys it was filmed.
    for (of, part) in known.owner.stored().parts(&camera.name, span) {
        let id = of.camera_id.to_string();
        complete &= known.glimpses.read(&known.owner, of, &known.epochs.known(&id, part), MOST).await?;
        let mut moved = known
            .glimpses
            .through(&id, |segments| motion::moved(segments.map(|segment| segment.motion), camera.ignored.0));
        moved.retain(|event| event.overlaps(part.from_us(), part.to_us()));
        events.append(&mut moved);
    }
    Ok(Moved { events: motion::joined(events), complete })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_that_are_left_out_break_what_was_seen() {
        let glimpse = |sequence: u64| Glimpse {
            k: 0,
            sequence,
            start_us: sequence * 10,
            end_us: sequence * 10 + 9,
            motion: media::motion::Motion::default(),
        };
        let seen = |numbers: &[u64]| {
            let all: Vec<_> = numbers.iter().map(|number| glimpse(*number)).collect();
            newest_stretch(all.iter()).map(|(from, to)| (from.0, to.0))
        };
        assert_eq!(seen(&[]), None);
        assert_eq!(seen(&[3, 4, 5]), Some((30, 59)));
        assert_eq!(seen(&[3, 4, 6, 7]), Some((60, 79)), "the fifth was kept back");
    }
}
