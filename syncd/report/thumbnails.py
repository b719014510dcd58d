"""Makes small pictures for the page from image files, however large these are."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from PIL import Image, ImageDraw, ImageFile

from syncd.ingest.crops import pixels, upright
from syncd.ingest.media.probe import Readable, one_at_a_time, open_image

EDGE = 224
"""Pixels of the longer side: sharp at half that size on a phone's screen."""

MARGIN = 0.15
"""How much is left around a box, as a share of its larger side: enough to see what it stands in."""

QUALITY = 72

MOST_BYTES = 800_000_000
"""Memory that decoding one image may take: a scan of 360 million pixels in 16 bits takes 720 million."""

_WIDE = ("I", "F")
"""How the modes with more than eight bits a pixel begin."""

_DECODER_BYTES = {"WEBP": 4, "AVIF": 4, "GIF": 4, "JPEG2000": 16}
"""Bytes that a decoder takes for each pixel beside the image itself."""

_STRIP_BYTES = 16_000_000


class TooLarge(Exception):
    """The image would take more memory than :data:`MOST_BYTES`; its message says how large it is."""


def thumbnails(file: Readable, boxes: Sequence[Sequence[float] | None], *, outlined: bool = False) -> list[bytes]:
    """What relative boxes (left, top, width, height; None: all of it) show of an upright image, as small WebP each.

    ``outlined`` draws the boxes.

    Large images are decoded one at a time in this process. ``TooLarge`` where this one is; whatever Pillow raises of a
    damaged file comes through (`syncd.ingest.media.probe.RAISED`).
    """
    with _decoded(file, boxes) as image:
        return [_webp(image, box, outlined=outlined) for box in boxes]


def data_uri(webp: bytes) -> str:
    """The picture as an address that needs no network."""
    return f"data:image/webp;base64,{base64.b64encode(webp).decode()}"


@contextmanager
def _decoded(file: Readable, boxes: Sequence[Sequence[float] | None]) -> Iterator[Image.Image]:
    """The image, upright; a JPEG no larger than the boxes need it."""
    image = open_image(file)
    if image is None:
        raise OSError("it is not an image that can be read")
    width, height = image.size
    decoder = _decoder_bytes(image)
    if image.format == "JPEG":
        spare = max(1, _spare(image.size, boxes))
        image.draft(image.mode, (width // spare, height // spare))
    needed = width * height * decoder + image.width * image.height * _pixel_bytes(image.mode) * _copies(image)
    if needed > MOST_BYTES:
        raise TooLarge(f"{width:,} x {height:,} pixels")
    with one_at_a_time(width * height):
        image.load()
        yield upright(image)


def _spare(size: tuple[int, int], boxes: Sequence[Sequence[float] | None]) -> int:
    """How many times larger than its picture what the smallest box shows is."""
    areas = (_area(size, box) for box in boxes)
    return min(max(right - left, bottom - top) for left, top, right, bottom in areas) // EDGE


def _area(size: tuple[int, int], box: Sequence[float] | None) -> tuple[int, int, int, int]:
    return (0, 0, *size) if box is None else pixels(list(box), size, MARGIN)


def _pixel_bytes(mode: str) -> int:
    return 1 if mode in ("1", "L", "P") else 2 if mode.startswith("I;16") else 4


def _decoder_bytes(image: ImageFile.ImageFile) -> int:
    if image.info.get("progressive"):
        return 2 * len(image.getbands())
    return _DECODER_BYTES.get(image.format or "", 0)


def _copies(image: ImageFile.ImageFile) -> int:
    """Turning an image upright takes a second one."""
    if image.format == "PNG":  # it would be decoded for the answer, which is hardly ever another
        return 1
    return 2 if image.getexif().get(0x0112, 1) != 1 else 1


def _webp(image: Image.Image, box: Sequence[float] | None, *, outlined: bool = False) -> bytes:
    area = _area(image.size, box)
    small = _reduced(image, area)
    small.thumbnail((EDGE, EDGE), Image.Resampling.LANCZOS)
    if outlined and box is not None:
        if max(small.size) < EDGE:
            # A line is drawn in pixels: on a crop of twenty it would hide what it is about.
            factor = EDGE / max(small.size)
            small = small.resize((round(small.width * factor), round(small.height * factor)), Image.Resampling.BICUBIC)
        _outline(small, image.size, area, box)
    file = io.BytesIO()
    small.save(file, format="WEBP", quality=QUALITY, method=4)
    return file.getvalue()


def _outline(small: Image.Image, size: tuple[int, int], area: tuple[int, int, int, int], box: Sequence[float]) -> None:
    """Draws the box into the picture of the area: light within dark, to be seen on any ground."""
    left, top, right, bottom = area
    across, down = small.width / max(right - left, 1), small.height / max(bottom - top, 1)
    x, y = (box[0] * size[0] - left) * across, (box[1] * size[1] - top) * down
    edges = [x, y, max(x, x + box[2] * size[0] * across - 1), max(y, y + box[3] * size[1] * down - 1)]
    pen = ImageDraw.Draw(small)
    pen.rectangle([edges[0] - 1, edges[1] - 1, edges[2] + 1, edges[3] + 1], outline="#202020")
    pen.rectangle(edges, outline="#ffb000")


def _reduced(image: Image.Image, area: tuple[int, int, int, int]) -> Image.Image:
    """An area of the image in eight bits, reduced to a few times its final size, strip by strip.

    Images of more than eight bits a pixel are stretched over what they use: converted, they would be white.
    """
    left, top, right, bottom = area
    is_wide = image.mode.startswith(_WIDE)
    has_alpha = "A" in image.getbands() or "transparency" in image.info
    mode = "F" if is_wide else "RGBA" if has_alpha else "RGB"
    factor = max(1, max(right - left, bottom - top) // (4 * EDGE))
    rows = factor * max(1, _STRIP_BYTES // (4 * (right - left) * factor))
    small = Image.new(mode, (math.ceil((right - left) / factor), math.ceil((bottom - top) / factor)))
    for start in range(top, bottom, rows):
        strip = image.crop((left, start, right, min(start + rows, bottom))).convert(mode)
        small.paste(strip.reduce(factor), (0, (start - top) // factor))
    return _stretched(small) if is_wide else small


def _stretched(wide: Image.Image) -> Image.Image:
    low, high = wide.getextrema()
    scale = 255 / (high - low) if high > low else 0.0  # type: ignore[operator]
    return wide.point(lambda value: (value - low) * scale).convert("L").convert("RGB")
