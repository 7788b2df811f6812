//! Access for incidents: who gives it, when it ends, who looks at it, and that nothing is promoted by it.

use jiff::SignedDuration;

use super::*;
use crate::engine::incident::{Incident, Standing, incidents, rule, unreviewed};
use crate::manifest::trust_root::RevocationSpec;
use crate::model::act::{Act, Signing};
use crate::model::attestation::Statement;
use crate::model::digest::Sha256;
use crate::model::incident::{AccessGrant, AccessTerms, OfAccess};
use crate::plan::desired::Change;

const POLICY: &str = "policies/prod.yaml";

/// An organisation whose prod lets `quorum` give access as a reader for four hours.
fn organisation(quorum: &str) -> TestOrganisation {
    let organisation = TestOrganisation::new();
    organisation.reconcile();
    let policy = organisation.head_files().remove(POLICY).unwrap();
    let policy = String::from_utf8(policy).unwrap();
    let policy =
        format!("{policy}  access:\n    quorum: {quorum}\n    atMost: 4h\n    roles: [reader]\n");
    organisation.govern(&["ann"], &[(POLICY, Some(&policy))]);
    organisation.reconcile();
    organisation
}

/// Access of eve to prod as a reader for three hours, as the policy wants it.
fn terms(organisation: &TestOrganisation) -> AccessTerms {
    let world = organisation.observer().observe().unwrap();
    let environment = "prod".parse().unwrap();
    let (rule, reviewers) = rule(&world.manifests, &environment).unwrap();
    let asked_at = organisation.clock_now();
    AccessTerms {
        person: "eve".parse().unwrap(),
        environment,
        workspace: Some("prod".parse().unwrap()),
        role: "reader".to_owned(),
        reason: "the service is down".to_owned(),
        quorum: rule.quorum.clone(),
        reviewers,
        asked_at,
        expires_at: asked_at + SignedDuration::from_hours(3),
        nonce: "n".to_owned(),
    }
}

/// Makes terms other than the policy wants them.
type Spoil = fn(&mut AccessTerms);

/// A person signs an act, and the engine takes it.
fn act(organisation: &TestOrganisation, who: &str, act: impl FnOnce(Signing) -> Act) {
    let act = act(Signing {
        ledger: ORIGIN.to_owned(),
        principal: who.parse().unwrap(),
        reason: "the service is down".to_owned(),
        issued_at: organisation.clock_now(),
        nonce: format!("{who}-{}", organisation.clock_now()),
    });
    let of = serde_json::to_value(&act).unwrap()["of"].clone();
    let statement = Statement::new(act.subject(), act.predicate_type(), of);
    organisation.say(who, &statement);
    organisation.reconcile();
}

fn grant(organisation: &TestOrganisation, who: &str, terms: &AccessTerms) {
    let terms = terms.clone();
    act(organisation, who, |signing| {
        Act::GrantAccess(Box::new(AccessGrant { signing, terms }))
    });
}

fn review(organisation: &TestOrganisation, who: &str, access: Sha256) {
    act(organisation, who, |signing| {
        Act::ReviewAccess(OfAccess { signing, access })
    });
}

/// The one incident there is.
fn incident(organisation: &TestOrganisation) -> Incident {
    let world = organisation.observer().observe().unwrap();
    let now = organisation.clock_now();
    let found = incidents(world.state(), &world.people, &world.manifests, now);
    let [incident] = found.as_slice() else {
        panic!("{found:?}")
    };
    // What the ledger alone says of a due review is the same.
    let due = unreviewed(world.state(), now);
    let is_due = incident.standing == Standing::ReviewDue;
    assert_eq!(
        due.iter().map(|due| due.id).collect::<Vec<_>>(),
        is_due
            .then_some(incident.id)
            .into_iter()
            .collect::<Vec<_>>()
    );
    incident.clone()
}

fn standing(organisation: &TestOrganisation) -> (Standing, Vec<String>) {
    let incident = incident(organisation);
    (incident.standing, incident.because)
}

