//! Telemetry: `tracing` events to standard error, so that standard output stays free for what a
//! command answers.
//!
//! `CANDOR_LOG` sets the filter in the syntax of `tracing-subscriber`:
//! `CANDOR_LOG=info,log_server=debug`.

use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::util::SubscriberInitExt;

/// The environment variable that overrides the filter.
pub const FILTER_VARIABLE: &str = "CANDOR_LOG";

/// Why telemetry could not start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error(
        "the filter {filter:?} is not understood ({source}): write levels like `info` or `info,witness=debug`"
    )]
    Filter { filter: String, source: ParseError },
    #[error("telemetry was already started in this process")]
    AlreadyStarted,
}

/// Starts telemetry with `default_filter` (for example `"info"`) unless `CANDOR_LOG` says
/// otherwise.
pub fn init(default_filter: &str) -> Result<(), TelemetryError> {
    let filter = std::env::var(FILTER_VARIABLE).unwrap_or_else(|_| default_filter.to_owned());
    init_with(&filter)
}

fn init_with(filter: &str) -> Result<(), TelemetryError> {
    let parsed = EnvFilter::try_new(filter)
        .map_err(|source| TelemetryError::Filter { filter: filter.to_owned(), source })?;
    tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .with_writer(std::io::stderr)
        .finish()
        .try_init()
        .map_err(|_| TelemetryError::AlreadyStarted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_filter_is_named_and_a_second_start_is_refused() {
        let error = init_with("witness=shout").unwrap_err();
        assert!(matches!(error, TelemetryError::Filter { .. }), "{error}");
        init_with("off").unwrap();
        assert!(matches!(init_with("off"), Err(TelemetryError::AlreadyStarted)));
    }
}
