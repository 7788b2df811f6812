//! Lines that break at every request in turn, servers that lose bytes, and others who act meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use promote::adapter::layer::{Settings, layered};
use promote::adapter::transfer::verify;
use promote::adapter::{Adapter, AdapterErrorKind, Locator, Written};
use reqwest::Method;
use serde_json::{Value, json};

use super::{ask, open_to_all, registered, write};
use crate::adapters::fake::{Answer, Fake, Request, answer};
use crate::servers::{Release, Server};

const FILES: &[(&str, &[u8])] = &[("a", b"one"), ("b/c", b"two")];

#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The request does not arrive.
    Before,
    /// It arrives, and half of the answer does.
    Half,
    /// The server is busy.
    Busy,
}

/// A line to a server that has one fault, at a request.
fn faulty(server: &Server, fault: Fault, at: usize) -> Fake {
    let (port, count) = (server.port(), AtomicUsize::new(0));
    Fake::start(move |request| {
        if count.fetch_add(1, Ordering::SeqCst) != at {
            return request.forward(port);
        }
        match fault {
            Fault::Before => Answer::new(),
            Fault::Half => {
                let whole = request.forward(port);
                whole[..whole.len() / 2].to_vec()
            }
            Fault::Busy => answer("503 Service Unavailable", "", "busy"),
        }
    })
}

/// A line to a server on which a request is answered otherwise.
fn meddling(
    server: &Server,
    is_meant: impl Fn(&Request) -> bool + Send + Sync + 'static,
    otherwise: impl Fn(&Request, u16) -> Answer + Send + Sync + 'static,
) -> Fake {
    let port = server.port();
    Fake::start(move |request| match is_meant(request) {
        true => otherwise(request, port),
        false => request.forward(port),
    })
}

