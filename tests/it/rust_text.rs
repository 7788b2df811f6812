//! Rust source as text: enough of its grammar to see which paths it names and how long its functions are.

/// A path that a source names, such as `crate::model::id`, with groups of `use` spelled out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Named {
    /// The line, from 1.
    pub(crate) line: usize,
    /// Its parts; `*` for a glob.
    pub(crate) parts: Vec<String>,
}

/// A function with a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: String,
    /// The line of its `fn`, from 1.
    pub(crate) line: usize,
    /// The lines of its body that hold code, as Clippy's `too_many_lines` counts them.
    pub(crate) code_lines: usize,
}

/// The source without comments and without what literals hold. Lines stay where they are. Strings that are paths of this
/// crate are kept, since attributes name modules with them.
pub(crate) fn code_of(source: &str) -> String {
    let characters: Vec<char> = source.chars().collect();
    let mut code = String::with_capacity(source.len());
    let mut at = 0;
    while at < characters.len() {
        let rest = &characters[at..];
        let previous = at.checked_sub(1).map(|before| characters[before]);
        let (length, keep) = skip(rest, previous);
        for &character in &rest[..length] {
            let is_kept = keep || character == '\n';
            code.push(if is_kept { character } else { ' ' });
        }
        at += length;
    }
    code
}

