//! Where segments begin and end: pure, in the order of fragments. Contract:
//! `proto/segment.md#units`.
//!
//! A segment starts at a key frame and closes at the next one, or after 10 s or 4 MiB; what then
//! follows is a continuation. A segment belongs to the epoch in which it starts, so a new epoch
//! begins with a segment, never inside one.

use container::fragment::{Begins, Fragment};
use media::segment::Start;

/// A segment closes after this long, key frame or not.
pub(crate) const SEGMENT_MAX_US: u64 = 10_000_000;
/// A segment closes before it grows beyond this.
pub(crate) const SEGMENT_MAX_BYTES: usize = 4 << 20;

/// What to do before a fragment is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// It goes on in the open segment.
    Within,
    /// The open segment, if any, is closed, and one begins with this fragment.
    Before(Start),
    /// It is not used: nothing can be opened from its middle.
    Skip,
}

/// The open segment, as far as cutting goes.
#[derive(Debug, Default)]
pub(crate) struct Segmenter {
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    duration_us: u64,
    bytes: usize,
}

impl Segmenter {
    /// Says where a fragment goes, and counts it.
    pub(crate) fn handle(&mut self, fragment: &Fragment) -> Cut {
        let is_key = fragment.begins == Begins::WithKeyFrame;
        let len = fragment.bytes().len();
        let cut = match &self.open {
            None if !is_key => return Cut::Skip,
            None => Cut::Before(Start::KeyFrame),
            Some(_) if is_key => Cut::Before(Start::KeyFrame),
            Some(open) if open.duration_us >= SEGMENT_MAX_US || open.bytes + len > SEGMENT_MAX_BYTES => {
                Cut::Before(Start::Continuation)
            }
            Some(_) => Cut::Within,
        };
        let fresh = Open { duration_us: 0, bytes: 0 };
        let open = match cut {
            Cut::Before(_) => self.open.insert(fresh),
            Cut::Within | Cut::Skip => self.open.get_or_insert(fresh),
        };
        open.duration_us += fragment.duration_us;
        open.bytes += len;
        cut
    }

    /// The run has ended: what comes next starts anew.
    pub(crate) fn reset(&mut self) {
        self.open = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use container::Init;
    use container::split::{Piece, Splitter};

    /// The fixture's fragments: 10 pictures a second, a key frame every second.
    fn fragments() -> Vec<Fragment> {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../container/tests/fixtures/h264-bframes.mp4");
        let output = std::process::Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-i", file, "-c", "copy", "-f", "mp4", "-movflags"])
            .args(["empty_moov+default_base_moof+frag_keyframe", "-frag_duration", "100000", "pipe:1"])
            .output()
            .unwrap();
        let mut splitter = Splitter::new();
        splitter.push(&output.stdout);
        let mut fragments = Vec::new();
        while let Some(piece) = splitter.next_piece().unwrap() {
            match piece {
                Piece::Init(init) => assert!(Init::parse(init.bytes()).is_ok()),
                Piece::Fragment(fragment) => fragments.push(fragment),
            }
        }
        fragments
    }

    #[test]
    fn a_segment_begins_at_each_key_frame_and_nowhere_else() {
        let fragments = fragments();
        let mut segmenter = Segmenter::default();
        for fragment in &fragments {
            let expected = match fragment.begins {
                Begins::WithKeyFrame => Cut::Before(Start::KeyFrame),
                Begins::Within => Cut::Within,
            };
            assert_eq!(segmenter.handle(fragment), expected);
        }
        segmenter.reset();
        let inside = fragments.iter().find(|fragment| fragment.begins == Begins::Within).unwrap();
        assert_eq!(segmenter.handle(inside), Cut::Skip);
    }

    #[test]
    fn a_scene_without_key_frames_is_cut_by_time() {
        let fragments = fragments();
        let key = &fragments[0];
        let inside = fragments.iter().find(|fragment| fragment.begins == Begins::Within).unwrap();
        let mut segmenter = Segmenter::default();
        segmenter.handle(key);
        let mut within = 0;
        while segmenter.handle(inside) == Cut::Within {
            within += 1;
            assert!(within < 1000);
        }
        assert!(segmenter.open.as_ref().unwrap().duration_us < 1_000_000, "a continuation has begun");
        assert!(within as u64 * inside.duration_us >= SEGMENT_MAX_US - key.duration_us - inside.duration_us);
    }
}
