"""Train the sample models, or check the ones already here.

    python train.py          train, and write <model>/<version>/ beside this file
    python train.py --check  run the ONNX files on their held-out rows, compare with metrics.json
"""
import csv
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, log_loss
from sklearn.model_selection import GridSearchCV, RepeatedStratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).resolve().parent
SEED = 2007  # the first year of the study; never tuned

# Only the body measurements. The island alone nearly gives the species away, and the year is
# what the two data files are split by, so neither is a feature.
FEATURES = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
CLASSES = ["Adelie", "Chinstrap", "Gentoo"]  # index = class number in the ONNX output

# The years are the split: each file may hold only its own, so no row can be in both.
SAMPLE = {"file": "penguins-sample.csv", "label": "internal", "years": {2007, 2008}}
FIELD = {"file": "penguins-field.csv", "label": "production", "years": {2009}}

# C is the inverse strength of the L2 penalty; one value is a decision, several are a search.
GRID = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0]
MODELS = [
    {"name": "penguin-species", "version": "1.0.0", "data": SAMPLE, "grid": [0.03]},
    {"name": "penguin-species", "version": "1.1.0", "data": SAMPLE, "grid": GRID, "before": "1.0.0"},
    {"name": "penguin-species-field", "version": "1.0.0", "data": FIELD, "grid": GRID},
]


def load(data):
    """The held-out split is made here, so training and --check can never disagree on it."""
    with open(HERE / data["file"], newline="") as f:
        rows = list(csv.DictReader(f))
    assert {int(r["year"]) for r in rows} == data["years"], "a row of the wrong year"
    rows = [r for r in rows if "NA" not in [r[f] for f in FEATURES]]  # unmeasured birds
    # float32 from the start: it is what the ONNX model is given.
    x = np.array([[r[f] for f in FEATURES] for r in rows], dtype=np.float32)
    y = np.array([CLASSES.index(r["species"]) for r in rows], dtype=np.int64)
    return train_test_split(x, y, test_size=0.3, stratify=y, random_state=SEED)


def measure(y, label, prob):
    """Rounded, so that the last bits of another CPU's arithmetic do not change the file."""
    return {
        "accuracy": round(float(accuracy_score(y, label)), 4),
        "macro-f1": round(float(f1_score(y, label, average="macro")), 4),
        "log-loss": round(float(log_loss(y, prob, labels=range(len(CLASSES)))), 4),
    }


def fit(x, y, grid):
    """The model, its C, and its cross-validated accuracy and log-loss on the training rows."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=5, random_state=SEED)
    # Chosen by log-loss: accuracy is near 1 for most of the grid and would decide by luck. A grid
    # of one value chooses nothing, but is measured in the same way.
    search = GridSearchCV(
        model, {"logisticregression__C": grid}, scoring=["accuracy", "neg_log_loss"],
        refit="neg_log_loss", cv=folds, n_jobs=1,
    ).fit(x, y)
    best = {k: search.cv_results_[f"mean_test_{k}"][search.best_index_] for k in ("accuracy", "neg_log_loss")}
    return (search.best_estimator_, search.best_params_["logisticregression__C"],
            (best["accuracy"], -best["neg_log_loss"]))


def export(model, spec):
    proto = to_onnx(
        model,
        np.zeros((1, len(FEATURES)), dtype=np.float32),
        # A fixed name: the default is a fresh one each run, and the bytes would differ.
        name=f"{spec['name']}-{spec['version']}",
        # Old enough for most runtimes.
        target_opset=17,
        # A plain probability tensor instead of a sequence of maps.
        options={"zipmap": False},
    )
    # The converter may list a domain twice, which a strict reader may refuse.
    domains = {o.domain: o.version for o in proto.opset_import}
    del proto.opset_import[:]
    proto.opset_import.extend(onnx.helper.make_opsetid(d, v) for d, v in sorted(domains.items()))
    onnx.helper.set_model_props(
        proto,
        {"model": spec["name"], "version": spec["version"],
         "features": ",".join(FEATURES), "classes": ",".join(CLASSES)},
    )
    onnx.checker.check_model(proto)
    return proto.SerializeToString(deterministic=True)


def run_onnx(path, x):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    label, prob = session.run(["label", "probabilities"], {"X": x})
    return label, prob


def card(spec, c, cv, counts, y_test, label, metrics):
    data, name = spec["data"], spec["name"]
    years = " and ".join(str(y) for y in sorted(data["years"]))
    by_hand = len(spec["grid"]) == 1
    wrong = int((label != y_test).sum())
    if by_hand:
        how = (f"`C` = {c:g} was set by hand: a strong penalty, a cautious first version, known from cross-validation "
               "on the training rows to leave room for tuning.")
    else:
        how = (f"`C` = {c:g} was chosen from {', '.join(f'{g:g}' for g in GRID)} by log-loss in 5 x 5-fold "
               "cross-validation on the training rows only.")
        if c == max(GRID):
            how += (" It is the weakest penalty offered: the species are almost separable by these "
                    "measurements, so log-loss alone would go on weakening it.")
    before = ""
    if "before" in spec:
        old = json.loads((HERE / name / spec["before"] / "metrics.json").read_text())
        before = (f"\nVersion {spec['before']} on the same rows: "
                  + ", ".join(f"{k} {v:.4f}" for k, v in old.items())
                  + f".\nWhat {spec['version']} was tuned for is log-loss.\n")
    sure = ("- Its probabilities are cautious: the strong penalty pulls them towards the class shares."
            if by_hand else
            "- Its probabilities are close to 0 or 1 even for birds unlike those it was trained on.")
    return f"""---
