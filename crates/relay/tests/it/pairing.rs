//! Pairing through a mailbox: two sides that meet once.

use crate::world::{CAMERA, OWNER, STRANGER, World};
use media::message::{RefusalCode, Request, Response, Side};

#[tokio::test]
async fn camera_and_owner_meet_once_and_an_onlooker_gets_nothing() {
    let world = World::new().await;
    let (owner, camera) = (world.connect(OWNER).await, world.connect(CAMERA).await);
    let mailbox = [6; 32];
    assert_eq!(owner.call(&Request::MailboxOpen { mailbox, ttl_s: 900 }).await, Response::Ok);
    // The owner waits before the camera has spoken.
    let take = Request::MailboxTake { mailbox, side: Side::Camera };
    let put = Request::MailboxPut { mailbox, side: Side::Camera, mail: b"hello".to_vec() };
    let (taken, done) = tokio::join!(owner.call(&take), camera.call(&put));
    assert_eq!((taken, done), (Response::Object(b"hello".to_vec()), Response::Ok));
    let onlooker = world.connect(STRANGER).await;
    assert_eq!(onlooker.refused(&take).await, RefusalCode::NotAllowed);
    assert_eq!(onlooker.refused(&put).await, RefusalCode::InviteSpent);
    let put = Request::MailboxPut { mailbox, side: Side::Owner, mail: b"welcome".to_vec() };
    assert_eq!(onlooker.refused(&put).await, RefusalCode::NotAllowed);
    assert_eq!(owner.call(&put).await, Response::Ok);
    let take = Request::MailboxTake { mailbox, side: Side::Owner };
    assert_eq!(onlooker.refused(&take).await, RefusalCode::InviteSpent);
    assert_eq!(camera.call(&take).await, Response::Object(b"welcome".to_vec()));
}
