//! `candor request`.

mod ask;

use super::{ConfigFile, Ended, Outcome, Overwrite, Terminal, patiently, steps};
use crate::words::{answer_text, show_here_us};
use anyhow::Context as _;
use clap::{Args, Subcommand};
use host::machine::Machine;
use requester::ask::Ask;
use requester::collect::{Change, CollectError, Collected};
use requester::folder::{FolderError, RequestFolder};
use requester::open::{OpenError, Step};
use requester::outset::Unfit;
use requester::ratify::RatifyError;
use requester::request::RequestError;
use requester::shares::SharesError;
use requester::show::Tried;
use requester::{CaseError, Config, Requester};
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make the keys of officer, supervisor and sponsor, and for the relay, once; prints the public
    /// halves.
    #[command(after_help = "Example: candor request init --config requester.toml")]
    Init(ConfigFile),
    /// Write a request from a file that says what is asked and why, and sign it as the officer.
    #[command(after_help = "Example: candor request new --config requester.toml --ask ask.json case-77")]
    New {
        #[command(flatten)]
        request: Folder,
        /// A JSON file; `candor request example` prints one to fill in.
        #[arg(long, value_name = "FILE")]
        ask: PathBuf,
        /// The court's order, which a legal request brings: trustees read this very file.
        #[arg(long, value_name = "FILE")]
        order: Option<PathBuf>,
        /// The event, where several requests are about one: `new` for the first of them, and for
        /// the others the id that its public text shows. Everybody can then see that they are one
        /// search.
        #[arg(long, value_name = "ID")]
        incident: Option<String>,
    },
    /// Print an example of the file that `new` takes.
    #[command(after_help = "Example: candor request example --legal > ask.json")]
    Example {
        /// Of a legal request, which brings a court's order, and not of an emergency.
        #[arg(long)]
        legal: bool,
    },
    /// Sign the draft as the supervisor.
    #[command(after_help = "Example: candor request sign --config requester.toml case-77")]
    Sign(Folder),
    /// Sign as the sponsor and put the request into the log, unless its trustees would refuse it for what
    /// stands in the log. From then on everybody can count it.
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
    /// Rebuild the keys of exactly what was granted, fetch the footage, write the clip and its
    /// evidence.
    #[command(after_help = "Example: candor request open --config requester.toml case-77")]
    Open(Folder),
    /// Carry a court's confirmation of this emergency to the log (`candor registrar confirm` makes
    /// it). Trustees refuse an agency that leaves too many unconfirmed.
    #[command(
        after_help = "Example: candor request ratify --config requester.toml case-77 --confirmed ratification.note"
    )]
    Ratify {
        #[command(flatten)]
        request: Folder,
        /// What the court signed.
        #[arg(long, value_name = "FILE")]
        confirmed: PathBuf,
    },
    /// Try the released keys on another epoch, to see that they do not open it.
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

/// Who asks, and the folder of the request.
type Opened = (Requester, RequestFolder);

impl Folder {
    fn open(&self) -> Result<Opened, Ended> {
        let config = self.file.load_made("request", |config: &Config| &config.keys)?;
        let desk = Requester::open(config, Machine::system()).map_err(Ended::wrong)?;
        Ok((desk, RequestFolder::at(&self.folder)))
    }
}

impl Verb {
    pub(crate) async fn run(self, terminal: &Terminal) -> Outcome {
        match self {
            Self::Init(file) => init(terminal, &file),
            Self::Example { legal } => {
                terminal.line(if legal { ask::LEGAL } else { ask::EXAMPLE }.trim_end());
                Ok(())
            }
            Self::New { request, ask, order, incident } => {
                let ask = ask::read(&ask, order.as_deref())?;
                let incident = incident.or_else(|| ask.incident.clone());
                new(terminal, request.open()?, Ask { incident, ..ask }).await
            }
            Self::Sign(request) => sign(terminal, request.open()?),
            Self::Submit(request) => submit(terminal, request.open()?).await,
            Self::Collect { request, within } => {
                collect(terminal, request.open()?, Duration::from_secs(within)).await
            }
            Self::Open(request) => open(terminal, request.open()?).await,
            Self::Ratify { request, confirmed } => ratify(terminal, request.open()?, &confirmed).await,
            Self::Try { request, epoch } => try_epoch(terminal, request.open()?, epoch).await,
        }
    }
}

