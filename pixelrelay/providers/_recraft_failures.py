"""What Recraft's errors mean. It publishes two of them, both in plain text, and the words of none of the others."""

from __future__ import annotations

import re
from dataclasses import replace

from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers.base import Reply
from pixelrelay.providers.failures import failure_from, words_in
from pixelrelay.quotas import Unit

_NO_CREDIT = re.compile(
    r"(?:not enough|insufficient|no more|out of|run out of|lack of)\b.{0,20}\b(?:credits?|units?|balance)"
    r"|(?:credits?|units?|balance)\b.{0,30}\b(?:insufficient|exhausted|not enough|too low)",
    re.IGNORECASE,
)
_MODERATED = re.compile(r"nsfw|moderat|prohibited|content polic|inappropriate", re.IGNORECASE)
_NO_MODEL = re.compile(r"\b(?:unknown|invalid|no such) model\b|\bmodel\b.{0,40}\bdoes not exist", re.IGNORECASE)
_UNITS = (
    (re.compile(r"\brequests?\b.{0,20}\bsecond", re.IGNORECASE), Unit.REQUESTS),
    (re.compile(r"\bimages?\b", re.IGNORECASE), Unit.IMAGES),
)


def refusal(reply: Reply) -> Failure:
    """What an unsuccessful ``reply`` means: by its status, and where that says little, by its words."""
    failure = failure_from(reply, {})
    said = words_in(reply.body)
    # A machine that failed may have drawn before, and Recraft does not say that it would not bill that.
    if reply.status >= 500:
        return replace(failure, charge=Charge.UNKNOWN)
    if failure.kind is FailureKind.RATE_LIMITED:
        return replace(failure, unit=next((unit for pattern, unit in _UNITS if pattern.search(said)), None))
    if reply.status in {400, 403, 422}:
        return replace(failure, kind=_by_words(said) or failure.kind)
    return failure


def _by_words(said: str) -> FailureKind | None:
    known = (
        (_NO_CREDIT, FailureKind.OUT_OF_CREDIT),
        (_MODERATED, FailureKind.CONTENT_REJECTED),
        (_NO_MODEL, FailureKind.NOT_FOUND),
    )
    return next((kind for pattern, kind in known if pattern.search(said)), None)
