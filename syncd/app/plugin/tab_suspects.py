"""The tab Suspects: labels that disagree with what looks alike, each with what its neighbours say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.api.embedding_results import StoredSuspects, Suspect
from syncd.app.plugin.operator import Work
from syncd.app.plugin.page import Page, quoted
from syncd.app.plugin.tab_conflicts import turning
from syncd.app.plugin.terms import Kept
from syncd.errors import SyncdError

if TYPE_CHECKING:
    from syncd.app.plugin.panel import SyncdPanel

CARDS = 6
"""On a page: each has a picture."""

STORED: Kept[StoredSuspects] = Kept(60.0)
"""Pages that were read lately: for each the whole dataset is looked at, and an open panel looks again by itself."""


def fill(panel: SyncdPanel, page: Page, work: Work, number: int) -> None:
    """The suspect labels as they were judged last, the most suspect first."""
    if not work.config.embedding.models and work.binding.embedding is None:
        page.notice("No model is configured.", "Suspects come from vectors: name one in `embedding.models`.")
        return

    def listed(at: int) -> StoredSuspects:
        def read() -> StoredSuspects:
            return work.opened().stored_suspects(limit=CARDS, offset=at * CARDS)

        return STORED.get((work.key, at), read)

    found = listed(number)
    if not len(found) and number and found.total:
        number = (found.total - 1) // CARDS
        found = listed(number)
    page.button("Judge again…", panel.judge, icon="refresh", params={"binding": work.binding.name})
    if not len(found):
        page.text(f"**No label is suspect to {quoted(found.model)}**, or none was judged yet.")
        return
    turning(panel, page, number, CARDS, len(found), found.total)
    for suspect, picture in zip(found, _pictures(work, found), strict=True):
        _card(panel, page, work, suspect, picture)


def _pictures(work: Work, found: StoredSuspects) -> list[str | None]:
    """The labels as they look; a picture that fails stops nothing."""
    try:
        return work.opened().pictures([(each.sample_id, each.label_id, None) for each in found])
    except SyncdError:
        return [None] * len(found)


def _card(panel: SyncdPanel, page: Page, work: Work, suspect: Suspect, picture: str | None) -> None:
    card = page.column(variant="outline", gap=1)
    body = card.row(align_y="top")
    if picture is not None:
        body.image(picture, height="140px", alt=f"the label {suspect.label_id}")
    said = body.column(gap=0)
    said.text(
        f"is: **{quoted(suspect.label or 'no label')}**  \n"
        f"neighbours say: **{quoted(suspect.suggestion or 'nothing in particular')}**  \n"
        f"suspect {suspect.score:.2f} · `{suspect.annotation_id or suspect.label_id}`"
    )
    buttons = card.row()
    params = {"label_ids": [suspect.label_id], "binding": work.binding.name}
    if suspect.label_id is not None:
        if suspect.suggestion:
            one = params | {"label": suspect.suggestion}
            buttons.button(f"Relabel: {suspect.suggestion[:24]}", panel.relabel_suspect, params=one, icon="check")
        buttons.button("Another class…", panel.relabel_other, params=params)
    buttons.button("Show", panel.show, params={"sample": suspect.sample_id}, icon="open_in_full")
