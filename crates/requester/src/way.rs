//! The way to a trustee: its package is sealed to its key of today, which the log has, so that nobody on the way
//! reads what a clerk reads. Contract: `proto/release.md#envelope`.

use bytes::Bytes;
use escrow::answer;
use escrow::daykeys::{DayKey, DayKeyError, PublishedDayKey};
use escrow::deal::TrusteeId;
use escrow::envelope;
use host::http::{Fetch, FetchError, Reply};
use host::rng::Rng;
use log_client::LogClient;
use media::id::Day;
use media::policy::{TrusteeEntry, day_keys_url};
use seal::hpke::HpkeError;
use tlog::note::{KeyError, Verifier};

/// Why a trustee was sent nothing, or gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WayError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the owner's policy has no key of it: {0}")]
    Policy(#[from] KeyError),
    #[error("nothing was sent, for what it gives is not its key of today: {0}")]
    DayKey(#[from] DayKeyError),
    #[error("nothing was sent, for nothing can be sealed to its key of today: {0}")]
    Seal(#[from] HpkeError),
}

/// How trustees are reached. Clones share connections.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    pub(crate) fetch: Fetch,
    pub(crate) log: LogClient,
    pub(crate) rng: Rng,
    pub(crate) today: Day,
    /// So long the OwnerPolicy lets a day key be kept.
    pub(crate) day_key_max_secs: u32,
}

impl Way {
    /// Sends a trustee this package; what it answers, and its key of today if that is still good. `kept` is the
    /// one of the last time.
    // SPEC: release.md#envelope: a requester MUST seal it to a key that the policy's trustee signed for the day,
    // that is kept no longer than the policy allows, and whose leaf is in the log.
    pub(crate) async fn post(
        self,
        trustee: &TrusteeEntry,
        kept: Option<DayKey>,
        package: &[u8],
    ) -> Result<(Reply, Option<DayKey>), WayError> {
        let vkey = Verifier::parse(&trustee.vkey)?;
        let key = match kept.filter(|key| key.day == self.today) {
            Some(key) => key,
            None => {
                let reply = self.fetch.get(&day_keys_url(&trustee.url, self.today)).await?;
                // It says why there is none.
                if reply.status != 200 {
                    return Ok((reply, None));
                }
                let policy = self.log.policy();
                let (_, key, _) = PublishedDayKey::decode_verified(&reply.body, &vkey, self.today, policy)?;
                key.kept_within(self.day_key_max_secs)?
            }
        };
        let sealed = envelope::seal(package, &TrusteeId::of(&vkey), &key, &mut self.rng.clone())?;
        let url = answer::package_url(&trustee.url);
        let reply = self.fetch.post(&url, "application/octet-stream", Bytes::from(sealed)).await?;
        // It may have lost that key, and have another.
        let is_good = reply.status != answer::Failure::NoDayKey.status();
        Ok((reply, is_good.then_some(key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::extract::Path;
    use axum::http::StatusCode;
    use axum::routing::{get, post};
    use escrow::envelope::Envelope;
    use escrow::record::{DayKeysLeaf, Name, Signed, Vkey};
    use host::http::{FetchLimits, ServeLimits, bind, serve};
    use host::shutdown::Shutdown;
    use media::time::Seconds;
    use seal::hpke::SecretKey;
    use stage::keys::trustee;
    use stage::paper::{History, NOW, policy};
    use std::sync::{Arc, Mutex};
    use tlog::note::Signer;
    use tlog::{Entry as _, Hash};

    const TODAY: Day = Day(20_780);
    /// What [`published`] says, from the end of the day on.
    const KEPT_SECS: u32 = 37 * 86_400;

    /// What a trustee serves of a day, in a log on paper.
    fn published(by: &Signer, secret: &SecretKey) -> Vec<u8> {
        let (trustee, destroy_by) = (Name::new(by.name()).unwrap(), Day(TODAY.0 + 38).start());
        let key = DayKey { trustee: trustee.clone(), day: TODAY, public: secret.public(), destroy_by };
        let note = key.clone().sign(by).unwrap();
        let leaf = DayKeysLeaf {
            trustee,
            vkey: Vkey::new(by.verifier()).unwrap(),
            day: TODAY.0,
            key_id: key.id(),
            keys: Hash::of(&[note.entry_bytes()]),
            destroy_by,
            time: Seconds(NOW),
        };
        let mut log = History::default();
        let at = log.add(Signed::sign(leaf, &[by]).unwrap().entry_bytes());
        let (leaf, proof) = (log.entry(at).to_vec(), log.proof(at, NOW).encode());
        PublishedDayKey { note: note.entry_bytes().to_vec(), leaf, proof }.encode()
    }

    /// Somebody at a trustee's URL, who gives this key and answers each package with this status; what was asked
    /// of it and sent to it.
    async fn served(key: Vec<u8>, status: StatusCode) -> (String, Arc<Mutex<Vec<Vec<u8>>>>) {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (of_keys, of_packages) = (heard.clone(), heard.clone());
        let give = async move |Path(day): Path<u32>| {
            of_keys.lock().unwrap().push(b"key".to_vec());
            if day == TODAY.0 { Ok(key.clone()) } else { Err(StatusCode::NOT_FOUND) }
        };
        let take = async move |body: Bytes| {
            of_packages.lock().unwrap().push(body.to_vec());
            status
        };
        let router = Router::new().route("/day-keys/{day}", get(give)).route("/package", post(take));
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, router, ServeLimits::default(), Shutdown::new()));
        (url, heard)
    }

    fn way() -> Way {
        let log = LogClient::new("http://127.0.0.1:1", policy());
        Way {
            fetch: Fetch::new(FetchLimits::default()),
            log,
            rng: Rng::system(),
            today: TODAY,
            day_key_max_secs: KEPT_SECS,
        }
    }

    fn entry(url: &str) -> TrusteeEntry {
        let vkey = trustee(1).verifier().vkey();
        TrusteeEntry { name: trustee(1).name().to_owned(), vkey, url: url.to_owned() }
    }

    #[tokio::test]
    async fn a_trustee_is_sent_what_it_alone_reads_and_its_key_is_asked_for_once() {
        let (package, secret) = (b"who is in danger, and where the order is", SecretKey::new([7; 32]));
        let (url, heard) = served(published(&trustee(1), &secret), StatusCode::ACCEPTED).await;
        let (reply, key) = way().post(&entry(&url), None, package).await.unwrap();
        assert_eq!(reply.status, 202);
        let (_, again) = way().post(&entry(&url), key.clone(), package).await.unwrap();
        assert_eq!(again, key);
        let heard = std::mem::take(&mut *heard.lock().unwrap());
        assert_eq!((heard.len(), &heard[0][..]), (3, &b"key"[..]));
        for sent in &heard[1..] {
            assert!(!sent.windows(9).any(|part| part == b"in danger"));
            let opened = Envelope::decode(sent).unwrap();
            let opened = opened.open(&TrusteeId::of(&trustee(1).verifier()), &secret).unwrap();
            assert_eq!(&opened[..], package);
        }
    }

    #[tokio::test]
    async fn who_is_not_the_policys_trustee_is_sent_nothing_and_a_key_that_is_gone_is_asked_for_anew() {
        let secret = SecretKey::new([7; 32]);
        // It answers at the trustee's URL, and has a key of its own in the log.
        let (url, heard) = served(published(&trustee(2), &secret), StatusCode::ACCEPTED).await;
        let refused = way().post(&entry(&url), None, b"package").await.unwrap_err();
        assert!(matches!(refused, WayError::DayKey(_)), "{refused}");
        assert_eq!(*heard.lock().unwrap(), [b"key"]);

        let (url, _) = served(published(&trustee(1), &secret), StatusCode::NOT_FOUND).await;
        let (reply, key) = way().post(&entry(&url), None, b"package").await.unwrap();
        assert_eq!((reply.status, key), (404, None));
        // A key that is kept for longer than the owner agreed to may be there when somebody comes for it.
        let shorter = Way { day_key_max_secs: KEPT_SECS - 1, ..way() };
        let (url, heard) = served(published(&trustee(1), &secret), StatusCode::ACCEPTED).await;
        let refused = shorter.post(&entry(&url), None, b"package").await.unwrap_err();
        assert!(matches!(refused, WayError::DayKey(DayKeyError::KeptTooLong)), "{refused}");
        assert_eq!(*heard.lock().unwrap(), [b"key"]);
        // One that has none of today says so, and is sent nothing.
        let tomorrow = Way { today: Day(TODAY.0 + 1), ..way() };
        let (url, heard) = served(published(&trustee(1), &secret), StatusCode::ACCEPTED).await;
        let (reply, key) = tomorrow.post(&entry(&url), None, b"package").await.unwrap();
        assert_eq!((reply.status, key, heard.lock().unwrap().len()), (404, None, 1));
    }
}
