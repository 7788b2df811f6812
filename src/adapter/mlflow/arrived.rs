//! Whether all files of a version are on the server, before anybody sees the version: the server answers 200 before what it
//! was sent is safe, and names no hash. Here their lengths are looked at, a folder at a time. What proves the bytes is that
//! whoever wrote them reads them back and hashes them, as from every workspace.

use std::collections::BTreeMap;

use futures_util::stream::{FuturesUnordered, StreamExt as _};

use crate::adapter::mlflow::client::Call;
use crate::adapter::mlflow::place::Place;
use crate::adapter::mlflow::upload::{FILES_AT_ONCE, is_same};
use crate::adapter::mlflow::wire::Listing;
use crate::adapter::{AdapterError, AdapterErrorKind, Record, Result};
use crate::model::digest::FileRecord;

/// Of folders with more files the list may be longer than an answer may be.
const MAX_LISTED: usize = 50_000;

/// The files of one folder, by their names on the server.
type Folder<'a> = BTreeMap<String, (Place, &'a FileRecord)>;

/// Checks that each file of a version is below a folder, as long as it should be.
///
/// # Errors
///
/// `Corrupt` when one is not.
pub(super) async fn check(call: Call<'_>, root: &Place, record: &Record) -> Result<()> {
    let unfit = |reason| call.error(AdapterErrorKind::Unsupported, reason);
    let mut folders: BTreeMap<String, (Place, Folder<'_>)> = BTreeMap::new();
    for file in record.files.records() {
        let place = root.file(&file.path).map_err(unfit)?;
        if let Some((folder, name)) = place.split() {
            let name = name.to_owned();
            let known = folders.entry(folder.to_string());
            let (_, files) = known.or_insert_with(|| (folder, Folder::new()));
            files.insert(name, (place, file));
        }
    }
    let mut folders = folders.values();
    let mut under_way = FuturesUnordered::new();
    loop {
        let free = FILES_AT_ONCE.saturating_sub(under_way.len());
        for (place, files) in folders.by_ref().take(free) {
            under_way.push(look(call, place, files));
        }
        match under_way.next().await {
            Some(looked) => looked?,
            None => return Ok(()),
        }
    }
}

async fn look(call: Call<'_>, folder: &Place, files: &Folder<'_>) -> Result<()> {
    let mut untold: Folder<'_> = Folder::new();
    if files.len() > MAX_LISTED {
        untold.clone_from(files);
    } else {
        let listing: Listing = call.listing(folder).await?;
        let listed = listing.files.into_iter().filter(|listed| !listed.is_dir);
        let listed: BTreeMap<String, Option<u64>> = listed
            .map(|listed| (listed.path.clone(), listed.size()))
            .collect();
        for (name, (place, file)) in files {
            match listed.get(name) {
                Some(Some(size)) if *size == file.size => {}
                None | Some(Some(_)) => return Err(lost(call, file)),
                Some(None) => {
                    untold.insert(name.clone(), (place.clone(), file));
                }
            }
        }
    }
    let mut untold = untold.values();
    let mut under_way = FuturesUnordered::new();
    loop {
        let free = FILES_AT_ONCE.saturating_sub(under_way.len());
        for (place, file) in untold.by_ref().take(free) {
            under_way.push(read(call, place, file));
        }
        match under_way.next().await {
            Some(found) => found?,
            None => return Ok(()),
        }
    }
}

/// Reads a file of which the server does not tell the length.
async fn read(call: Call<'_>, place: &Place, file: &FileRecord) -> Result<()> {
    let back = call
        .download(place)
        .await
        .map_err(|error| match error.kind {
            AdapterErrorKind::NotFound => lost(call, file),
            _ => error,
        })?;
    let is_same = is_same(back, file.sha256, file.size).await;
    match is_same.map_err(|error| call.http(place.as_str(), error))? {
        true => Ok(()),
        false => Err(lost(call, file)),
    }
}

fn lost(call: Call<'_>, file: &FileRecord) -> AdapterError {
    let message = format!(
        "the server took `{}` and has not what was sent; look at its artifact store",
        file.path
    );
    call.error(AdapterErrorKind::Corrupt, message)
}
