//! What the topology stands for in Azure: written in three languages that their own parsers read, and held against lists.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::oracle::installed;
use crate::organisation::{Answer, Organisation, answer};

/// What stands for names that want out of their quotes; YAML writes it in double quotes.
const HOSTILE: &str = r#"x'"; $(touch PWNED) `touch PWNED` ${var.x} %{if} $${y} \ @z #"#;

/// An organisation in the pattern `contoso`, whose project `wildlife` is named to get out of every quote.
fn hostile() -> Organisation {
    let organisation = Organisation::in_pattern("contoso");
    let quoted = serde_json::to_string(HOSTILE).unwrap();
    let file = "projects/wildlife.yaml";
    organisation.edit(file, "rg-wildlife", &quoted);
    organisation.edit(file, "cc-1100", &quoted);
    let workspace = "workspaces/mlw-wildlife-dev.yaml";
    organisation.edit(
        workspace,
        "cc-1100",
        &format!("{quoted}\n    \"@{{odd}}\": x\n    \"${{k}}'\\n\": v"),
    );
    organisation.edit(
        workspace,
        "Where wildlife goes on with what succeeded in exploration.",
        "\"-x\\ny ${HOME}\"",
    );
    organisation.edit(
        workspace,
        "  clearance",
        "  storageRegion: westeurope\n  metadataRegion: westeurope\n  clearance",
    );
    let sign = ["trust", "sign", "--commit"];
    organisation.as_person("ada", &sign).expect_code(0);
    organisation.apply().expect_code(0);
    organisation
}

fn export(organisation: &Organisation, format: &str) -> BTreeMap<String, String> {
    let folder = organisation.path(format);
    let arguments = [
        "topology",
        "export",
        "--format",
        format,
        "--out",
        folder.to_str().unwrap(),
    ];
    organisation.as_person("dana", &arguments).expect_code(0);
    let files = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// What a page of Python prints as JSON of a file.
fn python(code: &str, path: &Path) -> Value {
    let mut command = Command::new(installed("python"));
    answer(command.args(["-B", "-c", code]).arg(path))
        .expect_code(0)
        .json()
}

#[test]
fn terraform_reads_back_what_the_manifests_say() {
    let organisation = hostile();
    let files = export(&organisation, "terraform");
    assert_eq!(files.keys().collect::<Vec<_>>(), ["main.tf"]);
    let code =
        "import json, sys, pygohcl; print(json.dumps(pygohcl.loads(open(sys.argv[1]).read())))";
    let read = python(code, &organisation.path("terraform/main.tf"));
    let locals = &read["locals"];
    let locals = locals.as_array().map_or(locals, |all| &all[0]);
    assert_eq!(
        locals["resource_groups"][HOSTILE]["tags"]["cost-center"],
        HOSTILE
    );
    let dev = &locals["workspaces"]["mlw-wildlife-dev"];
    assert_eq!(dev["resource_group"], HOSTILE);
    assert_eq!(dev["description"], "-x\ny ${HOME}");
    let tags = json!({"cost-center": HOSTILE, "@{odd}": "x", "${k}'\n": "v", "env": "dev", "owner": "data-scientists", "project": "wildlife"});
    assert_eq!(dev["tags"], tags);
    let assignments = locals["role_assignments"].as_object().unwrap();
    let role = |of: &str| {
        assignments
            .get(of)
            .map(|found| found["role"].as_str().unwrap())
    };
    let maker = "mlw-wildlife-dev/group/data-scientists/AzureML Data Scientist";
    assert_eq!(role(maker), Some("AzureML Data Scientist"));
    assert_eq!(
        role("mlw-wildlife-qa/group/data-scientists/Reader"),
        Some("Reader")
    );
    assert_eq!(role("mlw-wildlife-prod/group/risk/Reader"), Some("Reader"));
    assert_eq!(role("mlw-wildlife-dev/group/risk/Reader"), None);
    assert_eq!(
        role("mlw-wildlife-prod/engine/local/AzureML Data Scientist"),
        Some("AzureML Data Scientist")
    );
    // What is refused by a real parser shows that it looks.
    let broken = organisation.path("broken.tf");
    std::fs::write(&broken, files["main.tf"].replace("\\u0024{", "${")).unwrap();
    let mut command = Command::new(installed("python"));
    let read = answer(command.args(["-B", "-c", code]).arg(&broken));
    assert!(read.code != 0 || read.json() != python(code, &organisation.path("terraform/main.tf")));
}

#[test]
fn bicep_has_no_error_in_the_eyes_of_its_grammar() {
    let organisation = hostile();
    let files = export(&organisation, "bicep");
    assert_eq!(
        files.keys().collect::<Vec<_>>(),
        ["main.bicep", "workspace.bicep"]
    );
    // The strings of the tree, and whether any part of it is an error.
    let code = "
import json, sys, tree_sitter, tree_sitter_bicep
source = open(sys.argv[1], 'rb').read()
tree = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bicep.language())).parse(source)
strings, interpolated, nodes = [], 0, [tree.root_node]
while nodes:
    node = nodes.pop()
    nodes.extend(node.children)
    if node.type == 'string': strings.append(node.text.decode())
    if node.type == 'interpolation': interpolated += 1
