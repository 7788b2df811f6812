//! A small family of models.

use super::*;
use crate::engine::testing::{Made, TestOrganisation};
use crate::model::lineage::{Base, Lineage};
use crate::ops::testing::context_of;

const BASE: &str = "wildlife/model/penguin-species@1.0.0";
const TUNED: &str = "wildlife/model/penguin-species@1.1.0";
const ODD: &str = "wildlife/model/penguin-species@1.2.0";

/// A base; a model tuned on it; and one that nobody signed, with a file of the tuned one.
fn family() -> TestOrganisation {
    let organisation = TestOrganisation::new();
    let base = organisation.register("eve", BASE, &Made::default());
    let lineage = Lineage {
        datasets: vec!["penguins-sample".parse().unwrap()],
        bases: vec![Base {
            version: BASE.parse().unwrap(),
            digest: base,
        }],
        run: Some("<run> \"7\"".to_owned()),
        ..Lineage::default()
    };
    organisation.register(
        "fay",
        TUNED,
        &Made {
            files: &[("tuned.bin", "tuned weights")],
            lineage: Some(lineage),
            ..Made::default()
        },
    );
    organisation.reconcile();
    organisation.register(
        "fay",
        ODD,
        &Made {
            files: &[("odd.bin", "tuned weights")],
            lineage: None,
            is_signed: false,
            ..Made::default()
        },
    );
    organisation.reconcile();
    organisation
}

#[test]
fn everything_above_and_below_is_there_with_its_label() {
    let organisation = family();
    let context = context_of(&organisation, "eve");
    let up = lineage(&context, "penguin-species@1.1.0", Way::Up).unwrap();
    assert_eq!(
        up.tree(),
        [
            "wildlife/model/penguin-species@1.1.0 [internal]",
            "│   internal: dataset `penguins-sample` carries it; base `wildlife/model/penguin-species@1.0.0` carries it; its file 9c71eee1f07e is known from `wildlife/model/penguin-species@1.0.0`; the ledger has recorded it, and labels only grow",
            "├─ dataset: penguins-sample [internal]",
            "├─ run: <run> \"7\"",
            "├─ base: wildlife/model/penguin-species@1.0.0 [internal]",
            "│  │   internal: dataset `penguins-sample` carries it; the ledger has recorded it, and labels only grow",
            "│  ├─ code: https://git.example.com/penguins at 111111111111",
            "│  ├─ dataset: penguins-sample [internal] (see above)",
            "│  └─ run: run-7",
            "└─ shared file: wildlife/model/penguin-species@1.0.0 [internal] (see above)",
        ]
    );
    let down = lineage(&context, BASE, Way::Down).unwrap();
    let names: Vec<&str> = down.nodes.values().map(|node| node.name.as_str()).collect();
    assert_eq!(names, [BASE, TUNED, ODD]);
    assert!(!down.is_cut);
    let odd = lineage(&context, ODD, Way::Up).unwrap();
    assert!(
        odd.edges
            .iter()
            .any(|edge| edge.kind == EdgeKind::File && edge.to.ends_with(TUNED))
    );
    for text in [
        "penguin-species",
        "penguin-specie@1.0.0",
        "penguin-species@9.0.0",
        "x@y",
    ] {
        assert!(
            !lineage(&context, text, Way::Up)
                .unwrap_err()
                .hints
                .is_empty(),
            "{text}"
        );
    }
}

#[test]
fn drawings_quote_what_they_show() {
    let organisation = family();
    let context = context_of(&organisation, "eve");
    let up = lineage(&context, TUNED, Way::Up).unwrap();
    let dot = up.dot();
    assert!(dot.starts_with("digraph lineage {"), "{dot}");
    assert!(dot.contains(r#""dataset:penguins-sample" -> "version:wildlife/model/penguin-species@1.1.0" [label="dataset: internal"];"#), "{dot}");
    assert!(dot.contains(r#"[label="<run> \"7\""]"#), "{dot}");
    let mermaid = up.mermaid();
    assert!(mermaid.starts_with("flowchart LR\n"), "{mermaid}");
    assert!(
        mermaid.contains("[\"&lt;run&gt; &quot;7&quot;\"]"),
        "{mermaid}"
    );
    assert!(mermaid.contains("-->|\"base: internal\"|"), "{mermaid}");
    // A run brings no tag.
    assert!(mermaid.contains("-->|\"run\"|"), "{mermaid}");
    let svg = up.svg();
    assert!(svg.starts_with("<svg xmlns="), "{svg}");
    assert!(svg.contains("&lt;run&gt; &quot;7&quot;"), "{svg}");
    assert!(svg.contains(">base: internal</text>"), "{svg}");
    assert!(svg.contains(">[internal]</text>"), "{svg}");
    let (opened, closed) = (
        svg.matches("<text ").count(),
        svg.matches("</text>").count(),
    );
    assert_eq!(opened, closed, "{svg}");
    assert_eq!(svg.matches("<g>").count(), up.nodes.len(), "{svg}");
}
