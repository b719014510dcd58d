"""Media: how an annotation's medium is called, and which medium a name means."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from syncd.adapters.rest.client import Client
from syncd.adapters.rest.errors import Refused

AT_A_TIME = 500
_FRAME = re.compile(r"(?P<name>.*)#(?P<frame>\d+)", re.DOTALL)


@dataclass(frozen=True)
class Medium:
    """One medium. Frames of a video are images of their own: ``name#frame``."""

    id: int
    name: str
    is_video: bool
    width: int | None = None
    height: int | None = None


class Media:
    """The media of a project, as far as they were asked for: names that were told are told again."""

    def __init__(self, client: Client, project: int, key: Literal["name", "id"]) -> None:
        self._client, self._project, self._key = client, project, key
        self._known: dict[int, Medium] = {}
        self._videos: frozenset[int] | None = None

    def learn(self, ids: Iterable[int]) -> None:
        """Asks for those of them that are not known yet."""
        unknown = sorted({each for each in ids if each not in self._known})
        for start in range(0, len(unknown), AT_A_TIME):
            asked = unknown[start : start + AT_A_TIME]
            # Never an empty list of ids: that would be no filter.
            for each in self._client.put(f"Medias/{self._project}", {}, {"ids": asked}):
                self._keep(each)

    def forget(self) -> None:
        """Asks anew next time: media are renamed."""
        self._known.clear()

    def shown(self, media: int, frame: int) -> str | None:
        """What the sample key of that image is; ``None`` of a medium that is gone."""
        found = self._known.get(media)
        if found is None:
            return None
        name = found.name if self._key == "name" else str(found.id)
        return f"{name}#{frame}" if found.is_video else name

    def known(self, ids: Collection[int]) -> list[Medium]:
        """These media, as far as they are there."""
        self.learn(ids)
        return [self._known[each] for each in ids if each in self._known]

    def addresses(self, keys: Iterable[str], *, seconds: int) -> dict[str, str]:
        """Where the images of these keys can be fetched from for so many seconds; videos and what is gone left out."""
        ids: dict[int, str] = {}
        for each in keys:
            try:
                medium, _ = self.meant(each)
            except Refused:
                continue
            if not self._known[medium].is_video:
                ids[medium] = each
        found: dict[str, str] = {}
        asked = list(ids)
        for start in range(0, len(asked), AT_A_TIME):
            part = asked[start : start + AT_A_TIME]
            for each in self._client.put(f"Medias/{self._project}", {"presigned": seconds}, {"ids": part}):
                images = ((each.get("media_files") or {}).get("image")) or []
                if images:
                    # Of several sizes the largest comes first.
                    found[ids[int(each["id"])]] = str(images[0]["path"])
        return found

    def meant(self, key: str) -> tuple[int, int]:
        """The medium and the frame that a sample key means; :class:`Refused` says why it means none."""
        found = [each for each in self._called(key) if not each.is_video]
        frame = 0
        split = _FRAME.fullmatch(key)
        if not found and split:
            found, frame = [each for each in self._called(split["name"]) if each.is_video], int(split["frame"])
        if len(found) == 1:
            return found[0].id, frame
        if found:
            ids = ", ".join(str(each.id) for each in found[:5])
            raise Refused(f"several media in Tator are called {key!r} ({ids}): which one is meant cannot be told")
        raise Refused(f"no medium of the project is called {key!r}")

    def _called(self, key: str) -> list[Medium]:
        if self._key == "id":
            return self.known([int(key)]) if key.isdecimal() else []
        there = [each for each in self._known.values() if each.name == key]
        if there:
            return there
        # The server compares without regard to case.
        for each in self._client.get(f"Medias/{self._project}", {"name": key}):
            self._keep(each)
        return [each for each in self._known.values() if each.name == key]

    def _keep(self, medium: dict[str, Any]) -> None:
        if self._videos is None:
            types = self._client.get(f"MediaTypes/{self._project}")
            self._videos = frozenset(int(each["id"]) for each in types if each.get("dtype") != "image")
        id_ = int(medium["id"])
        self._known[id_] = Medium(
            id_, str(medium["name"]), medium.get("type") in self._videos, medium.get("width"), medium.get("height")
        )
