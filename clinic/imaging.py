"""From the bytes of an upload to the bytes that are kept. Knows no database.

A picture is decoded, turned upright, stripped of everything but its pixels and its colour profile,
and encoded again: a JPEG with its own quantisation tables where that changes no value by more than
``MAXIMUM_CHANGE`` of 255 (otherwise finer), every other format losslessly as PNG.
"""

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from PIL import Image, ImageChops, ImageFile, JpegImagePlugin

from clinic.errors import FieldError
from clinic.quality import Quality, measure
from clinic.refusals import refused

# file extensions by Pillow's name of the format; the first bytes decide which decoder may run
FORMATS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp",),
}
SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"RIFF": "WEBP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"BM": "BMP",
}
# what clinics have and we do not read: where its mark stands, the mark, and the case of its refusal
UNREAD = ((4, b"ftyphe", "heic"), (4, b"ftypmif1", "heic"), (128, b"DICM", "dicom"))
EXTENSIONS = {"image/jpeg": ".jpg", "image/png": ".png"}
MINIMUM_SIDE = 16
# the largest values that cameras write in grey, by the bits that they use
GREY_TOPS = (255, 1023, 4095, 16383, 65535)
# a progressive JPEG has about ten; every one goes over all pixels, however few its bytes
MAXIMUM_SCANS = 100
MAXIMUM_CHANGE = 16
THUMBNAIL_SIDE = 480
# what turns a picture upright, by its orientation in EXIF; the last four swap width and height
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
TURNED = {5, 6, 7, 8}

# our own limit is checked on the header, before a single pixel is decoded
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True)
class Picture:
    """What is kept of an upload. ``content`` is a JPEG or PNG, ``thumbnail`` a small JPEG."""

    content: bytes
    media_type: str
    width: int
    height: int
    sha256: str
    thumbnail: bytes
    quality: Quality


def take_in(content: bytes, *, name: str, pixel_limit: int) -> Picture:
    """Check, decode and encode an upload again.

    ``name`` is the client's file name, of which only the extension is looked at. Raises FieldError
    on ``file`` with a code: empty_file, not_an_image, extension_mismatch, too_many_pixels,
    too_many_scans, too_few_pixels, damaged_image, unknown_grey_range.
    """
    format_name = agreed_format(content, name)
    with warnings.catch_warnings():
        # about odd metadata, which is dropped anyway
        warnings.simplefilter("ignore")
        source = open_checked(content, format_name, pixel_limit)
        upright, turned = decode(source)
    encoded, media_type = encode(upright, source, turned=turned)
    return Picture(
        content=encoded,
        media_type=media_type,
        width=upright.width,
        height=upright.height,
        sha256=hashlib.sha256(encoded).hexdigest(),
        thumbnail=make_thumbnail(upright),
        quality=measure(upright),
    )


def agreed_format(content: bytes, name: str) -> str:
    """The format on which the first bytes and the extension agree."""
    if not content:
        raise refused("empty_file")
    format_name = next(
        (known for start, known in SIGNATURES.items() if content.startswith(start)), None
    )
    if format_name is None or (format_name == "WEBP" and content[8:12] != b"WEBP"):
        raise _not_read(content)
    extension = PurePath(name).suffix.lower()
    if extension not in FORMATS[format_name]:
        raise _mismatch(format_name, extension)
    return format_name


def open_checked(content: bytes, format_name: str, pixel_limit: int) -> ImageFile.ImageFile:
    """Read the header alone and refuse sizes that must not be decoded."""
    try:
        source = Image.open(io.BytesIO(content), formats=[format_name])
    # a decoder answers damaged input with any exception
    except Exception as error:
        cut_off = format_name == "WEBP" and is_cut_off(content)
        raise refused("damaged_image" if cut_off else "not_an_image") from error
    if source.width * source.height > pixel_limit:
        million = pixel_limit // 10**6
        raise refused("too_many_pixels", width=source.width, height=source.height, limit=million)
    if format_name == "JPEG" and content.count(b"\xff\xda") > MAXIMUM_SCANS:
        raise refused("too_many_scans")
    if min(source.size) < MINIMUM_SIDE:
        width, height = source.size
        raise refused("too_few_pixels", width=width, height=height, least=MINIMUM_SIDE)
    return source


def is_cut_off(content: bytes) -> bool:
    """Whether a RIFF file is shorter than its header says; its decoder opens no part of it."""
    return len(content) < 8 + int.from_bytes(content[4:8], "little")


