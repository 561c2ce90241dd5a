"""The endpoints of fal that are emulated; and what those take and cost that neither are FLUX nor draw in styles.

As published in November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, TypeAlias

from PIL import Image
from pydantic import Field

from pixelrelay.testing.emulator import fal_flux_bodies as flux
from pixelrelay.testing.emulator import fal_styled_bodies as styled
from pixelrelay.testing.emulator.base import Order
from pixelrelay.testing.emulator.fal_bodies import (
    NAMED_SIZES,
    Acceleration,
    Body,
    Count,
    Drawing,
    ImageSize,
    Named,
    Several,
    Share,
    Sized,
    Strict,
    Tolerance,
    parsed,
)
from pixelrelay.testing.emulator.flux_bodies import MEGAPIXEL, scaled
from pixelrelay.testing.emulator.inputs import picture_at
from pixelrelay.testing.emulator.pictures import Size, UndecodableError

Ratio: TypeAlias = Literal["21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16"]
AnyFormat: TypeAlias = Literal["jpeg", "png", "webp"]
EDGES: Mapping[str, float] = {"0.5K": 0.5, "1K": 1, "2K": 2, "4K": 4}

# --- Google ------------------------------------------------------------------------------------------------------


class _Google(Drawing):
    format: ClassVar[str] = "png"
    pictures: ClassVar[Mapping[str, Decimal]] = {}
    """Dollars for each, by resolution."""

    output_format: AnyFormat = "png"
    safety_tolerance: Tolerance = "4"

    def size(self, first: Size | None) -> Size:
        ratio: str = getattr(self, "aspect_ratio", "1:1")
        shape = parsed(ratio) if ratio != "auto" else first or (1, 1)
        edge = EDGES[getattr(self, "resolution", "1K")]
        return scaled(shape, round(MEGAPIXEL * edge * edge), 32)

    def price(self, order: Order) -> Decimal:
        return self.pictures.get(getattr(self, "resolution", ""), self.picture) * order.n


class NanoBanana(_Google):
    picture: ClassVar[Decimal] = Decimal("0.039")

    aspect_ratio: Ratio | Literal["auto"] = "auto"
    limit_generations: bool = False


class NanoBananaPro(NanoBanana):
    picture: ClassVar[Decimal] = Decimal("0.15")
    pictures: ClassVar[Mapping[str, Decimal]] = {"1K": Decimal("0.15"), "2K": Decimal("0.15"), "4K": Decimal("0.30")}

    resolution: Literal["1K", "2K", "4K"] = "1K"
    enable_web_search: bool = False


class NanoBanana2(_Google):
    picture: ClassVar[Decimal] = Decimal("0.08")
    pictures: ClassVar[Mapping[str, Decimal]] = {
        "0.5K": Decimal("0.06"),
        "1K": Decimal("0.08"),
        "2K": Decimal("0.12"),
        "4K": Decimal("0.16"),
    }

    aspect_ratio: Ratio | Literal["auto", "4:1", "1:4", "8:1", "1:8"] = "auto"
    limit_generations: bool = True
    resolution: Literal["0.5K", "1K", "2K", "4K"] = "1K"
    enable_web_search: bool = False
    thinking_level: Literal["minimal", "high"] | None = None


class NanoBananaEdit(NanoBanana):
    image_urls: Several


class NanoBananaProEdit(NanoBananaPro):
    image_urls: Several


class NanoBanana2Edit(NanoBanana2):
    image_urls: Several


class Imagen4Fast(_Google):
    aspect_ratio: Literal["1:1", "16:9", "9:16", "4:3", "3:4"] = "1:1"


class Imagen4(Imagen4Fast):
    resolution: Literal["1K", "2K"] = "1K"


# --- ByteDance and Qwen ------------------------------------------------------------------------------------------


class Seedream3(Drawing, Sized):
    picture: ClassVar[Decimal] = Decimal("0.03")

    guidance_scale: Annotated[float, Field(ge=1, le=10)] = 2.5
    enable_safety_checker: bool = True


class Seedream45(Drawing):
    num_images: Annotated[int, Field(ge=1, le=6)] = 1
    max_images: Annotated[int, Field(ge=1, le=6)] = 1
    image_size: ImageSize | Named | Literal["auto", "auto_2K", "auto_4K"] | None = None
    enable_safety_checker: bool = True

    def size(self, first: Size | None) -> Size:
        match self.image_size:
            case ImageSize(width=width, height=height):
                return width, height
            case str(name) if name in NAMED_SIZES:
                return NAMED_SIZES[name]
            case _:
                return first or (2048, 2048)


class Seedream4(Seedream45):
    picture: ClassVar[Decimal] = Decimal("0.03")

    enhance_prompt_mode: Literal["standard", "fast"] = "standard"


class Seedream4Edit(Seedream4):
    image_urls: Annotated[list[str], Field(min_length=1, max_length=10)]


class Seedream45Edit(Seedream45):
    image_urls: Annotated[list[str], Field(min_length=1, max_length=10)]


class Lora(Strict):
    path: str
    scale: float = 1
    force: bool = False


class _Qwen(Drawing, Sized):
    format: ClassVar[str] = "png"

    negative_prompt: str = " "
    num_inference_steps: Annotated[int, Field(ge=2, le=250)] = 30
    guidance_scale: Annotated[float, Field(ge=0, le=20)] = 4
    acceleration: Acceleration = "regular"
    enable_safety_checker: bool = True


class Qwen(_Qwen):
    output_format: Literal["jpeg", "png"] = "png"
    loras: list[Lora] | None = None
    use_turbo: bool = False


class Qwen2512(_Qwen):
    output_format: AnyFormat = "png"


class QwenEdit(_Qwen):
    output_format: Literal["jpeg", "png"] = "png"
    image_url: str


class QwenInpaint(QwenEdit):
    mask_url: str
    strength: Share = 0.93


class QwenEditPlus(Qwen2512):
    image_urls: Several


# --- OpenAI, Tencent and Alibaba ---------------------------------------------------------------------------------


class _Gpt(Body):
    format: ClassVar[str] = "png"

    prompt: Annotated[str, Field(min_length=1)]
    num_images: Count = 1
    background: Literal["auto", "transparent", "opaque"] = "auto"
    output_format: AnyFormat = "png"

    def size(self, first: Size | None) -> Size:
        wanted: str = getattr(self, "image_size", "auto")
        return first or (1024, 1024) if wanted == "auto" else parsed(wanted.replace("x", ":"))


class GptImage(_Gpt):
    image_size: Literal["1024x1024", "1536x1024", "1024x1536"] = "1024x1024"
    quality: Literal["low", "medium", "high"] = "high"


class GptImageMiniEdit(_Gpt):
    image_urls: Several
    image_size: Literal["auto", "1024x1024", "1536x1024", "1024x1536"] = "auto"
    quality: Literal["auto", "low", "medium", "high"] = "auto"


class GptImageEdit(GptImageMiniEdit):
    input_fidelity: Literal["low", "high"] = "high"
    mask_image_url: str | None = None

    def mask_over(self, picture: Image.Image) -> Image.Image | None:
        """As OpenAI's are, which are transparent where it is to be drawn anew."""
        if self.mask_image_url is None:
            return None
        mask = picture_at(self.mask_image_url)
        if mask.size != picture.size:
            raise UndecodableError("the mask has another size than the image")
        return mask


