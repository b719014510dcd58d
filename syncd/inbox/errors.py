"""What stops the inbox as a whole; a bad manifest stops nothing but itself."""

from __future__ import annotations

from syncd.errors import SyncdError


class InboxError(SyncdError):
    """The inbox, or the place of the media, is not usable."""