fn init(terminal: &Terminal, file: &ConfigFile) -> Outcome {
    let created = requester::keys::init(&file.load::<Config>()?).map_err(Ended::wrong)?;
    terminal.done(&created, |created| {
        format!(
            "officer     {}\nsupervisor  {}\nsponsor     {}\nlink        {}\n\
             The registrar registers the first three; the log's operator lists the sponsor, the relay's \
             operator the link key.",
            created.officer_vkey, created.supervisor_vkey, created.sponsor_vkey, created.link_key
        )
    })
}

async fn new(terminal: &Terminal, (desk, folder): Opened, ask: Ask) -> Outcome {
    let now_us = Machine::system().clock.micros();
    if ask.to_us > now_us {
        let to = show_here_us(ask.to_us);
        return Err(Ended::wrong(anyhow::anyhow!(
            "`to` is {to}, which has not come: nothing is filmed then yet"
        )));
    }
    let drafted = requester::request::new(&desk, &ask, &folder).await.map_err(not_made)?;
    terminal.done(&drafted, drafted_text)?;
    if let Err(unfit) = requester::outset::foresee(&desk, &folder).await {
        terminal.error(&anyhow::Error::new(unfit).context("submitted now it would be refused"));
    }
    Ok(())
}

fn sign(terminal: &Terminal, (desk, folder): Opened) -> Outcome {
    let drafted = requester::request::sign(&desk, &folder).map_err(not_made)?;
    terminal.done(&drafted, drafted_text)
}

async fn submit(terminal: &Terminal, (desk, folder): Opened) -> Outcome {
    requester::outset::foresee(&desk, &folder).await.map_err(unfit)?;
    let submitted =
        patiently(terminal, requester::request::submit(&desk, &folder)).await.map_err(not_made)?;
    terminal.done(&submitted, |submitted| {
        let (index, witnesses) = (submitted.leaf_index, submitted.witnesses.join(", "));
        format!("leaf {index} of the log, cosigned by {witnesses}; everybody can count it now")
    })
}

async fn collect(terminal: &Terminal, (desk, folder): Opened, within: Duration) -> Outcome {
    let on = &mut |step: Change| {
        terminal.step(&step, |step| {
            let answer = answer_text(&step.answer);
            format!("{} of {}  {}: {answer}", step.held, step.needed, step.trustee)
        });
    };
    let collected = requester::collect::collect(&desk, &folder, within, on).await;
    let collected = collected.map_err(|error| match error {
        CollectError::TooFew { .. } | CollectError::Refused(_) | CollectError::NotEscrowed => {
            Ended::no(error)
        }
        CollectError::Case(error) => no_case(error),
    })?;
    terminal.done(&collected, collected_text)
}

async fn open(terminal: &Terminal, (desk, folder): Opened) -> Outcome {
    let on = &mut |step| terminal.step(&step, steps::opening);
    let opened = requester::open::open(&desk, &folder, on).await.map_err(not_opened)?;
    let court = opened.evidence.with_file_name("court.zip");
    crate::evidence::court::write(&opened.evidence, &Overwrite::ANEW.court_file(&court))
        .context("clips and evidence are written; the court file is not")?;
    terminal.step(&Step::Written { path: court.clone() }, steps::opening);
    terminal.done(&opened, |opened| {
        let clips: Vec<_> = opened.clips.iter().map(|clip| clip.display().to_string()).collect();
        format!(
            "{} of {} epochs opened, {} segments: {}\nevidence: {}, {} (candor verify)\nto hand on, all of it in one file: {}",
            opened.epochs_opened,
            opened.epochs_requested,
            opened.segments,
            clips.join(", "),
            opened.evidence.display(),
            match (opened.missing, opened.complete) {
                (0, false) if !opened.not_opened.is_empty() => "some epochs stay closed".to_owned(),
                (0, true) => "complete".to_owned(),
                (0, false) => "its end not proven".to_owned(),
                (missing, _) => format!("{missing} segments missing"),
            },
            court.display()
        )
    })
}

