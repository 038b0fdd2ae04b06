"""Uploads of every kind become one clean picture or one clear refusal."""

import hashlib
import io
import os
import random
import resource
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFilter, PngImagePlugin

from clinic import imaging
from clinic.errors import FieldError
from clinic.imaging import MAXIMUM_CHANGE, Picture
from tests.factories import draw_lesion, image_bytes, jpeg_bytes, png_bytes

LIMIT = 64_000_000
EXTENSION = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "TIFF": ".tif", "BMP": ".bmp"}
SECRET = "Jane Roe 1970"
ORIENTATION = 0x0112


def take_in(content: bytes, name: str = "a.jpg", pixel_limit: int = LIMIT) -> Picture:
    return imaging.take_in(content, name=name, pixel_limit=pixel_limit)


def refusal(content: bytes, name: str = "a.jpg", pixel_limit: int = LIMIT) -> FieldError:
    with pytest.raises(FieldError) as caught:
        take_in(content, name, pixel_limit)
    assert list(caught.value.errors) == ["file"]
    return caught.value


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def pixels(content: bytes) -> np.ndarray:
    """RGB values (H, W, 3) with a sign."""
    return np.asarray(opened(content).convert("RGB"), dtype=np.int16)


def change(before: bytes | np.ndarray, picture: Picture) -> int:
    values = pixels(before) if isinstance(before, bytes) else before
    return int(np.abs(values - pixels(picture.content)).max())


# What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (b"just text", "not_an_image"),
        (b"%PDF-1.7 ...", "not_an_image"),
        (b"GIF89a" + bytes(100), "not_an_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_an_image"),
        (b"\xff\xd8\xff", "not_an_image"),
        (b"RIFF\x10\x00\x00\x00WAVEfmt ", "not_an_image"),
        (b" " + jpeg_bytes(), "not_an_image"),
    ],
)
def test_what_is_no_picture(content: bytes, code: str) -> None:
    assert refusal(content).code == code


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\0\0\0\x18ftypheic" + bytes(100), "Save it as JPEG"),
        (b"\0\0\0\x18ftypmif1" + bytes(100), "Save it as JPEG"),
        (bytes(128) + b"DICM" + bytes(100), "Export its picture"),
    ],
)
def test_what_clinics_have_and_we_do_not_read_is_said_by_name(content: bytes, words: str) -> None:
    error = refusal(content, "a.jpg")
    assert error.code == "not_an_image"
    assert words in str(error)


