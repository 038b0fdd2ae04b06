"""HAM10000 (Tschandl et al., Scientific Data 5:180161, 2018)."""

from __future__ import annotations

from pathlib import Path

from ml.data.groups import group_samples
from ml.data.samples import Dataset, Sample, class_code, once_each
from ml.data.tables import ImageFinder, attributes_of, image_files, image_folder, read_rows

METADATA = "HAM10000_metadata.csv"
LICENCE = "CC BY-NC 4.0"
ATTRIBUTION = (
    "HAM10000: P. Tschandl, C. Rosendahl, H. Kittler, Scientific Data 5:180161 (2018), "
    "ViDIR Group, Medical University of Vienna"
)

# too few to learn from: of 10,015 images 243 are of people under 18, 48 genital, 7 acral
INTENDED_RANGE = {"age_from": 18, "sites_outside": ["palms/soles", "oral/genital"]}


def read_ham10000(folder: Path) -> Dataset:
    """Read ``folder``/HAM10000_metadata.csv with ``folder``/images/ID.{jpg,webp,...}.

    Without that folder the images may lie anywhere below, as in two folders of parts.
    ``folder``/masks/ID.png are the experts' masks, where there are any (Tschandl et al., Computers
    in Biology and Medicine, 2019); a name may end in _segmentation, as they are published.
    The group is the lesion; lesions that near_duplicates.csv links become one group.
    """
    rows = read_rows(folder / METADATA, "image_id", "lesion_id", "dx")
    files, masks = ImageFinder(image_folder(folder)), read_masks(folder / "masks")
    samples = [
        Sample(
            path=files.find(row["image_id"]),
            label=class_code(row["dx"], f"{folder / METADATA}, {row['image_id']}"),
            group=row["lesion_id"],
            attributes=attributes_of(row),
            lesion=row["lesion_id"],
            mask=masks.get(row["image_id"]),
        )
        for row in rows
    ]
    samples, repeated = once_each(samples, folder / METADATA)
    samples = group_samples(samples, read_pairs(folder / "near_duplicates.csv"))
    return Dataset("HAM10000", samples, LICENCE, ATTRIBUTION, repeated, INTENDED_RANGE)


def read_masks(folder: Path) -> dict[str, Path]:
    """Mask files by the image's name; none where there is no such folder."""
    files = image_files(folder) if folder.is_dir() else []
    return {path.stem.removesuffix("_segmentation"): path for path in files}


def read_pairs(file: Path) -> list[tuple[str, str]]:
    """Pairs of image names (stems) from from_img and to_img; none where there is no such file."""
    if not file.exists():
        return []
    rows = read_rows(file, "from_img", "to_img")
    return [(Path(row["from_img"]).stem, Path(row["to_img"]).stem) for row in rows]
