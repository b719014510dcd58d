"""Where weights are, and what is in them.

Files are read as tensors alone: safetensors, or torch's format with ``weights_only``. A pickle that asks for anything
else is refused, never run.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import pickle
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syncd_embedding.errors import ExtraMissing, ModelError, first_line, install
from syncd_embedding.media import client_of_the_environment

Client = Callable[[], Any]
"""Makes a client of S3."""


@dataclass(frozen=True)
class Published:
    """A checkpoint of DINO: its file, about how large it is (MB), its width and patch."""

    file: str
    megabytes: int
    width: int
    patch: int

    @property
    def url(self) -> str:
        """Where DINO's own table of models has it."""
        return f"https://dl.fbaipublicfiles.com/dino/{self.file.removesuffix('.pth')}/{self.file}"


PUBLISHED = {
    "dino_vits8": Published("dino_deitsmall8_pretrain.pth", 87, 384, 8),
    "dino_vitb8": Published("dino_vitbase8_pretrain.pth", 343, 768, 8),
    "dino_vits16": Published("dino_deitsmall16_pretrain.pth", 87, 384, 16),
    "dino_vitb16": Published("dino_vitbase16_pretrain.pth", 343, 768, 16),
}
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_NOT_NEEDED = {"optimizer", "epoch", "args", "dino_loss", "fp16_scaler", "student"}
"""What a training checkpoint of DINO holds besides the teacher."""


@dataclass(frozen=True)
class Found:
    """A file or a folder of weights on this machine; ``digest`` of what is in it (blake2b, 40 hexadecimal digits)."""

    path: Path
    digest: str
    published: Published | None = None


@dataclass(frozen=True)
class Backbone:
    """The tensors of a backbone under their published names; ``not_needed`` names everything else that was there."""

    tensors: dict[str, Any]
    not_needed: tuple[str, ...]


def find(weights: str, *, sha256: str | None = None, downloads: Path | None = None, s3: Client | None = None) -> Found:
    """Find weights on this machine; from S3 they are fetched into ``downloads``, once for each version.

    ``s3`` makes a client of boto3; without it the environment says how.
    Raises ModelError where they are not there, saying what to fetch and where to put it, or where they are not those
    of ``sha256``.
    """
    published = PUBLISHED.get(weights)
    if weights.startswith("s3://"):
        path = _from_s3(weights, downloads or _caches()[0] / "syncd" / "weights", s3)
    else:
        path = _local(weights, published)
    files = [path] if path.is_file() else _files_of(path)
    if sha256 is not None:
        _check(files, sha256)
    return Found(path, _digest(files), published)


def backbone(path: Path) -> Backbone:
    """Read a file of weights: the teacher of a training checkpoint, or a backbone alone.

    Raises ModelError where it is not a file of tensors, or a tensor in it is accounted for by nothing.
    """
    return account(_tensors(path), path)


def account(loaded: Mapping[str, Any], path: Path) -> Backbone:
    """Say of each key of a checkpoint whether it is needed. Raises ModelError for what is neither."""
    unneeded: list[str] = []
    chosen: Any = loaded
    for name in ("teacher", "student", "state_dict", "model"):
        if isinstance(loaded.get(name), Mapping):
            chosen = loaded[name]
            others = [key for key in loaded if key != name]
            unknown = [key for key in others if key not in _NOT_NEEDED]
            if unknown:
                raise _left_over(path, unknown)
            unneeded += others
            break
    tensors: dict[str, Any] = {}
    for name, tensor in chosen.items():
        bare = name.removeprefix("module.")
        if bare.startswith("head."):
            unneeded.append(name)
            continue
        bare = bare.removeprefix("backbone.")
        if not hasattr(tensor, "shape") or bare in tensors:
            raise _left_over(path, [name])
        tensors[bare] = tensor
    return Backbone(tensors, tuple(unneeded))


def _left_over(path: Path, names: list[str]) -> ModelError:
    some = ", ".join(repr(name) for name in names[:5]) + (" …" if len(names) > 5 else "")
    return ModelError(
        f"{path} holds {some}, which is no part of a DINO checkpoint.",
        remedy="Save the backbone alone, where it was trained: torch.save(backbone.state_dict(), 'weights.pth').",
    )


