//! Listing names, page by page: never all at once, never without an end, never outside the prefix.

use std::collections::VecDeque;

use ::object_store::ObjectMeta;
use ::object_store::list::{PaginatedListOptions, PaginatedListResult};

use crate::adapter::object_store::line::Body;
use crate::adapter::object_store::session::{Session, ask};
use crate::adapter::{AdapterErrorKind, Result};

/// The most names on one page: what S3 gives.
const PAGE: usize = 1000;
/// The most pages without an end: ten million names.
const MAX_PAGES: usize = 10_000;

/// The names below a prefix that are still to come.
#[derive(Debug)]
struct Pages {
    prefix: String,
    is_flat: bool,
    next: Next,
    pages: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Next {
    First,
    After(String),
    End,
}

impl Pages {
    /// All objects below a prefix, which is empty or ends in a slash.
    const fn all(prefix: String) -> Self {
        Self {
            prefix,
            is_flat: false,
            next: Next::First,
            pages: 0,
        }
    }

    /// What lies directly in a folder: folders and objects.
    fn folder(prefix: String) -> Self {
        Self {
            is_flat: true,
            ..Self::all(prefix)
        }
    }

    /// The next page; `None` when there are no more.
    async fn next(&mut self, session: &Session<'_>) -> Result<Option<PaginatedListResult>> {
        let token = match std::mem::replace(&mut self.next, Next::End) {
            Next::First => None,
            Next::After(token) => Some(token),
            Next::End => return Ok(None),
        };
        self.pages += 1;
        if self.pages > MAX_PAGES {
            let message = format!(
                "`{}` holds more than {MAX_PAGES} pages of names",
                self.prefix
            );
            return Err(session.error(AdapterErrorKind::Unsupported, message));
        }
        let options = PaginatedListOptions {
            delimiter: self.is_flat.then(|| "/".into()),
            max_keys: Some(PAGE),
            page_token: token.clone(),
            ..PaginatedListOptions::default()
        };
        let prefix = (!self.prefix.is_empty()).then_some(self.prefix.as_str());
        let listed = session.connected.bucket.list_paginated(prefix, options);
        let page = ask(Body::Whole, listed).await;
        let page = page.map_err(|failed| session.failed(&self.prefix, failed))?;
        if page.page_token.is_some() && page.page_token == token {
            let message = format!("the listing of `{}` does not go on", self.prefix);
            return Err(session.error(AdapterErrorKind::Unexpected, message));
        }
        self.next = page.page_token.clone().map_or(Next::End, Next::After);
        Ok(Some(page))
    }
}

/// The first of the objects below a prefix, if there is any.
pub(super) async fn first(session: &Session<'_>, prefix: &str) -> Result<Option<ObjectMeta>> {
    Objects::all(prefix.to_owned()).next(session).await
}

/// The folders directly in a folder, with a slash at their ends; at most so many.
pub(super) async fn folders(
    session: &Session<'_>,
    prefix: &str,
    limit: usize,
) -> Result<Vec<String>> {
    let mut pages = Pages::folder(prefix.to_owned());
    let mut folders = Vec::new();
    while let Some(page) = pages.next(session).await? {
        for folder in page.result.common_prefixes {
            folders.push(format!("{folder}/"));
            if folders.len() > limit {
                let message = format!("`{prefix}` holds more than {limit} folders");
                return Err(session.error(AdapterErrorKind::Unsupported, message));
            }
        }
    }
    Ok(folders)
}

/// Objects that are still to come, one by one.
#[derive(Debug)]
pub(super) struct Objects {
    pages: Pages,
    ready: VecDeque<ObjectMeta>,
}

impl Objects {
    /// All below a prefix.
    pub(super) const fn all(prefix: String) -> Self {
        Self {
            pages: Pages::all(prefix),
            ready: VecDeque::new(),
        }
    }

    /// The next.
    pub(super) async fn next(&mut self, session: &Session<'_>) -> Result<Option<ObjectMeta>> {
        loop {
            if let Some(object) = self.ready.pop_front() {
                return Ok(Some(object));
            }
            match self.pages.next(session).await? {
                Some(page) => self.ready.extend(page.result.objects),
                None => return Ok(None),
            }
        }
    }
}
