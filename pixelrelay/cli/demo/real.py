"""The demo with real keys: what it would buy from whom, and the buying."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pixelrelay.cli.demo.board import Board
from pixelrelay.cli.demo.live import View
from pixelrelay.cli.demo.props import Shelf
from pixelrelay.cli.demo.recording import Recording
from pixelrelay.cli.demo.run import Stage, Stopwatch
from pixelrelay.cli.demo.story import Lane, Story
from pixelrelay.cli.demo.traffic import Order
from pixelrelay.config import RelayConfig
from pixelrelay.router import Router

TIMEOUT = 300.0
SIZE = "1024x1024"

PROMPTS = (
    "a lighthouse in a storm, watercolour",
    "a fox asleep in the snow, woodcut",
    "a market on a canal at dawn, gouache",
    "an old observatory under the stars, film photograph",
)


@dataclass(frozen=True, slots=True)
class Source:
    """A provider that the demo can buy from, if its variables are set."""

    group: str
    variables: tuple[str, ...]
    deployment: Mapping[str, Any]
    dollars: Decimal
    """What one picture is expected to cost. From the public lists of November 2026; the provider's bill decides."""
    quality: str | None = None


SOURCES = (
    Source(
        "openai",
        ("OPENAI_API_KEY",),
        {
            "provider": "openai",
            "model": "gpt-image-2",
            "api_key": "${OPENAI_API_KEY}",
            "base_url": "${OPENAI_BASE_URL:-https://api.openai.com/v1}",
        },
        Decimal("0.006"),
        quality="low",
    ),
    Source(
        "bfl",
        ("BFL_API_KEY",),
        {
            "provider": "black-forest-labs",
            "model": "flux-2-pro",
            "api_key": "${BFL_API_KEY}",
            "base_url": "${BFL_API_BASE:-https://api.bfl.ai}",
        },
        Decimal("0.045"),
    ),
    Source(
        "foundry",
        ("AZURE_AI_API_KEY", "AZURE_AI_API_BASE"),
        {
            "provider": "azure-foundry",
            "model": "FLUX.2-pro",
            "azure_deployment": "${AZURE_AI_DEPLOYMENT:-FLUX.2-pro}",
            "endpoint": "${AZURE_AI_API_BASE}",
            "api_key": "${AZURE_AI_API_KEY}",
            "tier": "low",
        },
        Decimal("0.04"),
    ),
    Source(
        "azure",
        ("AZURE_API_KEY", "AZURE_API_BASE", "AZURE_DEPLOYMENT"),
        {
            "provider": "azure-openai",
            "model": "gpt-image-2",
            "azure_deployment": "${AZURE_DEPLOYMENT}",
            "endpoint": "${AZURE_API_BASE}",
            "api_key": "${AZURE_API_KEY}",
        },
        Decimal("0.006"),
        quality="low",
    ),
)


def found(environ: Mapping[str, str]) -> list[Source]:
    """The sources whose variables are all set."""
    return [source for source in SOURCES if all(environ.get(name) for name in source.variables)]


def configuration(sources: list[Source]) -> dict[str, Any]:
    """A group for each source, the others in its place where it fails; keys are left to the environment."""
    return {
        "models": {
            source.group: {
                "fallbacks": [other.group for other in sources if other is not source],
                "deployments": [
                    {
                        "name": f"{source.group}-1",
                        **source.deployment,
                        "price": {"image": str(source.dollars), "source": "the demo's estimate"},
                    }
                ],
            }
            for source in sources
        },
        "deadline": TIMEOUT,
        # Nobody's demo buys anything twice.
        "on_ambiguous": "fail",
    }


def orders(sources: list[Source], requests: int) -> list[Order]:
    """One picture each, from the sources in turn."""
    return [
        Order(
            number,
            at=0.0,
            group=(source := sources[(number - 1) % len(sources)]).group,
            prompt=PROMPTS[(number - 1) % len(PROMPTS)],
            size=SIZE,
            quality=source.quality,
        )
        for number in range(1, requests + 1)
    ]


def offer(sources: list[Source], bought: list[Order]) -> list[str]:
    """What is about to be bought, line by line, and what it is expected to cost."""
    lines, total = [], Decimal(0)
    for source in sources:
        count = sum(order.group == source.group for order in bought)
        if count:
            total += count * source.dollars
            quality = f" at quality {source.quality}" if source.quality else ""
            model = source.deployment["model"]
            lines.append(
                f"{count} of {SIZE}{quality} from {source.deployment['provider']} ({model}): "
                f"about ${count * source.dollars}"
            )
    return [*lines, f"together about ${total}; an order that one provider fails may go to another, at its price"]


def unset(environ: Mapping[str, str]) -> list[str]:
    """What would have to be set, a line for each source that is not found."""
    return [
        f"{source.deployment['provider']}: " + ", ".join(name for name in source.variables if not environ.get(name))
        for source in SOURCES
        if source not in found(environ)
    ]


async def bought(config: RelayConfig, sources: list[Source], ordered: list[Order], view: View, shelf: Shelf) -> Story:
    """The demo on real providers, at the world's pace."""
    clock, began = Stopwatch(), time.monotonic()
    recording = Recording(clock)
    async with Router(config, observers=[recording]) as router:
        stage = Stage(router, recording, Board(router, recording, clock, len(ordered)), view, shelf, clock, TIMEOUT)
        await stage.perform(ordered)
        return Story(
            lanes=[Lane(f"{source.group}-1", str(source.deployment["provider"])) for source in sources],
            outcomes=sorted(stage.outcomes, key=lambda outcome: outcome.order.number),
            calls=recording.calls,
            crowd=recording.crowd,
            length=clock(),
            real_seconds=time.monotonic() - began,
            speed=1.0,
            rests=recording.rests,
            fallbacks=recording.fallbacks,
        )
