//! The rules once more: small, slow, and plain enough to be seen to be right. It knows nothing of the code that it is
//! held against, and shares no type with it.

use std::collections::{BTreeMap, BTreeSet};

pub(super) type Set = BTreeSet<&'static str>;

/// What was registered: bytes under a name, with a claim of what they were made from.
#[derive(Debug, Clone)]
pub(super) struct Registered {
    pub(super) digest: String,
    pub(super) artifact: &'static str,
    pub(super) files: Vec<String>,
    pub(super) datasets: Set,
    pub(super) bases: Vec<String>,
    pub(super) by: &'static str,
    pub(super) is_signed: bool,
    pub(super) workspace: &'static str,
    pub(super) label: Set,
    pub(super) is_lawful: bool,
}

/// Leave that an owner gave.
#[derive(Debug, Clone)]
pub(super) struct Leave {
    pub(super) digest: String,
    pub(super) workspace: &'static str,
    pub(super) by: &'static str,
    pub(super) tags: Set,
    pub(super) story: String,
    pub(super) until: i64,
}

/// Yes or no to one promotion.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) promotion: String,
    pub(super) by: &'static str,
    pub(super) is_yes: bool,
    pub(super) until: i64,
}

/// Everything that the rules depend on.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    pub(super) now: i64,
    pub(super) datasets: BTreeMap<&'static str, Set>,
    pub(super) registered: Vec<Registered>,
    pub(super) held: BTreeMap<(&'static str, &'static str), Vec<String>>,
    pub(super) abandoned: BTreeSet<(&'static str, &'static str, String)>,
    pub(super) leaves: Vec<Leave>,
    pub(super) said: Vec<Said>,
}

pub(super) fn clearance(workspace: &str) -> Set {
    match workspace {
        "dev" => ["internal"].into(),
        "qa" => ["internal", "pii"].into(),
        _prod => ["internal", "pii", "production"].into(),
    }
}

/// Dev takes from qa too, so that only labels keep anything out of it; nothing goes from prod to qa.
pub(super) fn accepts(workspace: &str) -> &'static [&'static str] {
    match workspace {
        "dev" => &["qa"],
        "qa" => &["dev"],
        _prod => &["dev", "qa"],
    }
}

pub(super) fn owners(tag: &str) -> Set {
    match tag {
        "pii" => ["sue", "tom"].into(),
        "production" => ["sue", "tom", "dana"].into(),
        _internal => Set::new(),
    }
}

const APPROVERS: [&str; 3] = ["rita", "omar", "dana"];

impl Rules {
    /// The label of bytes: all that any registration of them says or is known to hide.
    pub(super) fn label(&self, digest: &str) -> Set {
        let mut label = Set::new();
        for one in self.registered.iter().filter(|one| one.digest == digest) {
            label.extend(&one.label);
            label.extend(self.claimed(one));
        }
        label
    }

    /// What a registration must carry, whatever was recorded.
    pub(super) fn claimed(&self, one: &Registered) -> Set {
        let mut label: Set = one
            .datasets
            .iter()
            .flat_map(|name| &self.datasets[name])
            .copied()
            .collect();
        label.extend(one.bases.iter().flat_map(|base| self.label(base)));
        if !one.is_signed || one.datasets.is_empty() && one.bases.is_empty() {
            label.extend(clearance(one.workspace));
        }
        for file in &one.files {
            let first = self
                .registered
                .iter()
                .find(|other| other.files.contains(file));
            if let Some(first) = first.filter(|first| first.digest != one.digest) {
                label.extend(self.label(&first.digest));
            }
        }
        label
    }

