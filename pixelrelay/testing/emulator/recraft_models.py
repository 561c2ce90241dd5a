"""Recraft's models and services: what each takes, the sizes that it draws, and API units apiece.

From Recraft's API guide and price page (July 2026) and its news of August to October 2026; 1,000 units are a dollar.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_V4 = """1024x1024 1536x768 768x1536 1280x832 832x1280 1216x896 896x1216 1152x896 896x1152 832x1344 1280x896 896x1280
1344x768 768x1344"""
_V3 = """1024x1024 1365x1024 1024x1365 1536x1024 1024x1536 1820x1024 1024x1820 1024x2048 2048x1024 1434x1024 1024x1434
1024x1280 1280x1024 1024x1707 1707x1024"""


def _sizes(text: str, scale: int = 1) -> Mapping[str, tuple[int, int]]:
    pairs = [tuple(int(edge) * scale for edge in size.split("x")) for size in text.split()]
    return {f"{width}x{height}": (width, height) for width, height in pairs}


V4, PRO, V3 = _sizes(_V4), _sizes(_V4, 2), _sizes(_V3)


@dataclass(frozen=True, slots=True)
class Model:
    """One model that draws."""

    sizes: Mapping[str, tuple[int, int]]
    units: int
    vector: bool = False
    longest: int = 10_000
    """Characters of a prompt."""
    styles: frozenset[str] = frozenset()
    edits: frozenset[str] = frozenset()
    needs_style: bool = False
    negative: bool = False
    """Whether it takes a negative prompt, substyles and text layouts."""


REDRAWN = frozenset({"imageToImage"})
EVERY_WAY = frozenset({"imageToImage", "inpaint", "outpaint", "replaceBackground", "generateBackground"})
_V3_STYLES = frozenset(
    {"any", "realistic_image", "digital_illustration", "logo_raster", "Photorealism", "Illustration", "Recraft V3 Raw"}
)
_VECTOR_STYLES = frozenset({"any", "vector_illustration", "Vector art", "Line art", "Engraving"})

MODELS: Mapping[str, Model] = {
    "recraftv4_1": Model(V4, 35, edits=REDRAWN),
    "recraftv4_1_vector": Model(V4, 80, vector=True, edits=REDRAWN),
    "recraftv4_1_pro": Model(PRO, 210, edits=REDRAWN),
    "recraftv4_1_pro_vector": Model(PRO, 300, vector=True, edits=REDRAWN),
    "recraftv4_1_utility": Model(V4, 35, edits=REDRAWN),
    "recraftv4_1_utility_vector": Model(V4, 80, vector=True, edits=REDRAWN),
    "recraftv4_1_utility_pro": Model(PRO, 210, edits=REDRAWN),
    "recraftv4_1_utility_pro_vector": Model(PRO, 300, vector=True, edits=REDRAWN),
    "recraftv4_1_flash": Model(V4, 7),
    "recraftv4": Model(V4, 40, edits=REDRAWN),
    "recraftv4_vector": Model(V4, 80, vector=True, edits=REDRAWN),
    "recraftv4_pro": Model(PRO, 250, edits=REDRAWN),
    "recraftv4_pro_vector": Model(PRO, 300, vector=True, edits=REDRAWN),
    "recraftv4_styles": Model(V4, 35, needs_style=True),
    "recraftv4_styles_vector": Model(V4, 50, vector=True, needs_style=True),
    "recraftv4_styles_pro": Model(PRO, 100, needs_style=True),
    "recraftv3": Model(V3, 40, longest=1000, styles=_V3_STYLES, edits=EVERY_WAY, negative=True),
    "recraftv3_vector": Model(V3, 80, vector=True, longest=1000, styles=_VECTOR_STYLES, edits=EVERY_WAY, negative=True),
    "recraftv2": Model(
        V3, 22, longest=1000, styles=frozenset({"realistic_image", "digital_illustration"}), negative=True
    ),
    "recraftv2_vector": Model(
        V3, 44, vector=True, longest=1000, styles=frozenset({"vector_illustration", "icon"}), negative=True
    ),
}


@dataclass(frozen=True, slots=True)
class Service:
    """One endpoint that takes a picture and no prompt."""

    units: int
    scale: int = 1
    """Of the picture's edges."""
    vector: bool = False


SERVICES: Mapping[str, Service] = {
    "vectorize": Service(10, vector=True),
    "removeBackground": Service(10),
    "crispUpscale": Service(4, scale=2),
    "creativeUpscale": Service(250, scale=2),
    "eraseRegion": Service(2),
}
