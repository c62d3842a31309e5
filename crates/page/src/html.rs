//! Pages that are written as text, without script.

use std::fmt::{self, Display, Formatter, Write as _};

/// The language of every page, until there is a second one.
pub const LANGUAGE: &str = "en";

/// The head of a page: language, title, style sheets.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    pub title: &'a str,
    pub styles: &'a [&'a str],
    /// It loads itself again after so many seconds.
    pub again_after: u32,
}

impl Display for Head<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "<!doctype html>\n<html lang=\"{LANGUAGE}\">\n<meta charset=\"utf-8\">\n")?;
        f.write_str("<meta name=\"viewport\" content=\"width=device-width\">\n")?;
        writeln!(f, "<meta http-equiv=\"refresh\" content=\"{}\">", self.again_after)?;
        writeln!(f, "<title>{}</title>", Text(self.title))?;
        for style in self.styles {
            writeln!(f, "<link rel=\"stylesheet\" href=\"{}\">", Text(style))?;
        }
        Ok(())
    }
}

/// Text as HTML shows it: whatever somebody else wrote is no markup.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a>(pub &'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_else_wrote_is_no_markup() {
        let text = Text("<img src=x onerror=\"alert('1')\">&amp;").to_string();
        assert_eq!(text, "&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;amp;");
        let head = Head { title: "</title><script>", styles: &["a.css"], again_after: 10 }.to_string();
        assert!(head.contains("<title>&lt;/title&gt;&lt;script&gt;</title>"), "{head}");
        assert!(head.contains("href=\"a.css\"") && head.contains("content=\"10\""), "{head}");
    }
}
