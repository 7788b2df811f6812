//! What ends, what was put back, and what nobody is asked to sign.

use super::*;
use crate::engine::record;
use crate::model::event::{Adoption, Entry};

const FIRST: &str = "wildlife/model/penguin-species@1.0.0";
const POLICY: &str = "policies/qa.yaml";

/// The policy of qa, asking for another accuracy.
fn policy(organisation: &TestOrganisation, accuracy: &str) -> String {
    let bytes = organisation.head_files().remove(POLICY).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let line = text.lines().find(|line| line.contains("threshold: 0.9"));
    text.replace(line.unwrap(), &format!("      threshold: {accuracy}"))
}

/// Records an event as an engine would that keeps no rule, and says why nobody believes the ledger then.
fn record_anyway(organisation: &TestOrganisation, event: Event) -> String {
    let mut engine = organisation.engine();
    engine.open_ledger().unwrap();
    let state = engine.book().unwrap().state().clone();
    let entry = Entry {
        recorded_at: organisation.clock_now(),
        engine: "local".parse().unwrap(),
        engine_version: "1.0.0".to_owned(),
        commit: state.commit.unwrap(),
        event,
    };
    let key = EngineKey::from_pem(&organisation.engine_pem).unwrap();
    let line = record::seal(&entry, &key).unwrap();
    let log = engine.book_mut().unwrap().log_mut();
    log.append(vec![line], BTreeMap::new()).unwrap();
    let error = organisation.observer().observe().unwrap_err();
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        if !reason.contains(&cause.to_string()) {
            reason = format!("{reason}: {cause}");
        }
        source = cause.source();
    }
    reason
}

#[test]
fn nothing_is_done_under_an_index_that_has_ended_until_it_is_signed_anew() {
    let organisation = TestOrganisation::new();
    organisation.reconcile();
    organisation.govern_until(&["ann", "ben"], &[], Some("2026-09-02T08:00:00Z"));
    organisation.reconcile();
    organisation.register("eve", FIRST, &Made::default());
    organisation.request("eve", FIRST, "qa");
    organisation.approve("bob", "qa");
    organisation.wait(24);
    let ended = "`trust/index.yaml` expired on 2026-09-02T08:00:00Z";
    let refused = run(organisation.engine()).unwrap_err().to_string();
    assert_eq!(refused, format!("{ended}, so nothing may be done"));
    // Not even statements are taken, so that the next index is the next entry.
    let world = organisation.observer().observe().unwrap();
    assert_eq!(world.not_adopted.len(), 1);
    assert_eq!(world.not_adopted[0].to_string(), ended);
    assert!(
        !world
            .pending
            .events()
            .iter()
            .any(|event| matches!(event, Event::Received(_)))
    );
    organisation.govern_until(&["ann", "ben"], &[], Some("2026-10-02T08:00:00Z"));
    let report = organisation.reconcile();
    assert_eq!(report.not_adopted, Vec::<String>::new());
    let mut engine = organisation.observer().verifying_everything();
    engine.observe().unwrap();
    assert!(engine.book().unwrap().expiry().unwrap().at > organisation.clock_now());
}

#[test]
fn what_an_engine_records_after_the_end_is_not_believed() {
    for (expires, file) in [
        (Some("2026-09-02T08:00:00Z"), "trust/index.yaml"),
        (None, "trust/root.yaml"),
    ] {
        let organisation = TestOrganisation::new();
        organisation.reconcile();
        organisation.govern_until(&["ann", "ben"], &[], expires);
        if expires.is_none() {
            organisation.change_root(&["ann", "ben"], |root| {
                root.expires = "2026-09-02T08:00:00Z".parse().unwrap();
            });
        }
        organisation.reconcile();
        organisation.register("eve", FIRST, &Made::default());
        let registered = organisation.observer().observe().unwrap().pending;
        organisation.wait(24);
        let mut engine = organisation.engine();
        engine.open_ledger().unwrap();
        let refused = engine.append(at(&organisation, &registered)).unwrap_err();
        let ended = format!("`{file}` expired on 2026-09-02T08:00:00Z");
        assert_eq!(
            refused.to_string(),
            format!("{ended}, so nothing may be done")
        );
        let index = engine.book().unwrap().state().size;
        let event = registered.events().first().unwrap().clone();
        let reason = record_anyway(&organisation, event);
        assert_eq!(
            reason,
            format!("entry {index} was recorded when nothing might be done: {ended}")
        );
    }
}

/// The same events, recorded now.
fn at(organisation: &TestOrganisation, pending: &Pending) -> Pending {
    let mut engine = organisation.observer();
    let state = engine.open_ledger().unwrap().state().clone();
    let commit = state.commit.clone().unwrap();
    let name = "local".parse().unwrap();
    let mut later = Pending::new(state, organisation.clock_now(), commit, name);
    for event in pending.events() {
        later.push(event.clone()).unwrap();
    }
    later
}

#[test]
fn a_policy_that_was_validly_signed_once_is_refused_when_it_is_put_back_cve_2026_44544() {
    let organisation = TestOrganisation::new();
    organisation.reconcile();
    let old = organisation.head_files();
    let first = adoption(&organisation);
    let stricter = policy(&organisation, "0.99");
    organisation.govern(&["ann"], &[(POLICY, Some(&stricter))]);
    organisation.reconcile();
    assert_eq!(
        adoption(&organisation).index_version,
        first.index_version + 1
    );
    // Whoever may push puts the old files back, with their good signatures.
    let new = organisation.head_files();
    let changes = new
        .keys()
        .chain(old.keys())
        .filter(|path| new.get(*path) != old.get(*path));
    let changes: BTreeMap<_, _> = changes
        .map(|path| (path.clone(), old.get(path).cloned()))
        .collect();
    organisation.commit("eve", MAIN, &changes);
    let problem = "`trust/index.yaml` changed and its version is 1; the one in force has 2";
    assert_eq!(organisation.reconcile().not_adopted, [problem]);
    // An engine that adopts them all the same is not believed either.
    let size = organisation.observer().open_ledger().unwrap().state().size;
    let reason = record_anyway(&organisation, Event::Adopted(first));
    assert_eq!(
        reason,
        format!("entry {size} adopts what it may not: {problem}")
    );
}

fn adoption(organisation: &TestOrganisation) -> Adoption {
    let mut engine = organisation.observer();
    let state = engine.open_ledger().unwrap().state().clone();
    state.adoption().unwrap().clone()
}

#[test]
fn a_file_that_no_role_covers_is_nobodys_to_change() {
    let organisation = TestOrganisation::new();
    organisation.reconcile();
    organisation.change_root(&["ann", "ben"], |root| {
        let platform = root.roles.get_mut(&"platform".parse().unwrap()).unwrap();
        platform.paths.retain(|path| path != "freezes/");
    });
    assert_eq!(organisation.reconcile().not_adopted, Vec::<String>::new());
    organisation.govern(&["ann", "ben", "sue"], &[("freezes/year-end.yaml", None)]);
    let problem = "`trust/root.yaml` delegates `freezes/year-end.yaml` to no role";
    assert_eq!(organisation.reconcile().not_adopted, [problem]);
}

#[test]
fn a_role_of_nobody_is_never_met() {
    let organisation = TestOrganisation::new();
    organisation.reconcile();
    let policy = policy(&organisation, "0.5");
    // Sue signs for datasets; the role of policies has no say of hers.
    organisation.govern(&["sue"], &[(POLICY, Some(&policy))]);
    let problem = "`trust/index.yaml` needs 1 of role `platform` to sign, 0 have: nobody";
    assert_eq!(organisation.reconcile().not_adopted, [problem]);
}
