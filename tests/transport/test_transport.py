"""The whole transport over a real socket, and which engine it chooses."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pixelrelay import _clock
from pixelrelay._transport.progress import Progress
from pixelrelay._transport.timeouts import Timeouts
from pixelrelay._transport.transport import EngineChoice, Transport
from pixelrelay.images import Generation, Image
from pixelrelay.outcomes import Phase
from pixelrelay.providers.base import Exchange, Part, Purpose, Send
from tests.transport.scripted import KEY, target
from tests.transport.server import Connection, serve

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    return request.param, {}


@pytest.mark.parametrize("choice", ["auto", "httpx2"])
async def test_a_job_goes_all_the_way(choice: EngineChoice) -> None:
    async def provider(connection: Connection) -> None:
        while True:
            request = await connection.read_request()
            match request.split(b" ")[1]:
                case b"/edits":
                    await connection.answer(b'{"id":"job-7"}')
                case b"/jobs/job-7":
                    await connection.answer(json.dumps({"status": "Ready"}).encode())
                case _:
                    await connection.answer(b"\x89PNG")

    def edit(base: str) -> Exchange:
        parts = (Part("prompt", "a lighthouse"), Part("image", b"\x89PNG", "a.png", "image/png"))
        job = json.loads((yield Send(Purpose.SUBMIT, "POST", f"{base}/edits", parts=parts)).body)["id"]
        yield Send(Purpose.POLL, "GET", f"{base}/jobs/{job}", job=job)
        reply = yield Send(Purpose.DOWNLOAD, "GET", f"{base}/result.png")
        return Generation((Image(data=reply.body),))

    progress = Progress()
    transport = Transport(choice)
    async with serve(provider) as server:
        generation = await transport.drive(
            edit(server.url), target(server.url), timeouts=Timeouts(), deadline=_clock.now() + 20, progress=progress
        )
        await transport.aclose()

    assert generation.images[0].data == b"\x89PNG"
    assert (progress.phase, progress.job, progress.polls) == (Phase.DELIVERED, "job-7", 1)
    submitted, polled, fetched = server.requests
    assert b"multipart/form-data; boundary=" in submitted
    assert f"authorization: bearer {KEY}".encode() in polled.lower()
    assert b"authorization" not in fetched.lower()


def test_no_http_library_is_loaded_before_it_is_used() -> None:
    code = (
        "import sys, pixelrelay._transport.transport as t; t.Transport(); print({'aiohttp', 'httpx2'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"
