"""What all contenders call, on real sockets: its answers, its delay, its counts."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from benchmarks.contest import Stage, Upstream
from benchmarks.tables import Section

BODY = {"model": "gpt-image-2", "prompt": "a lighthouse"}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Stage(Section("test", ""), quick=True) as stage:
        yield stage.upstream()


@pytest.fixture(autouse=True)
def _as_usual(upstream: Upstream) -> None:
    upstream.behave()
    upstream.count()


def post(upstream: Upstream, path: str, **options: Any) -> httpx2.Response:
    return httpx2.post(f"http://127.0.0.1:{upstream.port}{path}", timeout=20, **(options or {"json": BODY}))


@pytest.mark.parametrize(
    "path",
    [
        "/v1/images/generations",
        "/v1/images/edits",
        "/openai/deployments/gpt-image-2/images/generations?api-version=2025-04-01-preview",
        "/openai/v1/images/edits",
        "/east/v1/images/generations",
    ],
)
def test_it_draws_at_the_paths_of_openai_and_azure(upstream: Upstream, path: str) -> None:
    drawn = post(upstream, path).json()
    assert b64decode(drawn["data"][0]["b64_json"]).startswith(b"\x89PNG")
    assert drawn["usage"]["total_tokens"] == 1010


def test_what_it_does_not_serve_it_says_so_and_does_not_count(upstream: Upstream) -> None:
    assert post(upstream, "/v1/chat/completions").status_code == 404
    assert upstream.count()["calls"] == 0


@pytest.mark.parametrize("size", [800, 1_500_000])
def test_answers_are_as_large_as_was_asked(upstream: Upstream, size: int) -> None:
    told = upstream.behave(base64_bytes=size)
    answer = post(upstream, "/v1/images/generations")
    assert len(answer.json()["data"][0]["b64_json"]) == size
    assert len(answer.content) < told < len(answer.content) + 300  # the headers


def test_a_delay_is_kept(upstream: Upstream) -> None:
    upstream.behave(delay=0.2)
    assert post(upstream, "/v1/images/generations").elapsed.total_seconds() >= 0.2


def test_one_deployment_may_behave_in_its_own_way_and_each_is_counted(upstream: Upstream) -> None:
    upstream.behave(deployment="east", base64_bytes=4000)
    large, usual = (post(upstream, f"/{name}/v1/images/generations") for name in ("east", "west"))
    assert len(large.content) > 4000 > len(usual.content)
    post(upstream, "/v1/images/generations")
    counted = upstream.count()
    assert counted.pop("received") > 3 * len(json.dumps(BODY))
    assert counted == {"calls": 3, "drawn": 3, "most_in_flight": 1, "east": 1, "west": 1}
    assert upstream.count() == {"calls": 0, "drawn": 0, "most_in_flight": 0, "received": 0}


@pytest.mark.parametrize(("fault", "told"), [("500", {}), ("429", {"retry-after": "10"})])
def test_a_fault_may_be_an_answer_and_draws_nothing(upstream: Upstream, fault: str, told: dict[str, str]) -> None:
    upstream.behave(deployment="ill", fault=fault)
    answer = post(upstream, "/ill/v1/images/generations")
    assert answer.status_code == int(fault)
    assert {name: answer.headers.get(name) for name in told} == told
    counted = upstream.count()
    assert (counted["ill"], counted["drawn"]) == (1, 0)


def test_a_call_may_be_reset_when_its_picture_is_drawn(upstream: Upstream) -> None:
    upstream.behave(deployment="cut", fault="reset")
    with pytest.raises(httpx2.ReadError):
        post(upstream, "/cut/v1/images/generations")
    assert upstream.count()["drawn"] == 1


def test_a_call_may_hang_when_its_picture_is_drawn(upstream: Upstream) -> None:
    upstream.behave(deployment="hung", fault="hang")
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.post(f"http://127.0.0.1:{upstream.port}/hung/v1/images/generations", json=BODY, timeout=0.3)
    assert upstream.count()["drawn"] == 1


def test_one_port_may_be_closed_and_what_is_open_there_is_reset(upstream: Upstream) -> None:
    port = upstream.listen()
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:
        assert client.post("/v1/images/generations", json=BODY).status_code == 200
        upstream.refuse(port)
        with pytest.raises((httpx2.ConnectError, httpx2.ReadError)):
            client.post("/v1/images/generations", json=BODY)
        with pytest.raises(httpx2.ConnectError):
            client.post("/v1/images/generations", json=BODY)
    assert post(upstream, "/v1/images/generations").status_code == 200


def test_bodies_come_in_pieces_of_any_kind(upstream: Upstream) -> None:
    def chunked() -> Iterator[bytes]:
        written = json.dumps(BODY | {"prompt": "a" * 100_000}).encode()
        yield from (written[at : at + 7000] for at in range(0, len(written), 7000))

    assert post(upstream, "/v1/images/generations", content=chunked()).status_code == 200
    image = Path(__file__).read_bytes() * 500
    assert post(upstream, "/v1/images/edits", files={"image": image}, data=BODY).status_code == 200
    counted = upstream.count()
    assert counted["calls"] == 2
    assert counted["received"] > 100_000 + len(image)
