//! Events to a tree, within bounds.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::node::{Node, Value};
use super::scalar;
use super::syntax::{is_about_tabs, syntax_words};
use crate::diagnostic::{Diagnostic, Loc, SourceFile};

/// The deepest nesting of lists and mappings.
pub const MAX_DEPTH: usize = 32;
/// The most keys, values, lists and mappings of one document.
pub const MAX_NODES: usize = 10_000;

/// How much of a file is read, and what messages call such files.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The most keys, values, lists and mappings.
    pub max_nodes: usize,
    /// One of the files, with its article.
    pub one: &'static str,
    /// Several of them.
    pub many: &'static str,
}

/// Those of manifests.
const MANIFEST: Bounds = Bounds {
    max_nodes: MAX_NODES,
    one: "a manifest",
    many: "manifests",
};

/// The most problems that are reported of one document.
pub(super) const MAX_PROBLEMS: usize = 32;
/// The most uses of aliases, anchors and tags that are reported of one document.
const MAX_EXTRAS: usize = 8;

/// Parses the text of a file: one document of the subset that manifests use.
///
/// # Errors
///
/// The first syntax error, or every use of what the subset leaves out.
pub fn parse(file: &Arc<SourceFile>) -> Result<Node, Vec<Diagnostic>> {
    parse_within(file, &MANIFEST)
}

/// Parses the text of a file of another kind than manifests: the same subset, within other bounds.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_within(file: &Arc<SourceFile>, bounds: &Bounds) -> Result<Node, Vec<Diagnostic>> {
    let options = granit_parser::options! {
        disallow_directives: true,
        emit_anchor_events: true,
        emit_unresolved_aliases: true,
        emit_comments: false,
    };
    let mut builder = Builder {
        file,
        bounds: *bounds,
        events: Parser::new_from_str_with_options(&file.text, options),
        depth: 0,
        next_id: 0,
        problems: Vec::new(),
        extras: 0,
    };
    let root = builder.document().map_err(|stop| {
        builder.problems.push(*stop);
    });
    match root {
        Ok(root) if builder.problems.is_empty() => Ok(root),
        Ok(_) | Err(()) => Err(builder.problems),
    }
}

/// What stops the parser. Boxed, as it is large and rare.
type Stop = Box<Diagnostic>;
/// Reads what is inside a collection, given where it starts; tells where it ends.
type ReadInside<'a> = fn(&mut Builder<'a>, usize) -> Result<(Value, usize), Stop>;

/// Builds the tree. Problems that leave the structure intact are collected; others stop it.
struct Builder<'a> {
    file: &'a Arc<SourceFile>,
    bounds: Bounds,
    events: Parser<'a, StrInput<'a>>,
    depth: usize,
    next_id: u32,
    problems: Vec<Diagnostic>,
    extras: usize,
}

