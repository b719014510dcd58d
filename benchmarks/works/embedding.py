"""Vectors of images: syncd's own way beside torch's float32 and beside FiftyOne's ``compute_embeddings``.

One network, ViT-S/8 with seeded weights, and the same images for all of them: those of ``$SYNCD_BENCH_IMAGES``, else of
the plankton pack beside this checkout, else generated ones. What syncd does reads, decodes, embeds and stores; torch
is given images that are decoded already, and computes. FiftyOne is given a model of its own kind that computes by the
same network in float32, so that it needs no torchvision, and batches of 16.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.errors import BenchmarkError
from benchmarks.place import Place
from benchmarks.works.work import Trial, Work

if TYPE_CHECKING:
    from syncd_embedding import Embedder, Item

IMAGES = "SYNCD_BENCH_IMAGES"
PACK = Path(__file__).resolve().parents[3] / "shared" / "plankton" / "images"
MOST = 48
"""Images: enough for full batches, few enough for CPUs on which a large one takes a second."""
SQUARE = 224


def images(folder: Path) -> list[Path]:
    """Images of several sizes and shapes, spread over what there is."""
    told = os.environ.get(IMAGES)
    source = Path(told) if told else PACK
    found = sorted(path for path in source.rglob("*") if path.suffix.lower() in {".png", ".jpg", ".jpeg"})
    if not found and told:
        raise BenchmarkError(f"${IMAGES} names {told}, where there are no images")
    return found[:: max(1, len(found) // MOST)][:MOST] if found else _generated(folder)


def _generated(folder: Path) -> list[Path]:
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(MOST):
        long = int(np.exp(random.uniform(np.log(88), np.log(431))))
        size = (long, max(16, int(long / random.uniform(1, 2.4))))
        paths.append(folder / f"{number}.png")
        Image.fromarray(random.integers(0, 256, size, dtype=np.uint8)).save(paths[-1])
    return paths


def weights(folder: Path) -> Path:
    """Seeded weights of ViT-S/8."""
    import torch

    from syncd_embedding.vit import Architecture, VisionTransformer

    path = folder / "vits8.pth"
    if not path.exists():
        torch.manual_seed(0)
        network = VisionTransformer(Architecture(384, 12, 6, 1536, 8, 28))
        for name, tensor in network.named_parameters():
            if name in {"pos_embed", "cls_token"}:
                torch.nn.init.normal_(tensor, std=0.2)
        torch.save(network.state_dict(), path)
    return path


def _embedder(folder: Path, **settings: Any) -> Embedder:
    from syncd_embedding import Embedder, ModelSettings

    return Embedder(ModelSettings(str(weights(folder)), device="cpu", **settings), folder / "vectors")


def _items(paths: list[Path]) -> list[Item]:
    from syncd_embedding import Item

    return [Item(str(number), str(number), str(path)) for number, path in enumerate(paths)]


def _syncd(name: str, title: str, **settings: Any) -> Work:
    @contextmanager
    def opened(place: Place) -> Iterator[Trial]:
        folder = Path(place.folder)
        items = _items(images(folder / "images"))
        embedder = _embedder(folder, **settings)
        embedder.estimate(embedder.plan(items[:2]))  # loads the model, which is not what is measured

        def forget() -> None:
            for file in (folder / "vectors").glob("*.arrow"):
                file.unlink()

        def run() -> int:
            made = embedder.run(items)
            if made.failures:
                raise BenchmarkError(f"{made.failures[0].media} {made.failures[0].reason}")
            return made.embedded

        yield Trial(run, prepare=forget)

    return Work(name, title, opened, unit="images", basis="embed-torch", script=True)


@contextmanager
def _torch(place: Place) -> Iterator[Trial]:
    """The network alone in float32, on images that are decoded, in the same batches."""
    from syncd_embedding.pixels import cut, decode
    from syncd_embedding.worker import Worker

    folder = Path(place.folder)
    worker: Worker = _embedder(folder, runtime="torch")._worker
    model = worker.model
    batches: dict[Any, list[Any]] = {}
    for path in images(folder / "images"):
        pixels = cut(decode(path.read_bytes()), None)
        batches.setdefault(model.group(pixels), []).append(pixels)
    limit = {group: max(1, 2_400 // model.tokens(each[0].shape)) for group, each in batches.items()}

    def run() -> int:
        count = 0
        for group, alike in batches.items():
            for start in range(0, len(alike), limit[group]):
                count += len(model.vectors(alike[start : start + limit[group]]))
        return count

    run()
    yield Trial(run)


@contextmanager
def _fiftyone(place: Place) -> Iterator[Trial]:
    """``compute_embeddings`` with the same network, squares of 224 pixels as its zoo's models take them."""
    import fiftyone as fo
    import fiftyone.core.models as fom
    import numpy as np
    from PIL import Image

    from syncd.demo.dataset import disconnect

    folder = Path(place.folder)
    model = _embedder(folder, runtime="torch")._worker.model

    class OfFiftyOne(fom.Model, fom.EmbeddingsMixin):  # type: ignore[misc] # FiftyOne comes without types
        media_type = "image"
        ragged_batches = False
        transforms = None
        preprocess = False
        has_embeddings = True

        def embed(self, arg: Any) -> Any:
            return self.embed_all([arg])[0]

        def embed_all(self, args: Any) -> Any:
            squares = [np.asarray(Image.fromarray(each).resize((SQUARE, SQUARE))) for each in args]
            return model.vectors(squares)

        def predict(self, arg: Any) -> Any:
            raise NotImplementedError

    dataset = fo.Dataset()
    dataset.add_samples([fo.Sample(str(path)) for path in images(folder / "images")])

    def run() -> int:
        return len(dataset.compute_embeddings(OfFiftyOne(), batch_size=16))

    try:
        yield Trial(run)
    finally:
        dataset.delete()
        disconnect()


@contextmanager
def _unchanged(place: Place) -> Iterator[Trial]:
    """Nothing is new: as many files as there are labels, each with its vector."""
    import numpy as np

    from syncd_embedding import Row
    from syncd_embedding.media import Media

    folder = Path(place.folder)
    files = folder / "many"
    files.mkdir(exist_ok=True)
    one = images(folder / "images")[0]
    (files / "0.png").write_bytes(one.read_bytes())
    for number in range(1, place.labels):
        os.link(files / "0.png", files / f"{number}.png")
    items = _items([files / f"{number}.png" for number in range(place.labels)])
    embedder = _embedder(folder)
    store = embedder._kept()
    stamps = Media().stamps(item.media for item in items)
    vectors = np.random.default_rng(0).standard_normal((len(items), 384)).astype(np.float32)
    rows = [Row(item.key, item.sample_id, str(stamps[item.media])) for item in items]
    store.append(vectors, rows, settings=embedder.fingerprint)

    def run() -> int:
        if embedder.run(items).plan.unchanged != len(items):
            raise BenchmarkError("something was new where nothing is")
        return len(items)

    yield Trial(run)


WORKS = (
    Work("embed-torch", "torch, float32, decoded images", _torch, unit="images", basis=None, script=True),
    _syncd("embed", "syncd embed, native sizes"),
    Work(
        "embed-fiftyone",
        "compute_embeddings, 224 × 224",
        _fiftyone,
        unit="images",
        basis="embed-torch",
        script=True,
    ),
    _syncd("embed-squares", "syncd embed, 224 × 224", size=SQUARE),
    Work("embed-unchanged", "syncd embed, nothing new", _unchanged, unit="images", basis=None),
)
