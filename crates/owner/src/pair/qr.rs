//! An invite as a QR code for a terminal: half blocks, two modules a character, light modules drawn
//! and dark ones left to the background, with the quiet zone scanners need. Terminals are dark more
//! often than not; on a light one the code is inverted, which phone cameras read as well.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// One string a terminal line, or `None` for a text longer than a QR code holds (2,953 bytes).
pub(super) fn lines(text: &str) -> Option<Vec<String>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let drawn = code
        .render::<Dense1x2>()
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark)
        .quiet_zone(true)
        .build();
    Some(drawn.lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invite_fits_a_terminal_of_eighty_columns() {
        let url = format!("candor://pair?relay=relay.example:4433&rk={0}&ok={0}&s={0}", "A".repeat(43));
        let drawn = lines(&url).unwrap();
        let width = drawn[0].chars().count();
        assert!(width <= 80, "{width}");
        assert!(drawn.iter().all(|line| line.chars().count() == width));
        // Square: two modules a line, the last line perhaps half filled.
        assert_eq!(drawn.len(), width.div_ceil(2));
        assert!(drawn[0].chars().all(|char| char == '█'), "the quiet zone is light");
        assert!(drawn.iter().skip(3).any(|line| line.contains('▀') && line.contains(' ')));
    }

    #[test]
    fn the_drawn_modules_are_those_of_the_code() {
        let text = "candor://pair?s=1";
        let code = QrCode::with_error_correction_level(text, EcLevel::L).unwrap();
        let drawn: Vec<Vec<char>> = lines(text).unwrap().iter().map(|line| line.chars().collect()).collect();
        for y in 0..code.width() {
            for x in 0..code.width() {
                let symbol = drawn[(y + 4) / 2][x + 4];
                let light = match (y + 4) % 2 {
                    0 => matches!(symbol, '▀' | '█'),
                    _ => matches!(symbol, '▄' | '█'),
                };
                assert_eq!(light, code[(x, y)] == qrcode::Color::Light, "{x},{y}");
            }
        }
    }

    #[test]
    fn a_text_that_no_code_holds_is_none() {
        assert_eq!(lines(&"x".repeat(3000)), None);
    }
}
