"""How data get into a binding: ingest, the inbox, and media to S3.

The methods are those of :class:`syncd.api.binding.Binding`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from syncd.api.calls import Calls
from syncd.api.progress import Counting, Progress
from syncd.config.kinds import S3Prefix, s3_place

if TYPE_CHECKING:
    from syncd.errors import SyncdError
    from syncd.ingest.evaluate import Evaluated
    from syncd.ingest.inbox.result import InboxResult
    from syncd.ingest.media.transfer import UploadResult
    from syncd.ingest.result import IngestResult


class Loading(Calls):
    """Methods of a binding for whoever brings data."""

    def ingest(
        self,
        *,
        dry_run: bool = False,
        limit: int | None = None,
        crops: bool = False,
        anew: bool = False,
        rejected: str | Path | None = None,
        progress: Progress | Counting | None = None,
    ) -> IngestResult:
        """Loads media and labels that are new in the table into the dataset, with metadata and baseline.

        ``limit`` is the largest number of new media. With ``crops`` each annotation becomes a sample, cut from its box.
        ``anew`` makes a dataset that was dropped again, as if for the first time. Rows that cannot be loaded stop no
        others; they are listed in the CSV file ``rejected``, where one is named.
        """
        from syncd.ingest.result import write_rejected
        from syncd.ingest.run import IngestOptions, ingest

        with self._call(progress) as phase:
            options = IngestOptions(dry_run=dry_run, limit=limit, crops=crops, anew=anew, progress=phase.counted)
            result = ingest(self._config, self.name, options)
            if rejected is None:
                return result
            safe = self._settings.ingest.safe_for_spreadsheets
            return write_rejected(result, Path(rejected), safe_for_spreadsheets=safe)

    def evaluation_keys(self, key: str | None = None) -> dict[str, str]:
        """By prediction field, the key under which :meth:`evaluate` stores its evaluation; no server is asked.

        ``ConfigError`` where the binding maps no predictions, or ``key`` is none for FiftyOne.
        """
        from syncd.ingest.evaluate import evaluation_keys

        return evaluation_keys(self._settings, key)

    def evaluate(self, *, key: str | None = None, progress: Progress | Counting | None = None) -> Evaluated:
        """Compares the predictions with the labels, class by class, and stores that in the dataset under a key.

        Repeated, it is made again under the same key. ``ConfigError`` where the binding maps no predictions,
        ``IngestError`` where the key is taken by something else, or FiftyOne cannot evaluate.
        """
        from syncd.ingest.evaluate import evaluate

        with self._call(progress) as phase:
            return evaluate(self._config, self.name, key, phase.counted)

    @property
    def inbox(self) -> Path:
        """The folder into which manifests are dropped; ``InboxError`` where the binding has none."""
        from syncd.ingest.inbox.run import inbox_of

        return inbox_of(self._config, self.name)

    def empty_inbox(self, *, dry_run: bool = False, progress: Progress | Counting | None = None) -> InboxResult:
        """Loads the manifests that lie in the inbox with their images, and ingests them.

        One with a fault is rejected as a whole, and one that is still being copied left alone.
        """
        from syncd.ingest.inbox.run import InboxOptions, empty_inbox

        with self._call(progress) as phase:
            return empty_inbox(self._config, self.name, InboxOptions(dry_run=dry_run, progress=phase.counted))

    def watch_inbox(
        self,
        stop: Event,
        *,
        on_result: Callable[[InboxResult], object],
        on_error: Callable[[SyncdError], object],
        progress: Progress | Counting | None = None,
    ) -> None:
        """Empties the inbox again and again until ``stop`` is set.

        ``on_result`` is told of every look that did something. ``on_error`` is told of what stopped one; it is tried
        again, less and less often.
        """
        from syncd.ingest.inbox.run import InboxOptions
        from syncd.ingest.inbox.watch import InboxWatcher

        with self._call(progress) as phase:
            options = InboxOptions(progress=phase.counted)
            InboxWatcher(self._config, self.name, options, on_result=on_result, on_error=on_error).run(stop)

    def upload_media(
        self,
        to: str | S3Prefix,
        *,
        dry_run: bool = False,
        rewrite: bool | None = None,
        root: str | Path | None = None,
        progress: Progress | Counting | None = None,
    ) -> UploadResult:
        """Uploads the dataset's local files to S3 (``s3://bucket/prefix``), and has the samples point there.

        ``rewrite``: whether paths are rewritten; ``None`` means with FiftyOne Enterprise only. ``root`` is the folder
        that keys are relative to; ``None`` means ``ingest.media``, else the folder that all files share.
        """
        from syncd.ingest.media.upload import UploadOptions, upload_media

        place = s3_place(to, "to") if isinstance(to, str) else to
        with self._call(progress) as phase:
            folder = None if root is None else Path(root)
            options = UploadOptions(place, dry_run=dry_run, rewrite=rewrite, root=folder, progress=phase.counted)
            return upload_media(self._config, self.name, options)
