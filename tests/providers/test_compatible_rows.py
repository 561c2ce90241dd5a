"""What a row of capabilities allows changes what is sent, and in documented fields alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from pixelrelay.images import ImageRequest, Operation, parse_size
from pixelrelay.providers import registry
from pixelrelay.providers.base import Send
from pixelrelay.providers.capabilities import Capabilities, drawn_at, lacks, table
from pixelrelay.providers.parameters import Parameter
from tests.providers.exchanges import drawing, editing, png, sent

OPENAI = {
    "model", "prompt", "n", "size", "quality", "background", "output_format", "output_compression", "response_format",
    "style", "seed", "user",
}  # fmt: skip
DOCUMENTED: Mapping[str, set[str]] = {
    "openai-compatible": OPENAI | {"image", "image[]", "mask"},
    "xinference": {
        "model", "prompt", "n", "size", "response_format", "kwargs", "negative_prompt", "image", "image[]",
        "mask_image",
    },
    "nscale": {"model", "prompt", "n", "size"},
    "together": {
        "model", "prompt", "n", "width", "height", "aspect_ratio", "seed", "response_format", "output_format",
        "image_url", "reference_images",
    },
    "xai": {
        "model", "prompt", "n", "aspect_ratio", "resolution", "quality", "response_format", "user", "image", "images",
    },
    "fireworks": {"prompt", "aspect_ratio", "width", "height", "seed", "output_format", "input_image"},
}  # fmt: skip
"""Beside the provider's own parameters, which are named in the rows."""
ROWS = [(name, model) for name in DOCUMENTED for model in table(name.replace("-", "_"))]


def said(name: str, model: str, request: ImageRequest) -> Send:
    provider = registry.provider(name)
    options = provider.options.model_validate({"base_url": "https://there.example/v1"})
    target = provider.target(model, SecretStr("sk-test"), options)
    return sent((provider.edit if request.operation is Operation.EDIT else provider.generate)(request, target))


def content(send: Send) -> tuple[Any, ...]:
    return send.url, dict(send.headers), send.json, send.parts


def something(parameter: Parameter) -> Any:
    """A value that ``parameter`` may hold."""
    if parameter.choices:
        return parameter.choices[-1]
    least = parameter.min if parameter.min is not None else 1
    return {
        "text": "x",
        "number": least,
        "whole": int(least),
        "flag": True,
        "list": [1],
        "mapping": {"a": 1},
        None: "x",
    }[parameter.type]


def wishes(can: Capabilities, operation: Operation) -> Iterator[dict[str, Any]]:
    """Each thing that a row allows, alone."""
    sizes = can.sizes_for(operation)
    yield from ({"size": parse_size(text)} for text in sizes.exact)
    if sizes.ratio_pixels is not None:
        ratios = [parse_size(ratio.replace(":", "x")) for ratio in sizes.ratios or ("3:2",)]
        yield from ({"size": drawn_at(ratio, sizes.ratio_pixels, sizes.ratio_multiple)} for ratio in ratios if ratio)
    elif sizes.multiple is not None:
        yield {"size": parse_size((1024, 1024))}
    yield from ({"quality": quality} for quality in can.qualities)
    yield from ({"style": style} for style in can.styles)
    yield from ({"background": background} for background in can.backgrounds - {"opaque"})
    yield from ({"output_format": name} for name in can.formats)
    if can.max_images > 1:
        yield {"n": can.max_images}
    if can.seed:
        yield {"seed": 7}
    if can.compression:
        yield {"output_compression": 50}
    if can.mask and operation is Operation.EDIT:
        yield {"mask": png()}
    for name, parameter in can.parameters_for(operation).items():
        yield {"parameters": {name: something(parameter)}}


@pytest.mark.parametrize(("name", "model"), ROWS)
@pytest.mark.parametrize("operation", Operation)
def test_all_that_a_row_allows_is_said(name: str, model: str, operation: Operation) -> None:
    can = table(name.replace("-", "_"))[model]
    if operation not in can.operations:
        return
    plain = drawing() if operation is Operation.GENERATE else editing()
    bare = content(said(name, model, plain))
    own = set(can.parameters_for(operation))
    for wish in wishes(can, operation):
        request = replace(plain, **wish)
        assert lacks(can, request, request.n) == (), wish
        send = said(name, model, request)
        assert set(send.json or {}) | {part.name for part in send.parts} <= DOCUMENTED[name] | own, wish
        if wish != {"output_format": "png"} or name != "fireworks":  # which is asked for where nothing is said
            assert content(send) != bare, wish


@pytest.mark.parametrize(("name", "model"), ROWS)
def test_as_many_images_as_a_row_allows_are_sent(name: str, model: str) -> None:
    can = table(name.replace("-", "_"))[model]
    if Operation.EDIT in can.operations:
        send = said(name, model, editing(*[png()] * can.references))
        whole = str(send.json) + "".join(str(part.data) for part in send.parts)
        assert whole.count(png().base64) + whole.count(str(png().data)) == can.references
