//! One package, from its bytes to its answer: the log is followed to its newest head, the gate
//! checks, a human decides, shares are opened and sealed, what was made is durable, and then the
//! grant goes to the log ([`crate::append`]).
//!
//! ```text
//! given before? ──> the same answer   follow ──> check (G1-G7) ──> approval (G8) ──> open (G9) ──> seal, hold (G10) ──> append (G11, G12)
//!                                        │ 503        │ 403, 202        │ 202, 403       │ 403
//! ```
//!
//! In scope: the order of asking. Out of scope: what is kept when ([`crate::judge`]), the checks
//! themselves (`escrow::grant`).

use crate::daykeys::DayKeyError;
use crate::desk::{Kept, Papers};
use crate::error::Trouble;
use crate::judge::{Judge, Judged};
use crate::pending::Pending;
use crate::state::Trustee;
use axum::body::Bytes;
use escrow::answer::{Answer, Failed, Failure, Refused, State};
use escrow::deal::TrusteeId;
use escrow::envelope::Envelope;
use escrow::package::{Asked, PackageError};
use escrow::record::{EntryId, Request, Signed};
use media::codec::DecodeError;
use media::time::Seconds;
use tlog::Hash;
use tokio::sync::OwnedSemaphorePermit;

/// What is known of a request without another look.
enum Known {
    Nothing,
    /// G10 is durable; the grant's proof is not here yet.
    Held(Hash),
    Answer(Answer),
}

impl Trustee {
    /// Answers a package.
    pub async fn answer(&self, package: Bytes, now: Seconds) -> Answer {
        match self.door.seat().await {
            Ok(seat) => self.answer_first(package, now, seat).await.unwrap_or_else(Answer::from),
            Err(busy) => busy.into(),
        }
    }

    async fn answer_first(
        &self,
        sent: Bytes,
        now: Seconds,
        seat: OwnedSemaphorePermit,
    ) -> Result<Answer, Failed> {
        self.ready()?;
        let (read, seat) = self.read(sent, seat).await?;
        let asked = match read {
            Ok(asked) => asked,
            Err(error @ PackageError::Encoding(_)) => {
                return Ok(Answer::Malformed(Refused::of(&error.into())));
            }
            Err(error @ PackageError::Leaf(_)) => return Ok(Answer::Refused(Refused::of(&error.into()))),
        };
        // SPEC: release.md#trustee-http: what was said of a request MUST NOT be told to whoever
        // does not hold its release key: the leaf is public, and who has no more is a stranger.
        let known = match asked.holds_release_key() {
            true => self.known(asked.request(), now).await?,
            false => Known::Nothing,
        };
        match known {
            Known::Nothing => self.decide(asked, now, seat).await,
            Known::Answer(answer) => Ok(answer),
            Known::Held(request) => {
                // Waiting for a proof needs neither the package nor its seat.
                drop((seat, asked));
                self.release(&request, now).await
            }
        }
    }

    /// Reads a package, which comes sealed to a key of a day, or open.
    // SPEC: release.md#envelope: a trustee MUST take it open as well: nothing is hidden by refusing it.
    async fn read(
        &self,
        sent: Bytes,
        seat: OwnedSemaphorePermit,
    ) -> Result<(Result<Asked, PackageError>, OwnedSemaphorePermit), Failed> {
        let own = TrusteeId::of(&self.vkey());
        // A KEM and 32 MiB, from anybody: not on a thread that others wait for. The seat goes along, for this
        // goes on to its end also when its sender is gone.
        let (read, seat) = self.desk.run(move |papers| (read(papers, &own, sent), seat)).await;
        match read.map_err(Trouble::from)? {
            Some(read) => Ok((read, seat)),
            None => Err(Failure::NoDayKey
                .advise("it is sealed to a key that is not here: seal it to this trustee's key of today")),
        }
    }

