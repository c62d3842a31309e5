//! The zones of a camera's picture in which nothing is an event: a tree in the wind, the street. They
//! stand in the book, so that page and alarm go by them, for what was filmed before as well.

use crate::book::{BookError, Zones};
use crate::state::Owner;
use media::id::CameraId;
use media::motion::Cells;

/// What is ignored of a camera's picture; none for a camera that is not in the book.
pub fn ignored(owner: &Owner, name: &str) -> Option<Cells> {
    owner.stored().camera(name).map(|camera| camera.ignored.0)
}

/// Ignores `cells` of a camera from now on, and no others, if it ignored those that were `seen` before.
/// Returns what it ignores then: others where somebody else painted meanwhile.
pub(crate) async fn ignore(
    owner: &Owner,
    id: CameraId,
    seen: Cells,
    cells: Cells,
) -> Result<Cells, BookError> {
    let change = owner.change(move |stored| {
        let camera = stored.cameras.iter_mut().find(|camera| camera.camera_id == id);
        let camera = camera.ok_or_else(|| BookError::Unknown(id.to_string()))?;
        if camera.ignored == Zones(seen) {
            camera.ignored = Zones(cells);
        }
        Ok(camera.ignored.0)
    });
    change.await
}

/// So many of a picture's cells ignored hide most of what happens.
const MOST: u16 = 72;

/// What whoever looks at a camera should know of its zones, and whether they hide most of it.
pub(crate) fn note(ignored: Cells) -> Option<(String, bool)> {
    let count = ignored.count();
    let text =
        format!("in {count} of the 144 cells of its picture nothing is an event, as its owner painted");
    (count > 0).then_some((text, count >= MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_said_and_those_that_hide_most_are_no_small_matter() {
        assert_eq!(note(Cells::NONE), None);
        let some = Cells::within([0, 0, 100, 40]).unwrap();
        assert!(note(some).is_some_and(|(text, hides)| text.contains("64 of the 144") && !hides));
        let all = Cells::within([0, 0, 100, 100]).unwrap();
        assert!(note(all).is_some_and(|(text, hides)| text.contains("144 of the 144") && hides));
    }
}
