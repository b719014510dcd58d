"""The result of an upload of media."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Failed:
    """A file that did not get to S3, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class UploadResult:
    """Counts of files: ``sent`` now (in a dry run: to be sent) and ``present`` from before; of samples: all others.

    ``elsewhere`` point to no local file, ``to_rewrite`` to one that is in S3; ``rewritten`` now point to S3, and
    ``overtaken`` got another path meanwhile. ``refusal`` is why a rewrite is not possible, if it is not.
    """

    binding: str
    dataset: str
    to: str
    dry_run: bool
    rewrite: bool
    samples: int
    elsewhere: int
    sent: int
    sent_bytes: int
    present: int
    failed: tuple[Failed, ...]
    to_rewrite: int
    refusal: str | None = None
    rewritten: int = 0
    overtaken: int = 0
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """1 where a file or a sample was left behind, else 0."""
        return 1 if self.failed or self.overtaken else 0

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "binding": self.binding,
            "dataset": self.dataset,
            "to": self.to,
            "dry_run": self.dry_run,
            "rewrite": self.rewrite,
            "samples": {
                "all": self.samples,
                "elsewhere": self.elsewhere,
                "to_rewrite": self.to_rewrite,
                "rewritten": self.rewritten,
                "overtaken": self.overtaken,
            },
            "files": {"sent": self.sent, "sent_bytes": self.sent_bytes, "present": self.present},
            "failed": [{"path": each.path, "reason": each.reason} for each in self.failed],
            "rewrite_refused": self.refusal,
            "seconds": round(self.seconds, 3),
        }
