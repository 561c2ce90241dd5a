"""The answer of ``generateContent`` when all went well, for both of Google's front doors."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

from pixelrelay.testing.emulator.base import Visit
from pixelrelay.testing.emulator.gemini_models import ModelRules, dollars, text_tokens, usage
from pixelrelay.testing.emulator.gemini_orders import Asked
from pixelrelay.testing.emulator.google import GoogleApi
from pixelrelay.testing.emulator.pictures import MEDIA_TYPES


async def answered(api: GoogleApi, visit: Visit, model: str, rules: ModelRules, asked: Asked) -> dict[str, Any]:
    """Draw what was asked and tell of it, billed by tokens; in words where no picture was asked for."""
    visit.entry.operation = "edit" if asked.order.images else "generate"
    visit.entry.prompt, visit.entry.size = asked.order.prompt, asked.order.size
    if not asked.draws:
        return _told(visit, model, [{"text": "A picture could be drawn of that."}], _words(asked))
    tokens = usage(rules, asked.order, asked.size_class)
    (picture,) = await api.draw(visit, asked.order, dollars(rules, tokens))
    data = base64.b64encode(picture).decode()
    parts: list[dict[str, Any]] = [
        {"inlineData": {"mimeType": MEDIA_TYPES[asked.order.encoding.format], "data": data}, "thoughtSignature": "CrUB"}
    ]
    if asked.speaks and visit.entry.number % 2:
        parts.insert(0, {"text": "Here is the picture."})  # words come or not, and before the picture
    return _told(visit, model, parts, tokens)


def as_jpeg(asked: Asked) -> Asked:
    """The same in the format that the third generation prefers where none can be asked for."""
    encoding = replace(asked.order.encoding, format="jpeg", compression=90)
    return replace(asked, order=replace(asked.order, encoding=encoding))


def _words(asked: Asked) -> dict[str, Any]:
    given = text_tokens(asked.order.prompt)
    return {"promptTokenCount": given, "candidatesTokenCount": 8, "totalTokenCount": given + 8}


def _told(visit: Visit, model: str, parts: list[dict[str, Any]], tokens: dict[str, Any]) -> dict[str, Any]:
    return {
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": tokens,
        "modelVersion": model,
        "responseId": visit.entry.request_id,
    }
