//! Whether what a bundle says holds, without a repository: entries, statements, manifests, attestations.

mod said;

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::engine::attestations::Attesters;
use crate::ledger::key::Verifier;
use crate::manifest::layout::{
    Place, classify, path_of, path_of_artifact, path_of_checksums, path_of_signature,
    path_of_version,
};
use crate::manifest::parsed::parse_manifest;
use crate::manifest::version::{ArtifactVersion, VersionSpec};
use crate::model::artifact::VersionId;
use crate::model::digest::{Sha256, TreePath};
use crate::model::event::{Event, SourceKind};
use crate::model::label::{Label, Tag};
use crate::ops::bundle::Refused;
use crate::ops::bundle::contents::{
    ATTESTATION_TYPE, Contents, EVIDENCE_TYPE, LABEL, LEDGER_TYPE, LINEAGE_TYPE, VERSION_TYPE,
};
use crate::ops::bundle::facts::{AttestedFacts, BehindFacts, BundleFacts, LedgerFacts};
use crate::ops::bundle::ledger::Entries;
use crate::ops::bundle::named::Subject;
use crate::redact::printable;

/// A bundle that was checked, but for the files of the version.
#[derive(Debug)]
pub(super) struct Checked {
    /// What it says; `has_files` is not known yet.
    pub(super) facts: BundleFacts,
    /// What the version's manifest says.
    pub(super) spec: VersionSpec,
    /// What the version is, for people.
    pub(super) description: Option<String>,
}

/// Checks all that can be checked before the files of the version are read.
pub(super) fn check(contents: &Contents, key: Option<&Verifier>) -> Result<Checked, Refused> {
    check_paths(contents)?;
    let (version, digest) = (&contents.record.version, contents.record.digest);
    let own = Own::read(contents)?;
    let behind = behind(contents)?;
    let specs = behind.iter().filter_map(|(_, spec)| spec.as_ref());
    let lineages = specs
        .chain([&own.spec])
        .filter_map(|spec| spec.lineage.as_ref());
    let bases = lineages.flat_map(|lineage| lineage.bases.iter().map(|base| base.digest));
    let entries = Entries::read(contents, key)?;
    let all = entries.proved.iter().map(|proved| &proved.entry);
    let subject = Subject::new(digest, bases.collect(), all);
    entries.check_evidence(&subject)?;
    let ledger = LedgerFacts {
        name: entries.checkpoint.origin.clone(),
        size: entries.checkpoint.size,
        root: entries.checkpoint.root,
        key: key.map(ToString::to_string),
    };
    let said = said::read(&entries, &contents.record, own.manifest)?;
    let registered = said.registered.ok_or_else(|| {
        Refused(format!(
            "no entry registers `{version}` with this digest and manifest"
        ))
    })?;
    let label = said
        .label
        .map_or_else(|| own.label.clone(), |label| label.join(&own.label));
    let facts = BundleFacts {
        version: version.clone(),
        digest,
        files: contents.record.files.records().len(),
        size: contents.record.files.total_size(),
        manifest: contents.image.top.sha256(),
        has_files: false,
        not_verified: not_verified(&ledger),
        ledger,
        label,
        registered,
        lineage: own.spec.lineage.clone(),
        behind: proved_behind(&entries, &behind)?,
        decisions: said.decisions,
        places: said.places,
        approvals: said.approvals,
        acts: said.acts,
        attestations: attestations(contents, &entries)?,
        entries: entries.proved.iter().map(|proved| proved.index).collect(),
    };
    Ok(Checked {
        facts,
        spec: own.spec,
        description: own.description,
    })
}

fn not_verified(ledger: &LedgerFacts) -> Vec<String> {
    let mut all = Vec::new();
    if ledger.key.is_none() {
        all.push(format!(
            "that this is the ledger `{}`: anybody can make one; name its verifier key with `--key`, from somebody you trust",
            ledger.name
        ));
    }
    all.push("that nothing else was recorded about it: a bundle proves what is in it".to_owned());
    all
}

/// No path twice, no unknown type, and no path that leads anywhere else.
fn check_paths(contents: &Contents) -> Result<(), Refused> {
    let mut seen = BTreeSet::new();
    for group in &contents.attached {
        let artifact_type = group.artifact_type.as_str();
        let known = [
            VERSION_TYPE,
            LINEAGE_TYPE,
            LEDGER_TYPE,
            EVIDENCE_TYPE,
            ATTESTATION_TYPE,
        ];
        if !known.contains(&artifact_type) {
            let artifact_type = printable(artifact_type);
            return Err(Refused(format!(
                "it holds `{artifact_type}`, which is unknown"
            )));
        }
        for (path, _) in &group.files {
            let name = printable(path);
            path.parse::<TreePath>()
                .map_err(|error| Refused(format!("`{name}`: {error}")))?;
            if !seen.insert((artifact_type, path.as_str())) {
                return Err(Refused(format!("`{name}` is attached twice")));
            }
        }
    }
    Ok(())
}

/// The version's own manifest.
struct Own {
    spec: VersionSpec,
    description: Option<String>,
    manifest: Sha256,
    label: Label,
}