@pytest.mark.parametrize("format_name", EXTENSION)
def test_a_cut_off_file(format_name: str) -> None:
    content = image_bytes(draw_lesion(), format_name)
    error = refusal(content[: len(content) // 2], f"a{EXTENSION[format_name]}")
    assert error.code == "damaged_image"


@pytest.mark.parametrize("format_name", EXTENSION)
def test_a_renamed_file(format_name: str) -> None:
    content = image_bytes(draw_lesion(), format_name)
    others = {".exe", "", *EXTENSION.values()} - {EXTENSION[format_name]}
    codes = {refusal(content, f"picture{other}").code for other in others}
    assert codes == {"extension_mismatch"}
    assert EXTENSION[format_name] in refusal(content, "without").message


@pytest.mark.parametrize("name", ["a.jpg", "A.JPG", "a.b.jpeg", "a.jpe", "a.jfif", "../../x.jpg"])
def test_only_the_extension_of_the_name_counts(name: str) -> None:
    assert take_in(jpeg_bytes(), name).media_type == "image/jpeg"


def test_pixel_limits_are_exact() -> None:
    content = jpeg_bytes((320, 240))
    assert take_in(content, pixel_limit=320 * 240).width == 320
    error = refusal(content, pixel_limit=320 * 240 - 1)
    assert error.code == "too_many_pixels"
    assert "320 x 240" in error.message
    assert take_in(jpeg_bytes((16, 16))).width == 16
    error = refusal(jpeg_bytes((15, 200)))
    assert error.code == "too_few_pixels"
    assert "at least 16 x 16" in error.message


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(side: int) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def jpeg_of(side: int) -> bytes:
    content = bytearray(jpeg_bytes())
    start = content.index(b"\xff\xc0")
    content[start + 5 : start + 9] = struct.pack(">HH", side, side)
    return bytes(content)


def bmp_of(side: int) -> bytes:
    content = bytearray(image_bytes(draw_lesion(), "BMP"))
    content[18:26] = struct.pack("<ii", side, side)
    return bytes(content)


def tiff_of(side: int) -> bytes:
    """One strip of grey values, uncompressed."""
    long, short = 4, 3
    facts = [(256, long, side), (257, long, side), (258, short, 8), (259, short, 1)]
    facts += [(262, short, 1), (273, long, 200), (277, short, 1), (278, long, side)]
    facts += [(279, long, 100)]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in facts)
    return b"II*\x00" + struct.pack("<IH", 8, len(facts)) + entries + bytes(500)


def webp_of(side: int) -> bytes:
    """A large canvas for a small frame."""
    frame = image_bytes(draw_lesion((64, 64)), "WEBP", lossless=True)[12:]
    canvas = bytes([2, 0, 0, 0]) + 2 * (side - 1).to_bytes(3, "little")
    body = bytes(6) + 2 * (63).to_bytes(3, "little") + (100).to_bytes(3, "little") + b"\0" + frame
    chunks = [(b"VP8X", canvas), (b"ANIM", bytes(6)), (b"ANMF", body + bytes(len(body) % 2))]
    whole = b"".join(kind + struct.pack("<I", len(data)) + data for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", len(whole) + 4) + b"WEBP" + whole


@contextmanager
def little_memory(megabytes: int) -> Iterator[None]:
    """The process may take no more than that on top of what it has."""
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + megabytes * 2**20, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize(
    ("make", "name", "megabytes"),
    [
        (jpeg_of, "a.jpg", 300),
        (png_of, "a.png", 300),
        (bmp_of, "a.bmp", 300),
        (tiff_of, "a.tif", 300),
        # its decoder reserves the canvas when it opens the file, but does not touch it
        (webp_of, "a.webp", 8000),
    ],
)
def test_too_many_pixels_are_refused_before_any_is_decoded(
    make: Callable[[int], bytes], name: str, megabytes: int
) -> None:
    content = make(20_000)
    touched = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with little_memory(megabytes):
        started = time.perf_counter()
        error = refusal(content, name)
        seconds = time.perf_counter() - started
    assert error.code == "too_many_pixels"
    assert "20000 x 20000" in error.message
    assert seconds < 0.5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - touched < 100 * 1024


def test_a_text_that_unpacks_to_a_thousand_times_its_size() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "0" * 200_000_000, zip=True)
    content = png_bytes(pnginfo=text)
    assert len(content) < 1_000_000
    with little_memory(100):
        assert refusal(content, "a.png").code == "not_an_image"


def test_a_jpeg_of_endless_scans() -> None:
    content = image_bytes(Image.new("RGB", (64, 64), "tan"), "JPEG", progressive=True)
    start = content.rindex(b"\xff\xda")
    scan = content[start:-2]
    some = content[:start] + scan * 50 + b"\xff\xd9"
    assert take_in(some).width == 64
    many = content[:start] + scan * 1000 + b"\xff\xd9"
    assert refusal(many).code == "too_many_scans"


@pytest.mark.parametrize("signature", imaging.SIGNATURES)
def test_noise_after_a_signature(signature: bytes) -> None:
    name = f"a{EXTENSION[imaging.SIGNATURES[signature]]}"
    for seed in range(80):
        noise = random.Random(seed)
        start = signature + (bytes(4) + b"WEBP" if signature == b"RIFF" else b"")
        refusal(start + noise.randbytes(noise.randrange(2000)), name, 10**6)


@pytest.mark.parametrize("format_name", EXTENSION)
def test_files_with_altered_bytes(format_name: str) -> None:
    """They may be read or refused; what is read can be kept, and nothing else is raised."""
    whole = image_bytes(draw_lesion((64, 48)), format_name)
    read = refused = 0
    for seed in range(120):
        noise = random.Random(seed)
        content = bytearray(whole)
        for _ in range(noise.randint(1, 12)):
            last = noise.choice([min(len(content), 600), len(content)])
            content[noise.randrange(8, last)] = noise.randrange(256)
        try:
            picture = take_in(bytes(content), f"a{EXTENSION[format_name]}", 10**6)
        except FieldError:
            refused += 1
        else:
            read += 1
            assert opened(picture.content).size == (picture.width, picture.height)
    assert refused
    # a PNG has checksums over everything
    assert read or format_name == "PNG"


# What is converted --------------------------------------------------------------------------------


def ramp(top: int, kind: type) -> np.ndarray:
    """Values from 0 to ``top`` from left to right, (16, 256)."""
    return np.tile(np.linspace(0, top, 256).astype(kind), (16, 1))


GREY = ramp(255, np.uint8)
COLOURS = np.asarray(draw_lesion((64, 48)))


def as_rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=-1).astype(np.int16)


