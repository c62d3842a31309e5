//! Pairing mailboxes: one message a side, for a few minutes, read by nobody in between
//! (`proto/session.md`, "Pairing mailboxes").
//!
//! In memory only: after a restart an invite that was not used is spent, and the owner makes a new
//! one. What is in the mails is sealed under the invite's secret; the identifier is a hash of that
//! secret, so whoever knows it holds the invite.

use host::lock::Mutex;
use media::message::{Refusal, RefusalCode, Side};
use media::sign::PublicKey;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Mailboxes of all owners.
pub(crate) const MAILBOXES: usize = 1024;
/// Mailboxes of one owner.
pub(crate) const MAILBOXES_PER_OWNER: usize = 16;
/// The longest life of a mailbox, seconds.
pub(crate) const TTL_MAX_S: u32 = 3600;
/// How long a take waits for a message that is not there yet.
pub(crate) const WAIT: Duration = Duration::from_secs(20);

#[derive(Debug, Default)]
pub(crate) struct Mailboxes {
    open: Mutex<BTreeMap<[u8; 32], Mailbox>>,
    /// Changes whenever a message is put.
    put: watch::Sender<()>,
}

#[derive(Debug)]
struct Mailbox {
    owner: PublicKey,
    expires: Instant,
    camera: Option<(PublicKey, Vec<u8>)>,
    welcome: Option<Vec<u8>>,
}

impl Mailboxes {
    /// Opens one. The same owner may ask twice, as long as nobody has answered.
    pub(crate) fn open(
        &self,
        id: [u8; 32],
        owner: PublicKey,
        ttl_s: u32,
        now: Instant,
    ) -> Result<(), Refusal> {
        let quota = |text: &str| Err(RefusalCode::Quota.because(text));
        if ttl_s == 0 || ttl_s > TTL_MAX_S {
            return quota("a mailbox lives for 1 to 3600 seconds");
        }
        let mut open = self.open.lock();
        open.retain(|_, mailbox| mailbox.expires > now);
        match open.get(&id) {
            Some(held) if held.owner != owner || held.camera.is_some() => return Err(spent()),
            Some(_) => {}
            None if open.len() >= MAILBOXES => {
                return quota("too many invites are open here: try again later");
            }
            None if open.values().filter(|held| held.owner == owner).count() >= MAILBOXES_PER_OWNER => {
                return quota("you have 16 open invites: use them, or wait until they expire");
            }
            None => {}
        }
        let expires = now + Duration::from_secs(ttl_s.into());
        open.insert(id, Mailbox { owner, expires, camera: None, welcome: None });
        Ok(())
    }

    /// Puts one side's message. The same again is no error: an answer may have been lost.
    // SPEC: session.md#pairing-mailboxes: a second, different message of one side MUST be refused
    // with `invite-spent`.
    pub(crate) fn put(
        &self,
        id: [u8; 32],
        side: Side,
        from: PublicKey,
        mail: Vec<u8>,
        now: Instant,
    ) -> Result<(), Refusal> {
        let mut open = self.open.lock();
        let mailbox = open.get_mut(&id).filter(|mailbox| mailbox.expires > now).ok_or_else(spent)?;
        match (side, &mailbox.camera, &mailbox.welcome) {
            (Side::Camera, None, _) => mailbox.camera = Some((from, mail)),
            (Side::Camera, Some((by, held)), _) if *by == from && *held == mail => {}
            (Side::Owner, _, _) if mailbox.owner != from => return Err(not_yours()),
            (Side::Owner, Some(_), None) => mailbox.welcome = Some(mail),
            (Side::Owner, Some(_), Some(held)) if *held == mail => {}
            _ => return Err(spent()),
        }
        drop(open);
        self.put.send_replace(());
        Ok(())
    }

    /// Takes the message that `side` wrote, waiting for it a while; `not-found` asks to ask again.
    pub(crate) async fn take(&self, id: [u8; 32], side: Side, from: PublicKey) -> Result<Vec<u8>, Refusal> {
        let mut changed = self.put.subscribe();
        let deadline = tokio::time::Instant::now() + WAIT;
        loop {
            if let Some(mail) = self.look(id, side, from, Instant::now())? {
                return Ok(mail);
            }
            // The sender lives as long as `self`.
            let put = tokio::time::timeout_at(deadline, changed.changed()).await;
            if put.is_err() {
                return Err(RefusalCode::NotFound.because("no message is there yet: ask again"));
            }
        }
    }

