//! Play.

use crate::live::{Event, WatchError, Watched};
use crate::{Owner, Span};
use tokio::io::AsyncWrite;

/// Writes a recorded span to `sink` as fragmented MP4, from the key frame at or before its start.
pub async fn play(
    _owner: &Owner,
    _camera: &str,
    _span: Span,
    _sink: &mut (impl AsyncWrite + Unpin + Send),
    _on: &mut (dyn FnMut(Event) + Send),
) -> Result<Watched, WatchError> {
    todo!()
}
