//! `candor trustee`.

use super::{ConfigFile, Ended, Outcome, Terminal};
use crate::words::show_us;
use clap::Subcommand;
use host::durable;
use host::running::until_ended;
use host::shutdown::Shutdown;
use std::path::{Path, PathBuf};
use trustee::{Called, Config, Error, Pending};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make the trustee's key and its empty ledger, once; prints the verifier key for owners and
    /// the log.
    #[command(after_help = "Example: candor trustee init --config trustee.toml")]
    Init(ConfigFile),
    /// Make what is missing around the key of a trustee whose disk was lost or restored; `serve`
    /// then declares each day key that is not here lost in the log, for ever: put back all you have first.
    #[command(after_help = "Example: candor trustee restore --config trustee.toml")]
    Restore(ConfigFile),
    /// Make the key of a person who may approve; the printed key goes into `approvers`.
    #[command(after_help = "Example: candor trustee approver --key clerk-3.key bar.example/clerk-3")]
    Approver {
        /// Where the secret key goes; it stays with that person.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The person's name in approvals, such as bar.example/clerk-3.
        name: String,
    },
    /// Publish day keys, check requests, grant what is logged and approved, until Ctrl-C.
    #[command(after_help = "Example: candor trustee serve --config trustee.toml")]
    Serve {
        #[command(flatten)]
        file: ConfigFile,
        /// Approve without a person. For tests and demos ONLY: the log, the status and every grant
        /// show it.
        #[arg(long)]
        auto_approve: bool,
    },
    /// Show what waits for a person's decision: exactly what is asked, and why.
    #[command(after_help = "Example: candor trustee pending --config trustee.toml")]
    Pending(ConfigFile),
    /// Save the court's order that came with a pending request, byte for byte, to read it.
    #[command(after_help = "Example: candor trustee order --config trustee.toml --out order.file ID")]
    Order {
        #[command(flatten)]
        file: ConfigFile,
        /// The request's id, as `pending` shows it.
        id: String,
        /// The file to write: a new one, under a name of your own.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Approve a pending request, with the key of a person who may, and who called the agency back.
    #[command(
        after_help = "Example: candor trustee approve --config t.toml --key key --called Ann --number 555 --source web ID"
    )]
    Approve {
        #[command(flatten)]
        file: ConfigFile,
        /// The request's id, as `pending` shows it.
        id: String,
        /// The file of that person's secret key.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Who answered there, and confirmed that the request is the agency's.
        #[arg(long, value_name = "WHO")]
        called: String,
        /// On which number.
        #[arg(long, value_name = "TEL")]
        number: String,
        /// Where that number is published: never the one that the request gives.
        #[arg(long, value_name = "FROM")]
        source: String,
    },
    /// Refuse a pending request. The log shows that a person refused, not why.
    #[command(
        after_help = "Example: candor trustee deny --config trustee.toml --key clerk-3.key --reason not-urgent ID"
    )]
    Deny {
        #[command(flatten)]
        file: ConfigFile,
        /// The request's id, as `pending` shows it.
        id: String,
        /// Why, in one line, such as not-urgent: only the asker is told.
        #[arg(long)]
        reason: String,
        /// The file of the secret key of the person who refuses.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
}

impl Verb {
    pub(crate) async fn run(self, terminal: &Terminal, shutdown: Shutdown) -> Outcome {
        match self {
            Self::Init(file) => init(terminal, &file),
            Self::Restore(file) => restore(terminal, &made(&file)?),
            Self::Approver { key, name } => approver(terminal, &key, &name),
            Self::Serve { file, auto_approve } => serve(&file, auto_approve, shutdown).await,
            Self::Pending(file) => pending(terminal, &made(&file)?),
            Self::Order { file, id, out } => order(terminal, &made(&file)?, &id, &out),
            Self::Approve { file, id, key, called, number, source } => {
                let call = Called { called: &called, number: &number, source: &source };
                trustee::approve(&made(&file)?, &id, call, &key).map_err(Ended::wrong)?;
                let what =
                    "is approved; the trustee takes it in within seconds if it runs, else when it is started";
                decided(terminal, &id, "approved", what)
            }
            Self::Deny { file, id, reason, key } => {
                trustee::deny(&made(&file)?, &id, &reason, &key).map_err(Ended::wrong)?;
                decided(terminal, &id, "denied", "is refused; the refusal goes into the log")
            }
        }
    }
}

/// The configuration of a trustee that was made.
fn made(file: &ConfigFile) -> Result<Config, Ended> {
    file.load_made("trustee", |config: &Config| &config.data)
}

