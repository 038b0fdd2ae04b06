"""What is the same picture, lesion or patient, and what only has the same name."""

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image, ImageOps

from ml import taxonomy
from ml.checkpoints import describe, save_checkpoint
from ml.classifier import build_classifier
from ml.cli import main
from ml.data import read_dataset
from ml.data.archive import archive_image, is_archive_lesion
from ml.data.decoding import decode_all
from ml.data.groups import group_samples
from ml.data.lazy import open_lazily
from ml.data.preparing import prepare_datasets, split_datasets
from ml.data.samples import Sample
from ml.data.splits import Splits, check_no_leak, read_split
from ml.data.tables import ImageFinder
from ml.errors import DataError
from ml.labelled import read_labelled
from ml.manifest import read_manifest
from ml.recipes import RECIPES, get_recipe, shrink
from tests.ml.conftest import write_csv

CLASSES = taxonomy.HAM10000
FRACTIONS = (0.8, 0.1, 0.1)


@pytest.fixture
def small_starter(recipe, monkeypatch):
    monkeypatch.setitem(RECIPES, "starter", lambda: recipe)


@pytest.fixture
def pictures(ham10000):
    return sorted((ham10000 / "images").iterdir())


def copy_as(picture, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(picture, target)
    return target


def own(folder, rows):
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder / "labels.csv", rows)
    return folder


def names(part):
    return {sample.path.name for sample in part}


@pytest.mark.parametrize("folds", [None, (1, 5), (3, 5)])
def test_an_image_of_two_data_sets_is_used_once(ham10000, tmp_path, pictures, folds):
    """As an export of the archive beside HAM10000, which has the same images."""
    archive = tmp_path / "archive"
    rows = []
    for number, picture in enumerate(pictures[:40]):
        picture.rename(picture.with_name(f"ISIC_{number:07}.png"))
        copy_as(picture.with_name(f"ISIC_{number:07}.png"), archive / f"ISIC_{number:07}.png")
        rows.append({"isic_id": f"ISIC_{number:07}", "diagnosis": "nevus", "lesion_id": ""})
    rows.append({"isic_id": "ISIC_0000099", "diagnosis": "nevus", "lesion_id": ""})
    write_csv(archive / "metadata.csv", rows)
    table = ham10000 / "HAM10000_metadata.csv"
    with table.open(newline="") as stream:
        known = list(csv.DictReader(stream))
    by_old = {picture.stem: f"ISIC_{number:07}" for number, picture in enumerate(pictures[:40])}
    write_csv(table, [r | {"image_id": by_old.get(r["image_id"], r["image_id"])} for r in known])

    datasets = prepare_datasets([ham10000, archive], CLASSES, {})
    assert len(datasets[1].samples) == 1
    assert sum("an earlier data set has it" in line for line in datasets[1].left_out) == 40
    parts = split_datasets(datasets, FRACTIONS, 0, folds=folds)
    numbers = [s.path.stem for part in parts for s in part]
    assert len(numbers) == len(set(numbers)) == 141


def test_the_archive_writes_one_number_in_two_ways():
    assert archive_image("ISIC_0012345_downsampled") == archive_image("ISIC_0012345")
    assert archive_image("IMG_0012345") == archive_image("ISIC_0012345_mask") == ""
    assert is_archive_lesion("HAM_0000118")
    assert not is_archive_lesion("1")
    one, other = (
        Sample(Path(f"{folder}/ISIC_0012345{end}.jpg"), "nv", folder)
        for folder, end in (("a", ""), ("b", "_downsampled"))
    )
    with pytest.raises(DataError, match="image ISIC_0012345 is in train and in test"):
        check_no_leak(Splits([one], [], [other]))