license: cc0-1.0
library_name: onnx
pipeline_tag: tabular-classification
tags:
- tabular-classification
- onnx
- scikit-learn
- logistic-regression
- penguins
datasets:
- {Path(data["file"]).stem}
metrics:
- accuracy
- f1
- log_loss
---

# {name} {spec["version"]}

## Model description

Tells the species of a penguin (Adelie, Chinstrap or Gentoo) from four body measurements.
Multinomial logistic regression on standardised features, stored as ONNX (opset 17).

- Input `X`: float32, shape (n, 4): {", ".join(f"`{f}`" for f in FEATURES)}, in this order, unscaled.
- Output `label`: int64, shape (n); `labels.json` lists the name of each number, from 0.
- Output `probabilities`: float32, shape (n, 3), in the same order.

## Intended uses

A small real model for demonstrations and tests. Not for field work or any decision about animals.

## Training data

`{data["file"]}`, data label `{data["label"]}`: the rows of the Palmer Penguins data set (CC0) from {years}.
{counts[0]} rows, of which {counts[1]} have all four measurements: {counts[2]} to train on and {counts[3]} held out,
drawn at random within each species (seed {SEED}).

## Training procedure

`train.py`, scikit-learn. The scaler is fitted on the training rows only. {how}

## Evaluation

On the {counts[3]} held-out rows, used for nothing else:

| metric | value |
|---|---|
{chr(10).join(f"| {k} | {v:.4f} |" for k, v in metrics.items())}

That is {wrong} wrong of {counts[3]}. One bird more or less is {100 / counts[3]:.1f} points of accuracy, so small differences mean little.
{before}
Mean of 5 x 5-fold cross-validation on the {counts[2]} training rows: accuracy {cv[0]:.4f}, log-loss {cv[1]:.4f}{"" if by_hand else " (a little flattering: `C` was chosen by it)"}.

## Limitations

- Three species, three islands near Palmer Station, Antarctica, adult birds, {years} only; any
  other bird is still given one of the three names.
- All four measurements are needed; missing values are not handled.
{sure}
- The held-out rows come from the same years as the training rows, and the two birds of one nest may fall on both
  sides of the split. Not measured on other years.

## License

Model and data: CC0 1.0. Data: Gorman KB, Williams TD, Fraser WR (2014), PLoS ONE 9(3): e90081,
https://doi.org/10.1371/journal.pone.0090081; collected with the Palmer Station LTER; prepared by
Horst AM, Hill AP, Gorman KB (2020), palmerpenguins, https://doi.org/10.5281/zenodo.3960218.
"""


def train(spec):
    folder = HERE / spec["name"] / spec["version"]
    folder.mkdir(parents=True, exist_ok=True)
    x_train, x_test, y_train, y_test = load(spec["data"])
    model, c, cv = fit(x_train, y_train, spec["grid"])
    label = model.predict(x_test)
    metrics = measure(y_test, label, model.predict_proba(x_test))
    with open(HERE / spec["data"]["file"]) as f:
        rows = sum(1 for _ in f) - 1
    counts = (rows, len(x_train) + len(x_test), len(x_train), len(x_test))
    (folder / "model.onnx").write_bytes(export(model, spec))
    (folder / "labels.json").write_text(json.dumps(CLASSES) + "\n")
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    (folder / "MODEL_CARD.md").write_text(card(spec, c, cv, counts, y_test, label, metrics))
    print(spec["name"], spec["version"], f"C={c:g}", metrics)


def check(spec):
    """Accuracy and F1 must be equal; float32 may move the log-loss in its last digit."""
    folder = HERE / spec["name"] / spec["version"]
    _, x_test, _, y_test = load(spec["data"])
    label, prob = run_onnx(folder / "model.onnx", x_test)
    said = json.loads((folder / "metrics.json").read_text())
    found = measure(y_test, label, prob)
    good = (
        json.loads((folder / "labels.json").read_text()) == CLASSES
        and said.keys() == found.keys()
        and all(abs(said[k] - found[k]) <= (2e-4 if k == "log-loss" else 0) for k in said)
    )
    print("ok  " if good else "FAIL", spec["name"], spec["version"], found, f"{len(y_test)} held-out rows")
    return good


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(not all([check(m) for m in MODELS]))
    if sys.argv[1:]:
        sys.exit(__doc__)
    for m in MODELS:
        train(m)
