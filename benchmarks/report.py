"""From rounds to verdicts: medians of per-round ratios, and the table. Pure but for `publish`.

Rule: a ratio is formed inside one round, where both peers met the same machine, and only then the median
over the rounds is taken; a quotient of two medians would mix good minutes of one peer with bad ones of the
other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

BEGIN = "<!-- bench:begin -->"
END = "<!-- bench:end -->"


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A budget on the ratio ours / theirs, where more is better."""

    times: float

    def __str__(self) -> str:
        return f"≥ {self.times:g}×"


@dataclass(frozen=True, slots=True)
class AtMost:
    """A budget on our own figure, in the measurement's unit, where less is better."""

    limit: float
    unit: str

    def __str__(self) -> str:
        return f"< {self.limit:g} {self.unit}"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One line of the table: our figure of every round and, for a ratio, the peer's of the same rounds.

    `budget` None means the line informs and is not judged. `skipped` names what was absent.
    """

    title: str
    unit: str
    ours: tuple[float, ...] = ()
    against: str = ""
    theirs: tuple[float, ...] = ()
    budget: AtLeast | AtMost | None = None
    note: str = ""
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and greatest over the rounds."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """The spread of at least one value; `ValueError` when there is none."""
    if not values:
        raise ValueError("no rounds were measured")
    return Spread(median(values), min(values), max(values))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, ...]:
    """The quotient of each round; `ValueError` when the rounds do not pair up."""
    return tuple(a / b for a, b in zip(ours, theirs, strict=True))


def verdict(measurement: Measurement) -> str:
    """ "met", "missed", "skipped" or, where there is no budget, "–". The median decides."""
    if measurement.skipped or not measurement.ours:
        return "skipped"
    match measurement.budget:
        case AtLeast(times):
            if not measurement.theirs:
                return "skipped"
            return (
                "met" if spread(ratios(measurement.ours, measurement.theirs)).median >= times else "missed"
            )
        case AtMost(limit):
            return "met" if spread(measurement.ours).median < limit else "missed"
        case None:
            return "–"


def table(measurements: Iterable[Measurement]) -> str:
    """The Markdown table of all measurements, one line each."""
    lines = [
        "| what | artifactd | against | ratio, median (min–max) | budget | verdict | notes |",
        "| - | - | - | - | - | - | - |",
    ]
    lines += [f"| {' | '.join(_cells(measurement))} |" for measurement in measurements]
    return "\n".join(lines)


def _cells(line: Measurement) -> tuple[str, ...]:
    budget = "–" if line.budget is None else str(line.budget)
    note = f"skipped: {line.skipped}" if line.skipped else line.note
    ours = _figure(line.ours, line.unit)
    theirs = f"{line.against} {_figure(line.theirs, line.unit)}" if line.theirs else line.against or "–"
    quotient = "–"
    if line.ours and line.theirs:
        over = spread(ratios(line.ours, line.theirs))
        quotient = f"**{digits(over.median)}×** ({digits(over.low)}–{digits(over.high)})"
    return line.title, ours, theirs, quotient, budget, verdict(line), note


def _figure(values: Sequence[float], unit: str) -> str:
    if not values:
        return "–"
    over = spread(values)
    if unit in {"s", "ms", "MB"}:  # judged by itself, so its own range is shown
        return f"{digits(over.median)} {unit} ({digits(over.low)}–{digits(over.high)})"
    return f"{digits(over.median)} {unit}"


def digits(value: float) -> str:
    """About three significant digits, thousands apart: what a noisy machine can honestly tell."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def replaced(document: str, generated: str) -> str:
    """`document` with what stands between the markers replaced; `ValueError` when it has no markers."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document lacks the markers {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{generated}\n{END}{after}"


def publish(path: Path, generated: str) -> None:
    """Write the table into `path`: between its markers if it has them, else as the whole file."""
    existing = path.read_text() if path.exists() else ""
    path.write_text(replaced(existing, generated) if BEGIN in existing else generated + "\n")
