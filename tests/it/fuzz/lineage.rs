//! What must hold for each reader of files of lineage.

use promote::diagnostic::Loc;
use promote::manifest::address::Address;
use promote::manifest::foreign;
use promote::ui::diagnostics::{Colour, render_text};

/// A file of a format: each place that is told lies in the text, and the same is told of it by itself as when it is named.
fn lineage(bytes: &[u8], path: &str, format: &str) -> String {
    let format = foreign::find_format(format);
    let read = foreign::read(path, bytes, format, Some("model"));
    let in_text = |loc: &Loc| assert!(loc.file.text.get(loc.span.clone()).is_some(), "{loc:?}");
    match read {
        Ok((_, told)) => {
            assert!(told.inputs.len() <= foreign::MAX_INPUTS);
            for input in &told.inputs {
                in_text(&input.loc);
                let again = Address::parse(input.address.as_str()).unwrap();
                assert_eq!(again, input.address);
                assert!(!input.address.as_str().contains(char::is_control));
            }
            told.notes.iter().for_each(|note| in_text(&note.loc));
            told.digests.iter().for_each(|stated| in_text(&stated.loc));
            if let Ok((recognised, by_itself)) = foreign::read(path, bytes, None, Some("model"))
                && format.is_some_and(|format| format.name == recognised.name)
            {
                assert_eq!(by_itself, told);
            }
            "good".to_owned()
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            problems.iter().for_each(|problem| in_text(&problem.loc));
            render_text(&problems, Colour::Never)
        }
    }
}

macro_rules! lineage_targets {
    ($($target:ident: $path:literal, $format:literal;)*) => {
        $(pub(super) fn $target(bytes: &[u8]) -> String {
            lineage(bytes, $path, $format)
        })*
    };
}

lineage_targets! {
    azure_ml: "model.yml", "azure-ml";
    azure_ml_job: "job.json", "azure-ml-job";
    croissant: "set.json", "croissant";
    dvc: "dvc.lock", "dvc";
    hugging_face: "README.md", "hugging-face";
    mlflow_run: "run.json", "mlflow-run";
    mlmodel: "MLmodel", "mlmodel";
    odcs: "contract.yaml", "odcs";
    openlineage: "event.json", "openlineage";
}
