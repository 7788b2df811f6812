//! Addresses to datasets and versions.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::engine::world::World;
use crate::error::{Failure, FailureKind, Result};
use crate::manifest::address::{Address, Claims};
use crate::manifest::foreign::told::{Input, Role};
use crate::model::artifact::{ArtifactKind, VersionId};
use crate::model::id::DatasetName;
use crate::model::label::{Label, Tag};
use crate::model::lineage::{Base, Lineage};
use crate::ops::register::RegisterRequest;
use crate::ops::register::told::{
    Completed, LineageFiles, ToldFile, UnknownAddress, place, refused,
};

/// The most unknown addresses of a version, and the most bytes of them together, so that its manifest can be read again.
const MAX_UNKNOWN: usize = 1000;
const MAX_UNKNOWN_BYTES: usize = 1 << 18;

/// What an input is.
pub(super) enum Known {
    Dataset(DatasetName),
    Base(Base),
    /// Nothing that holds data.
    Nothing,
    Unknown,
}

/// Knows what addresses are.
pub(super) struct Resolver<'a> {
    world: &'a World,
    said: &'a LineageFiles,
    claims: Claims,
    /// The repository of the code, which paths are looked for below.
    repository: Option<Address>,
    /// What the producer said of addresses and a file did name.
    used: BTreeSet<Address>,
}

/// Adds what files name to a lineage.
pub(super) fn inputs(
    world: &World,
    request: &RegisterRequest,
    told: &[ToldFile],
    lineage: &mut Lineage,
    completed: &mut Completed,
) -> Result<()> {
    let repository = lineage.code.as_ref().map(|code| code.repository.as_str());
    let mut resolver = Resolver::new(world, &request.told_by, repository);
    let mut unknown: BTreeMap<String, UnknownAddress> = BTreeMap::new();
    for file in told {
        let mut problems = Vec::new();
        for input in &file.told.inputs {
            let known = match resolver.know(input) {
                Ok(known) => known,
                Err(problem) => {
                    problems.push(*problem);
                    continue;
                }
            };
            problems.extend(resolver.check_classes(input, &known));
            match known {
                Known::Dataset(name) if lineage.datasets.contains(&name) => {}
                Known::Dataset(name) => lineage.datasets.push(name),
                Known::Base(base) if lineage.bases.contains(&base) => {}
                Known::Base(base) => {
                    completed.notes.push(format!(
                        "`{}` is taken for `{}` ({})",
                        input.address,
                        base.version,
                        place(&input.loc)
                    ));
                    lineage.bases.push(base);
                }
                Known::Nothing => {}
                Known::Unknown => {
                    let address = input.address.to_string();
                    let (line, _) = input.loc.line_and_column();
                    unknown.entry(address.clone()).or_insert(UnknownAddress {
                        address,
                        file: input.loc.file.path.clone(),
                        line,
                    });
                }
            }
        }
        if !problems.is_empty() {
            return Err(refused(&file.path, problems));
        }
    }
    resolver.check_used(told)?;
    check_count(&unknown)?;
    lineage.unknown = unknown.keys().cloned().collect();
    completed.unknown = unknown.into_values().collect();
    Ok(())
}

fn check_count(unknown: &BTreeMap<String, UnknownAddress>) -> Result<()> {
    let bytes: usize = unknown.keys().map(String::len).sum();
    if unknown.len() > MAX_UNKNOWN || bytes > MAX_UNKNOWN_BYTES {
        let message = format!(
            "the files name {} addresses of no dataset, and a version keeps at most {MAX_UNKNOWN}, in {MAX_UNKNOWN_BYTES} bytes",
            unknown.len()
        );
        let failure = Failure::new(FailureKind::Invalid, message);
        return Err(failure.hint("declare datasets that claim them under `addresses`"));
    }
    Ok(())
}

impl<'a> Resolver<'a> {
    /// One that knows what is declared and registered, and what the producer says. `repository` is that of the code.
    pub(super) fn new(world: &'a World, said: &'a LineageFiles, repository: Option<&str>) -> Self {
        let datasets = world.manifests.datasets.iter();
        Self {
            world,
            said,
            claims: Claims::of(datasets.map(|(name, document)| (name, &document.value.spec))),
            repository: repository.and_then(|repository| Address::parse(repository).ok()),
            used: BTreeSet::new(),
        }
    }

    /// What an input is.
    pub(super) fn know(&mut self, input: &Input) -> std::result::Result<Known, Box<Diagnostic>> {
        let said = self.said;
        if let Some((address, name)) = said.addresses.get_key_value(&input.address) {
            self.used.insert(address.clone());
            return Ok(Known::Dataset(name.clone()));
        }
        if let Some(address) = said
            .not_data
            .iter()
            .find(|above| input.address.is_in(above))
        {
            self.used.insert(address.clone());
            return Ok(Known::Nothing);
        }
        if let Some(name) = self.owner(input)? {
            return Ok(Known::Dataset(name));
        }
        let kinds: &[ArtifactKind] = match input.role {
            Role::Data => return Ok(Known::Unknown),
            Role::Model => &[ArtifactKind::Model],
            Role::Tool => &[
                ArtifactKind::Runtime,
                ArtifactKind::Component,
                ArtifactKind::Pipeline,
            ],
        };
        Ok(match (self.version(input, kinds)?, input.role) {
            (Some(base), _) => Known::Base(base),
            (None, Role::Tool) => Known::Nothing,
            (None, Role::Data | Role::Model) => Known::Unknown,
        })
    }

