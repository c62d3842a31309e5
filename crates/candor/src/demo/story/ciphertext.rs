//! What the relay sees: a stored segment as it has it, and whether anything in it can be seen.

use super::{Chosen, Story, StoryError, at};
use crate::words::show_us;
use media::segment::{HEADER_LEN, SegmentHeader};
use media::time::Micros;
use owner::sealed::sealed_segments;

impl Story<'_> {
    /// Fetches a stored segment as the relay has it, and looks for anything to see.
    pub(super) async fn relay_sees(&mut self, chosen: &Chosen) -> Result<(), StoryError> {
        self.chapter("What the relay sees");
        let sealed = self.stored_segment(chosen).await?;
        let header = SegmentHeader::decode(sealed.get(..HEADER_LEN).unwrap_or_default())
            .map_err(at("a stored segment"))?;
        self.says(format!(
            "segment {} of camera {:.12}…: epoch {}, {} bytes, started {}. That is all it can read.",
            header.sequence,
            header.camera_id.to_string(),
            header.epoch_no,
            sealed.len(),
            show_us(header.start_us.0)
        ));
        let body = sealed.get(HEADER_LEN..).unwrap_or_default();
        let start: Vec<String> = body.iter().skip(8).take(24).map(|byte| format!("{byte:02x}")).collect();
        let boxes =
            body.windows(4).filter(|four| [b"moof", b"mdat", b"ftyp"].contains(&four_bytes(four))).count();
        self.says(format!(
            "the rest is ciphertext: {} … {:.3} bits of entropy a byte, {boxes} MP4 boxes in sight",
            start.join(" "),
            entropy(body)
        ));
        Ok(())
    }

    async fn stored_segment(&self, chosen: &Chosen) -> Result<bytes::Bytes, StoryError> {
        let span = (Micros(chosen.from_us), Micros(chosen.to_us));
        let sealed = sealed_segments(&self.cast.people.owner, self.camera()?.id, span, 1).await;
        let first = sealed.map_err(at("fetch"))?.into_iter().next();
        first.ok_or(StoryError::Never("a stored segment in the chosen epochs"))
    }
}

fn four_bytes(slice: &[u8]) -> &[u8; 4] {
    slice.first_chunk().unwrap_or(b"    ")
}

/// Shannon entropy, bits a byte: 8 for noise.
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0u64; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let total = bytes.len().max(1) as f64;
    let parts = counts.iter().filter(|count| **count > 0).map(|count| *count as f64 / total);
    -parts.map(|part| part * part.log2()).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_that_of_the_textbook() {
        assert!((entropy(&[0, 1, 2, 3]) - 2.0).abs() < 1e-9);
        assert!(entropy(&[7; 100]).abs() < 1e-9);
    }
}
