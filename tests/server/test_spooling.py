"""Large uploads lie on disk while their request is under way; every attempt has them, and then they are gone."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from pixelrelay.events import AttemptStarted, Event
from pixelrelay.testing import Fault, FaultKind
from tests.server.processes import Serving, most_memory, serving
from tests.server.scenes import EDIT, Line, error_of, foundry, gateway_over, openai, picture

LARGE = 40_000_000
OPENAIS = {"provider": "openai", "model": "gpt-image-2", "api_key": "k" * 20}
STAYS = 20.0
"""Seconds within which whatever a test waits for happens."""


def large(size: int = 200_000, shape: tuple[int, int] = (64, 64)) -> bytes:
    """A picture that is no more than its beginning; decoders ignore what follows."""
    start = picture(shape)
    return start + os.urandom(size - len(start))


def on_disk(pid: int | str = "self") -> int:
    """How many files a process has open that have no name any more."""
    found = 0
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(link.readlink())
        except FileNotFoundError:
            continue
        found += target.endswith("(deleted)") and not target.startswith(("/memfd:", "/dev/"))
    return found


pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="it looks at open files as Linux shows them")


# --- in virtual time: every way in which a request ends ------------------------------------------------------------


def small_spool(**limits: int | float) -> dict[str, Any]:
    return {"uploads": {"spool_bytes": 1000, **limits}}


def form_of(*files: bytes, stream: bool = False) -> Line:
    """An edit, in the hands of a test."""
    fields = {"prompt": "at night", "size": "64x64", "stream": "true" if stream else "false"}
    uploads = [("image[]", (f"{number}.png", data)) for number, data in enumerate(files)]
    request = httpx2.Request("POST", "http://localhost/", data=fields, files=uploads)
    body = request.read()
    pieces = [body[start : start + 65_536] for start in range(0, len(body), 65_536)]
    return Line(path=EDIT, headers={"content-type": request.headers["content-type"]}, pieces=pieces)


@pytest.mark.anyio
@pytest.mark.parametrize("stream", [False, True], ids=["at once", "streamed"])
async def test_a_file_lies_on_disk_while_its_request_is_under_way_and_no_longer(stream: bool) -> None:
    before, seen = on_disk(), []
    async with gateway_over(foundry(), server=small_spool()) as at:
        at.router.observe(lambda _: seen.append((on_disk() - before, at.gateway.in_flight.bytes > 400_000)))
        line = form_of(large(), large(), picture(), stream=stream)
        await line.call(at.gateway)
        assert (on_disk(), at.gateway.in_flight.bytes) == (before, 0)

    assert line.status == 200, line.body
    assert len(seen) > 3
    assert set(seen) == {(2, True)}, "the third is small; what is on disk counts as being in flight"


@pytest.mark.anyio
async def test_a_caller_who_leaves_leaves_no_file_behind() -> None:
    before, line, seen = on_disk(), form_of(large()), []

    def leave(event: Event) -> None:
        if isinstance(event, AttemptStarted):
            seen.append(on_disk() - before)
            line.leave()

    async with gateway_over(foundry(latency=60.0), server=small_spool()) as at:
        at.router.observe(leave)
        await line.call(at.gateway)
        assert (on_disk(), at.gateway.in_flight.requests) == (before, 0)

    assert (seen, line.sent) == ([1], [])


@pytest.mark.anyio
async def test_a_request_that_is_refused_leaves_no_file_behind() -> None:
    before, wide = on_disk(), large(shape=(200, 100))
    server = small_spool(max_pixels=10_000, max_images=2, max_body_bytes=1_000_000)
    async with gateway_over(foundry(), server=server) as at:
        answers = [
            await at.edit({"image": ("a.bmp", b"BM" + large())}),
            await at.edit({"image": ("a.png", wide)}),
            await at.edit([("image[]", ("a.png", large()))] * 3),
            await at.edit({"picture": ("a.png", large())}),
            await at.edit({"image": ("a.png", large())}, n="many"),
            await at.edit({"image": ("a.png", large(2_000_000))}),
        ]
        assert on_disk() == before

    assert [answer.status_code for answer in answers] == [400] * 5 + [413]
    assert "more than the 10000 pixels allowed" in error_of(answers[1])["message"]


@pytest.mark.anyio
async def test_every_attempt_and_every_call_of_a_request_reads_the_file() -> None:
    data = large()
    failing = Fault(FaultKind.SERVER_ERROR)
    deployments = openai("first", faults=[failing]), foundry("second"), foundry("third")
    groups = {"images": {"deployments": [one.name for one in deployments], "strategy": "ordered"}}
    before = on_disk()
    async with gateway_over(*deployments, server=small_spool(), groups=groups) as at:
        answer = await at.edit({"image": ("a.png", data)}, n="3", size="1024x1024")

    assert answer.status_code == 200, answer.text
    assert len(answer.json()["data"]) == 3
    assert {request.deployment for request in at.fleet.requests} >= {"first", "second"}
    assert on_disk() == before


# --- on real sockets -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Providers:
    """Servers at one port that speak OpenAI's dialect: ``/failing`` answers 500, the others once they may."""

    port: int = 0
    digests: list[tuple[str, str]] = field(default_factory=list)
    """Where a form was sent to, and what the largest file in it was."""
    may_answer: threading.Event = field(default_factory=threading.Event)

    def answer(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        where = path.split("/")[1]
        boundary = body[: body.index(b"\r\n")]
        largest = max(body.split(b"\r\n" + boundary), key=len).partition(b"\r\n\r\n")[2]
        self.digests.append((where, hashlib.sha256(largest).hexdigest()))
        if where == "failing":
            return 500, {"error": {"message": "broken"}}
        self.may_answer.wait(STAYS)
        return 200, {"created": 1, "data": [{"b64_json": base64.b64encode(picture()).decode()}]}


@contextmanager
def providers() -> Iterator[Providers]:
    """They serve from threads until the block ends."""
    it = Providers()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            status, said = it.answer(self.path, self.rfile.read(int(self.headers["content-length"])))
            body = json.dumps(said).encode()
            with suppress(ConnectionError):
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *said: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        it.port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield it
        finally:
            it.may_answer.set()
            server.shutdown()
            thread.join()


def gateway_of(it: Providers) -> dict[str, Any]:
    failing, waiting, other = (
        {**OPENAIS, "name": name, "order": order, "base_url": f"http://127.0.0.1:{it.port}/{name}"}
        for order, name in enumerate(("failing", "waiting", "other"))
    )
    groups = {"images": {"strategy": "ordered", "deployments": [failing, waiting]}, "others": {"deployments": [other]}}
    return {"models": groups}


def edit(at: Serving, data: bytes, model: str = "images", timeout: float = 60.0) -> httpx2.Response:
    fields, files = {"prompt": "at night", "model": model}, {"image": ("a.png", data)}
    return httpx2.post(f"{at.base_url}/images/edits", data=fields, files=files, timeout=timeout)


def test_a_large_upload_is_tried_twice_without_ever_being_in_memory(tmp_path: Path) -> None:
    data = large(LARGE)
    with providers() as it, serving(tmp_path, gateway_of(it)) as at, ThreadPoolExecutor() as pool:
        files = on_disk(at.process.pid)
        it.may_answer.set()
        edit(at, large(2_000_000), "others")  # so that all is loaded that an edit needs
        it.may_answer.clear()
        it.digests.clear()
        at.until(lambda: on_disk(at.process.pid) == files)
        before = most_memory(at)
        asked = pool.submit(edit, at, data)
        at.until(lambda: len(it.digests) == 2)
        assert on_disk(at.process.pid) == files + 1, "it lies there while its picture is drawn"
        it.may_answer.set()
        answer = asked.result()
        at.until(lambda: on_disk(at.process.pid) == files)
        grown = most_memory(at) - before

    assert answer.status_code == 200, answer.text
    assert it.digests == [(name, hashlib.sha256(data).hexdigest()) for name in ("failing", "waiting")]
    assert grown < LARGE / 4, "held whole, in one copy, it would have grown by all of it"


def test_a_large_upload_is_gone_once_its_caller_has_left(tmp_path: Path) -> None:
    with providers() as it, serving(tmp_path, gateway_of(it)) as at:
        files = on_disk(at.process.pid)
        with pytest.raises(httpx2.ReadTimeout):
            edit(at, large(LARGE), timeout=2.0)
        at.until(lambda: on_disk(at.process.pid) == files)

    assert [where for where, _ in it.digests] == ["failing", "waiting"], "it had come as far as that"
