"""Readers and splits."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml import taxonomy
from ml.config import Preprocessing
from ml.data import read_dataset
from ml.data.cache import load_cache
from ml.data.decoding import open_image
from ml.data.duplicates import find_duplicates
from ml.data.folder import read_class_folders, read_folder
from ml.data.groups import group_samples
from ml.data.preparing import join_datasets, prepare_datasets, split_datasets
from ml.data.samples import Sample, count_classes
from ml.data.splits import Splits, check_no_leak, fold, merge_groups, read_split, split
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
    write_csv(tmp_path / "labels.csv", [{"image": "a_1", "label": "wart"}])
    with pytest.raises(DataError, match="is no folder"):
        read_folder(tmp_path / "nowhere", tmp_path / "labels.csv")
    with pytest.raises(DataError, match=r"labels\.csv, a_1: 'wart' is no class"):
        read_folder(tmp_path, tmp_path / "labels.csv")
    one_picture(tmp_path / "wart" / "a_1.png")
    with pytest.raises(DataError, match="'wart' is no class"):
        read_class_folders(tmp_path)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_tables_of_spreadsheets_are_read(tmp_path, delimiter):
    one_picture(tmp_path / "a_1.png")
    lines = [["image", "label", "site"], ["a_1", "mel", '"back, of the hand; left"']]
    text = "\r\n".join(delimiter.join(line) for line in lines)
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8-sig")
    (sample,) = read_dataset(tmp_path).samples
    assert (sample.label, sample.attributes) == ("mel", {"site": "back, of the hand; left"})


def one_picture(file, shade=100):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (24, 18), (shade, 50, 50)).save(file)


def test_isic2017_is_read(tmp_path):
    rows = [
        {"isic_id": "ISIC_1", "melanoma": "1.0", "seborrheic_keratosis": "0.0", "sex": "male"},
        {"isic_id": "ISIC_2", "melanoma": "0.0", "seborrheic_keratosis": "1.0", "sex": ""},
        {"isic_id": "ISIC_3", "melanoma": "0.0", "seborrheic_keratosis": "0.0", "sex": ""},
    ]
    write_csv(tmp_path / "labels.csv", rows)
    dataset = read_dataset(tmp_path)
    assert (dataset.name, [s.label for s in dataset.samples]) == ("ISIC 2017", ["mel", "sk", "nv"])
    assert dataset.samples[0].attributes == {"sex": "male"}


def test_isic2019_is_read_with_its_metadata(tmp_path):
    columns = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK")
    truth = [
        {"image": f"ISIC_{column}"} | {name: str(int(name == column)) for name in columns}
        for column in columns
    ]
    write_csv(tmp_path / "ISIC_2019_Training_GroundTruth.csv", truth)
    extra = {"image": "ISIC_AK", "lesion_id": "BCN_1", "age_approx": "55", "sex": "female"}
    write_csv(tmp_path / "ISIC_2019_Training_Metadata.csv", [extra])
    one_picture(tmp_path / "images" / "ISIC_AK.jpg")
    dataset = read_dataset(tmp_path)
    sample = next(s for s in dataset.samples if s.label == "akiec")
    assert (sample.lesion, sample.group, sample.attributes["age"]) == ("BCN_1", "BCN_1", "55")
    assert sample.path.exists()
    assert [line.split(":")[0] for line in dataset.left_out] == ["ISIC_UNK"]


def test_isic2020_is_read_by_patient_with_duplicates(tmp_path):
    def row(image, patient, diagnosis, target):
        return {
            "image_name": image,
            "patient_id": patient,
            "lesion_id": f"L_{image}",
            "diagnosis": diagnosis,
            "benign_malignant": ("benign", "malignant")[int(target)],
            "target": target,
        }

    rows = [
        row("A", "P1", "melanoma", "1"),
        row("B", "P1", "unknown", "0"),
        row("C", "P2", "nevus", "0"),
        row("D", "P3", "lentigo NOS", "0"),
    ]
    write_csv(tmp_path / "truth.csv", rows)
    pair = {"image_name_1": "A", "image_name_2": "C"}
    write_csv(tmp_path / "ISIC_2020_Training_Duplicates.csv", [pair])
    samples = read_dataset(tmp_path).samples
    assert [s.label for s in samples] == ["mel", "benign", "nv", "benign"]
    assert samples[0].group == samples[1].group == samples[2].group != samples[3].group
    assert [s.patient for s in samples] == ["P1", "P1", "P2", "P3"]


MELANOMA = "Malignant:Malignant melanocytic proliferations (Melanoma):Melanoma, NOS"


@pytest.mark.parametrize(
    ("columns", "label"),
    [
        ({"diagnosis": MELANOMA}, "mel"),
        ({"diagnosis": "basal cell carcinoma"}, "bcc"),
        ({"diagnosis": "", "benign_malignant": "malignant"}, "malignant"),
        (
            {
                "diagnosis_1": "Indeterminate",
                "diagnosis_2": "Indeterminate epidermal proliferations",
                "diagnosis_3": "Solar or actinic keratosis",
            },
            "akiec",
        ),
        ({"diagnosis_1": "Benign", "diagnosis_2": "Cysts"}, "benign"),
        ({"diagnosis_1": "Indeterminate"}, None),
    ],
)
def test_an_archive_export_is_read_in_old_and_new_words(tmp_path, columns, label):
    known = {"isic_id": "ISIC_0", "diagnosis": "nevus"} | dict.fromkeys(columns, "")
    known |= {"diagnosis": "nevus"} if "diagnosis" in columns else {"diagnosis_1": "Benign"}
    row = {"isic_id": "ISIC_1", "copyright_license": "CC-0", "attribution": "X"}
    write_csv(tmp_path / "metadata.csv", [dict.fromkeys(known, "") | row | columns])
    if label is None:
        with pytest.raises(DataError, match="no labelled images"):
            read_dataset(tmp_path)
        return
    dataset = read_dataset(tmp_path)
    assert [sample.label for sample in dataset.samples] == [label]
    assert dataset.licence == "CC-0"


def test_an_archive_export_leaves_out_what_is_not_dermoscopic(tmp_path):
    types = {"ISIC_1": "dermoscopic", "ISIC_2": "clinical: close-up", "ISIC_3": ""}
    rows = [
        {"isic_id": image, "diagnosis": "nevus", "image_type": kind}
        for image, kind in types.items()
    ]
    write_csv(tmp_path / "metadata.csv", rows)
    dataset = read_dataset(tmp_path)
    assert [sample.group for sample in dataset.samples] == ["ISIC_1", "ISIC_3"]
    assert dataset.left_out == ["ISIC_2: its type is 'clinical: close-up', not dermoscopic"]


def test_dermamnist_is_read_and_no_pickle_is(tmp_path):
    arrays = {}
    for part, count in (("train", 3), ("val", 2), ("test", 2)):
        arrays[f"{part}_images"] = np.full((count, 28, 28, 3), 90, np.uint8)
        arrays[f"{part}_labels"] = np.full((count, 1), 4, np.uint8)
    np.savez(tmp_path / "dermamnist.npz", **arrays)
    samples = read_dataset(tmp_path / "dermamnist.npz").samples
    assert [s.label for s in samples] == ["mel"] * 7
    with Image.open(samples[0].path) as image:
        assert image.size == (28, 28)
    arrays["train_images"] = np.array([object()], dtype=object)
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(DataError, match="is not DermaMNIST"):
        read_dataset(tmp_path / "bad.npz")


def test_one_folder_a_class_is_read(tmp_path):
    one_picture(tmp_path / "melanoma" / "a.png")
    one_picture(tmp_path / "nv" / "b.jpg")
    assert [(s.path.stem, s.label) for s in read_dataset(tmp_path).samples] == [
        ("a", "mel"),
        ("b", "nv"),
    ]
    (tmp_path / "wart").mkdir()
    one_picture(tmp_path / "wart" / "c.jpg")
    with pytest.raises(DataError, match="'wart'"):
        read_dataset(tmp_path)


def test_dicom_pictures_are_opened(tmp_path):
    pydicom = pytest.importorskip("pydicom")
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    dataset = pydicom.Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.77.1.7", "1.2.3"
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 4, 6, 3
    dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    pixels = np.arange(72, dtype=np.uint8).reshape(4, 6, 3)
    dataset.PixelData = pixels.tobytes()
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with open_image(tmp_path / "a.dcm") as image:
        assert (np.asarray(image) == pixels).all()
    (tmp_path / "b.dcm").write_bytes(b"no dicom")
    with pytest.raises(ValueError, match="no DICOM picture"):
        open_image(tmp_path / "b.dcm")


def test_deep_colours_of_dicom_keep_their_ratio():
    pydicom = pytest.importorskip("pydicom")
    from ml.data.dicom import _to_image

    dataset = pydicom.Dataset()
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 3, "RGB"
    dataset.BitsAllocated = dataset.BitsStored = 16
    pixels = np.full((4, 6, 3), (60000, 40000, 30000), np.uint16)
    assert _to_image(pixels, dataset).getpixel((0, 0)) == (233, 156, 117)


def test_without_pydicom_the_file_to_install_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(DataError, match=r"requirements-training\.txt"):
        open_image(tmp_path / "a.dcm")


def test_folds_are_disjoint_and_cover_everything(ham10000):
    samples = read_dataset(ham10000).samples
    tests = [fold(samples, index, 4, seed=0).test for index in (1, 2, 3, 4)]
    assert sorted(s.path for part in tests for s in part) == sorted(s.path for s in samples)
    with pytest.raises(DataError, match="no fold 5 of 4"):
        fold(samples, 5, 4, 0)


def test_an_official_split_is_followed_and_its_leak_refused(ham10000, tmp_path):
    samples = read_dataset(ham10000).samples
    rows = [{"image": "nv_04.jpg", "split": "train"}, {"image": "nv_06", "split": "test"}]
    write_csv(tmp_path / "split.csv", rows)
    parts = read_split(samples, tmp_path / "split.csv")
    assert [[s.path.stem for s in part] for part in parts] == [["nv_04"], [], ["nv_06"]]
    write_csv(tmp_path / "split.csv", [*rows, {"image": "nv_05", "split": "test"}])
    with pytest.raises(DataError, match="leaks"):
        read_split(samples, tmp_path / "split.csv")
    write_csv(tmp_path / "split.csv", [{"image": "nv_04", "split": "exam"}])
    with pytest.raises(DataError, match="'exam' is none of"):
        read_split(samples, tmp_path / "split.csv")
    write_csv(tmp_path / "split.csv", [{"image": "nv_99", "split": "test"}])
    with pytest.raises(DataError, match="names nv_99"):
        read_split(samples, tmp_path / "split.csv")


def test_patients_lesions_and_duplicates_become_one_group():
    samples = [
        Sample(Path("a.jpg"), "nv", "", {}, "p1", "l1"),
        Sample(Path("b.jpg"), "nv", "", {}, "", "l1"),
        Sample(Path("c.jpg"), "nv", "", {}, "p2", "l2"),
        Sample(Path("d.jpg"), "nv", "", {}, "p3"),
        Sample(Path("e.jpg"), "nv", ""),
    ]
    groups = [s.group for s in group_samples(samples, [("c", "e")])]
    assert groups[0] == groups[1]
    assert groups[2] == groups[4]
    assert len(set(groups)) == 3


def test_duplicates_are_found_by_bytes_and_by_look(ham10000, tmp_path):
    paths = sorted((ham10000 / "images").iterdir())[:20:5]
    shutil.copy(paths[0], tmp_path / "copy.png")
    coarse = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    large = Image.fromarray(coarse).resize((120, 90))
    large.save(tmp_path / "large.png")
    large.resize((80, 60)).save(tmp_path / "small.jpg", quality=80)
    mine = [tmp_path / name for name in ("copy.png", "large.png", "small.jpg")]
    assert find_duplicates([*paths, *mine], "bytes") == [(paths[0], mine[0])]
    assert (mine[1], mine[2]) in find_duplicates([*paths, *mine], "looks")
    with pytest.raises(DataError, match="not by 'smell'"):
        find_duplicates(mine, "smell")


def test_several_data_sets_keep_each_its_split(ham10000, tmp_path):
    other = tmp_path / "other"
    rows = [{"image": f"x{i}", "label": ("sk", "scc", "mel")[i % 3]} for i in range(60)]
    rows.append({"image": "nv_00", "label": "nv"})  # is in the first one already
    write_csv_in(other, rows)
    shutil.copy(ham10000 / "images" / "nv_00.png", other)
    ham, more = prepare_datasets([ham10000, other], taxonomy.HAM10000, {})
    assert {s.label for s in more.samples} == {"bkl", "mel"}  # sk is one of bkl
    assert len(more.left_out) == 21
    assert more.left_out[-1] == "nv_00.png: an earlier data set has it"
    parts = split_datasets([ham, more], FRACTIONS, 3)
    alone = split(ham.samples, FRACTIONS, 3)
    for part, before in zip(parts, alone, strict=True):
        assert set(map(str, (s.path for s in before))) <= {str(s.path) for s in part}
    assert sum(s.path.stem == "nv_00" for part in parts for s in part) == 1
    (mapped,) = prepare_datasets([other], taxonomy.HAM10000, {"scc": "akiec"})
    assert len(mapped.left_out) == 0
    with pytest.raises(DataError, match="'wart'"):
        prepare_datasets([other], taxonomy.HAM10000, {"wart": "nv"})
    assert "ham10000 + other" in join_datasets([ham, more]).name.lower()


def write_csv_in(folder, rows):
    folder.mkdir()
    write_csv(folder / "labels.csv", rows)