class Hunyuan3(Drawing, Sized):
    format: ClassVar[str] = "png"

    output_format: Literal["jpeg", "png"] = "png"
    negative_prompt: str = ""
    num_inference_steps: Annotated[int, Field(ge=1, le=50)] = 28
    guidance_scale: Annotated[float, Field(ge=1, le=20)] = 7.5
    enable_prompt_expansion: bool = False
    enable_safety_checker: bool = True


class ZImageTurbo(Drawing, Sized):
    format: ClassVar[str] = "png"

    output_format: AnyFormat = "png"
    num_inference_steps: Annotated[int, Field(ge=1, le=8)] = 8
    acceleration: Acceleration = "regular"
    enable_prompt_expansion: bool = False
    enable_safety_checker: bool = True


# --- the endpoints -----------------------------------------------------------------------------------------------

_SEEDREAM = "fal-ai/bytedance/seedream"
BODIES: Mapping[str, type[Body]] = {
    "fal-ai/flux/schnell": flux.FluxSchnell,
    "fal-ai/flux/dev": flux.FluxDev,
    "fal-ai/flux/dev/image-to-image": flux.FluxImageToImage,
    "fal-ai/flux/krea": flux.FluxDev,
    "fal-ai/flux-pro/v1.1": flux.FluxPro11,
    "fal-ai/flux-pro/v1.1-ultra": flux.FluxUltra,
    "fal-ai/flux-pro/v1/fill": flux.FluxFill,
    "fal-ai/flux-pro/kontext": flux.Kontext,
    "fal-ai/flux-pro/kontext/multi": flux.KontextMulti,
    "fal-ai/flux-pro/kontext/text-to-image": flux.KontextWords,
    "fal-ai/flux-pro/kontext/max": flux.Kontext,
    "fal-ai/flux-pro/kontext/max/multi": flux.KontextMulti,
    "fal-ai/flux-pro/kontext/max/text-to-image": flux.KontextWords,
    "fal-ai/flux-kontext/dev": flux.KontextDev,
    "fal-ai/flux-2": flux.Flux2,
    "fal-ai/flux-2/edit": flux.Flux2Edit,
    "fal-ai/flux-2/turbo": flux.Flux2Flash,
    "fal-ai/flux-2/turbo/edit": flux.Flux2FlashEdit,
    "fal-ai/flux-2/flash": flux.Flux2Flash,
    "fal-ai/flux-2/flash/edit": flux.Flux2FlashEdit,
    "fal-ai/flux-2/klein/4b": flux.Flux2Klein,
    "fal-ai/flux-2/klein/4b/edit": flux.Flux2KleinEdit,
    "fal-ai/flux-2/klein/9b": flux.Flux2Klein,
    "fal-ai/flux-2/klein/9b/edit": flux.Flux2KleinEdit,
    "fal-ai/flux-2-pro": flux.Flux2Pro,
    "fal-ai/flux-2-pro/edit": flux.Flux2ProEdit,
    "fal-ai/flux-2-flex": flux.Flux2Flex,
    "fal-ai/flux-2-flex/edit": flux.Flux2FlexEdit,
    "fal-ai/flux-2-max": flux.Flux2Pro,
    "fal-ai/flux-2-max/edit": flux.Flux2ProEdit,
    "fal-ai/nano-banana": NanoBanana,
    "fal-ai/nano-banana/edit": NanoBananaEdit,
    "fal-ai/nano-banana-2": NanoBanana2,
    "fal-ai/nano-banana-2/edit": NanoBanana2Edit,
    "fal-ai/nano-banana-pro": NanoBananaPro,
    "fal-ai/nano-banana-pro/edit": NanoBananaProEdit,
    "fal-ai/imagen4/preview": Imagen4,
    "fal-ai/imagen4/preview/ultra": Imagen4,
    "fal-ai/imagen4/preview/fast": Imagen4Fast,
    f"{_SEEDREAM}/v3/text-to-image": Seedream3,
    f"{_SEEDREAM}/v4/text-to-image": Seedream4,
    f"{_SEEDREAM}/v4/edit": Seedream4Edit,
    f"{_SEEDREAM}/v4.5/text-to-image": Seedream45,
    f"{_SEEDREAM}/v4.5/edit": Seedream45Edit,
    "fal-ai/qwen-image": Qwen,
    "fal-ai/qwen-image-2512": Qwen2512,
    "fal-ai/qwen-image-edit": QwenEdit,
    "fal-ai/qwen-image-edit/inpaint": QwenInpaint,
    "fal-ai/qwen-image-edit-plus": QwenEditPlus,
    "fal-ai/qwen-image-edit-2509": QwenEditPlus,
    "fal-ai/qwen-image-edit-2511": QwenEditPlus,
    "fal-ai/recraft/v3/text-to-image": styled.Recraft3,
    "fal-ai/recraft/v3/image-to-image": styled.Recraft3Edit,
    "fal-ai/recraft/v4/text-to-image": styled.Recraft4,
    "fal-ai/recraft/v4/pro/text-to-image": styled.Recraft4,
    "fal-ai/ideogram/v3": styled.Ideogram3,
    "fal-ai/ideogram/v3/remix": styled.Remix,
    "fal-ai/ideogram/v3/reframe": styled.Reframe,
    "fal-ai/ideogram/v3/replace-background": styled.ReplaceBackground,
    "fal-ai/gpt-image-1-mini": GptImage,
    "fal-ai/gpt-image-1-mini/edit": GptImageMiniEdit,
    "fal-ai/gpt-image-1.5": GptImage,
    "fal-ai/gpt-image-1.5/edit": GptImageEdit,
    "fal-ai/hunyuan-image/v3/text-to-image": Hunyuan3,
    "fal-ai/z-image/turbo": ZImageTurbo,
}
"""By the endpoint's id."""