print(json.dumps({'error': tree.root_node.has_error, 'strings': strings, 'interpolated': interpolated}))";
    let module = python(code, &organisation.path("bicep/workspace.bicep"));
    assert_eq!(module["error"], false, "{}", files["workspace.bicep"]);
    assert_eq!(module["interpolated"], 3);
    let main = python(code, &organisation.path("bicep/main.bicep"));
    assert_eq!(
        (&main["error"], &main["interpolated"]),
        (&json!(false), &json!(0)),
        "{}",
        files["main.bicep"]
    );
    let strings = main["strings"].as_array().unwrap();
    let quoted = r#"'x\'"; \$(touch PWNED) `touch PWNED` \${var.x} %{if} \$\${y} \\ @z #'"#;
    assert!(strings.contains(&json!(quoted)), "{strings:?}");
    assert!(strings.contains(&json!(r"'-x\ny \${HOME}'")), "{strings:?}");
    let broken = organisation.path("broken.bicep");
    std::fs::write(&broken, files["main.bicep"].replace("x\\'", "x'")).unwrap();
    assert_eq!(python(code, &broken)["error"], true);
}

/// Runs the script with a stand-in for `az`, and returns the words of each call.
fn calls(organisation: &Organisation) -> Vec<Vec<String>> {
    run_script(organisation, "''").expect_code(0);
    let words = std::fs::read_to_string(organisation.path("calls")).unwrap();
    let mut calls = vec![Vec::new()];
    for word in words.split_terminator('\0') {
        if word.is_empty() {
            calls.push(Vec::new());
        } else {
            calls.last_mut().unwrap().push(word.to_owned());
        }
    }
    calls.retain(|call| !call.is_empty());
    calls
}

