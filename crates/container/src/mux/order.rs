//! When pictures are decoded, told from when they are shown: a camera with B-frames sends them in
//! the order of decoding and says of each only when it is shown.
//!
//! ```text
//! shown    0 80 40 160 120     a decoder holds back `depth` pictures; each is decoded when the picture that came
//! decoded  0 40 80 120 160     `depth` before it in the order of showing is shown (here one, and all is shown 40 later)
//! ```

/// No decoder holds back more.
const DEPTH_MAX: usize = 16;

#[derive(Debug)]
pub(super) struct Order {
    depth: usize,
    /// About so many ticks lie between two pictures.
    apart: u64,
    /// All is shown so much later than its own time, so that nothing is decoded before zero.
    lead: u64,
    /// Times of showing that are not used up yet, sorted.
    waiting: Vec<u64>,
    /// The latest time of showing.
    top: u64,
    last: Option<u64>,
}

impl Order {
    pub(super) fn new(depth: usize, apart: u64) -> Self {
        let depth = depth.min(DEPTH_MAX);
        Self { depth, apart, lead: depth as u64 * apart, waiting: Vec::new(), top: 0, last: None }
    }

    pub(super) fn lead(&self) -> u64 {
        self.lead
    }

    /// When the next picture is decoded: only ever later than the one before.
    pub(super) fn decode(&mut self, shown: u64) -> u64 {
        let at = self.waiting.partition_point(|other| *other <= shown);
        self.waiting.insert(at, shown);
        // It is shown before one whose turn it was taken for: more wait than was thought.
        if shown < self.top && self.last.is_some_and(|last| shown + self.lead < last) {
            self.depth = (self.depth + 1).min(DEPTH_MAX);
        }
        self.top = self.top.max(shown);
        let missing = (self.depth + 1).saturating_sub(self.waiting.len()) as u64;
        let first = if missing == 0 {
            self.waiting.remove(0)
        } else {
            self.waiting.first().copied().unwrap_or(shown)
        };
        let decode = (first + self.lead).saturating_sub(missing * self.apart);
        let decode = self.last.map_or(decode, |last| decode.max(last + 1));
        self.last = Some(decode);
        decode
    }

    /// What comes next is shown after all that came.
    pub(super) fn reset(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(depth: usize, shown: &[u64]) -> Vec<u64> {
        let mut order = Order::new(depth, 40);
        shown.iter().map(|shown| order.decode(*shown)).collect()
    }

    #[test]
    fn decode_times_are_those_of_pictures_before_in_the_order_of_showing() {
        assert_eq!(decoded(0, &[0, 40, 90]), [0, 40, 90]);
        assert_eq!(decoded(1, &[0, 80, 40, 160, 120]), [0, 40, 80, 120, 160]);
        // Shown after decoding, always: 80 later at this depth.
        let pyramid = [0, 160, 80, 40, 120, 320, 240, 200, 280];
        assert_eq!(decoded(2, &pyramid), [0, 40, 80, 120, 160, 200, 240, 280, 320]);
        assert!(pyramid.iter().zip(decoded(2, &pyramid)).all(|(shown, decode)| shown + 80 >= decode));
    }

    #[test]
    fn a_depth_that_nobody_said_is_found_and_times_only_grow() {
        let found = decoded(0, &[0, 80, 40, 160, 120, 240, 200]);
        assert!(found.is_sorted_by(|a, b| a < b), "{found:?}");
        assert_eq!(found[4..], [120, 160, 200]);
        assert_eq!(decoded(0, &[100, 100, 100]), [100, 101, 102], "pictures that bear one time");
    }
}