def test_cameras_of_two_clinics_give_the_same_names(tmp_path, pictures):
    """IMG_0001 of one clinic is not IMG_0001 of another; a copy of it is."""
    folders = []
    for index, clinic in enumerate("ab"):
        rows = []
        for number in range(10):
            copy_as(pictures[20 * index + number], tmp_path / clinic / f"IMG_{number}.png")
            rows.append({"image": f"IMG_{number}.png", "label": "nv"})
        folders.append(own(tmp_path / clinic, rows))
    copy_as(tmp_path / "a" / "IMG_3.png", tmp_path / "b" / "IMG_3.png")
    first, second = prepare_datasets(folders, CLASSES, {})
    assert (len(first.samples), len(second.samples)) == (10, 9)
    assert second.left_out == ["IMG_3.png: an earlier data set has it"]


def test_copies_under_other_names_stay_together_across_data_sets(tmp_path, pictures):
    folders = []
    for clinic, name in (("a", "first"), ("b", "again")):
        for number in range(40):
            copy_as(pictures[number], tmp_path / clinic / f"{name}_{number}.png")
        rows = [{"image": f"{name}_{number}", "label": "nv"} for number in range(40)]
        folders.append(own(tmp_path / clinic, rows))
    for folds in (None, (2, 5)):
        datasets = prepare_datasets(folders, CLASSES, {}, "bytes")
        parts = split_datasets(datasets, FRACTIONS, 0, folds=folds)
        for part in parts:
            numbers = [sample.path.stem.partition("_")[2] for sample in part]
            assert all(numbers.count(number) == 2 for number in numbers)


def test_patients_and_lesions_have_names_of_their_own(tmp_path):
    rows = [
        {"image": f"{p}_{k}", "label": "nv", "patient_id": str(p), "lesion_id": str(2 * p + k)}
        for p in range(1, 53)
        for k in (0, 1)
    ]
    samples = read_dataset(own(tmp_path / "own", rows)).samples
    assert len({sample.group for sample in samples}) == 52
    # lesions that are numbered anew for each patient
    rows = [row | {"lesion_id": row["image"].partition("_")[2]} for row in rows]
    samples = read_dataset(own(tmp_path / "anew", rows)).samples
    assert len({sample.group for sample in samples}) == 52
    parts = split_datasets(prepare_datasets([tmp_path / "anew"], CLASSES, {}), FRACTIONS, 0)
    assert all(parts)


def test_a_patient_a_lesion_and_an_image_of_one_name_are_three_groups():
    samples = [
        Sample(Path("a.jpg"), "nv", "a", {}, "7"),
        Sample(Path("b.jpg"), "nv", "b", {}, "", "7"),
        Sample(Path("7.jpg"), "nv", "7"),
        Sample(Path("d.jpg"), "nv", "d", {}, "", "7"),
    ]
    groups = [sample.group for sample in group_samples(samples)]
    assert groups == ["7", "lesion 7", "image 7", "lesion 7"]


def test_files_of_one_name_in_several_folders(tmp_path, pictures, capsys, checkpoint):
    folder = tmp_path / "mixed"
    for number, code in enumerate(CLASSES):
        for index in range(2):
            copy_as(pictures[20 * number + index], folder / code / f"{index:03}.png")
    samples = read_dataset(folder).samples  # one folder a class
    assert len({sample.group for sample in samples}) == len(samples) == 14
    rows = [{"image": f"{code}/000.png", "label": code} for code in CLASSES]
    write_csv(tmp_path / "labels.csv", rows)
    found = read_labelled(folder, tmp_path / "labels.csv", CLASSES)
    assert [(s.path.parent.name, s.label) for s in found.samples] == [(c, c) for c in CLASSES]
    assert found.unlabelled == ["001.png"] * 7
    assert ImageFinder(folder).find("mel/000") == folder / "mel" / "000.png"
    for word in ("000.png", "000"):
        write_csv(tmp_path / "labels.csv", [{"image": word, "label": "mel"}])
        with pytest.raises(DataError, match=r"may be any of 7 files below .* must give its path"):
            read_labelled(folder, tmp_path / "labels.csv", CLASSES)
    write_csv(tmp_path / "split.csv", [{"image": "000.png", "split": "train"}])
    with pytest.raises(DataError, match="may be any of 7 files"):
        read_split(samples, tmp_path / "split.csv")
    write_csv(tmp_path / "split.csv", [{"image": "mel/000.png", "split": "train"}])
    assert read_split(samples, tmp_path / "split.csv").train[0].label == "mel"

    answers = tmp_path / "answers.csv"
    assert main(["predict", str(checkpoint), "--images", str(folder), "--out", str(answers)]) == 0
    with answers.open(newline="") as stream:
        said = [row["image"] for row in csv.DictReader(stream)]
    assert len(said) == len(set(said)) == 14
    assert "mel/000.png" in said


