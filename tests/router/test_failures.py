"""The failure table, row by row: what follows from each kind of failure, wherever in a request it happens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from pixelrelay import (
    AmbiguousOutcomeError,
    AttemptsExhaustedError,
    ContentRejectedError,
    FailureKind,
    InvalidRequestError,
    PixelRelayError,
    ProviderRefusedError,
)
from pixelrelay.testing import Fault, FaultKind, Fleet
from tests.router.scenes import ask, bfl, billed, called, groups, router_of

pytestmark = pytest.mark.anyio

DRAWN = 2.0
"""Seconds that a picture takes, to which polling adds up to one."""


@dataclass(frozen=True, slots=True)
class End:
    """What becomes of a request."""

    tried: str
    """The deployments that are asked, in order."""
    error: type[PixelRelayError] | None = None
    """What the caller gets; ``None`` for a picture of the last one asked."""
    billed: str = ""
    """The deployments that bill a picture besides the one that is delivered."""
    within: tuple[float, float] = (0.0, DRAWN + 1.0)
    """Seconds in which it is over, from and to."""


@dataclass(frozen=True, slots=True)
class Row:
    """One way to fail, which strikes once, and what follows from it by where it strikes."""

    kind: FailureKind
    fault: Fault | None
    first_of_two: End
    """Where the group has another candidate."""
    alone: End
    """Where nobody else may be asked."""
    in_fallback: End
    """Where the group has been left for its fallback, which has a single candidate."""
    unwilling: End | None = None
    """As ``first_of_two``, with ``on_ambiguous: fail``; ``None`` where that makes no difference."""
    asks: Mapping[str, Any] = field(default_factory=dict)


def once(kind: FaultKind, **options: Any) -> Fault:
    return Fault(kind, times=1, **options)


QUIET = 30.0
"""Seconds after which an attempt that hears nothing is given up."""

TABLE = {
    "refused": Row(
        FailureKind.CONNECTION,
        once(FaultKind.REFUSED),
        first_of_two=End("first second"),
        alone=End("first first", within=(DRAWN, DRAWN + 1.5)),
        in_fallback=End("gone other other", within=(DRAWN, DRAWN + 2.0)),
    ),
    "cut off": Row(
        FailureKind.TIMEOUT,
        once(FaultKind.RESET_BEFORE_ANSWER),
        first_of_two=End("first second", billed="first"),
        alone=End("first", AttemptsExhaustedError, billed="first"),
        in_fallback=End("gone other", AttemptsExhaustedError, billed="other"),
        unwilling=End("first", AmbiguousOutcomeError, billed="first"),
    ),
    "silent": Row(
        FailureKind.TIMEOUT,
        once(FaultKind.HANG),
        first_of_two=End("first second", billed="first", within=(QUIET + DRAWN, QUIET + DRAWN + 1)),
        alone=End("first", AttemptsExhaustedError, billed="first", within=(QUIET, QUIET + 0.1)),
        in_fallback=End("gone other", AttemptsExhaustedError, billed="other", within=(QUIET, QUIET + 0.1)),
        unwilling=End("first", AmbiguousOutcomeError, billed="first", within=(QUIET, QUIET + 0.1)),
    ),
    "429": Row(
        FailureKind.RATE_LIMITED,
        once(FaultKind.RATE_LIMITED, retry_after=20.0),
        first_of_two=End("first second"),
        alone=End("first first", within=(20.0 + DRAWN, 20.0 + DRAWN + 1)),
        in_fallback=End("gone other other", within=(20.0 + DRAWN, 20.0 + DRAWN + 1)),
    ),
    "429 of slots": Row(
        FailureKind.RATE_LIMITED,
        once(FaultKind.RATE_LIMITED),
        first_of_two=End("first second"),
        alone=End("first first", within=(1.0 + DRAWN, 1.0 + DRAWN + 1)),
        in_fallback=End("gone other other", within=(1.0 + DRAWN, 1.0 + DRAWN + 1)),
    ),
    "503": Row(
        FailureKind.OVERLOADED,
        once(FaultKind.UNAVAILABLE),
        first_of_two=End("first second"),
        alone=End("first first", within=(DRAWN, DRAWN + 1.5)),
        in_fallback=End("gone other other", within=(DRAWN, DRAWN + 2.0)),
    ),
    "500 that may have begun to draw": Row(
        FailureKind.OVERLOADED,
        once(FaultKind.SERVER_ERROR),
        first_of_two=End("first second"),
        alone=End("first first", within=(DRAWN, DRAWN + 1.5)),
        in_fallback=End("gone other other", within=(DRAWN, DRAWN + 2.0)),
        unwilling=End("first", AmbiguousOutcomeError),
    ),
    "402": Row(
        FailureKind.OUT_OF_CREDIT,
        once(FaultKind.OUT_OF_CREDIT),
        first_of_two=End("first second"),
        alone=End("first", AttemptsExhaustedError),
        in_fallback=End("gone other", AttemptsExhaustedError),
    ),
    "403": Row(
        FailureKind.UNAUTHORISED,
        once(FaultKind.UNAUTHORISED),
        first_of_two=End("first second"),
        alone=End("first", AttemptsExhaustedError),
        in_fallback=End("gone other", AttemptsExhaustedError),
    ),
    "404": Row(
        FailureKind.NOT_FOUND,
        once(FaultKind.NOT_FOUND),
        first_of_two=End("first second"),
        alone=End("first", AttemptsExhaustedError),
        in_fallback=End("gone other", AttemptsExhaustedError),
    ),
    "moderated": Row(
        FailureKind.CONTENT_REJECTED,
        once(FaultKind.MODERATED_OUTPUT),
        first_of_two=End("first", ContentRejectedError),
        alone=End("first", ContentRejectedError),
        in_fallback=End("gone other", ContentRejectedError),
    ),
    "422": Row(
        FailureKind.INVALID,
        None,
        first_of_two=End("first second"),
        alone=End("first", ProviderRefusedError),
        in_fallback=End("gone other", ProviderRefusedError),
        asks={"extra_body": {"steps": 20}},  # of the models below, only that of "second" knows it
    ),
    "200 without an answer": Row(
        FailureKind.UNUSABLE,
        once(FaultKind.MALFORMED_JSON),
        first_of_two=End("first second", billed="first"),
        alone=End("first", AttemptsExhaustedError, billed="first"),
        in_fallback=End("gone other", AttemptsExhaustedError, billed="other"),
        unwilling=End("first", AmbiguousOutcomeError, billed="first"),
    ),
    "picture gone": Row(
        FailureKind.UNUSABLE,
        once(FaultKind.EXPIRED_SAMPLE),
        first_of_two=End("first second", billed="first", within=(DRAWN, 3 * DRAWN + 2)),
        alone=End("first", AttemptsExhaustedError, billed="first"),
        in_fallback=End("gone other", AttemptsExhaustedError, billed="other"),
        unwilling=End("first", AmbiguousOutcomeError, billed="first"),
    ),
    "job lost": Row(
        FailureKind.JOB_LOST,
        once(FaultKind.LOST_JOB),
        first_of_two=End("first second", billed="first", within=(DRAWN, DRAWN + 5)),
        alone=End("first", AttemptsExhaustedError, billed="first", within=(0, 5)),
        in_fallback=End("gone other", AttemptsExhaustedError, billed="other", within=(0, 5)),
        unwilling=End("first", AmbiguousOutcomeError, billed="first", within=(0, 5)),
    ),
    "job failed": Row(
        FailureKind.OVERLOADED,
        once(FaultKind.FAILED_JOB),
        first_of_two=End("first second", within=(DRAWN, 2 * DRAWN + 2)),
        alone=End("first first", within=(DRAWN, 2 * DRAWN + 2.5)),
        in_fallback=End("gone other other", within=(DRAWN, 2 * DRAWN + 3)),
        unwilling=End("first", AmbiguousOutcomeError),
    ),
}
ROWS = pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, row in TABLE.items()])


def fleet_of_three() -> Fleet:
    """Two candidates of one group, whose second has another model; one of its fallback; one that is not there."""
    return Fleet(
        bfl("first"),
        bfl("second", "flux-2-flex"),
        bfl("other"),
        bfl("gone", faults=(Fault(FaultKind.NOT_FOUND),)),
    )


async def check(row: Row, fleet: Fleet, config: dict[str, Any], struck: str, expected: End) -> None:
    if row.fault is not None:
        fleet.fault(struck, row.fault)
    router = router_of(fleet, {**config, "timeouts": {"first_byte": QUIET}})

    outcome = await ask(router, **row.asks)

    assert outcome.tried == expected.tried
    failed = next(attempt for attempt in outcome.attempts if attempt.deployment == struck)
    assert failed.failure is not None
    assert failed.failure.kind is row.kind
    if expected.error is None:
        assert outcome.result is not None, outcome.error
    else:
        assert type(outcome.error) is expected.error

    assert expected.within[0] <= outcome.seconds <= expected.within[1]

    await anyio.sleep(60)  # what was begun is drawn and billed, whoever has left
    assert called(fleet) == Counter(expected.tried.split())
    delivered = [] if expected.error else [expected.tried.split()[-1]]
    assert billed(fleet) == Counter([*expected.billed.split(), *delivered])


@ROWS
async def test_the_first_of_two_candidates_fails(row: Row) -> None:
    fleet = fleet_of_three()
    config = groups(fleet, {"flux": ["first", "second"]}, flux={"strategy": "ordered"})
    for order, entry in enumerate(config["models"]["flux"]["deployments"]):
        entry["order"] = order
    await check(row, fleet, config, "first", row.first_of_two)


@ROWS
async def test_the_first_of_two_candidates_fails_where_nothing_is_bought_again(row: Row) -> None:
    fleet = fleet_of_three()
    config = groups(fleet, {"flux": ["first", "second"]}, flux={"strategy": "ordered", "on_ambiguous": "fail"})
    for order, entry in enumerate(config["models"]["flux"]["deployments"]):
        entry["order"] = order
    await check(row, fleet, config, "first", row.unwilling or row.first_of_two)


@ROWS
async def test_the_only_candidate_fails(row: Row) -> None:
    fleet = fleet_of_three()
    await check(row, fleet, groups(fleet, {"flux": ["first"]}), "first", row.alone)


@ROWS
async def test_the_only_candidate_of_a_fallback_fails(row: Row) -> None:
    fleet = fleet_of_three()
    config = groups(fleet, {"flux": ["gone"], "spare": ["other"]}, flux={"fallbacks": ["spare"]})
    await check(row, fleet, config, "other", row.in_fallback)


def test_the_table_has_a_row_for_every_kind_of_failure() -> None:
    assert {row.kind for row in TABLE.values()} == set(FailureKind)


async def test_a_call_may_have_fewer_attempts_than_the_configuration_allows() -> None:
    fleet = Fleet(*(bfl(name, faults=(Fault(FaultKind.UNAVAILABLE),)) for name in ("east", "west", "north")))
    async with router_of(fleet) as router:
        one = await ask(router, max_attempts=1)
        two = await ask(router, max_attempts=2)

    assert [len(one.attempts), len(two.attempts)] == [1, 2]


async def test_a_call_of_no_attempts_is_refused() -> None:
    async with router_of(Fleet(bfl("east"))) as router:
        refused = await ask(router, max_attempts=0)

    assert isinstance(refused.error, InvalidRequestError)
