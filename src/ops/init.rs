//! `promote init`: a promotion repository in one of the patterns, with keys and a signed start.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::ToSpan as _;
use rust_embed::RustEmbed;
use serde::Serialize;

use crate::attest::engine_key::EngineKey;
use crate::attest::ssh::sign;
use crate::context::{Context, LOCAL_FOLDER};
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::fs::durable;
use crate::git::commit::NewCommit;
use crate::git::identity::{Identity, init_repository};
use crate::git::repository::Repository;
use crate::ledger::signer::Signer;
use crate::manifest::topology::PatternName;
use crate::model::id::{PrincipalName, TopologyName};
use crate::ops::trust;

/// The patterns, each a complete promotion repository with a few words to fill in.
#[derive(RustEmbed)]
#[folder = "pipelines/"]
struct Patterns;

/// What to make.
#[derive(Debug, Clone)]
pub struct InitRequest {
    /// The folder, which may not hold anything yet.
    pub directory: PathBuf,
    /// The pattern.
    pub pattern: PatternName,
    /// The organisation's name; that of the folder when left out.
    pub name: Option<TopologyName>,
    /// The first principal, who may do everything until others are added.
    pub principal: PrincipalName,
    /// The name as it is printed.
    pub printed_name: String,
}

/// What was made.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InitReport {
    /// The folder.
    pub directory: PathBuf,
    /// The pattern.
    pub pattern: PatternName,
    /// The files that were written.
    pub files: Vec<String>,
    /// The first commit.
    pub commit: String,
    /// The SHA-256 of the trust root: what people compare out of band.
    pub trust_root: crate::model::digest::Sha256,
    /// The SSH key that signed the start.
    pub signing_key: PathBuf,
}

/// Writes a promotion repository.
///
/// # Errors
///
/// When the folder holds something already, or a key cannot be made.
pub fn init(context: &Context, request: &InitRequest) -> Result<InitReport> {
    let directory = &request.directory;
    check_empty(directory)?;
    let repository = init_repository(directory, &context.settings.branch, context.git_program())?;
    let secrets = repository.git_directory().join(LOCAL_FOLDER);
    durable::create_private_dir(&secrets).map_err(|error| cannot_write(&secrets, &error))?;
    let signing_key = signing_key(context, &secrets, &request.principal)?;
    let words = words(context, request, &secrets, &signing_key)?;
    let mut files = pattern_files(request.pattern, &words)?;
    files.insert("README.md".to_owned(), readme(request, &words).into_bytes());
    for (path, bytes) in &files {
        write(directory, path, bytes)?;
    }
    let settings = crate::context::Settings {
        repository: directory.display().to_string(),
        remote: Some("none".to_owned()),
        signing_key: Some(signing_key.clone()),
        pinned: None,
        ..context.settings.clone()
    };
    let context = Context {
        settings,
        ..context.clone()
    };
    let signed = trust::sign(&context, None)?;
    let mut names: Vec<String> = files.into_keys().chain(signed.written).collect();
    names.sort();
    names.dedup();
    let commit = first_commit(&context, &repository, directory, &names)?;
    Ok(InitReport {
        directory: directory.clone(),
        pattern: request.pattern,
        files: names,
        commit,
        trust_root: signed.root,
        signing_key,
    })
}

fn check_empty(directory: &Path) -> Result<()> {
    let names = if durable::exists(directory) {
        durable::read_dir_names(directory, 10_000)
    } else {
        Ok(Vec::new())
    };
    let names = names.map_err(|error| cannot_write(directory, &error))?;
    if names.iter().all(|name| name == ".git") && !names.iter().any(|name| name == ".git") {
        return Ok(());
    }
    let failure = Failure::new(
        FailureKind::Invalid,
        format!("`{}` is not empty", directory.display()),
    );
    Err(failure.hint("name a new folder: `promote init DIR`"))
}

/// The key that the person named, or a new one for this repository alone.
fn signing_key(context: &Context, secrets: &Path, principal: &PrincipalName) -> Result<PathBuf> {
    if context.settings.signing_key.is_some() {
        return context.signing_key();
    }
    let path = secrets.join(principal.as_str());
    sign::generate(&context.environment, &path, principal.as_str())
        .or_fail(FailureKind::Invalid)?;
    Ok(path)
}

