//! The cases.

use futures_util::future::{BoxFuture, join};
use futures_util::stream::TryStreamExt as _;

use crate::adapter::conformance::subject::{MemoryContent, Subject, ensure, ensure_kind};
use crate::adapter::conformance::{Case, Outcome};
use crate::adapter::transfer::verify;
use crate::adapter::{AdapterErrorKind, ErrorStatus, Locator, Record, Selector, Written};
use crate::model::artifact::VersionId;
use crate::model::digest::TreeDigest;

macro_rules! cases {
    ($($name:literal => $check:ident,)*) => {
        /// All cases, in the order they run.
        pub(super) const CASES: &[Case] = &[$(
            Case { name: $name, check: |subject| -> BoxFuture<'_, Outcome> { Box::pin($check(subject)) } },
        )*];
    };
}

cases! {
    "what is absent is absent, and that is no error" => absent,
    "what was written is there and reads back as it was" => round_trip,
    "names may hold every allowed character" => names,
    "files may be empty or long" => sizes,
    "the same digest a second time is success and changes nothing" => second_write,
    "other bytes under a version are refused" => other_bytes,
    "a stream that ends early leaves nothing visible" => ends_early,
    "bytes that are not those of the record leave nothing visible" => wrong_bytes,
    "without a permit for this digest and workspace nothing is written" => permits,
    "a pointer moves only from what is expected" => pointer,
    "of two pointers at once exactly one wins" => pointer_race,
    "of two writes at once exactly one creates" => write_race,
    "a listing is whole, sorted and selected" => listing,
    "no secret shows" => secrets,
}

async fn listed(subject: &Subject, version: &VersionId) -> Result<Vec<Record>, String> {
    let selector = Selector {
        artifacts: [version.artifact.clone()].into(),
    };
    let records = subject.adapter.list(selector).await;
    let records = records.map_err(|error| error.to_string())?;
    records
        .try_collect()
        .await
        .map_err(|error| error.to_string())
}

async fn held(subject: &Subject, version: &VersionId) -> Result<Option<Record>, String> {
    let found = subject.adapter.stat(Locator::Version(version)).await;
    found.map_err(|error| error.to_string())
}

async fn current(subject: &Subject, version: &VersionId) -> Result<Option<TreeDigest>, String> {
    let found = subject
        .adapter
        .stat(Locator::Current(&version.artifact))
        .await;
    let found = found.map_err(|error| error.to_string())?;
    Ok(found.map(|record| record.digest))
}

async fn ensure_invisible(subject: &Subject, version: &VersionId) -> Outcome {
    ensure(held(subject, version).await?.is_none(), "stat shows it")?;
    ensure(listed(subject, version).await?.is_empty(), "list shows it")
}

async fn ensure_verified(subject: &Subject, record: &Record) -> Outcome {
    let found = verify(subject.adapter.as_ref(), &record.version, &record.files).await;
    let found = found.map_err(|error| error.to_string())?;
    ensure(found == record.digest, format!("it reads back as {found}"))
}

async fn absent(subject: &Subject) -> Outcome {
    let version = subject.version("absent", "1.0.0")?;
    let path = "a".parse().map_err(|error| format!("{error}"))?;
    ensure_invisible(subject, &version).await?;
    ensure(current(subject, &version).await?.is_none(), "a pointer")?;
    let read = subject.adapter.read(&version, &path).await.map(|_| ());
    ensure_kind(&read, AdapterErrorKind::NotFound)?;
    let described = subject.adapter.describe(&version).await;
    ensure_kind(&described, AdapterErrorKind::NotFound)?;
    let pointed = subject.adapter.point(&version, None).await;
    ensure_kind(&pointed, AdapterErrorKind::NotFound)?;
    let is_permanent = pointed.is_err_and(|error| error.status == ErrorStatus::Permanent);
    ensure(is_permanent, "absence is not permanent")
}

async fn round_trip(subject: &Subject) -> Outcome {
    let version = subject.version("round-trip", "1.0.0-rc.1")?;
    let files: &[(&str, &[u8])] = &[("a", b"1"), ("folder/deeper/b", b"2")];
    let record = subject.create(&version, files).await?;
    ensure(
        held(subject, &version).await? == Some(record.clone()),
        "stat differs",
    )?;
    let list = listed(subject, &version).await?;
    ensure(list == [record.clone()], format!("list shows {list:?}"))?;
    ensure_verified(subject, &record).await?;
    let path = "c".parse().map_err(|error| format!("{error}"))?;
    let read = subject.adapter.read(&version, &path).await.map(|_| ());
    ensure_kind(&read, AdapterErrorKind::NotFound)?;
    ensure(
        current(subject, &version).await?.is_none(),
        "it moved the pointer",
    )
}

async fn names(subject: &Subject) -> Outcome {
    let version = subject.version("names", "1.0.0")?;
    let allowed = (' '..='~').filter(|character| !matches!(character, '/' | '\\'));
    let ascii: String = allowed
        .filter(|character| !character.is_ascii_uppercase())
        .collect();
    let paths = [
        ascii.as_str(),
        "A-Z/ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "ünïcödé/日本語/🙂",
        ".hidden",
        "-rf",
        "record.json",
        "content/current",
        "%2e%2e/%2F",
        "a/.git/config",
        "deep/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/file",
    ];
    let files: Vec<(&str, &[u8])> = paths.iter().map(|path| (*path, path.as_bytes())).collect();
    let record = subject.create(&version, &files).await?;
    ensure_verified(subject, &record).await
}

async fn sizes(subject: &Subject) -> Outcome {
    let version = subject.version("sizes", "1.0.0")?;
    let long: Vec<u8> = (0..2_500_001_u32).flat_map(u32::to_le_bytes).collect();
    let record = subject
        .create(&version, &[("empty", b""), ("long", &long)])
        .await?;
    ensure_verified(subject, &record).await
}

async fn second_write(subject: &Subject) -> Outcome {
    let version = subject.version("second-write", "1.0.0")?;
    let record = subject.create(&version, &[("a", b"1")]).await?;
    let (_, again) = subject
        .write(&version, &MemoryContent::new(&[("a", b"1")])?)
        .await?;
    ensure(
        matches!(again, Ok(Written::Unchanged)),
        format!("it gave {again:?}"),
    )?;
    ensure_verified(subject, &record).await
}

async fn other_bytes(subject: &Subject) -> Outcome {
    let version = subject.version("other-bytes", "1.0.0")?;
    let record = subject.create(&version, &[("a", b"1")]).await?;
    let (_, other) = subject
        .write(&version, &MemoryContent::new(&[("a", b"2")])?)
        .await?;
    ensure_kind(&other, AdapterErrorKind::AlreadyExists)?;
    ensure_verified(subject, &record).await
}

async fn ends_early(subject: &Subject) -> Outcome {
    let version = subject.version("ends-early", "1.0.0")?;
    // Bytes that nothing else here has: what is kept by its hash need not be read again.
    let mut long = vec![7; 300_000];
    long.extend_from_slice(version.to_string().as_bytes());
    let whole = MemoryContent::new(&[("a", b"1"), ("b/long", &long)])?;
    for cut in [whole.clone().ending_early(), whole.clone().breaking()] {
        let (_, written) = subject.write(&version, &cut).await?;
        ensure(written.is_err(), format!("it gave {written:?}"))?;
        ensure_invisible(subject, &version).await?;
    }
    let (record, written) = subject.write(&version, &whole).await?;
    ensure(
        matches!(written, Ok(Written::Created)),
        format!("then it gave {written:?}"),
    )?;
    ensure_verified(subject, &record).await
}

async fn wrong_bytes(subject: &Subject) -> Outcome {
    let version = subject.version("wrong-bytes", "1.0.0")?;
    // Bytes that nothing else here has, as above.
    let (right, wrong) = (format!("{version} right"), format!("{version} wrong"));
    let record = MemoryContent::new(&[("a", right.as_bytes())])?.record(&version)?;
    let permit = subject.permit(record.digest)?;
    let other = MemoryContent::new(&[("a", wrong.as_bytes())])?;
    let written = subject.adapter.write(&permit, &record, &other).await;
    ensure_kind(&written, AdapterErrorKind::Corrupt)?;
    ensure_invisible(subject, &version).await
}

async fn permits(subject: &Subject) -> Outcome {
    let version = subject.version("permits", "1.0.0")?;
    let content = MemoryContent::new(&[("a", b"1")])?;
    let record = content.record(&version)?;
    let other = MemoryContent::new(&[("a", b"2")])?.record(&version)?;
    let permits = [
        subject.permit(other.digest)?,
        Subject::permit_in("conformance-other", record.digest)?,
    ];
    for permit in &permits {
        let written = subject.adapter.write(permit, &record, &content).await;
        ensure_kind(&written, AdapterErrorKind::PermissionDenied)?;
    }
    let forged = Record {
        digest: other.digest,
        ..record
    };
    let [permit, _] = &permits;
    let written = subject.adapter.write(permit, &forged, &content).await;
    ensure_kind(&written, AdapterErrorKind::Corrupt)?;
    ensure_invisible(subject, &version).await
}

async fn pointer(subject: &Subject) -> Outcome {
    let first = subject.version("pointer", "1.0.0")?;
    let second = subject.version("pointer", "2.0.0")?;
    let one = subject.create(&first, &[("a", b"1")]).await?.digest;
    let two = subject.create(&second, &[("a", b"2")]).await?.digest;
    let adapter = &subject.adapter;
    let stale = adapter.point(&first, Some(two)).await;
    ensure_kind(&stale, AdapterErrorKind::Precondition)?;
    for (version, expected, holds) in [
        (&first, None, one),
        (&first, None, one),
        (&second, Some(one), two),
        (&first, Some(two), one),
    ] {
        let pointed = adapter.point(version, expected).await;
        pointed.map_err(|error| error.to_string())?;
        ensure(
            current(subject, version).await? == Some(holds),
            "it holds another",
        )?;
    }
    for expected in [None, Some(two)] {
        let stale = adapter.point(&second, expected).await;
        ensure_kind(&stale, AdapterErrorKind::Precondition)?;
    }
    ensure(
        current(subject, &first).await? == Some(one),
        "it moved all the same",
    )
}

async fn pointer_race(subject: &Subject) -> Outcome {
    if !subject.adapter.capabilities().compare_and_set {
        return Ok(());
    }
    let mut held = None;
    for round in 0..5 {
        let left = subject.version("pointer-race", &format!("1.{round}.0"))?;
        let right = subject.version("pointer-race", &format!("1.{round}.1"))?;
        let bytes = |side: &str| format!("{side} {round}");
        subject
            .create(&left, &[("a", bytes("left").as_bytes())])
            .await?;
        subject
            .create(&right, &[("a", bytes("right").as_bytes())])
            .await?;
        let (first, second) = join(
            subject.adapter.point(&left, held),
            subject.adapter.point(&right, held),
        )
        .await;
        let (winner, loser) = if first.is_ok() {
            (&left, second)
        } else {
            (&right, first)
        };
        ensure_kind(&loser, AdapterErrorKind::Precondition)?;
        held = current(subject, winner).await?;
        let expected = self::held(subject, winner)
            .await?
            .map(|record| record.digest);
        ensure(held == expected, "the pointer holds neither's version")?;
    }
    Ok(())
}

async fn write_race(subject: &Subject) -> Outcome {
    if !subject.adapter.capabilities().create_only {
        return Ok(());
    }
    let (one, two) = (
        MemoryContent::new(&[("a", b"1")])?,
        MemoryContent::new(&[("a", b"2")])?,
    );
    let same = subject.version("write-race", "1.0.0")?;
    let (first, second) = join(subject.write(&same, &one), subject.write(&same, &one)).await;
    let written = [first?.1, second?.1].map(|written| written.map_err(|error| error.to_string()));
    let created = written
        .iter()
        .filter(|written| **written == Ok(Written::Created));
    let is_one = created.count() == 1 && written.contains(&Ok(Written::Unchanged));
    ensure(is_one, format!("the same twice gave {written:?}"))?;
    let other = subject.version("write-race", "2.0.0")?;
    let (first, second) = join(subject.write(&other, &one), subject.write(&other, &two)).await;
    let (first, second) = (first?, second?);
    let (record, loser) = if first.1.is_ok() {
        (first.0, second.1)
    } else {
        (second.0, first.1)
    };
    ensure_kind(&loser, AdapterErrorKind::AlreadyExists)?;
    ensure_verified(subject, &record).await
}

async fn listing(subject: &Subject) -> Outcome {
    let count = 25_u64;
    let mut versions = Vec::new();
    for minor in (0..count).rev() {
        let version = subject.version("listing", &format!("1.{minor}.0"))?;
        subject
            .create(&version, &[("a", &minor.to_le_bytes())])
            .await?;
        versions.push(version);
    }
    versions.reverse();
    let Some(version) = versions.first() else {
        return Ok(());
    };
    let found = listed(subject, version).await?;
    let found: Vec<_> = found.into_iter().map(|record| record.version).collect();
    ensure(found == versions, format!("list shows {found:?}"))?;
    let all = subject.adapter.list(Selector::default()).await;
    let all: Vec<Record> = match all {
        Ok(all) => all.try_collect().await.map_err(|error| error.to_string())?,
        Err(error) => return Err(error.to_string()),
    };
    let is_whole = versions
        .iter()
        .all(|version| all.iter().any(|record| record.version == *version));
    ensure(is_whole, "a listing of everything lacks some")
}

async fn secrets(subject: &Subject) -> Outcome {
    let version = subject.version("secrets", "1.0.0")?;
    let error = subject.adapter.point(&version, None).await.err();
    let texts = [
        format!("{:?}", subject.adapter),
        format!("{:?}", subject.adapter.info()),
        format!("{error:?}"),
        error.map(|error| error.to_string()).unwrap_or_default(),
    ];
    let shows = |secret: &String| texts.iter().any(|text| text.contains(secret));
    match subject.secrets.iter().position(shows) {
        None => Ok(()),
        Some(position) => Err(format!("secret number {position} shows")),
    }
}