/// How many runs are kept for a version.
async fn runs(server: &Server, version: &str) -> usize {
    let filter = format!("tags.`promote.version`='{version}'");
    let path = "mlflow/experiments/get-by-name?experiment_name=promote";
    let found = ask(server, Method::GET, path, &json!({})).await;
    let id = found["experiment"]["experiment_id"].clone();
    let body = json!({ "experiment_ids": [id], "filter": filter });
    let found = ask(server, Method::POST, "mlflow/runs/search", &body).await;
    found["runs"].as_array().map_or(0, Vec::len)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_breaks_leaves_a_whole_version_or_none_and_the_next_write_ends_it() {
    let server = Server::mlflow(Release::Three);
    let clean = open_to_all(&server.url());
    for (number, fault) in [Fault::Before, Fault::Half, Fault::Busy]
        .into_iter()
        .enumerate()
    {
        for at in 0.. {
            let (text, name) = (format!("{number}.{at}.0"), "faults/model/m");
            let version = format!("{name}@{text}").parse().unwrap();
            let line = faulty(&server, fault, at);
            let broken = open_to_all(&line.url());
            let (record, first) = write(broken.as_ref(), &format!("{name}@{text}"), FILES).await;
            if line.seen().len() <= at {
                assert_eq!(first.unwrap(), Written::Created);
                break;
            }
            let context = format!("{fault:?} at {at}: {:?}", line.seen().get(at));
            if let Some(found) = clean.stat(Locator::Version(&version)).await.unwrap() {
                assert_eq!(found, record, "{context}");
                verify(clean.as_ref(), &version, &record.files)
                    .await
                    .unwrap();
            } else {
                assert!(first.is_err(), "{context}");
            }
            let (_, second) = write(clean.as_ref(), &format!("{name}@{text}"), FILES).await;
            assert!(second.is_ok(), "{context}: {second:?}");
            verify(clean.as_ref(), &version, &record.files)
                .await
                .unwrap();
            assert_eq!(registered(&server, &text).await.len(), 1, "{context}");
            if second.unwrap() == Written::Created {
                assert_eq!(runs(&server, &text).await, 1, "{context}");
            }
        }
    }
    lost_bytes(&server).await;
    a_faster_writer(&server, clean.as_ref()).await;
    a_moved_alias(&server, clean.as_ref()).await;
    two_at_once(&server, clean).await;
    only_the_rest_goes_again(&server).await;
}

/// The server says 200 and has lost the bytes, or some of them.
async fn lost_bytes(server: &Server) {
    let is_file = |request: &Request| request.is("PUT", "/model/b/c");
    let nothing = meddling(server, is_file, |_, _| answer("200 OK", "", ""));
    let shorter = meddling(server, is_file, |request, port| {
        let mut request = request.clone();
        request.body.pop();
        request.forward(port)
    });
    for line in [nothing, shorter] {
        let adapter = open_to_all(&line.url());
        let (record, written) = write(adapter.as_ref(), "lost/model/m@9.0.0", FILES).await;
        let error = written.unwrap_err();
        assert_eq!(error.kind, AdapterErrorKind::Corrupt);
        assert_eq!(
            error.message,
            "the server took `b/c` and has not what was sent; look at its artifact store"
        );
        let found = adapter.stat(Locator::Version(&record.version)).await;
        assert_eq!(found.unwrap(), None);
        assert_eq!(runs(server, "9.0.0").await, 0);
    }
}

/// Somebody else makes the version between our last look and our own call.
async fn a_faster_writer(server: &Server, clean: &dyn Adapter) {
    let other = open_to_all(&server.url());
    for (version, theirs, outcome) in [
        ("3.0.0", FILES, Ok(Written::Unchanged)),
        ("3.0.1", &FILES[..1], Err(AdapterErrorKind::AlreadyExists)),
    ] {
        let name = format!("race/model/m@{version}");
        let (runtime, other) = (tokio::runtime::Handle::current(), Arc::clone(&other));
        let theirs_first = name.clone();
        let line = meddling(
            server,
            |request| request.is("POST", "model-versions/create"),
            move |request, port| {
                let written = write(other.as_ref(), &theirs_first, theirs);
                let (_, written) = runtime.block_on(written);
                assert_eq!(written.unwrap(), Written::Created);
                request.forward(port)
            },
        );
        let adapter = open_to_all(&line.url());
        let (record, written) = write(adapter.as_ref(), &name, FILES).await;
        assert_eq!(written.map_err(|error| error.kind), outcome);
        let there = clean.stat(Locator::Version(&record.version)).await;
        let there = there.unwrap().unwrap();
        assert_eq!(there.files.records().len(), theirs.len());
        verify(clean, &record.version, &there.files).await.unwrap();
        assert_eq!(registered(server, version).await.len(), 1);
        assert_eq!(runs(server, version).await, 1);
    }
}

/// Somebody else moves the alias right after us.
async fn a_moved_alias(server: &Server, clean: &dyn Adapter) {
    let (one, _) = write(clean, "alias/model/m@1.0.0", FILES).await;
    let (two, _) = write(clean, "alias/model/m@2.0.0", &FILES[..1]).await;
    let line = meddling(
        server,
        |request| request.is("POST", "registered-models/alias"),
        |request, port| {
            let answer = request.forward(port);
            let mut theirs = request.clone();
            let mut body: Value = serde_json::from_slice(&request.body).unwrap();
            body["version"] = json!("2");
            theirs.body = body.to_string().into_bytes();
            theirs.forward(port);
            answer
        },
    );
    let adapter = open_to_all(&line.url());
    let error = adapter.point(&one.version, None).await.unwrap_err();
    assert_eq!(error.kind, AdapterErrorKind::Precondition);
    assert_eq!(
        error.message,
        "the alias `champion` of `alias.model.m` was put on version 1 and is on version 2: somebody else moved it meanwhile"
    );
    let held = clean.stat(Locator::Current(&one.version.artifact)).await;
    assert_eq!(held.unwrap().unwrap().version, two.version);
}

/// Two writers that know nothing of each other.
async fn two_at_once(server: &Server, clean: Arc<dyn Adapter>) {
    for round in 0..5 {
        let text = format!("4.{round}.0");
        let name = format!("both/model/m@{text}");
        let (left, right) = (open_to_all(&server.url()), open_to_all(&server.url()));
        let ((record, first), (_, second)) = tokio::join!(
            write(left.as_ref(), &name, FILES),
            write(right.as_ref(), &name, &FILES[..1]),
        );
        let outcomes = [first, second].map(|it| it.map_err(|error| error.kind));
        let is_one_each = outcomes.contains(&Ok(Written::Created))
            && outcomes.contains(&Err(AdapterErrorKind::AlreadyExists));
        assert!(is_one_each, "{outcomes:?}");
        let there = clean.stat(Locator::Version(&record.version)).await;
        let there = there.unwrap().unwrap();
        let won = usize::from(outcomes[0].is_ok()) + 1;
        assert_eq!(there.files.records().len(), won);
        verify(clean.as_ref(), &record.version, &there.files)
            .await
            .unwrap();
        assert_eq!(registered(server, &text).await.len(), 1);
    }
}

/// A write that the retry layer repeats goes on with the run that it began.
async fn only_the_rest_goes_again(server: &Server) {
    let line = faulty(server, Fault::Busy, 30);
    let mut settings = Settings::default();
    settings.retry.first_pause = Duration::from_nanos(1);
    settings.retry.longest_pause = Duration::from_nanos(1);
    let adapter = layered(open_to_all(&line.url()), &settings);
    let names: Vec<String> = (0..50).map(|number| format!("file-{number}")).collect();
    let files: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), &b"1"[..]))
        .collect();
    let (record, written) = write(adapter.as_ref(), "rest/model/m@8.0.0", &files).await;
    assert_eq!(written.unwrap(), Written::Created);
    verify(adapter.as_ref(), &record.version, &record.files)
        .await
        .unwrap();
    let seen = line.seen();
    let count = |method, part| seen.iter().filter(|it| it.is(method, part)).count();
    assert_eq!(count("POST", "runs/create"), 1);
    // Those that were under way when it broke are sent twice: twelve at most.
    let sent = count("PUT", "/model/file-");
    assert!((50..=62).contains(&sent), "{sent}");
    assert_eq!(runs(server, "8.0.0").await, 1);
}
