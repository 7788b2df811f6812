//! Long files, which are read in parts at once.

use std::sync::atomic::{AtomicUsize, Ordering};

use promote::adapter::Adapter;
use promote::adapter::layer::{Settings, layered};
use promote::adapter::transfer::verify;
use promote::adapter::{AdapterErrorKind, Record, Written};

use super::{open_to_all, write};
use crate::adapters::fake::{Answer, Fake, Request};
use crate::servers::{Release, Server};

/// Three parts and some bytes.
const LENGTH: usize = 24 * 1024 * 1024 + 7;

/// What a line does with a request for a part that is not the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// It passes it on.
    Good,
    /// It leaves out that a part is meant, as for a server that knows no parts.
    Whole,
    /// It asks for another part.
    Other,
    /// It breaks off half way, once.
    Cut,
}

fn range(request: &Request) -> Option<&str> {
    let range = |line: &'_ str| line.to_ascii_lowercase().starts_with("range:");
    request.headers.lines().find(|line| range(line))
}

fn line(server: &Server, kind: Line) -> Fake {
    let (port, count) = (server.port(), AtomicUsize::new(0));
    Fake::start(move |request| {
        let Some(part) = range(request) else {
            return request.forward(port);
        };
        let is_first = part.contains("bytes=0-");
        let mut changed = request.clone();
        match kind {
            Line::Whole => changed.headers = request.headers.replace(part, "X-None: 1"),
            Line::Other if !is_first => {
                changed.headers = request.headers.replace(part, "Range: bytes=1-8388608");
            }
            Line::Good | Line::Other | Line::Cut => {}
        }
        let mut answer: Answer = changed.forward(port);
        if kind == Line::Cut && !is_first && count.fetch_add(1, Ordering::SeqCst) == 0 {
            answer.truncate(answer.len() / 2);
        }
        answer
    })
}

async fn outcome(adapter: &dyn Adapter, record: &Record) -> Result<(), AdapterErrorKind> {
    let verified = verify(adapter, &record.version, &record.files).await;
    verified.map(drop).map_err(|error| error.kind)
}

/// A long file comes back whole, in parts where the server gives them, or not at all.
pub(crate) async fn story(server: &Server, release: Release) {
    let bytes: Vec<u8> = (0..LENGTH).map(|at| (at >> 8).to_le_bytes()[0]).collect();
    let clean = open_to_all(&server.url());
    let files: &[(&str, &[u8])] = &[("long", &bytes), ("short", b"1")];
    let (record, written) = write(clean.as_ref(), "parts/model/m@1.0.0", files).await;
    assert_eq!(written.unwrap(), Written::Created);
    let unexpected = Err(AdapterErrorKind::Unexpected);
    for (kind, bare, retried) in [
        (Line::Good, Ok(()), Ok(())),
        (Line::Whole, Ok(()), Ok(())),
        (Line::Other, unexpected, unexpected),
        (Line::Cut, unexpected, Ok(())),
    ] {
        // 2.22 knows no parts, and answers the first request for one with the whole file.
        let (bare, retried, parts) = match release {
            Release::Three => (bare, retried, 4),
            Release::Two => (Ok(()), Ok(()), 1),
        };
        let fake = line(server, kind);
        let found = outcome(open_to_all(&fake.url()).as_ref(), &record).await;
        assert_eq!(found, bare, "{kind:?}");
        if kind == Line::Good {
            let seen = fake.seen().iter().filter(|it| range(it).is_some()).count();
            assert_eq!(seen, parts);
        }
        let fake = line(server, kind);
        let adapter = layered(open_to_all(&fake.url()), &Settings::default());
        assert_eq!(
            outcome(adapter.as_ref(), &record).await,
            retried,
            "{kind:?}"
        );
    }
}
