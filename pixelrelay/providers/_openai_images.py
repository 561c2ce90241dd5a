"""The Images API as OpenAI speaks it, and Azure after it: bodies, answers, failures.

Facts as of 2026-11-21, from OpenAI's published API description, its client and guide, and Microsoft's how-to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from pydantic import ValidationError

from pixelrelay.errors import ProviderError
from pixelrelay.images import Generation, Image, ImageRequest, Size, StreamEvent
from pixelrelay.outcomes import Charge, Failure, FailureKind, Usage
from pixelrelay.providers._cutting import Base64
from pixelrelay.providers._openai_failures import failure_of, seen_limits
from pixelrelay.providers._pictures import apart, download, media_type_in, media_type_of
from pixelrelay.providers.base import Answer, Beside, Exchange, Part, Reply, Send, read
from pixelrelay.providers.events import MEDIA_TYPE, ServerEvent, events_in
from pixelrelay.providers.failures import request_id
from pixelrelay.providers.mapping import Table, file, files, form, to

# --- what is asked -----------------------------------------------------------------------------------------------

COMMON = Table(n=to("n"), size=to("size", str))
"""The least that any server of this API understands."""

_GPT = replace(
    COMMON,
    partial_images=lambda count: {"stream": True, "partial_images": count},
    quality=to("quality"),
    background=to("background"),
    output_format=to("output_format"),
    output_compression=to("output_compression"),
    user=to("user"),
)
_DALLE = replace(
    COMMON,
    quality=to("quality"),
    # Said even where the caller did not mind: an address would cost a download, and dies within the hour.
    response_format=to("response_format"),
    style=to("style"),
    user=to("user"),
)


def table_of(model: str) -> Table:
    """The words for ``model``: DALL·E wants ``response_format``, all others refuse it."""
    return _DALLE if model.startswith("dall-e-") else _GPT


def json_body(request: ImageRequest, words: Table, model: str | None = None) -> dict[str, Any]:
    """The body of a generation; ``model`` as the API is to hear it, ``None`` where the path names it."""
    return words.body(request, {"model": model} if model is not None else {})


def edit_parts(
    request: ImageRequest, words: Table, model: str | None = None, field: str | None = None
) -> tuple[Part, ...]:
    """The body of an edit. One picture is ``image``, several are ``image[]`` each, unless ``field`` names them all."""
    name = field or ("image" if len(request.images) == 1 else "image[]")
    mask = (file("mask", request.mask),) if request.mask is not None else ()
    return (*form(json_body(request, words, model)), *files(name, request.images), *mask)


# --- what comes back ---------------------------------------------------------------------------------------------


Pictures: TypeAlias = Callable[[Reply, ImageRequest], Exchange]
"""Reads the pictures in a successful answer, as ``generation`` does."""


class _Tokens(Answer):
    input_tokens: int
    output_tokens: int
    total_tokens: int | None = None
    input_tokens_details: Beside[dict[str, int]] = None
    output_tokens_details: Beside[dict[str, int]] = None


class _Filter(Answer):
    filtered: bool = False


class _Item(Answer):
    b64_json: Base64 | None = None
    url: str | None = None
    revised_prompt: Beside[str] = None
    content_filter_results: Beside[dict[str, Beside[_Filter]]] = None
    prompt_filter_results: Beside[dict[str, Beside[_Filter]]] = None
    respect_moderation: Beside[bool] = None
    """xAI's: whether the picture may be shown. What stands in its place if not is no picture."""

    @property
    def withheld(self) -> bool:
        return self.respect_moderation is False

    @property
    def filtered(self) -> Iterator[str]:
        """The categories that a filter of Azure's has acted on; ``moderation`` where xAI withholds the picture."""
        if self.withheld:
            yield "moderation"
        for results in (self.prompt_filter_results, self.content_filter_results):
            yield from (name for name, result in (results or {}).items() if result is not None and result.filtered)


class _Answered(Answer):
    data: tuple[Beside[_Item], ...]
    usage: Beside[_Tokens] = None
    size: Beside[str] = None
    quality: Beside[str] = None
    background: Beside[str] = None
    output_format: Beside[str] = None


def exchange(
    send: Send,
    request: ImageRequest,
    *,
    states_limits: bool = False,
    failure: Callable[[Reply], Failure] = failure_of,
    pictures: Pictures | None = None,
) -> Exchange:
    """Send once, and read the answer; with ``states_limits`` its headers tell the account's limits a minute.

    ``failure`` says what an unsuccessful answer means, and ``pictures`` reads a successful one, where a dialect has
    words of its own.
    """
    reply = yield replace(send, glimpse=glimpse) if request.partial_images else send
    limits = seen_limits(reply.headers) if states_limits else ()
    if not reply.ok:
        raise ProviderError(replace(failure(reply), seen_limits=limits))
    drawn = yield from (pictures or generation)(reply, request)
    return replace(drawn, seen_limits=limits) if limits else drawn


