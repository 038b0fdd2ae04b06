"""Data sets as they are published and as people keep them: nothing gets another's label."""

import os

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from ml import taxonomy
from ml.augmentation.canvas import as_read, canvas_shape, to_canvas
from ml.config import Preprocessing
from ml.data import read_dataset
from ml.data.masks import load_masks
from ml.data.preparing import prepare_datasets
from ml.data.samples import Sample
from ml.data.splits import read_split
from ml.data.tables import ImageFinder
from ml.errors import DataError
from ml.labelled import read_labelled
from ml.preprocessing import to_pixels
from tests.ml.conftest import write_csv

CLASSES_2018 = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
CLASSES_2019 = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK")


def paint(*files):
    for number, file in enumerate(files):
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6), (40 * number, 90, 120)).save(file)


def one_hot(image, code, columns):
    return {"image": image} | {name: "1.0" if name == code else "0.0" for name in columns}


def labels(dataset):
    return {sample.path.name: sample.label for sample in dataset.samples}


@pytest.mark.parametrize("size", [(600, 450), (1024, 1024), (450, 600), (500, 400), (800, 400)])
@pytest.mark.parametrize("aspect", [1.0, 4 / 3])
def test_a_canvas_shows_a_picture_as_large_as_it_is_read(size, aspect):
    """A disc of half of the shorter side: its share of what is seen, and of its mask."""
    config = Preprocessing(size=64, aspect=aspect)
    picture = Image.new("RGB", size, "white")
    radius = min(size) // 4
    middle = [size[0] / 2, size[1] / 2]
    corners = [middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius]
    ImageDraw.Draw(picture).ellipse(corners, fill="black")
    canvas = to_canvas(picture, config)
    assert canvas.shape[:2] == canvas_shape(config)
    seen = as_read(torch.from_numpy(canvas).permute(2, 0, 1)[None], config)
    read = to_pixels(picture, config)
    assert (seen < 128).float().mean() == pytest.approx((read < 128).mean(), abs=0.01)


def test_a_mask_is_fitted_as_its_picture(tmp_path):
    config = Preprocessing(size=64)
    mask = Image.new("L", (90, 90))
    ImageDraw.Draw(mask).rectangle([0, 0, 89, 22], fill=255)  # its upper quarter
    mask.save(tmp_path / "mask.png")
    sample = Sample(tmp_path / "a.jpg", "nv", "a", mask=tmp_path / "mask.png")
    found = load_masks([sample], canvas_shape(config), config).masks[0].float() / 255
    assert found.mean(1)[0] == 1
    assert found.mean() == pytest.approx(23 / 90, abs=0.02)


def test_the_published_tables_of_2018_are_read(tmp_path):
    paint(*(tmp_path / "images" / f"ISIC_000000{n}.jpg" for n in range(3)))
    codes = ("AKIEC", "MEL", "NV")
    rows = [one_hot(f"ISIC_000000{n}", code, CLASSES_2018) for n, code in enumerate(codes)]
    write_csv(tmp_path / "ISIC2018_Task3_Training_GroundTruth.csv", rows)
    lesions = [{"image": row["image"], "lesion_id": "HAM_0000001"} for row in rows[:2]]
    write_csv(tmp_path / "ISIC2018_Task3_Training_LesionGroupings.csv", lesions)
    dataset = read_dataset(tmp_path)
    assert dataset.name == "ISIC 2018"
    assert list(labels(dataset).values()) == ["akiec", "mel", "nv"]
    assert len({sample.group for sample in dataset.samples}) == 2


