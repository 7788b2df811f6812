//! JSON (RFC 8259) to the same tree, for files that other tools wrote. YAML's parser reads most of JSON, but not tabs or
//! `\ud83d\ude00`.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::node::{Node, Value};
use super::parse::{Bounds, MAX_DEPTH};
use crate::diagnostic::{Diagnostic, Loc, SourceFile};

/// Parses the text of a file: one JSON value, in which no key is given twice.
///
/// # Errors
///
/// The first thing that is wrong.
pub fn parse_json(file: &Arc<SourceFile>, bounds: &Bounds) -> Result<Node, Vec<Diagnostic>> {
    let mut reader = JsonReader {
        file,
        bounds,
        at: 0,
        depth: 0,
        next_id: 0,
    };
    reader.document().map_err(|problem| vec![*problem])
}

/// Boxed, as it is large and rare.
type Problem = Box<Diagnostic>;

struct JsonReader<'a> {
    file: &'a Arc<SourceFile>,
    bounds: &'a Bounds,
    at: usize,
    depth: usize,
    next_id: u32,
}

impl JsonReader<'_> {
    fn document(&mut self) -> Result<Node, Problem> {
        let root = self.value()?;
        match self.peek() {
            None => Ok(root),
            Some(_) => Err(self.wrong("more follows after the end of the value")),
        }
    }

    /// The next byte that is no space.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.file.text.as_bytes().get(self.at..)?;
        let spaces = rest.iter().take_while(|byte| b" \n\r\t".contains(byte));
        self.at += spaces.count();
        self.file.text.as_bytes().get(self.at).copied()
    }

    fn value(&mut self) -> Result<Node, Problem> {
        let first = self.peek();
        let (id, start) = (self.next_id, self.at);
        self.next_id += 1;
        if usize::try_from(id).unwrap_or(usize::MAX) >= self.bounds.max_nodes {
            let Bounds { one, max_nodes, .. } = self.bounds;
            let message = format!("{one} has at most {max_nodes} keys and values");
            return Err(self.error("too-many-nodes", start..start, message));
        }
        let value = match first {
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::array)?,
            Some(b'"') => Value::Text(self.string()?),
            Some(_) => self.word()?,
            None => return Err(self.wrong("the file ends in the middle")),
        };
        Ok(Node {
            id,
            end: self.next_id,
            span: start..self.at,
            value,
        })
    }

    fn nested(
        &mut self,
        inside: fn(&mut Self) -> Result<Value, Problem>,
    ) -> Result<Value, Problem> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!("lists and mappings nest at most {MAX_DEPTH} deep");
            return Err(self.error("too-deep", self.at..self.at + 1, message));
        }
        self.at += 1;
        let value = inside(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn array(&mut self) -> Result<Value, Problem> {
        let mut items = Vec::new();
        if self.ends(b']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value()?);
            if self.ends(b']') {
                return Ok(Value::List(items));
            }
            self.take(b',', "`,` or `]` is expected here")?;
        }
    }

    fn object(&mut self) -> Result<Value, Problem> {
        let mut entries: Vec<(Node, Node)> = Vec::new();
        let mut seen = BTreeSet::new();
        if self.ends(b'}') {
            return Ok(Value::Mapping(entries));
        }
        loop {
            match self.peek() {
                Some(b'"') => {}
                Some(_) => return Err(self.wrong("a key in quotes is expected here")),
                None => return Err(self.wrong("the file ends in the middle")),
            }
            let key = self.value()?;
            let text = key.scalar_text().unwrap_or("").to_owned();
            self.take(b':', "`:` is expected here")?;
            let value = self.value()?;
            if !seen.insert(text.clone()) {
                let message = format!("the key `{text}` is given twice");
                return Err(self.error("duplicate-key", key.span(), message));
            }
            entries.push((key, value));
            if self.ends(b'}') {
                return Ok(Value::Mapping(entries));
            }
            self.take(b',', "`,` or `}` is expected here")?;
        }
    }

    /// Takes the byte that ends a collection, if it is next.
    fn ends(&mut self, end: u8) -> bool {
        let is_end = self.peek() == Some(end);
        self.at += usize::from(is_end);
        is_end
    }

    fn take(&mut self, byte: u8, otherwise: &str) -> Result<(), Problem> {
        if self.ends(byte) {
            return Ok(());
        }
        Err(match self.peek() {
            Some(_) => self.wrong(otherwise),
            None => self.wrong("the file ends in the middle"),
        })
    }

    fn string(&mut self) -> Result<String, Problem> {
        let start = self.at;
        let rest = self.file.text.as_bytes().get(start + 1..).unwrap_or(&[]);
        let mut is_escaped = false;
        let end = rest.iter().position(|byte| {
            let is_end = *byte == b'"' && !is_escaped;
            is_escaped = *byte == b'\\' && !is_escaped;
            is_end
        });
        let Some(end) = end else {
            return Err(self.error("syntax", start..start + 1, "the quote is never closed"));
        };
        let span = start..start + end + 2;
        let text = self.file.text.get(span.clone()).unwrap_or("");
        let text = serde_json::from_str(text)
            .map_err(|_| self.error("syntax", span.clone(), "this is no text of JSON"))?;
        self.at = span.end;
        Ok(text)
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Result<Value, Problem> {
        let rest = self.file.text.get(self.at..).unwrap_or("");
        let is_end = |c: char| c.is_ascii_whitespace() || matches!(c, ',' | ']' | '}' | ':');
        let word = rest
            .get(..rest.find(is_end).unwrap_or(rest.len()))
            .unwrap_or("");
        let value = match word {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            word if serde_json::from_str::<serde_json::Number>(word).is_ok() => {
                Value::Number(word.to_owned())
            }
            _ => return Err(self.wrong("a value is expected here")),
        };
        self.at += word.len();
        Ok(value)
    }

    /// Something is wrong with the next character.
    fn wrong(&self, message: &str) -> Problem {
        let rest = self.file.text.get(self.at..).unwrap_or("");
        let width = rest.chars().next().map_or(0, char::len_utf8);
        self.error("syntax", self.at..self.at + width, message)
    }

    fn error(&self, code: &'static str, span: Range<usize>, message: impl Into<String>) -> Problem {
        let loc = Loc {
            file: Arc::clone(self.file),
            span,
        };
        Box::new(Diagnostic::error(code, loc, message))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diagnostic::yaml::source_file;

    const BOUNDS: Bounds = Bounds {
        max_nodes: 40,
        one: "a file",
        many: "files",
    };

    fn said(text: &str) -> String {
        let file = source_file("a.json", text.as_bytes()).unwrap();
        match parse_json(&file, &BOUNDS) {
            Ok(node) => node.to_json().to_string(),
            Err(problems) => {
                let [problem] = problems.as_slice() else {
                    panic!("{problems:?}")
                };
                let (line, column) = problem.loc.line_and_column();
                format!("{line}:{column} {}: {}", problem.code, problem.message)
            }
        }
    }

    #[test]
    fn json_is_read_or_the_first_mistake_is_named() {
        for (text, expected) in [
            (
                "{\"a\":\t[1, -2.5e3, true, null, \"\\ud83d\\ude00\\/\"]}\n",
                "{\"a\":[1,-2500.0,true,null,\"😀/\"]}",
            ),
            (" [] ", "[]"),
            ("{}", "{}"),
            ("", "1:1 syntax: the file ends in the middle"),
            (
                "{\"a\": {\"b\": 1",
                "1:14 syntax: the file ends in the middle",
            ),
            ("{", "1:2 syntax: the file ends in the middle"),
            ("{\"a\": \"b", "1:7 syntax: the quote is never closed"),
            ("{\"a\": \"\\x\"}", "1:7 syntax: this is no text of JSON"),
            ("[1 2]", "1:4 syntax: `,` or `]` is expected here"),
            (
                "{\"a\": 1 \"b\": 2}",
                "1:9 syntax: `,` or `}` is expected here",
            ),
            ("{a: 1}", "1:2 syntax: a key in quotes is expected here"),
            ("{\"a\" 1}", "1:6 syntax: `:` is expected here"),
            ("[1,]", "1:4 syntax: a value is expected here"),
            ("[01]", "1:2 syntax: a value is expected here"),
            ("[NaN]", "1:2 syntax: a value is expected here"),
            (
                "{}\n{}",
                "2:1 syntax: more follows after the end of the value",
            ),
            (
                "{\"a\": 1,\n \"\\u0061\": 2}",
                "2:2 duplicate-key: the key `a` is given twice",
            ),
            (
                &"[".repeat(100_000),
                "1:33 too-deep: lists and mappings nest at most 32 deep",
            ),
            (
                &format!("[{}0]", "0,".repeat(50)),
                "1:80 too-many-nodes: a file has at most 40 keys and values",
            ),
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_serde_json_reads_is_read_the_same(text in "[\\[\\]{}:,\"0-9a \\-.e]{0,24}") {
            let theirs = serde_json::from_str::<serde_json::Value>(&text).map(|value| value.to_string());
            let ours = said(&text);
            match theirs {
                Ok(value) => prop_assert!(ours == value || ours.contains("twice")),
                Err(_) => prop_assert!(ours.contains(": "), "{}", ours),
            }
        }
    }
}
