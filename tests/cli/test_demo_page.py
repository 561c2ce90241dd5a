"""The demo's page and its timeline: bars that do not overlap, and HTML that needs nothing from anywhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from pixelrelay.cli.demo.page import page
from pixelrelay.cli.demo.recording import Call, Span
from pixelrelay.cli.demo.story import Outage
from pixelrelay.cli.demo.summary import summarise
from pixelrelay.cli.demo.timeline import outcome_of, packed, step_of, timeline
from tests.cli.demo_stories import CUT, REFUSED, attempt, outcome, story_of

calls = st.lists(
    st.builds(
        lambda started, duration: Call("a", started, started + duration, "pr", attempt("a")),
        st.floats(min_value=0, max_value=100),
        st.floats(min_value=0.01, max_value=40),
    ),
    max_size=40,
)


@given(calls)
def test_no_bar_lies_over_another_and_no_row_is_wasted(drawn: list[Call]) -> None:
    rows = packed(drawn)

    assert sorted(map(id, drawn)) == sorted(id(call) for _, call in rows)
    by_row: dict[int, list[Call]] = {}
    for row, call in rows:
        by_row.setdefault(row, []).append(call)
    for together in by_row.values():
        assert all(one.ended <= next_.started for one, next_ in pairwise(sorted(together, key=lambda c: c.started)))
    at_once = max((sum(c.started <= call.started < c.ended for c in drawn) for call in drawn), default=0)
    assert len(by_row) == at_once


@given(st.floats(min_value=0.1, max_value=4000))
def test_the_axis_has_a_mark_or_two_and_never_a_crowd_of_them(length: float) -> None:
    assert length / step_of(length) <= 8


def test_a_bar_is_coloured_by_how_the_call_ended() -> None:
    def ended(failure: object) -> str:
        return outcome_of(Call("a", 0, 1, "pr", attempt("a", failure=failure)))  # type: ignore[arg-type]  # three kinds

    assert [ended(None), ended(CUT), ended(REFUSED)] == ["served", "cut", "refused"]


def test_the_timeline_is_an_svg_with_a_bar_for_each_call_and_the_outage_shaded() -> None:
    served = outcome(1, attempt("westus", failure=CUT, duration=4.0), attempt("eastus", started=4.0))
    svg = ET.fromstring(timeline(story_of(served, outage=Outage("westus", Span(5.0, 30.0)))))  # noqa: S314 - our own

    classes = [rect.get("class") for rect in svg.iter("rect")]
    assert classes.count("bar served") == classes.count("bar cut") == classes.count("down") == 1
    edge = float(svg.get("viewBox", "").split()[2])
    assert all(
        0 <= float(r.get("x", -1)) <= float(r.get("x", 0)) + float(r.get("width", 0)) <= edge for r in svg.iter("rect")
    )


def test_the_page_names_no_address_but_the_pictures_beside_it() -> None:
    seen = _read(
        outcome(1, attempt("eastus")),
        outcome(2, attempt("westus", failure=CUT), attempt("bfl", started=8.0), fallbacks=("flux-bfl",)),
    )

    assert not re.search(r"https?:|//[a-z]|@import|url\(", seen.text)
    addresses = [value for _, name, value in seen.attributes if name in {"src", "href", "srcset", "action"}]
    assert {a for a in addresses if not a.startswith("#")} == {"pictures/0001.jpg", "pictures/0002.jpg"}


def test_every_picture_has_a_text_and_every_link_within_the_page_a_target() -> None:
    seen = _read(outcome(1, attempt("eastus")), outcome(2, attempt("westus")))

    images = [tag for tag, _, _ in seen.attributes if tag == "img"]
    assert images
    assert all(value for tag, name, value in seen.attributes if tag == "img" and name == "alt")
    ids = [value for _, name, value in seen.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    targets = {value[1:] for _, name, value in seen.attributes if name == "href" and value.startswith("#")}
    assert targets <= set(ids)


def test_a_prompt_is_text_whatever_it_looks_like() -> None:
    seen = _read(outcome(1, attempt("eastus"), prompt='<script>alert("$style")</script>'))

    assert "script" not in {tag for tag, _, _ in seen.attributes} | seen.tags
    assert "&lt;script&gt;alert(&quot;$style&quot;)" in seen.text


class _Seen(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]


def _read(*outcomes: object) -> _Seen:
    story = story_of(*outcomes)  # type: ignore[arg-type]  # outcomes all
    return _Seen(page(story, summarise(story)))
