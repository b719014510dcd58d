"""The figures for people: first the ratios, which hold on other machines, then the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figures
from benchmarks.meter import MB
from benchmarks.run import Run
from benchmarks.targets import targets
from benchmarks.works import WORKS, Work, by_name

SERVERS = ("MongoDB", "PostgreSQL")

CAUTION = (
    "Best of the repetitions. × is the time as a multiple of the bare reads of the same run (all three at the same "
    "time; of the bare write, for bulk edits), as wall time and as CPU time of everybody. Peak is that of the process "
    "that does the work, the interpreter and its libraries included; scripts import FiftyOne, syncd does not."
)
COUNTED = "Megabytes that came from each server, and round trips to it, in a repetition of its own by way of a proxy."


def show(console: Console, found: Run) -> None:
    """Prints all of it."""
    for name, value in found.machine.items():
        console.print(f"[dim]{name}: {value}[/dim]", soft_wrap=True)
    goals = list(targets(found.figures))
    if goals:
        console.print("\n[bold]Targets[/bold] [dim](docs/performance.md says what they are)[/dim]")
        for each in goals:
            mark = "[green]✓[/green]" if each.met else "[red]✗[/red]"
            console.print(
                f"  {mark} {each.target}: [bold]{each.measured}[/bold] [dim]({each.labels:,} labels)[/dim]",
                soft_wrap=True,
            )
    lines = list(ratios(found))
    if lines:
        console.print("\n[bold]Ratios[/bold] [dim](these carry over to other machines)[/dim]")
        for line in lines:
            console.print(f"  {line}", soft_wrap=True)
    console.print()
    console.print(table(found))
    console.print(f"[dim]{CAUTION}[/dim]")
    if any(each.traffic for works in found.figures.values() for each in works.values()):
        console.print()
        console.print(traffic(found))
        console.print(f"[dim]{COUNTED}[/dim]")


def table(found: Run) -> Table:
    """One line per work and size."""
    title = f"{found.shape.value.capitalize()}, {found.shape.per_sample} a sample; best of {found.repeat}"
    result = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    result.add_column("work", overflow="fold")
    for name in ("labels", "seconds", "CPU s", "a second", "× wall", "× CPU", "peak MB"):
        result.add_column(name, justify="right", no_wrap=True)
    for labels, works in found.figures.items():
        for each in WORKS:
            if each.name in works:
                result.add_row(*_row(labels, each, works), style="dim" if each.name.startswith("bare-") else None)
        result.add_section()
    return result


def traffic(found: Run) -> Table:
    """What each work reads from each server, one line per work and size."""
    result = Table(title="Read from the servers", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    result.add_column("work", overflow="fold")
    result.add_column("labels", justify="right", no_wrap=True)
    for server in SERVERS:
        result.add_column(f"{server}, MB", justify="right")
        result.add_column("round trips", justify="right")
    for labels, works in found.figures.items():
        for each in WORKS:
            if each.name in works and works[each.name].traffic:
                result.add_row(each.title, f"{labels:,}", *_traffic(works[each.name]))
        result.add_section()
    return result


def _row(labels: int, work: Work, works: dict[str, Figures]) -> list[str]:
    figures, basis = works[work.name], works.get(work.basis or "")
    times = [_times(getattr(figures, name), getattr(basis, name)) if basis else "" for name in ("seconds", "cpu")]
    return [
        work.title,
        f"{labels:,}",
        _seconds(figures.seconds),
        _seconds(figures.cpu),
        f"{figures.rate:,.{0 if figures.rate >= 10 else 2}f} {work.unit}" if figures.units else "",
        *times,
        f"{figures.peak_mb:,.0f}",
    ]


def _traffic(figures: Figures) -> list[str]:
    cells = []
    for server in SERVERS:
        found = figures.traffic.get(server)
        cells += ["", ""] if found is None else [_megabytes(found.received), f"{found.trips:,}"]
    return cells


def _megabytes(count: int) -> str:
    return f"{count / MB:,.0f}" if count >= 10 * MB else f"{count / MB:.2f}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.4f}" if seconds < 0.1 else f"{seconds:.2f}"


def _times(value: float, basis: float) -> str:
    ratio = value / basis
    return f"{ratio:.3f}" if ratio < 0.1 else f"{ratio:.2f}"


def ratios(found: Run) -> Iterator[str]:
    """The targets of "Size and speed" in docs/design.md, as ratios.

    Where a work was left out, what rests on it is left out too.
    """
    for labels, works in found.figures.items():
        where = f"[dim]{labels:,} labels:[/dim]"
        yield from (f"{where} {text}" for rule in _RULES if (text := rule(works)))
    sizes = list(found.figures)
    if len(sizes) > 1:
        first, last = found.figures[sizes[0]], found.figures[sizes[-1]]
        for name in ("poll", "poll-counted", "edits-100"):
            if name in first and name in last:
                grown = last[name].seconds / first[name].seconds
                cpu = last[name].cpu / first[name].cpu
                title = by_name(name).title
                yield (
                    f"{title}: {grown:.2f} × the time at {sizes[-1] / sizes[0]:.0f} × the labels "
                    f"[dim]({cpu:.2f} × the CPU time)[/dim]"
                )


Works = dict[str, Figures]
Rule = Callable[[Works], str | None]


def _speed(name: str, basis: str, text: str) -> Rule:
    """The speed of one work as a share of another's: 1 is as fast."""

    def rule(works: Works) -> str | None:
        if name not in works or basis not in works:
            return None
        wall = works[basis].seconds / works[name].seconds
        cpu = works[basis].cpu / works[name].cpu
        return f"{text.format(wall=f'{wall:.2f}')} [dim]({cpu:.2f} by CPU time)[/dim]"

    return rule


def _slower(name: str, than: str) -> Rule:
    """How many times as long another tool's way takes as syncd's."""

    def rule(works: Works) -> str | None:
        if name not in works or than not in works:
            return None
        wall = works[name].seconds / works[than].seconds
        cpu = works[name].cpu / works[than].cpu
        return (
            f"{by_name(name).title}: {wall:,.1f} × syncd's {by_name(than).title!r} [dim]({cpu:,.1f} by CPU time)[/dim]"
        )

    return rule


def _rates(name: str, than: str) -> Rule:
    """How many times as many units a second syncd does as another tool, which may have been given fewer of them."""

    def rule(works: Works) -> str | None:
        if name not in works or than not in works:
            return None
        wall = works[name].rate / works[than].rate
        cpu = works[than].cpu / works[than].units / (works[name].cpu / works[name].units)
        return f"{name}: {wall:,.1f} × the labels a second of {by_name(than).title} [dim]({cpu:,.1f} by CPU time)[/dim]"

    return rule


_RULES: tuple[Rule, ...] = (
    _speed("full", "bare-together", "full reconcile at {wall} of the speed of the bare reads at the same time"),
    _speed("full", "bare-in-turn", "full reconcile at {wall} of the speed of the bare reads in turn"),
    _speed("edits-to-database", "bare-write-database", "edits to the database at {wall} of the speed of bare writes"),
    _speed("edits-to-fiftyone", "bare-write-fiftyone", "edits to FiftyOne at {wall} of the speed of bare writes"),
    _rates("ingest", "ingest-sdk"),
    *(
        _slower(f"{script}{work}", than)
        for script in ("nearest", "naive", "careful")
        for work, than in (("", "poll"), ("", "full"), ("-to-database", "edits-1pc"), ("-to-fiftyone", "edits-1pc"))
    ),
)
