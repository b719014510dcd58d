"""From a file's bytes to the pixels that a model sees.

An image is decoded once, however many boxes are cut from it. What comes out is a grey (H, W) or coloured (H, W, 3)
array, ``uint8``, or ``float32`` on the same scale (0 to 255) where the file has more than 8 bits. Nothing is ever
enlarged to the cap, and each side is brought to the nearest multiple of the patch.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from syncd_embedding.errors import MediaError

Image = npt.NDArray[Any]
Box = tuple[float, float, float, float]

_MOST_PIXELS = 2 * 89_478_485
"""Pillow's own limit against files that unpack to more than a machine's memory."""

_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error, MemoryError)
"""What Pillow's decoders raise on files that are damaged."""

_SIXTEEN_BITS = {"I;16", "I;16L", "I;16B", "I;16N"}


@contextmanager
def without_warnings() -> Iterator[None]:
    """For as long as images are decoded, in whichever threads: Pillow says nothing of odd metadata and of large sizes.

    A setting of the whole process, which is why it is not changed for each image.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.filterwarnings("ignore", category=Pillow.DecompressionBombWarning)
        yield


def decode(content: bytes, *, value_range: tuple[float, float] | None = None, background: int = 0) -> Pillow.Image:
    """Decode an image upright, as mode L, RGB or F (0 to 255). Raises MediaError.

    More than 8 bits are scaled by ``value_range``, else by the range of their type; what is transparent shows
    ``background``; of an animation the first picture counts.
    """
    try:
        with Pillow.open(io.BytesIO(content)) as file:
            image = ImageOps.exif_transpose(file)
            image.load()
    except UnidentifiedImageError:
        raise MediaError("is no image, or of a kind that Pillow does not read") from None
    except Pillow.DecompressionBombError:
        raise MediaError(f"has more than {_MOST_PIXELS / 1e6:.0f} million pixels") from None
    except _BROKEN as error:
        raise MediaError(f"is damaged: {str(error) or type(error).__name__}") from None
    return _plain(image, value_range, background)


def _plain(image: Pillow.Image, value_range: tuple[float, float] | None, background: int) -> Pillow.Image:
    if image.mode in _SIXTEEN_BITS or image.mode in {"I", "F"}:
        return _scaled(image, value_range)
    if image.mode == "1":
        return image.convert("L")
    if image.has_transparency_data:
        grey = image.mode in {"L", "LA", "La"}
        under = Pillow.new("RGBA", image.size, (background, background, background, 255))
        return Pillow.alpha_composite(under, image.convert("RGBA")).convert("L" if grey else "RGB")
    return image if image.mode in {"L", "RGB"} else image.convert("RGB")


def _scaled(image: Pillow.Image, value_range: tuple[float, float] | None) -> Pillow.Image:
    values = np.asarray(image).astype(np.float32)
    if value_range is None:
        if image.mode == "F":
            value_range = (0.0, 1.0)
        elif image.mode == "I" and values.size and (values.min() < 0 or values.max() > 65535):
            raise MediaError("has 32 bits, whose black and white must be stated (value_range)")
        else:
            value_range = (0.0, 65535.0)
    if not np.isfinite(values).all():
        raise MediaError("holds pixels that are no numbers")
    if image.mode == "F" and value_range == (0.0, 1.0) and (values.min() < 0 or values.max() > 1):
        raise MediaError("has float pixels beyond 0 to 1, whose black and white must be stated (value_range)")
    black, white = value_range
    return Pillow.fromarray(np.clip((values - black) * (255 / (white - black)), 0, 255).astype(np.float32))


def cut(
    image: Pillow.Image,
    box: Box | None,
    *,
    margin: float = 0.0,
    size: int | Literal["native"] = "native",
    max_side: int = 224,
    patch: int = 8,
) -> Image:
    """Cut a box (x, y, width, height, relative to the image) and bring it to a size that the model takes.

    ``margin`` widens the box on each side by this share of its longer side; what lies outside the image is left out.
    Raises MediaError where nothing is left, or less than a pixel.
    """
    left, top, right, bottom = _edges(image.size, box, margin)
    width, height = _target(right - left, bottom - top, size, max_side, patch)
    scaled = image.resize((width, height), Pillow.Resampling.BICUBIC, box=(left, top, right, bottom), reducing_gap=3.0)
    pixels = np.asarray(scaled)
    return np.clip(pixels, 0, 255) if pixels.dtype == np.float32 else pixels


def fault_of_box(box: Box | None, margin: float = 0.0) -> str | None:
    """What is wrong with a box whatever the image is; ``None`` where nothing is."""
    try:
        _edges((1 << 20, 1 << 20), box, margin)
    except MediaError as error:
        return error.message
    return None


def _edges(size: tuple[int, int], box: Box | None, margin: float) -> tuple[float, float, float, float]:
    width, height = size
    if box is None:
        return 0.0, 0.0, float(width), float(height)
    if not np.isfinite(box).all():
        raise MediaError("its box is not made of numbers")
    x, y, w, h = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    if w <= 0 or h <= 0:
        raise MediaError("its box has no size")
    wider = margin * max(w, h)
    left, top = max(0.0, x - wider), max(0.0, y - wider)
    right, bottom = min(float(width), x + w + wider), min(float(height), y + h + wider)
    if right <= left or bottom <= top:
        raise MediaError("its box lies outside of the image")
    if right - left < 1 or bottom - top < 1:
        raise MediaError("its box is smaller than a pixel")
    return left, top, right, bottom


def _target(width: float, height: float, size: int | str, max_side: int, patch: int) -> tuple[int, int]:
    if isinstance(size, int):
        side = max(patch, size // patch * patch)
        return side, side
    scale = min(1.0, max_side / max(width, height))
    most = max(patch, max_side // patch * patch)
    across, down = (min(most, max(patch, round(side * scale / patch) * patch)) for side in (width, height))
    return across, down


def cuts(
    content: bytes, boxes: Sequence[tuple[Box | None, float]], *, patch: int, **how: Any
) -> list[Image | MediaError]:
    """Decode once, and cut each box with its margin; in the place of what cannot be cut stands its error.

    ``how``: ``value_range``, ``background``, ``size``, ``max_side``. Raises MediaError where the file itself is at
    fault.
    """
    image = decode(content, value_range=how.get("value_range"), background=how.get("background", 0))
    found: list[Image | MediaError] = []
    for box, margin in boxes:
        try:
            found.append(
                cut(
                    image,
                    box,
                    margin=margin,
                    patch=patch,
                    size=how.get("size", "native"),
                    max_side=how.get("max_side", 224),
                )
            )
        except MediaError as error:
            found.append(error)
    return found