    /// Decides on the package with this entry id, if one waits here: its proof is renewed first,
    /// because trustees believe fresh heads alone.
    pub(crate) async fn decide_waiting(&self, id: EntryId, now: Seconds) -> Result<Option<Answer>, Failed> {
        self.ready()?;
        let waiting = self.desk.run(move |papers| papers.waiting.asked(&id)).await;
        match waiting.map_err(Trouble::from)? {
            Some(asked) => self.decide_kept(asked, now).await.map(Some),
            None => Ok(None),
        }
    }

    async fn decide_kept(&self, mut asked: Asked, now: Seconds) -> Result<Answer, Failed> {
        match self.known(asked.request(), now).await? {
            Known::Nothing => {}
            Known::Answer(answer) => return Ok(answer),
            Known::Held(request) => return self.release(&request, now).await,
        }
        match self.log.client.prove(asked.package().leaf.clone()).await {
            Ok((_, proof)) => asked.renew(&proof),
            Err(error) => return Err(Failure::LogUnreachable.advise(error.to_string())),
        }
        let seat = self.door.wait_for_seat().await;
        self.decide(asked, now, seat).await
    }

    /// What was said of this very leaf before, where that still stands without another look.
    async fn known(&self, request: &Signed<Request>, now: Seconds) -> Result<Known, Trouble> {
        let (id, hash) = (request.value().id, request.hash());
        let kept = self.desk.run(move |papers| papers.kept(&id, &hash)).await?;
        Ok(match kept {
            Kept::Bundle(bundle) => Known::Answer(Answer::Bundle(bundle)),
            Kept::Held => Known::Held(hash),
            Kept::Denied(refused) => Known::Answer(Answer::Refused(refused)),
            Kept::Open { page: Some(page), decided }
                if self.still_waits(&page, now)
                    && !decided.as_ref().is_some_and(|decided| decided.is_complete(&page)) =>
            {
                Known::Answer(Answer::Pending(page.state))
            }
            Kept::Open { .. } => Known::Nothing,
        })
    }

    fn still_waits(&self, page: &Pending, now: Seconds) -> bool {
        match page.state {
            State::Waiting { wait_until } => now.0 < wait_until,
            State::PendingApproval => self.office.auto.is_none() && now.0 <= page.expires_at,
            State::Appending => false,
        }
    }

    async fn decide(&self, asked: Asked, now: Seconds, seat: OwnedSemaphorePermit) -> Result<Answer, Failed> {
        let view = self.view(now).await?;
        let (office, mut rng) = (self.office.clone(), self.machine.rng.clone());
        // Signatures, KEMs and the disk: not on a thread that others wait for.
        let judged = self.desk.run(move |papers| {
            let _seat = seat;
            Judge { office: &office, papers, view: &view, now }.judge(&asked, &mut rng)
        });
        match judged.await? {
            Judged::Held(request) => {
                self.work.notify_one();
                self.release(&request, now).await
            }
            Judged::Pending(state) => Ok(Answer::Pending(state)),
            Judged::Refused(refused) => {
                self.work.notify_one();
                Ok(Answer::Refused(refused))
            }
            Judged::Full => Err(Failure::PendingFull
                .advise("this trustee has too many requests to decide on; send the package again later")),
        }
    }
}

/// What is in these bytes; none where the key that they are sealed to is not here.
fn read(
    papers: &Papers,
    own: &TrusteeId,
    sent: Bytes,
) -> Result<Option<Result<Asked, PackageError>>, DayKeyError> {
    if !Envelope::is_one(&sent) {
        return Ok(Some(Asked::decode(&sent)));
    }
    let envelope = match Envelope::decode(&sent) {
        Ok(envelope) => envelope,
        Err(error) => return Ok(Some(Err(error.into()))),
    };
    let Some(secret) = papers.days.secret(envelope.day, &envelope.day_key_id)? else { return Ok(None) };
    let package = envelope.open(own, &secret);
    drop(sent);
    Ok(Some(match package {
        Ok(package) => Asked::decode(&package),
        Err(_) => Err(DecodeError::BadValue("envelope").into()),
    }))
}