def decode(source: ImageFile.ImageFile) -> tuple[Image.Image, bool]:
    """All pixels, upright and in RGB, and whether width and height were swapped."""
    try:
        source.load()
        orientation = orientation_of(source)
        turn_upright = UPRIGHT.get(orientation)
        upright = source if turn_upright is None else source.transpose(turn_upright)
        return to_rgb(upright), orientation in TURNED
    except FieldError:
        raise
    except Exception as error:
        raise refused("damaged_image") from error


def orientation_of(source: ImageFile.ImageFile) -> int:
    """The orientation in EXIF, 1 (upright) where there is none or it cannot be read."""
    try:
        orientation = source.getexif().get(0x0112)
    # cameras write all kinds of EXIF; the pixels are good whatever it holds
    except Exception:
        return 1
    return orientation if orientation in UPRIGHT else 1


def to_rgb(image: Image.Image) -> Image.Image:
    """RGB of eight bits: CMYK, palettes and grey are converted, alpha is laid on white."""
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(eight_bits(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def eight_bits(values: np.ndarray) -> np.ndarray:
    """Grey values of up to 16 bits, or fractions of one, as 0 to 255."""
    scaled = values.astype(np.float32)
    scaled *= 255 / grey_top(values)
    return np.rint(scaled, out=scaled).astype(np.uint8)


def grey_top(values: np.ndarray) -> int:
    """What stands for white: 1 for fractions, else all bits of the smallest depth that holds the
    values, because a camera of 12 bits leaves the upper four of 16 empty. Raises FieldError."""
    least, most = float(values.min()), float(values.max())
    if values.dtype.kind == "f" and 0 <= least <= most <= 1:
        return 1
    top = next((top for top in GREY_TOPS if 0 <= least <= most <= top), None)
    if top is None:
        raise refused("unknown_grey_range")
    return top


def encode(upright: Image.Image, source: ImageFile.ImageFile, *, turned: bool) -> tuple[bytes, str]:
    """The bytes to keep and their media type, without any metadata but the colour profile."""
    # the profile of a picture in other colours no longer fits it
    profile = source.info.get("icc_profile") if source.mode == "RGB" else None
    # cameras that add a second picture for their own display write MPO, a JPEG with a tail
    if isinstance(source, JpegImagePlugin.JpegImageFile) and source.mode in ("RGB", "L"):
        for options in jpeg_options(source, turned=turned):
            encoded = save(upright, "JPEG", icc_profile=profile, **options)
            if largest_change(upright, encoded) <= MAXIMUM_CHANGE:
                return encoded, "image/jpeg"
    return save(upright, "PNG", icc_profile=profile, compress_level=4), "image/png"


def jpeg_options(source: JpegImagePlugin.JpegImageFile, *, turned: bool) -> list[dict]:
    """The source's own tables first, then finer ones without colour subsampling."""
    finer = {"quality": 98, "subsampling": 0}
    sampling = JpegImagePlugin.get_sampling(source)
    # a turned picture needs turned subsampling too, which 4:2:2 has not
    if sampling < 0 or source.mode != "RGB" or (turned and sampling == 1):
        return [finer]
    tables = list(source.quantization.values())
    return [
        {
            "qtables": [turn(table) for table in tables] if turned else tables,
            "subsampling": sampling,
        },
        finer,
    ]


def turn(table: list[int]) -> list[int]:
    """An 8 x 8 quantisation table with rows and columns swapped."""
    return np.asarray(table).reshape(8, 8).T.ravel().tolist()


def save(image: Image.Image, format_name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    # a copy without ``info``: Pillow writes comments and EXIF that it finds there
    bare = Image.new(image.mode, image.size)
    bare.paste(image)
    bare.save(
        buffer, format_name, **{key: value for key, value in options.items() if value is not None}
    )
    return buffer.getvalue()


def largest_change(image: Image.Image, encoded: bytes) -> int:
    """The largest difference of any value of any pixel, of 255."""
    again = Image.open(io.BytesIO(encoded)).convert(image.mode)
    # in Pillow, because numbers with a sign would take six times the memory
    bands = ImageChops.difference(image, again).split()
    return max(last_used(band.histogram()) for band in bands)


def last_used(histogram: list[int]) -> int:
    return max(value for value, count in enumerate(histogram) if count)


def make_thumbnail(image: Image.Image) -> bytes:
    small = image.copy()
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return save(small, "JPEG", quality=85)


def _mismatch(format_name: str, extension: str) -> FieldError:
    if extension:
        return refused("extension_mismatch", format=format_name, extension=extension[:10])
    known = ", ".join(FORMATS[format_name])
    return refused("extension_mismatch", case="none", format=format_name, known=known)


def _not_read(content: bytes) -> FieldError:
    for place, mark, case in UNREAD:
        if content.startswith(mark, place):
            return refused("not_an_image", case=case)
    return refused("not_an_image")
