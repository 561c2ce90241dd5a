"""From an error answer to a ``Failure``: what every dialect has in common.

An adapter hands in the table of its own codes. A code outranks a status, because providers use one status for
several things: 429 for a full minute and for an empty account, 400 for a bad size and for moderation.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from pixelrelay import _clock
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers.base import Reply

STATUS_KINDS: Mapping[int, FailureKind] = {
    400: FailureKind.INVALID,
    401: FailureKind.UNAUTHORISED,
    402: FailureKind.OUT_OF_CREDIT,
    403: FailureKind.UNAUTHORISED,
    404: FailureKind.NOT_FOUND,
    408: FailureKind.TIMEOUT,
    410: FailureKind.NOT_FOUND,
    413: FailureKind.INVALID,
    415: FailureKind.INVALID,
    422: FailureKind.INVALID,
    429: FailureKind.RATE_LIMITED,
    504: FailureKind.TIMEOUT,
    524: FailureKind.TIMEOUT,
}

MAY_HAVE_BEEN_BILLED = frozenset({408, 502, 504, 520, 522, 524})
"""Statuses by which a gateway says that it heard nothing from the machine that was drawing."""

LONGEST_MESSAGE = 300

DEEPEST = 8
"""Levels of an error body that are looked into."""

REQUEST_IDS = (
    "x-request-id",
    "apim-request-id",
    "x-ms-request-id",
    "x-amzn-requestid",
    "x-generation-id",  # OpenRouter's
    "x-recraft-requestid",
)
"""The headers in which providers name a call."""

_KEYS = re.compile(
    r"""
      \bsk-[\w*.…-]*[\w*…]                        # OpenAI's, whole or with stars or dots in its middle
    | \b(?:bfl|r8)_\w+
    | \bBearer\s+\S+
    | \beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?            # a signed token
    | \b(?:[0-9a-fA-F]{32,}|[0-9a-zA-Z]{64,})\b    # Azure's, old and new; an id that begins with req_ is none
    | \b(?:AIza|AQ\.|ya29\.)[\w.-]{6,}              # Google's, old and new, and its tokens
    | (?<=[?&]key=)[^&\s]+
    | (?<=x-amz-security-token:)\S+
    """,
    re.VERBOSE,
)


def failure_from(reply: Reply, codes: Mapping[str, FailureKind]) -> Failure:
    """What an unsuccessful ``reply`` means, by the dialect's ``codes`` first and its status second.

    Of several codes the outermost counts, and any ``code`` before any ``type``, for types are coarse: one of them
    covers moderation, bad sizes and retired models. Moderation counts wherever it stands: the codes around it say
    no more than that the request was bad.
    """
    found = tuple(_codes(_json(reply.body)))
    kinds = [codes[code] for code in found if code in codes]
    if FailureKind.CONTENT_REJECTED in kinds:
        kind = FailureKind.CONTENT_REJECTED
    else:
        kind = kinds[0] if kinds else status_kind(reply.status)
    may_be_billed = reply.status in MAY_HAVE_BEEN_BILLED and kind in {FailureKind.OVERLOADED, FailureKind.TIMEOUT}
    return Failure(
        kind,
        message_of(reply),
        charge=Charge.UNKNOWN if may_be_billed else Charge.NONE,
        status=reply.status,
        code=found[0] if found else None,
        retry_after=retry_after(reply),
        provider_request_id=request_id(reply.headers),
    )


def status_kind(status: int) -> FailureKind:
    """What an HTTP status means where nothing more is known."""
    return STATUS_KINDS.get(status, FailureKind.OVERLOADED if status >= 500 else FailureKind.INVALID)


def message_of(reply: Reply) -> str:
    """What the body says went wrong, as ``plain`` makes it; the bare status where it says nothing."""
    return plain(words_in(reply.body)) or f"HTTP {reply.status} without a message"


def plain(text: str) -> str:
    """``text`` fit for an error shown to people: on one line, shortened, and without anything that looks like a key."""
    line = " ".join(_KEYS.sub("[key]", text).split())
    return line if len(line) <= LONGEST_MESSAGE else f"{line[: LONGEST_MESSAGE - 1]}…"


def request_id(headers: Mapping[str, str]) -> str | None:
    """The name under which the provider's support finds the call."""
    return next((headers[name] for name in REQUEST_IDS if name in headers), None)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def words_in(body: bytes) -> str:
    """What an error body says for people, as it stands there; empty where it says nothing."""
    told = _json(body)
    if told is not None:
        return _message(told) or ""
    # A page of a gateway's is markup, and says no more than its status does.
    return "" if body.lstrip().startswith(b"<") else body[:10_000].decode("utf-8", "replace")


