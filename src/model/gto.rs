//! Names of tags as GTO writes them: `name@v1.2.3` registers a version, `name#stage#4` assigns a stage to the version whose
//! commit the tag names. The number counts the assignments of one artifact.
//!
//! Source: `gto/constants.py` of GTO 1.10, <https://github.com/iterative/gto>.

use semver::Version;

use crate::model::artifact::{ArtifactId, ArtifactKind};

/// The longest name of a tag that is read, in bytes.
pub const MAX_TAG_BYTES: usize = 255;

/// What a tag says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GtoTag {
    /// The artifact, as the tag writes it.
    pub artifact: String,
    /// What is said of it.
    pub says: Says,
    /// The number, if there is one.
    pub counter: Option<u64>,
}

/// What a tag says of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// The commit is a version of it.
    Registers(Version),
    /// It is no version of it any more.
    Deregisters(Version),
    /// The version at the commit is in a stage.
    Assigns(String),
    /// It is in that stage no more.
    Unassigns(String),
    /// The artifact was made; says nothing else.
    Created,
    /// Nothing of it is used any more.
    Deprecated,
}

impl GtoTag {
    /// Reads the name of a tag; `None` when it is none of GTO's.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if name.len() > MAX_TAG_BYTES {
            return None;
        }
        let at = name.find(['@', '#'])?;
        let (artifact, rest) = name.split_at(at);
        if !is_artifact(artifact) {
            return None;
        }
        // What follows the sign; the number comes after another `#`.
        let body = rest.get(1..)?;
        let (body, counter) = match body.split_once('#') {
            Some((body, number)) => (body, Some(parse_counter(number)?)),
            None => (body, None),
        };
        let (word, is_cancelled) = match body.strip_suffix('!') {
            Some(word) => (word, true),
            None => (body, false),
        };
        let says = match (rest.starts_with('#'), word, is_cancelled) {
            (true, stage, false) if is_name(stage) => Says::Assigns(stage.to_owned()),
            (true, stage, true) if is_name(stage) => Says::Unassigns(stage.to_owned()),
            (false, "created", false) => Says::Created,
            (false, "deprecated", false) => Says::Deprecated,
            (false, version, false) => Says::Registers(parse_version(version)?),
            (false, version, true) => Says::Deregisters(parse_version(version)?),
            (true, _, _) => return None,
        };
        Some(Self {
            artifact: artifact.to_owned(),
            says,
            counter,
        })
    }
}

fn parse_version(text: &str) -> Option<Version> {
    text.strip_prefix('v')?.parse().ok()
}

fn parse_counter(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

/// Whether it can be the name of an artifact or a stage.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_/".contains(byte);
    is_edge(bytes.first()) && is_edge(bytes.last()) && bytes.iter().all(is_part)
}

/// A name, or `folder=name` for one in a folder.
fn is_artifact(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_/.".contains(&byte);
    match text.split_once('=') {
        Some((folder, name)) => !folder.is_empty() && folder.bytes().all(is_part) && is_name(name),
        None => is_name(text),
    }
}

/// How an artifact is called in tags: `project/name` for a model, `project/kind/name` for all else. `None` when GTO has no
/// such names: those with a dot.
#[must_use]
pub fn name_of(artifact: &ArtifactId) -> Option<String> {
    let (project, name) = (&artifact.project, &artifact.name);
    let text = match artifact.kind {
        ArtifactKind::Model => format!("{project}/{name}"),
        kind @ (ArtifactKind::Runtime | ArtifactKind::Component | ArtifactKind::Pipeline) => {
            format!("{project}/{kind}/{name}")
        }
    };
    is_name(&text).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_gto_means_by_them() {
        let said = |name: &str| {
            let tag = GtoTag::parse(name)?;
            let says = match tag.says {
                Says::Registers(version) => format!("registers {version}"),
                Says::Deregisters(version) => format!("deregisters {version}"),
                Says::Assigns(stage) => format!("assigns {stage}"),
                Says::Unassigns(stage) => format!("unassigns {stage}"),
                Says::Created => "created".to_owned(),
                Says::Deprecated => "deprecated".to_owned(),
            };
            let counter = tag.counter.map(|number| format!(" #{number}"));
            Some(format!(
                "{} {says}{}",
                tag.artifact,
                counter.unwrap_or_default()
            ))
        };
        for (name, expected) in [
            ("churn@v1.2.3", Some("churn registers 1.2.3")),
            (
                "wildlife/penguin@v1.2.3-rc.1+b#7",
                Some("wildlife/penguin registers 1.2.3-rc.1+b #7"),
            ),
            ("churn@v1.2.3!", Some("churn deregisters 1.2.3")),
            ("churn#prod#4", Some("churn assigns prod #4")),
            ("churn#prod", Some("churn assigns prod")),
            ("churn#4", Some("churn assigns 4")),
            ("churn#prod!#5", Some("churn unassigns prod #5")),
            ("models=churn@deprecated", Some("models=churn deprecated")),
            ("churn@created#1", Some("churn created #1")),
            ("v1.2.3", None),
            ("churn@1.2.3", None),
            ("churn@v1.2", None),
            ("churn@v01.2.3", None),
            ("churn#prod#", None),
            ("churn#prod#x", None),
            ("churn#prod#1#2", None),
            ("churn#", None),
            ("@v1.0.0", None),
            ("-churn@v1.0.0", None),
            ("chu rn@v1.0.0", None),
            ("a.b@v1.0.0", None),
            ("churn#prod#99999999999999999999999", None),
        ] {
            assert_eq!(said(name).as_deref(), expected, "{name}");
        }
        assert_eq!(GtoTag::parse(&format!("{}@v1.0.0", "a".repeat(300))), None);
    }

    #[test]
    fn artifacts_have_one_name_each_where_gto_has_one() {
        let name = |text: &str| name_of(&text.parse().unwrap());
        assert_eq!(name("retail/model/churn").as_deref(), Some("retail/churn"));
        assert_eq!(
            name("retail/pipeline/churn").as_deref(),
            Some("retail/pipeline/churn")
        );
        assert_eq!(name("retail/model/churn.v2"), None);
    }
}