fn init(terminal: &Terminal, file: &ConfigFile) -> Outcome {
    let created = trustee::init(&file.load()?).map_err(Ended::wrong)?;
    terminal.result(&created, |created| created.vkey.clone());
    terminal
        .next("owners put this key into their policies, the log's operator lists it under [[submitters]] with a trustee's kinds (deploy/config/log.toml).");
    Ok(())
}

fn restore(terminal: &Terminal, config: &Config) -> Outcome {
    let restored = trustee::restore(config).map_err(Ended::wrong)?;
    terminal.result(&restored, |restored| match restored.made.is_empty() {
        true => "nothing is missing".to_owned(),
        false => format!("empty now: {}", restored.made.join(", ")),
    });
    terminal.next(
        "put back what else you have, then run `candor trustee serve`: it reads the log, declares lost there which keys of days are not here, for ever, and makes new ones for today and the days to come.",
    );
    Ok(())
}

fn approver(terminal: &Terminal, key: &Path, name: &str) -> Outcome {
    let next = "list this key under `approvers` in the trustee's configuration.";
    terminal.vkey(&trustee::approver_init(key, name).map_err(Ended::wrong)?, next)
}

async fn serve(file: &ConfigFile, auto_approve: bool, shutdown: Shutdown) -> Outcome {
    let mut config = made(file)?;
    config.auto_approve |= auto_approve;
    until_ended(trustee::start(config, shutdown)).await.map_err(|error| match error {
        Error::Listen(_) | Error::File(_) | Error::Ledger(_) | Error::DayKeys(_) => error.into(),
        error => Ended::wrong(error),
    })
}

fn pending(terminal: &Terminal, config: &Config) -> Outcome {
    let pending = trustee::pending(config)?;
    terminal.done(&serde_json::json!({ "pending": pending }), |_| match pending.is_empty() {
        true => "nothing waits".to_owned(),
        false => pending.iter().map(page).collect::<Vec<_>>().join("\n\n"),
    })
}

fn order(terminal: &Terminal, config: &Config, id: &str, out: &Path) -> Outcome {
    let order = trustee::order(config, id).map_err(Ended::wrong)?;
    durable::create_exclusive(out, &order).map_err(Ended::wrong)?;
    let value = serde_json::json!({ "id": id, "path": out, "bytes": order.len() });
    terminal.result(&value, |_| {
        format!("wrote {}: {} bytes, the very ones that the request names", out.display(), order.len())
    });
    terminal.next(
        "it is the asker's file, of whatever type: open it where it can do no harm, and ask the court.",
    );
    Ok(())
}

fn decided(terminal: &Terminal, id: &str, decision: &str, what: &str) -> Outcome {
    terminal.done(&serde_json::json!({ "id": id, "decision": decision }), |_| format!("{id} {what}"))
}

fn shown(at: Option<u64>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| show_us(at.saturating_mul(1_000_000)))
}

fn page(pending: &Pending) -> String {
    let (epochs, footage) = match &pending.footage {
        Some(footage) => (
            format!("{} epochs, ", footage.epochs),
            format!("{} to {}", show_us(footage.from_us), show_us(footage.until_us)),
        ),
        None => (String::new(), "-".to_owned()),
    };
    let mut lines = vec![
        format!("{}  {} ({epochs}{})", pending.id, pending.kind, pending.span),
        format!("  leaf        {}, in the log since {}", pending.request_index, shown(pending.logged_at)),
        format!("  written     {}, by its own word", shown(Some(pending.written_at))),
        format!("  agency      {}", pending.agency.as_deref().unwrap_or("-")),
        format!("  basis       {}", pending.basis.as_deref().unwrap_or("-")),
        format!("  footage     {footage}"),
        format!("  expires     {}", shown(Some(pending.expires_at))),
    ];
    lines.extend(pending.details.iter().map(|line| format!("  {:<11} {}", line.field, line.text)));
    if pending.order_bytes > 0 {
        let bytes = pending.order_bytes;
        lines.push(format!("  to read     the order, {bytes} bytes: candor trustee order saves it"));
    }
    if pending.approvals > 0 {
        lines.push(
            "  to do       call the agency on a number that you looked up, not one of this page".to_owned(),
        );
    }
    if pending.approvals > 1 {
        lines.push(format!("  approvers   {}: so many emergencies were asked for lately", pending.approvals));
    }
    if let Some(decided) = pending.decided {
        lines.push(format!("  decided     {}, not taken in yet", decided.word()));
    }
    lines.join("\n")
}
