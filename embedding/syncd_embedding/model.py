"""A model that is loaded: pixels in, one vector an image out, in float32."""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from syncd_embedding.errors import ExtraMissing, ModelError, first_line
from syncd_embedding.extras import needed
from syncd_embedding.pixels import Image
from syncd_embedding.settings import IMAGENET_MEAN, IMAGENET_STD, ModelSettings, Pool
from syncd_embedding.vit import VisionTransformer, architecture
from syncd_embedding.weights import Client, Found, backbone, find

Encode = Callable[[Tensor], Tensor]


@dataclass
class Model:
    """A network in evaluation mode, and what belongs to it.

    ``encode`` is what computes features from what ``prepared`` gives: the network itself, or a runtime's in its place.
    ``prefix``: how many tokens come before the patches. ``by_tokens``: images of equally many tokens may share a batch;
    otherwise they must be of one shape.
    """

    settings: ModelSettings
    network: nn.Module
    name: str
    patch: int
    width: int
    prefix: int
    by_tokens: bool
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    described: dict[str, Any]
    not_needed: tuple[str, ...]
    encode: Encode
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    _copies: Any = None

    @property
    def exact(self) -> Model:
        """The same model as torch computes it in float32."""
        network = self.network if self._dtype is torch.float32 else copy.deepcopy(self.network).float()
        encode: Any = network.encoder if self.by_tokens else network
        return replace(self, network=network, encode=encode)

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        return self.width * (2 if self.settings.pool is Pool.BOTH else 1)

    def tokens(self, shape: tuple[int, ...]) -> int:
        """How many tokens an image of this height and width becomes."""
        return self.prefix + (shape[0] // self.patch) * (shape[1] // self.patch)

    def group(self, image: Image) -> Hashable:
        """What images must have in common to share a batch."""
        return self.tokens(image.shape) if self.by_tokens else image.shape[:2]

    def vectors(self, images: Sequence[Image]) -> npt.NDArray[np.float32]:
        """Vectors (N, D) of images of one :meth:`group`."""
        vectors: npt.NDArray[np.float32] = self.started(images).cpu().numpy()
        return vectors

    def started(self, images: Sequence[Image]) -> Tensor:
        """As :meth:`vectors`, on the device, which may not have finished them yet."""
        with torch.inference_mode():
            return self.pooled(self.encode(self.prepared(images)))

    def prepared(self, images: Sequence[Image]) -> Tensor:
        """Images of one group as what ``encode`` takes: tokens, or pixels where the network has no such step."""
        alike: dict[tuple[tuple[int, ...], Any], list[int]] = {}
        for position, image in enumerate(images):
            alike.setdefault((image.shape, image.dtype), []).append(position)
        parts = []
        for positions in alike.values():
            pixels = self._normalized(np.stack([images[position] for position in positions]))
            parts.append(self.network.tokens(pixels) if self.by_tokens else pixels)  # type: ignore[operator] # a ViT
        if len(parts) == 1:
            return parts[0]
        order = torch.tensor([position for positions in alike.values() for position in positions])
        return torch.cat(parts)[torch.argsort(order).to(self.device)]

    def pooled(self, features: Tensor) -> Tensor:
        """Features (B, T, C) as vectors."""
        pool = self.settings.pool
        parts = []
        if pool is not Pool.MEAN:
            parts.append(features[:, 0])
        if pool is not Pool.CLS:
            parts.append(features[:, self.prefix :].mean(dim=1))
        joined = torch.cat(parts, dim=1).float()
        return functional.normalize(joined, dim=1) if self.settings.normalize else joined

    @property
    def _dtype(self) -> torch.dtype:
        return next(self.network.parameters()).dtype

    def _normalized(self, images: Image) -> Tensor:
        """Pixels (B, H, W) or (B, H, W, 3), 0 to 255, as (B, 3, H, W) on the device."""
        pixels = self._uploaded(torch.from_numpy(images)).float() / 255
        channels = pixels.permute(0, 3, 1, 2) if pixels.ndim == 4 else pixels[:, None].expand(-1, 3, -1, -1)
        mean, std = (torch.tensor(values, device=self.device).view(3, 1, 1) for values in (self.mean, self.std))
        return ((channels - mean) / std).to(self._dtype)

    def _uploaded(self, pixels: Tensor) -> Tensor:
        if self.device.type != "cuda":
            return pixels
        # On a stream of its own, from pinned memory: the copy runs while the batch before it is computed.
        if self._copies is None:
            self._copies = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        with torch.cuda.stream(self._copies):
            there = pixels.pin_memory().to(self.device, non_blocking=True)
        torch.cuda.current_stream(self.device).wait_stream(self._copies)
        there.record_stream(torch.cuda.current_stream(self.device))
        return there


def load(settings: ModelSettings, *, downloads: Path | None = None, s3: Client | None = None) -> Model:
    """Load the model of these settings, on the CPU. Raises ModelError, ExtraMissing."""
    found = find(settings.weights, sha256=settings.sha256, downloads=downloads, s3=s3)
    return _of_transformers(settings, found) if found.path.is_dir() else _of_dino(settings, found)


def _of_dino(settings: ModelSettings, found: Found) -> Model:
    read = backbone(found.path)
    shape = architecture({name: tuple(tensor.shape) for name, tensor in read.tensors.items()})
    published = found.published
    if published and (published.width, published.patch) != (shape.width, shape.patch):
        raise ModelError(
            f"{found.path} holds {shape}, which is not {settings.weights}.", remedy="Fetch the file again."
        )
    network = VisionTransformer(shape)
    tensors = {name: tensor.float() for name, tensor in read.tensors.items()}
    expected = network.state_dict()
    left = [name for name in tensors if name not in expected] + [
        f"no {name}" for name in expected if name not in tensors
    ]
    wrong = [name for name in tensors if name in expected and expected[name].shape != tensors[name].shape]
    if left or wrong:
        some = ", ".join([*left, *wrong][:5])
        raise ModelError(
            f"{found.path} is nearly {shape}, but not quite: {some}.",
            remedy="Every tensor must be accounted for; these are weights of another architecture.",
        )
    unsound = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    if unsound:
        raise ModelError(f"{found.path} holds numbers that are none, in {unsound[0]}.", remedy="Fetch the file again.")
    network.load_state_dict(tensors, strict=True)
    network.eval()
    return Model(
        settings=settings,
        network=network,
        name=str(shape),
        patch=shape.patch,
        width=shape.width,
        prefix=1,
        by_tokens=True,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        described=settings.described(found.digest),
        not_needed=read.not_needed,
        encode=network.encoder,
    )


class _HiddenStates(nn.Module):
    """A ViT of transformers as a network that gives its last features alone."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        takes = inspect.signature(network.forward).parameters
        self.options = {"interpolate_pos_encoding": True} if "interpolate_pos_encoding" in takes else {}

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels (B, 3, H, W) to features (B, T, C)."""
        hidden: Tensor = self.network(pixel_values=pixels, **self.options).last_hidden_state
        return hidden


def _of_transformers(settings: ModelSettings, found: Found) -> Model:
    config, inner = _from_pretrained(found.path)
    patch, width = getattr(config, "patch_size", None), getattr(config, "hidden_size", None)
    if not isinstance(patch, int) or not isinstance(width, int):
        raise ModelError(
            f"{found.path} is a {type(config).__name__}, which has no square patches.",
            remedy="Give a vision transformer: ViT, DINOv2, DINOv3.",
        )
    inner.eval()
    preprocessor = found.path / "preprocessor_config.json"
    told = json.loads(preprocessor.read_text()) if preprocessor.is_file() else {}
    network = _HiddenStates(inner)
    mean, std = tuple(told.get("image_mean", IMAGENET_MEAN)), tuple(told.get("image_std", IMAGENET_STD))
    return Model(
        settings=settings,
        network=network,
        name=f"{type(inner).__name__} /{patch}",
        patch=patch,
        width=width,
        prefix=1 + int(getattr(config, "num_register_tokens", 0) or 0),
        by_tokens=False,
        mean=mean,
        std=std,
        described=settings.described(found.digest),
        not_needed=(),
        encode=network,
    )


def _from_pretrained(folder: Path) -> tuple[Any, nn.Module]:
    with _fitting_torchvision():
        transformers = needed(
            "transformers", "transformers", "embedding-transformers", f"{folder}, a model of transformers,"
        )
        bars = import_module("transformers.utils.logging")
        try:
            config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
            kind = transformers.AutoModel._model_mapping[type(config)]
            options = {"add_pooling_layer": False} if "add_pooling_layer" in inspect.signature(kind).parameters else {}
            bars.disable_progress_bar()
            try:
                network = kind.from_pretrained(folder, local_files_only=True, dtype=torch.float32, **options)
            finally:
                bars.enable_progress_bar()
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(f"{folder} is no model that transformers can load: {first_line(error)}") from None
    return config, network


@contextmanager
def _fitting_torchvision() -> Iterator[None]:
    """Say what is at fault where transformers imports a torchvision that was built for another torch."""
    try:
        yield
    except (RuntimeError, ImportError, ExtraMissing) as error:
        at_fault = next((each for each in _chain(error) if "torchvision" in str(each)), None)
        if at_fault is None:
            raise
        raise ExtraMissing(
            f"The torchvision that is installed does not fit torch {torch.__version__}, and transformers imports it: "
            f"{first_line(at_fault)}",
            remedy="pip uninstall torchvision; syncd does not need it.",
        ) from None


def _chain(error: BaseException | None) -> Iterator[Exception]:
    """An error, and those that led to it."""
    while isinstance(error, Exception):
        yield error
        error = error.__cause__ or error.__context__
