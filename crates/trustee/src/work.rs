//! What goes on without anybody asking: one loop follows the log, the other tends the keys of days,
//! sends what is due to the log, and takes in what humans decided. Each ends with the shutdown;
//! every step may be cut short and is done again after a restart.

use crate::approve::Decided;
use crate::error::{Error, Trouble};
use crate::ledger::LedgerError;
use crate::state::Trustee;
use escrow::answer::{Answer, State};
use escrow::record::EntryId;
use host::db::DbError;
use host::shutdown::Shutdown;
use media::time::Seconds;
use std::time::Duration;

/// The shortest pause between two looks, whatever the configuration says.
const PAUSE_MIN: Duration = Duration::from_millis(10);

/// Follows the log until shutdown.
pub(crate) async fn watch(trustee: &Trustee, shutdown: &Shutdown) {
    while !shutdown.is_requested() {
        let look = async {
            match trustee.view(trustee.now()).await {
                Ok(_) => trustee.work.notify_one(),
                Err(error) => {
                    tracing::warn!(%error, "the log could not be followed");
                    // Whatever is wrong with it: keys of days end by a time that a quorum cosigned.
                    trustee.ask_time(trustee.now()).await;
                }
            }
        };
        tokio::select! {
            () = shutdown.requested() => return,
            () = look => {}
        }
        pause(trustee, shutdown).await;
    }
}

/// Does what is due until shutdown. It ends sooner, and with it the trustee, where the ledger is
/// damaged: nobody knows any more what was granted.
pub(crate) async fn work(trustee: &Trustee, shutdown: &Shutdown) -> Result<(), Error> {
    while !shutdown.is_requested() {
        tokio::select! {
            () = shutdown.requested() => break,
            () = trustee.work.notified() => {}
            () = pause(trustee, shutdown) => {}
        }
        tokio::select! {
            () = shutdown.requested() => break,
            done = round(trustee) => done?,
        }
    }
    Ok(())
}

async fn round(trustee: &Trustee) -> Result<(), Error> {
    let now = trustee.now();
    if let Err(error) = trustee.tend().await {
        tracing::error!(%error, "the keys of days cannot be tended");
    }
    if trustee.ready().is_err() {
        return Ok(());
    }
    for done in [trustee.append_due(now).await, take_in(trustee, now).await] {
        match done {
            Ok(()) => {}
            Err(Trouble::Ledger(
                error @ (LedgerError::Database(DbError::Damaged { .. }) | LedgerError::Entry { .. }),
            )) => {
                return Err(error.into());
            }
            Err(trouble) => tracing::error!(%trouble, "what is due cannot be done now"),
        }
    }
    Ok(())
}

/// Decides on those waiting packages about which something has changed: a human decided, their time
/// has come, or is over.
async fn take_in(trustee: &Trustee, now: Seconds) -> Result<(), Trouble> {
    let due = trustee.desk.run(move |papers| {
        let mut due = Vec::new();
        for page in papers.waiting.pages()? {
            let Some(id) = EntryId::from_hex(&page.id) else { continue };
            let expired = now.0 > page.expires_at;
            let come = match (page.state, papers.decisions.get(&id)?) {
                (_, Some(Decided::No(_))) => true,
                (State::Waiting { wait_until }, _) => now.0 >= wait_until,
                (State::PendingApproval | State::Appending, decided) => {
                    decided.is_some_and(|decided| decided.is_complete(&page))
                }
            };
            if come || expired {
                due.push((id, expired));
            }
        }
        Ok::<_, Trouble>(due)
    });
    for (id, expired) in due.await? {
        let settled = match trustee.decide_waiting(id, now).await {
            Ok(Some(Answer::Bundle(_) | Answer::Pending(State::Appending))) => true,
            Ok(Some(Answer::Refused(refused))) => expired || refused.is_denial(),
            // Its package is damaged: the sender may send it again, as long as it is valid.
            Ok(None) => expired,
            Ok(Some(
                Answer::Pending(State::PendingApproval | State::Waiting { .. })
                | Answer::Malformed(_)
                | Answer::Failed(_),
            ))
            | Err(_) => false,
        };
        if settled {
            trustee.desk.run(move |papers| papers.settle(&id)).await?;
        }
    }
    Ok(())
}

async fn pause(trustee: &Trustee, shutdown: &Shutdown) {
    tokio::select! {
        () = shutdown.requested() => {}
        () = tokio::time::sleep(trustee.pause.max(PAUSE_MIN)) => {}
    }
}
