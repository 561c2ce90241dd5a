"""The summary: a demo in a dozen numbers, for the terminal and the page alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from math import ceil

from pixelrelay.cli.demo.books import Books, own_429s, reckon
from pixelrelay.cli.demo.story import Outage, Story
from pixelrelay.outcomes import Charge


@dataclass(frozen=True, slots=True)
class Line:
    """One number, and what there is to say about it."""

    label: str
    value: str
    note: str = ""
    good: bool | None = None
    """Whether it is as promised; ``None`` where nothing was."""


@dataclass(frozen=True, slots=True)
class Absence:
    """How a region's outage went."""

    cut: int
    """Calls under way when it went down."""
    calls: int
    """Calls that were tried while it was down."""
    probes: int
    """How many of these were probes."""
    back_after: float | None
    """Seconds from its return to the first picture asked of it; ``None`` if none was."""


@dataclass(frozen=True, slots=True)
class Summary:
    lines: tuple[Line, ...]
    ok: bool
    """Whether everybody got a picture and the books balance."""
    problems: tuple[str, ...] = ()


def summarise(story: Story) -> Summary:
    books = reckon(story.outcomes, story.records) if story.records is not None else None
    everybody = story.served == len(story.outcomes)
    problems = books.problems if books is not None else tuple(o.error for o in story.outcomes if o.error)
    lines = [
        Line("served", f"{story.served} of {len(story.outcomes)}", _pictures(story), everybody),
        *_load(story),
        *_limits(story),
        *_ways(story),
        *_times(story),
        *([_outage(absence_of(story, story.outage), story.outage)] if story.outage else []),
        *(_money(books) if books is not None else [_spend(story)]),
        _clocks(story),
    ]
    return Summary(tuple(lines), everybody and not problems, problems)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of them do not exceed; 0 for none."""
    if not values:
        return 0.0
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]


def absence_of(story: Story, outage: Outage) -> Absence:
    own = [call for call in story.calls if call.deployment == outage.deployment]
    span = outage.span
    during = [call for call in own if span.started <= call.started < span.ended]
    after = [call.started for call in own if call.started >= span.ended and call.attempt.succeeded]
    return Absence(
        cut=sum(call.started < span.started <= call.ended and not call.attempt.succeeded for call in own),
        calls=len(during),
        probes=sum(call.probe for call in during),
        back_after=min(after) - span.ended if after else None,
    )


def dollars(amount: Decimal) -> str:
    """To the cent, or as precisely as it is known: ``$3.04``, ``$0.045``."""
    cents = amount.quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    return f"${cents if cents == amount else amount.normalize():f}"


def seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 99.95 else f"{value:.0f} s"


def _pictures(story: Story) -> str:
    several = sum(outcome.order.n > 1 for outcome in story.outcomes)
    edits = sum(outcome.order.edit for outcome in story.outcomes)
    return f"{_counted(story.pictures, 'picture')}; {several} for several at once, {_counted(edits, 'edit')}"


def _load(story: Story) -> Iterator[Line]:
    if story.reachable:
        note = f"pictures a minute were asked for; the quotas allow about {story.reachable:.0f}"
        yield Line("offered", f"{story.offered:.0f}", note)


def _limits(story: Story) -> Iterator[Line]:
    if story.records is None:
        return
    counted = own_429s(story.records)
    own = sum(each for each, _ in counted.values())
    injected = [f"{count} at {name}" for name, (_, count) in counted.items() if count]
    note = "429s from the providers to this traffic" + (
        f", besides {' and '.join(injected)} put there on purpose" if injected else ""
    )
    yield Line("over quota", str(own), note, own == 0)


def _ways(story: Story) -> Iterator[Line]:
    over = sum(outcome.failed_over for outcome in story.outcomes)
    yield Line("failed over", str(over), "requests went on elsewhere after an attempt had failed")
    where = ", ".join(f"{count} to {name}" for name, count in sorted(story.fallbacks.items())) or "none was needed"
    yield Line("fell back", str(sum(story.fallbacks.values())), f"requests turned to another group: {where}")


def _times(story: Story) -> Iterator[Line]:
    waited = [outcome.result.route.waited for outcome in story.outcomes if outcome.result is not None]
    took = [outcome.seconds for outcome in story.outcomes if outcome.result is not None]
    for label, values, note in (
        ("waited", waited, "for quota: the median request, and the one in twenty that waited longest"),
        ("took", took, "from the question to the picture, likewise"),
    ):
        yield Line(label, f"{seconds(percentile(values, 0.5))} / {seconds(percentile(values, 0.95))}", note)


def _outage(absence: Absence, outage: Outage) -> Line:
    parts = [f"{_counted(absence.cut, 'call')} cut off", f"{absence.calls or 'none'} tried meanwhile"]
    if absence.probes:
        parts[-1] += " as a probe" if absence.probes == absence.calls == 1 else f", {absence.probes} of them as a probe"
    if absence.back_after is None:
        parts.append("not needed again after its return")
    else:
        parts.append(f"asked again {seconds(absence.back_after)} after its return")
    return Line(f"{outage.deployment} down", seconds(outage.span.ended - outage.span.started), "; ".join(parts))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _money(books: Books) -> Iterator[Line]:
    note = f"for {_counted(books.delivered, 'picture')} delivered, by the router's books"
    yield Line("paid", dollars(books.spend), note)
    if books.lost or books.at_risk:
        lost = _counted(books.lost, "picture")
        note = (
            f"for {lost} drawn and billed while the connection was cut: paid, not delivered; "
            f"the router had put {dollars(books.at_risk)} at risk"
        )
        yield Line("paid in vain", dollars(books.lost_dollars), note)
    verdict = "to the last digit" if books.balanced else "and the books do not balance"
    note = f"for {_counted(books.billed, 'picture')} by the providers' meter: the sum of the above, {verdict}"
    yield Line("billed", dollars(books.metered), note, books.balanced)


def _spend(story: Story) -> Line:
    costs = [outcome.result.route.cost for outcome in story.outcomes if outcome.result is not None]
    known = sum((cost for cost in costs if cost is not None), Decimal(0))
    unknown = sum(cost is None for cost in costs)
    doubtful = sum(
        call.attempt.failure is not None and call.attempt.failure.charge is not Charge.NONE for call in story.calls
    )
    note = "by the prices of the configuration, or as the provider said"
    note += f"; {unknown} requests at a price that nobody knows" if unknown else ""
    note += f"; {doubtful} failed calls may have been billed besides" if doubtful else ""
    return Line("paid", dollars(known), note)


def _clocks(story: Story) -> Line:
    if story.speed == 1.0:
        return Line("real time", seconds(story.real_seconds))
    note = (
        f"for {seconds(story.length)} of the demo's clock: waiting passes {story.speed:g} times as fast, computing "
        "takes none of it"
    )
    return Line("real time", seconds(story.real_seconds), note)