def with_alpha(alpha: int) -> Image.Image:
    image = Image.fromarray(COLOURS)
    image.putalpha(alpha)
    return image


def palette(transparent: bool = False) -> Image.Image:
    image = Image.fromarray((GREY // 64), "P")
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    if transparent:
        image.info["transparency"] = 1
    return image


PALETTE = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]], dtype=np.int16)[GREY // 64]
ON_WHITE = np.where((GREY // 64 == 1)[..., None], 255, PALETTE).astype(np.int16)
HALF = 128 / 255 * COLOURS.astype(float) + 127 / 255 * 255


@pytest.mark.parametrize(
    ("image", "format_name", "expected", "tolerance"),
    [
        pytest.param(Image.fromarray(GREY), "PNG", as_rgb(GREY), 0, id="grey"),
        pytest.param(Image.fromarray(GREY), "JPEG", as_rgb(GREY), 3, id="grey JPEG"),
        pytest.param(
            Image.fromarray(GREY > 127), "PNG", as_rgb((GREY > 127) * 255), 0, id="one bit"
        ),
        pytest.param(palette(), "PNG", PALETTE, 0, id="palette"),
        pytest.param(palette(transparent=True), "PNG", ON_WHITE, 0, id="transparent colour"),
        pytest.param(with_alpha(255), "PNG", COLOURS, 0, id="opaque"),
        pytest.param(with_alpha(0), "PNG", np.full_like(COLOURS, 255), 0, id="all transparent"),
        pytest.param(with_alpha(128), "PNG", HALF, 1, id="half transparent"),
        pytest.param(with_alpha(128), "WEBP", HALF, 40, id="half transparent WebP"),
        pytest.param(
            Image.fromarray(GREY).convert("LA"), "PNG", as_rgb(GREY), 0, id="grey with alpha"
        ),
        pytest.param(
            Image.fromarray(ramp(65535, np.uint16)), "PNG", as_rgb(GREY), 1, id="16-bit PNG"
        ),
        pytest.param(
            Image.fromarray(ramp(65535, np.uint16)), "TIFF", as_rgb(GREY), 1, id="16-bit TIFF"
        ),
        pytest.param(
            Image.fromarray(ramp(255, np.uint16)), "PNG", as_rgb(GREY), 0, id="16-bit, 8 used"
        ),
        pytest.param(
            Image.fromarray(ramp(1023, np.uint16)), "PNG", as_rgb(GREY), 1, id="16-bit, 10 used"
        ),
        pytest.param(
            Image.fromarray(ramp(4095, np.uint16)), "TIFF", as_rgb(GREY), 1, id="16-bit, 12 used"
        ),
        pytest.param(
            Image.fromarray(ramp(65535, np.int32)), "TIFF", as_rgb(GREY), 1, id="32-bit TIFF"
        ),
        pytest.param(
            Image.fromarray(ramp(255, np.float32)), "TIFF", as_rgb(GREY), 1, id="float TIFF"
        ),
        pytest.param(
            Image.fromarray(GREY / np.float32(255)), "TIFF", as_rgb(GREY), 1, id="fraction TIFF"
        ),
        pytest.param(Image.fromarray(COLOURS).convert("CMYK"), "TIFF", COLOURS, 1, id="CMYK TIFF"),
        pytest.param(Image.fromarray(COLOURS).convert("CMYK"), "JPEG", COLOURS, 40, id="CMYK JPEG"),
    ],
)
def test_other_colours_are_converted(
    image: Image.Image, format_name: str, expected: np.ndarray, tolerance: float
) -> None:
    content = image_bytes(image, format_name)
    picture = take_in(content, f"a{EXTENSION[format_name]}")
    assert opened(picture.content).mode == "RGB"
    assert np.abs(pixels(picture.content) - expected).max() <= tolerance


@pytest.mark.parametrize("value", [-1.0, 70_000.0, np.nan, np.inf])
def test_values_that_are_no_photograph_s(value: float) -> None:
    values = ramp(255, np.float32)
    values[3, 4] = value
    error = refusal(image_bytes(Image.fromarray(values), "TIFF"), "a.tif")
    assert error.code == "unknown_grey_range"
    assert "8 or 16 bits" in error.message


def test_negative_whole_numbers_are_refused() -> None:
    values = ramp(4095, np.int32) - 1024
    error = refusal(image_bytes(Image.fromarray(values), "TIFF"), "a.tif")
    assert error.code == "unknown_grey_range"


def test_a_png_of_16_bits_in_colour() -> None:
    rows = b"".join(b"\0" + struct.pack(">HHH", 0x1200, 0x3400, 0xFFFF) * 20 for _ in range(20))
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 20, 20, 16, 2, 0, 0, 0))
    data = png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    picture = take_in(b"\x89PNG\r\n\x1a\n" + header + data, "a.png")
    assert (pixels(picture.content) == [0x12, 0x34, 0xFF]).all()


@pytest.mark.parametrize(
    ("format_name", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("WEBP", {"lossless": True, "exact": True}),
    ],
)
def test_lossless_formats_keep_every_bit(format_name: str, options: dict) -> None:
    image = draw_lesion((300, 201))
    picture = take_in(image_bytes(image, format_name, **options), f"a{EXTENSION[format_name]}")
    assert picture.media_type == "image/png"
    assert (pixels(picture.content) == np.asarray(image)).all()


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [30, 75, 95])
def test_a_jpeg_stays_within_the_bound(
    quality: int, subsampling: int, progressive: bool, orientation: int
) -> None:
    options = {"quality": quality, "subsampling": subsampling, "progressive": progressive}
    # odd sides leave half a block at the edge
    content = jpeg_bytes((203, 157), exif=exif_with(orientation), **options)
    picture = take_in(content)
    before = pixels(content)
    upright = before if orientation == 1 else np.rot90(before, -1)
    assert picture.media_type == "image/jpeg"
    assert change(upright, picture) <= MAXIMUM_CHANGE


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_jpeg_keeps_its_tables_and_turns_them_with_the_picture(orientation: int) -> None:
    content = jpeg_bytes(exif=exif_with(orientation), quality=75)
    before, after = (opened(c).quantization for c in (content, take_in(content).content))
    for name, table in before.items():
        square = np.reshape(table, (8, 8))
        expected = square.T if orientation == 6 else square
        assert (np.reshape(after[name], (8, 8)) == expected).all()


