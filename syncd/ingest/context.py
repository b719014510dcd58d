"""The context of an ingest: everything that it works with, opened and closed together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pymongo.database import Database

from syncd.adapters.connect import fiftyone_database, open_database
from syncd.adapters.fiftyone.adapter import FiftyOneAdapter
from syncd.adapters.fiftyone.create import Layout
from syncd.adapters.fiftyone.media import paths_under
from syncd.adapters.fiftyone.samples import Predicted
from syncd.adapters.sql.limits import Limits
from syncd.adapters.sql.mapping import table_mapping
from syncd.config import BindingConfig, Config
from syncd.engine.session import Session, open_session, require_table
from syncd.errors import MappingError
from syncd.ingest.dataset_setup import SECOND_CONFIDENCE, SECOND_LABEL, dataset_there, fits, make, wanted_layout
from syncd.ingest.media.store import MediaStore, open_media
from syncd.ingest.source import Source, open_source, predicted
from syncd.model import BOX
from syncd.model.snapshot import column
from syncd.model.vocabulary import Vocabulary

LIMITS = Limits(idle_s=4 * 3600)
"""The database is left alone while the media of a batch come, from a slow link too, and while FiftyOne evaluates."""


@dataclass(frozen=True)
class Work:
    """One binding, opened for an ingest. ``created``: its dataset was made just now (or, dry, is still to be made)."""

    config: Config
    binding: BindingConfig
    session: Session
    fiftyone: FiftyOneAdapter
    source: Source
    media: MediaStore
    layout: Layout
    predictions: tuple[Predicted, ...]
    vocabulary: Vocabulary | None
    created: bool

    @property
    def crops(self) -> bool:
        """Whether each sample is one annotation, cut from its box."""
        return self.layout.crops

    @property
    def single(self) -> bool:
        """Whether an image holds one label."""
        return self.layout.labels[0].label_type.list_name is None


@contextmanager
def open_work(config: Config, name: str, *, crops: bool, dry_run: bool, anew: bool = False) -> Iterator[Work]:
    """Opens the binding, and makes its dataset fit first (not in a dry run).

    See :func:`syncd.ingest.dataset_setup.make`.
    """
    binding = config.binding(name)
    require_table(binding, "syncd ingest")
    with ExitStack() as stack:
        mongo = stack.enter_context(fiftyone_database(config))
        there = dataset_there(mongo, binding)
        crops = crops or binding.ingest.crops or (there is not None and there.crops)
        layout = wanted_layout(config, binding, there, crops=crops)
        media = open_media(_with_files(config) if crops else config, binding, in_use=_in_use(mongo))
        if not dry_run and (there is None or not fits(mongo, there, layout)):
            # Media that cannot be listed end the ingest before there is a dataset.
            media.check()
            make(config, binding, layout, missing=there is None, anew=anew)
        planned = layout.as_info(binding.dataset) if there is None and dry_run else None
        session = stack.enter_context(open_session(config, name, planned=planned, limits=LIMITS))
        assert isinstance(session.fiftyone, FiftyOneAdapter), "an ingest is into FiftyOne"
        # A connection of its own: what comes next is read while what was read is being written.
        reading = stack.enter_context(open_database(config.database.url.get_secret_value(), LIMITS))
        stack.callback(reading.engine.dispose)
        source = stack.enter_context(open_source(reading, binding, session.mapping, crops=crops))
        session.rest()
        yield Work(
            config=config,
            binding=binding,
            session=session,
            fiftyone=session.fiftyone,
            source=source,
            media=media,
            layout=layout,
            predictions=tuple(_predicted(binding, layout)),
            vocabulary=session.vocabulary,
            created=there is None,
        )


def _with_files(config: Config) -> Config:
    """The same configuration, but for media as files: what is cut must be at hand, whatever FiftyOne could read."""
    return config.model_copy(update={"fiftyone": config.fiftyone.model_copy(update={"edition": "open_source"})})


def _in_use(mongo: Database[dict[str, object]]) -> Callable[[Path], frozenset[str]]:
    return lambda folder: paths_under(mongo, folder)


def _predicted(binding: BindingConfig, layout: Layout) -> Iterator[Predicted]:
    for each, labels in zip(binding.predictions, layout.labels[1:], strict=True):
        parts = {"label": predicted(each.field, "label")}
        if each.confidence is not None:
            parts["confidence"] = predicted(each.field, "confidence")
        if each.second_label is not None:
            parts[SECOND_LABEL] = predicted(each.field, "second_label")
        if each.second_confidence is not None:
            parts[SECOND_CONFIDENCE] = predicted(each.field, "second_confidence")
        if labels.label_type.value == "Detections":
            if each.box is None and BOX not in table_mapping(binding, crops=layout.crops).fields:
                raise MappingError(
                    f"The predictions in {each.field!r} are detections, and there is no box for them.",
                    remedy="Map `box` of the prediction, or `columns.box` of the binding.",
                )
            parts["bounding_box"] = predicted(each.field, BOX) if each.box is not None else column(BOX)
        yield Predicted(labels, parts)
