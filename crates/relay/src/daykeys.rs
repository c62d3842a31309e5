//! Mirrors the trustees' day keys, so that a camera finds them where it publishes. Opaque here: the
//! camera judges each bundle by its signature and by its leaf in the log, and takes no key from the
//! relay on faith.
//!
//! ```text
//! GET <trustee>/day-keys/<day>      today and 35 days ahead; 404 until the trustee has made them;
//!                                   again now and then: one that lost a key makes another
//! ```
//! Cameras that are connected are told when there is something else than before: else they would deal
//! to a key that is lost until they ask by themselves.

use crate::config::Trustee;
use crate::state::Relay;
use host::backoff::Backoff;
use host::http::{Fetch, FetchLimits};
use media::id::Day;
use media::limits;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use store::StoreError;

/// Days that a trustee publishes ahead.
const AHEAD: u32 = 35;
/// Between two looks when everything is there.
const CALM: Duration = Duration::from_secs(600);
/// Between two looks at a trustee that is away or behind: half a second, then longer, to half a
/// minute, with jitter.
const MISSING: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));

/// Mirrors one trustee's keys until the relay shuts down.
pub(crate) async fn mirror(relay: Arc<Relay>, trustee: Trustee) {
    let fetch = Fetch::new(FetchLimits { answer_bytes: limits::DAY_KEYS, ..FetchLimits::default() });
    // What was stored since all was there last.
    let mut held: BTreeSet<Day> = BTreeSet::new();
    let (mut missing, mut rng) = (MISSING, relay.machine.rng.clone());
    loop {
        let today = relay.now_us().day();
        held.retain(|day| *day >= today);
        let Looked { complete, changed } = tokio::select! {
            () = relay.shutdown.requested() => return,
            looked = look(&relay, &trustee, &fetch, today, &mut held) => looked,
        };
        if changed {
            relay.on_air.publishers.tell_all_changed();
        }
        let pause = if complete {
            missing.worked();
            held.clear();
            CALM
        } else {
            missing.failed(&mut rng)
        };
        tokio::select! {
            () = relay.shutdown.requested() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

struct Looked {
    /// What is needed next is there.
    complete: bool,
    /// Keys are there that were not, or others.
    changed: bool,
}

async fn look(
    relay: &Relay,
    trustee: &Trustee,
    fetch: &Fetch,
    today: Day,
    held: &mut BTreeSet<Day>,
) -> Looked {
    let mut looked = Looked { complete: true, changed: false };
    for day in (0..=AHEAD).map(|ahead| Day(today.0.saturating_add(ahead))) {
        if held.contains(&day) {
            continue;
        }
        let bundle = match fetch.get(&media::policy::day_keys_url(&trustee.url, day)).await {
            Ok(reply) if reply.status == 200 && !reply.body.is_empty() => reply.body,
            Ok(_) => {
                // Days further ahead come later, or never: a trustee says how far it publishes.
                looked.complete &= day.0 > today.0.saturating_add(1);
                continue;
            }
            Err(error) => {
                tracing::debug!(trustee = trustee.name, %error, "its day keys cannot be asked for");
                looked.complete = false;
                return looked;
            }
        };
        match keep(relay, trustee, day, &bundle).await {
            Ok(is_other) => {
                held.insert(day);
                looked.changed |= is_other;
            }
            Err(error) => {
                tracing::warn!(trustee = trustee.name, day = day.0, %error, "day keys are not stored");
                looked.complete = false;
            }
        }
    }
    looked
}

/// Whether they are others than those that were here.
async fn keep(relay: &Relay, trustee: &Trustee, day: Day, bundle: &[u8]) -> Result<bool, StoreError> {
    let here = relay.store.day_keys(day).await?;
    if here.iter().any(|of| of.name == trustee.name && of.bytes == bundle) {
        return Ok(false);
    }
    relay.store.put_day_keys(&trustee.name, day, bundle, relay.now_us()).await?;
    Ok(true)
}
