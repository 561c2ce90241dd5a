"""The page: the pictures with how each came to be, the timeline and the summary, in one file without a network."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib import resources
from string import Template

from pixelrelay.cli.demo.story import Outcome, Story
from pixelrelay.cli.demo.summary import Summary, dollars, seconds
from pixelrelay.cli.demo.timeline import OUTCOMES, timeline
from pixelrelay.images import Images
from pixelrelay.outcomes import Attempt

FILTERS = {
    "all": "all",
    "failed-over": "failed over",
    "fell-back": "fell back",
    "waited": "waited for quota",
    "edit": "edits",
    "several": "several pictures",
    "unserved": "not served",
}
"""Classes of cards, by which the gallery can be narrowed."""

EMULATED = (
    "Every provider on this page was emulated on this machine: quotas, failures, prices and bills are as real ones "
    "have them, the pictures are coloured stripes that say which call drew them."
)
REAL = "The pictures on this page were bought from real providers."


WORTH_TELLING = 0.05
"""Seconds of waiting that are mentioned; they are shown as tenths."""


def page(story: Story, summary: Summary) -> str:
    """The HTML. It names no file but the pictures beside it."""
    files = resources.files("pixelrelay.cli.demo")
    shown = [name for name in FILTERS if name == "all" or any(name in _classes(o) for o in story.outcomes)]
    return Template(files.joinpath("page.html").read_text("utf-8")).substitute(
        style=files.joinpath("page.css").read_text("utf-8"),
        hidden="\n".join(_narrowing(name) for name in shown if name != "all"),
        verdict="as promised" if summary.ok else "not as promised",
        verdict_class="good" if summary.ok else "bad",
        about=REAL if story.records is None else EMULATED,
        lines="\n".join(_lines(summary)),
        problems="\n".join(_problems(summary)),
        legend="\n".join(_legend(story)),
        timeline=timeline(story),
        filters="\n".join(_filters(story, shown)),
        cards="\n".join(_card(outcome) for outcome in story.outcomes),
    )


def _lines(summary: Summary) -> Iterator[str]:
    for line in summary.lines:
        kind = {True: " good", False: " bad", None: ""}[line.good]
        yield (
            f'<div class="line{kind}"><dt>{escape(line.label)}</dt><dd><strong>{escape(line.value)}</strong>'
            f"<span>{escape(line.note)}</span></dd></div>"
        )


def _problems(summary: Summary) -> Iterator[str]:
    if summary.problems:
        yield '<ul class="problems">'
        yield from (f"<li>{escape(problem)}</li>" for problem in summary.problems)
        yield "</ul>"


def _legend(story: Story) -> Iterator[str]:
    for kind, meaning in OUTCOMES.items():
        yield f'<li><i class="key {kind}"></i>{escape(meaning)}</li>'
    if story.outage is not None:
        yield '<li><i class="key down"></i>its region is down</li>'
    yield '<li><i class="key rest"></i>left alone after failures</li>'


def _filters(story: Story, shown: list[str]) -> Iterator[str]:
    for name in shown:
        count = sum(name == "all" or name in _classes(outcome) for outcome in story.outcomes)
        checked = " checked" if name == "all" else ""
        yield (
            f'<label><input type="radio" name="only" id="only-{name}"{checked}>'
            f"<span>{FILTERS[name]} <small>{count}</small></span></label>"
        )


def _narrowing(name: str) -> str:
    return f"body:has(#only-{name}:checked) .card:not(.{name}) {{ display: none; }}"


def _classes(outcome: Outcome) -> set[str]:
    route = outcome.result.route if outcome.result is not None else None
    holds = {
        "failed-over": outcome.failed_over,
        "fell-back": outcome.fell_back,
        "waited": route is not None and route.waited >= WORTH_TELLING,
        "edit": outcome.order.edit,
        "several": outcome.order.n > 1,
        "unserved": outcome.result is None,
    }
    return {name for name, true in holds.items() if true}


def _card(outcome: Outcome) -> str:
    order = outcome.order
    classes = " ".join(["card", *sorted(_classes(outcome))])
    return "\n".join(
        [
            f'<li class="{classes}" id="no-{order.number}">',
            f'<div class="pictures n{len(outcome.pictures)}{" see-through" if order.background else ""}">',
            *(_picture(outcome, index) for index in range(len(outcome.pictures))),
            "</div>",
            f"<h3>{escape(order.prompt)}</h3>",
            f"<p>{escape(_asked(outcome))}</p>",
            *_route(outcome),
            "</li>",
        ]
    )


def _picture(outcome: Outcome, index: int) -> str:
    picture = outcome.pictures[index]
    said = f"{outcome.order.prompt}, drawn by {picture.deployment}"
    return (
        f'<a href="{escape(picture.file)}"><img src="{escape(picture.file)}" alt="{escape(said)}" loading="lazy" '
        f'decoding="async" width="{picture.width}" height="{picture.height}"></a>'
    )


def _asked(outcome: Outcome) -> str:
    """What was asked for, in a line."""
    order = outcome.order
    drawn = outcome.pictures[0] if outcome.pictures else None
    size = order.size or (f"{drawn.width}x{drawn.height}" if drawn else "any size")
    parts = [order.kind, size, order.output_format or "", f"n={order.n}" if order.n > 1 else ""]
    parts.append(f"priority {order.priority}" if order.priority else "")
    return " · ".join([order.group, *(part for part in parts if part)])


def _route(outcome: Outcome) -> Iterator[str]:
    if outcome.result is None:
        yield f'<p class="error">{escape(outcome.error or "")}</p>'
    else:
        yield _served(outcome, outcome.result)
    if len(outcome.attempts) > 1:
        yield "<ol>"
        yield from (f"<li>{_attempt(attempt)}</li>" for attempt in outcome.attempts)
        yield "</ol>"


def _served(outcome: Outcome, result: Images) -> str:
    route = result.route
    drew = " + ".join(dict.fromkeys(image.deployment for image in result.data))
    in_all = " in all" if outcome.order.n > 1 else ""  # pictures of one request wait side by side
    parts = [
        f"waited {seconds(route.waited)}{in_all}" if route.waited >= WORTH_TELLING else "",
        f"took {seconds(outcome.seconds)}",
    ]
    parts.append(dollars(route.cost) if route.cost is not None else "unknown cost")
    parts.append(f"{dollars(route.at_risk)} at risk" if route.at_risk else "")
    return f'<p class="route"><b>{escape(drew)}</b> {", ".join(part for part in parts if part)}</p>'


def _attempt(attempt: Attempt) -> str:
    waited = f"waited {seconds(attempt.waited)}, " if attempt.waited >= WORTH_TELLING else ""
    name, took = escape(attempt.deployment), seconds(attempt.duration)
    if attempt.failure is None:
        return f"{waited}{name} drew in {took}"
    return f"{waited}<em>{name} failed</em> after {took}: {escape(str(attempt.failure))}"
