//! Running the program under `strace`, with one of its calls made to fail.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::faults::calls::{CALLS, Call, parse, whole};
use crate::faults::shots::{Aim, Filter};
use crate::organisation::Organisation;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It answers that the disk is broken, and does nothing.
    Error,
    /// The program is killed instead.
    Kill,
}

impl Fault {
    const fn words(self) -> &'static str {
        match self {
            Self::Error => "error=EIO",
            Self::Kill => "signal=KILL",
        }
    }
}

/// All calls of one `apply` that goes well.
pub(super) fn watched(organisation: &Organisation) -> Vec<Call> {
    let log = organisation.path("strace.log");
    let names: Vec<String> = CALLS.iter().map(|name| format!("?{name}")).collect();
    let mut strace = strace(&log);
    strace.args(["-e", &format!("trace={}", names.join(","))]);
    with_program(&mut strace, organisation);
    assert!(strace.status().unwrap().success());
    calls_of(&log, organisation)
}

/// An `apply` with a fault; the call that it hit, if any on our paths.
pub(super) fn hit(organisation: &Organisation, aim: &Aim, fault: Fault) -> Option<String> {
    let log = organisation.path("strace.log");
    let folder = folder_of(organisation);
    let mut last = strace(&log);
    let (words, when) = (fault.words(), aim.when);
    let is_killed = if let Some((first, more)) = aim.stops.split_first() {
        let mut program = stopped_at(organisation, first, &folder)?;
        for stop in more {
            let mut strace = strace(&organisation.path("stop.log"));
            inject(&mut strace, stop, "signal=STOP", 1, &folder);
            if !stops_again(&program, &mut strace) {
                drop(program.wait());
                return None;
            }
        }
        inject(&mut last, &aim.last, words, when, &folder);
        let mut strace = attach(&mut last, &program);
        goes_on(&program);
        let status = program.wait().unwrap();
        strace.wait().unwrap();
        status.signal() == Some(9)
    } else {
        if fault == Fault::Error {
            // Faster, and no way to inject signals.
            last.arg("--seccomp-bpf");
        }
        inject(&mut last, &aim.last, words, when, &folder);
        with_program(&mut last, organisation);
        last.status().unwrap().signal() == Some(9)
    };
    let calls = calls_of(&log, organisation);
    let victim = match fault {
        Fault::Error => calls.iter().find(|call| call.is_injected),
        Fault::Kill if is_killed => calls.iter().rev().find(|call| !call.has_returned),
        Fault::Kill => None,
    };
    victim.and_then(Call::shown)
}

fn strace(log: &Path) -> Command {
    let mut strace = Command::new("strace");
    // Signals are not put off, so that it lets go of the program when it is told to.
    strace.args(["-f", "-y", "-qq", "-s", "0", "-I", "1", "-o"]);
    strace.arg(log).stdin(Stdio::null());
    strace.stdout(Stdio::null()).stderr(Stdio::null());
    strace
}

/// Tells `strace` what to do to the call with that number, among those that the filter lets pass.
fn inject(strace: &mut Command, filter: &Filter, what: &str, when: usize, folder: &str) {
    let Filter { call, path } = filter;
    for path in path.iter().flat_map(|path| [path.clone(), whole(path)]) {
        strace.arg("-P").arg(path.replacen('@', folder, 1));
    }
    strace.args(["-e", &format!("trace={call}")]);
    strace.arg(format!("--inject={call}:{what}:when={when}"));
}

fn with_program(strace: &mut Command, organisation: &Organisation) {
    let mut program = organisation.command("ada");
    program.env("RAYON_NUM_THREADS", "1").arg("apply");
    strace.arg(program.get_program()).args(program.get_args());
    let set = |(name, value): (_, Option<_>)| Some((name, value?));
    strace
        .env_clear()
        .envs(program.get_envs().filter_map(set))
        .current_dir(organisation.path("home"));
}

/// The program, stopped for the first time and let go by `strace`; `None` when it ended instead.
fn stopped_at(organisation: &Organisation, stop: &Filter, folder: &str) -> Option<Child> {
    let mut strace = strace(&organisation.path("stop.log"));
    // The program is our own child, and `strace` its tracer beside.
    strace.arg("-D");
    inject(&mut strace, stop, "signal=STOP", 1, folder);
    with_program(&mut strace, organisation);
    let mut program = strace.spawn().unwrap();
    if !stops(&program) {
        // It was waited for just now.
        drop(program.wait());
        return None;
    }
    let tracer = tracer_of(&program).unwrap();
    kill_process(tracer, Signal::TERM).unwrap();
    while tracer_of(&program).is_some() {
        std::thread::yield_now();
    }
    Some(program)
}

/// Lets the program go on to the next stop; whether it comes to that.
fn stops_again(program: &Child, strace: &mut Command) -> bool {
    let mut strace = attach(strace, program);
    goes_on(program);
    let stops = stops(program);
    if stops {
        kill_process(Pid::from_child(&strace), Signal::TERM).unwrap();
    }
    strace.wait().unwrap();
    stops
}

/// Waits for the program's end or stop, and says whether it stopped.
fn stops(program: &Child) -> bool {
    let waited = waitpid(Some(Pid::from_child(program)), WaitOptions::UNTRACED).unwrap();
    waited.is_some_and(|(_, status)| status.stopped())
}

fn goes_on(program: &Child) {
    kill_process(Pid::from_child(program), Signal::CONT).unwrap();
}

/// Who traces the program.
fn tracer_of(program: &Child) -> Option<Pid> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("TracerPid:"));
    Pid::from_raw(line.unwrap().trim().parse().unwrap())
}

/// Lets `strace` take over a program that is stopped, and waits until it has all its threads.
fn attach(strace: &mut Command, program: &Child) -> Child {
    strace.args(["-p", &program.id().to_string()]);
    // It is told on standard error, which `-qq` would keep back.
    let mut loud = Command::new(strace.get_program());
    loud.args(strace.get_args().filter(|argument| *argument != "-qq"));
    loud.stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = loud.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let is_there = lines.any(|line| line.unwrap().contains("attached"));
    assert!(is_there, "strace could not take over");
    // Whatever else it says must not block it.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

fn calls_of(log: &Path, organisation: &Organisation) -> Vec<Call> {
    let text = std::fs::read(log).unwrap();
    parse(&String::from_utf8_lossy(&text), &folder_of(organisation))
}

fn folder_of(organisation: &Organisation) -> String {
    let folder = organisation.path("");
    folder.to_str().unwrap().trim_end_matches('/').to_owned()
}
