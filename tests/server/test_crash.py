"""A gateway that is killed amid its work, and started again: what the fleet shares is whole."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import httpx2
import pytest

from pixelrelay.testing import EmulatedDeployment, emulated_fleet
from tests.cli.desk import Desk
from tests.server.processes import Serving, config_of, on, serving
from tests.servers import redis_server

BODY = b'{"prompt": "a boat", "size": "64x64"}'
LIMIT = 12
WINDOW = 60.0


@pytest.mark.slow
def test_after_a_kill_quotas_are_neither_lost_nor_spent_twice(tmp_path: Path) -> None:
    deployment = EmulatedDeployment(
        "eastus", "azure-foundry", "FLUX.2-pro", latency=8.0, requests_per_minute=LIMIT, enforcement="rolling"
    )
    with emulated_fleet(deployment) as fleet, redis_server() as redis:
        config = config_of(fleet, **on(redis))
        config["models"]["images"]["deployments"][0] |= {"shape": "rolling", "concurrent": 8}
        with serving(tmp_path, config) as at:
            began = time.monotonic()
            callers = [asking(at) for _ in range(5)]
            at.until(lambda: len(fleet.requests) == 5)
            at.process.kill()
            at.process.wait()
            for caller in callers:
                caller.close()

        with serving(tmp_path, config) as at:
            assert held(Desk(tmp_path)) == 5, "what was sent counts, whoever sent it"
            with httpx2.Client(timeout=120) as client:

                def ask() -> httpx2.Response:
                    body = {"prompt": "a boat", "size": "64x64", "timeout": 3}
                    return client.post(f"{at.base_url}/images/generations", json=body)

                statuses = [asking(at) for _ in range(LIMIT - 5)]
                at.until(lambda: len(fleet.requests) == LIMIT)
                assert ask().status_code == 429
                for caller in statuses:
                    caller.close()
                time.sleep(max(0.0, WINDOW + 2 - (time.monotonic() - began)))
                answer = client.post(f"{at.base_url}/images/generations", content=BODY)
                assert answer.status_code == 200, answer.text

    assert fleet.billed_in_all.rejected == 0, "the provider was never asked for more than it gives"


def asking(at: Serving) -> socket.socket:
    """One request whose answer nobody waits for yet."""
    host, _, port = at.address.removeprefix("http://").partition(":")
    caller = socket.create_connection((host, int(port)), timeout=20)
    head = b"POST /v1/images/generations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    caller.sendall(head + b"content-length: %d\r\n\r\n" % len(BODY) + BODY)
    return caller


def held(desk: Desk) -> int:
    """Requests that count in the last minute, by the shared store."""
    (deployment,) = desk.told("quotas", "relay.yaml")["deployments"]
    (quota,) = [quota for quota in deployment["quotas"] if quota["unit"] == "requests"]
    return int(quota["used"])
