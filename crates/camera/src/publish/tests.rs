//! What a session that is cut off while the disk is slow leaves behind.

use super::session::Track;
use super::*;
use crate::spool::{Spool, Spools};
use crate::state;
use media::epoch::{EpochClose, GapReason, LossReason, Lost};
use media::id::{EpochNo, Sequence, TrackId};
use media::receipt::Range;
use media::segment::{SegmentHeader, Start};
use media::time::Micros;
use std::sync::mpsc;
use tokio::sync::watch;
use tokio::time::timeout;

/// So long a test waits for what will come.
const LONG: Duration = Duration::from_secs(60);

/// A track with one segment that waits for the relay, within a session.
pub(super) fn track_with_a_segment(folder: &std::path::Path) -> Track {
    Spool::create(folder).unwrap();
    let (handover, _) = state::of_tracks(Spools::open(folder).unwrap());
    let header = SegmentHeader {
        camera_id: CameraId([1; 32]),
        track: TrackId::MAIN,
        epoch_no: EpochNo(0),
        k: 0,
        sequence: Sequence(0),
        run: 1,
        start_us: Micros(1),
        start: Start::KeyFrame,
    };
    let close = EpochClose { epoch_no: EpochNo(0), segments: 1, chain: [1; 32], gap: GapReason::Restart };
    handover.spool().keep_segment(Sequence(0), &header.encode(), &close).unwrap();
    handover.outbox.add(Sequence(0));
    Track { handover, confirmed: watch::Sender::new(EpochNo(0)), live_from: Sequence(0) }
}

/// Has `step` done until the disk makes it wait, and cuts it off there, as the end of a session
/// does. The disk is slow as it is when the other track's segment is being written: whoever writes
/// holds the spool.
async fn cut_off_at_a_slow_disk(track: &Track, step: impl Future<Output = Result<(), SessionError>>) {
    let handover = track.handover.clone();
    let (finish_writing, written) = mpsc::channel::<()>();
    let (begin_writing, begun) = mpsc::channel();
    let writing = std::thread::spawn({
        let handover = handover.clone();
        move || {
            let _spool = handover.spool();
            begin_writing.send(()).unwrap();
            let _ = written.recv();
        }
    });
    begun.recv().unwrap();
    let cut = timeout(Duration::from_millis(100), step).await;
    assert!(cut.is_err(), "it did not wait for the disk");
    drop(finish_writing);
    writing.join().unwrap();
    // A source that was played once has ended: the camera waits for the rest, and then for its
    // disk.
    let tracks = Tracks { main: handover.clone(), sub: None };
    timeout(LONG, tracks.wait_until_empty()).await.unwrap();
    handover.disk.finish().await;
}

#[tokio::test]
async fn an_acknowledgement_is_counted_also_where_the_session_ends_while_the_disk_is_slow() {
    let dir = tempfile::tempdir().unwrap();
    let track = track_with_a_segment(dir.path());
    assert_eq!(track.handover.stats.now().spooled.0, 1);
    cut_off_at_a_slow_disk(&track, track.handle_ack(Sequence(0))).await;
    let stats = &track.handover.stats;
    assert_eq!((stats.now().acked, stats.now().spooled), (1, (0, 0)));
    assert!(track.handover.spool().segments.read(Sequence(0)).unwrap().is_none());
}

#[tokio::test]
async fn a_refusal_is_counted_also_where_the_session_ends_while_the_disk_is_slow() {
    let dir = tempfile::tempdir().unwrap();
    let track = track_with_a_segment(dir.path());
    let refusal = RefusalCode::SequenceTaken.because("taken");
    cut_off_at_a_slow_disk(&track, track.handle_nack(Sequence(0), &refusal)).await;
    let stats = &track.handover.stats;
    assert_eq!((stats.now().refused, stats.now().spooled), (1, (0, 0)));
    assert_eq!(std::fs::read_dir(dir.path().join("spool")).unwrap().count(), 1, "it is put aside");
    let range = Range { first: Sequence(0), last: Sequence(0) };
    let told = [Lost { range, why: LossReason::Refused }];
    assert_eq!(track.handover.spool().lost().unwrap(), told, "by the relay's word alone");
}
