//! The file that `candor request new` takes: an ask, with moments as people write them.

use crate::cli::Ended;
use crate::cli::when::{When, span};
use anyhow::Context as _;
use escrow::package::ORDER_MAX_BYTES;
use host::durable;
use requester::ask::{Ask, Grounds};
use std::path::Path;

pub(super) const EXAMPLE: &str = include_str!("example.json");
pub(super) const LEGAL: &str = include_str!("legal.json");

/// Reads what is asked, and the court's order beside it. The file says `from` and `to`; the requester
/// takes microseconds.
pub(super) fn read(path: &Path, order_file: Option<&Path>) -> Result<Ask, Ended> {
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
    let mut ask: Ask = serde_json::from_value(fields.into()).map_err(|error| wrong(error.into()))?;
    span(When(ask.from_us), When(ask.to_us))?;
    match (&mut ask.grounds, order_file) {
        (Grounds::Legal { order, .. }, Some(file)) => *order = read_order(file)?,
        (Grounds::Legal { .. }, None) => {
            return Err(Ended::wrong(anyhow::anyhow!(
                "a legal request brings the court's order: name its file by --order"
            )));
        }
        (Grounds::Emergency { .. }, Some(_)) => {
            return Err(Ended::wrong(anyhow::anyhow!(
                "an emergency has no order: leave --order out, or ask with legal grounds"
            )));
        }
        (Grounds::Emergency { .. }, None) => {}
    }
    Ok(ask)
}

fn read_order(path: &Path) -> Result<Vec<u8>, Ended> {
    let order = durable::read_limited(path, ORDER_MAX_BYTES as u64).map_err(Ended::wrong)?;
    order.ok_or_else(|| Ended::wrong(anyhow::anyhow!("{}: no such file", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_can_be_read_and_a_wrong_moment_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ask.json");
        std::fs::write(&path, EXAMPLE).unwrap();
        let ask = read(&path, None).unwrap();
        assert_eq!(ask.to_us - ask.from_us, 120_000_000);
        assert!(format!("{:?}", read(&path, Some(&path)).unwrap_err()).contains("leave --order out"));
        std::fs::write(&path, EXAMPLE.replace("2026-", "soon ")).unwrap();
        assert!(format!("{:?}", read(&path, None).unwrap_err()).contains("from: write 2026-11-25T14:03:00Z"));
        std::fs::write(&path, "[]").unwrap();
        assert!(read(&path, None).is_err());
    }
    #[test]
    fn a_legal_ask_is_read_with_its_order_and_not_without() {
        let dir = tempfile::tempdir().unwrap();
        let (path, order_file) = (dir.path().join("ask.json"), dir.path().join("order.pdf"));
        std::fs::write(&path, LEGAL).unwrap();
        assert!(format!("{:?}", read(&path, None).unwrap_err()).contains("--order"));
        assert!(format!("{:?}", read(&path, Some(&order_file)).unwrap_err()).contains("no such file"));
        std::fs::write(&order_file, b"It is ordered").unwrap();
        let ask = read(&path, Some(&order_file)).unwrap();
        assert!(matches!(&ask.grounds, Grounds::Legal { order, .. } if order == b"It is ordered"));
        // The folder's copy of the form has no bytes of it.
        assert!(!serde_json::to_string(&ask).unwrap().contains("ordered"));
    }
}
