//! `candor request`.

use super::{ConfigFile, Ended, Outcome, Terminal};
use anyhow::Context as _;
use clap::{Args, Subcommand};
use requester::collect::{Answer, CollectError, Collected};
use requester::folder::RequestFolder;
use requester::open::{OpenError, Tried};
use requester::{Config, Requester};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make the keys of officer, supervisor, sponsor and link, once; prints their public halves.
    Init(ConfigFile),
    /// Compose a request from a file that says what is asked and why, and sign it as the officer.
    New {
        #[command(flatten)]
        request: Folder,
        /// A JSON file; `candor request example` prints one to fill in.
        #[arg(long, value_name = "FILE")]
        ask: PathBuf,
    },
    /// Print an example of the file that `new` takes.
    Example,
    /// Sign the draft as the supervisor: an emergency needs it.
    Sign(Folder),
    /// Countersign as the sponsor and put the request into the log. From here on everybody can count it.
    Submit(Folder),
    /// Ask every trustee until enough have granted; may be repeated.
    Collect {
        #[command(flatten)]
        request: Folder,
        /// How long to keep asking, seconds.
        #[arg(long, default_value_t = 600)]
        within: u64,
    },
    /// Rebuild the keys of exactly the granted epochs, fetch the footage, write the clip and its evidence.
    Open(Folder),
    /// Try the released keys on another epoch: they do not open it.
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
        Ok((Requester::open(self.file.load()?)?, RequestFolder::at(&self.folder)))
    }
}

impl Verb {
    pub(crate) async fn run(self, terminal: &Terminal) -> Outcome {
        match self {
            Self::Init(file) => {
                let created = requester::keys::init(&file.load::<Config>()?)?;
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
                let text = std::fs::read(&ask)
                    .with_context(|| format!("{}", ask.display()))
                    .map_err(Ended::wrong)?;
                let ask = serde_json::from_slice(&text)
                    .with_context(|| format!("{}: not an ask", ask.display()))
                    .map_err(Ended::wrong)?;
                let drafted = requester::request::new(&requester, &ask, &folder).await?;
                terminal.result(&drafted, drafted_text);
            }
            Self::Sign(request) => {
                let (requester, folder) = request.open()?;
                let drafted = requester::request::sign(&requester, &folder)?;
                terminal.result(&drafted, drafted_text);
            }
            Self::Submit(request) => {
                let (requester, folder) = request.open()?;
                let submitted = requester::request::submit(&requester, &folder).await?;
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
                    Err(error) => return Err(error.into()),
                }
            }
            Self::Open(request) => {
                let (requester, folder) = request.open()?;
                let on = &mut |step| terminal.step(&step, |step| format!("{step:?}"));
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
                    Err(error) => return Err(error.into()),
                }
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
        Answer::Pending { state } => format!("not yet: {state}"),
        Answer::Refused { step, name, what_to_do, .. } => format!("refused at {step} ({name}): {what_to_do}"),
        Answer::Unusable { reason } => format!("no usable answer: {reason}"),
    }
}

const EXAMPLE: &str = include_str!("request/example.json");
