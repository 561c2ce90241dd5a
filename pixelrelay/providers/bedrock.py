"""Stability AI's models and image services on Amazon Bedrock: one signed request, the picture in the answer.

Facts as of 2026-11-21, from AWS's service model and user guide, and calls that others have made and published. Amazon's
own image models have been switched off. Not published, and so read leniently: how many pictures an answer may hold,
the status of an answer that was too large, and whether a filtered picture is charged.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from pydantic import Field, SecretStr

from pixelrelay._inline import Inline
from pixelrelay.errors import ProviderError
from pixelrelay.images import Generation, Image, ImageRequest
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers._addresses import checked_url, host_of
from pixelrelay.providers._cutting import Base64
from pixelrelay.providers._masks import white_where_drawn
from pixelrelay.providers._pictures import format_of
from pixelrelay.providers._stability_services import STRENGTH, WITHOUT_PROMPT, Service
from pixelrelay.providers.base import (
    Answer,
    ApiKey,
    Beside,
    Credential,
    Exchange,
    ProviderOptions,
    Purpose,
    Question,
    Reply,
    Send,
    Target,
    Terms,
    read,
)
from pixelrelay.providers.capabilities import Capabilities, row, table
from pixelrelay.providers.failures import failure_from, request_id

REGION = "us-west-2"
"""The one region that has all of the models."""

_DRAWING = {
    "stability.sd3-5-large-v1:0": Service(redrawing={"mode": "image-to-image"}),
    "stability.sd3-large-v1:0": Service(redrawing={"mode": "image-to-image"}),
    "stability.stable-image-core-v1:0": Service(),
    "stability.stable-image-core-v1:1": Service(),
    "stability.stable-image-ultra-v1:0": Service(),
    "stability.stable-image-ultra-v1:1": Service(),
}
_EDITING = {
    "stability.stable-conservative-upscale-v1:0": Service(),
    # As PNG, which it draws by itself, its pictures are larger than Bedrock lets through.
    "stability.stable-creative-upscale-v1:0": Service(first={"output_format": "jpeg"}),
    "stability.stable-fast-upscale-v1:0": Service(words=WITHOUT_PROMPT),
    "stability.stable-image-control-sketch-v1:0": Service(),
    "stability.stable-image-control-structure-v1:0": Service(),
    "stability.stable-image-erase-object-v1:0": Service(words=WITHOUT_PROMPT),
    "stability.stable-image-inpaint-v1:0": Service(),
    "stability.stable-image-remove-background-v1:0": Service(words=WITHOUT_PROMPT),
    "stability.stable-image-search-recolor-v1:0": Service(),
    "stability.stable-image-search-replace-v1:0": Service(),
    "stability.stable-image-style-guide-v1:0": Service(),
    "stability.stable-outpaint-v1:0": Service(),
    "stability.stable-style-transfer-v1:0": Service(pictures=("init_image", "style_image")),
}
"""Served by inference profiles alone, whose ids begin with where they lead: ``us.stability.…``."""

SERVICES = {**_DRAWING, **_EDITING}

CODES = {
    "AccessDeniedException": FailureKind.UNAUTHORISED,
    "ExpiredTokenException": FailureKind.UNAUTHORISED,
    "IncompleteSignatureException": FailureKind.UNAUTHORISED,
    "InternalServerException": FailureKind.OVERLOADED,
    "InvalidSignatureException": FailureKind.UNAUTHORISED,
    "MissingAuthenticationTokenException": FailureKind.UNAUTHORISED,
    "ModelErrorException": FailureKind.OVERLOADED,
    "ModelNotReadyException": FailureKind.OVERLOADED,
    "ModelTimeoutException": FailureKind.TIMEOUT,
    "ResourceNotFoundException": FailureKind.NOT_FOUND,
    "ServiceQuotaExceededException": FailureKind.RATE_LIMITED,
    "ServiceUnavailableException": FailureKind.OVERLOADED,
    "ThrottlingException": FailureKind.RATE_LIMITED,
    "UnrecognizedClientException": FailureKind.UNAUTHORISED,
    "ValidationException": FailureKind.INVALID,
}

_REJECTED = re.compile(r"content filter|filtered words|blocked by|content policy", re.IGNORECASE)
_NO_SUCH_MODEL = re.compile(r"model identifier is invalid|on-demand throughput|at 'modelId' failed", re.IGNORECASE)
_TOO_LARGE = b"Response payload size"

_PROFILE = re.compile(r"[a-z][a-z-]*\.(?=(?:stability|amazon)\.)")
_ARN_REGION = re.compile(r"arn:aws[a-z-]*:bedrock:([a-z0-9-]+):")


class BedrockOptions(ProviderOptions):
    aws_region: str | None = Field(default=None, pattern=r"^[a-z]{2,3}(-[a-z]+)+-\d+$")
    """The region to ask. Without it that of the model's ARN, or else `us-west-2`, which has all of the models."""
    aws_access_key_id: SecretStr | None = None
    """With `aws_secret_access_key`, fixed keys to sign with. Without keys, profile and `api_key`, they are looked for
    wherever AWS's own tools look."""
    aws_secret_access_key: SecretStr | None = None
    """The other half of `aws_access_key_id`."""
    aws_session_token: SecretStr | None = None
    """Where the keys are temporary ones."""
    profile: str | None = None
    """The profile of AWS's shared files whose keys to sign with."""
    base_model: str | None = None
    """What an inference profile or provisioned throughput serves, where `model` is an ARN that does not tell."""
    base_url: str | None = None
    """Another host: a VPC endpoint, FIPS, a gateway, an emulator. It alone is sent signature or key."""
    strength: float = Field(default=STRENGTH, ge=0, le=1)
    """How far Stable Diffusion departs from an input image (0 not at all, 1 wholly) where a call does not say."""


