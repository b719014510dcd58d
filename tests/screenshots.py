"""Takes the pictures of the App that the documentation shows: ``python tests/screenshots.py [FOLDER]``.

A demo's lab is made, `syncd app` serves it, and Chromium looks at it: a lasso is drawn and relabelled, conflicts are
open, and what was done stands in the log. It needs what the tests need; look at the pictures before they are committed.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

HERE = Path(__file__).parents[1]
sys.path[:0] = [str(HERE), str(HERE / "tests" / "e2e")]

IMAGES, WINDOW = 400, (1440, 900)
FILM, FRAME_MS, LAST_MS = (960, 600), 900, 2_500
POINTS = "by_look"


def main(folder: Path) -> None:
    """Writes ``app-*.png`` and the film ``app-relabel.webp`` into the folder."""
    with tempfile.TemporaryDirectory(prefix="syncd-screenshots-") as place, ExitStack() as stack:
        os.environ |= {"HOME": place, "FIFTYONE_DATABASE_NAME": "screenshots", "FIFTYONE_DO_NOT_TRACK": "true"}
        lab = stack.enter_context(lab_of_pictures(Path(place)))
        from chromium import chromium, window
        from served_app import served_app

        app = stack.enter_context(served_app(lab.config, Path(place), "--as", "ada"))
        browser = stack.enter_context(chromium())
        context = stack.enter_context(window(browser, size=WINDOW))
        _relabel(context, app, lab, folder)
        _panels(context, app, lab, folder)


@contextmanager
def lab_of_pictures(place: Path) -> Iterator[Any]:
    """Both sides in agreement but for some conflicts, and a layout of the labels by how they look."""
    import servers

    with servers.postgres_server(place / "pg") as postgres, servers.mongo_server(place / "mongo") as mongo:
        os.environ["FIFTYONE_DATABASE_URI"] = mongo.address
        import sqlalchemy as sa
        from lab import found_lab

        from syncd.demo import images

        with servers.engine_for_admin(postgres.address).connect() as connection:
            connection.execute(sa.text('CREATE DATABASE "lab"'))
        url = sa.make_url(postgres.address).set(database="lab").render_as_string(hide_password=False)
        vocabulary = {"table": "public.taxon", "column": "name", "parent": "parent_name"}
        more = {"vocabulary": vocabulary, "brakes": {"min_rows": 1_000_000}}
        lab = found_lab(place, url, mongo.address, images.generate(place / "images", IMAGES, 7), **more)
        _lay_out(lab)
        for command in ("migrate", "reconcile"):
            lab.syncd(command)
        yield lab


def _lay_out(lab: Any) -> None:
    """Places labels by the pixels of their crops, which needs no weights; some of the leftmost are mislabelled."""
    import fiftyone.brain as fob
    import numpy as np
    from PIL import Image
    from umap import UMAP

    dataset = lab.dataset()
    rows = []
    for sample in dataset.iter_samples():
        with Image.open(sample.filepath) as opened:
            image = opened.convert("L")
        for label in sample["ground_truth"].detections:
            x, y, w, h = label.bounding_box
            crop = image.crop((x * image.width, y * image.height, (x + w) * image.width, (y + h) * image.height))
            spectrum = np.abs(np.fft.fft2(np.asarray(crop.resize((24, 24)), float) / 255))
            rows.append(np.log1p(spectrum).ravel())
    points = UMAP(random_state=7).fit_transform(np.array(rows))
    fob.compute_visualization(dataset, patches_field="ground_truth", points=points, brain_key=POINTS, method="manual")
    labels = np.array(dataset.values("ground_truth.detections.label", unwind=True))
    left = min(set(labels), key=lambda each: np.median(points[labels == each, 0]))
    wrong = [each for number, each in enumerate(_ids(dataset)[labels == left]) if number % 2]
    for sample in dataset.iter_samples(autosave=True):
        for label in sample["ground_truth"].detections:
            if label["annotation_id"] in wrong:
                label.label = "Detritus"
    lab.sql("UPDATE annotation SET label = 'Detritus' WHERE annotation_id::text = ANY(:ids)", ids=wrong)
    dataset.info["left"] = str(left)
    dataset.save()


def _ids(dataset: Any) -> Any:
    import numpy as np

    return np.array(dataset.values("ground_truth.detections.annotation_id", unwind=True))


def _relabel(context: Any, app: Any, lab: Any, folder: Path) -> None:
    """A lasso, its form, and what the App says then; and the film of it."""
    from chromium import ask, choose_term, lasso, open_dataset, open_points, tab

    frames: list[tuple[bytes, int]] = []

    def frame(page: Any, name: str | None = None, ms: int = FRAME_MS) -> None:
        shot = page.screenshot()
        frames.append((shot, ms))
        if name is not None:
            (folder / name).write_bytes(shot)

    page = open_dataset(context, app.url, lab.dataset_name)
    open_points(page, POINTS)
    page.wait_for_timeout(2_000)
    frame(page)
    lasso(page, right=0.3)
    page.wait_for_timeout(2_000)
    frame(page, ms=2 * FRAME_MS)
    form = ask(page, "syncd: relabel")
    frame(page)
    term = lab.dataset().info["left"]
    choose_term(page, form, term[:4].lower(), term)
    button = form.get_by_role("button", name=re.compile("^Relabel"))
    page.wait_for_timeout(1_500)
    frame(page, "app-relabel.png", ms=2 * FRAME_MS)
    button.click()
    page.get_by_text("on both sides, as ada").first.wait_for()
    frame(page, ms=2 * FRAME_MS)
    page = fresh_page(context, app, lab)
    _open(page, "Changes")
    tab(page, "Changes").get_by_text(f"→ {term}").first.wait_for()
    page.wait_for_timeout(1_000)
    frame(page, "app-changes.png", ms=LAST_MS)
    _film(frames, folder / "app-relabel.webp")


def _panels(context: Any, app: Any, lab: Any, folder: Path) -> None:
    """Conflicts as cards."""
    make_conflicts(lab)
    page = fresh_page(context, app, lab)
    panel = _open(page, "Conflicts")
    panel.get_by_text("Ciliate").first.wait_for()
    page.wait_for_timeout(1_500)
    (folder / "app-conflicts.png").write_bytes(page.screenshot())


def fresh_page(context: Any, app: Any, lab: Any) -> Any:
    """The dataset with nothing open: panels are the server's, and a page that is still there would open them."""
    from chromium import open_dataset

    for each in context.pages:
        each.close()
    app.reset(lab.dataset_name)
    return open_dataset(context, app.url, lab.dataset_name)


def make_conflicts(lab: Any) -> None:
    """The reviewer and the curator disagree about twelve labels."""
    ids = sorted(lab.rows())[:12]
    for sample in lab.dataset().iter_samples(autosave=True):
        for label in sample["ground_truth"].detections:
            if label["annotation_id"] in ids:
                label.label = "Ciliate"
    for each in ids:
        lab.sql("UPDATE annotation SET label = 'Detritus', updated_by = 'curator' WHERE annotation_id = :id", id=each)
    lab.syncd("reconcile")


def _open(page: Any, name: str) -> Any:
    from chromium import open_panel, tab

    open_panel(page, "syncd")
    return tab(page, name)


def _film(frames: list[tuple[bytes, int]], path: Path) -> None:
    from PIL import Image

    images = [Image.open(BytesIO(shot)).convert("RGB").resize(FILM, Image.Resampling.LANCZOS) for shot, _ in frames]
    images[0].save(path, save_all=True, append_images=images[1:], duration=[ms for _, ms in frames], loop=0, quality=80)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "docs")
