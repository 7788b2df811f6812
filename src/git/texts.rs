//! Texts that occur again and again, each by a number.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Some texts, numbered from 0.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Texts {
    texts: Vec<Arc<str>>,
    // Made when it is needed first: who only reads texts does not need their numbers.
    numbers: BTreeMap<Arc<str>, usize>,
}

impl Texts {
    /// The number of a text, which is added if it is new.
    pub(super) fn number(&mut self, text: String) -> usize {
        if self.numbers.len() != self.texts.len() {
            self.numbers = self.texts.iter().cloned().zip(0..).collect();
        }
        if let Some(known) = self.numbers.get(text.as_str()) {
            return *known;
        }
        let (text, number) = (Arc::<str>::from(text), self.texts.len());
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        number
    }

    /// The text of a number.
    pub(super) fn get(&self, number: usize) -> Option<&str> {
        self.texts.get(number).map(|text| &**text)
    }

    /// All texts, by their numbers.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.texts.iter().map(|text| &**text)
    }
}

impl FromIterator<String> for Texts {
    fn from_iter<T: IntoIterator<Item = String>>(texts: T) -> Self {
        Self {
            texts: texts.into_iter().map(Arc::from).collect(),
            numbers: BTreeMap::new(),
        }
    }
}
