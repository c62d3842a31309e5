//! The file that `candor request new` takes: an ask, with moments as people write them.

use crate::cli::Ended;
use crate::cli::when::{When, span};
use anyhow::Context as _;
use requester::ask::Ask;
use std::path::Path;

pub(super) const EXAMPLE: &str = include_str!("example.json");

/// Reads what is asked. The file says `from` and `to`; the requester takes microseconds.
pub(super) fn read(path: &Path) -> Result<Ask, Ended> {
    let wrong = |error: anyhow::Error| Ended::wrong(error.context(format!("{}: not an ask", path.display())));
    let text = std::fs::read(path)
        .with_context(|| {
            format!("{}: cannot be read; `candor request example` prints one to fill in", path.display())
        })
        .map_err(Ended::wrong)?;
    let mut fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&text).map_err(|error| wrong(error.into()))?;
    for (moment, micros) in [("from", "from_us"), ("to", "to_us")] {
        if let Some(value) = fields.remove(moment) {
            let When(us) = value
                .as_str()
                .unwrap_or_default()
                .parse()
                .map_err(|error| wrong(anyhow::anyhow!("{moment}: {error}")))?;
            fields.insert(micros.to_owned(), us.into());
        }
    }
    let ask: Ask = serde_json::from_value(fields.into()).map_err(|error| wrong(error.into()))?;
    span(When(ask.from_us), When(ask.to_us))?;
    Ok(ask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_can_be_read_and_a_wrong_moment_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ask.json");
        std::fs::write(&path, EXAMPLE).unwrap();
        let ask = read(&path).unwrap();
        assert_eq!(ask.to_us - ask.from_us, 120_000_000);
        std::fs::write(&path, EXAMPLE.replace("2026-", "soon ")).unwrap();
        assert!(format!("{:?}", read(&path).unwrap_err()).contains("from: write 2026-11-25T14:03:00Z"));
        std::fs::write(&path, "[]").unwrap();
        assert!(read(&path).is_err());
    }
}