def test_one_picture_in_two_formats_is_one(tmp_path, pictures):
    copy_as(pictures[0], tmp_path / "ISIC_0000001.jpg")
    copy_as(pictures[0], tmp_path / "ISIC_0000001.dcm")
    assert ImageFinder(tmp_path).find("ISIC_0000001").suffix == ".jpg"
    assert ImageFinder(tmp_path).find("ISIC_0000001.dcm").suffix == ".dcm"
    assert ImageFinder(tmp_path).find("gone") == tmp_path / "gone"


def test_a_file_with_two_labels_is_an_error_and_a_repeated_row_is_listed(ham10000, tmp_path):
    images, table = ham10000 / "images", tmp_path / "labels.csv"
    write_csv(table, [{"image": "mel_00", "label": "mel"}, {"image": "mel_00.png", "label": "mel"}])
    found = read_labelled(images, table, CLASSES)
    assert len(found.samples) == 1
    assert found.left_out == ["mel_00.png: the table names it more than once"]
    write_csv(table, [{"image": "mel_00", "label": "mel"}, {"image": "mel_00.png", "label": "nv"}])
    with pytest.raises(DataError, match=r"calls mel_00.png both mel and nv"):
        read_labelled(images, table, CLASSES)


def test_finish_knows_its_split_again(small_starter, tmp_path, pictures, capsys):
    """Where every image is its own group, all splits have the same sizes."""
    folder = tmp_path / "classes"
    for picture in pictures:
        copy_as(picture, folder / picture.stem.partition("_")[0] / picture.name)
    out, data = tmp_path / "out", ["--data", str(folder)]
    assert main(["train", "starter", *data, "--epochs", "1", "--out", str(out)]) == 0
    before = read_manifest(out).raw
    assert "held out by image" in before["metrics"]["source"]
    assert "Measured on 14 images: " in (out / "MODEL_CARD.md").read_text()
    assert main(["finish", str(out), *data, "--seed", "5"]) == 2
    assert "not the split" in capsys.readouterr().err
    assert main(["finish", str(out), *data]) == 0
    assert read_manifest(out).raw == before

    folds = tmp_path / "folds"
    train = ["train", "starter", *data, "--epochs", "1", "--fold", "1/10", "--out", str(folds)]
    assert main(train) == 0
    assert read_manifest(folds).data["split"].startswith("fold 1 of 10 for testing")
    assert main(["finish", str(folds), *data]) == 2
    assert main(["finish", str(folds), *data, "--fold", "1/10"]) == 0


def test_a_file_of_the_test_part_that_cannot_be_read_is_named(
    small_starter, ham10000, tmp_path, capsys
):
    data = ["--data", str(ham10000)]
    whole = tmp_path / "whole"
    assert main(["train", "starter", *data, "--epochs", "1", "--out", str(whole)]) == 0
    (dataset,) = prepare_datasets([ham10000], CLASSES, {})
    parts = split_datasets([dataset], FRACTIONS, 0)
    broken = parts.test[0].path
    broken.write_bytes(broken.read_bytes()[:60])
    capsys.readouterr()
    assert main(["finish", str(whole), *data]) == 0
    assert broken.name in capsys.readouterr().err
    out = tmp_path / "out"
    assert main(["train", "starter", *data, "--epochs", "1", "--out", str(out)]) == 0
    assert broken.name in capsys.readouterr().err
    more = tmp_path / "more"
    for path in (broken, parts.test[1].path, parts.test[2].path):
        copy_as(path, more / path.name)
    assert main(["finish", str(whole), *data, "--familiar", str(more)]) == 0
    assert read_manifest(whole).data["more_images_for_refusal"] == 2