def test_a_jpeg_of_pure_noise_stays_within_the_bound() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    content = image_bytes(Image.fromarray(noise), "JPEG", quality=95)
    assert change(content, take_in(content)) <= MAXIMUM_CHANGE


def test_coarse_tables_of_16_bits_are_read() -> None:
    content = jpeg_bytes()
    start = content.index(b"\xff\xdb")
    (length,) = struct.unpack(">H", content[start + 2 : start + 4])
    table = [min(value * 40, 65535) for value in content[start + 5 : start + 5 + 64]]
    segment = b"\xff\xdb" + struct.pack(">HB64H", 131, 0x10, *table)
    coarse = content[:start] + segment + content[start + 2 + length :]
    assert change(coarse, take_in(coarse)) <= MAXIMUM_CHANGE


def test_the_same_upload_gives_the_same_bytes() -> None:
    first, second = take_in(jpeg_bytes(seed=3)), take_in(jpeg_bytes(seed=3))
    assert first == second
    assert first.sha256 == hashlib.sha256(first.content).hexdigest()
    assert take_in(jpeg_bytes(seed=4)).sha256 != first.sha256


def test_what_was_kept_can_be_taken_in_again() -> None:
    for content, name in [(jpeg_bytes(), "a.jpg"), (png_bytes(), "a.png")]:
        kept = take_in(content, name)
        assert change(kept.content, take_in(kept.content, name)) <= MAXIMUM_CHANGE


# What is turned, and what is dropped --------------------------------------------------------------


