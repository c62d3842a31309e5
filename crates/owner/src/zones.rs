//! The zones of a camera's picture in which nothing is an event: a tree in the wind, the street. They
//! stand in the book, so that page and alarm go by them, for what was filmed before as well.

use crate::book::{BookError, Zones};
use crate::state::Owner;
use media::motion::Cells;

/// What is ignored of a camera's picture; none for a camera that is not in the book.
pub fn ignored(owner: &Owner, name: &str) -> Option<Cells> {
    owner.stored().camera(name).map(|camera| camera.ignored.0)
}

/// Ignores these cells from now on, and no others.
///
/// # Errors
/// [`BookError`].
pub async fn ignore(owner: &Owner, name: &str, cells: Cells) -> Result<(), BookError> {
    let name = name.to_owned();
    let change = owner.change(move |stored| {
        let camera = stored.cameras.iter_mut().find(|camera| camera.name == name);
        camera.ok_or(BookError::Unknown(name))?.ignored = Zones(cells);
        Ok(())
    });
    change.await
}