impl Own {
    fn read(contents: &Contents) -> Result<Self, Refused> {
        let version = &contents.record.version;
        let path = path_of_version(version);
        let expected = [
            path.clone(),
            path_of_signature(&path),
            path_of_checksums(version),
            path_of_artifact(&version.artifact),
        ];
        let files: Vec<(&str, &Bytes)> = contents.files(VERSION_TYPE).collect();
        let other = |(path, _): &&(&str, &Bytes)| !expected.iter().any(|known| known == path);
        if let Some((path, _)) = files.iter().find(other) {
            let path = printable(path);
            return Err(Refused(format!("`{path}` is no file of `{version}`")));
        }
        let find = |path: &str| {
            let found = files.iter().find(|(known, _)| *known == path);
            found.map(|(_, bytes)| *bytes)
        };
        let missing = |path: &str| Refused(format!("`{path}` is missing"));
        let manifest = find(&path).ok_or_else(|| missing(&path))?;
        let (spec, description) = parse_version(version, manifest)?;
        if spec.digest != contents.record.digest {
            let message = format!("`{path}` names another digest: {}", spec.digest);
            return Err(Refused(message));
        }
        let checksums = path_of_checksums(version);
        let lines = find(&checksums).ok_or_else(|| missing(&checksums))?;
        if *lines != contents.record.files.checksum_lines() {
            return Err(Refused(format!("`{checksums}` lists other files")));
        }
        let signature = path_of_signature(&path);
        let mut evidence = contents.files(EVIDENCE_TYPE);
        if let Some(own) = find(&signature)
            && !evidence.any(|(_, bytes)| bytes == own)
        {
            return Err(Refused(format!("no entry names `{signature}`")));
        }
        Ok(Self {
            spec,
            description,
            manifest: Sha256::of(manifest),
            label: stated_label(contents)?,
        })
    }
}

/// The label that the sender states besides what the ledger has recorded.
fn stated_label(contents: &Contents) -> Result<Label, Refused> {
    let mut groups = contents.attached.iter();
    let own = groups.find(|group| group.artifact_type == VERSION_TYPE);
    let text = own.and_then(|group| group.annotations.get(LABEL));
    let tags = text.and_then(|text| {
        let tags = text.split(',').map(str::parse::<Tag>);
        tags.collect::<Result<Vec<_>, _>>().ok()
    });
    let label = tags.and_then(Label::new);
    label.ok_or_else(|| Refused("it does not say which label the version has".to_owned()))
}

fn parse_version(id: &VersionId, bytes: &[u8]) -> Result<(VersionSpec, Option<String>), Refused> {
    let place = Place::Version(id.clone());
    let path = path_of(&place);
    let document = parse_manifest::<ArtifactVersion>(&place, &path, bytes);
    let document = document.map_err(|problems| {
        let why = problems.first().map_or("", |problem| &problem.message);
        Refused(format!("`{path}` cannot be read: {why}"))
    })?;
    let manifest = document.value;
    Ok((manifest.spec, manifest.metadata.description))
}

/// A manifest of something behind the version: its place and bytes, and what it says when it is of a version.
type Behind<'a> = ((Place, &'a Bytes), Option<VersionSpec>);

fn behind(contents: &Contents) -> Result<Vec<Behind<'_>>, Refused> {
    let files = contents.files(LINEAGE_TYPE);
    files
        .map(|(path, bytes)| match classify(path) {
            Some(Place::Version(id)) => {
                let (spec, _) = parse_version(&id, bytes)?;
                Ok(((Place::Version(id), bytes), Some(spec)))
            }
            Some(Place::Dataset(name)) => Ok(((Place::Dataset(name), bytes), None)),
            Some(_) | None => {
                let path = printable(path);
                Err(Refused(format!("`{path}` is no manifest of lineage")))
            }
        })
        .collect()
}

/// Which entries name the manifests behind a version. Those of versions are named, or they are none.
fn proved_behind(
    entries: &Entries<'_>,
    behind: &[Behind<'_>],
) -> Result<Vec<BehindFacts>, Refused> {
    let facts = behind.iter().map(|((place, bytes), _)| {
        let sha256 = Sha256::of(bytes);
        let names = |event: &Event| {
            if let (Event::Registered(registered), Place::Version(id)) = (event, place) {
                return registered.version == *id && registered.manifest == sha256;
            }
            let (Event::Decided(judgement), Place::Dataset(_)) = (event, place) else {
                return false;
            };
            let mut sources = judgement.sources.iter();
            sources.any(|source| source.what == SourceKind::Dataset && source.sha256 == sha256)
        };
        let mut proved = entries.proved.iter();
        let entry = proved.find(|proved| names(&proved.entry.event));
        let path = path_of(place);
        if let (Place::Version(_), None) = (place, entry) {
            return Err(Refused(format!("no entry names `{path}`")));
        }
        Ok(BehindFacts {
            path,
            entry: entry.map(|proved| proved.index),
        })
    });
    facts.collect()
}

/// What attestations are to the version, by the attesters that were trusted last.
fn attestations(contents: &Contents, entries: &Entries<'_>) -> Result<Vec<AttestedFacts>, Refused> {
    let record = &contents.record;
    let files = record.files.records().iter();
    let files: Vec<_> = files.map(|file| (file.path.clone(), file.sha256)).collect();
    let attesters = Attesters::of(&entries.newest.root);
    let attached = contents.files(ATTESTATION_TYPE);
    attached
        .map(|(path, bytes)| match classify(path) {
            Some(Place::Attestation(id, name)) if id == record.version => Ok(AttestedFacts {
                name,
                found: attesters.judge(bytes, record.digest, &files),
            }),
            Some(_) | None => {
                let path = printable(path);
                Err(Refused(format!(
                    "`{path}` is no attestation of the version"
                )))
            }
        })
        .collect()
}
