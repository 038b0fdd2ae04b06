"""Readers and splits."""

import shutil

import pytest

from ml.config import Preprocessing
from ml.data import read_dataset
from ml.data.cache import load_cache
from ml.data.folder import read_folder
from ml.data.samples import Sample, class_code, count_classes
from ml.data.splits import Splits, check_no_leak, merge_groups, split
from ml.errors import DataError
from ml.preprocessing import to_pixels
from tests.ml.conftest import write_csv

FRACTIONS = (0.6, 0.2, 0.2)


def decode(image):
    return to_pixels(image, Preprocessing(size=16))


def test_ham10000_is_read(ham10000):
    dataset = read_dataset(ham10000)
    assert dataset.name == "HAM10000"
    assert "Tschandl" in dataset.attribution
    assert count_classes(dataset.samples)["mel"] == 20
    first = dataset.samples[0]
    assert first.path.exists()
    assert first.attributes == {"sex": "female", "age": "20", "site": "back"}


def test_near_duplicates_share_a_group(ham10000):
    group = {sample.path.stem: sample.group for sample in read_dataset(ham10000).samples}
    # nv_00 and mel_05 are a pair, and so are their lesions' other images
    assert group["nv_00"] == group["nv_01"] == group["mel_04"] == group["mel_05"]
    assert group["nv_02"] != group["nv_00"]


def test_links_are_transitive():
    merged = merge_groups([("c", "b"), ("b", "a"), ("x", "y"), ("d", "c")])
    assert {merged[name] for name in "abcd"} == {"a"}
    assert merged["y"] == "x"


def test_a_split_keeps_groups_and_shares(ham10000):
    samples = read_dataset(ham10000).samples
    parts = split(samples, FRACTIONS, seed=3)
    assert sorted(s.path for part in parts for s in part) == sorted(s.path for s in samples)
    groups = [{sample.group for sample in part} for part in parts]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]
    for part, fraction in zip(parts, FRACTIONS, strict=True):
        for count in count_classes(part).values():
            assert abs(count - 20 * fraction) <= 4


def test_a_split_depends_on_its_seed_alone(ham10000):
    samples = read_dataset(ham10000).samples
    assert split(samples, FRACTIONS, 1) == split(samples[::-1], FRACTIONS, 1)
    assert split(samples, FRACTIONS, 1) != split(samples, FRACTIONS, 2)


@pytest.mark.parametrize("same", ["group", "path"])
def test_a_leak_is_refused(tmp_path, same):
    paths = [tmp_path / "a.png", tmp_path / ("a.png" if same == "path" else "b.png")]
    groups = ["1", "1" if same == "group" else "2"]
    first, second = (Sample(p, "nv", g) for p, g in zip(paths, groups, strict=True))
    with pytest.raises(DataError, match="leaks"):
        check_no_leak(Splits([first], [second], []))


def test_unreadable_files_are_listed(ham10000):
    (ham10000 / "images" / "nv_03.png").unlink()
    (ham10000 / "images" / "mel_07.png").write_bytes(b"not an image")
    samples = read_dataset(ham10000).samples
    cache = load_cache(samples, ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"], decode)
    assert len(cache.samples) == len(cache.pixels) == len(cache.labels) == len(samples) - 2
    assert sorted(line.split(":")[0].split(".")[0] for line in cache.skipped) == ["mel_07", "nv_03"]


def test_a_class_that_the_model_does_not_give_is_named(ham10000):
    with pytest.raises(DataError, match="bcc, bkl"):
        load_cache(read_dataset(ham10000).samples, ["akiec", "df", "mel", "nv", "vasc"], decode)


def test_a_plain_folder_is_read(ham10000, tmp_path):
    folder = tmp_path / "own"
    shutil.copytree(ham10000 / "images", folder / "images")
    rows = [
        {"image": "nv_00.png", "label": "nevus", "patient_id": "p1", "age_approx": "50"},
        {"image": "mel_00", "label": "MEL", "patient_id": "", "age_approx": ""},
    ]
    write_csv(folder / "labels.csv", rows)
    first, second = read_dataset(folder).samples
    assert (first.label, first.group, first.attributes) == ("nv", "p1", {"age": "50"})
    assert (second.label, second.group) == ("mel", "mel_00")
    assert second.path.exists()


def test_bad_data_sets_are_explained(tmp_path):
    with pytest.raises(DataError, match="is no data set"):
        read_dataset(tmp_path)
    write_csv(tmp_path / "labels.csv", [{"picture": "a"}])
    with pytest.raises(DataError, match="no column 'image'"):
        read_folder(tmp_path, tmp_path / "labels.csv")
    with pytest.raises(DataError, match="'wart'"):
        class_code("wart")
