//! `candor registrar`.

use super::{ConfigFile, Ended, Outcome, Terminal, patiently};
use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use escrow::record::{KeyState, Role};
use registrar::{Config, Draft, Error};
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make the key, once; prints the verifier key that the log's operator and the rules name.
    #[command(after_help = "Example: candor registrar init --config registrar.toml")]
    Init(ConfigFile),
    /// Say in the log that from now on a key counts. What would count for nothing under the rules in force
    /// is refused, and nothing is logged.
    #[command(
        after_help = "Example: candor registrar register --config reg.toml --role officer --agency pd.example --vkey KEY"
    )]
    Register(Key),
    /// Say in the log that a key no longer counts, for ever.
    #[command(
        after_help = "Example: candor registrar revoke --config reg.toml --role officer --agency pd.example --vkey KEY"
    )]
    Revoke(Key),
    /// As a court, sign that a document confirms a logged emergency; the agency carries it to the log.
    #[command(
        after_help = "Example: candor registrar confirm --config court.toml --case case-77 --document o.pdf --to yes.note"
    )]
    Confirm(Confirm),
    /// Write the recommended rules of release (a PolicyDoc) into a file, to read, change and
    /// publish.
    #[command(
        after_help = "Example: candor registrar rules --to policy-doc.txt --operator KEY --registrar KEY --trustee KEY"
    )]
    Rules {
        /// The file to write.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        /// The verifier key of the operator, who will publish the rules.
        #[arg(long, value_name = "VKEY")]
        operator: String,
        /// The verifier key of a registrar, who says whose keys count; with a scope: "KEY police.example US".
        /// May be repeated.
        #[arg(long, value_name = "VKEY", required = true)]
        registrar: Vec<String>,
        /// The verifier key of a trustee, whose grants count; may be repeated.
        #[arg(long, value_name = "VKEY", required = true)]
        trustee: Vec<String>,
        /// A figure other than the recommended one, such as emergency-span-secs=900; may be repeated.
        #[arg(long, value_name = "NAME=NUMBER")]
        figure: Vec<String>,
        /// The file of the rules in force, which these are to follow; without it they are a log's first.
        #[arg(long, value_name = "FILE")]
        after: Option<PathBuf>,
    },
    /// Publish a PolicyDoc in the log, as the operator whom it names, or whom the one before it names. Rules
    /// that do not follow those in force are refused.
    #[command(after_help = "Example: candor registrar publish --config registrar.toml policy-doc.txt")]
    Publish {
        #[command(flatten)]
        file: ConfigFile,
        /// The file of the rules.
        policy_doc: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Confirm {
    #[command(flatten)]
    file: ConfigFile,
    /// The agency's folder of the request, or its files leaf.note and leaf.tlog-proof in one.
    #[arg(long, value_name = "FOLDER")]
    case: PathBuf,
    /// The court's document. Only its SHA-256 goes into the log.
    #[arg(long, value_name = "FILE")]
    document: PathBuf,
    /// The file to write, for the agency.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Key {
    #[command(flatten)]
    file: ConfigFile,
    /// What the key may sign for: officer, supervisor, sponsor or court.
    #[arg(long, value_parser = role)]
    role: Role,
    /// The agency, or the own name of a sponsor or court.
    #[arg(long)]
    agency: String,
    /// The verifier key, as `init` printed it.
    #[arg(long)]
    vkey: String,
}

fn role(text: &str) -> Result<Role, String> {
    Role::from_word(text).ok_or_else(|| "officer, supervisor, sponsor or court".to_owned())
}

impl Verb {
    pub(crate) async fn run(self, terminal: &Terminal) -> Outcome {
        match self {
            Self::Init(file) => init(terminal, &file),
            Self::Register(key) => said(terminal, &key, KeyState::Registered).await,
            Self::Revoke(key) => said(terminal, &key, KeyState::Revoked).await,
            Self::Confirm(confirm) => confirmed(terminal, &confirm),
            Self::Rules { to, operator, registrar, trustee, figure, after } => {
                let [registrars, trustees] = &[&registrar, &trustee].map(|keys| texts(keys));
                let figures = &figure.iter().map(|text| one_figure(text)).collect::<Result<Vec<_>, _>>()?;
                let (operator, after) = (&operator, after.as_deref());
                rules(terminal, &to, &Draft { operator, registrars, trustees, figures, after })
            }
            Self::Publish { file, policy_doc } => {
                let config = made(&file)?;
                if let Some(at) = registrar::foresee_rules(&config, &policy_doc).await.map_err(ended)? {
                    return already(terminal, "published", at);
                }
                let published = patiently(terminal, registrar::publish_rules(&config, &policy_doc)).await;
                told(terminal, "published", &published.map_err(ended)?.added)
            }
        }
    }
}

/// The configuration of a registrar or operator that was made.
fn made(file: &ConfigFile) -> Result<Config, Ended> {
    file.load_made("registrar", |config: &Config| &config.data)
}

fn init(terminal: &Terminal, file: &ConfigFile) -> Outcome {
    let next = "for a registrar or operator: the log's operator lists this key under [[submitters]], and `candor registrar rules` names it. For a court: a registrar registers it with --role court.";
    terminal.vkey(&registrar::init(&file.load()?).map_err(Ended::wrong)?, next)
}

/// Says of a key what would count, and nothing else.
async fn said(terminal: &Terminal, key: &Key, state: KeyState) -> Outcome {
    let (config, role) = (made(&key.file)?, key.role);
    let done = if state == KeyState::Registered { "registered" } else { "revoked" };
    if let Some(at) =
        registrar::foresee_key(&config, state, role, &key.agency, &key.vkey).await.map_err(ended)?
    {
        return already(terminal, done, at);
    }
    let adding = async {
        match state {
            KeyState::Registered => registrar::register(&config, role, &key.agency, &key.vkey).await,
            KeyState::Revoked => registrar::revoke(&config, role, &key.agency, &key.vkey).await,
        }
    };
    told(terminal, done, &patiently(terminal, adding).await.map_err(ended)?)
}

fn already(terminal: &Terminal, done: &str, at: u64) -> Outcome {
    let value = serde_json::json!({ "done": done, "already": true, "leaf_index": at });
    terminal.done(&value, |_| format!("{done} already, in leaf {at}: nothing was added"))
}

fn texts(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}

fn rules(terminal: &Terminal, to: &Path, draft: &Draft<'_>) -> Outcome {
    let hash = registrar::write_rules(to, draft).map_err(ended)?.to_hex();
    let value = serde_json::json!({ "path": to, "sha256": hash });
    terminal.done(&value, |_| format!("{} written, SHA-256 {hash}", to.display()))
}

fn confirmed(terminal: &Terminal, said: &Confirm) -> Outcome {
    let read = |path: &Path| {
        let bytes = std::fs::read(path).with_context(|| format!("{}: cannot be read", path.display()));
        bytes.map_err(Ended::wrong)
    };
    let (leaf, proof) = (read(&said.case.join("leaf.note"))?, read(&said.case.join("leaf.tlog-proof"))?);
    let document = tlog::Hash::of(&[&read(&said.document)?]);
    let note = registrar::confirm(&made(&said.file)?, &leaf, &proof, document).map_err(ended)?;
    host::durable::create_exclusive(&said.to, &note).map_err(Ended::wrong)?;
    let value = serde_json::json!({ "path": said.to, "document": document.to_hex() });
    terminal.done(&value, |_| format!("{} written, for the agency to carry", said.to.display()))
}

fn ended(error: Error) -> Ended {
    match error {
        Error::Add(_) | Error::File(_) => error.into(),
        Error::Log(_) => error.into(),
        Error::NotASubmitter { .. } | Error::ForNothing(_) => Ended::no(error),
        error => Ended::wrong(error),
    }
}

fn told(terminal: &Terminal, done: &str, added: &registrar::Added) -> Outcome {
    let value = serde_json::json!({ "done": done, "leaf_index": added.index, "witnesses": added.witnesses });
    terminal.done(&value, |_| {
        format!("{done} in leaf {}, cosigned by {}", added.index, added.witnesses.join(", "))
    })
}

fn one_figure(text: &str) -> Result<(&str, u64), Ended> {
    let parsed = text.split_once('=').and_then(|(name, number)| Some((name, number.parse().ok()?)));
    parsed.ok_or_else(|| Ended::wrong(anyhow!("--figure {text}: write NAME=NUMBER")))
}
