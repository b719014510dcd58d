"""Where the daemon puts its reports: a folder, or a prefix in S3. An existing report is never written again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from syncd.adapters.s3.client import s3_client
from syncd.adapters.s3.errors import Place
from syncd.adapters.s3.upload import stored, upload
from syncd.config import Config
from syncd.config.kinds import S3Prefix
from syncd.errors import ConfigError
from syncd.whole_file import whole_file

Write = Callable[[BinaryIO], None]


@dataclass(frozen=True)
class ReportPlace:
    """``to``, of the configuration's ``report``; raises ``SyncdError`` where it cannot be used."""

    config: Config
    to: Path | S3Prefix

    def link(self, name: str) -> str:
        """The report's path or S3 URI."""
        return f"{self.to}{name}" if isinstance(self.to, S3Prefix) else str(self.to / name)

    def has(self, name: str) -> bool:
        """Whether the report is there."""
        if isinstance(self.to, S3Prefix):
            return stored(s3_client(self.config.s3), self._object(self.to, name)) is not None
        return (self.to / name).exists()

    def put(self, name: str, write: Write) -> None:
        """Has the report written, whole or not at all. A folder that is missing is made."""
        try:
            if isinstance(self.to, S3Prefix):
                self._upload(self.to, name, write)
                return
            self.to.mkdir(parents=True, exist_ok=True)
            with whole_file(self.to / name) as file:
                write(file)
        except OSError as error:
            raise ConfigError(
                f"The report cannot be written to {self.link(name)}: {error.strerror}.",
                remedy="Give `report.to` a folder that syncd may write to, or s3://bucket/prefix.",
            ) from error

    def _upload(self, to: S3Prefix, name: str, write: Write) -> None:
        with tempfile.TemporaryDirectory(prefix="syncd-report-") as folder:
            path = Path(folder) / name
            with path.open("wb") as file:
                write(file)
            upload(s3_client(self.config.s3), path, self._object(to, name), lambda: False)

    @staticmethod
    def _object(to: S3Prefix, name: str) -> Place:
        return Place(to.bucket, to.prefix + name)
