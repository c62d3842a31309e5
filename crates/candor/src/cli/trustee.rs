//! `candor trustee`.

use super::when::show_us;
use super::{ConfigFile, Ended, Outcome, Terminal};
use clap::Subcommand;
use host::shutdown::Shutdown;
use std::path::PathBuf;
use trustee::{Config, Error, Pending};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make the trustee's key and its empty ledger, once; prints the verifier key for owners and for the log.
    #[command(after_help = "Example: candor trustee init --config trustee.toml")]
    Init(ConfigFile),
    /// Make the key of a person who may approve; the printed key goes into the trustee's `approvers`.
    #[command(after_help = "Example: candor trustee approver --key clerk-3.key bar.example/clerk-3")]
    Approver {
        /// Where the secret key goes; it stays with that person.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The person's name in approvals, such as bar.example/clerk-3.
        name: String,
    },
    /// Serve: publish day keys, check packages, grant what is logged and approved; until Ctrl-C.
    #[command(after_help = "Example: candor trustee serve --config trustee.toml")]
    Serve {
        #[command(flatten)]
        file: ConfigFile,
        /// Approve without a person. For tests and demos ONLY: marked in the log, the status and every grant.
        #[arg(long)]
        auto_approve: bool,
    },
    /// What waits for a person's decision: exactly what is asked, and why.
    #[command(after_help = "Example: candor trustee pending --config trustee.toml")]
    Pending(ConfigFile),
    /// Approve a pending request with an approver's key.
    #[command(after_help = "Example: candor trustee approve --config trustee.toml --key clerk-3.key ID")]
    Approve {
        #[command(flatten)]
        file: ConfigFile,
        /// The entry id, as `pending` shows it.
        id: String,
        /// The approver's secret key.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// Refuse a pending request. The refusal goes into the log.
    #[command(after_help = "Example: candor trustee deny --config trustee.toml --reason not-urgent ID")]
    Deny {
        #[command(flatten)]
        file: ConfigFile,
        /// The entry id, as `pending` shows it.
        id: String,
        /// One word of why, such as not-urgent.
        #[arg(long)]
        reason: String,
    },
}

impl Verb {
    pub(crate) async fn run(self, terminal: &Terminal, shutdown: Shutdown) -> Outcome {
        match self {
            Self::Init(file) => {
                let created = trustee::init(&file.load()?).map_err(Ended::wrong)?;
                terminal.result(&created, |created| created.vkey.clone());
                terminal.next("owners put this key into their policies, the log's operator lists it under [[submitters]].");
            }
            Self::Approver { key, name } => {
                let vkey = trustee::approver_init(&key, &name).map_err(Ended::wrong)?;
                terminal.result(&serde_json::json!({ "vkey": vkey }), |_| vkey.clone());
                terminal.next("list this key under `approvers` in the trustee's configuration.");
            }
            Self::Serve { file, auto_approve } => {
                let mut config: Config = file.load()?;
                file.made("trustee", &config.data)?;
                config.auto_approve |= auto_approve;
                let listen = config.listen;
                trustee::run(config, shutdown).await.map_err(|error| match error {
                    Error::Listen(error) => Ended::cannot_listen(listen, error),
                    Error::File(_) | Error::Ledger(_) | Error::DayKeys(_) => error.into(),
                    error => Ended::wrong(error),
                })?;
            }
            Self::Pending(file) => {
                let pending = trustee::pending(&folder(&file)?)?;
                terminal.result(&serde_json::json!({ "pending": pending }), |_| {
                    if pending.is_empty() {
                        "nothing waits".to_owned()
                    } else {
                        pending.iter().map(page).collect::<Vec<_>>().join("\n\n")
                    }
                });
            }
            Self::Approve { file, id, key } => {
                trustee::approve(&folder(&file)?, &id, &key).map_err(Ended::wrong)?;
                terminal.result(&serde_json::json!({ "id": id, "decision": "approved" }), |_| {
                    format!("{id} is approved; the running trustee takes it in within seconds")
                });
            }
            Self::Deny { file, id, reason } => {
                trustee::deny(&folder(&file)?, &id, &reason).map_err(Ended::wrong)?;
                let value = serde_json::json!({ "id": id, "decision": "denied" });
                terminal.result(&value, |_| format!("{id} is refused; the refusal goes into the log"));
            }
        }
        Ok(())
    }
}

/// The configuration of a trustee that was made.
fn folder(file: &ConfigFile) -> Result<Config, Ended> {
    let config: Config = file.load()?;
    file.made("trustee", &config.data)?;
    Ok(config)
}

fn page(pending: &Pending) -> String {
    let mut lines = vec![
        format!("{}  {} ({} epochs, {})", pending.id, pending.kind, pending.epochs, pending.span),
        format!("  leaf        {}", pending.request_index),
        format!("  agency      {}", pending.agency.as_deref().unwrap_or("-")),
        format!("  basis       {}", pending.basis.as_deref().unwrap_or("-")),
        format!("  footage     {} to {}", show_us(pending.from_us), show_us(pending.until_us)),
        format!("  expires     {}", show_us(pending.expires_at.saturating_mul(1_000_000))),
    ];
    lines.extend(pending.details.iter().map(|line| format!("  {:<11} {}", line.field, line.text)));
    if let Some(decided) = &pending.decided {
        lines.push(format!("  decided     {decided}, not taken in yet"));
    }
    lines.join("\n")
}
