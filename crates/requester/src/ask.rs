//! What an officer asks for and why, in the officer's words, and the details that are sealed from
//! it. Contract: `proto/release.md#details`.
//!
//! In scope: the form of an ask. Out of scope: whether the camera has such footage
//! (`objects`); whether it may be released, which trustees decide.

use escrow::details::Details;
use escrow::package::ORDER_MAX_BYTES;
use escrow::record::{self, Line, Name};
use host::rng::Rng;
use media::id::{CameraId, EpochNo, TrackId};
use serde::{Deserialize, Serialize};
use tlog::Hash;

/// What is asked and why. All of it is sealed into the details, except kind, basis and the length
/// of the span.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The camera's id, 64 hex digits.
    pub camera_id: String,
    #[serde(default)]
    pub track: u32,
    /// Capture time, Unix microseconds: every epoch that overlaps the span is asked for.
    pub from_us: u64,
    pub to_us: u64,
    pub kind: Kind,
    /// The public basis, one word of the PolicyDoc's list, such as `danger-of-death`.
    pub basis: String,
    /// The officer in words: name and badge.
    pub officer: String,
    pub badge: String,
    pub supervisor: String,
    /// Who called whom back, when, on which published number.
    pub call_back: String,
    pub case_number: String,
    /// The event, where several requests are about one: `new` for the first of them, and for the others the
    /// id that its leaf shows. Everybody reads it.
    #[serde(default)]
    pub incident: Option<String>,
    /// The basis in words, or the order and its court.
    pub grounds: Grounds,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Emergency,
    Legal,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Grounds {
    Emergency {
        in_danger: String,
        why_waiting_is_dangerous: String,
        why_no_order: String,
        how_footage_helps: String,
    },
    Legal {
        court: String,
        summary: String,
        /// The order itself, byte for byte: a file beside the form. Its hash goes into the details, and
        /// the order to the trustees.
        #[serde(skip)]
        order: Vec<u8>,
    },
}

/// What of an ask cannot be written into the details.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("camera_id is not 64 hexadecimal digits")]
    CameraId,
    #[error("{field} must be one line of 1 to 2,000 bytes without control characters")]
    Line { field: &'static str },
    #[error("a legal request brings the court's order: a file of 1 to {ORDER_MAX_BYTES} bytes")]
    Order,
    #[error("incident {0:?} is neither `new` nor an id as the first request's leaf shows it")]
    Incident(String),
    #[error("the grounds are for the other kind of request; use `{0}` grounds")]
    Grounds(&'static str),
}

impl Ask {
    pub(crate) fn camera_id(&self) -> Result<CameraId, AskError> {
        self.camera_id.parse().map_err(|_| AskError::CameraId)
    }

    /// The event that the leaf names.
    pub(crate) fn incident(&self, rng: &Rng) -> Result<Option<Hash>, AskError> {
        match self.incident.as_deref() {
            None => Ok(None),
            Some("new") => Ok(Some(Hash(rng.bytes()))),
            Some(known) => match Hash::from_base64(known) {
                Some(id) => Ok(Some(id)),
                None => Err(AskError::Incident(known.to_owned())),
            },
        }
    }

    /// The order that goes to the trustees; none in an emergency.
    pub(crate) fn order(&self) -> &[u8] {
        match &self.grounds {
            Grounds::Legal { order, .. } => order,
            Grounds::Emergency { .. } => &[],
        }
    }

    /// What only trustees and the owner will read.
    pub(crate) fn details(&self, agency: &Name, first: EpochNo, last: EpochNo) -> Result<Details, AskError> {
        let mut details = Details {
            camera_id: self.camera_id()?,
            track: TrackId(self.track),
            first_epoch: first,
            last_epoch: last,
            agency: Some(agency.clone()),
            officer: line("officer", &self.officer)?,
            badge: line("badge", &self.badge)?,
            supervisor: line("supervisor", &self.supervisor)?,
            call_back: line("call_back", &self.call_back)?,
            case_number: line("case_number", &self.case_number)?,
            court: None,
            order: None,
            grounds: None,
            in_danger: None,
            urgency: None,
            no_order: None,
            purpose: None,
            recipient: None,
        };
        match (&self.grounds, self.kind) {
            (
                Grounds::Emergency { in_danger, why_waiting_is_dangerous, why_no_order, how_footage_helps },
                Kind::Emergency,
            ) => {
                details.in_danger = line("in_danger", in_danger)?;
                details.urgency = line("why_waiting_is_dangerous", why_waiting_is_dangerous)?;
                details.no_order = line("why_no_order", why_no_order)?;
                details.purpose = line("how_footage_helps", how_footage_helps)?;
            }
            (Grounds::Legal { court, summary, order }, Kind::Legal) => {
                details.court = line("court", court)?;
                if !(1..=ORDER_MAX_BYTES).contains(&order.len()) {
                    return Err(AskError::Order);
                }
                details.order = Some(Hash::of(&[order]));
                details.grounds = line("summary", summary)?;
            }
            (Grounds::Legal { .. }, Kind::Emergency) => return Err(AskError::Grounds("emergency")),
            (Grounds::Emergency { .. }, Kind::Legal) => return Err(AskError::Grounds("legal")),
        }
        Ok(details)
    }
}

impl From<Kind> for record::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Emergency => Self::Emergency,
            Kind::Legal => Self::Legal,
        }
    }
}

fn line(field: &'static str, text: &str) -> Result<Option<Line>, AskError> {
    Line::new(text).map(Some).ok_or(AskError::Line { field })
}