def exif_with(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


# how a camera that was held that way stores an upright picture (Exif 2.32, tag 274)
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


def corners() -> np.ndarray:
    """Four quarters of different colours, (48, 64, 3)."""
    image = np.zeros((48, 64, 3), dtype=np.uint8)
    image[:24, :32], image[:24, 32:] = (200, 60, 60), (60, 200, 60)
    image[24:, :32], image[24:, 32:] = (60, 60, 200), (200, 200, 200)
    return image


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", STORED)
def test_every_orientation_is_applied(orientation: int, format_name: str) -> None:
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](corners())))
    options = {"quality": 95} if format_name == "JPEG" else {"lossless": True}
    content = image_bytes(stored, format_name, exif=exif_with(orientation), **options)
    picture = take_in(content, f"a{EXTENSION[format_name]}")
    assert (picture.width, picture.height) == (64, 48)
    tolerance = 40 if format_name == "JPEG" else 0
    # away from the borders of the quarters, where a JPEG mixes the colours
    inner = np.s_[4:-4, 4:-4]
    for rows in (np.s_[:24], np.s_[24:]):
        for columns in (np.s_[:32], np.s_[32:]):
            after = pixels(picture.content)[rows, columns][inner]
            assert np.abs(after - corners()[rows, columns][inner]).max() <= tolerance
    assert ORIENTATION not in opened(picture.content).getexif()


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_unknown_orientation_changes_nothing(value: int) -> None:
    assert take_in(jpeg_bytes((64, 48), exif=exif_with(value))).width == 64


