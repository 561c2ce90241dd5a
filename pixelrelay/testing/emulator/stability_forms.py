"""What the services of Stability AI take: their forms, as its API reference of July 2026 has them, and their prices.

Not emulated: video, 3D, audio, and the older versions of the API.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, TypeVar

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from pixelrelay.testing.emulator.base import Order
from pixelrelay.testing.emulator.flux_bodies import scaled
from pixelrelay.testing.emulator.masks import drawn_anew, widened
from pixelrelay.testing.emulator.pictures import Encoding, Size

MEGAPIXEL = 1024 * 1024
LARGEST_INPUT = 9 * MEGAPIXEL

Model: TypeAlias = Literal[
    "sd3.5-large", "sd3.5-large-turbo", "sd3.5-medium", "sd3.5-flash", "sd3-large", "sd3-large-turbo", "sd3-medium"
]
"""Those of 3 are drawn by their successors of 3.5."""
Ratio: TypeAlias = Literal["1:1", "16:9", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21"]
Text: TypeAlias = Annotated[str, Field(max_length=10_000)]
Prompt: TypeAlias = Annotated[str, Field(min_length=1, max_length=10_000)]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Margin: TypeAlias = Annotated[int, Field(ge=0, le=2000)]
Grown: TypeAlias = Annotated[int, Field(ge=0, le=20)]
Style: TypeAlias = Literal[
    "enhance", "anime", "photographic", "digital-art", "comic-book", "fantasy-art", "line-art", "analog-film",
    "neon-punk", "isometric", "low-poly", "origami", "modeling-compound", "cinematic", "3d-model", "pixel-art",
    "tile-texture",
]  # fmt: skip

DRAWN: Mapping[str, Size] = {
    "1:1": (1024, 1024),
    "16:9": (1344, 768),
    "21:9": (1536, 640),
    "2:3": (832, 1216),
    "3:2": (1216, 832),
    "4:5": (896, 1088),
    "5:4": (1088, 896),
    "9:16": (768, 1344),
    "9:21": (640, 1536),
}
"""The sizes of a megapixel; Core draws half as much again on each edge."""


class Form(BaseModel):
    """All that is text in one service's form."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    output_format: Literal["png", "jpeg", "webp"] = "png"

    @property
    def words(self) -> str:
        """What is moderated, and written on the picture."""
        return str(getattr(self, "prompt", None) or getattr(self, "background_prompt", None) or "")


class Seeded(Form):
    seed: Annotated[int, Field(ge=0, le=4_294_967_294)] = 0


class Worded(Seeded):
    prompt: Prompt
    negative_prompt: Text = ""


class Styled(Worded):
    style_preset: Style | None = None


class Drawing(Styled):
    aspect_ratio: Ratio = "1:1"


class Ultra(Drawing):
    strength: Share | None = None


class StableDiffusion(Styled):
    output_format: Literal["png", "jpeg"] = "png"
    model: Model = "sd3.5-large"
    mode: Literal["text-to-image", "image-to-image"] = "text-to-image"
    aspect_ratio: Ratio | None = None
    strength: Share | None = None
    cfg_scale: Annotated[float, Field(ge=1, le=10)] | None = None


class Erase(Seeded):
    grow_mask: Grown = 5


class Inpaint(Styled):
    grow_mask: Annotated[int, Field(ge=0, le=100)] = 5


class Outpaint(Seeded):
    left: Margin = 0
    right: Margin = 0
    up: Margin = 0
    down: Margin = 0
    prompt: Text = ""
    creativity: Share = 0.5
    style_preset: Style | None = None


class SearchAndReplace(Styled):
    search_prompt: Prompt
    grow_mask: Grown = 3


class SearchAndRecolor(Styled):
    select_prompt: Prompt
    grow_mask: Grown = 3


class RemoveBackground(Form):
    output_format: Literal["png", "webp"] = "png"


class Relight(Seeded):
    background_prompt: Text = ""
    foreground_prompt: Text = ""
    negative_prompt: Text = ""
    preserve_original_subject: Share = 0.6
    original_background_depth: Share = 0.5
    keep_original_background: Literal["true", "false"] = "false"
    light_source_direction: Literal["above", "below", "left", "right"] | None = None
    light_source_strength: Share = 0.3


class Controlled(Styled):
    control_strength: Share = 0.7


class StyleGuide(Drawing):
    fidelity: Share = 0.5


class StyleTransfer(Seeded):
    prompt: Text = ""
    negative_prompt: Text = ""
    style_strength: Share = 1.0
    composition_fidelity: Share = 0.9
    change_strength: Annotated[float, Field(ge=0.1, le=1)] = 0.9


class Conservative(Worded):
    creativity: Annotated[float, Field(ge=0.2, le=0.5)] = 0.35


class Creative(Styled):
    creativity: Annotated[float, Field(ge=0.1, le=0.5)] = 0.3


FormT = TypeVar("FormT", bound=Form)
Files: TypeAlias = Mapping[str, Image.Image]
Orders: TypeAlias = Callable[[Any, Files], Order]


class UnfitError(Exception):
    """What is wrong with a form that its fields alone do not show: ``strength: is required …``."""


# --- from a form to what is drawn --------------------------------------------------------------------------------


def _order(form: Form, size: Size, **given: Any) -> Order:
    return Order(form.words, size, encoding=Encoding(form.output_format, 90), **given)


