//! `candor owner token`: which programs may ask the bridge.

use crate::cli::when::When;
use crate::cli::{ConfigFile, Ended, Outcome, Terminal};
use crate::words::{show_here_us, table};
use clap::Subcommand;
use media::time::Seconds;
use owner::KeptError;
use owner::tokens::{self, Made, Token, TokenError};

#[derive(Debug, Subcommand)]
pub(crate) enum TokenVerb {
    /// Make a token for a program; it is shown once.
    #[command(after_help = "\
Whoever has it, and comes to the bridge, sees those cameras live and their past: pictures, sound, events
and releases. It changes nothing.
Example: candor owner token add --config owner.toml home-assistant --cameras front-door")]
    Add {
        #[command(flatten)]
        file: ConfigFile,
        /// What you call the program.
        name: String,
        /// It sees these cameras alone; else all of them, those to come too.
        #[arg(long, value_name = "CAMERA", num_args = 1..)]
        cameras: Option<Vec<String>>,
        /// When it ends, such as 2027-01-01 or "2027-01-01 12:00"; else when it is removed.
        #[arg(long, value_name = "DATE")]
        until: Option<When>,
    },
    /// List the tokens that are kept, without themselves.
    #[command(after_help = "Example: candor owner token list --config owner.toml")]
    List(ConfigFile),
    /// Remove a token: a running bridge answers it no more within a second, and its streams end.
    #[command(after_help = "Example: candor owner token remove --config owner.toml home-assistant")]
    Remove {
        #[command(flatten)]
        file: ConfigFile,
        /// Its name, as `list` shows it.
        name: String,
    },
}

impl TokenVerb {
    pub(super) async fn run(self, terminal: &Terminal) -> Outcome {
        match self {
            Self::Add { file, name, cameras, until } => {
                let until = until.map(|When(us)| us.div_ceil(1_000_000));
                let made = tokens::add(&super::open(&file)?, &name, cameras.as_deref(), until).await;
                terminal.done(&made.map_err(not_changed)?, added)
            }
            Self::List(file) => {
                let all = tokens::list(&super::open(&file)?).await.map_err(not_changed)?;
                terminal.done(&serde_json::json!({ "tokens": all }), |_| listed(&all))
            }
            Self::Remove { file, name } => {
                tokens::remove(&super::open(&file)?, &name).await.map_err(not_changed)?;
                let removed = serde_json::json!({ "removed": name });
                terminal.done(&removed, |_| format!("the token of {name} opens nothing any more"))
            }
        }
    }
}

fn listed(all: &[Token]) -> String {
    let mut rows = vec![["program", "cameras", "since", "until"].map(str::to_owned).to_vec()];
    let moment = |secs: u64| show_here_us(Seconds(secs).micros().0);
    for token in all {
        let cameras = token.cameras.as_ref().map_or_else(|| "all".to_owned(), |cameras| cameras.join(", "));
        let until = token.until.map_or_else(|| "removed".to_owned(), moment);
        rows.push(vec![token.name.clone(), cameras, moment(token.since), until]);
    }
    table(&rows)
}

fn added(Made { token, about }: &Made) -> String {
    format!(
        "The token of {} is\n\n  {token}\n\nIt is shown this once. Whoever has it may watch what it sees, until it is \
         removed.",
        about.name
    )
}

fn not_changed(error: TokenError) -> Ended {
    match error {
        TokenError::Taken(_)
        | TokenError::Unknown(_)
        | TokenError::BadName(_)
        | TokenError::NoCamera
        | TokenError::Over
        | TokenError::TooMany
        | TokenError::Book(_)
        | TokenError::Kept(KeptError::Malformed { .. } | KeptError::TooLarge { .. }) => Ended::wrong(error),
        TokenError::Kept(KeptError::Lock(_) | KeptError::File(_)) => error.into(),
    }
}
