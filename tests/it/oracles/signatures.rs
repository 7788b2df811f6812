//! `ssh-keygen` and `git` on what people sign.

use promote::engine::people::People;
use promote::gate::evidence::SignatureFacts;
use promote::git::program::GitProgram;
use promote::git::repository::{Remote, Repository};

use super::{Verdicts, flipped, root_of};
use crate::hand::{APPROVAL, sign, ssh_keygen_verifies, statements};
use crate::oracle::shell;
use crate::organisation::{Organisation, answer};
use crate::variants::make_ready;

#[test]
fn ssh_keygen_agrees_on_statements() {
    let organisation = Organisation::new();
    make_ready(&organisation, "1.0.0");
    let people = People::of(&root_of(&organisation));
    let (path, _) = statements(&organisation).remove(0);
    let statement = organisation.git("ada", &["show", &format!("promote-inbox:{path}")]);
    let statement = statement.as_bytes();
    let signature = sign(&organisation, "rita", APPROVAL, statement);
    let by_dana = sign(&organisation, "dana", APPROVAL, statement);
    organisation.new_key("stranger");
    let strange = sign(&organisation, "stranger", APPROVAL, statement);
    let git = sign(&organisation, "rita", "git", statement);
    let mut verdicts = Verdicts::default();
    let mut ask = |what: &str, person: &str, namespace: &str, message: &[u8], signature: &str| {
        let theirs = ssh_keygen_verifies(&organisation, person, namespace, message, signature);
        let ours = people.verify(namespace, message, signature.as_bytes(), 0);
        let ours = ours.is_ok_and(|signer| signer.principal.as_str() == person);
        verdicts.add(what, theirs, ours);
    };
    ask("good", "rita", APPROVAL, statement, &signature);
    ask("another's", "dana", APPROVAL, statement, &by_dana);
    ask("for git", "rita", "git", statement, &git);
    ask("other person", "omar", APPROVAL, statement, &signature);
    ask("other namespace", "rita", "git", statement, &signature);
    ask("git for approval", "rita", APPROVAL, statement, &git);
    ask("unknown key", "rita", APPROVAL, statement, &strange);
    ask("nothing", "rita", APPROVAL, statement, "");
    for at in [0, statement.len() / 2, statement.len() - 1] {
        let changed = flipped(statement, at);
        ask(
            &format!("byte {at}"),
            "rita",
            APPROVAL,
            &changed,
            &signature,
        );
    }
    ask("cut", "rita", APPROVAL, &statement[1..], &signature);
    for line in 1..4 {
        let mut lines: Vec<Vec<u8>> = signature.lines().map(|line| line.into()).collect();
        lines[line][9] = if lines[line][9] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(lines.join(&b'\n')).unwrap() + "\n";
        ask(
            &format!("signature line {line}"),
            "rita",
            APPROVAL,
            statement,
            &changed,
        );
    }
    verdicts.expect(3, 12);
    // The one difference: a signature whose lines end as on Windows is the same signature to us, and none to OpenSSH.
    let windows = signature.replace('\n', "\r\n");
    let theirs = ssh_keygen_verifies(&organisation, "rita", APPROVAL, statement, &windows);
    let ours = people.verify(APPROVAL, statement, windows.as_bytes(), 0);
    assert!(!theirs && ours.is_ok());
}

/// Commits that are signed well, otherwise, or not at all, and some that were changed.
fn commits(organisation: &Organisation) -> [(&'static str, String); 8] {
    let repository = organisation.repository();
    let commit = |key: Option<&str>| {
        let path = key.map(|key| organisation.key(key));
        let key = path.map(|path| format!("user.signingKey={}", path.display()));
        let mut arguments = vec!["-c", "gpg.format=ssh"];
        arguments.extend(key.iter().flat_map(|key| ["-c", key.as_str()]));
        arguments.extend(["commit", "-q", "--allow-empty", "-m", "a change"]);
        arguments.extend(key.is_some().then_some("-S"));
        organisation.git("rita", &arguments);
        organisation.git("rita", &["rev-parse", "HEAD"])
    };
    let changed = |commit: &str, from: &str, to: &str| {
        let script = format!(
            "git cat-file commit {commit} | sed '{}' | git hash-object -w -t commit --stdin > ../changed",
            format_args!("s/{from}/{to}/")
        );
        assert!(shell(&repository, &script));
        let id = std::fs::read_to_string(organisation.path("changed")).unwrap();
        assert_ne!(id.trim(), commit);
        id.trim().to_owned()
    };
    let good = commit(Some("rita"));
    [
        ("good", good.clone()),
        ("another's", commit(Some("dana"))),
        ("unsigned", commit(None)),
        ("unknown key", commit(Some("stranger"))),
        ("other message", changed(&good, "^a change$", "a chance")),
        (
            "other author",
            changed(&good, "^author rita", "author dana"),
        ),
        ("other signature", changed(&good, "^ U1NIU0lH", " U1NIU0lI")),
        ("other namespace", {
            let payload = organisation.path("payload");
            let script = format!(
                "git cat-file commit {good} | sed '/^gpgsig /,/END SSH/d' > {0} && ssh-keygen -q -Y sign -n file -f {1} < {0} > {0}.sig \
                 && git cat-file commit {good} | sed '/^gpgsig /,/END SSH/d; /^committer/r '<(sed '1s/^/gpgsig /; 2,$s/^/ /' {0}.sig) \
                 | git hash-object -w -t commit --stdin > ../changed",
                payload.display(),
                organisation.key("rita").display()
            );
            assert!(shell(&repository, &script));
            let id = std::fs::read_to_string(organisation.path("changed")).unwrap();
            id.trim().to_owned()
        }),
    ]
}

#[test]
fn git_agrees_on_signed_commits() {
    let organisation = Organisation::new();
    organisation.new_key("stranger");
    let people = People::of(&root_of(&organisation));
    let repository = organisation.repository();
    let opened = Repository::open(&repository, Remote::None, GitProgram::default()).unwrap();
    let list = repository.join("trust/allowed_signers");
    let list = format!("gpg.ssh.allowedSignersFile={}", list.display());
    let mut verdicts = Verdicts::default();
    for (what, id) in commits(&organisation) {
        let mut command = organisation.git_command("rita");
        command.args(["-c", &list, "verify-commit", &id]);
        let theirs = answer(&mut command).code == 0;
        let info = opened.commit_info(id.parse().unwrap()).unwrap();
        let ours = info.signature.is_some_and(|signature| {
            let armored = Some(signature.signature.as_bytes());
            let facts = people.judge("git", &signature.payload, armored, 0);
            matches!(facts, SignatureFacts::By(_))
        });
        verdicts.add(what, theirs, ours);
    }
    verdicts.expect(2, 6);
}
