"""On sockets the fleet breaks as real servers do, bills what it draws, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx2
import pytest

from pixelrelay.testing import (
    EmulatedDeployment,
    FastLoop,
    Fault,
    FaultKind,
    Fleet,
    RetryAfter,
    emulated_fleet,
    serving,
)
from tests.emulator.scenes import KEY, ask_bfl, ask_openai, azure, bfl, foundry, openai

pytest_plugins = ["pixelrelay.testing.pytest_plugin"]


def test_eight_deployments_are_up_within_a_second_and_their_ports_free_afterwards() -> None:
    before, started = threading.active_count(), time.monotonic()
    with emulated_fleet(*(openai(f"openai-{number}") for number in range(8))) as fleet:
        assert time.monotonic() - started < 1.0
        ports = [urlsplit(fleet.url(each.name)).port for each in fleet.deployments]

    assert len(set(ports)) == 8
    for port in ports:
        with socket.socket() as again:
            again.bind(("127.0.0.1", port))
    assert threading.active_count() == before


def test_a_killed_deployment_refuses_connections_until_it_is_revived_at_its_old_address() -> None:
    with emulated_fleet(openai(), openai("other")) as fleet:
        url = fleet.url("openai")
        fleet.kill("openai")
        with pytest.raises(httpx2.ConnectError):
            ask_openai(fleet)
        assert httpx2.get(f"{fleet.url('other')}/v1/models", headers={"authorization": f"Bearer {KEY}"}).is_success

        fleet.revive("openai")
        assert ask_openai(fleet).status_code == 200
        assert fleet.url("openai") == url


def test_killing_a_deployment_resets_what_is_under_way_and_its_picture_is_billed_all_the_same() -> None:
    with emulated_fleet(openai(latency=0.2)) as fleet, _raw(fleet) as raw:
        raw.sendall(_generation(fleet))
        _until(lambda: len(fleet.requests) == 1)
        fleet.kill("openai")

        with pytest.raises(ConnectionResetError):
            raw.recv(65536)
        _until(lambda: fleet.billed["openai"].pictures == 1)


@pytest.mark.parametrize(
    ("kind", "pictures"), [(FaultKind.RESET_BEFORE_READING, 0), (FaultKind.RESET_BEFORE_ANSWER, 1)]
)
def test_a_reset_is_seen_as_one_and_billed_if_the_picture_was_made(kind: FaultKind, pictures: int) -> None:
    with emulated_fleet(openai(faults=(Fault(kind),))) as fleet, _raw(fleet) as raw:
        raw.sendall(_generation(fleet))

        with pytest.raises(ConnectionResetError):
            raw.recv(65536)
        assert fleet.billed["openai"].pictures == pictures
        assert fleet.requests[0].status is None


def test_a_reset_in_the_middle_of_the_answer_comes_after_a_part_of_it() -> None:
    with emulated_fleet(openai(faults=(Fault(FaultKind.RESET_MID_ANSWER),))) as fleet, _raw(fleet) as raw:
        raw.sendall(_generation(fleet))

        assert raw.recv(65536).startswith(b"HTTP/1.1 200")
        with pytest.raises(ConnectionResetError):
            _read_to_the_end(raw)
        assert fleet.billed["openai"].pictures == 1


def test_a_client_that_leaves_is_billed_for_the_picture_it_did_not_wait_for() -> None:
    with emulated_fleet(openai(latency=0.2)) as fleet:
        with pytest.raises(httpx2.ReadTimeout):
            httpx2.post(
                f"{fleet.url('openai')}/v1/images/generations",
                json={"model": "gpt-image-2", "prompt": "a"},
                headers={"authorization": f"Bearer {KEY}"},
                timeout=0.05,
            )
        assert fleet.billed["openai"].pictures == 0
        _until(lambda: fleet.billed["openai"].pictures == 1)


def test_a_task_nobody_polls_is_billed_when_it_is_ready_and_not_before() -> None:
    with emulated_fleet(bfl(latency=0.2)) as fleet:
        ask_bfl(fleet)
        assert fleet.billed["bfl"].pictures == 0
        _until(lambda: fleet.billed["bfl"].pictures == 1)


def test_an_answer_that_hangs_was_billed() -> None:
    fault = Fault(FaultKind.HANG)
    with emulated_fleet(openai(faults=(fault,))) as fleet, _raw(fleet) as raw:
        raw.settimeout(0.3)
        raw.sendall(_generation(fleet))
        with pytest.raises(TimeoutError):
            raw.recv(1)
        assert fleet.billed["openai"].pictures == 1


def test_a_malformed_and_an_empty_answer_are_billed_and_of_no_use() -> None:
    faults = (Fault(FaultKind.MALFORMED_JSON, requests=(1,)), Fault(FaultKind.EMPTY_DATA, requests=(2,)))
    with emulated_fleet(openai(faults=faults)) as fleet:
        with pytest.raises(ValueError, match=r"Unterminated|Expecting|JSON"):
            ask_openai(fleet).json()
        assert ask_openai(fleet).json()["data"] == []
        assert fleet.billed["openai"].pictures == 2


def test_a_slow_body_arrives_whole() -> None:
    with emulated_fleet(openai(faults=(Fault(FaultKind.SLOW_BODY, seconds=0.3),))) as fleet:
        started = time.monotonic()
        reply = ask_openai(fleet)

    assert time.monotonic() - started >= 0.3
    assert len(reply.json()["data"]) == 1


def test_connections_are_refused_while_a_fault_says_so() -> None:
    with emulated_fleet(openai()) as fleet:
        fleet.fault("openai", Fault(FaultKind.REFUSED))
        with pytest.raises(httpx2.ConnectError):
            ask_openai(fleet)
        fleet.heal("openai")
        assert ask_openai(fleet).status_code == 200


@pytest.mark.parametrize(
    ("form", "header"),
    [(RetryAfter.SECONDS, "retry-after"), (RetryAfter.MILLISECONDS, "retry-after-ms"), (RetryAfter.DATE, "date")],
)
def test_a_429_by_fault_names_its_time_in_the_form_asked_for(form: RetryAfter, header: str) -> None:
    fault = Fault(FaultKind.RATE_LIMITED, retry_after=7, form=form)
    with emulated_fleet(openai(faults=(fault,))) as fleet:
        reply = ask_openai(fleet)

    assert reply.status_code == 429
    assert header in reply.headers
    assert "try again in 7s" in reply.json()["error"]["message"]


def test_a_quota_refills_sooner_on_a_faster_clock() -> None:
    with emulated_fleet(openai(requests_per_minute=1, counts_rejected=False), speed=200) as fleet:
        assert ask_openai(fleet).status_code == 200
        assert ask_openai(fleet).status_code == 429
        _until(lambda: ask_openai(fleet).status_code == 200)
        assert fleet.billed["openai"].pictures == 2


def test_the_fleet_serves_within_a_loop_of_ones_own_by_its_clock() -> None:
    fleet = Fleet(openai(latency=30.0))

    async def ask() -> int:
        async with serving(fleet), httpx2.AsyncClient(timeout=600) as client:
            reply = await client.post(
                f"{fleet.url('openai')}/v1/images/generations",
                json={"model": "gpt-image-2", "prompt": "a", "quality": "low"},
                headers={"authorization": f"Bearer {KEY}"},
            )
            return reply.status_code

    started = time.monotonic()
    with asyncio.Runner(loop_factory=lambda: FastLoop(100)) as runner:
        assert runner.run(ask()) == 200
    assert time.monotonic() - started < 10
    drawn = dict(fleet.requests[0].phases)["drawn"]
    assert drawn >= 30.0


def test_its_configuration_names_each_deployment_as_users_do() -> None:
    with emulated_fleet(openai(images_per_minute=5), azure(azure_deployment="img2"), foundry(), bfl()) as fleet:
        group = fleet.config("flux", strategy="ordered")["models"]["flux"]
        entries = {entry["name"]: entry for entry in group["deployments"]}

        assert group["strategy"] == "ordered"
        assert entries["openai"]["base_url"] == f"{fleet.url('openai')}/v1"
        assert entries["openai"]["images_per_minute"] == 5
        assert entries["azure"]["azure_deployment"] == "img2"
        assert entries["foundry"]["endpoint"] == fleet.url("foundry")
        assert entries["bfl"]["base_url"] == fleet.url("bfl")


def test_a_deployment_is_described_without_its_key() -> None:
    assert KEY not in repr(openai())


def test_the_fixture_gives_one_of_each_provider(emulated_fleet: Fleet) -> None:
    assert {each.provider for each in emulated_fleet.deployments} == {
        "openai",
        "azure-openai",
        "azure-foundry",
        "black-forest-labs",
    }
    assert httpx2.get(f"{emulated_fleet.url('openai')}/v1/models").status_code == 401


def test_names_that_no_host_could_have_are_refused() -> None:
    with pytest.raises(ValueError, match="letters"):
        EmulatedDeployment("east us", "openai", "gpt-image-2")
    with pytest.raises(ValueError, match="same name"):
        Fleet(openai(), openai())


# --- a client that hides nothing ---------------------------------------------------------------------------------


def _raw(fleet: Fleet) -> socket.socket:
    address = urlsplit(fleet.url("openai"))
    return socket.create_connection((address.hostname, address.port or 0), timeout=5)


def _generation(fleet: Fleet) -> bytes:
    body = b'{"model": "gpt-image-2", "prompt": "a", "quality": "low"}'
    return (
        b"POST /v1/images/generations HTTP/1.1\r\n"
        + f"host: {urlsplit(fleet.url('openai')).netloc}\r\n".encode()
        + f"authorization: Bearer {KEY}\r\n".encode()
        + b"content-type: application/json\r\n"
        + f"content-length: {len(body)}\r\n\r\n".encode()
        + body
    )


def _read_to_the_end(raw: socket.socket) -> None:
    while raw.recv(65536):
        pass


def _until(holds: Callable[[], bool]) -> None:
    """Wait for what a real server does in its own time."""
    end = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end, "it never came to that"
        threading.Event().wait(0.01)
