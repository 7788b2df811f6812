//! Addresses of data as tools write them, and which dataset each is of.
//!
//! Two ways to write one address are made one: scheme and host in lower case, `s3a` as `s3`, pages of the Hugging Face
//! hub as `hf://`. What can hold a secret (user, password, query) is dropped before an address is kept or shown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::manifest::dataset::DatasetSpec;
use crate::manifest::yaml::is_hidden;
use crate::model::id::DatasetName;

/// The longest address, in bytes.
pub const MAX_ADDRESS_BYTES: usize = 2048;
/// Schemes whose host does not tell capitals apart.
const HOST_SCHEMES: [&str; 11] = [
    "http", "https", "s3", "gs", "abfs", "abfss", "wasb", "wasbs", "hdfs", "postgres", "mysql",
];
/// Other names of a scheme.
const SCHEME_ALIASES: [(&str, &str); 4] = [
    ("s3a", "s3"),
    ("s3n", "s3"),
    ("gcs", "gs"),
    ("postgresql", "postgres"),
];
/// The pages that the addresses `hf://…` have for people.
const HUB_PAGES: &str = "https://huggingface.co/";

/// An address of data in its one form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address(String);

/// Why a text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// There is nothing in it.
    #[error("an address cannot be empty")]
    Empty,
    /// It is too long.
    #[error("an address has at most {MAX_ADDRESS_BYTES} bytes")]
    TooLong,
    /// It holds what nobody sees.
    #[error("an address holds no control character and none that is invisible")]
    Hidden,
    /// It goes up, so that its beginning does not tell where it leads.
    #[error("an address does not hold `.` or `..` between slashes")]
    Dots,
}

impl Address {
    /// Reads an address: one with a scheme, a path, or a name.
    ///
    /// # Errors
    ///
    /// When it is empty, too long, holds hidden characters, or goes up on its way.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let mut address = one_form(text)?;
        // What is left when something was dropped may have another form again; it only gets shorter.
        loop {
            let again = one_form(&address)?;
            if again == address {
                return Ok(Self(address));
            }
            address = again;
        }
    }

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a path without a host, so that it means something from one folder only.
    #[must_use]
    pub fn is_relative(&self) -> bool {
        !self.0.contains(':') && !self.0.starts_with('/')
    }

    /// Whether it is the other, or below it.
    #[must_use]
    pub fn is_in(&self, other: &Self) -> bool {
        self.ways_up().any(|way| way == other.as_str())
    }

    /// It and all that it is below of, the longest first.
    fn ways_up(&self) -> impl Iterator<Item = &str> {
        let text = self.0.as_str();
        let start = match text.split_once("://") {
            Some((scheme, rest)) => {
                let host = rest.find('/').unwrap_or(rest.len());
                scheme.len() + "://".len() + host
            }
            None => 1,
        };
        // `azureml:name:3` and `azureml:name@latest` are below `azureml:name`.
        let is_asset = text.starts_with("azureml:") && !text.contains("://");
        let is_end = move |byte: u8| byte == b'/' || is_asset && (byte == b':' || byte == b'@');
        let ends = (start.max(1)..text.len())
            .rev()
            .filter(move |at| text.as_bytes().get(*at).copied().is_some_and(is_end));
        std::iter::once(text).chain(ends.filter_map(move |end| text.get(..end)))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

fn one_form(text: &str) -> Result<String, AddressError> {
    let text = text.trim();
    if text.len() > MAX_ADDRESS_BYTES {
        return Err(AddressError::TooLong);
    }
    if text.chars().any(is_hidden) || text.contains(['\n', '\r', '\t']) {
        return Err(AddressError::Hidden);
    }
    let address = match text.split_once("://") {
        Some((scheme, rest)) => with_scheme(scheme, rest)?,
        None => local(text),
    };
    if address.is_empty() {
        return Err(AddressError::Empty);
    }
    Ok(address)
}

fn with_scheme(scheme: &str, rest: &str) -> Result<String, AddressError> {
    let scheme = scheme.to_ascii_lowercase();
    let alias = SCHEME_ALIASES.iter().find(|(other, _)| *other == scheme);
    let scheme = alias.map_or(scheme.as_str(), |(_, scheme)| scheme);
    let end = rest.find(['?', '#', ';']).unwrap_or(rest.len());
    let rest = rest.get(..end).unwrap_or(rest).trim_end_matches('/');
    if scheme == "file" {
        return Ok(local(rest));
    }
    let (host, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let is_dots = |part: &str| {
        let part = part.replace("%2e", ".").replace("%2E", ".");
        part == "." || part == ".."
    };
    if path.split('/').any(is_dots) {
        return Err(AddressError::Dots);
    }
    let host = without_secrets(scheme, host);
    if host.is_empty() {
        return Err(AddressError::Empty);
    }
    let host = if HOST_SCHEMES.contains(&scheme) {
        host.to_ascii_lowercase()
    } else {
        host.to_owned()
    };
    let address = format!("{scheme}://{host}{path}");
    match address.strip_prefix(HUB_PAGES) {
        // Read as what it is then, so that one address has one form.
        Some(page) => with_scheme("hf", page.trim_start_matches('/')),
        None => Ok(address),
    }
}

/// The host without user and password. What stands before the `@` of `abfss` is a container, and stays.
fn without_secrets<'a>(scheme: &str, host: &'a str) -> &'a str {
    match host.rsplit_once('@') {
        Some((user, host)) if user.contains(':') || scheme.starts_with("http") => host,
        Some(_) | None => host,
    }
}

