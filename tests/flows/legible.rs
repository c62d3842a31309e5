//! Whether a view of the owner's page can be read and used by everybody: contrast by light and in
//! the dark, names for what a screen reader meets, an order of the keyboard, a size to hit. The
//! figures are WCAG 2.2's, level AA.

use serde_json::{Value, json};
use world::browser::Browser;

/// The contrast that text must have; that of large text, and of what a figure is drawn with.
const TEXT: f64 = 4.5;
const LARGE: f64 = 3.0;

/// Text with too little contrast to what is behind it, each with its figure. What is disabled need
/// not be read.
const TOO_FAINT: &str = "
    const [text, large] = arguments;
    const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const rgba = (color) => {
        context.clearRect(0, 0, 1, 1);
        context.fillStyle = color;
        context.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
        return { r, g, b, a: a / 255 };
    };
    const over = (top, below) => {
        const mix = (it) => top[it] * top.a + below[it] * (1 - top.a);
        return { r: mix('r'), g: mix('g'), b: mix('b'), a: 1 };
    };
    const light = ({ r, g, b }) => {
        const linear = (value) => (value <= 10.31475 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4);
        return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    };
    const contrast = (one, other) => {
        const [dark, bright] = [light(one), light(other)].sort((a, b) => a - b);
        return (bright + 0.05) / (dark + 0.05);
    };
    const behind = (element) => {
        if (!element) return { r: 255, g: 255, b: 255, a: 1 };
        const color = rgba(getComputedStyle(element).backgroundColor);
        return color.a === 1 ? color : over(color, behind(element.parentElement));
    };
    const faint = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const [node, element] = [walker.currentNode, walker.currentNode.parentElement];
        if (!node.data.trim() || element.closest('noscript, script') || !element.checkVisibility()) continue;
        if (element.matches(':disabled, :disabled *') || element.closest('.hidden, thead')?.offsetWidth === 1) continue;
        const style = getComputedStyle(element);
        const ink = rgba(style.color);
        if (ink.a === 0) continue;
        const back = behind(element);
        const has = contrast(over(ink, back), back);
        const size = parseFloat(style.fontSize);
        const isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
        if (has < (isLarge ? large : text)) faint.push(`${node.data.trim().slice(0, 40)}: ${has.toFixed(2)}`);
    }
    // What the timeline is drawn with, on what it is drawn.
    const variable = (name) => rgba(getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
    for (const [one, other] of ['recorded paper', 'gap paper', 'release paper', 'chosen paper', 'ink paper', 'moved recorded', 'good raised', 'bad raised'].map((pair) => pair.split(' '))) {
        const has = contrast(variable(one), variable(other));
        if (has < large) faint.push(`${one} on ${other}: ${has.toFixed(2)}`);
    }
    return faint;";

/// Where the keyboard should go, in order; kept in the page.
const STOPS: &str = "
    const all = 'a[href], button, select, input, summary, [tabindex=\"0\"]';
    window.stops = [...document.querySelectorAll(all)].filter((it) => !it.disabled && it.checkVisibility());
    window.stops[0].focus();
    window.went = [0];
    window.stops.forEach((it, at) => (it.onfocus = () => window.went.push(at)));
    return window.stops.map((it) => it.outerHTML.slice(0, 80));";

/// Buttons and lists that are hard to hit.
const TOO_SMALL: &str = "
    const small = (it) => it.checkVisibility() && Math.min(it.getBoundingClientRect().width, it.getBoundingClientRect().height) < 24;
    return [...document.querySelectorAll('button, select, summary, nav a')].filter(small).map((it) => it.outerHTML.slice(0, 80));";

/// Roles of what is operated, and of what is seen: each needs a name.
const NAMED: [&str; 8] =
    ["button", "link", "slider", "combobox", "dialog", "Video", "DisclosureTriangle", "region"];

/// Year, month, day, hour, minute, second, half of the day, and what opens the calendar.
const DATE_FIELDS: usize = 8;

/// Asserts it of the view that is open.
pub(super) async fn legible(browser: &Browser, view: &str) {
    let scheme = async |value: &str| {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        browser.devtools("Emulation.setEmulatedMedia", features).await;
    };
    for by in ["light", "dark"] {
        scheme(by).await;
        let script = TOO_FAINT.replace("arguments", &format!("[{TEXT}, {LARGE}]"));
        assert_eq!(browser.run(&script).await, json!([]), "{view}, {by}");
    }
    scheme("").await;
    assert_eq!(browser.run(TOO_SMALL).await, json!([]), "{view}");
    assert_eq!(browser.run("return document.querySelectorAll('main h1').length").await, json!(1), "{view}");

    let tree = browser.devtools("Accessibility.getFullAXTree", json!({})).await;
    let nodes = tree["nodes"].as_array().unwrap().iter().filter(|node| node["ignored"] == false);
    let text = |node: &Value, of: &str| node[of]["value"].as_str().unwrap_or_default().to_owned();
    let met: Vec<_> = nodes.map(|node| (text(node, "role"), text(node, "name"))).collect();
    assert!(met.iter().filter(|(role, _)| NAMED.contains(&role.as_str())).count() > 5, "{view}: {met:?}");
    let nameless = met.iter().find(|(role, name)| NAMED.contains(&role.as_str()) && name.trim().is_empty());
    assert_eq!(nameless, None, "{view}");

    let stops = browser.run(STOPS).await;
    let count = stops.as_array().unwrap().len();
    // A date is one stop, and several fields in it.
    for _ in 1..count + DATE_FIELDS {
        if browser.run("return window.went.length").await == json!(count) {
            break;
        }
        browser.press("\u{E004}").await;
    }
    let went = browser.run("document.activeElement.blur(); return window.went").await;
    assert_eq!(
        went,
        json!(Vec::from_iter(0..count)),
        "{view}: the keyboard goes elsewhere; in order: {stops}"
    );
}
