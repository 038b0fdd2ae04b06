"""What is fitted on the images that it is measured by: each is judged by fits that lack it."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ml import taxonomy
from ml.calibration import calibrate
from ml.cli import main
from ml.crossfit import Known, fit_to, judge_apart
from ml.data import read_dataset
from ml.data.samples import Sample
from ml.data.splits import all_but_test, group_folds, split
from ml.errors import DataError
from ml.evaluation import Answers, measure, measure_points
from ml.fitting import BEST, RUN, fit
from ml.manifest import read_manifest
from ml.predictor import Answer
from ml.recipes import RECIPES
from tests.ml.conftest import write_csv

CLASSES = taxonomy.HAM10000
LESIONS = 210


@pytest.fixture
def small_starter(recipe, monkeypatch):
    monkeypatch.setitem(RECIPES, "starter", lambda: recipe)


@pytest.fixture
def answers():
    """Two images a lesion, right more often than not, half of them with an expert's mask."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(LESIONS) % 7, 2)
    samples = [
        Sample(Path(f"{index}.png"), CLASSES[label], group=f"lesion {index // 2}")
        for index, label in enumerate(labels)
    ]
    scores = rng.normal(0, 1, (len(labels), 7)) + 1.5 * np.eye(7)[labels]
    features = rng.normal(0, 1, (len(labels), 12)) + 3
    edges = rng.uniform(0, 1, len(labels))
    expert = np.where(rng.uniform(size=len(labels)) < 0.5, np.nan, edges)
    read = Answer(calibrate(scores, {"temperature": 1.0}), features, scores, np.ones(len(labels)))
    read.edge_shares = edges
    return Answers(read.probabilities, labels, samples, answer=read, expert_edges=expert)


def copy(answers):
    read = answers.answer
    own = Answer(
        *(v.copy() for v in (read.probabilities, read.features, read.scores)), read.chromas
    )
    own.edge_shares = read.edge_shares.copy()
    parts = (answers.probabilities.copy(), answers.labels.copy(), answers.samples)
    return Answers(*parts, answer=own, expert_edges=answers.expert_edges)


def test_no_image_has_a_part_in_what_it_is_judged_by(answers):
    other = copy(answers)
    before = judge_apart(answers, CLASSES)
    own = [0, 1]  # one lesion: now of another class, with other scores and features
    other.labels[own] = 4
    other.answer.features[own] += 50
    other.answer.scores[own] = -5.0
    after = judge_apart(other, CLASSES)
    for name, limits in before.thresholds.items():
        np.testing.assert_array_equal(after.thresholds[name][own], limits[own])
    for name, limits in before.refusal.items():
        np.testing.assert_array_equal(after.refusal[name][own], limits[own])
    folds = group_folds(answers.groups, 5, 0)
    moved = after.refusal["not_a_lesion"] != before.refusal["not_a_lesion"]
    # it takes part in the limits that the other folds are judged by
    assert moved[folds != folds[0]].mean() > 0.5
    assert not moved[folds == folds[0]].any()


def test_each_image_is_judged_by_a_fit_to_the_other_four_fifths(answers):
    given = copy(answers)
    limits = judge_apart(given, CLASSES)
    out = group_folds(answers.groups, 5, 0) == 0
    assert out.mean() == 0.2
    assert (out[::2] == out[1::2]).all()  # no lesion is parted
    read, keep = answers.answer, ~out
    rest = Answers(
        answers.probabilities[keep],
        answers.labels[keep],
        [sample for sample, kept in zip(answers.samples, keep, strict=True) if kept],
        answer=Answer(
            *(v[keep] for v in (read.probabilities, read.features, read.scores, read.chromas)),
            edge_shares=read.edge_shares[keep],
        ),
        expert_edges=answers.expert_edges[keep],
    )
    fitted = fit_to(rest, CLASSES)
    expected = calibrate(read.scores[out], fitted.calibration)
    np.testing.assert_allclose(given.probabilities[out], expected)
    scores = fitted.statistics.score_pictures(read.features[out], read.chromas[out])
    np.testing.assert_allclose(given.answer.outlier_scores[out], scores)
    for name, value in (fitted.thresholds | fitted.refusal | fitted.outline).items():
        spread = limits.thresholds | limits.refusal | limits.outline
        assert (spread[name][out] == value).all()
    assert [point["threshold"][out][0] for point in limits.points] == [
        point["threshold"] for point in fitted.points
    ]


def test_what_was_seen_otherwise_is_judged_by_the_fits_of_the_same_images(answers):
    plain, same, other = copy(answers), copy(answers), copy(answers)
    other.answer.scores[:] = other.answer.scores[:, ::-1]
    limits = judge_apart(plain, CLASSES, changed=[same, other])
    np.testing.assert_array_equal(same.probabilities, plain.probabilities)
    np.testing.assert_array_equal(same.answer.outlier_scores, plain.answer.outlier_scores)
    assert not np.allclose(other.probabilities, plain.probabilities)
    # they have no part in the fits
    alone = judge_apart(copy(answers), CLASSES)
    for name, values in alone.thresholds.items():
        np.testing.assert_array_equal(limits.thresholds[name], values)


