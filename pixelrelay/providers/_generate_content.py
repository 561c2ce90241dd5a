"""``generateContent`` as Google AI Studio and Vertex AI speak it: bodies with pictures in them, and the answers.

An answer may hold drafts and words beside the picture. What was refused comes with a status of 200, and is told by a
``blockReason`` of the prompt or by the ``finishReason`` of the picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import Any, ClassVar

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from pixelrelay.errors import ProviderError
from pixelrelay.images import Generation, Image, ImageRequest, InputImage, Size
from pixelrelay.outcomes import Charge, Failure, FailureKind, Usage
from pixelrelay.providers._cutting import Base64
from pixelrelay.providers._google_failures import failure_of, speaks_of_policy
from pixelrelay.providers._pictures import format_of
from pixelrelay.providers.base import Answer, Beside, Exchange, Reply, Send, read
from pixelrelay.providers.capabilities import Capabilities
from pixelrelay.providers.failures import plain, request_id
from pixelrelay.providers.mapping import Fields, Rule, Table, named, to

# --- what is asked -----------------------------------------------------------------------------------------------

_CONFIG = "generationConfig"
_IMAGE = f"{_CONFIG}.imageConfig"
_OUTPUT = f"{_IMAGE}.imageOutputOptions"

OWN: Mapping[str, Rule[Any]] = {
    "aspect_ratio": to(f"{_IMAGE}.aspectRatio"),
    "image_size": to(f"{_IMAGE}.imageSize"),
    "person_generation": to(f"{_IMAGE}.personGeneration"),
    "prominent_people": to(f"{_IMAGE}.prominentPeople"),
    "temperature": to(f"{_CONFIG}.temperature"),
    "top_p": to(f"{_CONFIG}.topP"),
    "thinking_level": to(f"{_CONFIG}.thinkingConfig.thinkingLevel"),
    "system_instruction": to("systemInstruction", lambda text: {"parts": [{"text": text}]}),
    "safety_settings": to("safetySettings"),
    "tools": to("tools"),
    "service_tier": to("serviceTier"),
    "labels": to("labels"),
}
"""Where Google's own parameters stand. Their names are those of its Python client, in which no two are alike."""

_EDGES = {"512": 512, "1K": 1024, "2K": 2048, "4K": 4096}
"""Of a square of each size; other shapes have about as many pixels."""


def body_of(request: ImageRequest, can: Capabilities) -> dict[str, Any]:
    """The whole body, for the model that ``can`` speaks of. Its input images stand before the words about them."""
    parts = [*map(_picture, request.images), {"text": request.prompt}]
    words = Table(
        prompt=None,
        size=_shape(can),
        output_format=to(f"{_OUTPUT}.mimeType", lambda name: f"image/{name}"),
        output_compression=to(f"{_OUTPUT}.compressionQuality"),
        seed=to(f"{_CONFIG}.seed"),
        parameters=named(OWN),
    )
    # Both, as Google's examples have it: without IMAGE a model may answer in words alone.
    modalities = {"responseModalities": ["TEXT", "IMAGE"]}
    return words.body(request, {"contents": [{"role": "user", "parts": parts}], _CONFIG: modalities})


def _picture(image: InputImage) -> Fields:
    return {"inlineData": {"mimeType": image.media_type, "data": image.base64}}


def _shape(can: Capabilities) -> Rule[Size]:
    """A size as a ratio, and the size class where the model has several."""
    known = can.parameters.get("image_size")
    classes = [str(choice) for choice in known.choices] if known is not None else []

    def rule(size: Size) -> Fields:
        ratio = to(f"{_IMAGE}.aspectRatio")(can.sizes.as_told(size))
        if not classes:
            return ratio
        nearest = min(classes, key=lambda name: abs(log(_EDGES[name] ** 2 / size.pixels)))
        return {_CONFIG: {"imageConfig": {**ratio[_CONFIG]["imageConfig"], "imageSize": nearest}}}

    return rule


# --- what comes back ---------------------------------------------------------------------------------------------


class _Google(Answer):
    model_config: ClassVar[ConfigDict] = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class _Blob(_Google):
    mime_type: Beside[str] = None
    data: Base64


class _Part(_Google):
    thought: Beside[bool] = None
    inline_data: Beside[_Blob] = None


class _Content(_Google):
    parts: Beside[tuple[Beside[_Part], ...]] = None


class _Candidate(_Google):
    content: Beside[_Content] = None
    finish_reason: Beside[str] = None
    finish_message: Beside[str] = None

    @property
    def picture(self) -> Image | None:
        """The last that is no thought: those before it are drafts of it."""
        parts = self.content.parts if self.content is not None else None
        drawn = [part.inline_data for part in parts or () if part and part.inline_data and not part.thought]
        if not drawn:
            return None
        known = format_of(drawn[-1].data)
        return Image(encoded=drawn[-1].data, media_type=f"image/{known}" if known else drawn[-1].mime_type)


