"""The timeline: an SVG with a lane for each deployment and a bar for each call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from html import escape

from pixelrelay.cli.demo.recording import Call, Span
from pixelrelay.cli.demo.story import Story
from pixelrelay.cli.demo.summary import dollars, seconds
from pixelrelay.outcomes import FailureKind

WIDTH, GUTTER, MARGIN = 1000.0, 118.0, 8.0
ROW, BAR, GAP, LEAST_LANE = 4.0, 3.0, 12.0, 26.0
CROWD = 64.0
"""Height of the chart of those who wait."""
AXIS = 22.0
REST = 4.0
"""Height of the strip that shows when a deployment was left alone."""
FLAG = 5.0
"""Width, and height, of a failed call's bar at the least, so that one that failed at once is seen."""

OUTCOMES: Mapping[str, str] = {
    "served": "served",
    "cut": "cut off: may have been billed",
    "limited": "429",
    "refused": "no connection",
    "failed": "failed otherwise",
}
"""Classes of bars, and what they mean."""

_KINDS: Mapping[FailureKind, str] = {
    FailureKind.TIMEOUT: "cut",
    FailureKind.JOB_LOST: "cut",
    FailureKind.RATE_LIMITED: "limited",
    FailureKind.CONNECTION: "refused",
}


def outcome_of(call: Call) -> str:
    """The class of a call's bar."""
    failure = call.attempt.failure
    return "served" if failure is None else _KINDS.get(failure.kind, "failed")


def packed(calls: Iterable[Call]) -> list[tuple[int, Call]]:
    """Each call with a row of its lane, so that none lies over another and the rows are as few as can be."""
    rows: list[tuple[int, Call]] = []
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    for call in sorted(calls, key=lambda each: each.started):
        while busy and busy[0][0] <= call.started:
            heappush(free, heappop(busy)[1])
        row = heappop(free) if free else len(busy)
        heappush(busy, (call.ended, row))
        rows.append((row, call))
    return rows


def step_of(length: float) -> float:
    """Seconds between two marks of the axis: a round number, for about eight of them."""
    for step in (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0):
        if length / step <= 8:
            return step
    return 600.0


@dataclass(frozen=True, slots=True)
class _Scale:
    length: float

    def x(self, moment: float) -> float:
        share = min(1.0, max(0.0, moment / self.length)) if self.length else 0.0
        return GUTTER + share * (WIDTH - GUTTER - MARGIN)

    def wide(self, call: Call) -> bool:
        """Whether its bar is seen without being made larger."""
        return self.x(call.ended) - self.x(call.started) > FLAG

    def rect(self, kind: str, span: Span, y: float, height: float, least: float = 0.0, inner: str = "") -> str:
        x = self.x(span.started)
        width = max(least, self.x(span.ended) - x)
        shape = f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
        return f"{shape}>{inner}</rect>" if inner else f"{shape}/>"


def timeline(story: Story) -> str:
    """The SVG, to be put into a page whose style sheet knows its classes."""
    scale = _Scale(story.length)
    numbers = {o.result.route.request_id: o.order.number for o in story.outcomes if o.result is not None}
    parts: list[str] = []
    y = CROWD + GAP
    for lane in story.lanes:
        rows = packed(call for call in story.calls if call.deployment == lane.name)
        height = max(LEAST_LANE, ROW * (1 + max((row for row, _ in rows), default=0)))
        parts += _lane(story, lane.name, lane.caption, rows, numbers, scale, y, height)
        y += height + GAP
    total = y + AXIS
    said = f"Calls over time, by deployment: {len(story.calls)} calls in {seconds(story.length)}."
    return "\n".join(
        [
            f'<svg viewBox="0 0 {WIDTH:g} {total:g}" role="img" aria-label="{escape(said)}">',
            *_axis(story.length, scale, total),
            *_crowd(story.crowd, scale),
            *parts,
            "</svg>",
        ]
    )