#[test]
fn access_begins_with_the_last_signature_ends_by_itself_and_is_looked_at_by_somebody_else() {
    let organisation = organisation("{risk: 1}");
    let terms = terms(&organisation);
    let missing = (
        Standing::Waiting,
        vec!["1 more of group `risk` must sign".to_owned()],
    );
    // Who gets it does not count, nor does who is not asked.
    for who in ["eve", "fay", "dan"] {
        grant(&organisation, who, &terms);
        assert_eq!(standing(&organisation), missing, "{who}");
    }
    organisation.wait(1);
    grant(&organisation, "bob", &terms);
    let held = incident(&organisation);
    assert_eq!(
        (held.standing, held.began),
        (Standing::InForce, Some(organisation.clock_now()))
    );
    assert_eq!(held.ends, terms.expires_at);
    // Looking at it while it holds is not looking at it afterwards.
    review(&organisation, "dan", held.id);
    organisation.wait(2);
    assert_eq!(standing(&organisation).0, Standing::ReviewDue);
    for who in ["bob", "eve", "fay", "ann", "dan"] {
        review(&organisation, who, held.id);
        assert_eq!(
            standing(&organisation).0,
            Standing::ReviewDue,
            "{who} took part, or may not"
        );
    }
}

#[test]
fn a_review_by_somebody_who_took_no_part_ends_it() {
    let organisation = organisation("{risk: 1}");
    let terms = terms(&organisation);
    grant(&organisation, "bob", &terms);
    organisation.wait(3);
    review(&organisation, "dan", terms.id());
    let reviewed = incident(&organisation);
    assert_eq!(reviewed.standing, Standing::Reviewed);
    assert_eq!(reviewed.reviewed_by.unwrap().as_str(), "dan");
}

#[test]
fn who_is_alone_in_the_asked_group_gives_nothing_to_themselves() {
    let organisation = organisation("{risk: 1}");
    let terms = AccessTerms {
        person: "bob".parse().unwrap(),
        ..terms(&organisation)
    };
    grant(&organisation, "bob", &terms);
    assert_eq!(standing(&organisation).0, Standing::Waiting);
    organisation.wait(3);
    // It never began, so there is nothing to look at.
    assert_eq!(standing(&organisation).0, Standing::Lapsed);
}

#[test]
fn every_group_that_is_asked_must_sign_and_anybody_ends_it() {
    let organisation = organisation("{risk: 1, release-managers: 1}");
    let terms = terms(&organisation);
    grant(&organisation, "bob", &terms);
    let missing = vec!["1 more of group `release-managers` must sign".to_owned()];
    assert_eq!(standing(&organisation), (Standing::Waiting, missing));
    grant(&organisation, "dan", &terms);
    assert_eq!(standing(&organisation).0, Standing::InForce);
    organisation.wait(1);
    let access = terms.id();
    act(&organisation, "fay", |signing| {
        Act::RevokeAccess(OfAccess { signing, access })
    });
    let ended = incident(&organisation);
    assert_eq!(
        (ended.standing, ended.ends),
        (Standing::ReviewDue, organisation.clock_now())
    );
    assert_eq!(ended.revoked_by.unwrap().as_str(), "fay");
}

#[test]
fn what_the_policy_does_not_allow_is_never_in_force() {
    let others = "the policy of `prod` asks for other persons";
    let cases: [(&str, Spoil); 6] = [
        (others, |terms| {
            terms.quorum = [("risk".parse().unwrap(), 2)].into();
        }),
        (others, |terms| {
            terms.reviewers.extend(["data-scientists".parse().unwrap()]);
        }),
        ("the policy of `prod` allows 4 hours at most", |terms| {
            terms.expires_at += SignedDuration::from_hours(2);
        }),
        (
            "the policy of `prod` does not name the role `owner`",
            |terms| "owner".clone_into(&mut terms.role),
        ),
        ("`qa` is no workspace of `prod`", |terms| {
            terms.workspace = Some("qa".parse().unwrap());
        }),
        (
            "`mallory` is nobody in the trust root who has a key that is not revoked",
            |terms| terms.person = "mallory".parse().unwrap(),
        ),
    ];
    for (because, spoil) in cases {
        let organisation = organisation("{risk: 1}");
        let mut terms = terms(&organisation);
        spoil(&mut terms);
        grant(&organisation, "bob", &terms);
        assert_eq!(
            standing(&organisation),
            (Standing::Void, vec![because.to_owned()])
        );
    }
    let organisation = TestOrganisation::new();
    organisation.reconcile();
    let quorum = [("risk".parse().unwrap(), 1)].into();
    let asked_at = organisation.clock_now();
    let terms = AccessTerms {
        person: "eve".parse().unwrap(),
        environment: "prod".parse().unwrap(),
        workspace: None,
        role: "reader".to_owned(),
        reason: "r".to_owned(),
        quorum,
        reviewers: ["risk".parse().unwrap()].into(),
        asked_at,
        expires_at: asked_at + SignedDuration::from_hours(1),
        nonce: "n".to_owned(),
    };
    grant(&organisation, "bob", &terms);
    let because = "the policy of `prod` lets nobody give access".to_owned();
    assert_eq!(standing(&organisation), (Standing::Void, vec![because]));
}

