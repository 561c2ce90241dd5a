"""The models on Replicate that are emulated; and what those take and cost that are not FLUX.

As their pages said in November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from pixelrelay.testing.emulator import replicate_flux_inputs as flux
from pixelrelay.testing.emulator.pictures import Size
from pixelrelay.testing.emulator.replicate_inputs import Fast, Input, Percent, Plain, of_ratio, parsed

# --- Google ------------------------------------------------------------------------------------------------------

Safety: TypeAlias = Literal["block_low_and_above", "block_medium_and_above", "block_only_high"]
BananaRatio: TypeAlias = Literal[
    "match_input_image", "1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"
]  # fmt: skip


class Imagen4(Input):
    aspect_ratio: Literal["1:1", "9:16", "16:9", "3:4", "4:3"] = "1:1"
    safety_filter_level: Safety = "block_only_high"
    output_format: Plain = "jpg"

    def size(self, first: Size | None) -> Size:
        return of_ratio(self.aspect_ratio, first)


class NanoBanana(Input):
    picture: ClassVar[Decimal] = Decimal("0.039")
    picture_fields: ClassVar[tuple[str, ...]] = ("image_input",)

    image_input: list[str] = Field(default=[])
    aspect_ratio: BananaRatio = "match_input_image"
    output_format: Plain = "jpg"

    def size(self, first: Size | None) -> Size:
        edge = int(getattr(self, "resolution", "1K").removesuffix("K"))
        return of_ratio(self.aspect_ratio, first, edge * edge)


class NanoBananaPro(NanoBanana):
    resolution: Literal["1K", "2K", "4K"] = "2K"
    safety_filter_level: Safety = "block_only_high"


# --- Ideogram and Recraft ----------------------------------------------------------------------------------------


class Ideogram3(Input):
    picture: ClassVar[Decimal] = Decimal("0.03")
    picture_fields: ClassVar[tuple[str, ...]] = ("image",)
    white_is_drawn: ClassVar[bool] = False

    image: str | None = None
    mask: str | None = None
    resolution: str = "None"
    aspect_ratio: str = "1:1"
    magic_prompt_option: Literal["Auto", "On", "Off"] = "Auto"
    style_type: Literal["None", "Auto", "General", "Realistic", "Design"] = "None"
    style_preset: str = "None"
    style_reference_images: list[str] | None = None
    seed: Annotated[int, Field(ge=0, le=2147483647)] | None = None

    def size(self, first: Size | None) -> Size:
        if first is not None or self.resolution == "None":
            return first or (1024, 1024)
        return parsed(self.resolution.replace("x", ":"))


class Ideogram3Balanced(Ideogram3):
    picture: ClassVar[Decimal] = Decimal("0.06")


class Ideogram3Quality(Ideogram3):
    picture: ClassVar[Decimal] = Decimal("0.09")


class Ideogram4(Input):
    resolution: str = "2048x2048"
    json_prompt: str | None = None
    enable_copyright_detection: bool = False

    def size(self, first: Size | None) -> Size:  # noqa: ARG002 - none is edited
        return parsed(self.resolution.replace("x", ":"))


class Recraft3(Input):
    output_format: ClassVar[str] = "webp"

    prompt: Annotated[str, Field(max_length=1000)]
    size_: str | None = Field(None, alias="size")
    aspect_ratio: str = "Not set"
    style: str = "any"

    def size(self, first: Size | None) -> Size:  # noqa: ARG002 - none is edited
        return parsed((self.size_ or "1024x1024").replace("x", ":"))


# --- ByteDance, Qwen and OpenAI ----------------------------------------------------------------------------------

Edge: TypeAlias = Annotated[int, Field(ge=1024, le=4096)]


class _Seedream(Input):
    picture_fields: ClassVar[tuple[str, ...]] = ("image_input",)
    listed: ClassVar[bool] = True

    width: Edge = 2048
    height: Edge = 2048
    aspect_ratio: str = "match_input_image"
    max_images: Annotated[int, Field(ge=1, le=15)] = 1
    sequential_image_generation: Literal["disabled", "auto"] = "disabled"

    def size(self, first: Size | None) -> Size:
        tier: str = getattr(self, "size_", "2K")
        if tier == "custom":
            return self.width, self.height
        edge = int(tier.removesuffix("K"))
        return of_ratio(self.aspect_ratio, first, edge * edge)


class Seedream4(_Seedream):
    picture: ClassVar[Decimal] = Decimal("0.03")

    size_: Literal["1K", "2K", "4K", "custom"] = Field("2K", alias="size")
    image_input: list[str] = Field(default=[], max_length=10)
    enhance_prompt: bool = True


class Seedream45(_Seedream):
    size_: Literal["2K", "4K", "custom"] = Field("2K", alias="size")
    image_input: list[str] = Field(default=[], max_length=14)
    disable_safety_checker: bool = False


class Qwen(Fast):
    listed: ClassVar[bool] = True

    aspect_ratio: Literal["1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3"] = "16:9"
    image_size: Literal["optimize_for_quality", "optimize_for_speed"] = "optimize_for_quality"
    enhance_prompt: bool = False
    negative_prompt: str = " "
    guidance: Annotated[float, Field(ge=0, le=10)] = 4
    num_inference_steps: Annotated[int, Field(ge=1, le=50)] = 50

    def size(self, first: Size | None) -> Size:
        return of_ratio(self.aspect_ratio, first)


class QwenEdit(Fast):
    picture_fields: ClassVar[tuple[str, ...]] = ("image",)
    listed: ClassVar[bool] = True

    image: str


class QwenEditPlus(Fast):
    picture_fields: ClassVar[tuple[str, ...]] = ("image",)
    listed: ClassVar[bool] = True

    image: Annotated[list[str], Field(min_length=1, max_length=3)]
    aspect_ratio: Literal["match_input_image", "1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3"] = "match_input_image"

    def size(self, first: Size | None) -> Size:
        return of_ratio(self.aspect_ratio, first)


class GptImage(Input):
    picture_fields: ClassVar[tuple[str, ...]] = ("input_images",)
    listed: ClassVar[bool] = True

    input_images: list[str] = Field(default=[])
    aspect_ratio: Literal["1:1", "3:2", "2:3"] = "1:1"
    quality: Literal["auto", "low", "medium", "high"] = "auto"
    background: Literal["auto", "transparent", "opaque"] = "auto"
    moderation: Literal["auto", "low"] = "auto"
    input_fidelity: Literal["low", "high"] = "low"
    number_of_images: Annotated[int, Field(ge=1, le=10)] = 1
    output_format: Literal["png", "jpeg", "webp"] = "webp"
    output_compression: Percent = 90
    user_id: str | None = None
    openai_api_key: str | None = None

    @property
    def count(self) -> int:
        return self.number_of_images

    def size(self, first: Size | None) -> Size:  # noqa: ARG002 - it has no other
        return {"1:1": (1024, 1024), "3:2": (1536, 1024), "2:3": (1024, 1536)}[self.aspect_ratio]


INPUTS: Mapping[str, type[Input]] = {
    "black-forest-labs/flux-schnell": flux.FluxSchnell,
    "black-forest-labs/flux-dev": flux.FluxDev,
    "black-forest-labs/flux-1.1-pro": flux.FluxPro11,
    "black-forest-labs/flux-1.1-pro-ultra": flux.FluxUltra,
    "black-forest-labs/flux-kontext-pro": flux.Kontext,
    "black-forest-labs/flux-kontext-max": flux.KontextMax,
    "black-forest-labs/flux-kontext-dev": flux.KontextDev,
    "black-forest-labs/flux-fill-pro": flux.Fill,
    "black-forest-labs/flux-2-pro": flux.Flux2Pro,
    "black-forest-labs/flux-2-max": flux.Flux2Pro,
    "black-forest-labs/flux-2-flex": flux.Flux2Flex,
    "black-forest-labs/flux-2-dev": flux.Flux2Dev,
    "google/imagen-4": Imagen4,
    "google/imagen-4-fast": Imagen4,
    "google/imagen-4-ultra": Imagen4,
    "google/nano-banana": NanoBanana,
    "google/nano-banana-pro": NanoBananaPro,
    "google/nano-banana-2": NanoBananaPro,
    "ideogram-ai/ideogram-v3-turbo": Ideogram3,
    "ideogram-ai/ideogram-v3-balanced": Ideogram3Balanced,
    "ideogram-ai/ideogram-v3-quality": Ideogram3Quality,
    "ideogram-ai/ideogram-v4-turbo": Ideogram4,
    "ideogram-ai/ideogram-v4-balanced": Ideogram4,
    "ideogram-ai/ideogram-v4-quality": Ideogram4,
    "recraft-ai/recraft-v3": Recraft3,
    "bytedance/seedream-4": Seedream4,
    "bytedance/seedream-4.5": Seedream45,
    "qwen/qwen-image": Qwen,
    "qwen/qwen-image-edit": QwenEdit,
    "qwen/qwen-image-edit-plus": QwenEditPlus,
    "openai/gpt-image-1.5": GptImage,
    "openai/gpt-image-1-mini": GptImage,
}
"""By owner and name."""
