"""What is asked of a model, and the fingerprint by which vectors of other settings are told apart."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, Literal

from syncd_embedding.errors import EmbeddingError

ARITHMETIC = 1
"""Counts up when the same pixels and weights would give other vectors than before."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Pool(str, Enum):
    """What of a model's output is the vector."""

    CLS = "cls"
    MEAN = "mean"
    BOTH = "both"


class Runtime(str, Enum):
    """What computes. ``AUTO`` takes the fastest that is there, of those that deviate little from float32."""

    AUTO = "auto"
    TORCH = "torch"
    TORCH_BF16 = "torch-bf16"
    OPENVINO = "openvino"
    OPENVINO_BF16 = "openvino-bf16"
    ONNX = "onnx"
    ONNX_INT8 = "onnx-int8"


@dataclass(frozen=True)
class ModelSettings:
    """One model, and how images are brought to it.

    ``weights``: a name (``dino_vits8`` …), a file, a folder of transformers, its id on the hub, or
    ``s3://bucket/key``. ``size``: ``"native"`` (the image's own, its longer side at most ``max_side`` pixels, never
    enlarged) or the side of a square in pixels, to which everything is brought. ``pool``: the class token, the mean of
    the patches, or both, one behind the other. ``normalize``: to length 1. ``value_range``: what is black and what is
    white in images of more than 8 bits; None: the range of their type. ``background``: what shows behind transparent
    pixels, 0 to 255. ``sha256``: what the file of weights must be. ``int8_limit``: the largest 1 − cosine that 8-bit
    weights may cost on the user's own images.
    """

    weights: str
    sha256: str | None = None
    size: int | Literal["native"] = "native"
    max_side: int = 224
    pool: Pool = Pool.CLS
    normalize: bool = True
    value_range: tuple[float, float] | None = None
    background: int = 0
    runtime: Runtime = Runtime.AUTO
    device: str = "auto"
    int8_limit: float = 0.002

    def __post_init__(self) -> None:
        object.__setattr__(self, "pool", Pool(self.pool))
        object.__setattr__(self, "runtime", Runtime(self.runtime))
        if self.size != "native" and not 8 <= self.size <= 4096:
            raise EmbeddingError(
                f"size is {self.size}.", remedy="Give native, or the side of a square, 8 to 4096 pixels."
            )
        if not 8 <= self.max_side <= 4096:
            raise EmbeddingError(f"max_side is {self.max_side}.", remedy="Give 8 to 4096 pixels.")
        if self.value_range and not self.value_range[0] < self.value_range[1]:
            raise EmbeddingError(
                f"value_range is {list(self.value_range)}.", remedy="Give black, then white: [0, 4095]."
            )

    def described(self, weights_digest: str) -> dict[str, Any]:
        """What makes a vector what it is, as it is stored; neither device nor runtime, but for 8-bit weights."""
        told = asdict(self)
        for name in ("weights", "sha256", "runtime", "device", "int8_limit"):
            del told[name]
        if self.size != "native":
            del told["max_side"]
        told |= {"pool": self.pool.value, "weights": weights_digest, "arithmetic": ARITHMETIC}
        told["int8"] = self.runtime is Runtime.ONNX_INT8
        return told


def fingerprint(described: dict[str, Any]) -> str:
    """A short name for what :meth:`ModelSettings.described` says."""
    return hashlib.blake2b(json.dumps(described, sort_keys=True).encode(), digest_size=10).hexdigest()
