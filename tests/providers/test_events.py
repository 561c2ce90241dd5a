"""Server-sent events, however the body that holds them is cut."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pixelrelay.providers.events import EventReader, ServerEvent, events_in

BODY = (
    b': a comment\n\nevent: first\ndata: {"a":1}\n\n'
    b"data:two\r\ndata: lines\r\nid: 7\r\nretry: 10\r\n\r\nevent: nothing\n\ndata: last\n\n"
)
EVENTS = [
    ServerEvent("first", b'{"a":1}'),
    ServerEvent("message", b"two\nlines"),
    ServerEvent("message", b"last"),
]


@given(st.lists(st.integers(0, len(BODY)), max_size=8).map(sorted))
def test_events_are_the_same_wherever_the_body_is_cut(cuts: list[int]) -> None:
    reader = EventReader()
    pieces = [BODY[start:end] for start, end in pairwise([0, *cuts, len(BODY)])]

    assert [event for piece in pieces for event in reader.feed(piece)] == EVENTS


def test_an_event_is_told_as_soon_as_it_ends_and_not_before() -> None:
    reader = EventReader()

    assert list(reader.feed(b"data: one\n")) == []
    assert list(reader.feed(b"\n")) == [ServerEvent("message", b"one")]


def test_the_last_event_of_a_whole_body_counts_even_if_nothing_ends_it() -> None:
    assert list(events_in(b"event: end\ndata: x")) == [ServerEvent("end", b"x")]