def generation(reply: Reply, request: ImageRequest) -> Exchange:
    """The pictures in a successful ``reply``, fetched where it names addresses and those were not asked for.

    Raises ``ProviderError`` if not one of them can be had; those that can are paid for, and returned.
    """
    found = request_id(reply.headers)
    images: list[Image] = []
    failures: list[Failure] = []
    try:
        answer = _streamed(reply) if _is_stream(reply) else read(reply, _Answered)
        items = [item for item in answer.data if item is not None]
        for item in items:
            try:
                images.extend((yield from _pictures(item, request, answer.output_format)))
            except ProviderError as error:
                failures.append(error.failure)
        if not images:
            raise ProviderError(failures[0] if failures else _empty(reply, items))
    except ProviderError as error:
        raise ProviderError(replace(error.failure, provider_request_id=found)) from None
    return Generation(
        images=tuple(images),
        usage=_usage(answer.usage),
        size=_size(answer.size),
        quality=answer.quality,
        background=answer.background,
        output_format=answer.output_format,
        provider_request_id=found,
    )


# --- by server-sent events ---------------------------------------------------------------------------------------


class _Event(_Item):
    """An event as it is streamed: a partial picture, or a whole one with what an answer says beside its pictures."""

    type: str = ""
    partial_image_index: Beside[int] = None
    usage: Beside[_Tokens] = None
    size: Beside[str] = None
    quality: Beside[str] = None
    background: Beside[str] = None
    output_format: Beside[str] = None


def glimpse(event: ServerEvent) -> StreamEvent | None:
    """The partial image that ``event`` shows."""
    if b"partial_image" not in event.data[:200] and "partial_image" not in event.name:
        return None
    seen = _event(event)
    if seen is None or not seen.b64_json:
        return None
    image = Image(encoded=seen.b64_json, media_type=media_type_of(seen.b64_json, seen.output_format))
    return StreamEvent("partial_image", image, seen.partial_image_index or 0)


def _event(event: ServerEvent) -> _Event | None:
    try:
        return _Event.model_validate_json(event.data)
    except ValidationError:
        return None


def _is_stream(reply: Reply) -> bool:
    return reply.headers.get("content-type", "").startswith(MEDIA_TYPE)


def _streamed(reply: Reply) -> _Answered:
    """The answer that a whole stream amounts to. Raises ``ProviderError`` for the error that it tells of."""
    whole: list[_Event] = []
    for event in events_in(reply.body):
        seen = _event(event)
        name = seen.type if seen is not None and seen.type else event.name
        if name == "error":
            # Drawing had begun by then; only what moderation withheld is surely free.
            failure = failure_of(replace(reply, status=200, body=event.data))
            kind = failure.kind if failure.kind is FailureKind.CONTENT_REJECTED else FailureKind.OVERLOADED
            charge = Charge.NONE if kind is FailureKind.CONTENT_REJECTED else Charge.UNKNOWN
            raise ProviderError(replace(failure, kind=kind, charge=charge))
        if seen is not None and not name.endswith("partial_image"):
            whole.append(seen)
    last = whole[-1] if whole else _Event()
    return _Answered(
        data=tuple(whole),
        usage=last.usage,
        size=last.size,
        quality=last.quality,
        background=last.background,
        output_format=last.output_format,
    )


def _pictures(
    item: _Item, request: ImageRequest, output_format: str | None
) -> Generator[Send, Reply, tuple[Image, ...]]:
    """The one picture of an item, or none where a filter kept it."""
    if item.withheld:
        return ()
    revised = item.revised_prompt
    inline = item.b64_json or (item.url if item.url and item.url.startswith("data:") else None)
    if inline:
        _, encoded = apart(inline)
        return (Image(encoded=encoded, media_type=media_type_of(encoded, output_format), revised_prompt=revised),)
    if not item.url:
        return ()
    if request.wants_url:
        return (Image(url=item.url, revised_prompt=revised),)
    data = yield from download(item.url)
    return (Image(data=data, media_type=media_type_in(data, output_format), revised_prompt=revised),)


def _empty(reply: Reply, items: Sequence[_Item]) -> Failure:
    if filtered := sorted({name for item in items for name in item.filtered}):
        # The status says that it succeeded, and neither Microsoft nor xAI says whether it is billed then.
        message = f"the picture was filtered: {', '.join(filtered)}"
        return Failure(FailureKind.CONTENT_REJECTED, message, charge=Charge.UNKNOWN, status=reply.status)
    return Failure(FailureKind.UNUSABLE, "the answer holds no picture", charge=Charge.BILLED, status=reply.status)


def _usage(tokens: _Tokens | None) -> Usage | None:
    if tokens is None:
        return None
    return Usage(
        input_tokens=tokens.input_tokens,
        output_tokens=tokens.output_tokens,
        total_tokens=tokens.total_tokens
        if tokens.total_tokens is not None
        else tokens.input_tokens + tokens.output_tokens,
        input_tokens_details=tokens.input_tokens_details or {},
        output_tokens_details=tokens.output_tokens_details or {},
    )


def _size(text: str | None) -> Size | None:
    found = re.fullmatch(r"(\d{1,6})x(\d{1,6})", text or "")
    return Size(int(found[1]), int(found[2])) if found else None
