//! Parts of the picture that are black before anything is sealed, as the configuration says them.
//! Pure.
//!
//! ```toml
//! [privacy]
//! mask = ["0,0,30,40", "80,50,20,50"]     # left, top, width, height, in percent of the picture
//! ```
//! A mask needs every picture decoded and encoded anew. In scope: what may be said, and how ffmpeg
//! is told. Out of scope: drawing them (`capture/masked`).

use std::str::FromStr;

/// More are no mask but a drawing.
const RECTANGLES_MAX: usize = 16;

/// What is hidden of a camera's pictures, of both alike.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Privacy {
    #[serde(default)]
    pub mask: Mask,
}

/// What is black; nothing, unless it was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct Mask(Vec<Rectangle>);

/// Left, top, width and height in percent of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rectangle {
    left: u8,
    top: u8,
    width: u8,
    height: u8,
}

/// Why a mask is none.
#[derive(Debug, thiserror::Error)]
pub enum MaskError {
    #[error(
        "\"{0}\" is no part of a picture; write \"LEFT,TOP,WIDTH,HEIGHT\" in whole percent, such as \"0,0,30,40\", that reaches not beyond 100"
    )]
    Rectangle(String),
    #[error("`mask` has {RECTANGLES_MAX} parts at most")]
    TooMany,
}

impl TryFrom<Vec<String>> for Mask {
    type Error = MaskError;

    fn try_from(texts: Vec<String>) -> Result<Self, MaskError> {
        if texts.len() > RECTANGLES_MAX {
            return Err(MaskError::TooMany);
        }
        texts.iter().map(|text| text.parse()).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Rectangle {
    type Err = MaskError;

    fn from_str(text: &str) -> Result<Self, MaskError> {
        let wrong = || MaskError::Rectangle(text.chars().take(64).collect());
        let numbers: Result<Vec<u8>, _> = text.split(',').map(|number| number.trim().parse()).collect();
        let [left, top, width, height] = numbers.map_err(|_| wrong())?[..] else { return Err(wrong()) };
        let ends = |from: u8, long: u8| long > 0 && from.checked_add(long).is_some_and(|end| end <= 100);
        if !ends(left, width) || !ends(top, height) {
            return Err(wrong());
        }
        Ok(Self { left, top, width, height })
    }
}

impl Mask {
    /// Whether nothing is hidden.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How ffmpeg is told, as a chain of its filters: a part is never smaller than what was asked for,
    /// and ends between two pixels of colour, which are twice as large.
    pub(crate) fn filter(&self) -> String {
        let boxes = self.0.iter().map(|part| {
            let (right, bottom) = (part.left + part.width, part.top + part.height);
            let (x, y) = (format!("2*floor(iw*{}/200)", part.left), format!("2*floor(ih*{}/200)", part.top));
            let (w, h) = (format!("2*ceil(iw*{right}/200)-{x}"), format!("2*ceil(ih*{bottom}/200)-{y}"));
            format!("drawbox=x={x}:y={y}:w={w}:h={h}:color=black:t=fill,")
        });
        boxes.collect::<String>() + "format=yuv420p"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(texts: &[&str]) -> Result<Mask, MaskError> {
        Mask::try_from(texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_said_badly_is_named_and_nothing_is_hidden_unasked() {
        assert!(Privacy::default().mask.is_empty() && mask(&[]).unwrap().is_empty());
        for bad in [
            "",
            "1,2,3",
            "1,2,3,4,5",
            "0,0,0,10",
            "0,0,10,0",
            "60,0,41,10",
            "0,1,1,100",
            "-1,0,5,5",
            "a,0,5,5",
            "1.5,0,5,5",
            "200,0,100,5",
            "0,0,300,5",
        ] {
            let error = mask(&["0,0,10,10", bad]).unwrap_err();
            assert!(matches!(error, MaskError::Rectangle(_)), "{bad}: {error}");
        }
        assert!(matches!(mask(&["0,0,1,1"; RECTANGLES_MAX + 1]), Err(MaskError::TooMany)));
        let whole = mask(&["0, 0, 100, 100"; RECTANGLES_MAX]).unwrap();
        assert_eq!(whole.filter().matches("drawbox").count(), RECTANGLES_MAX);
    }
}