def _from_words(form: Drawing, files: Files) -> Order:  # noqa: ARG001 - there are none
    return _order(form, DRAWN[form.aspect_ratio])


def _larger(form: Drawing, files: Files) -> Order:  # noqa: ARG001 - there are none
    width, height = DRAWN[form.aspect_ratio]
    return _order(form, (width * 3 // 2, height * 3 // 2))


def _from_either(form: Ultra, files: Files) -> Order:
    if "image" not in files:
        return _from_words(form, files)
    if form.strength is None:
        raise UnfitError("strength: is required when image is provided")
    return _order(form, files["image"].size, images=(files["image"],))


def _diffused(form: StableDiffusion, files: Files) -> Order:
    if form.mode == "text-to-image":
        if files or form.strength is not None:
            raise UnfitError("mode: must be image-to-image when image or strength is provided")
        return _order(form, DRAWN[form.aspect_ratio or "1:1"])
    if "image" not in files or form.strength is None:
        raise UnfitError("image: image and strength are required for image-to-image")
    if form.aspect_ratio is not None:
        raise UnfitError("aspect_ratio: is only allowed for text-to-image")
    return _order(form, files["image"].size, images=(files["image"],))


def _changed(form: Form, files: Files) -> Order:
    """Drawn over, all of it or where a mask is white, or the picture itself transparent."""
    picture = next(iter(files.values()))
    return _order(form, picture.size, images=(picture,), mask=drawn_anew(picture, files.get("mask")))


def _widened(form: Outpaint, files: Files) -> Order:
    if not (form.left or form.right or form.up or form.down):
        raise UnfitError("left: at least one of left, right, up and down must be greater than 0")
    picture = files["image"]
    size = (picture.width + form.left + form.right, picture.height + form.up + form.down)
    canvas, mask = widened(picture, form.left, form.up, size)
    return _order(form, size, images=(canvas,), mask=mask)


def _cut_out(form: Form, files: Files) -> Order:
    return _order(form, files["image"].size, transparent=True)


def _relit(form: Relight, files: Files) -> Order:
    if not form.background_prompt and "background_reference" not in files:
        raise UnfitError("background_prompt: background_prompt or background_reference is required")
    return _order(form, files["subject_image"].size, images=(files["subject_image"],))


def _four_times(form: Form, files: Files) -> Order:
    picture = files["image"]
    if max(picture.size) > 1536:
        raise UnfitError("image: unsupported dimensions - each side must be at most 1,536 pixels")
    return _order(form, (picture.width * 4, picture.height * 4), images=(picture,))


def _four_megapixels(form: Form, files: Files) -> Order:
    return _order(form, scaled(files["image"].size, 4 * MEGAPIXEL, 1), images=(files["image"],))


# --- the services ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Service:
    """One path: its form, the files that it must and may hold, and what a call costs."""

    form: type[Form]
    order: Orders
    credits: Decimal
    required: tuple[str, ...] = ("image",)
    optional: tuple[str, ...] = ()
    largest: int = LARGEST_INPUT
    """Pixels of an input image."""
    least_edge: int = 64
    job: bool = False
    by_model: Mapping[str, Decimal] = field(default_factory=dict)

    def dollars(self, form: Form) -> Decimal:
        return self.by_model.get(getattr(form, "model", ""), self.credits) / 100


_BY_MODEL = {
    "sd3.5-large-turbo": Decimal(4),
    "sd3-large-turbo": Decimal(4),
    "sd3.5-medium": Decimal("3.5"),
    "sd3-medium": Decimal("3.5"),
    "sd3.5-flash": Decimal("2.5"),
}
_LIGHTS = ("background_reference", "light_reference")
SERVICES: Mapping[str, Service] = {
    "generate/ultra": Service(Ultra, _from_either, Decimal(8), (), ("image",)),
    "generate/core": Service(Drawing, _larger, Decimal(3), ()),
    "generate/sd3": Service(StableDiffusion, _diffused, Decimal("6.5"), (), ("image",), by_model=_BY_MODEL),
    "edit/erase": Service(Erase, _changed, Decimal(5), optional=("mask",)),
    "edit/inpaint": Service(Inpaint, _changed, Decimal(5), optional=("mask",)),
    "edit/outpaint": Service(Outpaint, _widened, Decimal(4)),
    "edit/search-and-replace": Service(SearchAndReplace, _changed, Decimal(5)),
    "edit/search-and-recolor": Service(SearchAndRecolor, _changed, Decimal(5)),
    "edit/remove-background": Service(RemoveBackground, _cut_out, Decimal(5), largest=4 * MEGAPIXEL),
    "edit/replace-background-and-relight": Service(Relight, _relit, Decimal(8), ("subject_image",), _LIGHTS, job=True),
    "control/sketch": Service(Controlled, _changed, Decimal(5)),
    "control/structure": Service(Controlled, _changed, Decimal(5)),
    "control/style": Service(StyleGuide, _from_words, Decimal(5)),
    "control/style-transfer": Service(StyleTransfer, _changed, Decimal(8), ("init_image", "style_image")),
    "upscale/fast": Service(Form, _four_times, Decimal(2), largest=MEGAPIXEL, least_edge=32),
    "upscale/conservative": Service(Conservative, _four_megapixels, Decimal(40)),
    "upscale/creative": Service(Creative, _four_megapixels, Decimal(60), largest=MEGAPIXEL, job=True),
}
