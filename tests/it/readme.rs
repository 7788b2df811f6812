//! The commands that pages show are commands that there are.

use std::fs;
use std::process::{Command, Stdio};

use crate::support::root;

/// The pages whose commands people paste.
const PAGES: [&str; 7] = [
    "README.md",
    "CONTRIBUTING.md",
    "docs/audit.md",
    "docs/azure.md",
    "docs/gto.md",
    "docs/incidents.md",
    "docs/lineage.md",
];
/// The languages of blocks that hold commands.
const SHELLS: [&str; 4] = ["sh", "bash", "shell", "console"];

/// The commands in the blocks of a page, one a line: continued lines joined, prompts and comments taken away.
fn commands(page: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut language: Option<&str> = None;
    let mut is_continued = false;
    for line in page.lines() {
        if let Some(info) = line.trim_start().strip_prefix("```") {
            language = match language {
                None => Some(info.trim()),
                Some(_) => None,
            };
            continue;
        }
        let Some(language) = language.filter(|language| SHELLS.contains(language)) else {
            continue;
        };
        let prompted = line.trim().strip_prefix("$ ");
        if language == "console" && prompted.is_none() && !is_continued {
            continue;
        }
        let text = prompted.unwrap_or(line.trim());
        let text = text.split(" # ").next().unwrap_or(text).trim();
        let (text, continues) = match text.strip_suffix('\\') {
            Some(text) => (text.trim(), true),
            None => (text, false),
        };
        match found.last_mut().filter(|_| is_continued) {
            Some(last) => *last = format!("{last} {text}"),
            None if text.is_empty() || text.starts_with('#') => continue,
            None => found.push(text.to_owned()),
        }
        is_continued = continues;
    }
    found
}

/// The single calls of a command line, as words; variables set before them are taken away.
fn calls(command: &str) -> Vec<Vec<String>> {
    let parts = command.split("&&").flat_map(|part| part.split([';', '|']));
    let words = parts.map(|part| {
        let words = part.split_whitespace();
        let is_variable = |word: &&str| {
            word.split_once('=')
                .is_some_and(|(name, _)| !name.starts_with('-'))
        };
        words
            .skip_while(is_variable)
            .map(|word| word.trim_matches(['\'', '"', '(', ')', '`']).to_owned())
            .collect::<Vec<_>>()
    });
    words.filter(|words| !words.is_empty()).collect()
}

/// The names below `Commands:` in a help text.
fn subcommands(help: &str) -> Vec<&str> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    lines
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect()
}

/// What is wrong with the words after `promote`. `help` answers for a chain of subcommands.
fn problems_of(words: &[String], help: &dyn Fn(&[&str]) -> String) -> Vec<String> {
    let mut chain: Vec<&str> = Vec::new();
    let mut current = help(&chain);
    let mut known = current.clone();
    let mut rest = words;
    let find = |rest: &[String], help: &str| {
        let names = subcommands(help);
        rest.iter().position(|word| names.contains(&word.as_str()))
    };
    while let Some(at) = find(rest, &current) {
        chain.push(&rest[at]);
        rest = &rest[at + 1..];
        current = help(&chain);
        known.push_str(&current);
    }
    let text = words.join(" ");
    let is_whole = !chain.is_empty() || words.iter().all(|word| word.starts_with('-'));
    let mut problems = Vec::new();
    if !is_whole {
        problems.push(format!("`promote {text}` names no command"));
    }
    let flags = words.iter().filter(|word| word.starts_with("--"));
    let flags = flags.map(|word| word.split('=').next().unwrap_or(word));
    let is_known = |flag: &str| {
        let is_part = |c: char| c.is_alphanumeric() || c == '-';
        known.match_indices(flag).any(|(at, _)| {
            let after = known[at + flag.len()..].chars().next();
            !after.is_some_and(is_part)
        })
    };
    problems.extend(
        flags
            .filter(|flag| *flag != "--" && !is_known(flag))
            .map(|flag| format!("`promote {text}` has no `{flag}`")),
    );
    problems
}

/// The help of the program itself.
fn help_of(chain: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_promote"))
        .args(chain)
        .arg("--help")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && text.contains("Usage:"),
        "`promote {} --help` gives no help",
        chain.join(" ")
    );
    text
}

