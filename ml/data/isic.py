"""The ISIC challenges of 2017 to 2020, and exports of the ISIC archive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ml.data.groups import group_samples
from ml.data.samples import Dataset, Sample, once_each
from ml.data.tables import ImageFinder, attributes_of, read_rows, read_table, tables_in
from ml.data.vocabulary import code_of
from ml.errors import DataError
from ml.taxonomy import BY_CODE

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
    return _dataset("ISIC 2017", folder, table, rows, code, LICENCE, about)


def read_isic2018(folder: Path, table: Path) -> Dataset:
    """Task 3: one-hot ground truth (MEL, NV, BCC, AKIEC, BKL, DF, VASC), and its lesions.

    These are in a second table (LesionGroupings): without it every image stands alone, and a split
    may part a lesion.
    """
    about = "ISIC 2018: N. Codella et al., arXiv:1902.03368; HAM10000 (doi 10.1038/sdata.2018.161)"
    return _read_one_hot("ISIC 2018", folder, table, about)


def read_isic2019(folder: Path, table: Path) -> Dataset:
    """One-hot ground truth (MEL, NV, BCC, AK, BKL, DF, VASC, SCC, UNK) and its metadata."""
    about = (
        "ISIC 2019: BCN_20000 (Department of Dermatology, Hospital Clinic de Barcelona), HAM10000 "
        "(ViDIR Group, Medical University of Vienna), MSK (arXiv:1710.05006; arXiv:1902.03368)"
    )
    return _read_one_hot("ISIC 2019", folder, table, about)


def _read_one_hot(name: str, folder: Path, table: Path, about: str) -> Dataset:
    """What other CSVs of the folder say of the same images is optional. UNK is left out."""
    truth = read_rows(table, "image")
    extra = {row["image"]: row for file in _others(table) for row in read_rows(file, "image")}
    columns = {column: class_of(column) for column in truth[0] if class_of(column) is not None}

    def code(row: Row) -> str:
        marked = [column for column in columns if _says(row, column, table)]
        if len(marked) > 1:
            raise DataError(f"{table}: {row['image']} is marked as {' and '.join(marked)}.")
        return columns[marked[0]] or "" if marked else ""

    rows = [extra.get(row["image"], {}) | row for row in truth]
    return _dataset(name, folder, table, rows, code, LICENCE, about)


def class_of(column: str) -> str | None:
    """The class code of a column of one-hot ground truth, "" for unknown; None for no class."""
    word = column.strip().lower()
    return {"ak": "akiec", "unk": ""}.get(word, word if word in BY_CODE else None)


def _says(row: Row, column: str, table: Path) -> bool:
    """Whether a row marks the column; an empty cell does not."""
    cell = (row.get(column) or "").strip()
    try:
        return bool(float(cell or 0))
    except ValueError:
        image = row.get("image_id") or row.get("image") or row.get("image_name") or ""
        raise DataError(f"{table}: {image} has '{cell}' as {column}; it is 0 or 1.") from None


def _others(table: Path) -> list[Path]:
    """Tables that say more of the images that ``table`` labels: lesion, age, sex or site."""
    more = {"lesion_id", "age_approx", "sex", "anatom_site_general"}
    columns = {file: set(read_table(file)[0]) for file in tables_in(table.parent) if file != table}
    return [file for file, names in columns.items() if "image" in names and names & more]


def read_isic2020(folder: Path, table: Path) -> Dataset:
    """Ground truth with image_name, patient_id, diagnosis and target; images in JPEG or DICOM.

    A published list of duplicates (image_name_1, image_name_2) in the folder joins their groups.
    """

    def code(row: Row) -> str:
        kind = "malignant" if _says(row, "target", table) else "benign"
        return "mel" if kind == "malignant" else code_of(row["diagnosis"], kind) or "benign"

    rows = read_rows(table, "image_name", "patient_id", "diagnosis", "target")
    pairs = [
        (row["image_name_1"], row["image_name_2"])
        for file in sorted(table.parent.glob("*uplicates*.csv"))
        for row in read_rows(file, "image_name_1", "image_name_2")
    ]
    about = "ISIC 2020: V. Rotemberg et al., Scientific Data 8:34 (2021), doi 10.34970/2020-ds01"
    return _dataset("ISIC 2020", folder, table, rows, code, LICENCE, about, pairs)


def read_archive(folder: Path, table: Path) -> Dataset:
    """Metadata as the archive exports it: isic_id, and diagnosis in its current or older words.

    The current vocabulary is one colon-separated ``diagnosis`` or its levels in diagnosis_1 to
    diagnosis_5. Images without a diagnosis that is one of our classes are left out, and so are
    those of another ``image_type`` than dermoscopic (clinical ones, parts of a whole body).
    """

    def code(row: Row) -> str:
        levels = [row.get(f"diagnosis_{level}") or "" for level in range(1, 6)]
        path = row.get("diagnosis") or ":".join(level for level in levels if level)
        kind = row.get("benign_malignant") or levels[0]
        return code_of(path, kind)

    every = read_rows(table, "isic_id")
    others = {row["isic_id"]: kind for row in every if (kind := _other_type(row))}
    rows = [row for row in every if row["isic_id"] not in others]
    licences = sorted({row.get("copyright_license") or "not stated" for row in rows})
    sources = sorted({row.get("attribution") or "not stated" for row in rows})
    about = f"ISIC archive: {'; '.join(sources)}"
    found = _dataset("ISIC archive", folder, table, rows, code, ", ".join(licences), about)
    typed = [f"{image}: its type is '{kind}', not dermoscopic" for image, kind in others.items()]
    return replace(found, left_out=found.left_out + typed)


def _other_type(row: Row) -> str:
    """The archive's type of a picture that is not dermoscopic; nothing where none is stated."""
    kind = (row.get("image_type") or "").strip().lower()
    return "" if kind == "dermoscopic" else kind


def _dataset(
    name: str,
    folder: Path,
    table: Path,
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
    samples, repeated = once_each(samples, table)
    grouped = group_samples(samples, duplicates or ())
    return Dataset(name, grouped, licence, attribution, left_out + repeated)