/// Runs the script. The stand-in for `az` puts the contents of files in the place of `@FILE`, as `az` does (without `~`), and
/// knows a service principal of each name for every suffix in `engines`.
fn run_script(organisation: &Organisation, engines: &str) -> Answer {
    let bin = organisation.path("bin");
    std::fs::create_dir(&bin).unwrap();
    let stub = bin.join("az");
    let log = organisation.path("calls");
    // Each word, then NUL; each call, then an empty word.
    let script = format!(
        "#!/bin/sh
for word; do
  value=${{word#*=}}
  file=${{value#@}}
  case $value in @?*) if [ -r \"$file\" ]; then word=\"${{word%\"$value\"}}$(cat \"$file\")\"; fi ;; esac
  printf '%s\\0' \"$word\"
done >> '{0}'
printf '\\0' >> '{0}'
case $1-$2 in
  account-show) echo sub-1 ;;
  ad-group) echo \"id-of-${{4#*=}}\" ;;
  ad-sp) name=${{4#--filter=displayName eq \\'}}; for engine in {engines}; do echo \"id-of-${{name%\\'}}$engine\"; done ;;
esac
",
        log.display()
    );
    std::fs::write(&stub, script).unwrap();
    std::fs::set_permissions(&stub, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new("sh");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    command
        .env("PATH", path)
        .current_dir(organisation.path("az-cli"))
        .arg("topology.sh");
    let ran = answer(&mut command);
    assert_eq!(
        std::fs::read_dir(organisation.path("az-cli"))
            .unwrap()
            .count(),
        1,
        "something else ran"
    );
    ran
}

#[test]
fn no_file_is_read_in_place_of_a_value_and_no_control_reaches_a_terminal() {
    let organisation = Organisation::in_pattern("contoso");
    let secret = organisation.path("secret");
    std::fs::write(&secret, "TOKEN").unwrap();
    let named = format!("@{}", secret.display());
    let workspace = "workspaces/mlw-wildlife-dev.yaml";
    organisation.edit(
        workspace,
        "cc-1100",
        &format!(
            "cc-1100\n    note: \"{named}\"\n    late: \"\\e{named}\"\n    shown: \"a\\e[2Jb\""
        ),
    );
    let description = "Where wildlife goes on with what succeeded in exploration.";
    organisation.edit(workspace, description, &format!("\"{named}\""));
    organisation.edit("projects/botany.yaml", "rg-botany", &format!("\"{named}\""));
    let sign = ["trust", "sign", "--commit"];
    organisation.as_person("ada", &sign).expect_code(0);
    organisation.apply().expect_code(0);
    export(&organisation, "az-cli");
    let calls = calls(&organisation);
    let words: Vec<&String> = calls.iter().flatten().collect();
    assert!(
        !words.iter().any(|word| word.contains("TOKEN")),
        "{words:?}"
    );
    assert!(words.iter().any(|word| *word == "shown=a[2Jb"), "{words:?}");
    assert!(
        !words.iter().any(|word| word.contains("botany")),
        "{words:?}"
    );
    let script = std::fs::read_to_string(organisation.path("az-cli/topology.sh")).unwrap();
    assert!(!script.contains('\u{1b}'), "{script}");
    for problem in [
        "# PROBLEM: `az` would read the file that the description names; it is left out.\n",
        "# PROBLEM: `az` cannot be told of the tag `note`; it is left out.\n",
        "# PROBLEM: `az` cannot be told of the tag `late`; it is left out.\n",
        "names; this resource group and what is in it are left out.\n",
    ] {
        assert!(script.contains(problem), "{problem}\n{script}");
    }
}

#[test]
fn an_engine_that_is_not_exactly_one_stops_the_script() {
    for engines in ["", "'' -too"] {
        let organisation = Organisation::in_pattern("contoso");
        export(&organisation, "az-cli");
        let stopped = run_script(&organisation, engines).expect_code(1);
        let said = "not exactly one service principal is named local: ";
        assert!(stopped.stderr.contains(said), "{}", stopped.all());
        let calls = std::fs::read_to_string(organisation.path("calls")).unwrap();
        assert!(!calls.contains("ServicePrincipal"), "{calls}");
    }
}

#[test]
fn the_script_calls_az_with_the_words_of_the_manifests() {
    let organisation = hostile();
    export(&organisation, "az-cli");
    let calls = calls(&organisation);
    // The calls with some words, each as a line; the hostile text as `HOSTILE`.
    let with = |words: &str| {
        let lines = calls
            .iter()
            .map(|call| call.join("|").replace(HOSTILE, "HOSTILE"));
        let found = lines.filter(|line| words.split('|').all(|word| line.contains(word)));
        found.collect::<Vec<_>>()
    };
    let tags = "cost-center=HOSTILE|owner=data-scientists|project=wildlife";
    let group = format!("group|create|--name=HOSTILE|--location=westeurope|--tags|{tags}");
    assert_eq!(with("group|create|--name=HOSTILE"), [group]);
    let workspace = "ml|workspace|create|--name=mlw-wildlife-dev|--resource-group=HOSTILE|--location=westeurope|--description=-x\ny ${HOME}|--tags|${k}'\n=v|cost-center=HOSTILE|env=dev|owner=data-scientists|project=wildlife";
    assert_eq!(
        with("ml|workspace|create|--name=mlw-wildlife-dev"),
        [workspace]
    );
    let scope = "--scope=/subscriptions/sub-1/resourceGroups/HOSTILE/providers/Microsoft.MachineLearningServices/workspaces/mlw-wildlife-dev";
    let grant = |who: &str, kind: &str, role: &str| {
        format!(
            "role|assignment|create|--assignee-object-id=id-of-{who}|--assignee-principal-type={kind}|--role={role}|{scope}"
        )
    };
    assert_eq!(
        with(&format!("role|assignment|create|{scope}")),
        [
            grant("data-scientists", "Group", "AzureML Data Scientist"),
            grant("reviewers", "Group", "Reader"),
            grant("local", "ServicePrincipal", "AzureML Data Scientist"),
        ]
    );
    let script = std::fs::read_to_string(organisation.path("az-cli/topology.sh")).unwrap();
    let left_out = "# PROBLEM: `az` cannot be told of the tag `@{odd}`; it is left out.\n";
    assert!(script.contains(left_out), "{script}");
}

#[test]
fn every_pattern_is_written_the_same_way_each_time_and_says_what_it_took_for_granted() {
    for (pattern, workspaces) in [
        ("contoso", 7),
        ("multi-environment", 3),
        ("regional-serving", 4),
    ] {
        let organisation = Organisation::in_pattern(pattern);
        for (format, comment) in [("bicep", "//"), ("terraform", "#"), ("az-cli", "#")] {
            let arguments = ["topology", "export", "--format", format];
            let printed = organisation.as_person("dana", &arguments).expect_code(0);
            assert_eq!(
                organisation.as_person("rita", &arguments).stdout,
                printed.stdout
            );
            for line in [
                "Every workspace of the topology stands for one Azure",
                "nchecked by",
            ] {
                assert!(printed.stdout.contains(line), "{}", printed.all());
            }
            let is_short = pattern == "multi-environment";
            let problem = format!("{comment} PROBLEM: `qa` is no name for a workspace");
            assert_eq!(
                printed.stdout.contains(&problem),
                is_short,
                "{}",
                printed.all()
            );
            assert_eq!(
                printed.stderr.contains("problem: `qa`"),
                is_short,
                "{}",
                printed.all()
            );
        }
        let arguments = ["topology", "export", "--format", "terraform", "-o", "json"];
        let json = organisation
            .as_person("dana", &arguments)
            .expect_code(0)
            .json();
        let found = json["workspaces"].as_object().unwrap().len();
        assert_eq!(found, workspaces, "{pattern}");
    }
}

#[test]
fn a_funded_project_has_its_resource_group_before_it_has_workspaces() {
    let organisation = Organisation::in_pattern("contoso");
    let arguments = ["topology", "export", "--format", "terraform", "-o", "json"];
    let json = organisation
        .as_person("dana", &arguments)
        .expect_code(0)
        .json();
    let expected = json!({"region": "westeurope", "tags": {"cost-center": "cc-1300", "owner": "data-scientists", "project": "forestry"}});
    assert_eq!(json["resourceGroups"]["rg-forestry"], expected);
    assert_eq!(
        json["resourceGroups"]
            .as_object()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        [
            "rg-botany",
            "rg-forestry",
            "rg-wildlife",
            "rg-wildlife-exploration",
        ]
    );
}