    /// Everything behind a digest, in words: leave counts only while it is the same.
    pub(super) fn story(&self, digest: &str) -> String {
        let mut parts = BTreeSet::new();
        for one in self.registered.iter().filter(|one| one.digest == digest) {
            parts.extend(
                one.datasets
                    .iter()
                    .map(|name| format!("{name}={:?}", self.datasets[name])),
            );
            parts.extend(
                one.bases
                    .iter()
                    .map(|base| format!("base {base} ({})", self.story(base))),
            );
            parts.insert(format!("signed {} in {}", one.is_signed, one.workspace));
            for file in &one.files {
                let first = self
                    .registered
                    .iter()
                    .find(|other| other.files.contains(file));
                if let Some(first) = first.filter(|first| first.digest != digest) {
                    parts.insert(format!(
                        "file of {} ({})",
                        first.digest,
                        self.story(&first.digest)
                    ));
                }
            }
        }
        format!("{parts:?}")
    }

    fn makers(&self, digest: &str) -> (Set, bool) {
        let all = || self.registered.iter().filter(|one| one.digest == digest);
        (
            all()
                .filter(|one| one.is_signed)
                .map(|one| one.by)
                .collect(),
            all().all(|one| one.is_signed),
        )
    }

    /// The tags that two owners, who did not make it, let through.
    pub(super) fn let_through(&self, digest: &str, workspace: &str) -> Set {
        let (makers, are_known) = self.makers(digest);
        let counts = |leave: &&Leave| {
            leave.digest == digest
                && leave.workspace == workspace
                && leave.story == self.story(digest)
                && self.now < leave.until
                && !makers.contains(leave.by)
        };
        let mut latest: BTreeMap<&str, &Leave> = BTreeMap::new();
        for leave in self
            .leaves
            .iter()
            .filter(|leave| leave.digest == digest && leave.workspace == workspace)
        {
            latest.insert(leave.by, leave);
        }
        let tags = self.label(digest);
        let enough = |tag: &&str| {
            let owners = owners(tag);
            let who = latest
                .values()
                .copied()
                .filter(counts)
                .filter(|leave| leave.tags.contains(tag) && owners.contains(leave.by));
            are_known && who.count() >= 2
        };
        tags.into_iter().filter(|tag| enough(tag)).collect()
    }

    pub(super) fn may_hold(&self, digest: &str, workspace: &str) -> bool {
        let mut may = clearance(workspace);
        may.extend(self.let_through(digest, workspace));
        self.label(digest).is_subset(&may)
    }

    /// Whether a workspace has a version: promoted there, or lawfully made there.
    pub(super) fn has(&self, workspace: &'static str, one: &Registered) -> bool {
        let held = self.held.get(&(workspace, one.artifact));
        held.is_some_and(|held| held.contains(&one.digest))
            || one.workspace == workspace && one.is_lawful
    }

    /// Whether a promotion of a version may be made.
    pub(super) fn allows(
        &self,
        promotion: &str,
        one: &Registered,
        workspace: &'static str,
    ) -> bool {
        let (digest, slot) = (&one.digest, (workspace, one.artifact));
        let is_back = self
            .held
            .get(&slot)
            .is_some_and(|held| held.contains(digest));
        let has_source = is_back
            || !self.has(workspace, one)
                && accepts(workspace).iter().any(|from| self.has(from, one));
        let (makers, are_known) = self.makers(digest);
        let mut answers: BTreeMap<&str, &Said> = BTreeMap::new();
        for said in self.said.iter().filter(|said| said.promotion == promotion) {
            if !said.is_yes || !makers.contains(said.by) {
                answers.insert(said.by, said);
            }
        }
        let of_group = |said: &&&Said| APPROVERS.contains(&said.by);
        let is_rejected = answers.values().filter(of_group).any(|said| !said.is_yes);
        let is_approved = answers
            .values()
            .filter(of_group)
            .any(|said| said.is_yes && self.now < said.until);
        has_source
            && are_known
            && is_approved
            && !is_rejected
            && self.may_hold(digest, workspace)
            && !self
                .abandoned
                .contains(&(workspace, one.artifact, digest.clone()))
    }
}
