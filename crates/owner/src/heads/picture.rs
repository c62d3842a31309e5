//! The key picture of a moment, by the heads alone.

use super::{Head, Wanted};
use crate::book::StoredCamera;
use crate::state::Owner;
use media::id::{Sequence, TrackId};
use media::segment::{SegmentQuery, Start};
use media::time::Micros;
use quic::CallError;
use relay_client::Session;
use std::time::Duration;

/// How much earlier than the moment a key frame is looked for, where its segment continues another.
const LEAD: Duration = Duration::from_secs(30);

/// The head with the last key picture at or before a moment, and the end of the segment that holds
/// the moment.
pub(crate) async fn picture_at(
    owner: &Owner,
    session: &mut Session,
    camera: &StoredCamera,
    at_us: Micros,
) -> Result<Option<(Head, Micros)>, CallError> {
    let mut keys = super::keyring(camera)?;
    let mut wanted = Wanted {
        from_us: at_us,
        to_us: at_us.after(Duration::from_micros(1)),
        cursor: Sequence(0),
        pictures: true,
    };
    let here = super::fetch(owner, session, camera, &mut keys, wanted).await?.heads.pop();
    let Some(here) = here.filter(|head| stands_for(head.header.start_us, at_us)) else { return Ok(None) };
    let end_us = here.end_us();
    if here.header.start == Start::KeyFrame {
        return Ok(Some((here, end_us)));
    }
    let (camera_id, track, cursor) = (camera.camera_id, TrackId::MAIN, Sequence(0));
    let before = SegmentQuery { camera_id, track, from_us: at_us.before(LEAD), to_us: wanted.to_us, cursor };
    let link = session.link().await?;
    let Some(key) = super::last_key_frame(&link, before).await? else { return Ok(None) };
    (wanted.from_us, wanted.cursor) = (key.start_us, key.sequence);
    wanted.to_us = key.start_us.after(Duration::from_micros(1));
    let picture = super::fetch(owner, session, camera, &mut keys, wanted).await?.heads.pop();
    let picture = picture.filter(|head| stands_for(head.header.start_us, at_us));
    Ok(picture.map(|head| (head, end_us)))
}

/// Whether a picture of this time is one of a moment: a relay may answer with another night's, which
/// opens just as well.
fn stands_for(start_us: Micros, at_us: Micros) -> bool {
    start_us <= at_us && at_us.since(start_us) <= LEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_of_another_time_is_none_of_this_moment() {
        let at = Micros(1_000_000_000);
        assert!(stands_for(at, at) && stands_for(at.before(LEAD), at));
        assert!(!stands_for(at.before(LEAD + Duration::from_micros(1)), at), "last night's");
        assert!(!stands_for(at.after(Duration::from_micros(1)), at), "what came later");
    }
}
