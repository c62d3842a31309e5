//! The demo: the main job, once, with the whole cast, told step by step and measured.
//!
//! ```text
//! the relay sees ciphertext -> the owner watches live, exports a clip -> an emergency request is refused before it is logged
//!   -> logged, it is granted -> exactly its epochs open, the next one does not -> the owner's audit names it -> anyone recounts it
//! ```

mod frames;
mod report;
mod story;

pub use report::Report;
pub use story::{Line, StoryError, tell};