async fn ratify(terminal: &Terminal, (desk, folder): Opened, confirmed: &Path) -> Outcome {
    let confirmed = std::fs::read(confirmed)
        .with_context(|| format!("{}: cannot be read", confirmed.display()))
        .map_err(Ended::wrong)?;
    let ratifying = requester::ratify::ratify(&desk, &folder, &confirmed);
    let ratified = patiently(terminal, ratifying).await.map_err(not_ratified)?;
    terminal.done(&ratified, |ratified| {
        format!(
            "the emergency of leaf {} is ratified by {} in leaf {}, cosigned by {}",
            ratified.request_index,
            ratified.court,
            ratified.leaf_index,
            ratified.witnesses.join(", ")
        )
    })
}

async fn try_epoch(terminal: &Terminal, (desk, folder): Opened, epoch: u64) -> Outcome {
    let tried = requester::show::try_epoch(&desk, &folder, epoch).await?;
    terminal.done(&tried, |tried| match tried {
        Tried::Opened => "it opens: it was released".to_owned(),
        Tried::Refused { name } => format!("it stays closed: {name}"),
        Tried::Withheld { reason } => format!("the relay does not hand it out: {reason}"),
        Tried::NoFootage => "the relay holds no footage of it".to_owned(),
    })
}

/// A request that cannot be made as it is asked, or a step before its time, is the caller's to
/// correct.
fn not_made(error: RequestError) -> Ended {
    match error {
        RequestError::Folder(error) => no_folder(error),
        RequestError::Objects(_) | RequestError::Add(_) => error.into(),
        error => Ended::wrong(error),
    }
}

/// Nothing is logged that trustees would refuse: it would stand there, and count against quotas, for ever.
fn unfit(error: Unfit) -> Ended {
    match error {
        Unfit::Case(error) => no_case(error),
        Unfit::Log(_) => error.into(),
        error => Ended::no(anyhow::Error::new(error).context("not submitted, for trustees would refuse it")),
    }
}

fn not_opened(error: OpenError) -> Ended {
    match error {
        OpenError::Case(error) | OpenError::Shares(SharesError::Case(error)) => no_case(error),
        OpenError::Shares(SharesError::Combine { .. }) => Ended::no(error),
        OpenError::Shares(SharesError::NotLogged) => Ended::wrong(error),
        error => error.into(),
    }
}

fn not_ratified(error: RatifyError) -> Ended {
    match error {
        RatifyError::Folder(error) => no_folder(error),
        RatifyError::Case(error) => no_case(error),
        RatifyError::Add(_) | RatifyError::Log(_) | RatifyError::Dangling => error.into(),
        RatifyError::NoCourt { .. } | RatifyError::Already => Ended::no(error),
        error => Ended::wrong(error),
    }
}

fn no_case(error: CaseError) -> Ended {
    match error {
        CaseError::Folder(error) => no_folder(error),
        CaseError::Objects(_) => error.into(),
    }
}

fn no_folder(error: FolderError) -> Ended {
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
        "footage {} to {}\nepochs {} to {} ({}), {} of {} trustees must grant: {}\n\n\
         The log will show everybody:\n{}\n{next}",
        show_here_us(drafted.from_us),
        show_here_us(drafted.to_us),
        drafted.first_epoch,
        drafted.last_epoch,
        drafted.epochs,
        drafted.threshold,
        drafted.trustees.len(),
        drafted.trustees.join(", "),
        briefly(&drafted.public_text)
    )
}

/// A leaf's text without the middle of what is sealed, which nobody reads: `--json` has all of it.
fn briefly(text: &str) -> String {
    let line = |line: &str| match line.char_indices().nth(60) {
        Some((at, _)) if line.len() > 120 => {
            format!("{}... ({} characters)", line.split_at(at).0, line.chars().count())
        }
        _ => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn collected_text(collected: &Collected) -> String {
    let mut lines: Vec<String> = collected
        .answers
        .iter()
        .map(|(trustee, answer)| format!("{trustee}: {}", answer_text(answer)))
        .collect();
    if !collected.short.is_empty() {
        let epochs: Vec<String> = collected.short.iter().map(u64::to_string).collect();
        lines.push(format!("too few shares of epochs {}: these stay closed", epochs.join(", ")));
    }
    lines.push(format!("{} of {} needed; next: candor request open", collected.held, collected.needed));
    lines.join("\n")
}
