"""Errors and warnings on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from pixelrelay.cli.failing import Told
from pixelrelay.cli.views.drawn import attempts_table
from pixelrelay.cli.views.tables import table
from pixelrelay.errors import Problem
from pixelrelay.outcomes import Attempt, Charge


def failed_view(told: Told) -> RenderableType:
    """``error: …``, what was tried, and what would help."""
    shown: list[RenderableType] = [Text.assemble(("error: ", "bold red"), told.headline)]
    if told.attempts:
        shown += [Text(), attempts_table(told.attempts)]
    if told.details:
        shown += [Text(), details_table(told.details)]
    if told.hints:
        shown += [Text(), *(Text.assemble(("hint: ", "bold"), hint) for hint in told.hints)]
    return Group(*shown)


def details_table(details: Sequence[tuple[str, str]]) -> RenderableType:
    """Each deployment, and what it lacks."""
    shown = table("deployment", "what it lacks", folds=frozenset({"what it lacks"}))
    for name, why in details:
        shown.add_row(name, why)
    return shown


def interrupted_view(abandoned: Sequence[Attempt]) -> RenderableType:
    """What is known of the attempts that were left in the middle."""
    text = Text("interrupted", style="bold red")
    if not abandoned:
        text.append("; nothing was under way", "not bold default")
    for attempt in abandoned:
        failure = attempt.failure
        billed = failure is not None and failure.charge is not Charge.NONE
        said = failure.message if failure else "left in the middle"
        job = f", job {failure.job}" if failure and failure.job else ""
        risk = "it may have been billed" if billed else "nothing was billed"
        text.append(f"\n{attempt.deployment}: {said}{job}; {risk}", "not bold default")
    return text


def warnings_view(warnings: Sequence[Problem]) -> Text:
    """A line for each."""
    return Text("\n").join(Text.assemble(("warning: ", "bold yellow"), str(warning)) for warning in warnings)
