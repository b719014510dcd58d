"""From an image file to a small picture inside the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

from PIL import Image, ImageOps

from syncd.ingest.crops import pixels

EDGE = 224
"""Pixels of the longer side: sharp at half that size on a phone's screen."""

MARGIN = 0.15
"""How much is left around a box, as a share of its larger side: enough to see what it stands in."""

QUALITY = 72


def decoded(content: bytes) -> Image.Image:
    """The image, upright. Whatever Pillow raises of a damaged file comes through (`syncd.media.probe.RAISED`)."""
    with Image.open(io.BytesIO(content)) as opened:
        return ImageOps.exif_transpose(_eight_bits(opened))


def thumbnail(image: Image.Image, box: Sequence[float] | None) -> bytes:
    """The image, or what a relative box (left, top, width, height) shows of it, as WebP no larger than :data:`EDGE`."""
    shown = image if box is None else image.crop(pixels(list(box), image.size, MARGIN))
    mode = "RGBA" if "A" in shown.getbands() or "transparency" in shown.info else "RGB"
    small = shown.convert(mode)
    small.thumbnail((EDGE, EDGE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, format="WEBP", quality=QUALITY, method=4)
    return file.getvalue()


def data_uri(webp: bytes) -> str:
    """The picture as an address that needs no network."""
    return f"data:image/webp;base64,{base64.b64encode(webp).decode()}"


def _eight_bits(image: Image.Image) -> Image.Image:
    """Images of more than eight bits a pixel, stretched over what they use: converted, they would be white."""
    if not image.mode.startswith(("I", "F")):
        image.load()
        return image
    wide = image.convert("F")
    low, high = wide.getextrema()
    scale = 255 / (high - low) if high > low else 0.0  # type: ignore[operator]
    return wide.point(lambda value: (value - low) * scale).convert("L")
