//! The public count, as a monitor of the owner's choice publishes it (`proto/gossip.md#counting`).
//! It is that monitor's word, and said to be: whoever doubts it counts again (`candor monitor check`).

use host::http::{Fetch, FetchError, FetchLimits};
use host::lock::Mutex;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Between two questions, and after one that failed.
const ASK_EVERY: Duration = Duration::from_secs(300);
const AGAIN: Duration = Duration::from_secs(30);
/// The largest count that is read: rows of decades.
const MOST_BYTES: usize = 4 << 20;

/// What a monitor says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct PublicCount {
    monitor: String,
    /// When it said so, Unix microseconds; 0 for never.
    heard_us: u64,
    /// How many entries of the log it counted.
    size: Option<u64>,
    /// How many emergencies of the year were completed, anybody's.
    emergencies: Option<u64>,
    /// Why it says nothing new.
    problem: Option<String>,
}

pub(super) struct Public {
    url: Option<String>,
    heard: Mutex<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    at_us: u64,
    counts: Option<Counts>,
    problem: Option<String>,
}

/// Of what a monitor answers, what is told on.
#[derive(Debug, Deserialize)]
struct Counts {
    head: Option<CountedHead>,
    rows: Vec<CountedRow>,
}

#[derive(Debug, Deserialize)]
struct CountedHead {
    size: u64,
}

#[derive(Debug, Deserialize)]
struct CountedRow {
    month: String,
    kind: String,
    completed: u64,
}

impl Public {
    pub(super) fn new(url: Option<&str>) -> Self {
        let url = url.map(|url| url.trim_end_matches('/').to_owned());
        Self { url, heard: Mutex::default() }
    }

    /// What was said of a year; none where no monitor is configured.
    pub(super) fn of(&self, year: u64) -> Option<PublicCount> {
        let (monitor, heard) = (self.url.clone()?, self.heard.lock());
        let counts = heard.counts.as_ref();
        Some(PublicCount {
            monitor,
            heard_us: heard.at_us,
            size: counts.and_then(|counts| Some(counts.head.as_ref()?.size)),
            emergencies: counts.map(|counts| counts.emergencies(year)),
            problem: heard.problem.clone(),
        })
    }

    /// Asks again and again; for ever.
    pub(super) async fn follow(&self, now_us: impl Fn() -> u64) {
        let Some(url) = &self.url else { return std::future::pending().await };
        let limits = FetchLimits { answer_bytes: MOST_BYTES, ..FetchLimits::default() };
        let fetch = Fetch::new(limits);
        loop {
            let asked_us = now_us();
            let answer = fetch.get(&format!("{url}/counts")).await.and_then(host::http::Reply::ok);
            let pause = if answer.is_ok() { ASK_EVERY } else { AGAIN };
            self.take(answer, asked_us);
            tokio::time::sleep(pause).await;
        }
    }

    fn take(&self, answer: Result<bytes::Bytes, FetchError>, at_us: u64) {
        let read = answer.map_err(|error| error.to_string());
        let read = read.and_then(|text| {
            serde_json::from_slice(&text).map_err(|error| format!("its answer is no count: {error}"))
        });
        let mut heard = self.heard.lock();
        match read {
            Ok(counts) => *heard = Heard { at_us, counts: Some(counts), problem: None },
            Err(problem) => heard.problem = Some(problem),
        }
    }
}

impl Counts {
    fn emergencies(&self, year: u64) -> u64 {
        let month = format!("{year:04}-");
        let of_year = self.rows.iter().filter(|row| row.kind == "emergency" && row.month.starts_with(&month));
        of_year.map(|row| row.completed).fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer that the contract shows.
    fn of_the_contract() -> bytes::Bytes {
        let text = include_str!("../../../../proto/gossip.md");
        let answer = text.split("GET /counts\n").nth(1).unwrap().split("```").next().unwrap();
        bytes::Bytes::from(answer.to_owned())
    }

    #[test]
    fn a_monitors_count_of_a_year_is_told_as_its_word_and_stays_with_its_problem() {
        assert_eq!(Public::new(None).of(2026), None);
        let public = Public::new(Some("https://monitor.example/"));
        let told = public.of(2026).unwrap();
        assert_eq!((told.heard_us, told.emergencies), (0, None), "nothing was said yet");
        public.take(Ok(of_the_contract()), 7);
        let told = public.of(2026).unwrap();
        assert_eq!(told.monitor, "https://monitor.example");
        assert_eq!(
            (told.heard_us, told.size, told.emergencies, told.problem),
            (7, Some(8841), Some(2), None)
        );
        assert_eq!(public.of(2025).unwrap().emergencies, Some(0));
        for broken in [&b"{}"[..], b"no count", b"{\"rows\":[{\"month\":1}]}"] {
            public.take(Ok(bytes::Bytes::from_static(broken)), 9);
            let told = public.of(2026).unwrap();
            assert_eq!(
                (told.heard_us, told.emergencies),
                (7, Some(2)),
                "what was said before is not forgotten"
            );
            assert!(told.problem.unwrap().contains("no count"));
        }
    }
}
