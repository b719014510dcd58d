"""An object as a file of which only the parts that are read are fetched."""

from __future__ import annotations

import os
from typing import Any

from syncd.adapters.s3.errors import Place
from syncd.adapters.s3.objects import Version, read_range

FIRST, NEXT = 64 * 1024, 1024 * 1024
"""Bytes of the first request, in which the header of nearly every image is, and of each later one."""


class RangedFile:
    """``read``, ``seek`` and ``tell`` over one object; making it is the first request.

    ``version`` says which object it is; should it be replaced meanwhile, reading on raises ``ObjectChanged``.
    """

    def __init__(self, client: Any, place: Place) -> None:
        self._client = client
        self._place = place
        self._at = 0
        self._start = 0
        self._held, self.version = read_range(client, place, 0, FIRST)

    def read(self, size: int = -1) -> bytes:
        """The next bytes; all that are left where ``size`` is negative."""
        left = max(self.version.size_bytes - self._at, 0)
        wanted = left if size < 0 else min(size, left)
        if not wanted:
            return b""
        if not self._start <= self._at or self._at + wanted > self._start + len(self._held):
            self._held, _ = read_range(self._client, self._place, self._at, max(wanted, NEXT), self.version.etag)
            self._start = self._at
        offset = self._at - self._start
        piece = self._held[offset : offset + wanted]
        self._at += len(piece)
        return piece

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As of a file."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.version.size_bytes}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def tell(self) -> int:
        """As of a file."""
        return self._at


__all__ = ["FIRST", "NEXT", "RangedFile", "Version"]