def _axis(length: float, scale: _Scale, total: float) -> Iterator[str]:
    step, moment = step_of(length), 0.0
    while moment <= length:
        x = scale.x(moment)
        yield f'<line class="mark" x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{total - AXIS:g}"/>'
        yield f'<text class="tick" x="{x:.1f}" y="{total - 6:g}">{moment:g} s</text>'
        moment += step


def _crowd(crowd: Sequence[tuple[float, int]], scale: _Scale) -> Iterator[str]:
    """How many wait, as an area of steps."""
    most = max((count for _, count in crowd), default=0)
    yield f'<text class="name" x="4" y="{CROWD / 2:g}">waiting</text>'
    yield f'<text class="caption" x="4" y="{CROWD / 2 + 13:g}">for quota, at most {most}</text>'
    if not most:
        return
    points, before = [f"{scale.x(0):.1f},{CROWD:g}"], CROWD
    for moment, count in crowd:
        x, y = scale.x(moment), CROWD - (CROWD - 6) * count / most
        points += [f"{x:.1f},{before:.1f}", f"{x:.1f},{y:.1f}"]
        before = y
    points += [f"{scale.x(scale.length):.1f},{before:.1f}", f"{scale.x(scale.length):.1f},{CROWD:g}"]
    yield f'<polygon class="crowd" points="{" ".join(points)}"><title>requests waiting for quota</title></polygon>'


def _lane(
    story: Story,
    name: str,
    caption: str,
    rows: Sequence[tuple[int, Call]],
    numbers: Mapping[str, int],
    scale: _Scale,
    y: float,
    height: float,
) -> Iterator[str]:
    yield scale.rect("lane", Span(0.0, story.length), y - 3, height + 5)
    if story.outage is not None and story.outage.deployment == name:
        down = story.outage.span
        title = f"<title>{escape(name)} was down for {seconds(down.ended - down.started)}</title>"
        yield scale.rect("down", down, y - 3, height + 5, inner=title)
        yield f'<text class="said" x="{scale.x(down.started) + 5:.1f}" y="{y + height / 2 + 4:.1f}">down</text>'
    for rest in story.rests.get(name, ()):
        title = f"<title>{escape(name)} was left alone for {seconds(rest.ended - rest.started)}</title>"
        left_alone = Span(rest.started, min(rest.ended, story.length))
        yield scale.rect("rest", left_alone, y + height - 2, REST, inner=title)
    yield f'<text class="name" x="4" y="{y + 9:.1f}">{escape(name)}</text>'
    yield f'<text class="caption" x="4" y="{y + 21:.1f}">{escape(caption)}</text>'
    # What failed is drawn last, so that no neighbour hides it.
    for row, call in sorted(rows, key=lambda each: not each[1].attempt.succeeded):
        yield _bar(call, numbers.get(call.request_id), scale, y + row * ROW)


def _bar(call: Call, number: int | None, scale: _Scale, y: float) -> str:
    attempt = call.attempt
    said = [f"no. {number}" if number else "", "probe" if call.probe else "", OUTCOMES[outcome_of(call)]]
    said += [f"took {seconds(attempt.duration)}", f"waited {seconds(attempt.waited)}" if attempt.waited >= 0.05 else ""]
    said.append(dollars(attempt.cost) if attempt.cost else "")
    said.append(f"{dollars(attempt.at_risk)} at risk" if attempt.at_risk else "")
    title = f"<title>{escape(', '.join(part for part in said if part))}</title>"
    kind, height = f"bar {outcome_of(call)}", BAR if attempt.succeeded or scale.wide(call) else FLAG
    least = 1.0 if attempt.succeeded else FLAG
    bar = scale.rect(kind, Span(call.started, call.ended), y, height, least, title)
    # Out of the order of tabulation: the gallery below is the way for the keyboard, this one has hundreds of stops.
    return f'<a href="#no-{number}" tabindex="-1">{bar}</a>' if number else bar
