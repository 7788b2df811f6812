//! `promote watch` as a process of its own: it sees what is pushed, survives being killed, and does nothing twice.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::clones::ended;
use crate::organisation::{Answer, Organisation};
use crate::records::{events, of_type, successes};
use crate::variants::{MODEL, make_ready, register};

/// One poll interval and a run on a machine that is busy.
const SOON: Duration = Duration::from_secs(20);

/// Waits until a condition holds; fails when it does not in time. Returns how long it took.
#[track_caller]
fn wait_until(deadline: Duration, what: &str, condition: impl Fn() -> bool) -> Duration {
    let begun = Instant::now();
    while !condition() {
        assert!(
            begun.elapsed() < deadline,
            "not within {deadline:?}: {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    begun.elapsed()
}

/// A watch that runs beside the test; it ends with it.
struct Watch(Option<Child>);

impl Watch {
    fn start(organisation: &Organisation) -> Self {
        Self::run(organisation.command("ada"))
    }

    fn run(mut command: Command) -> Self {
        command.args(["watch", "--interval", "1s"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(Some(command.spawn().unwrap()))
    }

    fn signal(&self, name: &str) {
        let process = self.0.as_ref().unwrap().id().to_string();
        let killed = Command::new("kill").args(["-s", name, &process]).status();
        assert!(killed.unwrap().success());
    }

    /// Asks it to end, and waits for that.
    fn stop(mut self) -> Answer {
        self.signal("TERM");
        ended(self.0.take().unwrap())
    }

    fn wait(mut self) -> Answer {
        ended(self.0.take().unwrap())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

#[track_caller]
fn wait_for(organisation: &Organisation, version: &str) -> Duration {
    let is_served = || organisation.served("qa").as_deref() == Some(version);
    wait_until(SOON, version, is_served)
}

/// Waits until the ledger has the outcome, so that the run is over, and looks at it.
#[track_caller]
fn assert_promoted_once(organisation: &Organisation, version: &str) {
    let is_recorded = || successes(&events(organisation), version, "qa") > 0;
    wait_until(SOON, "the outcome", is_recorded);
    assert_eq!(successes(&events(organisation), version, "qa"), 1);
}

#[test]
fn what_is_asked_and_approved_is_promoted_soon() {
    let organisation = Organisation::new();
    let watch = Watch::start(&organisation);
    for version in ["1.0.0", "1.0.1"] {
        // The last of these is the approval in the inbox, so this is what wakes it.
        make_ready(&organisation, version);
        let took = wait_for(&organisation, version);
        assert!(took < Duration::from_secs(10), "{took:?}");
        assert_promoted_once(&organisation, version);
    }
    let recorded = events(&organisation);
    let intended = of_type(&recorded, "intended");
    assert_eq!(intended.len(), 2);
    let ended = watch.stop().expect_code(0);
    assert!(ended.stdout.contains("promoted"), "{}", ended.all());
    assert!(ended.stderr.contains("stopped after"), "{}", ended.all());
}

#[test]
fn a_push_of_a_release_that_needs_no_more_is_promoted_soon() {
    let organisation = Organisation::new();
    organisation.edit(
        "policies/qa.yaml",
        "    - gate: approvals\n      quorum:\n        reviewers: 1\n",
        "",
    );
    organisation
        .as_person("ada", &["trust", "sign", "--commit"])
        .expect_code(0);
    register(&organisation, "1.0.0");
    let watch = Watch::start(&organisation);
    organisation
        .request(&format!("{MODEL}@1.0.0"), "qa")
        .expect_code(0);
    let took = wait_for(&organisation, "1.0.0");
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_promoted_once(&organisation, "1.0.0");
    watch.stop().expect_code(0);
}

#[test]
fn asked_to_end_while_idle_it_ends_well_and_at_once() {
    let organisation = Organisation::new();
    for signal in ["TERM", "INT"] {
        let before = events(&organisation);
        let watch = Watch::start(&organisation);
        register(
            &organisation,
            if signal == "TERM" { "1.0.0" } else { "1.0.1" },
        );
        wait_until(SOON, "the registration", || events(&organisation) != before);
        watch.signal(signal);
        let begun = Instant::now();
        let ended = watch.wait().expect_code(0);
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{:?}",
            begun.elapsed()
        );
        assert!(!ended.stderr.contains("error"), "{}", ended.all());
    }
}

#[test]
fn a_watch_that_was_killed_is_finished_by_the_next() {
    let organisation = Organisation::new();
    for (number, step) in ["intended", "written", "pointed"].into_iter().enumerate() {
        let version = format!("1.0.{number}");
        make_ready(&organisation, &version);
        let mut command = organisation.command("ada");
        command.env("PROMOTE_TEST_KILL_AFTER", step);
        Watch::run(command).wait().expect_code(-1);
        assert_eq!(successes(&events(&organisation), &version, "qa"), 0);
        let watch = Watch::start(&organisation);
        assert_promoted_once(&organisation, &version);
        assert_eq!(organisation.served("qa"), Some(version));
        watch.stop().expect_code(0);
    }
    organisation.apply().expect_code(0);
}

#[test]
fn two_watches_do_not_promote_twice() {
    let organisation = Organisation::new();
    let watches = [Watch::start(&organisation), Watch::start(&organisation)];
    for version in ["1.0.0", "1.0.1", "1.0.2"] {
        make_ready(&organisation, version);
        wait_for(&organisation, version);
        assert_promoted_once(&organisation, version);
    }
    for watch in watches {
        watch.stop().expect_code(0);
    }
    let recorded = events(&organisation);
    assert_eq!(of_type(&recorded, "intended").len(), 3);
    assert_eq!(of_type(&recorded, "ended").len(), 3);
    organisation.as_person("dana", &["plan"]).expect_code(0);
}

#[test]
fn a_ledger_that_was_changed_stops_nothing_else_and_promotes_nothing() {
    let organisation = Organisation::new();
    make_ready(&organisation, "1.0.0");
    let ledger = organisation.git("ada", &["rev-parse", crate::records::LEDGER]);
    let empty = organisation.git("ada", &["rev-parse", "main"]);
    let branch = format!("refs/heads/{}", crate::records::LEDGER);
    organisation.git("ada", &["update-ref", &branch, &empty]);
    let watch = Watch::start(&organisation);
    let mut idle = organisation.command("ada");
    idle.args(["plan"]);
    assert_ne!(crate::organisation::answer(&mut idle).code, 0);
    organisation.git("ada", &["update-ref", &branch, &ledger]);
    wait_for(&organisation, "1.0.0");
    watch.stop().expect_code(0);
}
