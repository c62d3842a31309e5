//! Mirrors the trustees' day keys, so that a camera finds them where it publishes. Opaque here: the camera judges each bundle by its signature and
//! by its leaf in the log, and takes no key from the relay on faith.
//!
//! ```text
//! GET <trustee>/day-keys/<day>      today, tomorrow and the day after; 404 until the trustee has made them
//! ```

use crate::config::Trustee;
use crate::store::Store;
use host::http::{Fetch, FetchLimits, Retry};
use host::rng::OsRng;
use host::shutdown::Shutdown;
use media::id::Day;
use media::limits;
use std::collections::BTreeMap;
use std::time::Duration;

/// Days that a trustee publishes ahead.
const AHEAD: u32 = 2;
/// Between two looks when everything is there.
const CALM: Duration = Duration::from_secs(600);
/// Between two looks at a trustee that is away or behind: half a second, then longer, to half a minute, with jitter.
const MISSING: Retry = Retry {
    tries: u32::MAX,
    first_pause: Duration::from_millis(500),
    longest_pause: Duration::from_secs(30),
};

/// Mirrors one trustee's keys until the relay shuts down.
pub(crate) async fn mirror(trustee: Trustee, store: Store, shutdown: Shutdown) {
    let fetch = Fetch::new(FetchLimits { answer_bytes: limits::DAY_KEYS, ..FetchLimits::default() });
    // What was stored, so that an unchanged bundle is not written again.
    let mut held: BTreeMap<Day, Vec<u8>> = BTreeMap::new();
    let mut failures = 1;
    loop {
        let today = Day::of_us(host::clock::now_us());
        held.retain(|day, _| *day >= today);
        let look = look(&trustee, &fetch, &store, today, &mut held);
        let complete = tokio::select! {
            () = shutdown.requested() => return,
            complete = look => complete,
        };
        failures = if complete { 1 } else { failures + 1 };
        let pause = if complete { CALM } else { MISSING.pause_before(failures, &mut OsRng).unwrap_or(CALM) };
        tokio::select! {
            () = shutdown.requested() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Whether every day is there afterwards.
async fn look(
    trustee: &Trustee,
    fetch: &Fetch,
    store: &Store,
    today: Day,
    held: &mut BTreeMap<Day, Vec<u8>>,
) -> bool {
    let mut complete = true;
    for day in (0..=AHEAD).map(|ahead| Day(today.0.saturating_add(ahead))) {
        let url = media::policy::day_keys_url(&trustee.url, day);
        let bundle = match fetch.get(&url).await.and_then(host::http::Reply::ok) {
            Ok(bundle) if bundle.is_empty() => continue,
            Ok(bundle) => bundle,
            Err(error) => {
                tracing::debug!(trustee = trustee.name, day = day.0, %error, "no day keys yet");
                complete = false;
                continue;
            }
        };
        if held.get(&day).is_some_and(|held| *held == bundle[..]) {
            continue;
        }
        match store.put_day_keys(&trustee.name, day, &bundle, host::clock::now_us()).await {
            Ok(()) => {
                held.insert(day, bundle.to_vec());
            }
            Err(error) => {
                tracing::warn!(trustee = trustee.name, day = day.0, %error, "day keys are not stored");
                complete = false;
            }
        }
    }
    complete
}