#[test]
fn terms_that_end_before_they_begin_or_hold_for_more_than_a_week_never_begin() {
    for hours in [-1, 0, 24 * 7 + 1] {
        let organisation = organisation("{risk: 1}");
        let mut terms = terms(&organisation);
        terms.expires_at = terms.asked_at + SignedDuration::from_hours(hours);
        grant(&organisation, "bob", &terms);
        assert_eq!(incident(&organisation).began, None, "{hours}");
    }
    // Nor what is dated into the future, so that it would hold for longer.
    let organisation = organisation("{risk: 1}");
    let mut terms = terms(&organisation);
    terms.asked_at += SignedDuration::from_hours(2);
    terms.expires_at += SignedDuration::from_hours(2);
    grant(&organisation, "bob", &terms);
    assert_eq!(incident(&organisation).began, None);
}

#[test]
fn what_a_lost_key_signed_holds_no_longer_and_is_still_looked_at() {
    let organisation = organisation("{risk: 1}");
    let terms = terms(&organisation);
    let index = organisation.observer().observe().unwrap().state().size;
    grant(&organisation, "bob", &terms);
    assert_eq!(standing(&organisation).0, Standing::InForce);
    let key = sign::read_public_key(&organisation.key_path("bob.pub"))
        .unwrap()
        .fingerprint();
    organisation.change_root(&["ann", "ben"], |root| {
        let reason = "lost".to_owned();
        root.revoked.insert(
            key,
            RevocationSpec {
                from: index,
                reason,
            },
        );
    });
    organisation.reconcile();
    assert_eq!(standing(&organisation).0, Standing::Waiting);
    organisation.wait(3);
    assert_eq!(standing(&organisation).0, Standing::ReviewDue);
}

#[test]
fn who_has_no_key_left_has_no_access() {
    let organisation = organisation("{risk: 1}");
    let terms = terms(&organisation);
    grant(&organisation, "bob", &terms);
    assert_eq!(standing(&organisation).0, Standing::InForce);
    let key = sign::read_public_key(&organisation.key_path("eve.pub"))
        .unwrap()
        .fingerprint();
    let from = organisation.observer().observe().unwrap().state().size;
    organisation.change_root(&["ann", "ben"], |root| {
        let reason = "lost".to_owned();
        root.revoked.insert(key, RevocationSpec { from, reason });
    });
    organisation.reconcile();
    let said = "`eve` is nobody in the trust root who has a key that is not revoked";
    let void = (Standing::Void, vec![said.to_owned()]);
    assert_eq!(standing(&organisation), void);
}

#[test]
fn no_gate_sees_it() {
    const FIRST: &str = "wildlife/model/penguin-species@1.0.0";
    let organisation = organisation("{risk: 1}");
    organisation.register("eve", FIRST, &Made::default());
    organisation.request("eve", FIRST, "qa");
    organisation.reconcile();
    let judged = || {
        let mut engine = organisation.observer();
        let world = engine.observe().unwrap();
        let changes = world.changes();
        let [Change::Promote(promotion)] = changes.as_slice() else {
            panic!("{changes:?}")
        };
        engine.judge(&world, promotion.clone()).unwrap()
    };
    let before = judged();
    grant(&organisation, "bob", &terms(&organisation));
    assert_eq!(standing(&organisation).0, Standing::InForce);
    let after = judged();
    assert_eq!(after.decision, before.decision);
    assert_eq!(after.evidence.acts, before.evidence.acts);
}