def test_training_without_a_test_part_is_refused_first(small_starter, ham10000, tmp_path, capsys):
    rows = [
        {"image": f"{code}_{k:02}", "split": "train" if k < 4 else "validation"}
        for code in ("nv", "df")
        for k in range(6)
    ]
    write_csv(tmp_path / "split.csv", rows)
    arguments = ["--data", str(ham10000), "--split", str(tmp_path / "split.csv")]
    assert main(["train", "starter", *arguments, "--out", str(tmp_path / "out")]) == 2
    assert "no test part" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_table_in_another_encoding_is_one_sentence(checkpoint, ham10000, tmp_path, capsys):
    table = tmp_path / "labels.csv"
    table.write_bytes("image,label,site\nmel_00,mel,R\u00fccken\n".encode("latin-1"))
    evaluate = ["evaluate", str(checkpoint), "--images", str(ham10000 / "images")]
    assert main([*evaluate, "--labels", str(table)]) == 2
    assert "is not in UTF-8" in capsys.readouterr().err
    table.write_text("image,label,site\nmel_00,mel\nnv_00\n")  # rows with too few cells
    assert main([*evaluate, "--labels", str(table)]) == 2
    assert "labels.csv, nv_00: '' is no class code" in capsys.readouterr().err


def test_a_folder_with_numbers_of_the_archive_and_own_labels(tmp_path, pictures):
    folder = own(tmp_path / "own", [{"isic_id": "ISIC_0000001", "label": "mel"}])
    copy_as(pictures[0], folder / "ISIC_0000001.png")
    (sample,) = read_dataset(folder).samples
    assert sample.label == "mel"
    assert sample.path.is_file()


def test_an_ensemble_has_no_thresholds_of_a_member(small_starter, ham10000, tmp_path, capsys):
    for name, seed in (("a", "1"), ("b", "2")):
        assert main(["init", "starter", "--out", str(tmp_path / name), "--seed", seed]) == 0
    rows = [{"image": f"{code}_{k:02}", "label": code} for code in CLASSES for k in (0, 2)]
    write_csv(tmp_path / "labels.csv", rows)
    both = ["evaluate", str(tmp_path / "a"), str(tmp_path / "b")]
    images = ["--images", str(ham10000 / "images"), "--labels", str(tmp_path / "labels.csv")]
    out = tmp_path / "out"
    assert main([*both, *images, "--out", str(out)]) == 0
    summary = (out / "summary.md").read_text()
    assert summary.startswith("# starter untrained and starter untrained, combined by mean on ")
    assert "sensitivity at medium" not in summary
    fit = ["--fit-images", str(ham10000 / "images"), "--fit-labels", str(tmp_path / "labels.csv")]
    capsys.readouterr()
    assert main([*both, *images, "--combine", "stacking", *fit]) == 2
    assert "--fit-images shares 14 images with --images" in capsys.readouterr().err


def test_too_few_lesions_promise_nothing(small_starter, ham10000, tmp_path):
    out = tmp_path / "out"
    train = ["train", "starter", "--data", str(ham10000), "--epochs", "1", "--out", str(out)]
    assert main(train) == 0
    card = (out / "MODEL_CARD.md").read_text()
    assert "there were too few to be sure of 90% sensitivity" in card
    assert "(not sure)" in card
    assert not any(point["assured"] for point in read_manifest(out).operating_points)


