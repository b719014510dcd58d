"""The targets of "Size and speed" in docs/design.md, and whether a run met them at the largest size it measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.figures import Figures
from benchmarks.works.reviewed import TAGGED

Works = dict[str, Figures]

POLL_S = 0.1
SPEED_OF_READS = 0.5
PEAK_MB = 1_500
TO_DATABASE, TO_FIFTYONE = 5_000, 2_500
REVIEWED = (1 + 1 / TAGGED) / (1 / TO_DATABASE + 1 / TAGGED / TO_FIFTYONE)
"""Changes a second: every edit goes home, and one made by a tag to FiftyOne too, each at its own speed."""
INGEST, SCRIPT = 10, 50
RELABEL = 1.2


@dataclass(frozen=True)
class Met:
    """One target: what is asked for, at how many labels what was measured, and whether that is enough."""

    target: str
    labels: int
    measured: str
    met: bool


Judge = Callable[[Works], "tuple[str, bool] | None"]


def targets(figures: dict[int, Works]) -> Iterator[Met]:
    """Every target of which something was measured, each at the largest size at which it was."""
    for text, judge in _TARGETS:
        for labels in sorted(figures, reverse=True):
            found = judge(figures[labels])
            if found is not None:
                yield Met(text, labels, *found)
                break
    yield from _independent(figures)


def _independent(figures: dict[int, Works]) -> Iterator[Met]:
    """A poll's time at the largest size against that at the smallest: no more than what measuring it twice may give."""
    polled = sorted(labels for labels, works in figures.items() if "poll" in works)
    if len(polled) > 1:
        least, most = polled[0], polled[-1]
        ratio = figures[most]["poll"].seconds / figures[least]["poll"].seconds
        text = f"{ratio:.2f} × the time at {most / least:.0f} × the labels"
        yield Met("poll, nothing changed: whatever the dataset's size", most, text, ratio < 1.5)


def _poll(works: Works) -> tuple[str, bool] | None:
    if "poll" not in works:
        return None
    seconds = works["poll"].seconds
    return f"{seconds * 1000:.0f} ms", seconds < POLL_S


def _full(works: Works) -> tuple[str, bool] | None:
    if not {"full", "bare-together"} <= set(works):
        return None
    speed = works["bare-together"].seconds / works["full"].seconds
    by_cpu = works["bare-together"].cpu / works["full"].cpu
    return f"{speed:.2f} of their speed ({by_cpu:.2f} by CPU time)", speed >= SPEED_OF_READS


def _memory(works: Works) -> tuple[str, bool] | None:
    if "full" not in works:
        return None
    return f"{works['full'].peak_mb:,.0f} MB", works["full"].peak_mb < PEAK_MB


def _edits(name: str, basis: str, least: float) -> Judge:
    def judge(works: Works) -> tuple[str, bool] | None:
        if name not in works:
            return None
        rate = works[name].rate
        bare = f", {rate / works[basis].rate:.2f} of the bare write's" if basis in works else ""
        return f"{rate:,.0f} a second{bare}", rate >= least

    return judge


def _times(fast: str, slow: str, least: int) -> Judge:
    """By labels a second: the slower one may have been given fewer of them."""

    def judge(works: Works) -> tuple[str, bool] | None:
        if fast not in works or slow not in works:
            return None
        ratio = works[fast].rate / works[slow].rate
        return f"{ratio:,.1f} ×", ratio >= least

    return judge


def _embedding(fast: str, slow: str, with_bf16: float, without: float) -> Judge:
    """By images a second. What a CPU without bfloat16 can gain is less."""

    def judge(works: Works) -> tuple[str, bool] | None:
        if fast not in works or slow not in works:
            return None
        from syncd_embedding.runtimes import cpu_has_bf16

        least = with_bf16 if cpu_has_bf16() else without
        ratio = works[fast].rate / works[slow].rate
        by_cpu = works[slow].cpu / works[slow].units / (works[fast].cpu / works[fast].units)
        return f"{ratio:.1f} × ({by_cpu:.1f} × by CPU time; {least:g} × is asked for here)", ratio >= least

    return judge


def _scripts(works: Works) -> tuple[str, bool] | None:
    """By the time for the same edits on the same labels: each script carries one side's, syncd's run those of both."""
    scripts = ("naive-to-database", "naive-to-fiftyone")
    if not {*scripts, "edits-1pc"} <= set(works):
        return None
    ratio = sum(works[each].seconds for each in scripts) / works["edits-1pc"].seconds
    return f"{ratio:,.1f} ×", ratio >= SCRIPT


def _relabel(works: Works) -> tuple[str, bool] | None:
    if not {"relabel", "relabel-apply"} <= set(works):
        return None
    ratio = works["relabel"].seconds / works["relabel-apply"].seconds
    by_cpu = works["relabel"].cpu / works["relabel-apply"].cpu
    return f"{ratio:.2f} × ({by_cpu:.2f} × by CPU time)", ratio <= RELABEL


_TARGETS: tuple[tuple[str, Judge], ...] = (
    ("poll, nothing changed: under 100 ms", _poll),
    ("full reconcile, nothing changed: at least half the speed of the bare reads", _full),
    ("full reconcile, nothing changed: under 1.5 GB", _memory),
    (
        "edits FiftyOne → database, audited: at least 5 000 a second",
        _edits("edits-to-database", "bare-write-database", TO_DATABASE),
    ),
    (
        "edits database → FiftyOne, audited: at least 2 500 a second",
        _edits("edits-to-fiftyone", "bare-write-fiftyone", TO_FIFTYONE),
    ),
    (
        f"a reviewer's edits, tags and typos among them: as fast as both, {REVIEWED:,.0f} changes a second",
        _edits("edits-reviewed", "bare-write-database", REVIEWED),
    ),
    ("a bulk relabel from the App: within 1.2 × of syncd apply of the same plan", _relabel),
    ("ingest: at least 10 × Dataset.add_samples", _times("ingest", "ingest-sdk", INGEST)),
    ("embeddings: at least 2 × torch's float32 at the same tokens", _embedding("embed", "embed-torch", 2, 1.1)),
    (
        "embeddings: at least 4 × FiftyOne's compute_embeddings at its own sizes",
        _embedding("embed", "embed-fiftyone", 4, 2),
    ),
    (
        "embeddings: at least 2 × FiftyOne's compute_embeddings at the same tokens",
        _embedding("embed-squares", "embed-fiftyone", 2, 1.1),
    ),
    ("iterating samples and updating row by row, 1 % edited on each side: at least 50 × slower", _scripts),
)
