//! Azure ML's YAML: what artifacts are bound to, and what they are.

use super::{file, lineage, notes, organisation, project, refused, register};
use crate::organisation::Organisation;
use crate::support::root;
use crate::variants::MODEL;

#[test]
fn a_base_that_is_registered_here_brings_its_digest() {
    let organisation = organisation();
    register(&organisation, "3.0.0", &["--input", "penguins-sample"]).expect_code(0);
    let text = "$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json\ntype: pipeline\ninputs:\n  a: {type: mlflow_model, path: 'azureml:penguin-species:3'}\n  b: {type: mlflow_model, path: 'azureml:penguin-species:4'}\n";
    let path = file(&organisation, "job.yml", text);
    let done = register(&organisation, "3.1.0", &["--lineage-from", &path]).expect_code(0);
    let notes = notes(&organisation, &done);
    assert_eq!(
        notes[..2],
        [
            "`azureml:penguin-species:3` is taken for `wildlife/model/penguin-species@3.0.0` (job.yml, line 4)",
            "`azureml:penguin-species:4` is of no dataset (job.yml, line 5)",
        ]
    );
    let lineage = lineage(&organisation, "3.1.0");
    assert!(
        lineage.starts_with(
            "bases:\n- version: wildlife/model/penguin-species@3.0.0\n  digest: dirhash1:"
        ),
        "{lineage}"
    );
}

#[test]
fn azure_ml_yaml_describes_all_that_is_registered() {
    let organisation = organisation();
    let folder = project(&organisation);
    crate::variants::copy(
        &Organisation::model("penguin-species/1.0.0"),
        &folder.join("model"),
    );
    let text =
        std::fs::read_to_string(root().join("tests/corpus/lineage-azure-ml/model.yml")).unwrap();
    let path = file(&organisation, "model.yml", &text);
    let call = ["register", "--from-azure-ml", &path, "--workspace", "dev"];
    let done = organisation.as_person("dana", &call).expect_code(0);
    assert!(
        done.stdout
            .contains("wildlife/model/penguin-species@3.0.0 in dev"),
        "{}",
        done.all()
    );
    let manifest = organisation.git("ada", &["show", &format!("main:models/{MODEL}/3.0.0.yaml")]);
    assert!(
        manifest.contains("description: Tells the species of a penguin."),
        "{manifest}"
    );
    assert!(
        manifest.contains("  tags:\n    owner: data-scientists\n    season: \"2026\""),
        "{manifest}"
    );
    assert!(!manifest.contains("lineage"), "{manifest}");
    // A pipeline is the folder of its file, with the data that it is bound to.
    let text = "$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json\nname: train\nversion: 1.2.0\ntype: pipeline\ndescription: Trains.\ntags: {owner: data-scientists, project: wildlife}\ninputs:\n  a: {type: uri_folder, path: 'azureml:penguins@latest'}\njobs:\n  fit: {type: command, component: ./fit.yml}\n";
    let folder = folder.join("pipeline");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("fit.yml"), "x\n").unwrap();
    let path = file(&organisation, "pipeline/job.yml", text);
    let call = ["register", "--from-azure-ml", &path, "--workspace", "dev"];
    let done = organisation.as_person("dana", &call).expect_code(0);
    assert!(
        done.stdout.contains("wildlife/pipeline/train@1.2.0 in dev"),
        "{}",
        done.all()
    );
    assert!(done.stdout.contains("label: internal"), "{}", done.all());
}

#[test]
fn azure_ml_yaml_of_one_of_several_projects_has_to_say_which() {
    let organisation = organisation();
    let folder = project(&organisation);
    crate::variants::copy(
        &Organisation::model("penguin-species/1.0.0"),
        &folder.join("model"),
    );
    let from = folder.join("model");
    organisation
        .register("second/other", "1.0.0", &from, "dev", "penguins-sample")
        .expect_code(0);
    organisation
        .register(MODEL, "1.0.0", &from, "dev", "penguins-sample")
        .expect_code(0);
    let text = "$schema: https://azuremlschemas.azureedge.net/latest/model.schema.json\nname: unheard-of\nversion: 1.1\npath: model\ndescription: Tests.\ntags: {owner: data-scientists}\n";
    let path = file(&organisation, "model.yml", text);
    let call = ["--from-azure-ml", &path, "--workspace", "dev"];
    let said = organisation.as_person("dana", &[&["register"], &call[..]].concat());
    assert_eq!(
        refused(&organisation, said, 1),
        "error: nothing says which project `unheard-of` is of\nhelp: write `PROJECT/NAME` as the first argument, or the tag `project` into the file\n"
    );
    let named = ["register", "second/unheard-of"];
    let done = organisation
        .as_person("dana", &[&named[..], &call[..]].concat())
        .expect_code(0);
    assert!(
        done.stdout.contains("second/model/unheard-of@1.1.0 in dev"),
        "{}",
        done.all()
    );
}

#[test]
fn azure_ml_yaml_that_leaves_something_out_says_what_to_write() {
    let organisation = organisation();
    let head = "$schema: https://azuremlschemas.azureedge.net/latest/";
    for (text, expected) in [
        (
            "data.schema.json\nname: a\nversion: 1\npath: b\n",
            "error: `a.yml` describes data, and data is a dataset and no artifact\nhelp: write `datasets/NAME.yaml` with its address under `addresses`\n",
        ),
        (
            "model.schema.json\nname: a\npath: b\n",
            "error: `a.yml` names no `version`\nhelp: write `promote register PROJECT/NAME VERSION --from-azure-ml FILE …`\n",
        ),
        (
            "model.schema.json\nname: A B\nversion: 1\npath: b\n",
            "error[cannot-be-used]: a artifact name is lowercase",
        ),
        (
            "model.schema.json\nname: a\nversion: one\npath: b\n",
            "error[cannot-be-used]: `one` is not a semantic version\n --> a.yml:3:10\n",
        ),
        (
            "model.schema.json\nname: a\nversion: 1\ntags: {project: p}\npath: azureml://jobs/j/outputs/model\n",
            "error[cannot-be-used]: `azureml://jobs/j/outputs/model` is not on this machine\n --> a.yml:5:7\n",
        ),
        (
            "environment.schema.json\nname: a\nversion: 1\ntags: {project: p}\nconda_file: ../conda.yml\n",
            "error[cannot-be-used]: `../conda.yml` is outside of the folder of the file\n --> a.yml:5:13\n",
        ),
        (
            "environment.schema.json\nname: a\nversion: 1\ntags: {project: p}\nconda_file: absent.yml\n",
            "error[cannot-be-used]: `absent.yml` is not there\n --> a.yml:5:13\n",
        ),
    ] {
        let path = file(&organisation, "a.yml", &format!("{head}{text}"));
        let call = ["register", "--from-azure-ml", &path, "--workspace", "dev"];
        let said = organisation.as_person("dana", &call);
        let said = refused(&organisation, said, 1);
        assert!(said.starts_with(expected), "{said}");
    }
}
