//! `candor request`.

use super::when::When;
use super::{ConfigFile, Ended, Outcome, Terminal, steps};
use anyhow::Context as _;
use clap::{Args, Subcommand};
use requester::collect::{Answer, CollectError, Collected};
use requester::folder::{FolderError, RequestFolder};
use requester::open::{OpenError, Tried};
use requester::ratify::RatifyError;
use requester::request::{Ask, RequestError};
use requester::{Config, Requester};
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make the keys of officer, supervisor, sponsor and link, once; prints their public halves.
    #[command(after_help = "Example: candor request init --config requester.toml")]
    Init(ConfigFile),
    /// Compose a request from a file that says what is asked and why, and sign it as the officer.
    #[command(after_help = "Example: candor request new --config requester.toml --ask ask.json case-77")]
    New {
        #[command(flatten)]
        request: Folder,
        /// A JSON file; `candor request example` prints one to fill in.
        #[arg(long, value_name = "FILE")]
        ask: PathBuf,
    },
    /// Print an example of the file that `new` takes.
    #[command(after_help = "Example: candor request example > ask.json")]
    Example,
    /// Sign the draft as the supervisor: an emergency needs it.
    #[command(after_help = "Example: candor request sign --config requester.toml case-77")]
    Sign(Folder),
    /// Countersign as the sponsor and put the request into the log. From here on everybody can count it.
    #[command(after_help = "Example: candor request submit --config requester.toml case-77")]
    Submit(Folder),
    /// Ask every trustee until enough have granted; may be repeated.
    #[command(after_help = "Example: candor request collect --config requester.toml case-77 --within 3600")]
    Collect {
        #[command(flatten)]
        request: Folder,
        /// How long to keep asking, seconds.
        #[arg(long, default_value_t = 600)]
        within: u64,
    },
    /// Rebuild the keys of exactly the granted epochs, fetch the footage, write the clip and its evidence.
    #[command(after_help = "Example: candor request open --config requester.toml case-77")]
    Open(Folder),
    /// Say in the log that a court confirmed this emergency. Too many unratified ones, and trustees refuse the agency.
    #[command(
        after_help = "Example: candor request ratify --config requester.toml case-77 --document order.pdf"
    )]
    Ratify {
        #[command(flatten)]
        request: Folder,
        /// The court's document. Only its SHA-256 goes into the log.
        #[arg(long, value_name = "FILE")]
        document: PathBuf,
    },
    /// Try the released keys on another epoch: they do not open it.
    #[command(after_help = "Example: candor request try --config requester.toml case-77 42")]
    Try {
        #[command(flatten)]
        request: Folder,
        /// The epoch's number.
        epoch: u64,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Folder {
    #[command(flatten)]
    file: ConfigFile,
    /// The folder of this one request.
    folder: PathBuf,
}

impl Folder {
    fn open(&self) -> Result<(Requester, RequestFolder), Ended> {
        let config: Config = self.file.load()?;
        self.file.made("request", &config.keys)?;
        Ok((Requester::open(config).map_err(Ended::wrong)?, RequestFolder::at(&self.folder)))
    }
}

impl Verb {
    pub(crate) async fn run(self, terminal: &Terminal) -> Outcome {
        match self {
            Self::Init(file) => {
                let created = requester::keys::init(&file.load::<Config>()?).map_err(Ended::wrong)?;
                terminal.result(&created, |created| {
                    format!(
                        "officer     {}\nsupervisor  {}\nsponsor     {}\nlink        {}\nThe registrar registers the first three; the log's operator lists the sponsor, the relay's operator the link key.",
                        created.officer_vkey, created.supervisor_vkey, created.sponsor_vkey, created.link_key
                    )
                });
            }
            Self::Example => terminal.line(EXAMPLE.trim_end()),
            Self::New { request, ask } => {
                let (requester, folder) = request.open()?;
                let ask = read_ask(&ask)?;
                let drafted = requester::request::new(&requester, &ask, &folder).await.map_err(not_made)?;
                terminal.result(&drafted, drafted_text);
            }
            Self::Sign(request) => {
                let (requester, folder) = request.open()?;
                let drafted = requester::request::sign(&requester, &folder).map_err(not_made)?;
                terminal.result(&drafted, drafted_text);
            }
            Self::Submit(request) => {
                let (requester, folder) = request.open()?;
                let submitted = requester::request::submit(&requester, &folder).await.map_err(not_made)?;
                terminal.result(&submitted, |submitted| {
                    format!(
                        "leaf {} of the log, cosigned by {}; everybody can count it now",
                        submitted.leaf_index,
                        submitted.witnesses.join(", ")
                    )
                });
            }
            Self::Collect { request, within } => {
                let (requester, folder) = request.open()?;
                let on = &mut |step: requester::collect::Step| {
                    terminal.step(&step, |step| {
                        format!(
                            "{} of {}  {}: {}",
                            step.held,
                            step.needed,
                            step.trustee,
                            answer_text(&step.answer)
                        )
                    });
                };
                match requester::collect::collect(&requester, &folder, Duration::from_secs(within), on).await
                {
                    Ok(collected) => terminal.result(&collected, collected_text),
                    Err(error @ (CollectError::TooFew { .. } | CollectError::Refused(_))) => {
                        return Err(Ended::no(error));
                    }
                    Err(CollectError::Folder(error)) => return Err(folder_wrong(error)),
                    Err(error) => return Err(error.into()),
                }
            }
            Self::Open(request) => {
                let (requester, folder) = request.open()?;
                let on = &mut |step| terminal.step(&step, steps::opening);
                match requester::open::open(&requester, &folder, on).await {
                    Ok(opened) => terminal.result(&opened, |opened| {
                        let clips: Vec<_> =
                            opened.clips.iter().map(|clip| clip.display().to_string()).collect();
                        format!(
                            "{} of {} epochs opened, {} segments: {}\nevidence: {} (candor verify)",
                            opened.epochs_opened,
                            opened.epochs_requested,
                            opened.segments,
                            clips.join(", "),
                            opened.evidence.display()
                        )
                    }),
                    Err(error @ OpenError::Combine { .. }) => return Err(Ended::no(error)),
                    Err(error @ OpenError::NotLogged) => return Err(Ended::wrong(error)),
                    Err(OpenError::Folder(error) | OpenError::Case(CollectError::Folder(error))) => {
                        return Err(folder_wrong(error));
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            Self::Ratify { request, document } => {
                let (requester, folder) = request.open()?;
                let bytes = std::fs::read(&document)
                    .with_context(|| format!("{}: cannot be read", document.display()))
                    .map_err(Ended::wrong)?;
                let document = tlog::Hash::of(&[&bytes]);
                let ratified = requester::ratify::ratify(&requester, &folder, document).await;
                let ratified = ratified.map_err(not_ratified)?;
                terminal.result(&ratified, |ratified| {
                    format!(
                        "the emergency of leaf {} is ratified in leaf {}, cosigned by {}",
                        ratified.request_index,
                        ratified.leaf_index,
                        ratified.witnesses.join(", ")
                    )
                });
            }
            Self::Try { request, epoch } => {
                let (requester, folder) = request.open()?;
                let tried = requester::open::try_epoch(&requester, &folder, epoch).await?;
                terminal.result(&tried, |tried| match tried {
                    Tried::Opened => "it opens: it was released".to_owned(),
                    Tried::Refused { name } => format!("it stays closed: {name}"),
                    Tried::NoFootage => "the relay holds no footage of it".to_owned(),
                });
            }
        }
        Ok(())
    }
}

/// A request that cannot be made as it is asked, or a step before its time, is the caller's to correct.
fn not_made(error: RequestError) -> Ended {
    match error {
        RequestError::Folder(error) => folder_wrong(error),
        RequestError::Objects(_) | RequestError::Add(_) => error.into(),
        error => Ended::wrong(error),
    }
}

fn not_ratified(error: RatifyError) -> Ended {
    match error {
        RatifyError::Folder(error) | RatifyError::Case(CollectError::Folder(error)) => folder_wrong(error),
        RatifyError::Case(_) | RatifyError::Add(_) => error.into(),
        error => Ended::wrong(error),
    }
}

fn folder_wrong(error: FolderError) -> Ended {
    match error {
        FolderError::Durable(_) => error.into(),
        error => Ended::wrong(error),
    }
}

fn drafted_text(drafted: &requester::request::Drafted) -> String {
    let next = match drafted.needs_supervisor {
        true => "Next: candor request sign, by the supervisor.",
        false => "Next: candor request submit. From then on it cannot be taken back.",
    };
    format!(
        "epochs {} to {} ({}), {} of {} trustees must grant: {}\n\nThe log will show everybody:\n{}\n{next}",
        drafted.first_epoch,
        drafted.last_epoch,
        drafted.epochs,
        drafted.threshold,
        drafted.trustees.len(),
        drafted.trustees.join(", "),
        drafted.public_text
    )
}

fn collected_text(collected: &Collected) -> String {
    let mut lines: Vec<String> = collected
        .answers
        .iter()
        .map(|(trustee, answer)| format!("{trustee}: {}", answer_text(answer)))
        .collect();
    lines.push(format!("{} of {} needed; next: candor request open", collected.held, collected.needed));
    lines.join("\n")
}

/// A trustee's answer in a few words.
pub(crate) fn answer_text(answer: &Answer) -> String {
    match answer {
        Answer::Granted { grant_index } => format!("granted, leaf {grant_index}"),
        Answer::Pending(state) => format!("not yet: {}", state.word()),
        Answer::Refused(refused) => {
            format!("refused at {} ({}): {}", refused.step, refused.name, refused.what_to_do)
        }
        Answer::Unusable { reason } => format!("no usable answer: {reason}"),
    }
}

const EXAMPLE: &str = include_str!("request/example.json");

/// Reads what is asked. The file says `from` and `to` as people write moments; the requester takes microseconds.
fn read_ask(path: &Path) -> Result<Ask, Ended> {
    let wrong = |error: anyhow::Error| Ended::wrong(error.context(format!("{}: not an ask", path.display())));
    let text = std::fs::read(path)
        .with_context(|| {
            format!("{}: cannot be read; `candor request example` prints one to fill in", path.display())
        })
        .map_err(Ended::wrong)?;
    let mut fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&text).map_err(|error| wrong(error.into()))?;
    for (moment, micros) in [("from", "from_us"), ("to", "to_us")] {
        if let Some(value) = fields.remove(moment) {
            let When(us) = value
                .as_str()
                .unwrap_or_default()
                .parse()
                .map_err(|error| wrong(anyhow::anyhow!("{moment}: {error}")))?;
            fields.insert(micros.to_owned(), us.into());
        }
    }
    let ask: Ask = serde_json::from_value(fields.into()).map_err(|error| wrong(error.into()))?;
    super::when::span(When(ask.from_us), When(ask.to_us))?;
    Ok(ask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_can_be_read_and_a_wrong_moment_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ask.json");
        std::fs::write(&path, EXAMPLE).unwrap();
        let ask = read_ask(&path).unwrap();
        assert_eq!(ask.to_us - ask.from_us, 120_000_000);
        std::fs::write(&path, EXAMPLE.replace("2026-", "soon ")).unwrap();
        assert!(format!("{:?}", read_ask(&path).unwrap_err()).contains("from: write 2026-11-25T14:03:00Z"));
        std::fs::write(&path, "[]").unwrap();
        assert!(read_ask(&path).is_err());
    }
}
