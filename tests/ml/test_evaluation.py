"""Tables of labels as they come: what fits is measured, what does not is listed."""

import pytest

from ml.cli import main
from ml.errors import DataError
from ml.labelled import read_labelled
from tests.ml.conftest import write_csv

CLASSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
COLUMNS = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")


def row(name, code):
    return {"image": name} | {c: "1.0" if c == code else "0.0" for c in COLUMNS}


def test_isic_ground_truth_is_read(ham10000, tmp_path):
    rows = [row("mel_00", "MEL"), row("nv_01", "NV"), row("gone", "DF")]
    write_csv(tmp_path / "truth.csv", rows)
    found = read_labelled(ham10000 / "images", tmp_path / "truth.csv", CLASSES)
    assert [(s.path.stem, s.label) for s in found.samples] == [("mel_00", "mel"), ("nv_01", "nv")]
    assert found.left_out == [f"gone: there is no such image in {ham10000 / 'images'}"]
    assert len(found.unlabelled) == 138


def test_a_class_that_the_model_lacks_is_listed(ham10000, tmp_path):
    rows = [{"image": "mel_00", "label": "melanoma"}, {"image": "nv_00", "label": "scc"}]
    write_csv(tmp_path / "labels.csv", rows)
    found = read_labelled(ham10000 / "images", tmp_path / "labels.csv", CLASSES)
    assert len(found.samples) == 1
    assert found.left_out == ["nv_00.png: the model does not know scc"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"image": "mel_00", "label": "wart"}], "'wart' is no class"),
        ([{"image": "gone", "label": "mel"}], "no row that can be measured"),
        ([row("mel_00", "none")], "0 classes marked"),
        ([row("mel_00", "MEL") | {"NV": "yes"}], "marks a class without a number"),
    ],
)
def test_a_table_that_says_nothing_is_an_error(ham10000, tmp_path, rows, message):
    write_csv(tmp_path / "labels.csv", rows)
    with pytest.raises(DataError, match=message):
        read_labelled(ham10000 / "images", tmp_path / "labels.csv", CLASSES)


def test_a_full_disk_is_one_sentence(checkpoint, ham10000, capsys):
    arguments = ["predict", str(checkpoint), "--images", str(ham10000 / "images")]
    assert main([*arguments, "--out", "/dev/full"]) == 2
    assert "No space left on device" in capsys.readouterr().err
