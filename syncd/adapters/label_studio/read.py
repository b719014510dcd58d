"""Reading tasks with their annotations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from syncd.adapters.rest.client import Client
from syncd.adapters.rest.errors import shortened
from syncd.errors import DatabaseUnavailable

PAGE = 500
TRIES = 3

Task = dict[str, Any]


class Tasks:
    """The tasks of one project."""

    def __init__(self, client: Client, project: int) -> None:
        self._client, self._project = client, project

    def everything(self) -> list[Task]:
        """Every task, once: pages are by position, and a task that is deleted meanwhile would move others out of sight.

        So their number must stay what the server says it is.
        """
        for _ in range(TRIES):
            found: dict[int, Task] = {}
            totals = set()
            for tasks, total in self._pages(None):
                totals.add(total)
                found |= {int(each["id"]): each for each in tasks}
            if totals == {len(found)}:
                return list(found.values())
        raise DatabaseUnavailable(
            f"Reading all tasks of Label Studio's project {self._project} gave {len(found)}, and the server counts "
            f"{shortened(str(sorted(totals)))}.",
            remedy="Nothing was taken for deleted. Run it again when nobody imports or deletes tasks.",
        )

    def since(self, moment: datetime) -> list[Task]:
        """The tasks that were touched at or after that moment, in whatever way."""
        # Without microseconds the server fails.
        text = moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        condition = {"filter": "filter:tasks:updated_at", "operator": "greater_or_equal", "type": "Datetime"}
        return [task for tasks, _ in self._pages({**condition, "value": text}) for task in tasks]

    def with_media(self, key: str, media: str) -> list[Task]:
        """The tasks of an image."""
        condition = {"filter": f"filter:tasks:data.{key}", "operator": "equal", "type": "String", "value": media}
        found = [task for tasks, _ in self._pages(condition) for task in tasks]
        return [each for each in found if each["data"].get(key) == media]

    def _pages(self, condition: dict[str, Any] | None) -> Iterator[tuple[list[Task], int]]:
        query: dict[str, str | int] = {"project": self._project, "page_size": PAGE, "fields": "all"}
        if condition is not None:
            query["query"] = json.dumps({"filters": {"conjunction": "and", "items": [condition]}})
        page, seen = 1, 0
        while True:
            answer = self._client.get("tasks", {**query, "page": page})
            tasks, total = answer["tasks"], int(answer["total"])
            seen += len(tasks)
            yield tasks, total
            if seen >= total or not tasks:
                return
            page += 1