    fn look(
        &self,
        id: [u8; 32],
        side: Side,
        from: PublicKey,
        now: Instant,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        let open = self.open.lock();
        let mailbox = open.get(&id).filter(|mailbox| mailbox.expires > now).ok_or_else(spent)?;
        match side {
            Side::Camera if mailbox.owner != from => Err(not_yours()),
            Side::Camera => Ok(mailbox.camera.as_ref().map(|(_, mail)| mail.clone())),
            Side::Owner if mailbox.camera.as_ref().is_some_and(|(by, _)| *by != from) => Err(spent()),
            Side::Owner => Ok(mailbox.welcome.clone()),
        }
    }
}

fn spent() -> Refusal {
    let text = "this invite was used, has expired or was never made: ask the owner for a new one";
    RefusalCode::InviteSpent.because(text)
}

fn not_yours() -> Refusal {
    RefusalCode::NotAllowed.because("this side of the mailbox is its owner's")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: PublicKey = [1; 32];
    const CAMERA: PublicKey = [2; 32];
    const THIEF: PublicKey = [3; 32];
    const ID: [u8; 32] = [9; 32];

    #[tokio::test]
    async fn an_invite_is_used_once_by_one_camera() {
        let (boxes, now) = (Mailboxes::default(), Instant::now());
        let code = |result: Result<(), Refusal>| result.map_err(|refusal| refusal.code);
        boxes.open(ID, OWNER, 60, now).unwrap();
        boxes.open(ID, OWNER, 60, now).unwrap();
        assert_eq!(code(boxes.put(ID, Side::Owner, OWNER, vec![1], now)), Err(RefusalCode::InviteSpent));
        boxes.put(ID, Side::Camera, CAMERA, vec![1], now).unwrap();
        boxes.put(ID, Side::Camera, CAMERA, vec![1], now).unwrap();
        for (from, mail) in [(CAMERA, vec![2]), (THIEF, vec![1])] {
            assert_eq!(code(boxes.put(ID, Side::Camera, from, mail, now)), Err(RefusalCode::InviteSpent));
        }
        assert_eq!(code(boxes.open(ID, OWNER, 60, now)), Err(RefusalCode::InviteSpent));
        assert_eq!(boxes.take(ID, Side::Camera, OWNER).await, Ok(vec![1]));
        assert_eq!(boxes.take(ID, Side::Camera, THIEF).await.unwrap_err().code, RefusalCode::NotAllowed);
        assert_eq!(code(boxes.put(ID, Side::Owner, THIEF, vec![3], now)), Err(RefusalCode::NotAllowed));
        boxes.put(ID, Side::Owner, OWNER, vec![3], now).unwrap();
        boxes.put(ID, Side::Owner, OWNER, vec![3], now).unwrap();
        assert_eq!(code(boxes.put(ID, Side::Owner, OWNER, vec![4], now)), Err(RefusalCode::InviteSpent));
        assert_eq!(boxes.take(ID, Side::Owner, THIEF).await.unwrap_err().code, RefusalCode::InviteSpent);
        assert_eq!(boxes.take(ID, Side::Owner, CAMERA).await, Ok(vec![3]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_take_waits_and_an_expired_or_unknown_one_is_spent() {
        let boxes = std::sync::Arc::new(Mailboxes::default());
        let now = Instant::now();
        boxes.open(ID, OWNER, 60, now).unwrap();
        assert_eq!(boxes.take(ID, Side::Camera, OWNER).await.unwrap_err().code, RefusalCode::NotFound);
        let waiting = tokio::spawn({
            let boxes = boxes.clone();
            async move { boxes.take(ID, Side::Camera, OWNER).await }
        });
        tokio::task::yield_now().await;
        boxes.put(ID, Side::Camera, CAMERA, vec![5], now).unwrap();
        assert_eq!(waiting.await.unwrap(), Ok(vec![5]));
        let later = now + Duration::from_secs(61);
        let late = boxes.put(ID, Side::Owner, OWNER, vec![1], later).unwrap_err();
        assert_eq!(late.code, RefusalCode::InviteSpent);
        assert_eq!(
            boxes.take([0; 32], Side::Camera, OWNER).await.unwrap_err().code,
            RefusalCode::InviteSpent
        );
    }

    #[test]
    fn the_number_of_mailboxes_is_bounded() {
        let (boxes, now) = (Mailboxes::default(), Instant::now());
        for n in 0..16 {
            boxes.open([n; 32], OWNER, 60, now).unwrap();
        }
        assert_eq!(boxes.open([99; 32], OWNER, 60, now).unwrap_err().code, RefusalCode::Quota);
        assert_eq!(boxes.open([99; 32], CAMERA, 0, now).unwrap_err().code, RefusalCode::Quota);
        boxes.open([99; 32], OWNER, 60, now + Duration::from_secs(61)).unwrap();
    }
}
