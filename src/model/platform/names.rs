//! One logical name in Git, and what each platform calls it.

use std::fmt;
use std::str::FromStr;

use crate::model::artifact::{ArtifactId, ArtifactKind};
use crate::model::id::text_type;

/// The longest template, in bytes.
const MAX_TEMPLATE_BYTES: usize = 200;

/// How a platform's name is made of an artifact's: text with `{project}`, `{kind}` and `{name}` in it, each at most once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NameTemplate {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Text(String),
    Project,
    Kind,
    Name,
}

/// What a platform allows in a name.
#[derive(Debug, Clone, Copy)]
pub struct NameRules {
    /// What the name is of, for messages.
    pub what: &'static str,
    /// The longest name, in bytes.
    pub max_bytes: usize,
    /// Which bytes it may have.
    pub is_allowed: fn(u8) -> bool,
    /// Which of them may be the first.
    pub is_first: fn(u8) -> bool,
    /// Why it does not take a name whose bytes it takes, in words after "cannot be …: ".
    pub form: fn(&str) -> Option<&'static str>,
    /// Whether names that differ in case alone are one.
    pub folds_case: bool,
}

/// Why a text is no template, or a name cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is no template.
    #[error(
        "a template of names is text with `{{name}}` in it, and with `{{project}}` and `{{kind}}` where wanted, each once"
    )]
    Template,
    /// The platform does not take the name.
    #[error("`{name}` cannot be {what}: {why}")]
    Refused {
        /// The name.
        name: String,
        /// What it is to be.
        what: &'static str,
        /// Why not.
        why: String,
    },
}

impl NameTemplate {
    /// Project, kind and name with a separator between them.
    #[must_use]
    pub fn joined(separator: &str) -> Self {
        let text = || Part::Text(separator.to_owned());
        Self {
            parts: vec![Part::Project, text(), Part::Kind, text(), Part::Name],
        }
    }

    /// The platform's name of an artifact.
    ///
    /// # Errors
    ///
    /// When the platform does not take such a name.
    pub fn name_of(&self, artifact: &ArtifactId, rules: &NameRules) -> Result<String, NameError> {
        let name: String = self.parts.iter().map(|part| part.of(artifact)).collect();
        let wrong = name.bytes().find(|byte| !(rules.is_allowed)(*byte));
        let why = if name.len() > rules.max_bytes {
            Some(format!("it has more than {} bytes", rules.max_bytes))
        } else if let Some(byte) = wrong {
            Some(format!("it holds `{}`", char::from(byte)))
        } else if !name.bytes().next().is_some_and(rules.is_first) {
            Some("of its first character".to_owned())
        } else {
            (rules.form)(&name).map(str::to_owned)
        };
        match why {
            None => Ok(name),
            Some(why) => Err(NameError::Refused {
                name,
                what: rules.what,
                why,
            }),
        }
    }

    /// The artifact that a name on the platform is of, when the template says project and kind too and there is only one
    /// way to take the name apart.
    #[must_use]
    pub fn artifact_of(&self, name: &str) -> Option<ArtifactId> {
        let mut found = Vec::new();
        take_apart(&self.parts, name, &Taken::default(), &mut found);
        match found.as_slice() {
            [only] => Some(only.clone()),
            _ => None,
        }
    }
}

impl Part {
    fn of<'a>(&'a self, artifact: &'a ArtifactId) -> &'a str {
        match self {
            Self::Text(text) => text,
            Self::Project => artifact.project.as_str(),
            Self::Kind => artifact.kind.as_str(),
            Self::Name => artifact.name.as_str(),
        }
    }
}

/// What has been read of a name.
#[derive(Debug, Clone, Copy, Default)]
struct Taken<'n> {
    project: Option<&'n str>,
    kind: Option<&'n str>,
    name: Option<&'n str>,
}

impl Taken<'_> {
    fn artifact(&self) -> Option<ArtifactId> {
        Some(ArtifactId {
            project: self.project?.parse().ok()?,
            kind: self.kind?.parse::<ArtifactKind>().ok()?,
            name: self.name?.parse().ok()?,
        })
    }
}

/// Every way to take a name apart. Names have at most 256 bytes and templates three holes, which bounds the work.
fn take_apart<'n>(parts: &[Part], rest: &'n str, taken: &Taken<'n>, found: &mut Vec<ArtifactId>) {
    let Some((first, later)) = parts.split_first() else {
        if rest.is_empty() {
            found.extend(taken.artifact());
        }
        return;
    };
    if let Part::Text(text) = first {
        if let Some(rest) = rest.strip_prefix(text.as_str()) {
            take_apart(later, rest, taken, found);
        }
        return;
    }
    let ends = rest.char_indices().map(|(at, _)| at).skip(1);
    for end in ends.chain([rest.len()]).filter(|end| *end <= 256) {
        let Some((part, rest)) = rest.split_at_checked(end) else {
            continue;
        };
        let mut taken = *taken;
        match first {
            Part::Project => taken.project = Some(part),
            Part::Kind if part.parse::<ArtifactKind>().is_err() => continue,
            Part::Kind => taken.kind = Some(part),
            Part::Name => taken.name = Some(part),
            Part::Text(_) => {}
        }
        take_apart(later, rest, &taken, found);
    }
}

