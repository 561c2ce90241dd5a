"""Events in words, as they come."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from io import StringIO

import pytest
from rich.console import Console

from pixelrelay.cli.progress import PHASES, Scene, Watcher, line_of
from pixelrelay.cli.views.words import cost, dollars, outcome, seconds, size_in_bytes
from pixelrelay.events import (
    AttemptAdvanced,
    AttemptFinished,
    AttemptStarted,
    Event,
    FellBack,
    WaitFinished,
    WaitStarted,
)
from pixelrelay.images import Operation
from pixelrelay.outcomes import Attempt, Charge, Failure, FailureKind, Phase

DRAWN = Attempt("bfl", "black-forest-labs", "flux", started=0, duration=4.2, images=1, cost=Decimal("0.03"))
ILL = replace(DRAWN, images=0, failure=Failure(FailureKind.OVERLOADED, "come back later", status=503))


def waited(seconds: float) -> Event:
    return WaitFinished("pr_1", "flux", seconds, served=True, operation=Operation.GENERATE, size=None)


def started(deployment: str = "bfl", number: int = 1, *, probe: bool = False) -> Event:
    return AttemptStarted("pr_1", "flux", deployment, "black-forest-labs", number, probe)


def advanced(phase: Phase, number: int = 1, job: str | None = None) -> Event:
    return AttemptAdvanced("pr_1", "bfl", phase, job, number)


def finished(attempt: Attempt = DRAWN, number: int = 1, *, abandoned: bool = False) -> Event:
    return AttemptFinished("pr_1", attempt, Operation.GENERATE, None, abandoned, number)


def test_the_scene_follows_a_request_from_wait_to_delivery() -> None:
    story: list[tuple[Event, str]] = [
        (WaitStarted("pr_1", "flux", 12.0), "flux is full; a place is free in 12 s"),
        (WaitStarted("pr_1", "flux", 75.0), "flux is full; a place is free in 12 s"),
        (waited(12.0), "flux is full; a place is free in 1 min 15 s"),
        (waited(75.0), "planning"),
        (started(), "bfl: sending"),
        (advanced(Phase.SENT), "bfl: submitted"),
        (advanced(Phase.ACCEPTED, job="job-1"), "bfl: accepted and polled"),
        (advanced(Phase.DRAWN, job="job-1"), "bfl: drawn and being downloaded"),
        (started("eastus", 2), "2 attempts under way: bfl, eastus"),
        (finished(), "eastus: sending"),
        (advanced(Phase.DELIVERED), "eastus: sending"),
    ]
    scene = Scene()

    for event, shown in story:
        scene = scene.after(event)
        assert str(scene) == shown


def test_several_attempts_on_one_deployment_are_told_apart() -> None:
    scene = Scene().after(started(number=1)).after(started(number=2)).after(started(number=3))
    assert str(scene) == "3 attempts under way: bfl"

    scene = scene.after(advanced(Phase.SENT, 2)).after(finished(number=1)).after(finished(number=3))
    assert str(scene) == "bfl: submitted"
    assert scene.after(finished(number=2)) == Scene()


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (started(), "attempt on bfl (black-forest-labs)"),
        (started(probe=True), "attempt on bfl (black-forest-labs), a probe"),
        (advanced(Phase.ACCEPTED, job="job-1"), "bfl: accepted and polled, job job-1"),
        (advanced(Phase.DRAWN, job="job-1"), "bfl: drawn and being downloaded, job job-1"),
        (advanced(Phase.DRAWN), "bfl: drawn and being downloaded"),
        (advanced(Phase.DELIVERED), None),
        (finished(), "bfl, after 4.2 s: 1 picture"),
        (finished(ILL), "bfl, after 4.2 s: overloaded (503): come back later"),
        (FellBack("pr_1", "flux", "gpt", "rate_limited"), "falling back from flux to gpt: rate limited"),
    ],
)
def test_each_step_is_a_line_in_a_log(event: Event, line: str | None) -> None:
    assert line_of(event) == line


def test_every_phase_has_its_words() -> None:
    assert PHASES.keys() == set(Phase)


def test_on_a_terminal_only_failures_stay_and_the_rest_passes_by() -> None:
    screen = StringIO()
    watcher = Watcher(Console(file=screen, force_terminal=True, width=100, markup=False, highlight=False))

    with watcher.watching():
        for event in (started(), finished(ILL), started(), finished()):
            watcher(event)

    assert "bfl, after 4.2 s: overloaded (503): come back later\n" in screen.getvalue()
    assert "1 picture" not in screen.getvalue()
    assert "attempt on" not in screen.getvalue()


def test_attempts_that_were_left_are_remembered() -> None:
    watcher = Watcher(Console(file=StringIO()))

    watcher(finished(ILL, abandoned=True))
    watcher(finished())

    assert watcher.abandoned == [ILL]


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (None, "unknown"),
        ("0", "$0"),
        ("0E-9", "$0"),
        ("0.04", "$0.04"),
        ("0.5", "$0.50"),
        ("12", "$12.00"),
        ("0.03145728", "$0.0315"),
        ("0.00001234", "$0.000012"),
        ("1234.56789", "$1234.5679"),
    ],
)
def test_money_is_shown_to_a_hundredth_of_a_cent(amount: str | None, shown: str) -> None:
    assert dollars(Decimal(amount) if amount is not None else None) == shown


def test_what_a_failed_attempt_may_have_cost_is_no_certain_cost() -> None:
    risky = replace(ILL, cost=Decimal(0), at_risk=Decimal("0.05"))

    assert cost(risky) == "maybe $0.05"
    assert cost(replace(risky, at_risk=None)) == "unknown"
    assert cost(replace(risky, at_risk=Decimal(0))) == "$0"
    assert cost(replace(ILL, cost=Decimal("0.05"), at_risk=Decimal(0))) == "$0.05"
    assert cost(DRAWN) == "$0.03"


def test_an_outcome_says_whether_it_may_have_been_billed() -> None:
    cut = Failure(FailureKind.TIMEOUT, "cut", charge=Charge.UNKNOWN)

    assert outcome(replace(ILL, failure=cut)) == "timeout: cut (may have been billed)"
    assert outcome(replace(ILL, failure=replace(cut, charge=Charge.BILLED))) == "timeout: cut (billed)"
    assert outcome(replace(DRAWN, images=3)) == "3 pictures"


@pytest.mark.parametrize(
    ("amount", "shown"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (60, "1 min"), (75.2, "1 min 15 s")],
)
def test_durations_are_as_exact_as_people_want_them(amount: float, shown: str) -> None:
    assert seconds(amount) == shown


@pytest.mark.parametrize(
    ("amount", "shown"), [(999, "999 bytes"), (1000, "1 kB"), (999_600, "1.0 MB"), (1_240_000, "1.2 MB")]
)
def test_sizes_of_files_are_counted_in_thousands(amount: int, shown: str) -> None:
    assert size_in_bytes(amount) == shown
