"""The tab Conflicts: a card each, with the label's picture, both values, and what can be taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fiftyone.operators import types

from syncd.api.rows import ConflictList, ConflictRow
from syncd.app.plugin.operator import Work, plural
from syncd.app.plugin.page import Page, quoted
from syncd.app.plugin.words import box_of, by_whom, kind_words, values_of
from syncd.errors import SyncdError

if TYPE_CHECKING:
    from syncd.app.plugin.panel import SyncdPanel

ALL = "all"
"""The choice of no kind in particular."""

CARDS = 5
"""On a page: each has a picture."""


def fill(panel: SyncdPanel, root: Any, page: Page, work: Work, number: int, asked: Mapping[str, str | None]) -> None:
    """The conflicts that match, the oldest first."""
    b = work.opened()
    kinds = b.status().open_conflicts
    _filters(panel, root, kinds, asked)
    if not kinds:
        page.text("**No conflict is open.**")
        return

    def listed(at: int) -> ConflictList:
        return b.conflicts(
            kind=asked["kind"], label=asked["klass"], actor=asked["person"], limit=CARDS, offset=at * CARDS
        )

    found = listed(number)
    if not found and number and found.total:
        number = (found.total - 1) // CARDS
        found = listed(number)
    if not found:
        page.text("No open conflict matches.")
        page.button("Clear the filters", panel.clear_filters)
        return
    turning(panel, page, number, CARDS, len(found), found.total)
    pictures = _pictures(work, list(found))
    for conflict, picture in zip(found, pictures, strict=True):
        _card(panel, page, conflict, picture)
    if any(asked.values()):
        page.button(f"Answer all {found.total:,} that match…", panel.take_all, icon="done_all")
    else:
        page.text("Choose a kind to answer many at once.")


def filters(root: Any) -> Any:
    """Where the filters of a list are: side by side, and in the panel's state under ``filters``."""
    return root.h_stack("filters", gap=2, align_y="center")


def _filters(panel: SyncdPanel, root: Any, kinds: Mapping[str, int], asked: Mapping[str, str | None]) -> None:
    choices = types.Dropdown()
    choices.add_choice(ALL, label=f"all kinds ({sum(kinds.values()):,})")
    for kind, count in sorted(kinds.items()):
        choices.add_choice(kind, label=f"{kind.replace('_', ' ')} ({count:,})")
    bar = filters(root)
    bar.enum(
        "kind", choices.values(), default=asked["kind"] or ALL, label="Kind", view=choices, on_change=panel.on_filter
    )
    bar.str("klass", label="Class", on_change=panel.on_filter)
    bar.str("person", label="Person", on_change=panel.on_filter)


def _pictures(work: Work, found: list[ConflictRow]) -> list[str | None]:
    """The labels as they look; a conflict can be decided without, so that a picture that fails stops nothing."""
    with_place = [each for each in found if each.sample_id is not None]
    wanted = [(str(each.sample_id), each.label_id, box_of(each)) for each in with_place]
    try:
        cut = dict(zip((each.id for each in with_place), work.opened().pictures(wanted), strict=True))
    except SyncdError:
        cut = {}
    return [cut.get(each.id) for each in found]


def _card(panel: SyncdPanel, page: Page, conflict: ConflictRow, picture: str | None) -> None:
    values = values_of(conflict)
    card = page.column(variant="outline", gap=1)
    subject = conflict.annotation_id or conflict.label_id or ""
    field = f" · {quoted(conflict.field)}" if conflict.field else ""
    card.text(f"**{conflict.id}**{field} · {quoted(kind_words(conflict.kind))}  \n`{subject}`")
    body = card.row(align_y="top")
    if picture is not None:
        body.image(picture, height="140px", alt=f"the label of conflict {conflict.id}")
    said = body.column(gap=0)
    agreed = f"  \nagreed before: {quoted(values['base'])}" if conflict.base is not None else ""
    said.text(
        f"FiftyOne: **{quoted(values['fiftyone'])}** {quoted(by_whom(conflict.fiftyone_by, conflict.fiftyone_at))}  \n"
        f"database: **{quoted(values['database'])}** {quoted(by_whom(conflict.database_by, conflict.database_at))}"
        f"{agreed}"
    )
    near = [str(each) for each in conflict.suggestions if isinstance(each, str)]
    if near:
        said.text(f"perhaps: {', '.join(map(quoted, near[:3]))}")
    buttons = card.row()
    params = {"id": conflict.id, "binding": conflict.binding}
    buttons.button(f"FiftyOne's: {values['fiftyone'][:24]}", panel.take, params=params | {"take": "fiftyone"})
    buttons.button(f"Database's: {values['database'][:24]}", panel.take, params=params | {"take": "database"})
    buttons.button("Another…", panel.take_other, params=params)
    if conflict.sample_id is not None:
        buttons.button("Show", panel.show, params={"sample": conflict.sample_id}, icon="open_in_full")


def turning(panel: SyncdPanel, page: Page, number: int, size: int, here: int, total: int | None) -> None:
    """Where one is in a list, and the way to the pages before and after; ``total`` where it is known."""
    first = number * size + 1
    last = first + here - 1
    bar = page.row()
    of = f" of {total:,}" if total is not None else ""
    bar.text(f"{first:,} to {last:,}{of}" if here else plural(0, "entry", "entries"))
    more = here == size if total is None else last < total
    if number or more:
        bar.button("Back", panel.to_page, params={"page": number - 1}, icon="chevron_left", disabled=not number)
        bar.button("Next", panel.to_page, params={"page": number + 1}, icon="chevron_right", disabled=not more)
