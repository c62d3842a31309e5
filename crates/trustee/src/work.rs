//! What goes on without anybody asking: one loop follows the log, the other tends the keys of days, sends what is due to the log, and
//! takes in what humans decided. Each ends with the shutdown; every step may be cut short and is done again after a restart.

use crate::answer::{Answer, DENIED, State};
use crate::approve::Decided;
use crate::decide::{Trouble, Trustee};
use escrow::record::EntryId;
use host::shutdown::Shutdown;
use std::sync::Arc;
use std::time::Duration;

/// The shortest pause between two looks, whatever the configuration says.
const PAUSE_MIN_MS: u64 = 10;

/// Follows the log until shutdown.
pub(crate) async fn watch(trustee: &Arc<Trustee>, shutdown: &Shutdown) {
    while !shutdown.is_requested() {
        tokio::select! {
            () = shutdown.requested() => return,
            looked = trustee.view(host::clock::now()) => match looked {
                Ok(_) => trustee.work.notify_one(),
                Err(error) => tracing::warn!(%error, "the log could not be followed"),
            },
        }
        pause(trustee, shutdown).await;
    }
}

/// Does what is due until shutdown.
pub(crate) async fn work(trustee: &Arc<Trustee>, shutdown: &Shutdown) {
    while !shutdown.is_requested() {
        tokio::select! {
            () = shutdown.requested() => return,
            () = trustee.work.notified() => {}
            () = pause(trustee, shutdown) => {}
        }
        if trustee.ready().is_err() {
            continue;
        }
        tokio::select! {
            () = shutdown.requested() => return,
            () = round(trustee) => {}
        }
    }
}

async fn round(trustee: &Arc<Trustee>) {
    let now = host::clock::now();
    if let Err(error) = trustee.tend(now).await {
        tracing::error!(%error, "the keys of days cannot be tended");
    }
    if let Err(error) = trustee.append_due(now).await {
        tracing::error!(%error, "what is due cannot be sent to the log");
    }
    if let Err(error) = take_in(trustee, now).await {
        tracing::error!(%error, "waiting requests cannot be looked at");
    }
}

/// Decides on those waiting packages about which something has changed: a human decided, their time has come, or is over.
async fn take_in(trustee: &Arc<Trustee>, now: u64) -> Result<(), Trouble> {
    let own = trustee.clone();
    let due = trustee
        .disk
        .run(move || {
            let mut due = Vec::new();
            for page in own.waiting.pages()? {
                let Some(id) = EntryId::from_hex(&page.id) else { continue };
                let expired = now > page.expires_at;
                let come = match (page.state, own.decisions.get(&id)?) {
                    (_, Some(Decided::No(_))) => true,
                    (State::Waiting(until), _) => now >= until,
                    (State::PendingApproval | State::Appending, decided) => decided.is_some(),
                };
                if come || expired {
                    due.push((id, expired));
                }
            }
            Ok::<_, Trouble>(due)
        })
        .await?;
    for (id, expired) in due {
        let settled = match trustee.answer_again(&id, now).await {
            Answer::Bundle(_) | Answer::Pending(State::Appending) => true,
            Answer::Refused(refused) => expired || refused.name == DENIED,
            _ => false,
        };
        if settled {
            let own = trustee.clone();
            trustee.disk.run(move || own.settle(&id)).await?;
        }
    }
    Ok(())
}

async fn pause(trustee: &Trustee, shutdown: &Shutdown) {
    let pause = Duration::from_millis(trustee.config.poll_ms.max(PAUSE_MIN_MS));
    tokio::select! {
        () = shutdown.requested() => {}
        () = tokio::time::sleep(pause) => {}
    }
}