class _Feedback(_Google):
    block_reason: Beside[str] = None
    block_reason_message: Beside[str] = None


class _Count(_Google):
    modality: str
    token_count: int = 0


class _Tokens(_Google):
    prompt_token_count: int = 0
    tool_use_prompt_token_count: int = 0
    candidates_token_count: int = 0
    thoughts_token_count: int = 0
    total_token_count: Beside[int] = None
    prompt_tokens_details: Beside[tuple[_Count, ...]] = None
    candidates_tokens_details: Beside[tuple[_Count, ...]] = None

    @property
    def drawn(self) -> int:
        """Tokens of pictures that were made, as far as they are told."""
        return _of_images(self.candidates_tokens_details)

    @property
    def usage(self) -> Usage:
        """Thoughts count as text that was put out, which is how they are billed."""
        given = self.prompt_token_count + self.tool_use_prompt_token_count
        made = self.candidates_token_count + self.thoughts_token_count
        return Usage(
            input_tokens=given,
            output_tokens=made,
            total_tokens=self.total_token_count if self.total_token_count is not None else given + made,
            input_tokens_details=_split(given, self.prompt_tokens_details),
            output_tokens_details=_split(made, self.candidates_tokens_details),
        )


class _Answered(_Google):
    candidates: Beside[tuple[Beside[_Candidate], ...]] = None
    prompt_feedback: Beside[_Feedback] = None
    usage_metadata: Beside[_Tokens] = None
    response_id: Beside[str] = None

    @property
    def known(self) -> tuple[_Candidate, ...]:
        return tuple(candidate for candidate in self.candidates or () if candidate is not None)


def exchange(send: Send) -> Exchange:
    """Send once, and read the answer."""
    reply = yield send
    if not reply.ok:
        raise ProviderError(failure_of(reply))
    answer = read(reply, _Answered)
    found = answer.response_id or request_id(reply.headers)
    images = tuple(image for candidate in answer.known if (image := candidate.picture) is not None)
    if not images:
        raise ProviderError(_without_picture(answer, reply, found))
    media_type = images[0].media_type or ""
    return Generation(
        images,
        usage=answer.usage_metadata.usage if answer.usage_metadata is not None else None,
        output_format=media_type.removeprefix("image/") or None,
        provider_request_id=found,
    )


REJECTED = frozenset(
    {
        "SAFETY",
        "IMAGE_SAFETY",
        "PROHIBITED_CONTENT",
        "IMAGE_PROHIBITED_CONTENT",
        "BLOCKLIST",
        "SPII",
        "RECITATION",
        "IMAGE_RECITATION",
        "JAILBREAK",
        "MODEL_ARMOR",
    }
)
"""Reasons to end that are moderation. Of ``OTHER``, ``IMAGE_OTHER`` and ``NO_IMAGE`` nothing says so."""


def _without_picture(answer: _Answered, reply: Reply, found: str | None) -> Failure:
    feedback = answer.prompt_feedback
    ended = next((candidate for candidate in answer.known if candidate.finish_reason), _Candidate())
    reason = ended.finish_reason
    kind, charge = FailureKind.UNUSABLE, _charge(answer)
    if feedback is not None and feedback.block_reason:
        # Nothing was begun. At most the tokens of the prompt are billed, thousandths of a cent.
        kind, charge, reason = FailureKind.CONTENT_REJECTED, Charge.NONE, feedback.block_reason
        message = ": ".join(filter(None, (f"the prompt was blocked ({reason})", feedback.block_reason_message)))
    elif reason in REJECTED or speaks_of_policy(ended.finish_message or ""):
        kind = FailureKind.CONTENT_REJECTED
        message = ": ".join(filter(None, (f"the picture was blocked ({reason})", ended.finish_message)))
    elif reason == "STOP":
        message = "the model answered without a picture"  # its words may repeat the prompt, and are not shown
    else:
        message = ": ".join(
            filter(None, (f"no picture was drawn ({reason or 'no reason told'})", ended.finish_message))
        )
    return Failure(kind, plain(message), charge, reply.status, code=reason, provider_request_id=found)


def _charge(answer: _Answered) -> Charge:
    """Billed if a picture was counted; else something may be, for words and thoughts."""
    return Charge.BILLED if answer.usage_metadata is not None and answer.usage_metadata.drawn else Charge.UNKNOWN


def _of_images(counts: tuple[_Count, ...] | None) -> int:
    return sum(count.token_count for count in counts or () if count.modality == "IMAGE")


def _split(tokens: int, counts: tuple[_Count, ...] | None) -> dict[str, int]:
    """By OpenAI's names; all that is no image costs what text does. Empty where nothing is told."""
    if counts is None:
        return {}
    images = _of_images(counts)
    return {"text_tokens": max(0, tokens - images), "image_tokens": images}