def _codes(body: Any) -> Iterator[str]:
    """Every ``code`` in an error body, the outermost first, then every ``type``, ``status`` and ``name``."""
    levels = tuple(_levels(body))
    for name in ("code", "type", "status", "name"):
        yield from (value for level in levels if isinstance(value := level.get(name), str))


def _levels(body: Any, deep: int = 0) -> Iterator[Mapping[str, Any]]:
    if isinstance(body, dict) and deep < DEEPEST:
        yield body
        for name in ("error", "inner_error", "innererror", "detail"):
            yield from _levels(body.get(name), deep + 1)


def _message(body: Any, deep: int = 0) -> str | None:
    match body:
        case str():
            return body
        case _ if deep == DEEPEST:
            return None
        case {"error": (dict() | str()) as inner}:
            return _message(inner, deep + 1)
        case {"message": str(message)} | {"Message": str(message)}:
            return message
        case {"errors": [str(message), *_]}:
            return message
        case {"detail": detail} | {"details": detail}:
            return _message(detail, deep + 1)
        case {"loc": list(path), "msg": str(message)}:
            return f"{'.'.join(str(step) for step in path)}: {message}"
        case [first, *_]:
            return _message(first, deep + 1)
        case _:
            return None


# --- how long to stay away ---------------------------------------------------------------------------------------

_GO_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_IN_TEXT = re.compile(
    r"(?:retry (?:after|in)|try again in)\s+(?:(?P<go>(?:\d+(?:\.\d+)?(?:ms|s|m|h))+)\b"
    r"|(?P<number>\d+(?:\.\d+)?)\s*(?P<word>milliseconds?|minutes?|hours?)?)",
    re.IGNORECASE,
)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_WORDS = {"millisecond": 0.001, "second": 1.0, "minute": 60.0, "hour": 3600.0}


def retry_after(reply: Reply) -> float | None:
    """Seconds that the provider asks to be left alone, from wherever it says so; ``None`` if nowhere.

    In order of trust: ``retry-after-ms``, ``retry-after`` (seconds, fractions or an HTTP date), then on a 429 the
    longest ``x-ratelimit-reset-*`` of a limit with nothing remaining, then "retry after 24 seconds" in the text.
    """
    headers = reply.headers
    candidates = (
        _number(headers.get("retry-after-ms"), 0.001),
        _number(headers.get("retry-after")),
        _date(headers.get("retry-after"), headers.get("date")),
        _reset(headers) if reply.status == 429 else None,
        _in_text(reply),
    )
    return next((seconds for seconds in candidates if seconds is not None), None)


def _number(text: str | None, unit: float = 1.0) -> float | None:
    try:
        seconds = float(text) * unit if text is not None else math.nan
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _date(text: str | None, date: str | None) -> float | None:
    """Seconds until the HTTP date ``text``, by the provider's own clock where its answer is dated."""
    then = _moment(text)
    if then is None:
        return None
    dated = _moment(date)
    return max(0.0, then - (dated if dated is not None else _clock.wall()))


def _moment(text: str | None) -> float | None:
    try:
        moment = parsedate_to_datetime(text) if text is not None else None
    except ValueError:
        return None
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _reset(headers: Mapping[str, str]) -> float | None:
    prefix = "x-ratelimit-reset-"
    used_up = [
        seconds
        for name, value in headers.items()
        if name.startswith(prefix)
        and headers.get(f"x-ratelimit-remaining-{name.removeprefix(prefix)}", "0").strip() in {"0", "-1", ""}
        and (seconds := duration(value)) is not None
    ]
    return max(used_up, default=None)


def duration(text: str) -> float | None:
    """``6m0s``, ``120ms`` or plain seconds."""
    plain = _number(text)
    if plain is not None:
        return plain
    parts = _GO_DURATION.findall(text)
    if not parts or "".join(f"{n}{u}" for n, u in parts) != text.strip():
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def _in_text(reply: Reply) -> float | None:
    if reply.status not in {429, 503}:
        return None
    found = _IN_TEXT.search(words_in(reply.body))
    if found is None:
        return None
    if found["go"]:
        return duration(found["go"].lower())
    return _number(found["number"], _WORDS[(found["word"] or "second").lower().removesuffix("s")])