def raw_exif(*entries: tuple[int, int, int, int]) -> bytes:
    """EXIF of entries (tag, type, count, value or offset), also of those that are wrong."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + body + bytes(4)


TURNED_RIGHT = (ORIENTATION, 3, 1, 6)


@pytest.mark.parametrize(
    ("exif", "width"),
    [
        pytest.param(b"Exif\0\0garbage", 320, id="garbage"),
        pytest.param(b"Exif\0\0II*\0", 320, id="cut off"),
        pytest.param(raw_exif((ORIENTATION, 2, 2, 0x36)), 320, id="orientation as text"),
        pytest.param(raw_exif(TURNED_RIGHT, (0x9999, 99, 1, 1)), 240, id="unknown type"),
        pytest.param(raw_exif((0x103, 2, 4, 0x41424344), TURNED_RIGHT), 240, id="text for number"),
        pytest.param(raw_exif((0x102, 8, 1, 0xFFFF), TURNED_RIGHT), 240, id="negative number"),
        pytest.param(raw_exif(TURNED_RIGHT, (0x8825, 4, 1, 9_999_999)), 240, id="GPS outside"),
        pytest.param(raw_exif((0x10F, 2, 2**32 - 1, 8), TURNED_RIGHT), 240, id="endless text"),
    ],
)
def test_odd_exif_is_no_reason_to_refuse(exif: bytes, width: int) -> None:
    assert take_in(jpeg_bytes((320, 240), exif=exif)).width == width


def telling_exif() -> Image.Exif:
    exif = exif_with(6)
    exif[0x010E] = SECRET  # image description
    exif[0x013B] = SECRET  # artist
    exif.get_ifd(0x8825)[2] = (48.0, 12.0, 30.5)  # GPS latitude
    exif.get_ifd(0x8769)[0x9286] = SECRET.encode()  # user comment
    return exif


def telling_text() -> PngImagePlugin.PngInfo:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", SECRET)
    text.add_itxt("XML:com.adobe.xmp", f"<x:xmpmeta>{SECRET}</x:xmpmeta>")
    return text


XMP = f"<x:xmpmeta>{SECRET}</x:xmpmeta>".encode()


@pytest.mark.parametrize(
    ("format_name", "options"),
    [
        ("JPEG", {"comment": SECRET, "xmp": XMP}),
        ("PNG", {"pnginfo": telling_text()}),
        ("WEBP", {"xmp": XMP}),
        ("TIFF", {"tiffinfo": {270: SECRET, 305: SECRET, 700: XMP}}),
    ],
)
def test_nothing_about_the_person_is_kept(format_name: str, options: dict) -> None:
    exif = {} if format_name == "TIFF" else {"exif": telling_exif()}
    content = image_bytes(draw_lesion(), format_name, **exif, **options)
    assert SECRET.encode() in content
    picture = take_in(content, f"a{EXTENSION[format_name]}")
    for kept in (picture.content, picture.thumbnail):
        image = opened(kept)
        assert not image.getexif()
        assert set(image.info) <= {
            *("jfif", "jfif_version", "jfif_unit", "jfif_density"),
            *("progressive", "progression"),
        }
        for trace in (SECRET.encode(), b"Exif", b"xmp", b"Comment", b"GPS"):
            assert trace not in kept


def test_what_hangs_behind_the_picture_is_dropped() -> None:
    tail = b"PK\x03\x04<script>alert(1)</script>"
    for content, name in [(jpeg_bytes(), "a.jpg"), (png_bytes(), "a.png")]:
        clean, poly = take_in(content, name), take_in(content + tail, name)
        assert poly.content == clean.content
        assert b"script" not in poly.content


PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_colour_profile_is_kept(format_name: str) -> None:
    content = image_bytes(draw_lesion(), format_name, icc_profile=PROFILE)
    picture = take_in(content, f"a{EXTENSION[format_name]}")
    assert opened(picture.content).info["icc_profile"] == PROFILE


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_profile_of_other_colours_is_dropped(mode: str) -> None:
    content = image_bytes(draw_lesion().convert(mode), "JPEG", icc_profile=PROFILE)
    assert "icc_profile" not in opened(take_in(content).content).info


# Several pictures in one file ---------------------------------------------------------------------


@pytest.mark.parametrize("format_name", ["WEBP", "TIFF", "PNG"])
def test_the_first_of_several_frames_is_kept(format_name: str) -> None:
    frames = [draw_lesion((64, 48), seed) for seed in range(3)]
    options = {"save_all": True, "append_images": frames[1:], "lossless": True, "duration": 100}
    content = image_bytes(frames[0], format_name, **options)
    assert opened(content).n_frames == 3
    picture = take_in(content, f"a{EXTENSION[format_name]}")
    assert getattr(opened(picture.content), "n_frames", 1) == 1
    assert (pixels(picture.content) == np.asarray(frames[0])).all()


def test_a_camera_s_jpeg_with_a_second_picture_stays_a_jpeg() -> None:
    first, second = draw_lesion(), draw_lesion(seed=1)
    content = image_bytes(first, "MPO", save_all=True, append_images=[second])
    picture = take_in(content)
    assert picture.media_type == "image/jpeg"
    assert change(content, picture) <= MAXIMUM_CHANGE


# The rest of a Picture ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "small"),
    [((1200, 900), (480, 360)), ((300, 900), (160, 480)), ((320, 240), (320, 240))],
)
def test_the_thumbnail_is_small(size: tuple[int, int], small: tuple[int, int]) -> None:
    thumbnail = opened(take_in(jpeg_bytes(size)).thumbnail)
    assert (thumbnail.format, thumbnail.size) == ("JPEG", small)


# Real photographs ---------------------------------------------------------------------------------

HERE = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("NEVUS_DATA") or HERE.parent / "shared" / "data") / "originals"
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="there are no original photographs (NEVUS_DATA names their folder)"
)


# the scale of a contact plate is on these
WITH_SCALE = {"ISIC_0024338", "ISIC_0024367", "ISIC_0024431"}


def originals() -> list[Path]:
    return sorted(DATA.rglob("*.jpg"))


@needs_data
def test_original_photographs_are_kept_as_they_are() -> None:
    assert len(originals()) == 45
    for path in originals():
        content = path.read_bytes()
        picture = take_in(content, path.name)
        assert picture.media_type == "image/jpeg"
        assert change(content, picture) <= MAXIMUM_CHANGE, path.name
        assert len(picture.content) < 1.5 * len(content)
        expected = ("ruler",) if path.stem in WITH_SCALE else ()
        assert picture.quality.warnings == expected, path.name


@needs_data
def test_blurred_copies_of_original_photographs_are_noticed() -> None:
    for path in originals():
        with Image.open(path) as image:
            blurred = image.filter(ImageFilter.GaussianBlur(2))
        picture = take_in(image_bytes(blurred, "JPEG", quality=95))
        assert "blurred" in picture.quality.warnings, path.name