/// The words that the pattern's files leave open.
fn words(
    context: &Context,
    request: &InitRequest,
    secrets: &Path,
    signing_key: &Path,
) -> Result<Vec<(&'static str, String)>> {
    let folder = request
        .directory
        .file_name()
        .map(|name| name.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    let name = match &request.name {
        Some(name) => name.clone(),
        None => folder
            .parse()
            .or_fail(FailureKind::Usage)
            .map_err(|failure| failure.hint("name the organisation with `--name`"))?,
    };
    let engine = EngineKey::generate().or_fail(FailureKind::Internal)?;
    let log = Signer::generate(&format!("{name}.promote")).or_fail(FailureKind::Internal)?;
    let keep = |file: &str, bytes: &[u8]| {
        let path = secrets.join(file);
        durable::write_private(&path, bytes).map_err(|error| cannot_write(&path, &error))
    };
    keep("engine.pem", engine.expose())?;
    keep("log.key", log.private_key().expose().as_bytes())?;
    let engine = EngineKey::from_pem(&engine).or_fail(FailureKind::Internal)?;
    let public = sign::read_public_key(signing_key).or_fail(FailureKind::Invalid)?;
    let year = context
        .clock
        .now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .checked_add(1.year())
        .or_fail(FailureKind::Internal)?;
    Ok(vec![
        // Longer words first: `$PRINCIPAL` is the beginning of `$PRINCIPAL_NAME`.
        (
            "$PRINCIPAL_NAME",
            serde_json::to_string(&request.printed_name).or_fail(FailureKind::Internal)?,
        ),
        ("$PRINCIPAL", request.principal.to_string()),
        ("$PUBLIC_KEY", public.to_string()),
        (
            "$ENGINE_KEY",
            engine
                .public_key()
                .to_pem()
                .trim_end()
                .replace('\n', "\n        "),
        ),
        ("$LOG_KEY", log.verifier().to_string()),
        (
            "$EXPIRES",
            year.timestamp().strftime("%Y-%m-%dT00:00:00Z").to_string(),
        ),
        ("$NAME", name.to_string()),
        ("$EMAILS", "[]".to_owned()),
    ])
}

fn pattern_files(
    pattern: PatternName,
    words: &[(&'static str, String)],
) -> Result<BTreeMap<String, Vec<u8>>> {
    let prefix = format!("{pattern}/");
    let mut files = BTreeMap::new();
    for name in Patterns::iter() {
        let (Some(path), Some(file)) = (name.strip_prefix(&prefix), Patterns::get(&name)) else {
            continue;
        };
        let text = String::from_utf8(file.data.into_owned())
            .map_err(|_| Failure::new(FailureKind::Internal, format!("`{name}` is not text")))?;
        let text = words
            .iter()
            .fold(text, |text, (word, value)| text.replace(word, value));
        files.insert(path.to_owned(), text.into_bytes());
    }
    Ok(files)
}

fn readme(request: &InitRequest, words: &[(&'static str, String)]) -> String {
    let name = words
        .iter()
        .find(|(word, _)| *word == "$NAME")
        .map_or("", |(_, name)| name);
    format!(
        "# {name}\n\nA promotion repository in the pattern `{}`. Releases in `releases/` say what each environment should hold; `promote plan` \
         says what would be done about it, and `promote apply` does it.\n\n- `promote check` validates everything.\n- `promote register` and \
         `promote request` write versions and releases.\n- `promote trust sign` signs changes of governed files.\n",
        request.pattern
    )
}

fn first_commit(
    context: &Context,
    repository: &Repository,
    directory: &Path,
    names: &[String],
) -> Result<String> {
    let read = |name: &String| {
        durable::read_bounded(&directory.join(name), 1 << 20)
            .map(|bytes| (name.clone(), Some(bytes)))
    };
    let changes = names
        .iter()
        .map(read)
        .collect::<std::io::Result<BTreeMap<_, _>>>()
        .map_err(|error| cannot_write(directory, &error))?;
    let fallback = Identity::new("promote", "promote@localhost")?;
    let author = repository.committer(&fallback)?;
    let commit = NewCommit {
        base: None,
        changes: &changes,
        message: "promote: a new repository",
        author: &author,
        time: context.clock.now(),
        sign: None,
    };
    let id = repository.commit_files(commit)?;
    repository.advance(&context.settings.branch, None, id)?;
    repository.reset_index(id)?;
    Ok(id.to_string())
}

fn write(directory: &Path, path: &str, bytes: &[u8]) -> Result<()> {
    let path = directory.join(path);
    let made = path.parent().map_or(Ok(()), durable::create_dir_all);
    made.and_then(|()| durable::write_atomic(&path, bytes))
        .map_err(|error| cannot_write(&path, &error))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::of(FailureKind::Unavailable, error)
        .during(format!("`{}` cannot be written", path.display()))
}
