"""From a file's bytes to the pixels that a model sees."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from syncd_embedding.errors import MediaError
from syncd_embedding.pixels import cut, cuts, decode, without_warnings

GREY = np.arange(48 * 64, dtype=np.uint32).reshape(48, 64) % 251


def encoded(image: Image.Image, kind: str = "PNG", **how: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def test_grey_stays_grey_and_is_the_same_as_colour() -> None:
    image = Image.fromarray(GREY.astype(np.uint8))
    grey, colour = (cut(decode(encoded(each)), None) for each in (image, image.convert("RGB")))
    assert (grey.shape, colour.shape) == ((48, 64), (48, 64, 3))
    assert np.array_equal(colour, np.stack([grey] * 3, axis=2))


def test_sixteen_bits_keep_their_levels_by_the_range_of_the_type_or_the_stated_one() -> None:
    twelve = (GREY * 16).astype(np.uint16)
    content = encoded(Image.fromarray(twelve))
    assert cut(decode(content), None) == pytest.approx(twelve * (255 / 65535), abs=1e-3)
    assert cut(decode(content, value_range=(0, 4095)), None) == pytest.approx(twelve * (255 / 4095), abs=1e-2)
    assert cut(decode(content, value_range=(1000, 2000)), None).max() == 255
    tiff = encoded(Image.fromarray(twelve), "TIFF")
    assert cut(decode(tiff), None) == pytest.approx(twelve * (255 / 65535), abs=1e-3)


def test_float_pixels_need_a_range_beyond_0_to_1() -> None:
    content = encoded(Image.fromarray((GREY / 251).astype(np.float32)), "TIFF")
    assert cut(decode(content), None) == pytest.approx(GREY * (255 / 251), abs=1e-2)
    beyond = encoded(Image.fromarray(GREY.astype(np.float32)), "TIFF")
    with pytest.raises(MediaError, match="must be stated"):
        decode(beyond)
    assert cut(decode(beyond, value_range=(0, 255)), None) == pytest.approx(GREY, abs=1e-2)


def test_palettes_are_looked_up_and_transparency_shows_the_background() -> None:
    red = Image.new("P", (16, 16), 1)
    red.putpalette([0, 0, 0, 200, 10, 20])
    assert cut(decode(encoded(red)), None)[0, 0].tolist() == [200, 10, 20]
    for clear in (
        encoded(red, transparency=1),
        encoded(Image.new("RGBA", (16, 16), (9, 9, 9, 0))),
        encoded(Image.new("LA", (16, 16), (9, 0))),
    ):
        assert cut(decode(clear), None).max() == 0
        assert cut(decode(clear, background=255), None).min() == 255
    half = encoded(Image.new("RGBA", (16, 16), (200, 100, 0, 128)))
    assert cut(decode(half), None)[0, 0].tolist() == [100, 50, 0]


def test_an_image_stands_as_its_exif_says() -> None:
    lying = Image.new("L", (64, 32), 0)
    lying.paste(255, (0, 0, 32, 32))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    upright = cut(decode(encoded(lying, "JPEG", exif=exif, quality=100)), None)
    assert upright.shape == (64, 32)
    assert (upright[:30] > 250).all()
    assert (upright[34:] < 5).all()


@pytest.mark.parametrize(
    ("size", "how", "expected"),
    [
        ((100, 40), {}, (40, 96)),  # native, to the nearest multiple of the patch
        ((300, 100), {}, (72, 224)),
        ((50, 3), {}, (8, 48)),  # never less than a patch
        ((500, 500), {"max_side": 100}, (96, 96)),
        ((100, 40), {"patch": 16}, (32, 96)),
        ((100, 40), {"size": 64}, (64, 64)),
        ((20, 20), {"size": 100}, (96, 96)),
    ],
)
def test_sizes(size: tuple[int, int], how: dict[str, Any], expected: tuple[int, int]) -> None:
    assert cut(Image.new("L", size), None, **how).shape == expected


def test_boxes_with_margins_are_cut_from_one_decoded_frame() -> None:
    frame = Image.new("L", (200, 100), 0)
    frame.paste(200, (40, 20, 80, 60))
    box = (0.2, 0.2, 0.2, 0.4)
    found = cuts(encoded(frame), [(box, 0.0), (box, 0.5), (None, 0.0)], patch=8, max_side=224)
    inner, outer, everything = (each for each in found if not isinstance(each, MediaError))
    assert inner.shape == (40, 40)
    assert inner.min() == 200
    assert outer.shape == (80, 80)
    assert outer[0].max() == 0
    assert everything.shape == (96, 200)


@pytest.mark.parametrize(
    ("box", "says"),
    [
        ((0.1, 0.1, 0.0, 0.5), "has no size"),
        ((0.1, 0.1, 0.5, -0.1), "has no size"),
        ((1.2, 0.1, 0.1, 0.1), "outside of the image"),
        ((0.1, 0.1, 0.001, 0.1), "smaller than a pixel"),
        ((float("nan"), 0.1, 0.1, 0.1), "not made of numbers"),
    ],
)
def test_a_box_that_cannot_be_cut_does_not_keep_the_others_from_it(
    box: tuple[float, float, float, float], says: str
) -> None:
    bad, good = cuts(encoded(Image.new("L", (100, 100))), [(box, 0.0), ((0.9, 0.9, 0.5, 0.5), 0.0)], patch=8)
    assert isinstance(bad, MediaError)
    assert says in bad.message
    assert isinstance(good, np.ndarray)
    assert good.shape == (8, 8)


def _huge() -> bytes:
    chunks = [b"IHDR" + struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0), b"IDAT" + zlib.compress(b"")]
    packed = (struct.pack(">I", len(each) - 4) + each + struct.pack(">I", zlib.crc32(each)) for each in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is no image"),
        (b"hello", "is no image"),
        (encoded(Image.fromarray(GREY.astype(np.uint8)))[:-60], "is damaged"),
        (encoded(Image.fromarray(GREY.astype(np.uint8)), "JPEG")[:-300], "is damaged"),
        (_huge(), "more than 179 million pixels"),
    ],
    ids=["empty", "text", "cut PNG", "cut JPEG", "huge"],
)
def test_a_broken_file_says_what_is_wrong_with_it(content: bytes, says: str) -> None:
    with without_warnings(), pytest.raises(MediaError, match=says):
        decode(content)