impl<'a> Builder<'a> {
    fn document(&mut self) -> Result<Node, Stop> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(..) if root.is_some() => {
                    let problem = self.error(
                        "second-document",
                        byte_range(&span),
                        "a file holds one document, and here a second one starts",
                    );
                    return Err(Box::new(problem.hint("move it to a file of its own")));
                }
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event => root = Some(self.node(event, &span)?),
            }
        }
        root.ok_or_else(|| {
            Box::new(self.error(
                "empty",
                0..0,
                format!("the file is empty, and {} is expected", self.bounds.one),
            ))
        })
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Stop> {
        loop {
            match self.events.next_event() {
                Some(Ok((Event::Anchor(..), span))) => {
                    self.report_extra(
                        "anchor",
                        &span,
                        &format!("anchors are not part of {}", self.bounds.many),
                        "remove it, and write the value out where it is used",
                    );
                }
                Some(Ok(next)) => return Ok(next),
                Some(Err(error)) => return Err(Box::new(self.syntax_error(&error))),
                None => return Ok((Event::StreamEnd, Span::default())),
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: &Span) -> Result<Node, Stop> {
        let id = self.next_id;
        self.next_id += 1;
        if usize::try_from(id).unwrap_or(usize::MAX) >= self.bounds.max_nodes {
            let Bounds { one, max_nodes, .. } = self.bounds;
            let message = format!("{one} has at most {max_nodes} keys and values");
            return Err(Box::new(self.error(
                "too-many-nodes",
                byte_range(span),
                message,
            )));
        }
        self.check_extras(&event, span);
        let start = byte_range(span);
        let (value, span) = match event {
            Event::Scalar(text, ScalarStyle::Plain, _, _) => {
                // The parser gives `~` for a value that is not there.
                let value = if start.is_empty() {
                    Value::Null
                } else {
                    scalar::resolve(&text)
                };
                (value, start)
            }
            Event::Scalar(text, ..) => (Value::Text(text.into_owned()), start),
            Event::SequenceStart(..) => self.nested(&start, Self::list)?,
            Event::MappingStart(..) => self.nested(&start, Self::mapping)?,
            _ => (Value::Null, start),
        };
        Ok(Node {
            id,
            end: self.next_id,
            span,
            value,
        })
    }

    fn nested(
        &mut self,
        start: &Range<usize>,
        read: ReadInside<'a>,
    ) -> Result<(Value, Range<usize>), Stop> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Box::new(self.too_deep(start.clone())));
        }
        let (value, end) = read(self, start.end)?;
        self.depth -= 1;
        Ok((value, start.start..end))
    }

    fn list(&mut self, mut end: usize) -> Result<(Value, usize), Stop> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd | Event::StreamEnd) {
                return Ok((Value::List(items), end_of(&span, end)));
            }
            let item = self.node(event, &span)?;
            end = item.span.end;
            items.push(item);
        }
    }

    fn mapping(&mut self, mut end: usize) -> Result<(Value, usize), Stop> {
        let mut entries: Vec<(Node, Node)> = Vec::new();
        let mut seen = BTreeMap::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd | Event::StreamEnd) {
                return Ok((Value::Mapping(entries), end_of(&span, end)));
            }
            let key = self.node(event, &span)?;
            let (event, span) = self.next()?;
            let value = self.node(event, &span)?;
            end = value.span.end.max(key.span.end);
            if self.is_new_key(&key, &mut seen) {
                entries.push((key, value));
            }
        }
    }

    fn is_new_key(&mut self, key: &Node, seen: &mut BTreeMap<String, Range<usize>>) -> bool {
        let Some(text) = key.scalar_text() else {
            let message = format!("a key is text, and this is {}", key.describe());
            let problem = self.error("key-not-text", key.head(), message);
            self.report(problem);
            return false;
        };
        if text == "<<" {
            let message = format!("merge keys are not part of {}", self.bounds.many);
            let problem = self.error("merge-key", key.span(), message);
            self.report(problem.hint("write the fields out"));
            return false;
        }
        let Some(first) = seen.get(text) else {
            seen.insert(text.to_owned(), key.span());
            return true;
        };
        if self.problems.len() >= MAX_PROBLEMS {
            return false;
        }
        let (line, _) = self.loc(first.clone()).line_and_column();
        let problem = self.error(
            "duplicate-key",
            key.span(),
            format!("the key `{text}` is given twice"),
        );
        self.report(problem.hint(format!("the first is on line {line}; keep one of them")));
        false
    }

    /// Reports what the subset leaves out: aliases and tags.
    fn check_extras(&mut self, event: &Event<'_>, span: &Span) {
        let found = if event.is_alias() {
            Some(("alias", "aliases", "write the value out"))
        } else if event.tag().is_some() {
            Some(("tag", "tags", "remove `!…`; put text in quotes"))
        } else {
            None
        };
        if let Some((code, what, hint)) = found {
            let span = span.tag_span().unwrap_or(*span);
            let message = format!("{what} are not part of {}", self.bounds.many);
            self.report_extra(code, &span, &message, hint);
        }
    }

    fn report_extra(&mut self, code: &'static str, span: &Span, message: &str, hint: &str) {
        // An alias bomb has thousands; the first few say it.
        self.extras += 1;
        if self.extras <= MAX_EXTRAS {
            let problem = self.error(code, byte_range(span), message);
            self.report(problem.hint(hint));
        }
    }

    fn report(&mut self, problem: Diagnostic) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }

    fn too_deep(&self, span: Range<usize>) -> Diagnostic {
        let message = format!("lists and mappings nest at most {MAX_DEPTH} deep");
        self.error("too-deep", span, message)
    }

    fn syntax_error(&self, error: &ScanError) -> Diagnostic {
        let start = error
            .marker()
            .byte_offset()
            .unwrap_or(0)
            .min(self.file.text.len());
        let mut start = start;
        let mut rest = self.file.text.get(start..).unwrap_or("");
        // The parser notices a tab late, or at the start of what it indents.
        if let Some(tab) = rest.find('\t').filter(|_| is_about_tabs(error.kind())) {
            start += tab;
            rest = self.file.text.get(start..).unwrap_or("");
        }
        let width = rest
            .chars()
            .next()
            .filter(|next| *next != '\n')
            .map_or(0, char::len_utf8);
        let span = start..start + width;
        match error.kind() {
            ErrorKind::RecursionLimitExceeded => self.too_deep(span),
            kind => {
                let (message, hint) = syntax_words(kind);
                let problem = self.error("syntax", span, message);
                match hint {
                    Some(hint) => problem.hint(hint),
                    None => problem,
                }
            }
        }
    }

    fn loc(&self, span: Range<usize>) -> Loc {
        Loc {
            file: Arc::clone(self.file),
            span,
        }
    }

    fn error(
        &self,
        code: &'static str,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::error(code, self.loc(span), message)
    }
}

/// The bytes of an event.
fn byte_range(span: &Span) -> Range<usize> {
    span.byte_range().unwrap_or(0..0)
}

/// Where a collection ends: at its bracket, or, without one, at its last value; the parser gives the start of what follows.
fn end_of(span: &Span, last: usize) -> usize {
    let range = byte_range(span);
    if range.is_empty() { last } else { range.end }
}
