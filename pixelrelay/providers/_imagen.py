"""``predict`` as Imagen hears it, on Vertex AI and, while it was there, on Google AI Studio.

Pictures that were filtered are told of one by one, because each request asks for the reasons; those that were not are
returned, however few.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from pixelrelay.errors import ProviderError
from pixelrelay.images import Generation, Image, ImageRequest, InputImage, Operation, Size
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers._cutting import Base64
from pixelrelay.providers._google_failures import failure_of
from pixelrelay.providers._masks import white_where_drawn
from pixelrelay.providers._pictures import format_of
from pixelrelay.providers.base import Answer, Beside, Exchange, Send, read
from pixelrelay.providers.capabilities import Capabilities, row
from pixelrelay.providers.failures import plain, request_id
from pixelrelay.providers.mapping import Fields, Rule, Table, named, to

DILATION = 0.01
"""By how much of the picture's width a mask grows, where the caller does not say; Google's advice for masks drawn by
hand."""

_TRY_ON = "virtual-try-on"
_ASKED = "parameters"
OWN: Mapping[str, Rule[Any]] = {
    "add_watermark": to(f"{_ASKED}.addWatermark"),
    "aspect_ratio": to(f"{_ASKED}.aspectRatio"),
    "base_steps": to(f"{_ASKED}.editConfig.baseSteps"),
    "edit_mode": to(f"{_ASKED}.editMode"),
    "enhance_prompt": to(f"{_ASKED}.enhancePrompt"),
    "guidance_scale": to(f"{_ASKED}.guidanceScale"),
    "image_size": to(f"{_ASKED}.sampleImageSize"),
    "language": to(f"{_ASKED}.language"),
    "mask_dilation": lambda _: {},  # it stands beside the mask
    "negative_prompt": to(f"{_ASKED}.negativePrompt"),
    "person_generation": to(f"{_ASKED}.personGeneration"),
    "safety_setting": to(f"{_ASKED}.safetySetting"),
}
"""Where Google's own parameters stand, by the names of its Python client."""


def speaks_predict(model: str) -> bool:
    """Whether ``model`` is asked by ``predict``, and not by ``generateContent``."""
    return model.startswith(("imagen", "imagegeneration", _TRY_ON))


def row_of(rows: Mapping[str, Capabilities], model: str) -> Capabilities:
    """The row of ``model``; of an Imagen that is newer than the rows, the one of ``imagen-*``."""
    found = row(rows, model)
    return rows["imagen-*"] if found is rows["*"] and speaks_predict(model) else found


def body_of(request: ImageRequest, can: Capabilities, model: str) -> dict[str, Any]:
    """The whole body for ``model``, of which ``can`` speaks."""
    own = can.parameters_for(request.operation)
    words = Table(
        prompt=None,
        n=to(f"{_ASKED}.sampleCount"),
        size=_shape(can),
        output_format=to(f"{_ASKED}.outputOptions.mimeType", lambda name: f"image/{name}"),
        output_compression=to(f"{_ASKED}.outputOptions.compressionQuality"),
        seed=_seed("enhance_prompt" in own),
        parameters=named(OWN),
    )
    asked: dict[str, Any] = {"includeRaiReason": True}
    if request.operation is Operation.EDIT and "edit_mode" in own:
        asked["editMode"] = "EDIT_MODE_DEFAULT" if request.mask is None else "EDIT_MODE_INPAINT_INSERTION"
    instance = _try_on(request) if model.startswith(_TRY_ON) else _instance(request)
    return words.body(request, {"instances": [instance], _ASKED: asked})


def _seed(rewrites: bool) -> Rule[int]:
    """A seed is refused beside a watermark, and beside a prompt that is to be written anew."""
    fixed = {"addWatermark": False, **({"enhancePrompt": False} if rewrites else {})}
    return lambda seed: {_ASKED: {"seed": seed, **fixed}}


def _try_on(request: ImageRequest) -> Fields:
    """The first image is the person, the others are what is put on. It has no place for a prompt."""
    person, *products = ({"image": _picture(image)} for image in request.images)
    return {"personImage": person, "productImages": products}


def _instance(request: ImageRequest) -> Fields:
    references = list(_references(request))
    return {"prompt": request.prompt, **({"referenceImages": references} if references else {})}


def _references(request: ImageRequest) -> Iterator[Fields]:
    for number, image in enumerate(request.images, 1):
        yield {"referenceType": "REFERENCE_TYPE_RAW", "referenceId": number, "referenceImage": _picture(image)}
    if request.mask is not None:
        dilation = request.parameters.get("mask_dilation", DILATION)
        white = {"bytesBase64Encoded": white_where_drawn(request.mask), "mimeType": "image/png"}
        yield {
            "referenceType": "REFERENCE_TYPE_MASK",
            "referenceId": len(request.images) + 1,
            "referenceImage": white,
            "maskImageConfig": {"maskMode": "MASK_MODE_USER_PROVIDED", "dilation": dilation},
        }


def _picture(image: InputImage) -> Fields:
    return {"bytesBase64Encoded": image.base64, "mimeType": image.media_type}


def _shape(can: Capabilities) -> Rule[Size]:
    """A size as a ratio, and the size class where the model has two."""

    def rule(size: Size) -> Fields:
        ratio = {"aspectRatio": can.sizes.as_told(size)}
        if "image_size" not in can.parameters:
            return {_ASKED: ratio}
        return {_ASKED: {**ratio, "sampleImageSize": "2K" if size.pixels > 2 * 1024 * 1024 else "1K"}}

    return rule


class _Prediction(Answer):
    data: Beside[Base64] = Field(None, alias="bytesBase64Encoded")
    address: Beside[str] = Field(None, alias="gcsUri")
    mime_type: Beside[str] = Field(None, alias="mimeType")
    prompt: Beside[str] = None
    filtered: Beside[str] = Field(None, alias="raiFilteredReason")

    @property
    def picture(self) -> Image | None:
        if not self.data:
            # In a bucket, because the body named one.
            return Image(url=self.address, media_type=self.mime_type) if self.address else None
        known = format_of(self.data)
        media_type = f"image/{known}" if known else self.mime_type
        return Image(encoded=self.data, media_type=media_type, revised_prompt=self.prompt)


class _Answered(Answer):
    predictions: Beside[tuple[Beside[_Prediction], ...]] = None


def exchange(send: Send) -> Exchange:
    """Send once, and read the answer."""
    reply = yield send
    if not reply.ok:
        raise ProviderError(failure_of(reply))
    predictions = [item for item in read(reply, _Answered).predictions or () if item is not None]
    images = tuple(image for item in predictions if (image := item.picture) is not None)
    found = request_id(reply.headers)
    if images:
        return Generation(images, provider_request_id=found)
    filtered = next((item.filtered for item in predictions if item.filtered), None)
    kind = FailureKind.CONTENT_REJECTED if filtered else FailureKind.UNUSABLE
    message = plain(filtered or "the answer holds no picture, and no reason why")
    # Nothing that Google publishes says whether a picture that it filtered is billed.
    raise ProviderError(Failure(kind, message, Charge.UNKNOWN, reply.status, provider_request_id=found))
