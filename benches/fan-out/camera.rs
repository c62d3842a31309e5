//! What the camera sends: one long epoch, segments in the pieces in which they are sent. Fragments
//! are not sealed: nobody on the way can tell.

use bytes::Bytes;
use media::id::CameraId;
use media::message::Request;
use media::pair::HeldPolicy;
use media::segment::HEADER_LEN;
use stage::books::{self, RECIPIENTS};

pub(crate) const CAMERA: u8 = 20;
/// Before each fragment stand its number and length.
const FRAME_HEAD: usize = 8;

#[derive(Debug)]
pub(crate) struct Camera {
    books: books::Camera,
    pub(crate) epoch: Vec<u8>,
    /// Of the next segment.
    pub(crate) next: u32,
}

impl Camera {
    pub(crate) fn new() -> Self {
        let mut books = books::Camera::new(CAMERA);
        // Long runs stay within one epoch.
        (books.epoch_ms, books.segment_us) = (600_000, 10_000);
        books.policy_hash = books.enrollment(1, [0; 32], &RECIPIENTS).1.hash();
        let epoch = books.next_epoch();
        Self { books, epoch, next: 0 }
    }

    pub(crate) fn id(&self) -> CameraId {
        self.books.id()
    }

    pub(crate) fn put_policy(&self) -> Request {
        let (enrollment, policy) = self.books.enrollment(1, [0; 32], &RECIPIENTS);
        Request::PutPolicy(HeldPolicy { enrollment, bundle: books::bundle(&policy) })
    }

    /// The next segment in the pieces in which it is sent: the header goes with the first fragment,
    /// the end with the last.
    pub(crate) fn film(&mut self, fragments: u32, fragment: &[u8]) -> Vec<Bytes> {
        self.next += 1;
        let mut rest = Bytes::from(self.books.film(&vec![fragment; fragments as usize]).bytes);
        let framed = FRAME_HEAD + fragment.len();
        let mut pieces = vec![rest.split_to(HEADER_LEN + framed)];
        (2..fragments).for_each(|_| pieces.push(rest.split_to(framed)));
        pieces.push(rest);
        pieces
    }
}
