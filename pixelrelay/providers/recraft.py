"""Recraft: pictures and vectors drawn, redrawn, cut free, traced and enlarged; every call is answered at once.

Bodies are JSON throughout, with input images as ``data:`` URLs, which every endpoint takes in place of a form. Facts
as of 2026-11-21, from Recraft's API guide and pages on errors, models and prices (autumn 2026), and its API
description (August 2026). Of errors it publishes two, in plain text; the others are told by status, then by words.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

from pydantic import SecretStr

from pixelrelay.errors import ProviderError
from pixelrelay.images import Generation, ImageRequest, Operation
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers._addresses import checked_url, host_of
from pixelrelay.providers._amounts import EXACT, Amount
from pixelrelay.providers._cutting import Base64
from pixelrelay.providers._masks import black_and_white
from pixelrelay.providers._pictures import Held, those_of
from pixelrelay.providers._recraft_failures import refusal
from pixelrelay.providers.base import (
    Answer,
    ApiKey,
    Beside,
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
from pixelrelay.providers.failures import request_id
from pixelrelay.providers.mapping import Table, data_url, to
from pixelrelay.quotas import Shape, Unit

BASE_URL = "https://external.api.recraft.ai/v1"

SERVICES = frozenset({"creativeUpscale", "crispUpscale", "eraseRegion", "removeBackground", "vectorize"})
"""Endpoints that are models of their own: they take a picture and no prompt."""

Edits: TypeAlias = Literal["imageToImage", "inpaint", "outpaint", "replaceBackground", "generateBackground"]

STRENGTH = 0.5
"""How far ``imageToImage`` goes from its picture where nothing is said; Recraft itself has no default."""

IMAGES_A_MINUTE = 100
"""Of a user, and 5 requests a second."""


class RecraftOptions(ProviderOptions):
    edits: Edits | None = None
    """What an edit is, by the name of its endpoint. Unset, it is ``inpaint`` where there is a mask, and else
    ``imageToImage``, which is the one that other models than Recraft V3 have."""
    base_url: str | None = None
    """Another server that speaks this API, as ``https://gateway.example/v1``. Its host alone is sent the key."""


class Recraft:
    name = "recraft"
    options: type[ProviderOptions] = RecraftOptions
    requires_key = True

    def target(self, model: str, api_key: SecretStr | None, options: RecraftOptions) -> Target:
        if api_key is None:
            raise ValueError("api_key: Recraft needs one")
        if model in get_args(Edits):
            raise ValueError(f"model: {model} is one of the ways to edit; take recraftv3, and say edits: {model}")
        if options.edits is not None and not _can_edit_so(model, options.edits):
            raise ValueError(f"edits: {model} has no {options.edits}; leave it out, or take a model that has")
        base_url = BASE_URL if options.base_url is None else checked_url(options.base_url, "base_url")
        return Target(base_url, model, ApiKey("authorization", api_key, "Bearer"), (host_of(base_url),), options)

    def capabilities(self, model: str, options: RecraftOptions) -> Capabilities:
        """Of the model; an edit chosen by the options has a row of its own for what it takes."""
        rows = table("recraft")
        known = row(rows, model.removesuffix("_raster"))
        if options.edits is None or Operation.EDIT not in known.operations or model in SERVICES:
            return known
        edit = rows[options.edits]
        parameters = {**known.parameters_for(Operation.EDIT), **edit.parameters}
        if options.edits != "imageToImage":
            parameters.pop("strength", None)
        return known.model_copy(
            update={
                "mask": edit.mask,
                "mask_required": edit.mask_required,
                "edit_parameters": parameters,
                "edit_sizes": known.sizes if options.edits == "outpaint" else edit.sizes,
            }
        )

    def terms(self, model: str, options: RecraftOptions) -> Terms:  # noqa: ARG002 - the limits are the user's
        """Spread evenly, 100 a minute are also fewer than the 5 a second that Recraft allows."""
        return Terms(shape=Shape.PACED, limits={Unit.IMAGES: IMAGES_A_MINUTE})

    def generate(self, request: ImageRequest, target: Target) -> Exchange:
        return self._exchange(request, target, "generations")

    def edit(self, request: ImageRequest, target: Target) -> Exchange:
        return self._exchange(request, target, _endpoint(request, target))

    def ask(self, target: Target) -> Question:
        """How many API units are left; it proves key and host, and says nothing of the model."""
        reply = yield Send(Purpose.ASK, "GET", f"{target.base_url}/users/me")
        if not reply.ok:
            raise ProviderError(refusal(reply))
        units = read(reply, _User).credits
        return f"{units:g} API units, which are ${units / 1000:.2f}"

    def _exchange(self, request: ImageRequest, target: Target, endpoint: str) -> Exchange:
        options = target.options
        assert isinstance(options, RecraftOptions)
        can = self.capabilities(target.model, options)
        body = _body(request, target.model, can, endpoint)
        reply = yield Send(Purpose.SUBMIT, "POST", f"{target.base_url}/images/{endpoint}", json=body)
        return (yield from _generation(reply, request, can))


