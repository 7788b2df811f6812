//! Real servers for the tests: started on loopback with a folder of their own, and ended with the test.
//!
//! `./test` installs them below `servers` in the target folder; nothing here is skipped when one is missing.

#![allow(
    dead_code,
    reason = "the tests of the adapters are built one after the other"
)]

pub(crate) mod azurite;
pub(crate) mod buckets;
pub(crate) mod line;
pub(crate) mod mlflow;
pub(crate) mod proxy;
pub(crate) mod registry;

pub(crate) use mlflow::Release;

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to give a first good answer. The slowest needs ten seconds on a quiet machine, and more than a minute on a busy one.
const PATIENCE: Duration = Duration::from_secs(240);
/// How often it is asked.
const PAUSE: Duration = Duration::from_millis(50);

/// A server that runs until this is dropped, with all processes that it started.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Server {
    /// Starts a server and waits until `GET path` has one of the statuses. `command` is told the port and a folder.
    pub(crate) fn start(
        path: &str,
        statuses: &[u16],
        command: impl FnOnce(u16, &Path) -> Command,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let mut command = command(port, folder.path());
        let program = command.get_program().to_owned();
        let log = File::create(folder.path().join("log")).unwrap();
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            // A group of its own, so that its children end with it.
            .process_group(0);
        let child = command.spawn();
        let child = child.unwrap_or_else(|error| panic!("{program:?}: {error}; run `./test`"));
        let mut server = Self {
            child,
            port,
            folder,
        };
        server.wait(path, statuses);
        server
    }

    fn wait(&mut self, path: &str, statuses: &[u16]) {
        let begun = Instant::now();
        loop {
            let status = get(self.port, path);
            if status.is_some_and(|status| statuses.contains(&status)) {
                return;
            }
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() || begun.elapsed() > PATIENCE {
                panic!("no server ({ended:?}, {status:?}):\n{}", self.log());
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Where it listens on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its address, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The folder that it keeps its data in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it printed so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.child);
        // It may have ended by itself.
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
        self.child.wait().ok();
    }
}

/// A program that `./test` installed, by its path below `servers` in the target folder.
#[track_caller]
pub(crate) fn installed(path: &str) -> PathBuf {
    let built = Path::new(env!("CARGO_BIN_EXE_promote"));
    let found = built
        .ancestors()
        .map(|folder| folder.join("servers").join(path))
        .find(|path| path.exists());
    found.unwrap_or_else(|| panic!("`{path}` is not installed; run `./test` once"))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// The status of an answer to a plain request; `None` when there is no answer.
fn get(port: u16, path: &str) -> Option<u16> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).ok()?;
    let head = std::str::from_utf8(&head).ok()?;
    head.strip_prefix("HTTP/1.1 ")
        .or_else(|| head.strip_prefix("HTTP/1.0 "))?
        .parse()
        .ok()
}
