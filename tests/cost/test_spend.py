"""What attempts cost, added up: exactly where it is known, else at the least and at the most."""

from __future__ import annotations

from decimal import Decimal, localcontext

from hypothesis import given
from hypothesis import strategies as st

from pixelrelay.cost.spend import Ledger, Spend, spend_of
from pixelrelay.events import AttemptFinished, RequestFinished, RequestStarted
from pixelrelay.images import Operation
from pixelrelay.outcomes import Attempt

CENTS = Decimal("0.04")


def attempt(cost: Decimal | None = CENTS, at_risk: Decimal | None = Decimal(0), deployment: str = "east") -> Attempt:
    return Attempt(deployment, "openai", "flux", 0.0, 1.0, cost=cost, at_risk=at_risk)


def finished(one: Attempt, request_id: str = "r") -> AttemptFinished:
    return AttemptFinished(request_id, one, Operation.GENERATE, None)


def test_a_sum_is_exact_where_nothing_is_at_risk_and_all_has_a_price() -> None:
    assert spend_of(attempt()).exact == CENTS
    risky = spend_of(attempt()) + spend_of(attempt(Decimal(0), CENTS))
    assert (risky.exact, risky.at_least, risky.at_most) == (None, CENTS, 2 * CENTS)
    unpriced = risky + spend_of(attempt(None))
    assert (unpriced.exact, unpriced.at_least, unpriced.at_most) == (None, CENTS, None)
    assert spend_of(attempt(Decimal(0), None)).unpriced == 1


def test_nothing_is_rounded_whatever_the_program_around_has_set_for_its_own_sums() -> None:
    ledger, dear, cheap = Ledger(), Decimal("1234.5"), Decimal("0.0004")
    with localcontext(prec=3):
        for cost in (dear, cheap):
            ledger(finished(attempt(cost, at_risk=cheap)))
        seen = ledger.spending().total
        assert (seen.at_least, seen.at_most) == (Decimal("1234.5004"), Decimal("1234.5012"))


def test_the_tags_of_a_call_are_those_of_its_attempts_and_forgotten_when_it_ends() -> None:
    ledger = Ledger()
    ledger(RequestStarted("r", "flux", Operation.GENERATE, 1, None, ("trial", "eu")))
    ledger(finished(attempt()))
    ledger(RequestFinished("r", "flux", Operation.GENERATE, 1.0, None, None))
    ledger(finished(attempt()))
    assert {tag: spend.exact for tag, spend in ledger.spending().tags.items()} == {"trial": CENTS, "eu": CENTS}
    assert ledger.spending().total.exact == 2 * CENTS


def test_what_was_told_does_not_change_any_more() -> None:
    ledger = Ledger()
    ledger(finished(attempt()))
    before = ledger.spending()
    ledger(finished(attempt()))
    assert before.deployments["east"].exact == CENTS


@given(
    st.lists(
        st.builds(
            attempt,
            st.none() | st.decimals(0, 1, places=6),
            st.none() | st.decimals(0, 1, places=6),
            st.sampled_from(("east", "west")),
        )
    )
)
def test_the_parts_add_up_to_the_whole(attempts: list[Attempt]) -> None:
    ledger = Ledger()
    for one in attempts:
        ledger(finished(one))
    told = ledger.spending()
    for parts in (told.deployments, told.groups, told.providers):
        assert sum(parts.values(), Spend()) == told.total
    assert told.total.known == sum(one.cost or Decimal(0) for one in attempts)
