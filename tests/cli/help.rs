//! `--help` teaches: every command is reachable from the top, explains itself and each flag, and
//! shows how it is called.

use world::processes::run;

/// The widest line that fits most terminals.
const COLUMNS: usize = 120;

/// A command's words after `candor`, and its help.
struct Page {
    words: Vec<String>,
    help: String,
}

/// The help of every command, found as a reader finds it: from the lists of commands.
async fn pages() -> Vec<Page> {
    let mut pages: Vec<Page> = Vec::new();
    let mut queue = vec![Vec::<String>::new()];
    while let Some(words) = queue.pop() {
        let args = [&words[..], &["--help".to_owned()]].concat();
        let ended = run(&args).await;
        assert_eq!(ended.code, Some(0), "{words:?}: {}", ended.stderr);
        assert_eq!(ended.stderr, "", "{words:?}: help goes to standard output");
        for command in commands(&ended.stdout) {
            queue.push([&words[..], &[command]].concat());
        }
        pages.push(Page { words, help: ended.stdout });
    }
    pages
}

/// The names under "Commands:".
fn commands(help: &str) -> Vec<String> {
    let section = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let entries = section.take_while(|line| !line.is_empty());
    // Two spaces and a name; more spaces continue the entry before.
    let names =
        entries.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_explains_itself_its_flags_and_how_it_is_called() {
    let pages = pages().await;
    assert!(pages.len() > 40, "only {} commands were found", pages.len());
    for Page { words, help } in &pages {
        let name = words.join(" ");
        let first = help.lines().next().unwrap();
        assert!(first.len() > 15 && first.contains(' '), "candor {name}: does not say what it does");
        for line in help.lines() {
            assert!(line.chars().count() <= COLUMNS, "candor {name}: too wide: {line}");
        }
        flags_are_explained(&name, help);
        if words.is_empty() {
            continue;
        }
        let lines: Vec<&str> = help.lines().collect();
        for two in lines.windows(2).filter(|two| two[0].starts_with("Example: ")) {
            assert!(two[1].is_empty() || two[1].starts_with("Example: "), "candor {name}: wrapped: {two:?}");
        }
        let is_leaf = commands(help).is_empty();
        let shows = help.lines().any(|line| line.starts_with(&format!("Example: candor {name}")));
        let says = help.lines().any(|line| line.starts_with("In order: "));
        assert!(if is_leaf { shows } else { says }, "candor {name}: neither an example nor what comes next");
    }
}

/// An option's or argument's line, or the one below it, says what it is.
fn flags_are_explained(name: &str, help: &str) {
    let mut section = "";
    let lines: Vec<&str> = help.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        if !line.starts_with(' ') {
            section = line;
            continue;
        }
        let is_entry = matches!(section, "Options:" | "Arguments:")
            && (line.trim_start().starts_with("-") || line.trim_start().starts_with('<'))
            && line.len() - line.trim_start().len() <= 6;
        if !is_entry {
            continue;
        }
        let beside = line.trim_start().split_once("  ").is_some_and(|(_, text)| text.trim().len() > 3);
        let below =
            lines.get(at + 1).is_some_and(|next| next.starts_with("          ") && next.trim().len() > 3);
        assert!(beside || below, "candor {name}: nothing explains {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_top_names_every_exit_code_and_where_to_begin() {
    let help = run(&["--help"]).await.stdout;
    for code in ["  0  ", "  1  ", "  2  ", "  3  ", "  4  "] {
        assert!(help.lines().any(|line| line.starts_with(code)), "no exit code {code}: {help}");
    }
    for words in ["candor demo", "deploy/config", "CANDOR_LOG"] {
        assert!(help.contains(words), "{words}: {help}");
    }
    let version = run(&["--version"]).await;
    assert_eq!((version.code, version.stdout.starts_with("candor ")), (Some(0), true));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_names_only_flags_that_the_command_has() {
    for Page { words, help } in pages().await {
        for example in help.lines().filter_map(|line| line.strip_prefix("Example: candor ")) {
            let own = example.split(" | ").next().unwrap();
            for flag in own.split_whitespace().filter(|word| word.starts_with('-')) {
                let has = help.lines().any(|line| {
                    let spelt = line.trim_start();
                    spelt.starts_with('-') && spelt.split([' ', ',']).any(|word| word == flag)
                });
                assert!(has, "candor {}: its example has {flag}", words.join(" "));
            }
        }
    }
}

/// Texts for people name no command that does not exist, and its flags after the verb.
#[tokio::test(flavor = "multi_thread")]
async fn every_command_that_a_text_names_exists() {
    let pages: Vec<Vec<String>> = pages().await.into_iter().map(|page| page.words).collect();
    let has = |words: &[&str]| pages.iter().any(|page| page == words);
    let mut named = 0;
    for (path, text) in texts() {
        for span in text.split("candor ").skip(1) {
            let mut words = span.split(|c: char| c.is_whitespace() || "`.,;:)'\"".contains(c));
            let (party, verb) = (words.next().unwrap(), words.next().unwrap_or_default());
            if !has(&[party])
                || has(&[party, verb])
                || !pages.iter().any(|page| page.len() > 1 && page[0] == party)
            {
                named += usize::from(has(&[party, verb]));
                continue;
            }
            // The head of a file or of a hash has a number or a zero byte behind its words.
            let is_word = verb.len() > 1 && verb.chars().all(|c| c.is_ascii_lowercase() || c == '-');
            let is_head = words.next().is_some_and(|next| next.starts_with(|c: char| c.is_ascii_digit()));
            assert!(!is_word || is_head, "{}: no `candor {party} {verb}`", path.display());
        }
    }
    assert!(named > 60, "only {named} commands were found");
}

/// Guides, samples, and the sources, whose errors say what to do.
fn texts() -> Vec<(std::path::PathBuf, String)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut queue = vec![root.join("crates"), root.join("deploy")];
    let mut found: Vec<_> = ["README.md", "CONTRIBUTING.md"].map(|page| root.join(page)).into();
    while let Some(folder) = queue.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let kind = path.extension().and_then(|kind| kind.to_str());
            match kind {
                _ if path.is_dir() => queue.push(path),
                Some("md" | "toml" | "rs") => found.push(path),
                _ => {}
            }
        }
    }
    found.into_iter().map(|path| (path.clone(), std::fs::read_to_string(&path).unwrap())).collect()
}
