//! Forms of names: text with words in braces for what a thing says of itself, and `*` for anything.

/// The longest text that `*` is tried on; names are shorter.
const MAX_NAME_BYTES: usize = 256;

/// What a word in braces stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Environment,
    Owner,
    Project,
    Region,
    Scope,
}

impl Word {
    pub(super) const ALL: [Self; 5] = [
        Self::Environment,
        Self::Owner,
        Self::Project,
        Self::Region,
        Self::Scope,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Owner => "owner",
            Self::Project => "project",
            Self::Region => "region",
            Self::Scope => "scope",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Word(Word),
    Anything,
}

/// A form that names can be held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form(Vec<Part>);

impl Form {
    /// Reads a form; what is wrong with it otherwise.
    pub(super) fn parse(text: &str, words: &[Word]) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '*']) {
            let (before, from) = rest.split_at(at);
            parts.push(Part::Text(before.to_owned()));
            if let Some(after) = from.strip_prefix('*') {
                parts.push(Part::Anything);
                rest = after;
                continue;
            }
            let inner = from.strip_prefix('{').and_then(|from| from.split_once('}'));
            let (name, after) =
                inner.ok_or_else(|| format!("`{text}` has a brace that is not closed"))?;
            let word = words.iter().find(|word| word.as_str() == name);
            parts.push(Part::Word(
                *word.ok_or_else(|| format!("`{{{name}}}` stands for nothing here"))?,
            ));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    /// Whether a name has the form. A word without a value fits nothing.
    pub(super) fn fits(&self, name: &str, value: impl Fn(Word) -> Option<String>) -> bool {
        if name.len() > MAX_NAME_BYTES {
            return false;
        }
        // The lengths of the beginnings of the name that the parts so far can be; empty when they fit none.
        let mut ends = vec![0];
        for part in &self.0 {
            ends = match part {
                Part::Anything => {
                    let first = ends.first().map_or(name.len() + 1, |end| end + 1);
                    (first..=name.len()).collect()
                }
                Part::Text(text) => after(name, &ends, text),
                Part::Word(word) => {
                    value(*word).map_or_else(Vec::new, |text| after(name, &ends, &text))
                }
            };
        }
        ends.contains(&name.len())
    }

    /// A name of the form.
    pub(super) fn example(&self, value: impl Fn(Word) -> Option<String>) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Word(word) => value(*word).unwrap_or_else(|| format!("<{}>", word.as_str())),
            Part::Anything => "name".to_owned(),
        };
        self.0.iter().map(part).collect()
    }
}

fn after(name: &str, ends: &[usize], text: &str) -> Vec<usize> {
    let fits = |end: &&usize| name.get(**end..).is_some_and(|rest| rest.starts_with(text));
    ends.iter()
        .filter(fits)
        .map(|end| end + text.len())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(word: Word) -> Option<String> {
        match word {
            Word::Environment => Some("dev".to_owned()),
            Word::Project => Some("retail".to_owned()),
            Word::Region => Some("westeurope".to_owned()),
            Word::Owner | Word::Scope => None,
        }
    }

    #[test]
    fn names_fit_forms_or_do_not() {
        for (form, name, fits) in [
            ("mlw-{project}-{environment}", "mlw-retail-dev", true),
            ("mlw-{project}-{environment}", "mlw-retail-prod", false),
            ("mlw-*-{environment}", "mlw-any-thing-dev", true),
            ("mlw-*-{environment}", "mlw--dev", false),
            ("mlw-*-{environment}", "mlw-dev-dev", true),
            ("*", "x", true),
            ("*", "", false),
            ("*{environment}*", "adevdevb", true),
            ("*{environment}*", "dev", false),
            ("{owner}", "", false),
            ("{owner}", "anything", false),
            ("retail", "retail", true),
            ("retail", "retailer", false),
        ] {
            let form = Form::parse(form, &Word::ALL).unwrap();
            assert_eq!(form.fits(name, value), fits, "{form:?} {name}");
        }
        let long = format!("{}dev", "dev".repeat(100));
        let form = Form::parse("*{environment}*", &Word::ALL).unwrap();
        assert!(!form.fits(&long, value));
    }

    #[test]
    fn examples_fit_and_wrong_forms_say_why() {
        let form = Form::parse("mlw-*-{project}-{region}", &Word::ALL).unwrap();
        let example = form.example(value);
        assert_eq!(example, "mlw-name-retail-westeurope");
        assert!(form.fits(&example, value));
        let wrong = |text| Form::parse(text, &[Word::Project]).unwrap_err();
        assert_eq!(
            wrong("a{project"),
            "`a{project` has a brace that is not closed"
        );
        assert_eq!(wrong("{region}"), "`{region}` stands for nothing here");
    }
}