/// How many characters belong together, and whether they are code.
fn skip(rest: &[char], previous: Option<char>) -> (usize, bool) {
    let is_word = previous.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let comment = match rest {
        ['/', '/', ..] => rest.iter().position(|&c| c == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => block_comment(rest),
        _ => 0,
    };
    if comment > 0 {
        return (comment, false);
    }
    let prefix = rest
        .iter()
        .take(2)
        .take_while(|c| matches!(**c, 'b' | 'c' | 'r'))
        .count();
    let literal = if is_word { 0 } else { string(rest, prefix) };
    if literal > 0 {
        let text: String = rest[..literal].iter().collect();
        return (literal, text.starts_with("\"crate::"));
    }
    match (rest.first(), character(rest)) {
        (Some('\''), length) if length > 0 => (length, false),
        _ => (1, true),
    }
}

fn block_comment(rest: &[char]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        match &rest[at..] {
            ['/', '*', ..] => depth += 1,
            ['*', '/', ..] => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of the string literal that begins here; 0 when none does.
fn string(rest: &[char], prefix: usize) -> usize {
    let is_raw = rest[..prefix].contains(&'r');
    let hashes = rest[prefix..].iter().take_while(|c| **c == '#').count();
    let hashes = if is_raw { hashes } else { 0 };
    let open = prefix + hashes;
    if rest.get(open) != Some(&'"') {
        return 0;
    }
    let mut at = open + 1;
    while at < rest.len() {
        match rest[at] {
            '\\' if !is_raw => at += 1,
            '"' if rest[at + 1..].iter().take_while(|c| **c == '#').count() >= hashes => {
                return at + 1 + hashes;
            }
            _ => {}
        }
        at += 1;
    }
    rest.len()
}

/// The length of the character literal that begins here; 0 for a lifetime.
fn character(rest: &[char]) -> usize {
    match rest {
        ['\'', '\\', _, tail @ ..] => tail
            .iter()
            .position(|c| *c == '\'')
            .map_or(0, |end| end + 4),
        ['\'', _, '\'', ..] => 3,
        _ => 0,
    }
}

/// The tokens of code with their lines: words, `::`, and single characters.
pub(crate) fn tokens(code: &str) -> Vec<(usize, String)> {
    let mut tokens: Vec<(usize, String)> = Vec::new();
    for (line, text) in (1..).zip(code.lines()) {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let length = if is_word(first) {
                rest.find(|c| !is_word(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            tokens.push((line, rest[..length].to_owned()));
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

/// Every path of two parts or more, and every lone word before a `!`, which is a macro's name with it.
pub(crate) fn named(source: &str) -> Vec<Named> {
    let tokens = tokens(&code_of(source));
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let start = at;
        at = path(&tokens, at, &[], &mut found);
        at = at.max(start + 1);
    }
    found.retain(|named| {
        named.parts.len() > 1 || named.parts.iter().any(|part| part.ends_with('!'))
    });
    found
}

/// Reads one path with its groups, below a prefix; returns where it ends.
fn path(
    tokens: &[(usize, String)],
    mut at: usize,
    prefix: &[String],
    found: &mut Vec<Named>,
) -> usize {
    let text = |at: usize| tokens.get(at).map_or("", |(_, text)| text.as_str());
    let is_word = |text: &str| text.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let line = tokens.get(at).map_or(0, |(line, _)| *line);
    let mut parts = prefix.to_vec();
    if matches!(
        text(at),
        "use" | "as" | "dyn" | "for" | "impl" | "in" | "mut" | "return"
    ) {
        at += 1;
    }
    if text(at) == "::" {
        at += 1;
    }
    if text(at) == "*" && !prefix.is_empty() {
        parts.push("*".to_owned());
        at += 1;
    }
    while is_word(text(at)) {
        parts.push(text(at).to_owned());
        at += 1;
        if text(at) != "::" {
            break;
        }
        match text(at + 1) {
            "{" => return group(tokens, at + 2, &parts, found),
            "*" => {
                parts.push("*".to_owned());
                at += 2;
            }
            _ => at += 1,
        }
    }
    if text(at) == "!"
        && text(at + 1) != "="
        && let Some(last) = parts.last_mut()
    {
        last.push('!');
    }
    if parts.len() > prefix.len() {
        found.push(Named { line, parts });
    }
    at
}

/// Reads the paths of a group after its `{`; returns where it ends.
fn group(
    tokens: &[(usize, String)],
    mut at: usize,
    prefix: &[String],
    found: &mut Vec<Named>,
) -> usize {
    while let Some((_, text)) = tokens.get(at) {
        match text.as_str() {
            "}" => return at + 1,
            "," => at += 1,
            // The new name says nothing of where it leads.
            "as" => at += 2,
            _ => at = path(tokens, at, prefix, found).max(at + 1),
        }
    }
    at
}

/// Every function that has a body.
pub(crate) fn functions(source: &str) -> Vec<Function> {
    let tokens = tokens(&code_of(source));
    let text = |at: usize| tokens.get(at).map_or("", |(_, text)| text.as_str());
    let starts = (0..tokens.len()).filter(|at| text(*at) == "fn" && text(at + 1) != "(");
    starts
        .filter_map(|start| {
            let (open, close) = body(&tokens, start)?;
            let (first, last) = (tokens[open].0, tokens[close].0);
            let mut lines: Vec<usize> = tokens[open..close].iter().map(|(line, _)| *line).collect();
            lines.dedup();
            Some(Function {
                name: text(start + 1).to_owned(),
                line: tokens[start].0,
                code_lines: lines
                    .iter()
                    .filter(|line| first < **line && **line < last)
                    .count(),
            })
        })
        .collect()
}

/// The tokens that open and close the body of the function that begins at a token; `None` when it has none.
fn body(tokens: &[(usize, String)], start: usize) -> Option<(usize, usize)> {
    let mut depth = 0_i32;
    let mut open = None;
    for (at, (_, text)) in tokens.iter().enumerate().skip(start) {
        match text.as_str() {
            "(" | "[" => depth += 1,
            ")" | "]" => depth -= 1,
            ";" if depth == 0 => return None,
            "{" => {
                if depth == 0 {
                    open = open.or(Some(at));
                }
                depth += 1;
            }
            "}" => {
                depth -= 1;
                if depth == 0 {
                    return open.map(|open| (open, at));
                }
            }
            _ => {}
        }
    }
    None
}

#[test]
fn comments_and_literals_are_no_code() {
    let source = "a /* b /* c */ d */ e // f\n\"g \\\" h\" i r#\"j \" k\"# l b'\\'' m 'n' o<'p> '\\u{7d}' q \"crate::r\"";
    let code = code_of(source);
    let words: Vec<String> = tokens(&code).into_iter().map(|(_, text)| text).collect();
    assert_eq!(words.join(" "), "a e i l b m o < ' p > q \" crate :: r \"");
    assert_eq!(code.matches('\n').count(), 1);
}

#[test]
fn groups_are_spelled_out_and_renames_change_nothing() {
    let source = "use crate::{\n    model::{id, label as x},\n    gate,\n};\nuse ::std::fs as f;\nfn a(b: crate::plan::C) { d!(crate::*) }";
    let found: Vec<String> = named(source)
        .iter()
        .map(|named| format!("{} {}", named.line, named.parts.join("::")))
        .collect();
    assert_eq!(
        found,
        [
            "2 crate::model::id",
            "2 crate::model::label",
            "3 crate::gate",
            "5 std::fs",
            "6 crate::plan::C",
            "6 d!",
            "6 crate::*"
        ]
    );
}

#[test]
fn only_lines_of_code_are_counted() {
    let source = "trait A { fn none(b: [u8; 2]); }\ntype B = fn(u8);\nfn three(c: [u8; 2]) -> u8 {\n    // no\n    if c {\n\n        \"}\"\n    }\n}\nconst fn none() {}\n";
    let found: Vec<(String, usize, usize)> = functions(source)
        .into_iter()
        .map(|found| (found.name, found.line, found.code_lines))
        .collect();
    assert_eq!(
        found,
        [("three".to_owned(), 3, 2), ("none".to_owned(), 10, 0)]
    );
}
