//! A real browser without a screen: Debian's chromium, driven through chromedriver (W3C WebDriver:
//! JSON over HTTP).
//!
//! In scope: opening pages, running scripts in them, keys and pointer as a person uses them,
//! pictures of the page. Out of scope: what a page should show, which stands with its tests.

use crate::{processes, until};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use host::http::{Fetch, FetchLimits};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// How WebDriver names an element's id.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keeps what notes said.
const NOTES: &str = "
    window.notes = [];
    const keep = () => document.querySelectorAll('.note').forEach(({ textContent: said }) => {
        if (!window.notes.includes(said)) window.notes.push(said);
    });
    new MutationObserver(keep).observe(document, { subtree: true, childList: true, characterData: true });
    window.wasSaid = (text) => {
        keep();
        const found = window.notes.some((note) => note.startsWith(text) || note.endsWith(text));
        if (found) window.notes = [];
        return found;
    }";

/// A browser with one window. Dropping it ends all its processes.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    fetch: Fetch,
    session: String,
    /// Where it puts downloads.
    pub downloads: PathBuf,
    _dir: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.driver.id().into_iter().for_each(processes::kill_family);
    }
}

impl Browser {
    /// Starts one with a fresh profile.
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let downloads = dir.path().join("downloads");
        std::fs::create_dir(&downloads).unwrap();
        let mut command = Command::new("chromedriver");
        command
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let mut driver =
            command.spawn().expect("chromedriver is missing: apt-get install chromium chromium-driver");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port: u16 = loop {
            let line = tokio::time::timeout(crate::PATIENCE, lines.next_line()).await.unwrap().unwrap();
            let line = line.expect("chromedriver ended before it listened");
            if let Some((_, port)) = line.split_once("successfully on port ") {
                break port.trim_end_matches('.').parse().unwrap();
            }
        };
        // What it says later must not fill the pipe.
        tokio::spawn(async move { while lines.next_line().await.is_ok_and(|line| line.is_some()) {} });
        let limits =
            FetchLimits { timeout: crate::PATIENCE, answer_bytes: 32 << 20, ..FetchLimits::default() };
        let mut browser =
            Self { driver, fetch: Fetch::new(limits), session: String::new(), downloads, _dir: dir };
        let profile = browser._dir.path().join("profile");
        let args = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,900",
        ];
        let mut args: Vec<String> = args.map(str::to_owned).to_vec();
        args.push(format!("--user-data-dir={}", profile.display()));
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": {
                "binary": "/usr/bin/chromium",
                "args": args,
                "prefs": { "download.default_directory": browser.downloads, "download.prompt_for_download": false },
            },
        } } });
        let url = format!("http://127.0.0.1:{port}/session");
        let reply = browser.fetch.post(&url, "application/json", wanted.to_string()).await.unwrap();
        let answer: Value = serde_json::from_slice(&reply.body).unwrap();
        let id = answer["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {answer}"));
        browser.session = format!("{url}/{id}");
        let source = json!({ "source": NOTES });
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", source).await;
        browser
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/{path}", self.session);
        let reply = self.fetch.post(&url, "application/json", body.to_string()).await.unwrap();
        let answer: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(reply.status, 200, "{path} {body}: {answer}");
        answer["value"].clone()
    }

    pub async fn go(&self, url: &str) {
        self.post("url", json!({ "url": url })).await;
    }

    /// What a function body returns in the page.
    pub async fn run(&self, script: &str) -> Value {
        self.post("execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// Waits until an expression is true in the page.
    pub async fn until(&self, what: &str, expression: &str) {
        until(what, async || self.run(&format!("return Boolean({expression})")).await == json!(true)).await;
    }

    /// Waits until a note of the page says what begins or ends like this. Notes go after some seconds:
    /// one that came and went since this was asked last counts, however slow the machine is.
    pub async fn said(&self, what: &str, text: &str) {
        let expression = format!("window.wasSaid({})", json!(text));
        self.until(what, &expression).await;
    }

    async fn find(&self, css: &str) -> String {
        let found = self.post("element", json!({ "using": "css selector", "value": css })).await;
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    /// Clicks as a person does: what is covered or out of reach cannot be clicked.
    pub async fn click(&self, css: &str) {
        let id = self.find(css).await;
        self.post(&format!("element/{id}/click"), json!({})).await;
    }

    /// Presses the pointer on an element, so many pixels right of its middle, moves it by `drag`
    /// pixels, and lets it go.
    pub async fn drag(&self, css: &str, from_middle: i64, drag: i64) {
        let id = self.find(css).await;
        let at = |x: i64| json!({ "type": "pointerMove", "duration": 50, "x": x, "y": 0, "origin": { ELEMENT: id } });
        let steps = json!([
            at(from_middle),
            { "type": "pointerDown", "button": 0 },
            at(from_middle + drag),
            { "type": "pointerUp", "button": 0 },
        ]);
        let pointer = json!({ "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": steps });
        self.post("actions", json!({ "actions": [pointer] })).await;
    }

    /// Drags a finger over an element, from so many pixels right of its middle.
    pub async fn swipe(&self, css: &str, from_middle: i64, drag: i64) {
        let id = self.find(css).await;
        let at = |x: i64| json!({ "type": "pointerMove", "duration": 50, "x": x, "y": 0, "origin": { ELEMENT: id } });
        let steps = json!([
            at(from_middle),
            { "type": "pointerDown", "button": 0 },
            at(from_middle + drag / 2),
            { "type": "pause", "duration": 500 },
            at(from_middle + drag),
            { "type": "pointerUp", "button": 0 },
        ]);
        let finger = json!({ "type": "pointer", "id": "finger", "parameters": { "pointerType": "touch" }, "actions": steps });
        self.post("actions", json!({ "actions": [finger] })).await;
    }

    /// Moves the pointer over an element, so many pixels right of its middle.
    pub async fn hover(&self, css: &str, from_middle: i64) {
        let id = self.find(css).await;
        let step = json!({ "type": "pointerMove", "duration": 50, "x": from_middle, "y": 0, "origin": { ELEMENT: id } });
        let pointer = json!({ "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": [step] });
        self.post("actions", json!({ "actions": [pointer] })).await;
    }

    /// Presses a key; what no character names has a place in Unicode's private use area (WebDriver,
    /// "Keyboard actions").
    pub async fn press(&self, key: &str) {
        let steps = json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        self.post("actions", json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": steps }] }))
            .await;
    }

    /// Keeps a picture of the whole page as `target/NAME.png`, for people.
    pub async fn picture(&self, name: &str) {
        let page = self.devtools("Page.getLayoutMetrics", json!({})).await["cssContentSize"].clone();
        // Beyond the viewport there is no scroll bar: the page is as wide as the window.
        let width = self.run("return innerWidth").await;
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": page["height"], "scale": 1 });
        let how = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let answer = self.devtools("Page.captureScreenshot", how).await;
        let png = BASE64_STANDARD.decode(answer["data"].as_str().unwrap()).unwrap();
        crate::keep(&format!("{name}.png"), &png);
    }

    /// A command of the DevTools protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.post("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await
    }

    /// Errors and warnings that the browser had since this was asked last: of scripts, policies,
    /// the network.
    pub async fn complaints(&self) -> Vec<String> {
        let entries = self.post("se/log", json!({ "type": "browser" })).await;
        let serious = |entry: &&Value| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING"));
        entries.as_array().unwrap().iter().filter(serious).map(|entry| entry["message"].to_string()).collect()
    }

    /// Waits until a download of this ending is whole.
    pub async fn downloaded(&self, ending: &str) -> PathBuf {
        let whole = || {
            let entries = std::fs::read_dir(&self.downloads).unwrap();
            entries
                .map(|entry| entry.unwrap().path())
                .find(|path| path.extension().is_some_and(|has| has == ending))
        };
        until("a download", async || whole().is_some()).await;
        whole().unwrap()
    }

    /// A moment for what is drawn once in a while.
    pub async fn breathe(&self) {
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}
