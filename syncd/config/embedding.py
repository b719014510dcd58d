"""Models that make vectors of images, and what of a binding they are made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from syncd.config.kinds import (
    BindingName,
    Expect,
    FieldName,
    Flag,
    FolderPath,
    Fraction,
    PositiveDuration,
    Section,
    Text,
    Unfit,
    beside_the_configuration,
    plain_text,
)

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_LEAST, _MOST = 8, 4096
PIXELS = f"a number of pixels from {_LEAST} to {_MOST}"


def _pixels(value: object) -> int:
    text = str(value)
    if isinstance(value, bool) or not text.isdecimal() or not _LEAST <= int(text) <= _MOST:
        raise Unfit
    return int(text)


def _size(value: object) -> int | Literal["native"]:
    return "native" if value == "native" else _pixels(value)


def _range(value: object) -> tuple[float, float]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise Unfit
    try:
        black, white = map(float, value)
    except (TypeError, ValueError):
        raise Unfit from None
    if not black < white:
        raise Unfit("black first, then white: [0, 4095]")
    return black, white


def _grey(value: object) -> int:
    text = str(value)
    if isinstance(value, bool) or not text.isdecimal() or int(text) > 255:
        raise Unfit
    return int(text)


def _sha256(value: object) -> str:
    text = plain_text(value)
    if not _SHA256.fullmatch(text):
        raise Unfit("as `sha256sum FILE` prints it")
    return text.lower()


def _found_beside(weights: str, info: ValidationInfo) -> str:
    """A file or folder beside the configuration; otherwise as it stands: a path, a name, an id, or a place in S3."""
    if weights.startswith("s3://"):
        return weights
    beside = beside_the_configuration(Path(weights), info)
    return str(beside) if isinstance(beside, Path) and beside.exists() else weights


Pixels = Annotated[int, Expect(PIXELS, _pixels)]
Size = Annotated[int | Literal["native"], Expect(f"native, or {PIXELS}", _size)]
ValueRange = Annotated[tuple[float, float], Expect("two numbers: the values of black and of white", _range)]
Grey = Annotated[int, Expect("a whole number from 0 to 255", _grey)]
Sha256 = Annotated[str, Expect("64 hexadecimal digits", _sha256)]


def _spelled_out(value: object) -> object:
    """``dino_vits8:`` with nothing after it is a model with all defaults, as is an empty `models`."""
    if value is None:
        return {}
    return {name: model or {} for name, model in value.items()} if isinstance(value, Mapping) else value


class EmbeddingModelConfig(Section):
    """One model. `weights` None: the published checkpoint that the model is called after (docs/embedding.md).

    `size`: native (aspect kept, the longer side at most `max_side` pixels, never enlarged) or the side of a square.
    `pool`: the class token, the mean of the patches, or both. `value_range`: black and white of images with more than
    8 bits; None: the range of their type. `background` shows behind transparent pixels. `int8_limit`: the largest
    1 − cosine that 8-bit weights may cost.
    """

    weights: Annotated[Text, AfterValidator(_found_beside)] | None = None
    sha256: Sha256 | None = None
    size: Size = "native"
    max_side: Pixels = 224
    pool: Literal["cls", "mean", "both"] = "cls"
    normalize: Flag = True
    value_range: ValueRange | None = None
    background: Grey = 0
    runtime: Literal["auto", "torch", "torch-bf16", "openvino", "openvino-bf16", "onnx", "onnx-int8"] = "auto"
    device: Text = "auto"
    int8_limit: Fraction = 0.002


class EmbeddingConfig(Section):
    """The models by name; where vectors are kept; how often the daemon brings them up to date (None: it does not)."""

    models: Annotated[Mapping[BindingName, EmbeddingModelConfig], BeforeValidator(_spelled_out)] = Field(
        default_factory=dict
    )
    folder: Annotated[FolderPath, AfterValidator(beside_the_configuration)] = Path("~/.cache/syncd/embeddings")
    every: PositiveDuration | None = None

    @property
    def place(self) -> Path:
        """`folder`, with the user's own in the place of ``~``."""
        return self.folder.expanduser()


class BindingEmbeddingConfig(Section):
    """What of a binding gets vectors, by which model, and what is made of them in FiftyOne.

    `of`: whole samples, or patches, which are the boxes of the label field, wider by `margin` of their longer side.
    `model` None: the only one there is. `field`: where FiftyOne has the vectors; `brain_key`: the layout's; None: the
    usual names. `layout` None: none.
    """

    model: BindingName | None = None
    of: Literal["samples", "patches"] = "samples"
    margin: Fraction = 0.1
    field: FieldName | None = None
    brain_key: FieldName | None = None
    layout: Literal["umap", "pacmap"] | None = "umap"
    similarity: Flag = True
    suspects: Flag = True
