//! What serde says is wrong with a value, in our words.

use std::fmt;

use crate::diagnostic::did_you_mean;

/// Why a value was refused. The deserializer of the innermost value that saw it adds the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// The value that is refused; `None` until a deserializer has seen the fault.
    pub(super) node: Option<u32>,
    /// A stable code.
    pub(super) code: &'static str,
    /// What is wrong.
    pub(super) message: String,
    /// What to do.
    pub(super) hint: Option<String>,
}

impl Fault {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            node: None,
            code,
            message: message.into(),
            hint: None,
        }
    }

    /// Adds a hint.
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// A word that is none of those allowed.
    pub(super) fn unknown_word(word: &str, allowed: &[&str]) -> Self {
        let shown: String = word.chars().take(80).collect();
        let fault = Self::new(
            "unknown-value",
            format!("`{shown}` is not one of the words allowed here"),
        );
        match did_you_mean(word, allowed.iter().copied()) {
            Some(meant) => fault.hint(format!("did you mean `{meant}`?")),
            None => fault.hint(format!("write {}", one_of(allowed))),
        }
    }
}

/// Words as a choice: `` `a`, `b` or `c` ``.
pub(super) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "nothing".to_owned(),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new("invalid-value", message.to_string())
    }

    fn invalid_type(found: serde::de::Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        Self::new("wrong-type", format!("expected {expected}, found {found}"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::unknown_word(variant, expected)
    }

    fn missing_field(field: &'static str) -> Self {
        missing_field(field)
    }
}

/// A field that has to be there and is not.
pub(super) fn missing_field(field: &str) -> Fault {
    Fault::new("missing-field", format!("the field `{field}` is missing"))
}
