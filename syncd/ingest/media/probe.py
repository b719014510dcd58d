"""Reads what an image file says of itself, and whether it is complete, as cheaply as that can be known.

The values are those of FiftyOne's own `compute_metadata` (fiftyone.core.metadata.get_image_info), except that the type
comes from the content: FiftyOne guesses it from the name.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import IO, Protocol, cast

import polars as pl
from PIL import Image, ImageFile

FORMATS = ("PNG", "JPEG", "MPO", "TIFF", "BMP", "GIF", "WEBP", "AVIF", "JPEG2000", "PPM")
"""What is tried, in this order. Others are left out because they are no photographs or would start programs (EPS)."""

MIME_TYPES = {"MPO": "image/jpeg", "PPM": "image/x-portable-anymap"}
"""Where Pillow's own name for a format is not the one that browsers and FiftyOne know."""

MAX_PIXELS = 500_000_000
"""Larger images are refused: decoded, such a one takes gigabytes. A flatbed's largest scans have about 360 million,
four times what Pillow, which expects strangers' uploads, takes without a warning."""

_MARKS = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9"}

MANY_PIXELS = 50_000_000
_ONE_AT_A_TIME = threading.Lock()

_FLIPPED = frozenset((5, 6, 7, 8))
_ORIENTATION = 0x0112
_ENDS = {"image/png": b"\x00\x00\x00\x00IEND\xaeB`\x82", "image/jpeg": b"\xff\xd9"}

RAISED = (
    *(OSError, ValueError, SyntaxError, TypeError, LookupError, EOFError, ArithmeticError, AttributeError, MemoryError),
    *(RuntimeError, Warning, struct.error, zlib.error, Image.DecompressionBombError),
)
"""What Pillow raises of a damaged file; its decoders have no error of their own."""


class Readable(Protocol):
    """As much of a file as Pillow needs."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Moves to a place."""

    def tell(self) -> int:
        """The present place."""


@dataclass(frozen=True)
class ImageFacts:
    """Size in bytes and pixels, type by content. ``note`` says so where the name claims another type.

    The note does not name the file, so that notes can be counted.
    """

    size_bytes: int
    mime_type: str
    width: int
    height: int
    num_channels: int
    note: str | None = None


def probe(path: str) -> ImageFacts | str:
    """The facts of a whole image, or a sentence that says what is wrong with the file."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # half the time of Path.open, for thousands a second
            size = os.fstat(file.fileno()).st_size
            facts = probe_header(file, path, size)
            if isinstance(facts, str):
                return facts
            return _unless_whole(file, path, facts) or facts
    except FileNotFoundError:
        return f"{path} is not there."
    except OSError as error:
        return f"{path} cannot be read: {error.strerror or error}."


def probe_header(file: Readable, name: str, size_bytes: int) -> ImageFacts | str:
    """The facts as the header has them, or a sentence; whether the rest of the file is there is not looked at.

    ``name`` is its path or URI.
    """
    if not size_bytes:
        return f"{name} is empty (0 bytes)."
    try:
        image = open_image(file)
        if image is None:
            return f"{name} is not an image that can be read (expected {', '.join(FORMATS)})."
        width, height = image.size
        if width * height > MAX_PIXELS:
            return f"{name} has {width} x {height} pixels, which is more than the {MAX_PIXELS:,} that are read."
        if image.format == "JPEG" and _is_flipped(image):
            width, height = height, width
        mime = _mime_type(cast("str", image.format))
        return ImageFacts(size_bytes, mime, width, height, len(image.getbands()), _note(name, mime))
    except RAISED as error:
        return f"{name} has a damaged header: {_said(error)}."


def _unless_whole(file: IO[bytes], path: str, facts: ImageFacts) -> str | None:
    """What is wrong with the rest of the file. The end mark is looked for; in doubt the file is decoded."""
    end = _ENDS.get(facts.mime_type)
    if end is not None:
        file.seek(-min(len(end), facts.size_bytes), os.SEEK_END)
        if file.read() == end:
            return None
    with one_at_a_time(facts.width * facts.height):
        return _undecodable(file, path)


@contextmanager
def one_at_a_time(pixels: int) -> Iterator[None]:
    """For the time that an image of so many pixels is held decoded: of large ones, one is in the whole process."""
    with _ONE_AT_A_TIME if pixels >= MANY_PIXELS else nullcontext():
        yield


def _undecodable(file: IO[bytes], path: str) -> str | None:
    try:
        image = open_image(file)
        if image is None:
            return None
        # Pillow takes zeros in place of the rest for an image, which is how files look that are still being written.
        # Behind the header, in compressed data, neither mark can stand by chance.
        mark = _MARKS.get(image.format or "")
        if mark is not None and mark not in file.read():
            return f"{path} is damaged or not whole: the end of the image is missing."
        image.load()
    except RAISED as error:
        return f"{path} is damaged or not whole: {_said(error)}."
    return None


def open_image(file: Readable) -> ImageFile.ImageFile | None:
    """The image with its header read; None where it is none. Raises what stands in `RAISED`.

    As Image.open does it, but without its limit of pixels, which is one for the whole process.
    """
    file.seek(0)
    prefix = file.read(16)
    Image.init()  # does nothing after the first time
    for each in FORMATS:
        if each not in Image.OPEN:  # this Pillow was built without it
            continue
        make, accepts = Image.OPEN[each]
        # A text in place of True says why a file that would be accepted cannot be.
        if accepts is not None and accepts(prefix) is not True:
            continue
        file.seek(0)
        return make(cast("IO[bytes]", file), "")
    return None


def _is_flipped(image: Image.Image) -> bool:
    try:
        return image.getexif().get(_ORIENTATION) in _FLIPPED
    except RAISED:
        # A damaged EXIF block says nothing of the orientation; browsers show the image as it lies.
        return False


def _mime_type(form: str) -> str:
    return MIME_TYPES.get(form) or Image.MIME.get(form) or f"image/{form.lower()}"


def _note(name: str, mime: str) -> str | None:
    # Not by PurePath, which takes as long as opening the image does.
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122
    claimed = Image.registered_extensions().get(suffix) if suffix else None
    if claimed is None or _mime_type(claimed) == mime:
        return None
    return f"The name ends in {suffix}, but the content is {mime}"


def _said(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".")[:200] or type(error).__name__


def media_suffixes() -> frozenset[str]:
    """The endings of names, in small letters, that the formats above go by."""
    return frozenset(suffix for suffix, form in Image.registered_extensions().items() if form in FORMATS)


FETCHED = {
    "location": pl.String,
    "path": pl.String,
    "uri": pl.String,
    "etag": pl.String,
    "size_bytes": pl.Int64,
    "mime_type": pl.String,
    "width": pl.Int64,
    "height": pl.Int64,
    "num_channels": pl.Int64,
    "fault": pl.String,
    "note": pl.String,
}
"""By location. ``path`` is what FiftyOne's filepath gets, null where there is a fault; ``uri`` the S3 URI, if any."""

Row = Mapping[str, object]


def fetched(rows: Iterable[Row]) -> pl.DataFrame:
    """The rows as a frame; what a row leaves out is null."""
    found = list(rows)
    return pl.DataFrame({name: [row.get(name) for row in found] for name in FETCHED}, schema=FETCHED)