class Bedrock:
    name = "bedrock"
    options: type[ProviderOptions] = BedrockOptions
    requires_key = False

    def target(self, model: str, api_key: SecretStr | None, options: BedrockOptions) -> Target:
        found = _ARN_REGION.match(model)
        region = options.aws_region or (found[1] if found else REGION)
        base = f"https://bedrock-runtime.{region}.amazonaws.com"
        if options.base_url is not None:
            base = checked_url(options.base_url, "base_url")
        elif model in _EDITING:
            raise ValueError(f"model: only an inference profile serves {model}: write us.{model}")
        return Target(base, model, _credential(api_key, options, region), (host_of(base),), options)

    def capabilities(self, model: str, options: BedrockOptions) -> Capabilities:
        return row(table("bedrock"), id_of(options.base_model or model))

    def terms(self, model: str, options: Any) -> Terms:  # noqa: ARG002 - the same for every model
        """Limits are set for each account, region and model, so that none is assumed."""
        return Terms()

    def generate(self, request: ImageRequest, target: Target) -> Exchange:
        return _exchange(request, target)

    def edit(self, request: ImageRequest, target: Target) -> Exchange:
        return _exchange(request, target)

    def ask(self, target: Target) -> Question:
        """Asks the model for nothing, which it refuses for free once credentials, region and access are good."""
        reply = yield _invocation(Purpose.ASK, target, {})
        failure = None if reply.ok else failure_of(reply)
        if failure is not None and failure.kind is not FailureKind.INVALID:
            raise ProviderError(failure)
        return f"{target.model} takes requests"


def id_of(model: str) -> str:
    """The base model's own id: from an ARN its last part, and without where an inference profile leads."""
    return _PROFILE.sub("", model.rpartition("/")[2], count=1)


def _credential(api_key: SecretStr | None, options: BedrockOptions, region: str) -> Credential:
    key, secret = options.aws_access_key_id, options.aws_secret_access_key
    if (key is None) != (secret is None):
        missing = "aws_secret_access_key" if secret is None else "aws_access_key_id"
        raise ValueError(f"{missing}: is missing beside the other of the two")
    if options.aws_session_token is not None and key is None:
        raise ValueError("aws_session_token: means nothing without aws_access_key_id and aws_secret_access_key")
    ways = {"api_key": api_key, "aws_access_key_id": key, "profile": options.profile}
    if len(given := [name for name, value in ways.items() if value is not None]) > 1:
        raise ValueError(f"{given[-1]}: only one of {', '.join(given)} can say who is asking")
    if api_key is not None:
        return ApiKey("authorization", api_key, "Bearer")
    try:
        from pixelrelay.providers._sigv4 import Sigv4, fixed_keys  # slow to import, and only those who sign need it
    except ImportError:
        raise ValueError("api_key: to sign without one needs botocore; install pixelrelay[bedrock]") from None
    keys = fixed_keys(key, secret, options.aws_session_token) if key is not None and secret is not None else None
    return Sigv4("bedrock", region, keys, options.profile)


