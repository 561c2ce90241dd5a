"""Drives an adapter's exchange on stored replies: what the transport does, without a wire.

Replies are files in the provider's own words (status line, headers, an empty line, the body), under ``replies/``.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Generator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from pixelrelay.errors import ProviderError
from pixelrelay.images import ImageRequest, InputImage, Operation, Size
from pixelrelay.outcomes import Failure
from pixelrelay.providers.base import Reply, Send

REPLIES = Path(__file__).parent / "replies"

PIXEL = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP4z8DwHwAFAAH/VscvDQAAAABJRU5ErkJggg==")
"""A whole PNG, 1 by 1."""

ResultT = TypeVar("ResultT")


def stored(name: str) -> Reply:
    """The reply kept as ``replies/<name>.http``: ``stored("openai/moderated_input")``."""
    head, _, body = (REPLIES / f"{name}.http").read_bytes().partition(b"\n\n")
    status, *headers = head.decode("ascii").splitlines()
    pairs = (line.split(":", 1) for line in headers)
    return Reply(
        status=int(status.split()[1]),
        headers={name.strip().lower(): value.strip() for name, value in pairs},
        body=body,
    )


def finish(exchange: Generator[Send, Reply, ResultT], *answers: Reply | ProviderError) -> ResultT:
    """What ``exchange`` returns, given one answer to each thing it sends, and all of them used."""
    waiting = list(answers)
    try:
        send = next(exchange)
        while True:
            assert waiting, f"no answer left for {send.method} {send.url}"
            answer = waiting.pop(0)
            send = exchange.throw(answer) if isinstance(answer, ProviderError) else exchange.send(answer)
    except StopIteration as finished:
        assert not waiting, f"{len(waiting)} answers were never asked for"
        result: ResultT = finished.value
        return result


def sent(exchange: Generator[Send, Reply, Any], *answers: Reply | ProviderError) -> Send:
    """What ``exchange`` sends once it has had ``answers``: its first ``Send`` where there are none."""
    send = next(exchange)
    for answer in answers:
        send = exchange.throw(answer) if isinstance(answer, ProviderError) else exchange.send(answer)
    return send


def failed(exchange: Generator[Send, Reply, Any], *answers: Reply | ProviderError) -> Failure:
    """How ``exchange`` failed, given ``answers``."""
    with pytest.raises(ProviderError) as raised:
        finish(exchange, *answers)
    return raised.value.failure


def drawing(prompt: str = "a lighthouse at dusk", **changes: Any) -> ImageRequest:
    """A request for pictures from words alone."""
    return ImageRequest(Operation.GENERATE, prompt, **changes)


def editing(*images: InputImage, prompt: str = "add a red hat", **changes: Any) -> ImageRequest:
    """A request to change ``images``; one PNG where none is given."""
    return ImageRequest(Operation.EDIT, prompt, images=images or (png(),), **changes)


def png(filename: str = "photo.png") -> InputImage:
    return InputImage(PIXEL, "image/png", filename, Size(1, 1))
