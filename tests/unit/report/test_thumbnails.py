"""Pictures of images of any size and kind, within a bound of memory."""

from __future__ import annotations

import io
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image

from syncd.ingest.media import probe
from syncd.report import thumbnails as module
from syncd.report.thumbnails import EDGE, TooLarge, thumbnails

LEFT_HALF = (0.0, 0.0, 0.3, 1.0)


def a_file(image: Image.Image, form: str = "PNG", **more: Any) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, form, **more)
    file.seek(0)
    return file


def halves(width: int, height: int, dtype: Any = np.uint8, low: int = 20, high: int = 220) -> np.ndarray[Any, Any]:
    """Dark on the left, bright on the right."""
    row = np.where(np.arange(width) < width // 2, low, high).astype(dtype)
    return np.tile(row, (height, 1))


def shown(webp: bytes) -> Image.Image:
    return Image.open(io.BytesIO(webp)).convert("L")


def level(image: Image.Image, x: float) -> int:
    value = image.getpixel((int(x * image.width), image.height // 2))
    assert isinstance(value, int)
    return value


@pytest.mark.parametrize("size", [(100, 80), (1500, 1200), (5000, 300)])
@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("mode", ["L", "RGB", "P", "RGBA"])
def test_an_image_and_what_a_box_shows_of_it(size: tuple[int, int], form: str, mode: str) -> None:
    if (form, mode) in (("JPEG", "P"), ("JPEG", "RGBA")):
        mode = "CMYK"
    file = a_file(Image.fromarray(halves(*size)).convert(mode), form)
    whole, part = map(shown, thumbnails(file, [None, LEFT_HALF]))
    assert max(whole.size) <= EDGE
    assert abs(whole.width / whole.height - size[0] / size[1]) < 0.15 * size[0] / size[1]
    assert abs(level(whole, 0.1) - 20) < 12
    assert abs(level(whole, 0.9) - 220) < 12
    assert abs(level(part, 0.1) - 20) < 12
    assert part.width < whole.width or size[0] > 4 * EDGE


@pytest.mark.parametrize("size", [(90, 90), (2500, 1900)])
@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_an_image_of_more_than_eight_bits_is_stretched_over_what_it_uses(size: tuple[int, int], dtype: Any) -> None:
    (webp,) = thumbnails(a_file(Image.fromarray(halves(*size, dtype, 300, 900)), "TIFF"), [None])
    assert level(shown(webp), 0.1) < 10
    assert level(shown(webp), 0.9) > 245


def test_a_turned_image_is_shown_upright() -> None:
    turned = Image.fromarray(halves(400, 200))
    exif = Image.Exif()
    exif[0x0112] = 6
    (webp,) = thumbnails(a_file(turned, "JPEG", exif=exif), [None])
    assert shown(webp).height > shown(webp).width


def bomb(width: int, height: int) -> io.BytesIO:
    """A PNG that claims to be large and holds no pixel."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pieces = [(b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    chunks = [struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in pieces]
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def test_an_image_beyond_the_bound_is_said_to_be_and_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(TooLarge, match="30,000 x 20,000 pixels"):
        thumbnails(bomb(30_000, 20_000), [None])


def test_a_large_jpeg_is_decoded_no_larger_than_its_picture_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 3_000_000)
    file = a_file(Image.fromarray(halves(4000, 3000)), "JPEG")
    (webp,) = thumbnails(file, [None])
    assert level(shown(webp), 0.9) > 200
    with pytest.raises(TooLarge):
        thumbnails(file, [(0.5, 0.5, 0.01, 0.01)])
    with pytest.raises(TooLarge):
        thumbnails(a_file(Image.fromarray(halves(4000, 3000)), "JPEG", progressive=True), [None])


def test_of_large_images_one_at_a_time_is_held_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "MANY_PIXELS", 1000)
    at_once, most, guard = 0, 0, threading.Lock()
    whole = module._webp

    def watched(*given: Any, **how: Any) -> bytes:
        nonlocal at_once, most
        with guard:
            at_once += 1
            most = max(most, at_once)
        try:
            return whole(*given, **how)
        finally:
            with guard:
                at_once -= 1

    monkeypatch.setattr(module, "_webp", watched)
    files = [a_file(Image.fromarray(halves(600, 600))) for _ in range(8)]
    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(lambda file: thumbnails(file, [None]), files))) == 8
    assert most == 1