def test_published_tables_can_be_measured_on(tmp_path):
    paint(*(tmp_path / "images" / f"ISIC_000000{n}.jpg" for n in range(3)))
    rows = [one_hot(f"ISIC_000000{n}", c, CLASSES_2019) for n, c in enumerate(("AK", "SCC", "UNK"))]
    write_csv(tmp_path / "2019.csv", rows)
    found = read_labelled(tmp_path / "images", tmp_path / "2019.csv", taxonomy.ISIC2019)
    assert [sample.label for sample in found.samples] == ["akiec", "scc"]
    assert found.left_out == ["ISIC_0000002.jpg: its class is unknown"]
    kinds = [{"image_id": f"ISIC_000000{n}", "melanoma": f"{n % 2}.0"} for n in range(3)]
    write_csv(tmp_path / "2017.csv", [row | {"seborrheic_keratosis": "0.0"} for row in kinds])
    found = read_labelled(tmp_path / "images", tmp_path / "2017.csv", taxonomy.HAM10000)
    assert [sample.label for sample in found.samples] == ["nv", "mel", "nv"]


@pytest.mark.parametrize(
    ("name", "rows", "reason"),
    [
        (
            "truth.csv",
            [one_hot("a", "MEL", CLASSES_2019), one_hot("a", "NV", CLASSES_2019)],
            "both",
        ),
        ("truth.csv", [one_hot("a", "MEL", CLASSES_2019) | {"NV": "1"}], "marked as MEL and NV"),
        (
            "HAM10000_metadata.csv",
            [{"image_id": "a", "lesion_id": "l", "dx": code} for code in ("nv", "mel")],
            "calls a.jpg both nv and mel",
        ),
        ("labels.csv", [{"image": "", "label": "mel"}], "a row names no image"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(tmp_path, name, rows, reason):
    paint(tmp_path / "images" / "a.jpg")
    write_csv(tmp_path / name, rows)
    with pytest.raises(DataError, match=reason):
        read_dataset(tmp_path)


def test_of_several_tables_none_is_chosen_silently(tmp_path):
    paint(tmp_path / "ISIC_0000001.jpg")
    truth = [{"image_id": "ISIC_0000001", "melanoma": "1", "seborrheic_keratosis": "0"}]
    write_csv(tmp_path / "Test_GroundTruth.csv", truth)
    write_csv(tmp_path / "Training_GroundTruth.csv", truth)
    with pytest.raises(DataError, match=r"several tables of labels \(Test_GroundTruth.csv and Tra"):
        read_dataset(tmp_path)


def test_own_labels_stand_over_those_that_came_with_the_images(tmp_path):
    paint(tmp_path / "images" / "ISIC_0000001.jpg")
    write_csv(tmp_path / "labels.csv", [{"image": "ISIC_0000001", "label": "mel"}])
    write_csv(tmp_path / "metadata.csv", [{"isic_id": "ISIC_0000001", "diagnosis": "nevus"}])
    (tmp_path / "._labels.csv").write_bytes(b"\x00\x05\x16\x07\xff")
    (tmp_path / "images" / "._ISIC_0000001.jpg").write_bytes(b"\x00\x05")
    assert labels(read_dataset(tmp_path)) == {"ISIC_0000001.jpg": "mel"}


def test_a_path_names_no_picture_of_another_folder(tmp_path):
    paint(tmp_path / "p2" / "001.jpg", tmp_path / "scan.jpg", tmp_path / "a" / "p3" / "7.png")
    files = ImageFinder(tmp_path)
    assert files.find("p1/001.jpg") == tmp_path / "p1" / "001.jpg"  # which does not exist
    assert files.find("scan.7") == tmp_path / "scan.7"
    assert files.find("p2/001") == tmp_path / "p2" / "001.jpg"
    assert files.find("p2\\001.jpg") == tmp_path / "p2" / "001.jpg"
    assert files.find("p3/7.png") == tmp_path / "a" / "p3" / "7.png"
    assert files.find("./p2/001.jpg") == tmp_path / "p2" / "001.jpg"
    assert files.find(f"{tmp_path.name}/p2/001.jpg") == tmp_path / "p2" / "001.jpg"


def test_one_archive_image_in_two_formats_is_one(tmp_path):
    paint(tmp_path / "jpeg" / "train" / "ISIC_0000001.jpg", tmp_path / "png" / "ISIC_0000001.png")
    paint(tmp_path / "a" / "1.jpg", tmp_path / "b" / "1.png")
    files = ImageFinder(tmp_path)
    assert files.find("ISIC_0000001").suffix == ".jpg"
    with pytest.raises(DataError, match="may be any of 2 files"):
        files.find("1")


def test_ham10000_may_lie_in_two_folders_of_parts(tmp_path):
    paint(*(tmp_path / f"HAM10000_images_part_{n}" / f"ISIC_000000{n}.jpg" for n in (1, 2)))
    rows = [{"image_id": f"ISIC_000000{n}", "lesion_id": f"l{n}", "dx": "nv"} for n in (1, 2)]
    write_csv(tmp_path / "HAM10000_metadata.csv", rows)
    assert all(sample.path.is_file() for sample in read_dataset(tmp_path).samples)


def test_what_is_benign_is_no_melanoma(tmp_path):
    paint(*(tmp_path / f"ISIC_000000{n}.jpg" for n in range(3)))
    rows = [
        {
            "image_name": f"ISIC_000000{n}",
            "patient_id": f"p{n}",
            "diagnosis": "unknown",
            "target": t,
        }
        for n, t in enumerate(("0", "1.0", "1"))
    ]
    write_csv(tmp_path / "truth.csv", rows)
    (dataset,) = prepare_datasets([tmp_path], taxonomy.MELANOMA_OR_NOT, {})
    assert list(labels(dataset).values()) == ["not_mel", "mel", "mel"]


def test_patients_of_two_data_sets_are_linked(tmp_path):
    for name, rows in {
        "one": [("a", "p1", ""), ("b", "p2", "")],
        "two": [("c", "p1", "x"), ("d", "p2", "x"), ("e", "p3", "")],
    }.items():
        paint(*(tmp_path / name / f"{row[0]}.jpg" for row in rows))
        keys = ("image", "patient_id", "lesion_id")
        table = [dict(zip(keys, row, strict=True)) | {"label": "mel"} for row in rows]
        write_csv(tmp_path / name / "labels.csv", table)
    paths = [tmp_path / "one", tmp_path / "two"]
    one, two = prepare_datasets(paths, taxonomy.HAM10000, {})
    assert one.samples[0].group == two.samples[0].group
    assert two.samples[2].group not in {one.samples[0].group, one.samples[1].group}


def test_a_row_that_stands_twice_in_a_split_counts_once(tmp_path):
    samples = [Sample(tmp_path / f"{name}.jpg", "nv", name) for name in "abc"]
    words = {"a": "train", "b": "val", "c": "test"}
    rows = [{"image": name, "split": words[name]} for name in "abcca"]
    write_csv(tmp_path / "split.csv", rows)
    assert [len(part) for part in read_split(samples, tmp_path / "split.csv")] == [1, 1, 1]


def write_npz(file, images, marks):
    parts = {f"{part}_images": images for part in ("train", "val", "test")}
    np.savez(file, **parts, **{f"{part}_labels": marks for part in ("train", "val", "test")})


def test_a_new_dermamnist_replaces_the_pictures_of_the_old(tmp_path):
    file = tmp_path / "dermamnist.npz"
    for value, when in ((10, 1_000_000_000), (200, 4_000_000_000)):
        write_npz(file, np.full((2, 8, 8, 3), value, np.uint8), np.array([[4], [5]]))
        os.utime(file, (when, when))
        samples = read_dataset(file).samples
        assert {Image.open(sample.path).getpixel((0, 0))[0] for sample in samples} == {value}


@pytest.mark.parametrize("marks", [[[-1], [5]], [[4], [7]]])
def test_a_broken_dermamnist_is_one_sentence(tmp_path, marks):
    file = tmp_path / "dermamnist.npz"
    write_npz(file, np.zeros((2, 8, 8, 3), np.uint8), np.array(marks))
    with pytest.raises(DataError, match="is not DermaMNIST"):
        read_dataset(file)
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(DataError, match="is not DermaMNIST"):
        read_dataset(file)
