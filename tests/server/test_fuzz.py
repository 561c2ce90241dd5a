"""Whatever is sent, the gateway answers in its own words and with no status that says it is broken."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelrelay.router import Router
from pixelrelay.server.fields import OURS, PICTURE, WAY
from pixelrelay.testing import VirtualLoop
from tests.server.scenes import DRAW, EDIT, Counter, Line, data_url, foundry, gateway_over, picture

ROUTERS_OWN = sorted(
    {
        name
        for method in (Router.generate, Router.edit, Router.stream)
        for name, parameter in inspect.signature(method).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
)
"""Arguments that a body must not reach by their names."""

names = st.sampled_from([*OURS, *ROUTERS_OWN, "self", "image", "images", "mask", "moderation", "safety_tolerance"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
likely = st.fixed_dictionaries(
    {"prompt": st.just("a boat")},
    optional={
        "model": st.sampled_from(["images", "eastus", "nothing"]),
        "n": st.integers(-1, 3) | st.sampled_from(["1", "x", 1.0, 1e400]),
        "size": st.sampled_from(["64x64", "auto", "0x0", "99999x99999", "64 x 64", "64x64x64", ""]),
        "stream": st.booleans() | st.sampled_from(["true", "1", "maybe"]),
        "timeout": st.floats() | st.sampled_from([0, -1, 1e308, "5"]),
        "seed": st.integers() | st.just(10**30),
        "priority": st.integers() | st.just(10**30),
        "drop_params": st.booleans() | st.lists(st.text(max_size=5), max_size=2),
        "response_format": st.sampled_from(["url", "b64_json", "x"]),
        "safety_tolerance": anything,
        "images": st.lists(
            st.fixed_dictionaries({"image_url": st.sampled_from([data_url(picture()), "data:,", "https://a", ""])})
            | anything,
            max_size=2,
        ),
    },
)
bodies = likely | st.dictionaries(names | st.text(max_size=8), anything, max_size=6)

VALUES = st.sampled_from([b"", b"1", b"a boat", b"[1]", b'{"a":1}', b"\xff\xfe", b"true", b"9" * 500, picture()])
FORM_NAMES = st.sampled_from(
    [
        *OURS,
        *ROUTERS_OWN,
        "image",
        "image[]",
        "image[0]",
        "mask",
        "svg[model]",
        "a[b][c]",
        "tags[]",
        "a[",
        "]",
        "[]",
        "",
    ]
)
parts = st.tuples(FORM_NAMES, st.booleans(), VALUES)


def within(work: Callable[[Counter], Awaitable[None]]) -> None:
    """Run ``work`` at a gateway in virtual time."""

    async def run() -> None:
        async with gateway_over(foundry(latency=0.1), server={"uploads": {"spool_bytes": 50}}) as at:
            await work(at)

    anyio.run(run, backend="asyncio", backend_options={"loop_factory": VirtualLoop})


async def sound(at: Counter, line: Line) -> None:
    """Send ``line``, whose answer must be one of the gateway's own and of no defect."""
    await line.call(at.gateway)
    assert line.status is not None
    assert line.status != 500, line.body
    headers = {name.decode(): value.decode("latin-1") for name, value in line.sent[0]["headers"]}
    assert headers["x-request-id"].startswith("pr_")
    assert not line.sent[-1]["more_body"]
    if "content-length" in headers:
        assert int(headers["content-length"]) == len(line.body)
    if line.status >= 400:
        assert set(json.loads(line.body)["error"]) == {"message", "type", "param", "code"}
    assert (at.gateway.in_flight.bytes, at.gateway.in_flight.requests) == (0, 0)


@settings(max_examples=150)
@given(bodies, st.sampled_from([DRAW, EDIT, "/openai/deployments/images/images/generations"]))
def test_a_json_body_of_any_shape_is_answered(body: Any, path: str) -> None:
    async def send(at: Counter) -> None:
        await sound(at, Line(path=path, pieces=[json.dumps(body).encode()]))

    within(send)


@settings(max_examples=100)
@given(st.binary(max_size=60), st.sampled_from([DRAW, EDIT]), st.lists(st.integers(1, 59), max_size=3))
def test_a_body_of_any_bytes_in_any_pieces_is_answered(body: bytes, path: str, cuts: list[int]) -> None:
    async def send(at: Counter) -> None:
        await sound(at, Line(path=path, pieces=_cut(body, cuts)))

    within(send)


@settings(max_examples=150)
@given(
    st.lists(parts, max_size=5), st.lists(st.integers(1, 400), max_size=3), st.sampled_from([b"--x--\r\n", b"", b"--x"])
)
def test_a_form_of_any_parts_in_any_pieces_is_answered(
    chosen: list[tuple[str, bool, bytes]], cuts: list[int], end: bytes
) -> None:
    body = b"".join(_part(*part) for part in chosen) + end

    async def send(at: Counter) -> None:
        kind = {"content-type": "multipart/form-data; boundary=x"}
        await sound(at, Line(path=EDIT, headers=kind, pieces=_cut(body, cuts)))

    within(send)


@settings(max_examples=100)
@given(st.binary(max_size=80), st.text("abx;=-\"' \\", max_size=20))
def test_a_form_of_any_bytes_with_any_boundary_is_answered(body: bytes, boundary: str) -> None:
    async def send(at: Counter) -> None:
        kind = {"content-type": f"multipart/form-data; boundary={boundary}"}
        await sound(at, Line(path=EDIT, headers=kind, pieces=[body]))

    within(send)


@settings(max_examples=100)
@given(
    st.dictionaries(
        st.sampled_from([*(f"x-pixelrelay-{name.replace('_', '-')}" for name in WAY), "x-pixelrelay-keep-alive"]),
        st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=12),
        max_size=4,
    )
)
def test_headers_of_any_text_are_answered(headers: dict[str, str]) -> None:
    async def send(at: Counter) -> None:
        await sound(at, Line(headers=headers, pieces=[b'{"prompt": "a boat", "size": "64x64"}']))

    within(send)


@settings(max_examples=100)
@given(st.text("/abvimages01{}.%?=&", max_size=30), st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "PATCH", "X"]))
def test_a_path_of_any_kind_is_answered(path: str, method: str) -> None:
    async def send(at: Counter) -> None:
        await sound(at, Line(method=method, path="/" + path, pieces=[b"{}"]))

    within(send)


def _part(name: str, is_file: bool, value: bytes) -> bytes:
    file = '; filename="a.png"' if is_file else ""
    return f'--x\r\ncontent-disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + value + b"\r\n"


def _cut(body: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted({cut for cut in cuts if cut < len(body)}), len(body)]
    return [body[start:end] for start, end in pairwise(edges)]


def test_every_argument_of_the_router_is_the_gateways_to_give_or_a_field() -> None:
    """What is new in the router must not become a field by accident."""
    within_reach = {*PICTURE, *WAY, "partial_images"}
    closed = {"extra_headers", "extra_body", "max_attempts", "heartbeat", "limits", "image", "mask"}
    assert set(ROUTERS_OWN) == (within_reach - {"num_retries"}) | closed