    /// The dataset with the longest claim to the address, as it is or below the code's repository.
    fn owner(&self, input: &Input) -> std::result::Result<Option<DatasetName>, Box<Diagnostic>> {
        let mut ways = vec![input.address.clone()];
        if let Some(repository) = self
            .repository
            .as_ref()
            .filter(|_| input.address.is_relative())
        {
            let whole = Address::parse(&format!("{repository}/{}", input.address));
            ways.extend(whole);
        }
        let mut best: Option<(usize, DatasetName)> = None;
        for address in ways {
            let owner = self.claims.owner(&address).map_err(|ambiguous| {
                let message = format!("`{address}` cannot be mapped: {ambiguous}");
                let problem = Diagnostic::error("ambiguous-address", input.loc.clone(), message);
                Box::new(problem.hint("say which it is with `--input ADDRESS=DATASET`, or give one of them a longer address"))
            })?;
            if let Some((name, length)) = owner
                && best.as_ref().is_none_or(|(longest, _)| length > *longest)
            {
                best = Some((length, name.clone()));
            }
        }
        Ok(best.map(|(_, name)| name))
    }

    /// The registered version that an address names.
    fn version(
        &self,
        input: &Input,
        kinds: &[ArtifactKind],
    ) -> std::result::Result<Option<Base>, Box<Diagnostic>> {
        let Some((name, number)) = asset(input.address.as_str()) else {
            return Ok(None);
        };
        let is_it = |id: &&VersionId| {
            let is_version = id.version.to_string() == number
                || number.bytes().all(|byte| byte.is_ascii_digit())
                    && id.version.to_string() == format!("{number}.0.0");
            id.artifact.name.as_str() == name && is_version && kinds.contains(&id.artifact.kind)
        };
        let versions = &self.world.manifests.versions;
        let found: Vec<&VersionId> = versions.keys().filter(is_it).collect();
        match found.as_slice() {
            [] => Ok(None),
            [id] => Ok(versions.get(*id).map(|version| Base {
                version: (*id).clone(),
                digest: version.document.value.spec.digest,
            })),
            several => {
                let names: Vec<String> = several.iter().map(|id| format!("`{id}`")).collect();
                let message = format!("`{}` may be {}", input.address, names.join(" or "));
                let problem = Diagnostic::error("ambiguous-address", input.loc.clone(), message);
                Err(Box::new(problem.hint(
                    "say which with `--input VERSION=DIGEST`, and leave the other out with `--not-data ADDRESS`",
                )))
            }
        }
    }

    /// A word that the file marks an input with, and that is a declared tag, must be on the label of what it is.
    pub(super) fn check_classes(&self, input: &Input, known: &Known) -> Vec<Diagnostic> {
        let tags = &self.world.manifests.topology.value.spec.tags;
        let words = input
            .classes
            .iter()
            .filter_map(|word| word.parse::<Tag>().ok());
        let mut problems = Vec::new();
        for tag in words.filter(|tag| tags.contains_key(tag)) {
            let (label, what): (Option<&Label>, String) = match known {
                Known::Dataset(name) => {
                    let dataset = self.world.manifests.datasets.get(name);
                    let label = dataset.map(|dataset| &dataset.value.spec.label);
                    (label, format!("the dataset `{name}` does not carry it"))
                }
                Known::Base(base) => {
                    let label = self.world.labels.get(base.digest);
                    let what = format!("`{}` does not carry it", base.version);
                    (label.map(|known| &known.label), what)
                }
                Known::Nothing | Known::Unknown => (None, "no dataset claims it".to_owned()),
            };
            if label.is_none_or(|label| !label.tags().contains(&tag)) {
                let message = format!("`{}` is marked `{tag}` here, and {what}", input.address);
                let problem = Diagnostic::error("label-too-low", input.loc.clone(), message);
                problems.push(problem.hint(format!(
                    "the owners of `{tag}` say what carries it: label a dataset with it that claims the address"
                )));
            }
        }
        problems
    }

    /// What the producer says of an address that no file names is a mistake in writing.
    fn check_used(&self, told: &[ToldFile]) -> Result<()> {
        let said = self.said;
        let mut all = said.addresses.keys().chain(&said.not_data);
        let Some(unused) = all.find(|address| !self.used.contains(*address)) else {
            return Ok(());
        };
        let named = told.iter().flat_map(|file| &file.told.inputs);
        let named: Vec<&str> = named.map(|input| input.address.as_str()).collect();
        let failure = Failure::new(
            FailureKind::Invalid,
            format!("no file names the address `{unused}`"),
        );
        Err(
            match did_you_mean(unused.as_str(), named.into_iter().take(2000)) {
                Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
                None => failure.hint("write the address as the file does"),
            },
        )
    }
}

/// Name and version of an asset of a registry: `azureml:N:V`, `models:/N/V`, or an id that ends in `/models/N/versions/V`.
fn asset(address: &str) -> Option<(&str, &str)> {
    if let Some(rest) = address.strip_prefix("models:/") {
        return rest
            .split_once('/')
            .filter(|(_, version)| !version.contains('/'));
    }
    if let Some((before, version)) = address.rsplit_once("/versions/") {
        let name = before.rsplit('/').next()?;
        return Some((name, version));
    }
    address.strip_prefix("azureml:")?.split_once(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assets_have_a_name_and_a_version() {
        for (address, expected) in [
            ("azureml:credit:3", Some(("credit", "3"))),
            (
                "azureml://registries/r/models/credit/versions/3",
                Some(("credit", "3")),
            ),
            (
                "/subscriptions/s/workspaces/w/models/credit/versions/1.2.0",
                Some(("credit", "1.2.0")),
            ),
            ("models:/credit/3", Some(("credit", "3"))),
            ("azureml:credit@latest", None),
            ("models:/credit@champion", None),
            ("s3://lake/credit", None),
        ] {
            assert_eq!(asset(address), expected, "{address}");
        }
    }
}
