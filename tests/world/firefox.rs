//! Firefox without a screen: Debian's firefox-esr, driven through Marionette, its own remote
//! protocol, which WebDriver's geckodriver speaks to it.
//!
//! ```text
//! <- 50:{"applicationType":"gecko","marionetteProtocol":3}     a length, a colon, so many bytes of JSON
//! -> 48:[0,1,"WebDriver:Navigate",{"url":"http://..."}]        0: a command, with a number
//! <- 26:[1,1,null,{"value":null}]                              1: its answer: an error or a result
//! ```
//!
//! In scope: opening a page, running scripts in it, keys, a picture of it. What only Chromium's
//! driver can do stands with `browser`.

use crate::{PATIENCE, processes, until};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// It chooses a port and writes it into its profile; and asks nobody on the network on its own.
const PREFERENCES: &str = r#"user_pref("marionette.port", 0);
user_pref("app.normandy.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "data:,#");
"#;

/// A browser with one window. Dropping it ends all its processes.
#[derive(Debug)]
pub struct Firefox {
    process: Child,
    line: Mutex<Line>,
    _profile: tempfile::TempDir,
}

#[derive(Debug)]
struct Line {
    stream: BufReader<TcpStream>,
    asked: u64,
}

impl Drop for Firefox {
    fn drop(&mut self) {
        self.process.id().into_iter().for_each(processes::kill_family);
    }
}

impl Firefox {
    /// Starts one with a fresh profile.
    pub async fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        std::fs::write(profile.path().join("user.js"), PREFERENCES).unwrap();
        let mut command = Command::new("firefox-esr");
        command.args(["--headless", "--no-remote", "--marionette", "--profile"]).arg(profile.path());
        command.arg("about:blank").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("firefox-esr is missing: apt-get install firefox-esr");
        let written = profile.path().join("MarionetteActivePort");
        let port = || std::fs::read_to_string(&written).ok().and_then(|port| port.trim().parse::<u16>().ok());
        until("Firefox listens", async || port().is_some()).await;
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port().unwrap())).await.unwrap();
        let mut line = Line { stream: BufReader::new(stream), asked: 0 };
        line.read().await;
        let firefox = Self { process, line: Mutex::new(line), _profile: profile };
        firefox.ask("NewSession", json!({})).await;
        firefox.ask("SetWindowRect", json!({ "width": 1280, "height": 900 })).await;
        firefox
    }

    /// What a command of WebDriver answers.
    async fn ask(&self, command: &str, parameters: Value) -> Value {
        let mut line = self.line.lock().await;
        line.asked += 1;
        let message = json!([0, line.asked, format!("WebDriver:{command}"), parameters]).to_string();
        line.stream.write_all(format!("{}:{message}", message.len()).as_bytes()).await.unwrap();
        let answer = timeout(PATIENCE, line.read()).await.unwrap();
        assert!(answer[1] == json!(line.asked) && answer[2].is_null(), "{command}: {answer}");
        answer[3].clone()
    }

    pub async fn go(&self, url: &str) {
        self.ask("Navigate", json!({ "url": url })).await;
    }

    /// What a function body returns in the page.
    pub async fn run(&self, script: &str) -> Value {
        self.ask("ExecuteScript", json!({ "script": script, "args": [] })).await["value"].clone()
    }

    /// Waits until an expression is true in the page.
    pub async fn until(&self, what: &str, expression: &str) {
        until(what, async || self.run(&format!("return Boolean({expression})")).await == json!(true)).await;
    }

    /// Presses a key; what no character names has a place in Unicode's private use area (WebDriver,
    /// "Keyboard actions").
    pub async fn press(&self, key: &str) {
        let steps = json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": steps });
        self.ask("PerformActions", json!({ "actions": [keyboard] })).await;
    }

    /// Keeps a picture of the whole page as `target/NAME.png`, for people.
    pub async fn picture(&self, name: &str) {
        let answer = self.ask("TakeScreenshot", json!({ "full": true })).await;
        let png = BASE64_STANDARD.decode(answer["value"].as_str().unwrap()).unwrap();
        crate::keep(&format!("{name}.png"), &png);
    }
}

impl Line {
    async fn read(&mut self) -> Value {
        let mut length = Vec::new();
        self.stream.read_until(b':', &mut length).await.unwrap();
        let length = String::from_utf8(length).unwrap();
        let mut message = vec![0; length.trim_end_matches(':').parse().unwrap()];
        self.stream.read_exact(&mut message).await.unwrap();
        serde_json::from_slice(&message).unwrap()
    }
}
