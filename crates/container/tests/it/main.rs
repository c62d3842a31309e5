//! The container science against ffmpeg and a second reader of boxes. The fixtures are synthetic;
//! ffmpeg cuts them as a camera's source does.
#![allow(clippy::unwrap_used)]

mod ffmpeg;
mod hostile;
mod mux;
mod round_trip;
