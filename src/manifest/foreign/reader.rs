//! What the readers of all formats share: looking into a tree, and collecting what is told and what is wrong.

use std::sync::Arc;

use super::told::{Code, Input, Placed, Role, Run, Told};
use crate::diagnostic::{Diagnostic, Loc, SourceFile};
use crate::manifest::address::Address;
use crate::manifest::yaml::{Node, Value, is_hidden};

/// The most inputs of one file.
pub const MAX_INPUTS: usize = 1000;
/// The most problems that are reported of one file.
const MAX_PROBLEMS: usize = 32;
/// The longest name of a run, in bytes.
const MAX_RUN_BYTES: usize = 1024;

/// One file while it is read.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    source: &'a Arc<SourceFile>,
    /// The file's value.
    pub(super) root: &'a Node,
    /// The artifact's path from the file's folder, when it is there.
    pub(super) subject: Option<&'a str>,
    pub(super) told: Told,
    problems: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        source: &'a Arc<SourceFile>,
        root: &'a Node,
        subject: Option<&'a str>,
    ) -> Self {
        Self {
            source,
            root,
            subject,
            told: Told::default(),
            problems: Vec::new(),
        }
    }

    /// What was told, or what is wrong.
    pub(super) fn end(self) -> Result<Told, Vec<Diagnostic>> {
        if self.problems.is_empty() {
            Ok(self.told)
        } else {
            Err(self.problems)
        }
    }

    /// The place of a node: its first line.
    pub(super) fn loc(&self, node: &Node) -> Loc {
        let span = node.span();
        let text = self.source.text.get(span.clone()).unwrap_or("");
        let length = text.find('\n').unwrap_or(text.len());
        Loc {
            file: Arc::clone(self.source),
            span: span.start..span.start + length,
        }
    }

    pub(super) fn problem(&mut self, code: &'static str, node: &Node, message: impl Into<String>) {
        if self.problems.len() < MAX_PROBLEMS {
            let problem = Diagnostic::error(code, self.loc(node), message);
            self.problems.push(problem);
        }
    }

    /// Whether a text shows all that it says; reports it otherwise.
    pub(super) fn is_plain(&mut self, node: &Node, text: &str) -> bool {
        let is_plain = !text.chars().any(is_hidden);
        if !is_plain {
            let message = "the text holds a control character or one that is invisible";
            self.problem("hidden-character", node, message);
        }
        is_plain
    }

    /// The text of a field; reports that it is missing or no text.
    pub(super) fn required(&mut self, node: &'a Node, name: &str) -> Option<(&'a Node, &'a str)> {
        let found = field(node, name);
        if let Some(text) = found.and_then(Node::scalar_text) {
            return Some((found?, text));
        }
        match found {
            Some(value) => {
                self.problem(
                    "wrong-type",
                    value,
                    format!("`{name}` is text, and this is not"),
                );
            }
            None => self.problem(
                "missing-field",
                node,
                format!("the field `{name}` is missing"),
            ),
        }
        None
    }

    /// Adds an input whose address stands at a node.
    pub(super) fn input(&mut self, role: Role, node: &Node, address: &str) {
        self.marked_input(role, node, address, Vec::new());
    }

    /// Adds an input that the file marks with words.
    pub(super) fn marked_input(
        &mut self,
        role: Role,
        node: &Node,
        address: &str,
        classes: Vec<String>,
    ) {
        if self.told.inputs.len() >= MAX_INPUTS {
            if self.told.inputs.len() == MAX_INPUTS && self.problems.is_empty() {
                let message = format!("a file names at most {MAX_INPUTS} inputs");
                self.problem("too-many-inputs", node, message);
            }
            return;
        }
        match Address::parse(address) {
            Ok(address) => {
                let loc = self.loc(node);
                self.told.inputs.push(Input {
                    role,
                    address,
                    classes,
                    loc,
                });
            }
            Err(error) => self.problem(
                "not-an-address",
                node,
                format!("this is no address: {error}"),
            ),
        }
    }

    /// Sets the commit; the first that is named counts.
    pub(super) fn code(&mut self, node: &Node, commit: &str, repository: Option<&str>) {
        let is_commit = (commit.len() == 40 || commit.len() == 64)
            && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        let loc = self.loc(node);
        if !is_commit {
            let shown: String = commit.chars().take(80).collect();
            let value = format!("`{shown}` is not a whole commit, so the code is left out");
            self.told.notes.push(Placed { value, loc });
            return;
        }
        // As an address it loses user and password; `git@host:path` is no address with a scheme and stays as it is.
        let repository = repository.and_then(|text| {
            if text.contains("://") {
                Some(Address::parse(text).ok()?.to_string())
            } else {
                let is_short = text.len() <= MAX_RUN_BYTES;
                (is_short && !text.chars().any(is_hidden)).then(|| text.to_owned())
            }
        });
        self.told.code.get_or_insert(Placed {
            value: Code {
                repository,
                commit: commit.to_lowercase(),
            },
            loc,
        });
    }

    /// Sets the run; the first that is named counts.
    pub(super) fn run(&mut self, node: &Node, platform: &'static str) {
        if let Some(id) = node.scalar_text().filter(|id| !id.is_empty()) {
            self.run_named(node, platform, id);
        }
    }

    /// Sets the run when its name is part of a node.
    pub(super) fn run_named(&mut self, node: &Node, platform: &'static str, id: &str) {
        if id.len() > MAX_RUN_BYTES {
            let message = format!("the name of a run has at most {MAX_RUN_BYTES} bytes");
            self.problem("too-long", node, message);
            return;
        }
        if !self.is_plain(node, id) {
            return;
        }
        let loc = self.loc(node);
        let id = id.to_owned();
        self.told.run.get_or_insert(Placed {
            value: Run { platform, id },
            loc,
        });
    }
}

/// The value of a field.
pub(super) fn field<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    node.field(name).map(|(_, value)| value)
}

/// The value at the end of a way of fields.
pub(super) fn at<'a>(node: &'a Node, way: &[&str]) -> Option<&'a Node> {
    way.iter().try_fold(node, |node, name| field(node, name))
}

/// The text of a field.
pub(super) fn text<'a>(node: &'a Node, name: &str) -> Option<&'a str> {
    field(node, name)?.scalar_text()
}

/// The items of a list; one value is a list of one, nothing is an empty one.
pub(super) fn items(node: Option<&Node>) -> &[Node] {
    match node.map(|node| (node, node.value())) {
        Some((_, Value::List(items))) => items,
        Some((_, Value::Null)) | None => &[],
        Some((node, _)) => std::slice::from_ref(node),
    }
}

/// The items of a list; none of anything else.
pub(super) fn list(node: &Node) -> &[Node] {
    if let Value::List(items) = node.value() {
        items
    } else {
        &[]
    }
}

/// The keys and values of a mapping; none of anything else.
pub(super) fn entries(node: Option<&Node>) -> &[(Node, Node)] {
    match node.map(Node::value) {
        Some(Value::Mapping(entries)) => entries,
        Some(_) | None => &[],
    }
}

/// The value for a key in tags, whether they are a mapping or a list of `key` and `value`.
pub(super) fn tag<'a>(tags: Option<&'a Node>, name: &str) -> Option<&'a Node> {
    let tags = tags?;
    if let Some(value) = field(tags, name) {
        return Some(value);
    }
    let pair = items(Some(tags))
        .iter()
        .find(|pair| text(pair, "key") == Some(name))?;
    field(pair, "value")
}