def test_an_untrained_model_stays_untrained(small_starter, ham10000, tmp_path):
    out = tmp_path / "out"
    assert main(["init", "starter", "--out", str(out)]) == 0
    before = read_manifest(out)
    assert main(["finish", str(out), "--data", str(ham10000)]) == 0
    after = read_manifest(out)
    assert not after.trained
    assert after.limits == before.limits
    assert "This model is untrained" in (out / "MODEL_CARD.md").read_text()


def test_a_picture_is_read_upright_as_an_upload_is(checkpoint, ham10000, pictures):
    half = np.zeros((30, 40, 3), np.uint8)
    half[:, :20] = 200
    folder = ham10000 / "turned"
    folder.mkdir()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # the camera lay on its side
    Image.fromarray(half).save(folder / "a.png", exif=exif)
    Image.fromarray(half).save(folder / "plain.png")
    seen = dict(decode_all([folder / "a.png", folder / "plain.png"], np.array, []))
    assert seen[0].shape == (40, 30, 3)
    np.testing.assert_array_equal(seen[0], ImageOps.exif_transpose(Image.open(folder / "a.png")))
    np.testing.assert_array_equal(seen[1], half)
    lazy = open_lazily([Sample(folder / "a.png", "nv", "a")], ("nv",), np.array)
    (_, pixels), *_ = lazy.batches([torch.tensor([0])])
    np.testing.assert_array_equal(pixels[0].permute(1, 2, 0), seen[0])


def test_an_empty_cell_of_isic_marks_nothing(tmp_path):
    table = tmp_path / "truth.csv"
    table.write_text("image_id,melanoma,seborrheic_keratosis\na,,1\nb,,\nc,1.0,\n")
    assert [sample.label for sample in read_dataset(tmp_path).samples] == ["sk", "nv", "mel"]
    table.write_text("image_id,melanoma,seborrheic_keratosis\na,yes,0\n")
    with pytest.raises(DataError, match="a has 'yes' as melanoma; it is 0 or 1"):
        read_dataset(tmp_path)


def test_one_image_is_measured_without_a_picture_of_its_features(checkpoint, ham10000, tmp_path):
    write_csv(tmp_path / "labels.csv", [{"image": "mel_00", "label": "mel"}])
    arguments = ["--images", str(ham10000 / "images"), "--labels", str(tmp_path / "labels.csv")]
    out = tmp_path / "out"
    assert main(["evaluate", str(checkpoint), *arguments, "--out", str(out)]) == 0
    assert "features.svg" not in {path.name for path in out.iterdir()}
    assert "features" not in (out / "summary.md").read_text()


def test_an_ensemble_of_other_classes_is_one_sentence(recipe, ham10000, tmp_path, capsys):
    for name, classes in (("a", taxonomy.HAM10000), ("b", taxonomy.HAM10000[:6])):
        made = replace(recipe, classes=classes)
        model = build_classifier(made.architecture, len(classes)).eval()
        save_checkpoint(tmp_path / name, model, describe(made, "test"))
    write_csv(tmp_path / "labels.csv", [{"image": "mel_00", "label": "mel"}])
    write_csv(tmp_path / "fit.csv", [{"image": "nv_00", "label": "nv"}])
    images = str(ham10000 / "images")
    both = ["evaluate", str(tmp_path / "a"), str(tmp_path / "b"), "--images", images]
    fit = ["--combine", "weighted", "--fit-images", images, "--fit-labels"]
    table = ["--labels", str(tmp_path / "labels.csv")]
    assert main([*both, *table, *fit, str(tmp_path / "fit.csv")]) == 2
    assert "need the same classes" in capsys.readouterr().err


def test_a_context_is_no_onnx(tmp_path, capsys):
    made = shrink(get_recipe("efficientnet_b0_context"))
    model = build_classifier(made.architecture, len(made.classes)).eval()
    save_checkpoint(tmp_path / "context", model, describe(made, "test"))
    export = ["export", str(tmp_path / "context"), "--format", "onnx"]
    assert main([*export, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err.strip()
    assert "looks at the patient's other lesions" in error
    assert len(error.splitlines()) == 1