#[test]
fn every_command_of_the_pages_exists() {
    let recipes = fs::read_to_string(root().join("justfile")).unwrap();
    let mut problems = Vec::new();
    for page in PAGES {
        let Ok(text) = fs::read_to_string(root().join(page)) else {
            continue;
        };
        let calls: Vec<Vec<String>> = commands(&text)
            .iter()
            .flat_map(|line| calls(line))
            .collect();
        assert!(!calls.is_empty(), "{page} shows no command");
        for words in calls {
            let program = words[0].as_str();
            let rest = &words[1..];
            if program == "promote" || program.ends_with("/promote") {
                let wrong = problems_of(rest, &help_of);
                problems.extend(
                    wrong
                        .into_iter()
                        .map(|problem| format!("{page}: {problem}")),
                );
            } else if program == "just" {
                let recipe = rest.first().map_or("default", String::as_str);
                let is_recipe = |line: &str| line.split([' ', ':']).next() == Some(recipe);
                if !recipes.lines().any(is_recipe) {
                    problems.push(format!("{page}: `just {recipe}` is no recipe"));
                }
            } else if program.starts_with("./") && !root().join(program).exists() {
                problems.push(format!("{page}: `{program}` is not there"));
            }
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn commands_are_read_from_blocks_of_shell_alone() {
    let page = "```sh\n# no\nA=1 b c \\\n  --d   # e\n./f && g | h\n```\n```yaml\ni: j\n```\nk\n```console\n$ l\nm\n```\n";
    let found = commands(page);
    assert_eq!(found, ["A=1 b c --d", "./f && g | h", "l"]);
    let words: Vec<String> = found
        .iter()
        .flat_map(|line| calls(line))
        .map(|words| words.join(" "))
        .collect();
    assert_eq!(words, ["b c --d", "./f", "g", "h", "l"]);
}

#[test]
fn unknown_commands_and_flags_are_found() {
    let help = |chain: &[&str]| match chain {
        [] => {
            "Usage:\n\nCommands:\n  plan   Show\n  trust  Sign\n           more\n\nOptions:\n  -C, --repository <PATH>\n"
        }
        ["trust"] => "Usage:\n\nCommands:\n  sign  Sign\n",
        _ => "Usage:\n\nOptions:\n      --to <ENV>\n",
    };
    let check = |line: &str| {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        problems_of(&words, &|chain| help(chain).to_owned())
    };
    for good in [
        "plan --to=prod",
        "--repository . trust sign",
        "--repository=x plan",
        "-C x trust sign --to a",
    ] {
        assert_eq!(check(good), Vec::<String>::new());
    }
    assert_eq!(
        check("destroy prod"),
        ["`promote destroy prod` names no command"]
    );
    assert_eq!(
        check("plan --t prod"),
        ["`promote plan --t prod` has no `--t`"]
    );
    assert_eq!(
        check("plan --too prod"),
        ["`promote plan --too prod` has no `--too`"]
    );
}

/// The tests that the table of promises names, one a promise.
fn promised_tests(page: &str) -> Vec<String> {
    let rows = page
        .lines()
        .skip_while(|line| !line.contains("breaks it on purpose"));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let last_cell = |row: &str| {
        row.trim_end_matches([' ', '|'])
            .rsplit('|')
            .next()
            .map(str::to_owned)
    };
    let names = rows.map(|row| last_cell(row).unwrap_or_default());
    names
        .map(|cell| cell.trim().trim_matches('`').to_owned())
        .collect()
}

#[test]
fn every_promise_of_the_readme_has_a_test_that_breaks_it() {
    let page = fs::read_to_string(root().join("README.md")).unwrap();
    let promised = promised_tests(&page);
    assert!(
        promised.len() >= 7,
        "the table of promises was not found: {promised:?}"
    );
    all_are_tests(&promised);
}

#[test]
fn every_threat_has_a_test_that_tries_it() {
    let page = fs::read_to_string(root().join("docs/threats.md")).unwrap();
    let is_row = |line: &&str| line.starts_with('|') && !line.contains("---");
    let rows = page.lines().filter(is_row);
    let last = |row: &str| {
        row.trim_end_matches([' ', '|'])
            .rsplit('|')
            .next()
            .map(str::to_owned)
    };
    let names = rows.map(|row| last(row).unwrap_or_default());
    let names: Vec<String> = names
        .filter(|cell| cell.trim() != "test")
        .map(|cell| cell.trim().trim_matches('`').to_owned())
        .collect();
    assert!(names.len() >= 35, "the tables were not found: {names:?}");
    all_are_tests(&names);
}

#[track_caller]
fn all_are_tests(names: &[String]) {
    let sources = [root().join("tests"), root().join("src")];
    let sources: Vec<(String, Vec<u8>)> = sources
        .iter()
        .flat_map(|folder| crate::support::files_under(folder))
        .collect();
    for name in names {
        // Properties take arguments.
        let declaration = format!("fn {name}(");
        let is_there = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(&declaration);
        assert!(
            sources
                .iter()
                .any(|(path, bytes)| path.ends_with(".rs") && is_there(bytes)),
            "there is no test `{name}`"
        );
    }
}