/// A path or a name, with the turns taken out of it.
fn local(text: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split('/').filter(|part| !part.is_empty()) {
        match part {
            "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if text.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    if text.starts_with('/') && !path.is_empty() {
        format!("/{path}")
    } else {
        path
    }
}

/// Which dataset an address is of.
#[derive(Debug, Clone, Default)]
pub struct Claims(BTreeMap<Address, BTreeSet<DatasetName>>);

/// Several datasets claim one address with the same right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{claim}` is claimed by {}", list(names))]
pub struct AmbiguousClaim {
    /// What they claim.
    pub claim: Address,
    /// The datasets.
    pub names: Vec<DatasetName>,
}

fn list(names: &[DatasetName]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(" and ")
}

impl Claims {
    /// What datasets claim: their location and their addresses. What is no address claims nothing.
    #[must_use]
    pub fn of<'a>(datasets: impl Iterator<Item = (&'a DatasetName, &'a DatasetSpec)>) -> Self {
        let mut claims: BTreeMap<Address, BTreeSet<DatasetName>> = BTreeMap::new();
        for (name, spec) in datasets {
            let texts = std::iter::once(&spec.location).chain(&spec.addresses);
            for address in texts.filter_map(|text| Address::parse(text).ok()) {
                claims.entry(address).or_default().insert(name.clone());
            }
        }
        Self(claims)
    }

    /// The dataset with the longest claim that the address lies in, with the length of the claim; `None` when there is
    /// none.
    ///
    /// # Errors
    ///
    /// When several have it.
    pub fn owner(
        &self,
        address: &Address,
    ) -> Result<Option<(&DatasetName, usize)>, AmbiguousClaim> {
        for claim in address.ways_up() {
            let claim = Address(claim.to_owned());
            let Some(names) = self.0.get(&claim) else {
                continue;
            };
            let mut all = names.iter();
            return match (all.next(), all.next()) {
                (Some(only), None) => Ok(Some((only, claim.0.len()))),
                _ => Err(AmbiguousClaim {
                    claim,
                    names: names.iter().cloned().collect(),
                }),
            };
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_form(text: &str) -> String {
        match Address::parse(text) {
            Ok(address) => address.to_string(),
            Err(error) => format!("{error}"),
        }
    }

    #[test]
    fn an_address_has_one_form() {
        for (text, expected) in [
            ("S3A://Lake/Customers/", "s3://lake/Customers"),
            ("s3://lake/a//b?versionId=7", "s3://lake/a//b"),
            (
                "abfss://sales@Contoso.dfs.core.windows.net/2026/",
                "abfss://sales@contoso.dfs.core.windows.net/2026",
            ),
            ("https://user:secret@host/a?sig=s#f", "https://host/a"),
            ("https://token@host/a", "https://host/a"),
            (
                "jdbc:sqlserver://host:1433;password=x",
                "jdbc:sqlserver://host:1433",
            ),
            ("postgresql://me:secret@Db:5432/x", "postgres://db:5432/x"),
            (
                "https://huggingface.co/datasets/Org/Set",
                "hf://datasets/Org/Set",
            ),
            ("s3://lake/field  /", "s3://lake/field"),
            ("https://huggingface.co//Org/Set", "hf://Org/Set"),
            ("https://huggingface.co/me:secret@Org/Set", "hf://Org/Set"),
            ("https://huggingface.co//", "https://huggingface.co"),
            ("file:///srv/./data/../x", "/srv/x"),
            ("./data//raw/", "data/raw"),
            ("../other/data", "../other/data"),
            ("/../../etc", "/etc"),
            ("azureml:credit:3", "azureml:credit:3"),
            (
                "azureml://datastores/d/paths/p/",
                "azureml://datastores/d/paths/p",
            ),
            (
                "s3://lake/a/../b",
                "an address does not hold `.` or `..` between slashes",
            ),
            (
                "s3://lake/%2E%2e/b",
                "an address does not hold `.` or `..` between slashes",
            ),
            (" ", "an address cannot be empty"),
            ("s3://", "an address cannot be empty"),
            ("/", "an address cannot be empty"),
            (
                "a\u{202e}b",
                "an address holds no control character and none that is invisible",
            ),
            (&"a".repeat(2049), "an address has at most 2048 bytes"),
        ] {
            assert_eq!(one_form(text), expected, "{text}");
            if let Ok(address) = Address::parse(text) {
                assert_eq!(Address::parse(address.as_str()), Ok(address), "{text}");
            }
        }
    }

    fn claims() -> Claims {
        let spec = |location: &str, addresses: &[&str]| DatasetSpec {
            snapshots: BTreeMap::new(),
            owner: "stewards".parse().unwrap(),
            label: crate::model::label::Label::new(["internal".parse().unwrap()]).unwrap(),
            access: None,
            region: "westeurope".parse().unwrap(),
            location: location.to_owned(),
            addresses: addresses.iter().map(|text| (*text).to_owned()).collect(),
        };
        let specs = [
            ("lake", spec("s3://lake", &["azureml:credit"])),
            ("field", spec("s3a://lake/field/", &["s3://lake/both"])),
            ("sample", spec("data/sample", &["s3://lake/both"])),
            ("nowhere", spec("s3://lake/x/../y", &[])),
        ];
        let specs: Vec<(DatasetName, DatasetSpec)> = specs
            .into_iter()
            .map(|(name, spec)| (name.parse().unwrap(), spec))
            .collect();
        Claims::of(specs.iter().map(|(name, spec)| (name, spec)))
    }

    #[test]
    fn the_longest_claim_wins_and_ends_where_a_name_ends() {
        let claims = claims();
        for (text, expected) in [
            ("s3://lake", "lake"),
            ("s3://lake/", "lake"),
            ("s3://lake/field/2026/a.csv", "field"),
            ("s3://lake/fields", "lake"),
            ("s3://lake2/field", ""),
            ("s3:/", ""),
            ("azureml:credit:3", "lake"),
            ("azureml:credit@latest", "lake"),
            ("azureml:credits:3", ""),
            ("data/sample/x", "sample"),
            ("data/sample2", ""),
            ("data/sample/../field", ""),
            ("/data/sample", ""),
            ("field/s3://lake", ""),
        ] {
            let address = Address::parse(text).unwrap();
            let owner = claims.owner(&address).unwrap();
            assert_eq!(
                owner.map_or("", |(name, _)| name.as_str()),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn an_address_that_two_claim_alike_names_both() {
        let address = Address::parse("s3://lake/both/a").unwrap();
        let error = claims().owner(&address).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`s3://lake/both` is claimed by `field` and `sample`"
        );
    }
}
