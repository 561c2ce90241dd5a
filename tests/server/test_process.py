"""A gateway's process: how it starts, what signals do, and what slow and stalled connections come to."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import pytest

from pixelrelay.config.server import hash_of
from pixelrelay.testing import EmulatedDeployment, Fleet, emulated_fleet
from tests.cli.desk import Desk
from tests.server.processes import Serving, config_of, on, serving
from tests.server.scenes import MASTER
from tests.servers import RedisServer, redis_server

BODY = {"model": "images", "prompt": "a boat", "size": "64x64"}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    """It takes a second to draw."""
    with emulated_fleet(EmulatedDeployment("eastus", "azure-foundry", "FLUX.2-pro", latency=1.0)) as it:
        yield it


def draw(at: Serving, **options: Any) -> httpx2.Response:
    return httpx2.post(f"{at.base_url}/images/generations", json=BODY, timeout=30, **options)


def drawing(pool: ThreadPoolExecutor, at: Serving, fleet: Fleet, already: int = 0) -> Future[httpx2.Response]:
    """One that has reached its provider."""
    future = pool.submit(draw, at)
    at.until(lambda: len(fleet.requests) > already)
    return future


def test_without_a_configuration_it_serves_an_emulated_fleet_and_says_so(tmp_path: Path) -> None:
    with serving(tmp_path, None) as at:
        body = {"model": "flux", "prompt": "a boat", "size": "64x64"}
        answer = httpx2.post(f"{at.base_url}/images/generations", json=body, timeout=30)

        assert answer.status_code == 200, answer.text
        assert float(answer.headers["x-pixelrelay-cost-usd"]) > 0
        assert "from an emulated fleet: there is no configuration" in at.log()
        assert "no keys are configured: it listens on this machine alone" in at.log()


def test_it_refuses_to_let_everybody_draw_without_a_key(desk: Desk, fleet: Fleet) -> None:
    desk.write(config_of(fleet))

    ran = desk.process("serve", "--host", "0.0.0.0", "--port", "0")  # noqa: S104 - which is the point

    assert ran.returncode == 1
    assert "without keys everybody who reaches 0.0.0.0 could draw at your cost" in ran.stderr
    assert "pixelrelay keys new" in ran.stderr


def test_it_refuses_several_workers_that_could_not_count_together(desk: Desk, fleet: Fleet) -> None:
    desk.write(config_of(fleet))

    ran = desk.process("serve", "--workers", "2", "--port", "0")

    assert ran.returncode == 1
    assert "2 workers without a shared store would each use the whole of every quota" in ran.stderr


def test_a_port_that_is_taken_is_told_in_a_line(desk: Desk, fleet: Fleet) -> None:
    desk.write(config_of(fleet))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        ran = desk.process("serve", "--port", str(taken.getsockname()[1]))

    assert ran.returncode == 1
    assert "Address already in use" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_key_that_is_made_opens_the_gateway(desk: Desk, fleet: Fleet, tmp_path: Path) -> None:
    made = desk.told("keys", "new")
    config = config_of(fleet, server={"keys": {"shop": {"key": made["hash"]}}})

    with serving(tmp_path / "gateway", config, "--host", "0.0.0.0") as at:  # noqa: S104 - with a key it may
        assert draw(at).status_code == 401
        assert draw(at, headers={"authorization": f"Bearer {made['key']}"}).status_code == 200
        assert made["key"] not in at.log()


def test_a_key_is_shown_with_its_hash_and_never_twice_the_same(desk: Desk) -> None:
    one, other = desk.run("keys", "new"), desk.run("keys", "new")

    assert one.exit_code == 0
    key = one.stdout.split()[1]
    assert hash_of(key) in one.stdout
    assert one.stdout != other.stdout


# --- signals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_what_is_under_way_before_it_ends(fleet: Fleet, tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path, config_of(fleet)) as at, ThreadPoolExecutor() as pool:
        answer = drawing(pool, at, fleet)
        at.signal(number)

        assert at.end() == 0
        assert answer.result().status_code == 200
        with pytest.raises(httpx2.TransportError):
            at.get("/health/live")


@pytest.mark.slow
def test_readiness_goes_first_and_what_still_comes_is_served(fleet: Fleet, tmp_path: Path) -> None:
    config = config_of(fleet, server={"drain_notice": 3.0})
    with serving(tmp_path, config) as at:
        at.signal(signal.SIGTERM)
        at.until(lambda: at.get("/health/ready").status_code == 503)

        assert at.get("/health/ready").json() == {"status": "draining"}
        assert at.get("/health/live").status_code == 200
        assert draw(at).status_code == 200
        assert at.end() == 0


@pytest.mark.slow
def test_what_takes_too_long_is_cut_off_and_settled(tmp_path: Path) -> None:
    slow = EmulatedDeployment("eastus", "azure-foundry", "FLUX.2-pro", latency=60.0)
    with emulated_fleet(slow) as fleet, redis_server() as redis, ThreadPoolExecutor() as pool:
        config = config_of(fleet, **on(redis), server={"drain_timeout": 1.0})
        config["models"]["images"]["deployments"][0]["concurrent"] = 5
        with serving(tmp_path, config) as at:
            desk = Desk(tmp_path)
            answer = drawing(pool, at, fleet)
            assert concurrent(desk) == 1
            at.signal(signal.SIGTERM)
            assert at.end() == 0
            with pytest.raises(httpx2.TransportError):
                answer.result()
            assert concurrent(desk) == 0


def concurrent(desk: Desk) -> int:
    """Attempts under way, as the shared store has it."""
    return sum(deployment["in_flight"] for deployment in desk.told("quotas", "relay.yaml")["deployments"])


def test_told_a_second_time_it_ends_at_once(tmp_path: Path) -> None:
    slow = EmulatedDeployment("eastus", "azure-foundry", "FLUX.2-pro", latency=60.0)
    with emulated_fleet(slow) as fleet, serving(tmp_path, config_of(fleet)) as at, ThreadPoolExecutor() as pool:
        answer = drawing(pool, at, fleet)
        at.signal(signal.SIGINT)
        at.until(lambda: "draining" in at.log())
        at.signal(signal.SIGINT)

        assert at.end() == 0
        with pytest.raises(httpx2.TransportError):
            answer.result()


def test_a_reload_loses_no_request_and_changes_what_is_served(fleet: Fleet, tmp_path: Path) -> None:
    with serving(tmp_path, config_of(fleet)) as at, ThreadPoolExecutor() as pool:
        under_way = drawing(pool, at, fleet)
        config = config_of(fleet, "renamed", server={"master_key": hash_of(MASTER)})
        at.write(config)
        at.signal(signal.SIGHUP)
        at.until(lambda: "the configuration was read again" in at.log())

        assert draw(at).status_code == 401
        key = {"authorization": f"Bearer {MASTER}"}
        assert [model["id"] for model in at.get("/v1/models", headers=key).json()["data"]] == ["renamed"]
        assert under_way.result().status_code == 200


def test_a_reload_of_what_cannot_be_used_changes_nothing(fleet: Fleet, tmp_path: Path) -> None:
    with serving(tmp_path, config_of(fleet)) as at:
        at.write({"models": {}})
        at.signal(signal.SIGHUP)
        at.until(lambda: "the configuration is kept as it was" in at.log())
        (tmp_path / "relay.yaml").unlink()
        at.signal(signal.SIGHUP)
        at.until(lambda: at.log().count("the configuration is kept as it was") == 2)

        assert draw(at).status_code == 200


# --- connections -------------------------------------------------------------------------------------------------


def connected(at: Serving) -> socket.socket:
    host, _, port = at.address.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def test_headers_that_never_end_are_cut_off(fleet: Fleet, tmp_path: Path) -> None:
    with serving(tmp_path, config_of(fleet, server={"header_timeout": 0.5})) as at:
        with connected(at) as silent, connected(at) as slow, connected(at) as endless:
            slow.sendall(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n")
            endless.sendall(b"GET / HTTP/1.1\r\n" + b"x-more: a\r\n" * 10_000)
            with suppress(ConnectionError):  # the answer may be lost with what was not read any more
                assert endless.recv(1000).startswith(b"HTTP/1.1 431 ")
                while endless.recv(1000):
                    pass
            assert silent.recv(1000).startswith(b"HTTP/1.1 408 ")
            assert slow.recv(1000).startswith(b"HTTP/1.1 408 ")

        assert at.get("/health/live").status_code == 200


def test_a_body_that_stalls_is_cut_off(fleet: Fleet, tmp_path: Path) -> None:
    server = {"uploads": {"stall_timeout": 0.5}}
    with serving(tmp_path, config_of(fleet, server=server)) as at, connected(at) as stalled:
        stalled.sendall(
            b"POST /v1/images/generations HTTP/1.1\r\nhost: localhost\r\n"
            b"content-type: application/json\r\ncontent-length: 100\r\n\r\n{"
        )
        assert stalled.recv(1000).startswith(b"HTTP/1.1 408 ")
        while stalled.recv(1000):
            pass


def test_a_caller_who_leaves_frees_the_place_of_the_attempt(tmp_path: Path) -> None:
    slow = EmulatedDeployment("eastus", "azure-foundry", "FLUX.2-pro", latency=60.0)
    with emulated_fleet(slow) as fleet, serving(tmp_path, config_of(fleet)) as at:

        def in_flight() -> float:
            text = at.get("/metrics").text
            line = next(line for line in text.splitlines() if line.startswith("pixelrelay_in_flight{"))
            return float(line.rpartition(" ")[2])

        body = json.dumps(BODY).encode()
        with connected(at) as caller:
            caller.sendall(
                b"POST /v1/images/generations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                b"content-length: %d\r\n\r\n%s" % (len(body), body)
            )
            at.until(lambda: len(fleet.requests) == 1 and in_flight() == 1)
        at.until(lambda: in_flight() == 0)

        assert " POST /v1/images/generations - " in at.log()


def test_the_log_has_a_line_for_each_request_and_no_secret_in_it(fleet: Fleet, tmp_path: Path) -> None:
    with serving(tmp_path, config_of(fleet)) as at:
        url = f"{at.base_url}/images/generations"
        link = httpx2.post(url, json={**BODY, "response_format": "url"}, timeout=30).json()["data"][0]["url"]
        assert httpx2.get(link).status_code == 200
        at.get("/a%0a%1b%5bInjected")
        at.until(lambda: "Injected" in at.log())

        assert link.partition("?")[0].removeprefix(at.address) in at.log()
        assert "signature" not in at.log()
        assert BODY["prompt"] not in at.log()
        assert "GET /a\\n\\x1b[Injected 404" in at.log()


def test_a_connection_serves_many_requests(fleet: Fleet, tmp_path: Path) -> None:
    with serving(tmp_path, config_of(fleet)) as at, httpx2.Client(timeout=30) as client:
        for _ in range(3):
            assert client.post(f"{at.base_url}/images/generations", json=BODY).status_code == 200
        assert client.post(f"{at.base_url}/images/generations", content=b"{").status_code == 400
        assert client.get(f"{at.address}/health/live").status_code == 200


# --- workers -----------------------------------------------------------------------------------------------------


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as it:
        yield it


def pids(at: Serving) -> set[int]:
    """Of the workers."""
    children = Path(f"/proc/{at.process.pid}/task/{at.process.pid}/children").read_text().split()
    names = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
    return {pid for pid, name in names.items() if b"spawn_main" in name}


@pytest.mark.slow
def test_workers_share_one_port_their_quotas_their_links_and_their_metrics(
    redis: RedisServer, fleet: Fleet, tmp_path: Path
) -> None:
    config = config_of(fleet, **on(redis))
    config["models"]["images"]["deployments"][0] |= {"requests_per_minute": 8, "shape": "rolling"}
    with serving(tmp_path / "gateway", config, "--workers", "2") as at:
        at.until(lambda: len(pids(at)) == 2)
        with ThreadPoolExecutor(8) as pool:
            body = {**BODY, "response_format": "url"}
            url = f"{at.base_url}/images/generations"
            answers = list(pool.map(lambda _: httpx2.post(url, json=body, timeout=30), range(8)))
        links = [answer.json()["data"][0]["url"] for answer in answers]

        # Each by a connection of its own, so that both workers serve some.
        assert [httpx2.get(link).status_code for link in links * 2] == [200] * 16
        assert [httpx2.post(url, json={**body, "timeout": 1}).status_code for _ in range(4)] == [429] * 4
        served = 'pixelrelay_requests_total{group="images",operation="generate",outcome="served"} 8.0'
        assert [served in at.get("/metrics").text for _ in range(8)] == [True] * 8


@pytest.mark.slow
def test_metrics_are_counted_in_a_directory_that_is_named_and_it_is_kept(
    redis: RedisServer, fleet: Fleet, tmp_path: Path
) -> None:
    (tmp_path / "metrics").mkdir()
    environ = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics")}
    with serving(tmp_path / "gateway", config_of(fleet, **on(redis)), "--workers", "2", environ=environ) as at:
        assert draw(at).status_code == 200
        at.signal(signal.SIGTERM)
        assert at.end() == 0

    assert list((tmp_path / "metrics").glob("counter_*.db"))


@pytest.mark.slow
def test_what_a_worker_that_died_has_counted_stays_counted_and_nothing_waits_in_it(
    redis: RedisServer, tmp_path: Path
) -> None:
    slow = EmulatedDeployment("eastus", "azure-foundry", "FLUX.2-pro", latency=3.0)
    with emulated_fleet(slow) as fleet, ThreadPoolExecutor() as pool:
        config = config_of(fleet, **on(redis))
        config["models"]["images"]["deployments"][0] |= {"concurrent": 1}
        with serving(tmp_path / "gateway", config, "--workers", "2") as at:
            at.until(lambda: at.log().count("the configuration was read again") == 2)
            assert draw(at).status_code == 200
            [dying, living] = pids(at)
            os.kill(living, signal.SIGSTOP)
            # So that all that follows is the other's: one is drawn, and two wait.
            lost = [pool.submit(draw, at) for _ in range(3)]
            at.until(lambda: waiting(at) == 2)
            os.kill(living, signal.SIGCONT)
            os.kill(dying, signal.SIGKILL)
            for each in lost:
                with pytest.raises(httpx2.TransportError):
                    each.result()
            at.until(lambda: len(pids(at)) == 2 and dying not in pids(at))

            at.until(lambda: waiting(at) == 0)
            text = at.get("/metrics").text
            assert 'pixelrelay_requests_total{group="images",operation="generate",outcome="served"} 1.0' in text


def waiting(at: Serving) -> float:
    """Requests of all workers, as metrics have it."""
    told = (line for line in at.get("/metrics").text.splitlines() if line.startswith("pixelrelay_waiting{"))
    return float(next(told, "0").rpartition(" ")[2])


@pytest.mark.slow
def test_the_live_page_shows_all_workers_whoever_answers(redis: RedisServer, fleet: Fleet, tmp_path: Path) -> None:
    config = config_of(fleet, **on(redis))
    config["models"]["images"]["deployments"][0] |= {"price": {"image": "0.04"}}
    with serving(tmp_path, config, "--workers", "2") as at:
        at.until(lambda: at.log().count("the configuration was read again") == 2)
        one, other = pids(at)
        for stopped in (one, other):  # each draws two
            os.kill(stopped, signal.SIGSTOP)
            assert [draw(at).status_code for _ in range(2)] == [200] * 2
            os.kill(stopped, signal.SIGCONT)
        seen = [live(at) for _ in range(16)]

        assert {len(told["workers"]) for told in seen} == {2}
        assert {worker["process"] for worker in seen[0]["workers"]} == {one, other}
        assert {told["spend"]["known"] for told in seen} == {"0.16"}
        assert {len(told["requests"]) for told in seen} == {4}
        assert {told["groups"][0]["deployments"][0]["spend"]["known"] for told in seen} == {"0.16"}
        assert {sum(told["minute"]["served"]) for told in seen} == {4}

        os.kill(one, signal.SIGSTOP)  # it hangs
        began = time.monotonic()
        hung = live(at)
        assert time.monotonic() - began < 1.5
        assert [worker["process"] for worker in hung["workers"]] == [other]
        assert (hung["silent"], hung["spend"]["known"], len(hung["requests"])) == (1, "0.08", 2)
        assert at.get("/health/ready").json() == {"status": "ready"}

        os.kill(one, signal.SIGKILL)
        at.until(lambda: one not in {worker["process"] for worker in live(at)["workers"]})
        at.until(lambda: len(live(at)["workers"]) == 2)
        assert live(at)["silent"] == 0


def live(at: Serving) -> dict[str, Any]:
    told: dict[str, Any] = at.get("/api/live").json()
    return told


@pytest.mark.slow
def test_nothing_is_left_of_workers_that_have_ended(redis: RedisServer, fleet: Fleet, tmp_path: Path) -> None:
    config = config_of(fleet, **on(redis))
    with TemporaryDirectory() as directory:  # whose path is short enough for a socket's
        temporary = Path(directory)
        with serving(tmp_path, config, "--workers", "2", environ={"TMPDIR": directory}) as at:
            at.until(lambda: at.log().count("the configuration was read again") == 2)
            [own] = temporary.iterdir()
            assert own.stat().st_mode & 0o077 == 0
            assert len(list(own.glob("live/*.sock"))) == 2
            assert list(own.glob("metrics/*.db"))
            at.signal(signal.SIGTERM)
            assert at.end() == 0

        assert list(temporary.iterdir()) == []


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced_and_all_end_together(redis: RedisServer, fleet: Fleet, tmp_path: Path) -> None:
    with serving(tmp_path, config_of(fleet, **on(redis)), "--workers", "2") as at:
        read = "the configuration was read again"  # by each when it begins to listen
        at.until(lambda: at.log().count(read) == 2)
        first = pids(at)
        os.kill(min(first), signal.SIGKILL)
        at.until(lambda: at.log().count(read) == 3)
        assert len(pids(at) - first) == 1
        at.signal(signal.SIGHUP)
        at.until(lambda: at.log().count(read) == 5)
        last = pids(at)
        at.signal(signal.SIGTERM)

        assert at.end() == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in last)


@pytest.mark.slow
def test_workers_do_not_outlive_their_parent(redis: RedisServer, fleet: Fleet, tmp_path: Path) -> None:
    with serving(tmp_path, config_of(fleet, **on(redis)), "--workers", "2") as at:
        at.until(lambda: at.log().count("the configuration was read again") == 2)
        workers = pids(at)
        at.process.kill()
        at.process.wait()
        at.until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
