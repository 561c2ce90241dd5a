"""How an answer leaves: its head with what follows it, and nothing kept back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from pixelrelay.server.protocol import Joining

HEAD, BODY = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", b"{}"


@dataclass
class Recording(asyncio.Transport):
    """What is written, in how many steps."""

    steps: list[bytes] = field(default_factory=list)
    closed: bool = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.steps.append(bytes(data))

    def writelines(self, list_of_data: object) -> None:
        assert isinstance(list_of_data, list)
        self.steps.append(b"".join(list_of_data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def test_the_head_of_an_answer_leaves_in_one_step_with_what_follows_it() -> None:
    transport = Recording()
    answer = Joining(transport)
    answer.write(HEAD)
    answer.write(BODY)
    answer.write(b"more")

    assert transport.steps == [HEAD + BODY, b"more"]


def test_an_answer_without_a_body_leaves_as_well() -> None:
    transport = Recording()
    answer = Joining(transport)
    answer.write(HEAD)
    answer.write(b"")

    assert transport.steps == [HEAD]


def test_a_head_leaves_at_the_latest_when_the_connection_closes() -> None:
    transport = Recording()
    answer = Joining(transport)
    answer.write(HEAD)
    answer.close()

    assert transport.steps == [HEAD]
    assert answer.is_closing()


def test_leave_to_go_on_sending_is_given_at_once() -> None:
    transport = Recording()
    answer = Joining(transport)
    answer.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    assert transport.steps == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    answer.write(HEAD)
    assert len(transport.steps) == 1
