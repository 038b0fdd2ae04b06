"""The ISIC challenges of 2017, 2019 and 2020, and exports of the ISIC archive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ml.data.groups import group_samples
from ml.data.samples import Dataset, Sample
from ml.data.tables import ImageFinder, attributes_of, read_rows
from ml.data.vocabulary import code_of
from ml.errors import DataError

LICENCE = "CC BY-NC 4.0"
Row = dict[str, str]


def read_isic2017(folder: Path, table: Path) -> Dataset:
    """Ground truth with the columns melanoma and seborrheic_keratosis; neither means nevus."""

    def code(row: Row) -> str:
        if _says(row, "melanoma", table):
            return "mel"
        return "sk" if _says(row, "seborrheic_keratosis", table) else "nv"

    rows = read_rows(table, "melanoma", "seborrheic_keratosis")
    about = "ISIC 2017: N. Codella et al., arXiv:1710.05006"
    return _dataset("ISIC 2017", folder, rows, code, LICENCE, about)


def read_isic2019(folder: Path, table: Path) -> Dataset:
    """One-hot ground truth (MEL, NV, BCC, AK, BKL, DF, VASC, SCC, UNK) and its metadata.

    The metadata (any CSV of the folder with lesion_id) is optional. UNK is left out.
    """
    codes = {"AK": "akiec", "UNK": ""} | {
        name: name.lower() for name in ("MEL", "NV", "BCC", "BKL", "DF", "VASC", "SCC")
    }
    truth = read_rows(table, "image", "MEL", "NV", "SCC")
    extra = {row["image"]: row for file in _others(table) for row in read_rows(file, "image")}

    def code(row: Row) -> str:
        return next((codes[name] for name in codes if _says(row, name, table)), "")

    rows = [extra.get(row["image"], {}) | row for row in truth]
    about = (
        "ISIC 2019: BCN_20000 (Department of Dermatology, Hospital Clinic de Barcelona), HAM10000 "
        "(ViDIR Group, Medical University of Vienna), MSK (arXiv:1710.05006; arXiv:1902.03368)"
    )
    return _dataset("ISIC 2019", folder, rows, code, LICENCE, about)


def _says(row: Row, column: str, table: Path) -> bool:
    """Whether a row marks the column; an empty cell does not."""
    cell = (row.get(column) or "").strip()
    try:
        return bool(float(cell or 0))
    except ValueError:
        image = row.get("image_id") or row.get("image") or ""
        raise DataError(f"{table}: {image} has '{cell}' as {column}; it is 0 or 1.") from None


def _others(table: Path) -> list[Path]:
    return sorted(file for file in table.parent.glob("*etadata*.csv") if file != table)


def read_isic2020(folder: Path, table: Path) -> Dataset:
    """Ground truth with image_name, patient_id, diagnosis and target; images in JPEG or DICOM.

    A published list of duplicates (image_name_1, image_name_2) in the folder joins their groups.
    """

    def code(row: Row) -> str:
        kind = "malignant" if row["target"] == "1" else "benign"
        return "mel" if kind == "malignant" else code_of(row["diagnosis"], kind) or "benign"

    rows = read_rows(table, "image_name", "patient_id", "diagnosis", "target")
    pairs = [
        (row["image_name_1"], row["image_name_2"])
        for file in sorted(table.parent.glob("*uplicates*.csv"))
        for row in read_rows(file, "image_name_1", "image_name_2")
    ]
    about = "ISIC 2020: V. Rotemberg et al., Scientific Data 8:34 (2021), doi 10.34970/2020-ds01"
    return _dataset("ISIC 2020", folder, rows, code, LICENCE, about, pairs)


def read_archive(folder: Path, table: Path) -> Dataset:
    """Metadata as the archive exports it: isic_id, and diagnosis in its current or older words.

    The current vocabulary is one colon-separated ``diagnosis`` or its levels in diagnosis_1 to
    diagnosis_5. Images without a diagnosis that is one of our classes are left out.
    """

    def code(row: Row) -> str:
        levels = [row.get(f"diagnosis_{level}") or "" for level in range(1, 6)]
        path = row.get("diagnosis") or ":".join(level for level in levels if level)
        kind = row.get("benign_malignant") or levels[0]
        return code_of(path, kind)

    rows = read_rows(table, "isic_id")
    licences = sorted({row.get("copyright_license") or "not stated" for row in rows})
    sources = sorted({row.get("attribution") or "not stated" for row in rows})
    about = f"ISIC archive: {'; '.join(sources)}"
    return _dataset("ISIC archive", folder, rows, code, ", ".join(licences), about)


def _dataset(
    name: str,
    folder: Path,
    rows: list[Row],
    code: Callable[[Row], str],
    licence: str,
    attribution: str,
    duplicates: list[tuple[str, str]] | None = None,
) -> Dataset:
    files = ImageFinder(folder)
    samples, left_out = [], []
    for row in rows:
        image = row.get("isic_id") or row.get("image_id") or row.get("image_name") or row["image"]
        label = code(row)
        if not label:
            left_out.append(f"{image}: no diagnosis that is one of the classes")
            continue
        patient, lesion = row.get("patient_id") or "", row.get("lesion_id") or ""
        samples.append(Sample(files.find(image), label, image, attributes_of(row), patient, lesion))
    grouped = group_samples(samples, duplicates or ())
    return Dataset(name, grouped, licence, attribution, left_out)