def _tensors(path: Path) -> Mapping[str, Any]:
    if path.suffix == ".safetensors":
        try:
            from safetensors import SafetensorError
            from safetensors.torch import load_file
        except ImportError as error:
            raise ExtraMissing(f"{path.name} needs the package safetensors.", remedy=install("embedding")) from error
        try:
            tensors: dict[str, Any] = load_file(path)
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{path} is not a file of safetensors: {error}.") from None
        return tensors
    import torch

    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        asked = re.search(r"GLOBAL ([\w.]+)", str(error))
        if not asked:
            raise ModelError(f"{path} is not a file of torch's: {first_line(error)}") from None
        raise ModelError(
            f"{path} asks for {asked[1]}, beside tensors. Loading it would run code of whoever made it.",
            remedy="Where it was made, save the tensors alone: torch.save(model.state_dict(), 'weights.pth').",
        ) from None
    except (RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise ModelError(f"{path} is not a file of torch's: {first_line(error)}") from None
    if not isinstance(loaded, Mapping):
        raise ModelError(f"{path} holds a {type(loaded).__name__}, not named tensors.")
    return loaded


def _local(weights: str, published: Published | None) -> Path:
    path = Path(weights).expanduser()
    if path.exists():
        return path
    if published is not None:
        places = [Path(folder) / published.file for folder in _torch_folders()]
        for place in places:
            if place.is_file():
                return place
        raise ModelError(
            f"The weights of {weights} are not on this machine.",
            remedy=f"Fetch {published.url} ({published.megabytes} MB) and put it at {places[0]}, or anywhere, and name "
            f"it: weights: /path/{published.file}. DINO publishes no checksum: take it with sha256sum where you trust "
            "the file, and state it as sha256.",
        )
    if _HUB_ID.fullmatch(weights) and not weights.endswith((".pth", ".pt", ".safetensors")):
        return _in_hub_cache(weights)
    known = ", ".join(PUBLISHED)
    raise ModelError(
        f"There are no weights at {weights}.",
        remedy=f"Give a file, a folder of transformers, its id (facebook/dinov2-small), s3://bucket/key, or {known}.",
    )


def _torch_folders() -> list[Path]:
    home = os.environ.get("TORCH_HOME")
    folders = [Path(home).expanduser()] if home else []
    return [folder / "hub" / "checkpoints" for folder in (*folders, *(cache / "torch" for cache in _caches()))]


def _caches() -> list[Path]:
    told = os.environ.get("XDG_CACHE_HOME")
    return [Path(told).expanduser()] if told else [Path.home() / ".cache"]


def _in_hub_cache(name: str) -> Path:
    home = os.environ.get("HF_HOME")
    hub = Path(
        os.environ.get("HF_HUB_CACHE") or (Path(home) if home else _caches()[0] / "huggingface") / "hub"
    ).expanduser()
    folder = hub / f"models--{name.replace('/', '--')}"
    reference = folder / "refs" / "main"
    if reference.is_file():
        snapshot = folder / "snapshots" / reference.read_text().strip()
        if (snapshot / "config.json").is_file():
            return snapshot
    raise ModelError(
        f"The weights of {name} are not in the hub's cache ({hub}).",
        remedy=f"Fetch them where there is a network: `hf download {name}`; or give the folder with its config.json.",
    )


def _files_of(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.iterdir() if path.suffix in {".safetensors", ".bin", ".json"})
    if not any(path.suffix != ".json" for path in files):
        raise ModelError(
            f"{folder} holds no weights.",
            remedy="Expected is a folder of transformers: config.json and model.safetensors.",
        )
    return files


def _check(files: list[Path], sha256: str) -> None:
    main = [path for path in files if path.suffix != ".json"]
    found = _hashed(main[:1], hashlib.sha256())
    if found != sha256.lower():
        raise ModelError(
            f"{main[0]} has the checksum {found}, and {sha256.lower()} is stated.",
            remedy="Fetch the file again; or, where it is the right one, state its checksum as `sha256`.",
        )


def _digest(files: list[Path]) -> str:
    return _hashed(files, hashlib.blake2b(digest_size=20))


def _hashed(files: list[Path], digest: Any) -> str:
    for path in files:
        if len(files) > 1:
            digest.update(path.name.encode())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return str(digest.hexdigest())


def _from_s3(address: str, downloads: Path, s3: Client | None) -> Path:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    client = (s3 or client_of_the_environment)()
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        version = client.head_object(Bucket=bucket, Key=key)["ETag"].strip('"')
        place = (
            downloads / hashlib.blake2b(f"{address} {version}".encode(), digest_size=10).hexdigest() / Path(key).name
        )
        if not place.is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            half = place.with_name(f".{place.name}.{os.getpid()}.part")
            client.download_file(bucket, key, str(half))
            half.replace(place)
    except (BotoCoreError, ClientError) as error:
        raise ModelError(
            f"The weights at {address} cannot be read: {error}.",
            remedy="Check the address, and that `aws s3 ls` shows it with the credentials of this account.",
        ) from None
    return place
