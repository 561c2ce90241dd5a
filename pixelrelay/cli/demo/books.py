"""The books: what the router says was paid, against what the emulators' meter says was billed, request by request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from pixelrelay.cli.demo.story import Outcome
from pixelrelay.outcomes import Charge
from pixelrelay.testing import RequestRecord


@dataclass(frozen=True, slots=True)
class Books:
    """Both sides, and where they differ. Money is in dollars."""

    delivered: int
    """Pictures that callers got."""
    billed: int
    """Pictures on the meter."""
    spend: Decimal
    """For what was delivered, by the router."""
    metered: Decimal
    lost: int
    """Pictures that were drawn and billed, and whose answer was cut off on its way."""
    lost_dollars: Decimal
    at_risk: Decimal
    """What the router said that failed attempts may have cost."""
    problems: tuple[str, ...] = ()

    @property
    def balanced(self) -> bool:
        return not self.problems


@dataclass(slots=True)
class _Bill:
    pictures: int = 0
    dollars: Decimal = Decimal(0)


def reckon(outcomes: Iterable[Outcome], records: Iterable[RequestRecord]) -> Books:
    """Every picture on the meter was delivered, or lost by an attempt of which the router said that it might be."""
    bills = _bills(records)
    delivered = lost = 0
    spend = at_risk = lost_dollars = Decimal(0)
    problems: list[str] = []
    for outcome in outcomes:
        bill = bills.pop(outcome.order.prompt, _Bill())
        if outcome.result is None:
            problems.append(f"no. {outcome.order.number}: no picture ({outcome.error})")
            lost, lost_dollars = lost + bill.pictures, lost_dollars + bill.dollars
            at_risk += sum(((a.cost or 0) + (a.at_risk or 0) for a in outcome.attempts), Decimal(0))
            continue
        route, came = outcome.result.route, len(outcome.result.data)
        cost, risk = route.cost or Decimal(0), route.at_risk or Decimal(0)
        problems += _objections(outcome, bill)
        delivered, spend, at_risk = delivered + came, spend + cost, at_risk + risk
        lost, lost_dollars = lost + bill.pictures - came, lost_dollars + bill.dollars - cost
    problems += [f"billed, and asked for by nobody: {prompt!r}" for prompt, bill in bills.items() if bill.pictures]
    pictures = delivered + lost + sum(bill.pictures for bill in bills.values())
    metered = spend + lost_dollars + sum((bill.dollars for bill in bills.values()), Decimal(0))
    return Books(delivered, pictures, spend, metered, lost, lost_dollars, at_risk, tuple(problems))


def _bills(records: Iterable[RequestRecord]) -> dict[str, _Bill]:
    bills: dict[str, _Bill] = {}
    for record in records:
        if record.billed:
            bill = bills.setdefault(record.prompt or "", _Bill())
            bill.pictures += record.billed
            bill.dollars += record.dollars
    return bills


def _objections(outcome: Outcome, bill: _Bill) -> Iterable[str]:
    """Why the two sides do not agree on one request."""
    assert outcome.result is not None
    route, came = outcome.result.route, len(outcome.result.data)
    name = f"no. {outcome.order.number}"
    if route.cost is None or route.at_risk is None:
        yield f"{name}: the router does not know what it cost"
        return
    if came != outcome.order.n:
        yield f"{name}: {came} of {outcome.order.n} pictures"
    lost, dollars = bill.pictures - came, bill.dollars - route.cost
    doubtful = sum(a.failure is not None and a.failure.charge is not Charge.NONE for a in outcome.attempts)
    if not 0 <= lost <= doubtful:
        yield f"{name}: {bill.pictures} pictures billed, {came} delivered, {doubtful} attempts in doubt"
    if not (0 < dollars <= route.at_risk if lost else dollars == 0):
        yield f"{name}: billed ${bill.dollars}, paid ${route.cost} and at risk ${route.at_risk}"


def own_429s(records: Iterable[RequestRecord]) -> Mapping[str, tuple[int, int]]:
    """By deployment, how many 429s our own traffic met, and how many were a fault put there on purpose."""
    counted: dict[str, tuple[int, int]] = {}
    for record in records:
        if record.status == 429:
            own, injected = counted.get(record.deployment, (0, 0))
            counted[record.deployment] = (own, injected + 1) if record.fault else (own + 1, injected)
    return counted