def _endpoint(request: ImageRequest, target: Target) -> str:
    options = target.options
    assert isinstance(options, RecraftOptions)
    if target.model in SERVICES:
        return target.model
    return options.edits or ("inpaint" if request.mask is not None else "imageToImage")


def _can_edit_so(model: str, edits: Edits) -> bool:
    known = row(table("recraft"), model.removesuffix("_raster"))
    if model in SERVICES or Operation.EDIT not in known.operations:
        return False
    # The models that take a mask are those that have the other endpoints too.
    return known.mask or edits == "imageToImage"


# --- what is asked -----------------------------------------------------------------------------------------------


def _body(request: ImageRequest, model: str, can: Capabilities, endpoint: str) -> dict[str, Any]:
    draws = endpoint not in SERVICES
    words = Table(
        prompt=to("prompt") if draws else None,
        n=to("n") if draws else None,
        size=to("size", str),
        # Vectors have no other format; the field for it knows those of pixels alone.
        output_format=None if can.formats == {"svg"} else to("image_format"),
        response_format=to("response_format"),
        style=to("style"),
        seed=to("random_seed"),
        images=to("image_url", lambda images: data_url(images[0])),
        mask=to("mask_url", lambda mask: data_url(black_and_white(mask))),
    )
    first: dict[str, Any] = {"model": model} if draws else {}
    if endpoint == "imageToImage":
        first["strength"] = STRENGTH
    if endpoint == "inpaint" and "strength" in request.parameters:
        why = "not sent: strength goes with a whole picture; what a mask marks is drawn anew without it"
        raise ProviderError(Failure(FailureKind.INVALID, why))
    return words.body(request, first)


# --- what comes back ---------------------------------------------------------------------------------------------


class _Item(Answer):
    b64_json: Base64 | None = None
    url: str | None = None
    revised_prompt: Beside[str] = None


class _Answered(Answer):
    """``data`` of the endpoints that draw, ``image`` of the services."""

    data: Beside[tuple[Beside[_Item], ...]] = None
    image: Beside[_Item] = None
    credits: Beside[Amount] = None
    """API units that the call was charged, a thousand to the dollar."""

    def held(self, media_type: str | None) -> list[Held]:
        items = (*(self.data or ()), self.image)
        return [Held(item.b64_json, item.url, media_type, item.revised_prompt) for item in items if item is not None]


class _User(Answer):
    credits: float


def _generation(reply: Reply, request: ImageRequest, can: Capabilities) -> Exchange:
    if not reply.ok:
        raise ProviderError(refusal(reply))
    answer = read(reply, _Answered, exact=True)
    held = answer.held("image/svg+xml" if can.formats == {"svg"} else None)
    images = yield from those_of(held, wants_url=request.wants_url)
    if not images:
        charge = Charge.BILLED if answer.credits is None or answer.credits else Charge.NONE
        raise ProviderError(
            Failure(
                FailureKind.UNUSABLE,
                "the answer holds no picture",
                charge=charge,
                status=reply.status,
                provider_request_id=request_id(reply.headers),
            )
        )
    return Generation(
        images=images,
        cost=answer.credits.scaleb(-3, EXACT) if answer.credits is not None else None,
        provider_request_id=request_id(reply.headers),
    )
