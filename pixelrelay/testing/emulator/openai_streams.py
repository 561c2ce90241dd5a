"""Answers by server-sent events, as OpenAI gives them and Azure after it: sketches on the way, then the pictures."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from pixelrelay import _clock
from pixelrelay.testing.emulator.answers import EventStream, RefusalError
from pixelrelay.testing.emulator.base import SynchronousApi, Visit
from pixelrelay.testing.emulator.openai_orders import Asked, shared_answer

CHOICES = ("size", "quality", "background", "output_format")


async def stream(
    api: SynchronousApi, visit: Visit, asked: Asked, tokens: Mapping[str, Any], price: Decimal
) -> Response:
    """The answer to a request that was found in order; a refusal before anything is drawn is raised."""
    told = _Told(visit.entry.operation, shared_answer(asked, int(_clock.wall())), tokens)
    if visit.fault is None:
        return EventStream(_as_it_is_drawn(api, visit, asked, api.begin(visit, asked.order), told, price), {})
    # What spoils an answer spoils it whole.
    pictures = await api.draw(visit, asked.order, price)
    sketches = enumerate(api.sketches(visit, asked.order, asked.partial_images))
    whole = "".join((*(told.partial(*each) for each in sketches), *(told.completed(each) for each in pictures)))
    return Response(whole, 200, media_type=EventStream.media_type)


async def _as_it_is_drawn(
    api: SynchronousApi, visit: Visit, asked: Asked, seconds: float, told: _Told, price: Decimal
) -> AsyncIterator[str]:
    """Sketches at even distances, and the pictures when they are made; or why they are withheld."""
    pause = seconds / (asked.partial_images + 1)
    try:
        for each in enumerate(api.sketches(visit, asked.order, asked.partial_images)):
            await _clock.sleep(pause)
            yield told.partial(*each)
        await _clock.sleep(pause)
        for picture in api.finish(visit, asked.order, price):
            yield told.completed(picture)
    except RefusalError as refusal:
        yield _event("error", refusal.body if isinstance(refusal.body, Mapping) else {"message": refusal.body})
    finally:
        api.account.leave()


class _Told:
    """How one answer is worded."""

    def __init__(self, operation: str, shared: Mapping[str, Any], tokens: Mapping[str, Any]) -> None:
        self._name = {"generate": "image_generation", "edit": "image_edit"}[operation]
        self._common = {"created_at": shared["created"], **{name: shared[name] for name in CHOICES}}
        self._tokens = tokens

    def partial(self, index: int, sketch: bytes) -> str:
        return self._one("partial_image", sketch, {"partial_image_index": index})

    def completed(self, picture: bytes) -> str:
        return self._one("completed", picture, {"usage": self._tokens})

    def _one(self, kind: str, picture: bytes, further: Mapping[str, Any]) -> str:
        encoded = base64.b64encode(picture).decode()
        return _event(f"{self._name}.{kind}", {"b64_json": encoded, **self._common, **further})


def _event(kind: str, payload: Mapping[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **payload})}\n\n"
