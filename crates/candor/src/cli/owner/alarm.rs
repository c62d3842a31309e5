//! `candor owner alarm`.

use super::super::{ConfigFile, Ended, Outcome, Terminal};
use super::open;
use crate::words::{ahead, show_here_us};
use clap::Args;
use host::shutdown::Shutdown;
use owner::alarm::hook::{Hook, Hooks, Webhook};
use std::path::PathBuf;
use std::time::Duration;

/// The shortest and the longest grace: after a day nobody calls it an alarm.
const AFTER: std::ops::RangeInclusive<Duration> = owner::alarm::SHORTEST..=Duration::from_secs(86_400);

#[derive(Debug, Args)]
pub(crate) struct Alarm {
    #[command(flatten)]
    file: ConfigFile,
    /// How long a camera may have neither a session nor a new segment: 20s at least, such as 5m or
    /// 1h.
    #[arg(long, default_value = "60s", value_parser = grace)]
    after: Duration,
    /// Start this program for each message, with JSON on its standard input and CANDOR_ALARM_* in
    /// its environment. It is ended after 30 s.
    #[arg(long, value_name = "CMD")]
    command: Option<String>,
    /// Let `sh -c` run CMD, for arguments and pipes.
    #[arg(long, requires = "command")]
    shell: bool,
    /// POST each message as JSON to the URL in this file (one line, chmod 600); if nobody answers,
    /// again for about ten minutes. Whoever serves that URL learns the camera's name, and when
    /// something moved if that is told; of a picture what [alarm] lets out.
    #[arg(long, value_name = "FILE", conflicts_with = "webhook")]
    webhook_file: Option<PathBuf>,
    /// The same with the URL itself, for one that is no secret: every user of this machine can read
    /// a command line.
    // Parsed later, so that no error repeats it.
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
}

impl Alarm {
    pub(super) async fn run(self, terminal: &Terminal, shutdown: Shutdown) -> Outcome {
        let owner = open(&self.file)?;
        let command =
            self.command.map(|line| if self.shell { Hook::Shell(line) } else { Hook::Program(line) });
        command.as_ref().map_or(Ok(()), Hook::check).map_err(Ended::wrong)?;
        let webhook = match (&self.webhook_file, &self.webhook) {
            (Some(file), _) => Some(Webhook::read(file)),
            (None, url) => url.as_deref().map(Webhook::new),
        };
        let webhook = webhook.transpose().map_err(Ended::wrong)?.map(Hook::Webhook);
        let hooks = Hooks::start(command.into_iter().chain(webhook).collect());
        terminal.next(&format!(
            "leave it running; it speaks when something has changed for {} s, and of what moves where [alarm] asks for it. Ctrl-C ends it.",
            self.after.as_secs()
        ));
        let on = &mut |message: owner::alarm::Message| {
            terminal.result(&message, |message| {
                format!("{}  {}", show_here_us(message.at * 1_000_000), message.text)
            });
            hooks.tell(&message);
        };
        let watched = owner::alarm::watch(&owner, self.after, ahead, &shutdown, on).await;
        hooks.end().await;
        watched.map_err(Ended::wrong)
    }
}

fn grace(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>().ok();
    let grace = parsed.and_then(|grace| Duration::try_from(grace).ok());
    grace.filter(|grace| AFTER.contains(grace)).ok_or_else(|| {
        let [least, most] = [AFTER.start(), AFTER.end()].map(Duration::as_secs);
        format!("write a time from {least} s to {most} s, such as 90s, 5m or 1h")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grace_is_a_time_within_its_bounds() {
        assert_eq!(grace("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(grace("20s"), Ok(owner::alarm::SHORTEST));
        assert_eq!(grace("1h30m"), Ok(Duration::from_secs(5400)));
        for wrong in ["", "60", "19s", "25h", "-60s", "soon"] {
            assert!(grace(wrong).is_err(), "{wrong}");
        }
    }
}
