"""What is known of an image file from its header and its end, and which files are turned away."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from syncd.ingest.media import probe as probing
from syncd.ingest.media.probe import ImageFacts, probe, probe_header


def picture(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    noise = Image.effect_noise(size, 80)
    return noise.convert(mode)


def encoded(form: str, mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    picture(mode).save(out, form, **options)
    return out.getvalue()


def facts(tmp_path: Path, name: str, content: bytes) -> ImageFacts | str:
    path = tmp_path / name
    path.write_bytes(content)
    return probe(str(path))


@pytest.mark.parametrize(
    ("form", "mode", "channels", "mime"),
    [
        ("PNG", "RGB", 3, "image/png"),
        ("PNG", "RGBA", 4, "image/png"),
        ("PNG", "L", 1, "image/png"),
        ("PNG", "P", 1, "image/png"),
        ("PNG", "I;16", 1, "image/png"),
        ("JPEG", "RGB", 3, "image/jpeg"),
        ("JPEG", "L", 1, "image/jpeg"),
        ("JPEG", "CMYK", 4, "image/jpeg"),
        ("TIFF", "L", 1, "image/tiff"),
        ("BMP", "RGB", 3, "image/bmp"),
        ("GIF", "L", 1, "image/gif"),
        ("WEBP", "RGB", 3, "image/webp"),
    ],
)
def test_a_whole_image_is_described(tmp_path: Path, form: str, mode: str, channels: int, mime: str) -> None:
    content = encoded(form, mode)
    suffix = {"JPEG": ".JPG", "TIFF": ".tif"}.get(form, f".{form.lower()}")
    assert facts(tmp_path, f"a{suffix}", content) == ImageFacts(len(content), mime, 40, 30, channels)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "BMP"])
@pytest.mark.parametrize("missing", [1, 200])
def test_a_truncated_image_is_a_fault(tmp_path: Path, form: str, missing: int) -> None:
    fault = facts(tmp_path, "a.img", encoded(form)[:-missing])
    assert isinstance(fault, str)
    assert "damaged" in fault


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_an_image_whose_second_half_was_never_written_is_a_fault(tmp_path: Path, form: str) -> None:
    content = encoded(form)
    fault = facts(tmp_path, "a.img", content[: len(content) // 2] + bytes(len(content) // 2))
    assert fault == f"{tmp_path}/a.img is damaged or not whole: the end of the image is missing."


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_bytes_behind_the_end_do_no_harm(tmp_path: Path, form: str) -> None:
    found = facts(tmp_path, "a.img", encoded(form) + b"a camera's own")
    assert isinstance(found, ImageFacts)
    assert (found.width, found.height) == (40, 30)


def test_a_text_is_no_image(tmp_path: Path) -> None:
    fault = facts(tmp_path, "a.png", b"image,label\n1,copepod\n")
    assert fault == f"{tmp_path}/a.png is not an image that can be read (expected {', '.join(probing.FORMATS)})."


def test_an_empty_file_is_a_fault(tmp_path: Path) -> None:
    assert facts(tmp_path, "a.png", b"") == f"{tmp_path}/a.png is empty (0 bytes)."


def test_a_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    assert probe(str(tmp_path / "a.png")) == f"{tmp_path}/a.png is not there."


def test_a_folder_is_a_fault(tmp_path: Path) -> None:
    assert probe(str(tmp_path)) == f"{tmp_path} cannot be read: Is a directory."


def test_a_damaged_header_is_a_fault(tmp_path: Path) -> None:
    fault = facts(tmp_path, "a.png", encoded("PNG")[:20])
    assert isinstance(fault, str)
    assert "damaged header" in fault


def test_a_jpeg_called_png_is_known_by_its_content_and_noted(tmp_path: Path) -> None:
    found = facts(tmp_path, "a.png", encoded("JPEG"))
    assert isinstance(found, ImageFacts)
    assert found.mime_type == "image/jpeg"
    assert found.note == "The name ends in .png, but the content is image/jpeg"


@pytest.mark.parametrize("name", ["a", "a.dat", "a.jpeg", "a.JPG", "a.jfif"])
def test_a_name_that_claims_nothing_else_is_not_noted(tmp_path: Path, name: str) -> None:
    found = facts(tmp_path, name, encoded("JPEG"))
    assert isinstance(found, ImageFacts)
    assert found.note is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_on_its_side_has_its_width_and_height_swapped(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = facts(tmp_path, "a.jpg", encoded("JPEG", exif=exif))
    assert isinstance(found, ImageFacts)
    assert (found.width, found.height) == ((30, 40) if orientation >= 5 else (40, 30))


def huge(width: int, height: int) -> bytes:
    """A black PNG of one bit a pixel, small as a file."""
    out = io.BytesIO(b"")
    out.write(b"\x89PNG\r\n\x1a\n")
    PngImagePlugin.putchunk(out, b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    packer = zlib.compressobj()
    PngImagePlugin.putchunk(out, b"IDAT", packer.compress(bytes(1000)) + packer.flush())
    PngImagePlugin.putchunk(out, b"IEND", b"")
    return out.getvalue()


def test_a_large_scan_is_an_image_without_a_warning(tmp_path: Path) -> None:
    found = facts(tmp_path, "a.png", huge(20_000, 18_000))
    assert isinstance(found, ImageFacts)
    assert (found.width, found.height) == (20_000, 18_000)


def test_an_absurdly_large_image_is_a_fault(tmp_path: Path) -> None:
    fault = facts(tmp_path, "a.png", huge(60_000, 60_000))
    assert isinstance(fault, str)
    assert "60000 x 60000 pixels" in fault


def test_the_header_alone_suffices_where_only_that_is_asked_for() -> None:
    content = encoded("JPEG")
    found = probe_header(io.BytesIO(content[:700]), "s3://bucket/a.jpg", len(content))
    assert found == ImageFacts(len(content), "image/jpeg", 40, 30, 3)
