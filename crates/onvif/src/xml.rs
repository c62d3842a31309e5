//! Reading a device's XML: by local names, because every maker has prefixes of its own. Pure.
//!
//! Nothing in it is trusted: no DTD, a bounded number of nodes, texts cut and without control
//! characters.

use crate::error::OnvifError;
use roxmltree::{Document, Node, ParsingOptions};

const NODES_MAX: u32 = 50_000;
/// Of a name or an address.
const TEXT_MAX: usize = 512;

pub(crate) fn parse(text: &str) -> Result<Document<'_>, OnvifError> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| OnvifError::Malformed(error.to_string()))
}

/// All elements of this name below a node, itself included.
pub(crate) fn all<'a, 'i: 'a>(node: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.descendants().filter(move |node| node.tag_name().name() == name)
}

/// The first element that such a path leads to; each step may skip levels.
pub(crate) fn find<'a, 'i: 'a>(node: Node<'a, 'i>, path: &[&'static str]) -> Option<Node<'a, 'i>> {
    path.iter().try_fold(node, |node, name| all(node, name).find(|found| *found != node))
}

/// What stands there, as far as it can be shown.
pub(crate) fn text(node: Node<'_, '_>, path: &[&'static str]) -> Option<String> {
    Some(shown(find(node, path)?.text()?)).filter(|text| !text.is_empty())
}

pub(crate) fn number(node: Node<'_, '_>, path: &[&'static str]) -> Option<u32> {
    // Some write 25.0.
    text(node, path)?.parse::<f64>().ok().filter(|it| (0.0..1e9).contains(it)).map(|it| it.round() as u32)
}

pub(crate) fn shown(text: &str) -> String {
    text.trim().chars().filter(|char| !char.is_control()).take(TEXT_MAX).collect()
}

/// For a place between two tags, or between quotes.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            char => escaped.push(char),
        }
    }
    escaped
}

/// Deeper than any device's configuration.
const DEPTH_MAX: usize = 64;

/// The same element under another name, with all that it holds, also what this crate knows nothing
/// of, but for attributes in a namespace of their own; where an element has the name in `changed`, it holds the text there instead.
pub(crate) fn written(
    node: Node<'_, '_>,
    name: &str,
    changed: &(&str, String),
) -> Result<String, OnvifError> {
    let mut out = String::new();
    write(&mut out, node, name, changed, DEPTH_MAX)?;
    Ok(out)
}

fn write(
    out: &mut String,
    node: Node<'_, '_>,
    name: &str,
    changed: &(&str, String),
    deeper: usize,
) -> Result<(), OnvifError> {
    let deeper = deeper.checked_sub(1).ok_or_else(|| OnvifError::Malformed("nested too deep".to_owned()))?;
    out.push_str(&format!("<{name}"));
    if let Some(namespace) = node.tag_name().namespace() {
        out.push_str(&format!(" xmlns=\"{}\"", escaped(namespace)));
    }
    for attribute in node.attributes().filter(|attribute| attribute.namespace().is_none()) {
        out.push_str(&format!(" {}=\"{}\"", attribute.name(), escaped(attribute.value())));
    }
    out.push('>');
    if node.tag_name().name() == changed.0 {
        out.push_str(&escaped(&changed.1));
    } else {
        for child in node.children() {
            match child.text() {
                Some(text) if child.is_text() => out.push_str(&escaped(text)),
                _ if child.is_element() => write(out, child, child.tag_name().name(), changed, deeper)?,
                _ => {}
            }
        }
    }
    out.push_str(&format!("</{name}>"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"<a:Root xmlns:a="urn:a" xmlns:b="urn:b"><a:Config token="t&quot;1"><b:Name>Door &amp; yard</b:Name><a:H264><a:GovLength>50</a:GovLength></a:H264></a:Config></a:Root>"#;

    #[test]
    fn an_element_is_written_again_whole_but_for_what_is_changed() {
        let document = parse(SAMPLE).unwrap();
        let config = find(document.root(), &["Config"]).unwrap();
        let again = written(config, "Configuration", &("GovLength", "25".to_owned())).unwrap();
        let again = parse(&again).unwrap();
        let root = again.root_element();
        assert_eq!((root.tag_name().name(), root.tag_name().namespace()), ("Configuration", Some("urn:a")));
        assert_eq!(root.attribute("token"), Some("t\"1"));
        assert_eq!(text(root, &["Name"]).as_deref(), Some("Door & yard"));
        assert_eq!(number(root, &["H264", "GovLength"]), Some(25));
        let name = find(again.root(), &["Name"]).unwrap();
        assert_eq!(name.tag_name().namespace(), Some("urn:b"));
    }

    #[test]
    fn what_is_nested_deeper_than_any_configuration_is_not_written() {
        let deep = format!("{}{}", "<a>".repeat(2000), "</a>".repeat(2000));
        let document = parse(&deep).unwrap();
        let changed = ("GovLength", String::new());
        let written = written(document.root_element(), "Configuration", &changed);
        assert!(matches!(written, Err(OnvifError::Malformed(_))));
    }

    #[test]
    fn what_is_no_xml_or_far_too_much_of_it_is_an_error_and_control_characters_are_not_shown() {
        let entity = "<!DOCTYPE a [<!ENTITY b \"bb\">]><a>&b;</a>";
        let many = format!("<a>{}</a>", "<b/>".repeat(60_000));
        let deep = format!("{}{}", "<a>".repeat(60_000), "</a>".repeat(60_000));
        for text in ["", "<a>", "no xml", entity, &many, &deep] {
            assert!(matches!(parse(text), Err(OnvifError::Malformed(_))), "{:.40}", text);
        }
        assert_eq!(shown(" a\u{1b}[31m\nb\u{9b} "), "a[31mb");
        assert_eq!(shown(&"é".repeat(2000)).chars().count(), TEXT_MAX);
    }
}