# --- what is asked -----------------------------------------------------------------------------------------------


def _invocation(purpose: Purpose, target: Target, body: dict[str, Any]) -> Send:
    url = f"{target.base_url}/model/{quote(target.model, safe='')}/invoke"
    return Send(purpose, "POST", url, {"accept": "application/json"}, json=body)


def submission(request: ImageRequest, target: Target) -> Send:
    options = target.options
    assert isinstance(options, BedrockOptions)
    service = SERVICES.get(id_of(options.base_model or target.model), Service())
    inputs = {name: image.base64 for name, image in zip(service.pictures, request.images, strict=False)}
    if request.mask is not None:
        inputs["mask"] = white_where_drawn(request.mask)
    return _invocation(Purpose.SUBMIT, target, service.body(request, options.strength, inputs))


# --- what comes back ---------------------------------------------------------------------------------------------


class _Answered(Answer):
    images: Beside[tuple[Beside[Base64], ...]] = None
    seeds: Beside[tuple[Beside[int], ...]] = None
    finish_reasons: Beside[tuple[Beside[str], ...]] = None
    """Why each picture was kept; ``None`` for one that was not."""


def _exchange(request: ImageRequest, target: Target) -> Exchange:
    reply = yield submission(request, target)
    if not reply.ok or _was_too_large(reply):
        raise ProviderError(failure_of(reply))
    answer, call = read(reply, _Answered), request_id(reply.headers)
    reasons, seeds = answer.finish_reasons or (), answer.seeds or ()
    images = tuple(
        _image(picture, seeds[index] if index < len(seeds) else None)
        for index, picture in enumerate(answer.images or ())
        if picture and not _was_filtered(reasons[index] if index < len(reasons) else None)
    )
    if not images:
        raise ProviderError(replace(_kept(reply, [reason for reason in reasons if reason]), provider_request_id=call))
    return Generation(images, provider_request_id=call)


def _image(picture: str | Inline, seed: int | None) -> Image:
    kind = format_of(picture)
    return Image(encoded=picture, media_type=f"image/{kind}" if kind else None, seed=seed)


def _was_filtered(reason: str | None) -> bool:
    return reason is not None and reason.startswith("Filter reason")


def _kept(reply: Reply, reasons: list[str]) -> Failure:
    """Why there is no picture. What was filtered before it was drawn is taken to be free; nobody says so."""
    said = ", ".join(reasons)
    filtered = [reason for reason in reasons if _was_filtered(reason)]
    if filtered:
        charge = Charge.UNKNOWN if any("output" in reason for reason in filtered) else Charge.NONE
        return Failure(FailureKind.CONTENT_REJECTED, said, charge=charge, status=reply.status)
    if reasons:
        return Failure(FailureKind.OVERLOADED, said, charge=Charge.UNKNOWN, status=reply.status)
    message = "the answer holds no picture"
    return Failure(FailureKind.UNUSABLE, message, charge=Charge.BILLED, status=reply.status)


def _was_too_large(reply: Reply) -> bool:
    """Whether it was drawn, and could not be let through. Of what status such an answer is nobody says."""
    return _TOO_LARGE in reply.body[:200]


def failure_of(reply: Reply) -> Failure:
    """What an error answer means, by the exception that a header names; one of them covers much, told apart by text."""
    code = reply.headers.get("x-amzn-errortype", "").partition(":")[0] or None
    failure = failure_from(reply, {})
    failure = replace(failure, code=code, kind=CODES.get(code or "", failure.kind))
    if _was_too_large(reply):
        return replace(failure, kind=FailureKind.UNUSABLE, charge=Charge.UNKNOWN)
    if failure.kind is FailureKind.INVALID and _REJECTED.search(failure.message):
        return replace(failure, kind=FailureKind.CONTENT_REJECTED)
    if failure.kind is FailureKind.INVALID and _NO_SUCH_MODEL.search(failure.message):
        return replace(failure, kind=FailureKind.NOT_FOUND)
    return failure
