"""The server: what its calls do, one statement at a time."""

from __future__ import annotations

import gzip
import io
import json
import re
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from tator_double import attributes as values
from tator_double.errors import Ends, ErrorPage, Refused
from tator_double.faults import Fault, FaultKind
from tator_double.rows import Row, Table, as_json, shown
from tator_double.search import Body, Query, as_uuid, found

POST_LIMIT = 500
GEOMETRY = ("x", "y", "width", "height")
VIEW, EDIT, FULL = "View Only", "Can Edit", "Full Control"
# What the SQL of an edit in place cannot carry.
UNQUOTABLE = re.compile(r"['%\x00-\x09\x0b-\x1f]")


@dataclass
class User:
    """An account and its permission in the project."""

    id: int
    token: str
    username: str
    permission: str
    first_name: str = ""
    last_name: str = ""
    is_active: bool = True


@dataclass
class Medium:
    """An image, or a video."""

    id: int
    name: str
    type: int
    content: bytes = b""
    width: int = 100
    height: int = 100
    deleted: bool = False


@dataclass(frozen=True)
class Request:
    """One call, as the server sees it."""

    method: str
    path: str
    query: Query
    body: Any
    user: User


@dataclass(frozen=True)
class Answer:
    """What goes back; ``whole`` is false where the connection ends before all of it has gone."""

    status: int
    content: bytes
    headers: dict[str, str]
    whole: bool = True


Do = Callable[[], None]


