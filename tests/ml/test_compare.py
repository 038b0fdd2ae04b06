"""What `make compare` does, for one of the recipes."""

import csv

import pytest

from ml import compare, taxonomy
from ml.recipes import get_recipe


def test_a_recipe_goes_through_all_commands(tmp_path, monkeypatch):
    name = "cae_extratrees"
    monkeypatch.setattr(compare, "DRAWN", (24, 18))
    data = compare.draw_data(tmp_path / "data", get_recipe(name).classes)
    row = compare.try_recipe(name, data, tmp_path / "out")
    assert row[:2] == [name, f"{compare.count_full(name):,}"]
    assert all(float(cell) > 0 for cell in row[3:])
    with (tmp_path / "out" / "answers.csv").open(newline="") as file:
        answers = list(csv.DictReader(file))
    assert len(answers) == len(list((data / "images").iterdir()))
    assert set(answers[0]) == {"image", *get_recipe(name).classes}
    # a fitted forest is not indifferent
    assert len({answer[get_recipe(name).classes[0]] for answer in answers}) > 1


def test_a_command_that_fails_is_no_success(tmp_path):
    with pytest.raises(RuntimeError, match="failed with status 2"):
        compare.try_recipe("resnet18", tmp_path / "nowhere", tmp_path / "out")


def test_drawings_cover_every_class_and_patients_have_several_lesions(tmp_path, monkeypatch):
    monkeypatch.setattr(compare, "DRAWN", (24, 18))
    data = compare.draw_data(tmp_path, taxonomy.HAM10000)
    with (data / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    known = {taxonomy.fold(row["label"], taxonomy.HAM10000) for row in rows}
    assert known == set(taxonomy.HAM10000)
    assert len({row["patient_id"] for row in rows}) * 2 == len(rows)


def test_full_forms_are_measured(capsys):
    assert compare.main(["cae_extratrees", "--full"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("| cae_extratrees | 482,691 | 482,691 | ")
