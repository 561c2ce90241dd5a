"""What LiteLLM's own client is asked to do at a gateway: run by an interpreter that has it, with an address and a key.

Prints one line of JSON: what each call brought, or the class of what it raised.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import Callable
from io import BytesIO
from typing import Any

import litellm


def main(address: str, key: str) -> None:
    at = {"api_base": address, "api_key": key}

    def generate(model: str, prompt: str = "a lighthouse", **more: Any) -> Any:
        return litellm.image_generation(model=f"openai/{model}", prompt=prompt, size="1024x1024", **{**at, **more})

    drawn = base64.b64decode(generate("gpt-image-2").data[0].b64_json)
    file = BytesIO(drawn)
    file.name = "drawn.png"
    router = litellm.Router(
        model_list=[{"model_name": "pictures", "litellm_params": {"model": "openai/gpt-image-2", **at}}]
    )
    calls: dict[str, Callable[[], Any]] = {
        "generation": lambda: generate("gpt-image-2"),
        "two": lambda: generate("gpt-image-2", n=2),
        "edit": lambda: litellm.image_edit(model="openai/gpt-image-2", image=file, prompt="add a hat", **at),
        "awaited": lambda: asyncio.run(
            litellm.aimage_generation(model="openai/gpt-image-2", prompt="a fox", size="1024x1024", **at)
        ),
        "router": lambda: router.image_generation(model="pictures", prompt="a fox", size="1024x1024"),
        "unknown": lambda: generate("nothing-of-that-name"),
        "key": lambda: generate("gpt-image-2", api_key="sk-wrong"),
        "moderated": lambda: generate("gpt-image-2", "something forbidden"),
    }
    sys.stdout.write(json.dumps({name: outcome(call) for name, call in calls.items()}) + "\n")


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return [len(base64.b64decode(each.b64_json)) > 0 for each in call().data]
    except Exception as error:
        return type(error).__name__


if __name__ == "__main__":
    main(*sys.argv[1:])