class Tator:
    """One project with one box type, two versions and three accounts; ``rows`` is its table.

    ``token`` is syncd's own account; ``curator_token`` may edit, ``viewer_token`` may look, ``owner_token`` has full
    control. ``skew`` is how far its clock is ahead, ``latency`` seconds that every call takes, ``per_second`` the
    number of calls after which it throttles.
    """

    project = 1
    box_type = 11
    image_type = 21
    video_type = 22
    leaf_type = 31

    def __init__(self, attribute_types: list[dict[str, Any]] | None = None) -> None:
        self.rows = Table()
        self.attribute_types = attribute_types or [{"name": "Label", "dtype": "string"}]
        self.versions: list[dict[str, Any]] = [
            {"id": 101, "name": "Baseline", "number": 0, "project": self.project, "description": "", "bases": []},
            {"id": 102, "name": "ground_truth", "number": 1, "project": self.project, "description": "", "bases": []},
        ]
        self.users = [
            User(1, "syncd-token-0123456789", "syncd", EDIT),
            User(2, "curator-token", "curator", EDIT, "Cora", "Tor"),
            User(3, "viewer-token", "viewer", VIEW),
            User(4, "owner-token", "owner", FULL),
        ]
        self.media: dict[int, Medium] = {}
        self.leaves: list[dict[str, Any]] = []
        self.change_log: list[dict[str, Any]] = []
        self.faults: list[Fault] = []
        self.skew = timedelta(0)
        self.latency = 0.0
        self.per_second: int | None = None
        self.calls: Counter[str] = Counter()
        self.before_call: Callable[[str, str], None] | None = None
        self.after_call: Callable[[str, str], None] | None = None
        self.url = "http://tator.invalid"
        self._points: list[tuple[str, Do]] = []
        self._recent: deque[float] = deque()
        self._lock = threading.RLock()

    token = property(lambda self: self.users[0].token)
    curator_token = property(lambda self: self.users[1].token)
    viewer_token = property(lambda self: self.users[2].token)
    owner_token = property(lambda self: self.users[3].token)

    # What tests do

    def now(self) -> datetime:
        """The server's clock."""
        return datetime.now(timezone.utc) + self.skew

    def at(self, point: str, do: Do) -> None:
        """Has ``do`` done once, when a request reaches that point.

        Points: ``detail.loaded``, ``list.counted``, ``list.loaded``, ``list.between``, ``delete.counted``,
        ``delete.loaded``, ``post.checked``, ``read``.
        """
        self._points.append((point, do))

    def fails(self, kind: FaultKind, pattern: str = "", **more: Any) -> None:
        """Has requests that the pattern finds go wrong."""
        self.faults.append(Fault(kind, pattern, **more))

    def medium(self, name: str, content: bytes = b"", *, video: bool = False) -> Medium:
        """The medium of that name, made where there is none."""
        for each in self.media.values():
            if each.name == name and not each.deleted:
                return each
        return self.add_medium(name, content, video=video)

    def add_medium(self, name: str, content: bytes = b"", *, video: bool = False) -> Medium:
        """A new medium: names are not unique."""
        made = Medium(1000 + len(self.media), name, self.video_type if video else self.image_type, content)
        self.media[made.id] = made
        return made

    def delete_medium(self, medium: Medium) -> None:
        """Deletes a medium: its boxes are gone at once."""
        medium.deleted = True
        for row in self.rows.by_id.values():
            if row.media == medium.id:
                self.rows.mark_deleted(row)

    def put(self, **columns: Any) -> Row:
        """A row as it may stand in an old project, past all checks."""
        now = columns.pop("modified", None) or self.now()
        given = {
            "elemental_id": str(uuid.uuid4()),
            "version": 102,
            "type": self.box_type,
            "media": 0,
            "frame": 0,
            "x": 0.1,
            "y": 0.1,
            "width": 0.2,
            "height": 0.2,
            "attributes": {},
            "created_by": 2,
            "modified_by": 2,
            "user": 2,
        } | columns
        if not given["media"]:
            given["media"] = self.medium("image.png").id
        return self.rows.insert(Row(0, created=now, modified=now, **given))

    def live(self, version: int = 102) -> list[Row]:
        """The rows that a reader sees."""
        return [
            each
            for each in self.rows.after(0)
            if each.version == version and each.mark == each.latest_mark and not (each.deleted or each.variant_deleted)
        ]

    def transport(self) -> httpx.BaseTransport:
        """The server within this process, for httpx."""
        return _InProcess(self)

    def person(self, token: str) -> httpx.Client:
        """Somebody with that token, who calls as pages and scripts do; errors are raised."""
        return httpx.Client(
            transport=_InProcess(self, counting=False),
            base_url=self.url + "/rest",
            headers={"Authorization": f"Token {token}"},
            event_hooks={"response": [_raise]},
        )

    # What requests do

    def answer(
        self, method: str, target: str, headers: dict[str, str], content: bytes, *, counted: bool = True
    ) -> Answer:
        """One call; raises :class:`Ends` where the connection ends without an answer."""
        parts = urlsplit(target)
        path = parts.path.removeprefix("/rest")
        fault = None
        if counted:
            with self._lock:
                self.calls[f"{method} /{path.split('/')[1]}"] += 1
            if self.before_call is not None:
                self.before_call(method, path)
            fault = next((each for each in self.faults if each.takes(method, path)), None)
            time.sleep(self.latency + (fault.seconds if fault else 0.0))
        kind = fault.kind if fault else None
        if kind is FaultKind.LOST_REQUEST:
            raise Ends
        if kind in (FaultKind.HTML_500, FaultKind.HTML_404, FaultKind.HTML_502):
            status = int(kind.name[-3:])
            return self._page(
                ErrorPage(status, {500: "Server Error (500)", 404: "Not Found"}.get(status, "Bad Gateway"))
            )
        if kind is FaultKind.THROTTLED or (counted and self._throttles()):
            return self._json(
                400, {"message": "Request was throttled. Expected available in 1 second.", "details": "None"}
            )
        try:
            answer = self._dispatch(method, path, dict(parse_qsl(parts.query)), headers, content)
        except Refused as refused:
            answer = self._json(refused.status, refused.body)
        except ErrorPage as page:
            answer = self._page(page)
        if counted and self.after_call is not None:
            self.after_call(method, path)
        if kind is FaultKind.LOST_ANSWER:
            raise Ends
        if kind is FaultKind.CUT:
            return replace(answer, content=answer.content[: len(answer.content) // 2], whole=False)
        return answer

    def _throttles(self) -> bool:
        if self.per_second is None:
            return False
        now = time.monotonic()
        while self._recent and self._recent[0] < now - 1:
            self._recent.popleft()
        if len(self._recent) >= self.per_second:
            return True
        self._recent.append(now)
        return False

    def _json(self, status: int, body: Any) -> Answer:
        return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json"} | self._date())

    def _page(self, page: ErrorPage) -> Answer:
        return Answer(page.status, page.page.encode(), {"Content-Type": "text/html"} | self._date())

    def _date(self) -> dict[str, str]:
        return {"Date": format_datetime(self.now().replace(microsecond=0), usegmt=True)}

    def _reached(self, point: str) -> None:
        """Somebody may be at work here: no lock is held."""
        for position, (name, do) in enumerate(self._points):
            if name == point:
                del self._points[position]
                do()
                return

    def _dispatch(self, method: str, path: str, query: Query, headers: dict[str, str], content: bytes) -> Answer:
        if path.startswith("/media-content/"):
            return self._content(path, query)
        request = Request(method, path, query, self._body(content), self._user(headers))
        for pattern, methods in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match and method in methods:
                status, body = methods[method](self, request, *match.groups())
                if isinstance(body, _Cut):
                    answer = self._json(status, [])
                    return replace(answer, content=b"[{", whole=False)
                return self._json(status, body)
        raise ErrorPage(404, "Not Found")

    @staticmethod
    def _body(content: bytes) -> Any:
        if not content:
            return {}
        try:
            return json.loads(content)
        except ValueError:
            raise Refused("JSON parse error") from None

    def _user(self, headers: dict[str, str]) -> User:
        given = {name.lower(): value for name, value in headers.items()}.get("authorization")
        if given is None:
            raise Refused("Not found.", status=404)
        for each in self.users:
            if each.is_active and given == f"Token {each.token}":
                return each
        raise Refused("Invalid token.")

    def _in_project(self, project: str) -> None:
        if int(project) != self.project:
            raise Refused("Not found.", status=404)

    def _may_write(self, user: User) -> None:
        if user.permission == VIEW:
            raise Refused("You do not have permission to perform this action.", status=403)

    @property
    def _known(self) -> list[str]:
        return [each["name"] for each in self.attribute_types]

    def _wanted(self, request: Request, *, writing: bool = False) -> list[Row]:
        body: Body = request.body if isinstance(request.body, dict) else {}
        with self._lock:
            return found(self.rows, request.query, body, self._known, writing=writing)

    # Localizations

    def list_rows(self, request: Request, project: str) -> tuple[int, Any]:
        """GET and PUT of a list."""
        self._in_project(project)
        self._reached("read")
        fields = [each for each in request.query.get("fields", "").split(",") if each]
        if fields and all("." in each for each in fields):
            return 200, _Cut()
        with self._lock:
            rows = self._wanted(request)
            if not fields:
                return 200, [as_json(each) for each in rows]
            return 200, [_slim(each, fields) for each in rows]

    def count_rows(self, request: Request, project: str) -> tuple[int, Any]:
        """A bare integer."""
        self._in_project(project)
        return 200, len(self._wanted(request))

    def create(self, request: Request, project: str) -> tuple[int, Any]:
        """New rows: one with an elemental id that is there becomes its next mark."""
        self._in_project(project)
        self._may_write(request.user)
        given: list[Body] = request.body if isinstance(request.body, list) else [request.body]
        if len(given) > POST_LIMIT:
            raise Refused("Request body validation error", details=f"{len(given)} items, at most {POST_LIMIT}")
        made = [self._new(each, request.user) for each in given]
        self._reached("post.checked")
        with self._lock:
            ids = [self.rows.insert(each).id for each in made]
        return 201, {"message": f"Successfully created {len(ids)} localizations!", "id": ids}

    def _new(self, body: Body, user: User) -> Row:
        for name in ("media_id", "type", "frame"):
            if body.get(name) is None:
                raise Refused("Request body validation error", details=f"'{name}' is a required property")
        self._check_geometry(body)
        version = body.get("version", 101)
        if version not in {each["id"] for each in self.versions}:
            raise Refused(f"Versions must be part of project {self.project}, got projects []!")
        if body["type"] != self.box_type:
            raise Refused(f"Localization types must be part of project {self.project}, got projects []!")
        if body["media_id"] not in self.media:
            raise Refused(f"Media must be part of project {self.project}, got projects []!")
        made = values.created(self.attribute_types, body.get("attributes") or {}, "Box")
        elemental_id = str(uuid.uuid4()) if body.get("elemental_id") is None else as_uuid(body["elemental_id"])
        now = self.now()
        return Row(
            0,
            elemental_id,
            version,
            body["type"],
            body["media_id"],
            body["frame"],
            *(body.get(each) for each in GEOMETRY),
            attributes=made,
            created_by=user.id,
            modified_by=user.id,
            user=user.id,
            created=now,
            modified=now,
        )

    @staticmethod
    def _check_geometry(body: Body) -> None:
        for name in GEOMETRY:
            value = body.get(name)
            if value is not None and not (isinstance(value, int | float) and 0.0 <= value <= 1.0):
                raise Refused("Request body validation error", details=f"{value} is not within 0 and 1: {name}")

    def patch_list(self, request: Request, project: str) -> tuple[int, Any]:
        """One set of attributes for all that is found: C, or D where ids are given. Nothing of it is atomic."""
        self._in_project(project)
        self._may_write(request.user)
        body: Body = request.body
        count = len(self._wanted(request, writing=True))
        self._check_count(request, count, "update")
        if count:
            new = values.patched(self.attribute_types, body, "Box")
            self._reached("list.counted")
            with self._lock:
                loaded = [each.copied() for each in self._wanted(request, writing=True)]
            self._reached("list.loaded")
            if body.get("ids") or body.get("in_place"):
                self._edit_in_place(loaded, new, request.user)
            else:
                for each in loaded:
                    self._next_mark(each, new, request.user)
        return 200, {"message": f"Successfully updated {count} localizations!"}

    def _check_count(self, request: Request, count: int, doing: str) -> None:
        expected = request.query.get("count")
        if expected is not None and int(expected) != count:
            raise Refused(f"Safety check failed - expected {expected} but would {doing} {count}")

    def _next_mark(self, row: Row, new: Body, user: User, **columns: Any) -> Row:
        """A new row made of a loaded one: whatever was written meanwhile is not in it."""
        with self._lock:
            if row.elemental_id is None:
                row.elemental_id = str(uuid.uuid4())
                self.rows.adopt(self.rows.by_id[row.id], row.elemental_id)
            attributes = row.attributes | new
            made = replace(row, attributes=attributes, modified_by=user.id, modified=self.now(), **columns)
            return self.rows.insert(made)

    def _edit_in_place(self, rows: list[Row], new: Body, user: User) -> None:
        """D: one statement per attribute, no transaction around them, no stamp; the first object is logged."""
        ids = [each.id for each in rows]
        if not ids:
            return
        old = [{"name": name, "value": rows[0].attributes.get(name)} for name in new]
        with self._lock:
            for each in ids:
                if each in self.rows.by_id:
                    self.rows.by_id[each].modified_by = user.id
        for position, (name, value) in enumerate(new.items()):
            if position:
                self._reached("list.between")
            if isinstance(value, str) and UNQUOTABLE.search(value):
                raise Refused("unterminated quoted string", details="None")
            with self._lock:
                for each in ids:
                    if each in self.rows.by_id:
                        self.rows.by_id[each].attributes[name] = value
        changed = [{"name": name, "value": value} for name, value in new.items()]
        self._log(user, ids, {"old": old, "new": changed})

    def _log(self, user: User, ids: list[int], description: Body) -> None:
        with self._lock:
            entry = {
                "id": len(self.change_log) + 1,
                "project": self.project,
                "user": user.id,
                "modified_datetime": shown(self.now(), single=False),
                "description_of_change": description,
                "entities": ids,
            }
            self.change_log.append(entry)

    def delete_list(self, request: Request, project: str) -> tuple[int, Any]:
        """A further mark of each, or, pruned, one row less."""
        self._in_project(project)
        self._may_write(request.user)
        body: Body = request.body
        count = len(self._wanted(request, writing=bool(body.get("ids"))))
        self._check_count(request, count, "delete")
        self._reached("delete.counted")
        with self._lock:
            loaded = [each.copied() for each in self._wanted(request, writing=bool(body.get("ids")))]
        self._reached("delete.loaded")
        with self._lock:
            for each in loaded:
                if body.get("prune"):
                    if each.id in self.rows.by_id:
                        self.rows.remove(self.rows.by_id[each.id])
                elif body.get("in_place"):
                    self.rows.by_id[each.id].variant_deleted = True
                else:
                    self.rows.insert(replace(each, variant_deleted=True, modified=self.now()))
        return 200, {"message": f"Successfully deleted {count} localizations!"}

    # One localization

    def _by_id(self, id_: str) -> Row:
        row = self.rows.by_id.get(int(id_))
        if row is None or row.deleted:
            raise Refused("No Localization matches the given query.", status=404)
        return row

    def _by_elemental_id(self, request: Request, version: str, elemental_id: str) -> Row:
        rows = self.rows.of(as_uuid(elemental_id), int(version))
        if "mark" in request.query and request.method == "GET":
            rows = [each for each in rows if each.mark == int(request.query["mark"])]
        if not rows:
            raise Refused("No Localization matches the given query.", status=404)
        return rows[-1]

    def get_one(self, request: Request, id_: str) -> tuple[int, Any]:
        """GET by id, old marks and deleted ones too."""
        with self._lock:
            return 200, as_json(self._by_id(id_), single=True)

    def get_elemental(self, request: Request, version: str, elemental_id: str) -> tuple[int, Any]:
        """GET of the latest mark, or of the mark asked for."""
        with self._lock:
            return 200, as_json(self._by_elemental_id(request, version, elemental_id), single=True)

    def patch_one(self, request: Request, id_: str) -> tuple[int, Any]:
        """A and B."""
        self._may_write(request.user)
        with self._lock:
            row = self._by_id(id_)
        return self._patch(request, row)

    def patch_elemental(self, request: Request, version: str, elemental_id: str) -> tuple[int, Any]:
        """A of the latest mark: ``pedantic`` has nothing to refuse."""
        self._may_write(request.user)
        with self._lock:
            row = self._by_elemental_id(request, version, elemental_id)
        return self._patch(request, row)

    def _patch(self, request: Request, row: Row) -> tuple[int, Any]:
        body: Body = request.body
        in_place = bool(body.get("in_place"))
        with self._lock:
            old_mark = row.mark
            if not in_place and body.get("pedantic") and row.mark != row.latest_mark:
                raise Refused(
                    f"Pedantic mode is enabled. Can not edit prior object {row.id}, must only edit latest mark on "
                    f"version.Object is mark {row.mark} of {row.latest_mark} for {row.version}/{row.elemental_id}"
                )
            if row.mark != row.latest_mark:
                row = self.rows.of(str(row.elemental_id), row.version)[-1]
            loaded = row.copied()
        self._check_geometry(body)
        # A width or height of 0 is no width at all.
        columns = {name: body[name] for name in ("x", "y") if body.get(name) is not None}
        columns |= {name: body[name] for name in ("width", "height") if body.get(name)}
        if body.get("frame") is not None:
            columns["frame"] = body["frame"]
        new = values.patched(self.attribute_types, body, "Box")
        self._reached("detail.loaded")
        with self._lock:
            if in_place:
                held = self.rows.by_id[row.id]
                old = [{"name": name, "value": held.attributes.get(name)} for name in new]
                held.attributes = loaded.attributes | new
                for name in GEOMETRY:
                    setattr(held, name, columns.get(name, getattr(loaded, name)))
                held.modified_by, held.modified = request.user.id, self.now()
                changed = [{"name": name, "value": value} for name, value in new.items()]
                self._log(request.user, [held.id], {"old": old, "new": changed})
                made = held
            else:
                made = self._next_mark(loaded, new, request.user, **columns)
            message = f"Localization {made.elemental_id}@{made.version}/{old_mark} successfully updated!"
            return 200, {"message": message, "object": as_json(made, single=True)}

    def delete_one(self, request: Request, id_: str) -> tuple[int, Any]:
        """DELETE by id."""
        self._may_write(request.user)
        with self._lock:
            row = self._by_id(id_)
        return self._delete(request, row)

    def delete_elemental(self, request: Request, version: str, elemental_id: str) -> tuple[int, Any]:
        """DELETE of the latest mark."""
        self._may_write(request.user)
        with self._lock:
            row = self._by_elemental_id(request, version, elemental_id)
        return self._delete(request, row)

    def _delete(self, request: Request, row: Row) -> tuple[int, Any]:
        body: Body = request.body
        with self._lock:
            gone = row.id
            if body.get("prune"):
                self.rows.remove(row)
            else:
                if body.get("pedantic") and row.mark != row.latest_mark:
                    raise Refused(
                        f"Pedantic mode is enabled. Can not edit prior object {row.id}, must only edit latest"
                    )
                # Nobody is noted for it: the last editor stays.
                gone = self.rows.insert(replace(row.copied(), variant_deleted=True, modified=self.now())).id
            message = f"Localization {row.version}/{row.elemental_id}@@{row.mark} successfully deleted!"
            return 200, {"message": message, "id": gone}

    # Everything around

    def get_change_log(self, request: Request, project: str) -> tuple[int, Any]:
        """No paging, no time; one of three filters is needed."""
        self._in_project(project)
        query = request.query
        if not {"user_id", "entity_id", "entity_type"} & query.keys():
            raise Refused("Change log query requires one of user_id, entity_id, entity_type")
        found_ = [
            each
            for each in self.change_log
            if ("user_id" not in query or each["user"] == int(query["user_id"]))
            and ("entity_id" not in query or int(query["entity_id"]) in each["entities"])
        ]
        return 200, found_

    def who_am_i(self, request: Request) -> tuple[int, Any]:
        """GET /User/GetCurrent."""
        return 200, _person(request.user)

    def get_user(self, request: Request, id_: str) -> tuple[int, Any]:
        """GET /User/{id}."""
        for each in self.users:
            if each.id == int(id_):
                return 200, _person(each)
        raise Refused("Not found.", status=404)

    def get_memberships(self, request: Request, project: str) -> tuple[int, Any]:
        """Who may do what."""
        self._in_project(project)
        return 200, [
            _person(each)
            | {"id": 500 + each.id, "user": each.id, "permission": each.permission, "project": int(project)}
            for each in self.users
            if each.is_active
        ]

    def get_projects(self, request: Request) -> tuple[int, Any]:
        """GET /Projects."""
        return 200, [{"id": self.project, "name": "Plankton"}]

    def get_project(self, request: Request, project: str) -> tuple[int, Any]:
        """GET /Project/{id}."""
        self._in_project(project)
        return 200, {"id": self.project, "name": "Plankton"}

    def get_versions(self, request: Request, project: str) -> tuple[int, Any]:
        """The layers."""
        self._in_project(project)
        return 200, list(self.versions)

    def delete_version(self, request: Request, id_: str) -> tuple[int, Any]:
        """Refused as long as there are live boxes in it."""
        live = len(self.live(int(id_)))
        if live:
            raise Refused(f"Cannot delete version {id_}: {live} localizations")
        self.versions = [each for each in self.versions if each["id"] != int(id_)]
        return 200, {"message": f"Version {id_} deleted successfully!"}

    def get_types(self, request: Request, project: str) -> tuple[int, Any]:
        """The localization types with their attributes."""
        self._in_project(project)
        shown_ = [{name: value for name, value in each.items() if name != "refused"} for each in self.attribute_types]
        box = {"id": self.box_type, "name": "Box", "dtype": "box", "project": self.project, "attribute_types": shown_}
        return 200, [box | {"media": [self.image_type, self.video_type]}]

    def patch_type(self, request: Request, id_: str) -> tuple[int, Any]:
        """Changing a type takes full control."""
        if request.user.permission != FULL:
            raise Refused("You do not have permission to perform this action.", status=403)
        return 200, {"message": "Localization type updated successfully!"}

    def get_media_types(self, request: Request, project: str) -> tuple[int, Any]:
        """Images and videos."""
        self._in_project(project)
        kinds = ((self.image_type, "Image", "image"), (self.video_type, "Video", "video"))
        return 200, [{"id": id_, "name": name, "dtype": dtype} for id_, name, dtype in kinds]

    def list_media(self, request: Request, project: str) -> tuple[int, Any]:
        """GET and PUT of media; ``presigned`` makes addresses that expire."""
        self._in_project(project)
        body: Body = request.body if isinstance(request.body, dict) else {}
        query, ids = request.query, set(body.get("ids") or [])
        ids |= {int(each) for each in query.get("media_id", "").split(",") if each}
        shown_ = [
            each
            for each in sorted(self.media.values(), key=lambda each: each.id)
            if not each.deleted
            and (not ids or each.id in ids)
            and ("name" not in query or each.name.lower() == query["name"].lower())
            and each.id > int(query.get("after", 0))
        ]
        start = int(query.get("start", 0))
        stop = int(query["stop"]) if "stop" in query else len(shown_)
        return 200, [self._medium(each, query.get("presigned")) for each in shown_[start:stop]]

    def _medium(self, medium: Medium, presigned: str | None) -> dict[str, Any]:
        path = f"{self.project}/{medium.id}/{medium.name}"
        if presigned is not None:
            until = int(time.time()) + int(presigned)
            path = f"{self.url}/media-content/{medium.id}?expires={until}"
        files = {"image": [{"path": path, "size": len(medium.content)}]} if medium.type == self.image_type else None
        return {
            "id": medium.id,
            "name": medium.name,
            "type": medium.type,
            "project": self.project,
            "width": medium.width,
            "height": medium.height,
            "media_files": files if medium.content or presigned is None else None,
        }

    def _content(self, path: str, query: Query) -> Answer:
        medium = self.media.get(int(path.rsplit("/", 1)[1]))
        if medium is None or int(query.get("expires", 0)) < time.time():
            raise ErrorPage(403, "Request has expired")
        return Answer(200, medium.content, {"Content-Type": "image/png"} | self._date())

    def get_leaf_types(self, request: Request, project: str) -> tuple[int, Any]:
        """One tree."""
        self._in_project(project)
        return 200, [{"id": self.leaf_type, "name": "Taxonomy", "project": self.project, "dtype": "leaf"}]

    def get_leaves(self, request: Request, project: str) -> tuple[int, Any]:
        """The leaves of a tree; ``parent`` is a leaf's id."""
        self._in_project(project)
        wanted = request.query.get("type")
        return 200, [each for each in self.leaves if wanted is None or each["type"] == int(wanted)]

    def add_leaf(self, name: str, parent: int | None = None) -> int:
        """Adds a leaf to the tree."""
        id_ = 9000 + len(self.leaves)
        above = next((each["path"] for each in self.leaves if each["id"] == parent), "Plankton")
        path = f"{above}.{re.sub(r'[^A-Za-z0-9_]', '_', name)}"
        self.leaves.append(
            {"id": id_, "name": name, "type": self.leaf_type, "parent": parent, "path": path, "attributes": {}}
        )
        return id_


class _Cut:
    """An answer that ends early."""


def _person(user: User) -> dict[str, Any]:
    names = {"username": user.username, "first_name": user.first_name, "last_name": user.last_name}
    return {"id": user.id, "email": f"{user.username}@example.org", **names}


def _slim(row: Row, fields: list[str]) -> dict[str, Any]:
    whole = as_json(row)
    found_: dict[str, Any] = {name: whole[name] for name in fields if "." not in name}
    parts = [name.partition(".")[2] for name in fields if name.startswith("attributes.")]
    if parts and "attributes" not in found_:
        found_["attributes"] = {name: row.attributes[name] for name in parts if name in row.attributes}
    return found_


def _raise(response: httpx.Response) -> None:
    response.read()
    response.raise_for_status()


_ROUTES: list[tuple[str, dict[str, Callable[..., tuple[int, Any]]]]] = [
    (
        r"/Localizations/(\d+)",
        {
            "GET": Tator.list_rows,
            "PUT": Tator.list_rows,
            "POST": Tator.create,
            "PATCH": Tator.patch_list,
            "DELETE": Tator.delete_list,
        },
    ),
    (r"/LocalizationCount/(\d+)", {"GET": Tator.count_rows, "PUT": Tator.count_rows}),
    (r"/Localization/(\d+)", {"GET": Tator.get_one, "PATCH": Tator.patch_one, "DELETE": Tator.delete_one}),
    (
        r"/Localization/(\d+)/([^/]+)",
        {"GET": Tator.get_elemental, "PATCH": Tator.patch_elemental, "DELETE": Tator.delete_elemental},
    ),
    (r"/ChangeLog/(\d+)", {"GET": Tator.get_change_log}),
    (r"/User/GetCurrent", {"GET": Tator.who_am_i}),
    (r"/User/(\d+)", {"GET": Tator.get_user}),
    (r"/Memberships/(\d+)", {"GET": Tator.get_memberships}),
    (r"/Projects", {"GET": Tator.get_projects}),
    (r"/Project/(\d+)", {"GET": Tator.get_project}),
    (r"/Versions/(\d+)", {"GET": Tator.get_versions}),
    (r"/Version/(\d+)", {"DELETE": Tator.delete_version}),
    (r"/LocalizationTypes/(\d+)", {"GET": Tator.get_types}),
    (r"/LocalizationType/(\d+)", {"PATCH": Tator.patch_type}),
    (r"/MediaTypes/(\d+)", {"GET": Tator.get_media_types}),
    (r"/Medias/(\d+)", {"GET": Tator.list_media, "PUT": Tator.list_media}),
    (r"/LeafTypes/(\d+)", {"GET": Tator.get_leaf_types}),
    (r"/Leaves/(\d+)", {"GET": Tator.get_leaves}),
]


class _InProcess(httpx.BaseTransport):
    """Calls the server without a network between."""

    def __init__(self, server: Tator, *, counting: bool = True) -> None:
        self._server, self._counting = server, counting

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        target = request.url.raw_path.decode()
        try:
            answer = self._server.answer(
                request.method, target, dict(request.headers), request.read(), counted=self._counting
            )
        except Ends:
            raise httpx.RemoteProtocolError(
                "Server disconnected without sending a response.", request=request
            ) from None
        if not answer.whole:
            return httpx.Response(
                answer.status, headers=answer.headers, stream=_Broken(answer.content), request=request
            )
        return httpx.Response(answer.status, headers=answer.headers, content=answer.content, request=request)


class _Broken(httpx.SyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _serve(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            answer = self.server.tator.answer(self.command, self.path, dict(self.headers), content)
        except Ends:
            self.close_connection = True
            return
        body, headers = answer.content, dict(answer.headers)
        if "gzip" in self.headers.get("Accept-Encoding", "") and answer.whole and len(body) > 1000:
            packed = io.BytesIO()
            with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as file:
                file.write(body)
            body, headers["Content-Encoding"] = packed.getvalue(), "gzip"
        self.send_response_only(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) + (0 if answer.whole else 1)))
        self.end_headers()
        self.wfile.write(body)
        if not answer.whole:
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815

    def log_message(self, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, tator: Tator) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tator = tator


@contextmanager
def serving(tator: Tator) -> Iterator[str]:
    """Serves on a free port of this machine; gives the URL."""
    server = _Server(tator)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    tator.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield tator.url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
