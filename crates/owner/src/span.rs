//! What is asked for: which picture of which camera, and which time.

use media::id::TrackId;
use media::time::Micros;
use std::time::Duration;

/// Which picture: a camera by its name in the book, and its track. A name alone is the camera's
/// main one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture<'a> {
    pub camera: &'a str,
    pub track: TrackId,
}

impl<'a> From<&'a str> for Picture<'a> {
    fn from(camera: &'a str) -> Self {
        Self { camera, track: TrackId::MAIN }
    }
}

impl<'a> From<&'a String> for Picture<'a> {
    fn from(camera: &'a String) -> Self {
        Self::from(camera.as_str())
    }
}

/// A span of capture time, `from` included, `to` excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    from_us: Micros,
    to_us: Micros,
}

/// The longest span one command takes: a day on which clocks go back, by two hours at the most.
pub const MAX_SPAN: Duration = Duration::from_secs(26 * 3600);

/// Why a span was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    #[error("the span ends before it begins; give the earlier time first")]
    Backwards,
    #[error("the span is longer than 26 hours; ask for it in parts")]
    TooLong,
}

impl Span {
    pub fn new(from_us: Micros, to_us: Micros) -> Result<Self, SpanError> {
        match to_us.since(from_us) {
            Duration::ZERO => Err(SpanError::Backwards),
            length if length > MAX_SPAN => Err(SpanError::TooLong),
            _ => Ok(Self { from_us, to_us }),
        }
    }

    pub fn from_us(self) -> Micros {
        self.from_us
    }

    pub fn to_us(self) -> Micros {
        self.to_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_day_of_any_clock_is_one_span() {
        // Antarctica/Troll goes back by two hours.
        let troll = 26 * 3_600_000_000;
        assert!(Span::new(Micros(5), Micros(5 + troll)).is_ok());
        assert_eq!(Span::new(Micros(5), Micros(6 + troll)), Err(SpanError::TooLong));
        assert_eq!(Span::new(Micros(5), Micros(5)), Err(SpanError::Backwards));
    }
}
