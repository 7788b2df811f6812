//! The loop over something that only pretends to reconcile.

mod fake;

use std::time::Duration;

use jiff::SignedDuration;
use tokio::time::sleep;

use crate::controller::event::{WatchSummary, text_of};
use crate::controller::schedule::Reason;
use crate::controller::tests::fake::{PausedClock, Run, START, Watched, down, rewritten, runs};
use crate::engine::error::EngineError;
use crate::engine::reconcile::SlotStatus;

#[tokio::test(start_paused = true)]
async fn it_runs_once_at_the_start_and_then_only_looks() {
    Watched::with(vec![], |watched| async move {
        assert_eq!(watched.after(59).await, START);
        assert_eq!(watched.after(120).await, ["60 look", "120 look"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_push_leads_to_a_run_within_one_interval() {
    Watched::with(vec![], |watched| async move {
        assert_eq!(watched.after(61).await[3..], ["60 look"]);
        watched.push();
        let log = watched.after(60).await;
        assert_eq!(log, ["120 look", "120 run changed", "120 done"]);
        assert_eq!(watched.after(60).await, ["180 look"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn our_own_entries_do_not_wake_us() {
    let appends = |appends| Run {
        appends,
        ..Run::default()
    };
    Watched::with(vec![appends(3), appends(2)], |watched| async move {
        assert_eq!(watched.after(120).await[3..], ["60 look", "120 look"]);
        watched.push();
        assert_eq!(runs(&watched.after(600).await), 1);
        watched.world.with(|world| world.ledger += 1);
        assert_eq!(runs(&watched.after(60).await), 1, "entries of others do");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_push_during_a_run_is_not_missed() {
    let run = Run {
        appends: 1,
        is_overtaken: true,
        takes: Duration::from_secs(5),
        ..Run::default()
    };
    Watched::with(vec![run], |watched| async move {
        let log = watched.after(70).await;
        assert_eq!(log[2..], ["5 done", "60 look", "60 run changed", "60 done"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_moment_a_report_names_is_kept_to_the_second() {
    let run = |seconds| Run {
        wake_at: Some(PausedClock::noon() + SignedDuration::from_secs(seconds)),
        ..Run::default()
    };
    Watched::with(vec![run(67), run(100_000)], |watched| async move {
        let log = watched.after(66).await;
        assert_eq!(log[3..], ["60 look"]);
        let log = watched.after(1).await;
        assert_eq!(log, ["67 look", "67 run wake", "67 done"]);
        assert_eq!(watched.after(60).await, ["127 look"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_moment_that_stays_in_the_past_does_not_spin() {
    let run = || Run {
        wake_at: Some(PausedClock::noon()),
        ..Run::default()
    };
    let many = std::iter::repeat_with(run).take(1000).collect();
    Watched::with(many, |watched| async move {
        let log = watched.after(3600).await;
        assert!((5..12).contains(&runs(&log)), "{log:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_moment_that_came_during_the_run_is_kept_at_its_end() {
    let run = Run {
        takes: Duration::from_secs(30),
        wake_at: Some(PausedClock::noon() + SignedDuration::from_secs(10)),
        ..Run::default()
    };
    Watched::with(vec![run], |watched| async move {
        let log = watched.after(31).await;
        assert_eq!(log[2..], ["30 done", "30 look", "30 run wake", "30 done"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_full_pass_is_due_after_fifteen_minutes() {
    Watched::with(vec![], |watched| async move {
        assert_eq!(runs(&watched.after(899).await), 1);
        let log = watched.after(1).await;
        assert_eq!(log, ["900 look", "900 run full-pass", "900 done"]);
        assert_eq!(runs(&watched.after(899).await), 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn failures_back_off_and_a_success_resets_that() {
    let failed = || Run {
        error: Some(down()),
        ..Run::default()
    };
    let many = std::iter::repeat_with(failed).take(30).collect();
    Watched::with(many, |watched| async move {
        sleep(Duration::from_secs(7200)).await;
        let log = watched.world.with(|world| std::mem::take(&mut world.log));
        let at = |what: &str| -> Vec<f64> {
            let found = log.iter().filter(|(_, line)| line.starts_with(what));
            found.map(|(second, _)| *second).collect()
        };
        let pauses: Vec<f64> = at("failed")
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .collect();
        for (number, pause) in pauses.iter().enumerate() {
            let least = f64::min(2_f64.powi(i32::try_from(number).unwrap()), 150.0);
            assert!((least..=least * 2.0 + 0.01).contains(pause), "{pauses:?}");
        }
        assert!(at("done")[0] > at("failed")[29]);
        assert_eq!(at("failed").len(), 30);

        watched.world.with(|world| world.runs.push_back(failed()));
        watched.push();
        let log = watched.after(64).await;
        assert_eq!(
            runs(&log),
            2,
            "a second after the failure it runs again: {log:?}"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_remote_that_is_back_is_looked_at_and_nothing_more() {
    Watched::with(vec![], |watched| async move {
        watched.after(30).await;
        watched.world.with(|world| world.is_down = true);
        let log = watched.after(90).await;
        assert!(log.len() > 3 && log[0] == "60 failed" && log[1].ends_with("failed again"));
        watched.world.with(|world| world.is_down = false);
        let log = watched.after(180).await;
        assert!(
            !log.is_empty() && log.iter().all(|line| line.ends_with("look")),
            "{log:?}"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_only_a_person_can_heal_is_told_once_and_tried_when_they_push() {
    let failed = || Run {
        error: Some(rewritten()),
        appends: 1,
        ..Run::default()
    };
    let many = vec![failed(), failed(), failed(), Run::default(), failed()];
    Watched::with(many, |watched| async move {
        assert_eq!(watched.after(1).await[1..], ["0 run start", "0 failed"]);
        let log = watched.after(899).await;
        assert_eq!(runs(&log), 1, "{log:?}");
        assert_eq!(log.last().unwrap(), "900 failed again");
        watched.push();
        let log = watched.after(60).await;
        assert_eq!(log[1..], ["960 run changed", "960 failed again"]);
        watched.push();
        assert_eq!(watched.after(60).await[2..], ["1020 done"]);
        watched.push();
        assert_eq!(watched.after(60).await[2..], ["1080 failed"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_look_that_only_a_person_can_heal_is_left_alone_until_a_full_pass() {
    Watched::with(vec![], |watched| async move {
        watched.after(30).await;
        let error = EngineError::NoBranch {
            repository: "x".to_owned(),
            branch: "main".to_owned(),
        };
        watched.world.with(|world| world.looks.push_back(error));
        assert_eq!(watched.after(900).await, ["60 failed"]);
        let log = watched.after(60).await;
        assert_eq!(log[1..], ["960 look", "960 run full-pass", "960 done"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_told_is_asked_again_at_the_slow_pace() {
    let untold = |status| Run {
        status: Some(status),
        ..Run::default()
    };
    let many = vec![
        untold(SlotStatus::Unavailable),
        untold(SlotStatus::Errored),
        untold(SlotStatus::Denied),
    ];
    Watched::with(many, |watched| async move {
        let log = watched.after(59).await;
        assert_eq!(log, START);
        let log = watched.after(301).await;
        assert_eq!(runs(&log), 2, "within 2 and 4 intervals: {log:?}");
        assert_eq!(runs(&watched.after(500).await), 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_heal_ends_the_watch() {
    let run = Run {
        error: Some(EngineError::NoKeys),
        ..Run::default()
    };
    Watched::with(vec![run], |watched| async move {
        let log = watched.after(3600).await;
        assert_eq!(log[1..], ["0 run start", "0 failed", "0 stopped"]);
        assert_eq!(watched.world.with(|world| world.summary), None);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_wait_at_once() {
    Watched::with(vec![], |watched| async move {
        watched.after(30).await;
        watched.stop.request();
        assert_eq!(watched.after(0).await, ["30 stopped"]);
        let summary = WatchSummary {
            looks: 1,
            runs: 1,
            failures: 0,
        };
        assert_eq!(watched.world.with(|world| world.summary), Some(summary));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_the_run() {
    let run = Run {
        takes: Duration::from_secs(100),
        wake_at: Some(PausedClock::noon()),
        ..Run::default()
    };
    Watched::with(vec![run], |watched| async move {
        assert_eq!(watched.after(50).await, ["0 look", "0 run start"]);
        watched.stop.request();
        assert_eq!(watched.after(49).await, [""; 0]);
        assert_eq!(watched.after(10).await, ["100 done", "100 stopped"]);
    })
    .await;
}

#[test]
fn the_text_of_an_error_has_its_causes_once() {
    assert_eq!(text_of(&down()), "`origin` cannot be reached: no route");
    let error = EngineError::File {
        path: "a\nb".to_owned(),
        source: std::io::Error::other("full"),
    };
    assert_eq!(text_of(&error), "`a b`: full");
}

#[test]
fn every_reason_has_its_own_word() {
    let all = [
        Reason::Start,
        Reason::Retry,
        Reason::Wake,
        Reason::FullPass,
        Reason::Poll,
        Reason::Changed,
    ];
    let words: std::collections::BTreeSet<String> = all.iter().map(Reason::to_string).collect();
    assert_eq!(words.len(), all.len());
}