impl fmt::Display for NameTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            formatter.write_str(match part {
                Part::Text(text) => text,
                Part::Project => "{project}",
                Part::Kind => "{kind}",
                Part::Name => "{name}",
            })?;
        }
        Ok(())
    }
}

impl FromStr for NameTemplate {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.len() > MAX_TEMPLATE_BYTES {
            return Err(NameError::Template);
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, hole)) = rest.split_once('{') {
            let (word, after) = hole.split_once('}').ok_or(NameError::Template)?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let part = match word {
                "project" => Part::Project,
                "kind" => Part::Kind,
                "name" => Part::Name,
                _ => return Err(NameError::Template),
            };
            if parts.contains(&part) {
                return Err(NameError::Template);
            }
            parts.push(part);
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        let is_text = |part: &Part| matches!(part, Part::Text(text) if text.contains('}'));
        if !parts.contains(&Part::Name) || parts.iter().any(is_text) {
            return Err(NameError::Template);
        }
        Ok(Self { parts })
    }
}

text_type!(
    NameTemplate,
    "NameTemplate",
    "\\{name\\}",
    "how a platform's name is made of an artifact's: text with `{project}`, `{kind}` and `{name}`"
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::platform::{AzureMlSpec, MlflowSpec, ObjectStoreSpec, OciSpec};

    proptest! {
        #[test]
        fn templates_are_written_as_they_were_read(text in "[a-z{}._/-]{0,12}(\\{(project|kind|name)\\}[._/-]{0,2}){0,3}") {
            if let Ok(template) = text.parse::<NameTemplate>() {
                prop_assert_eq!(template.to_string(), text);
            }
        }
    }

    #[test]
    fn a_name_is_made_and_taken_apart_when_there_is_one_way() {
        let artifact: ArtifactId = "retail/model/churn".parse().unwrap();
        let dots = NameTemplate::joined(".");
        let name = dots.name_of(&artifact, &MlflowSpec::NAMES).unwrap();
        assert_eq!(name, "retail.model.churn");
        assert_eq!(dots.artifact_of(&name), Some(artifact.clone()));
        // `a.model` in project `retail`, or `a` in a project called `retail.model`?
        assert_eq!(dots.artifact_of("retail.model.model.a"), None);
        assert_eq!(dots.artifact_of("retail.dataset.churn"), None);
        let short: NameTemplate = "prod-{name}".parse().unwrap();
        assert_eq!(short.artifact_of("prod-churn"), None);
        assert_eq!(
            short.name_of(&artifact, &MlflowSpec::NAMES).unwrap(),
            "prod-churn"
        );
    }

    #[test]
    fn what_a_platform_does_not_take_is_refused_with_the_reason() {
        let artifact: ArtifactId = "retail/model/churn.v2".parse().unwrap();
        let error = NameTemplate::joined("-").name_of(&artifact, &AzureMlSpec::NAMES);
        assert_eq!(
            error.unwrap_err().to_string(),
            "`retail-model-churn.v2` cannot be the name of an asset in Azure Machine Learning: it holds `.`"
        );
        let slashes = NameTemplate::joined("/");
        for name in ["a.-b", "a-.b"] {
            let artifact: ArtifactId = format!("retail/model/{name}").parse().unwrap();
            let error = slashes.name_of(&artifact, &OciSpec::NAMES).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "`retail/model/{name}` cannot be the name of a repository in a registry: between letters and digits there is one `.`, one or two `_`, or hyphens"
                )
            );
        }
        let up: NameTemplate = "{project}/../{name}".parse().unwrap();
        let error = up.name_of(&artifact, &ObjectStoreSpec::NAMES).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("it has an empty, `.` or `..` part"),
            "{error}"
        );
        let long: NameTemplate = format!("{}{{name}}", "a".repeat(190)).parse().unwrap();
        let artifact: ArtifactId = format!("retail/model/{}", "b".repeat(63)).parse().unwrap();
        let rules = NameRules {
            max_bytes: 252,
            ..AzureMlSpec::NAMES
        };
        assert!(long.name_of(&artifact, &rules).is_err());
        for text in [
            "",
            "x",
            "{project}",
            "{name}{name}",
            "{name}}",
            "{Name}",
            "{name",
        ] {
            assert_eq!(
                text.parse::<NameTemplate>(),
                Err(NameError::Template),
                "{text}"
            );
        }
    }
}