def test_limits_of_each_image_are_measured_as_one_limit_is(answers):
    fitted, every = fit_to(answers, CLASSES), len(answers.labels)
    spread = {name: np.full(every, value) for name, value in fitted.thresholds.items()}
    one = measure(answers, CLASSES, fitted.thresholds, "here", {}, fitted.outline)
    lines = {name: np.full(every, value) for name, value in fitted.outline.items()}
    assert measure(answers, CLASSES, spread, "here", {}, lines) == one
    points = [point | {"threshold": np.full(every, 0.3)} for point in fitted.points]
    same = [point | {"threshold": 0.3} for point in fitted.points]
    measured, wanted = (measure_points(answers, CLASSES, given) for given in (points, same))
    assert [p["measured"] for p in measured] == [p["measured"] for p in wanted]


def test_more_lesions_have_a_part_in_refusal_alone(answers):
    names = [f"other {i}" for i in range(60)]
    more = Known(answers.answer.features[:60] + 1, names, np.zeros(60, dtype=bool))
    alone, beside = fit_to(answers, CLASSES), fit_to(answers, CLASSES, more)
    assert alone.refusal != beside.refusal
    assert (alone.calibration, alone.thresholds) == (beside.calibration, beside.thresholds)
    apart = judge_apart(copy(answers), CLASSES, more)
    assert len(np.unique(apart.refusal["not_a_lesion"])) == 5


def test_what_is_known_of_a_lesion_beside_has_no_part_in_what_judges_it(answers):
    """Its picture with a cast, say, is left out with its own."""
    rng = np.random.default_rng(1)
    cast = answers.answer.features + rng.normal(0, 0.1, answers.answer.features.shape)
    more = Known(cast, answers.groups, np.ones(len(cast), dtype=bool))
    before = judge_apart(copy(answers), CLASSES, more)
    own = [0, 1]  # one lesion
    moved = Known(cast.copy(), answers.groups, more.changed)
    moved.features[own] += 50
    after = judge_apart(copy(answers), CLASSES, moved)
    folds = group_folds(answers.groups, 5, 0)
    same = after.refusal["not_a_lesion"] == before.refusal["not_a_lesion"]
    assert same[folds == folds[0]].all()
    assert not same[folds != folds[0]].any()


def test_too_few_lesions_for_refusal_leave_it_out(answers):
    few = np.arange(44)  # 22 lesions: enough for one fit, and not for one without a fifth of them
    read = answers.answer
    small = Answers(
        answers.probabilities[few],
        answers.labels[few],
        answers.samples[:44],
        answer=Answer(
            *(v[few] for v in (read.probabilities, read.features, read.scores, read.chromas))
        ),
    )
    assert fit_to(small, CLASSES).refusal
    apart = judge_apart(small, CLASSES)
    assert apart.refusal == {}
    assert small.answer.outlier_scores is None


def test_a_network_learns_from_all_but_the_test_part(
    small_starter, ham10000, tmp_path, capsys, monkeypatch
):
    out, data = tmp_path / "trained", str(ham10000)
    command = ["train", "starter", "--data", data, "--out", str(out), "--all-but-test"]
    assert main(command) == 0
    manifest = read_manifest(out)
    counts = manifest.data["counts"]
    assert counts["validation"] == {}
    assert sum(counts["train"].values()) == 126
    assert manifest.metrics["images"] == sum(counts["test"].values()) == 14
    assert "fitted without its lesion" in manifest.metrics["source"]
    assert manifest.data["split"].endswith("the validation part was learnt too")
    card = (out / "MODEL_CARD.md").read_text()
    assert "Chosen on the test part." in card
    assert "Chosen on the validation part" not in card
    with (out / RUN / "metrics.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 3
    assert "score" not in rows[0]
    # finished anew it is the same, and its split is known
    before = manifest.raw
    assert main(["finish", str(out), "--data", data]) == 0
    assert read_manifest(out).raw == before
    assert main(["finish", str(out), "--data", data, "--seed", "1"]) == 2
    # the last weights, not those of an epoch before
    assert main([*command, "--resume"]) == 0
    assert read_manifest(out).sha256 == manifest.sha256


def test_what_goes_by_scores_wants_a_validation_part(small_starter, ham10000, tmp_path, capsys):
    command = ["train", "starter", "--data", str(ham10000), "--out", str(tmp_path / "out")]
    patience = ["--set", "training.patience=2"]
    assert main([*command, "--all-but-test", *patience]) == 2
    assert "there is none" in capsys.readouterr().err
    plateau = ["--set", "training.schedule.name=plateau"]
    assert main([*command, "--all-but-test", *plateau]) == 2
    rows = [
        {"image": path.stem, "split": "test" if path.stem[-2:] in ("02", "03") else "train"}
        for path in ham10000.glob("images/*.png")
    ]
    write_csv(tmp_path / "split.csv", rows)
    official = ["--split", str(tmp_path / "split.csv")]
    capsys.readouterr()
    assert main([*command, *official]) == 2
    assert "--all-but-test" in capsys.readouterr().err
    assert main([*command, *official, "--all-but-test", "--epochs", "1"]) == 0


def test_the_last_weights_are_kept_where_nothing_scores_them(recipe, ham10000, tmp_path):
    parts = all_but_test(split(read_dataset(ham10000).samples, (0.8, 0.1, 0.1), 0))
    heard = []
    fit(recipe, parts, tmp_path, report=lambda *given: heard.append(given))
    assert heard == []
    state = torch.load(tmp_path / RUN / "state.pt", weights_only=True)["trainer"]["ema"]
    kept = load_file(tmp_path / RUN / BEST)
    assert all(torch.equal(kept[name], state[name]) for name in kept)


def test_an_ensemble_of_checkpoints_has_no_own_answer(answers):
    answers.answer = None
    with pytest.raises(DataError, match="own answers"):
        judge_apart(answers, CLASSES)
