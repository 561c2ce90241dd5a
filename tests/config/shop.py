"""Two small providers, real to the configuration, that nobody sells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Literal

from pydantic import SecretStr

from pixelrelay.config import RelayConfig, load
from pixelrelay.errors import ConfigError
from pixelrelay.images import ImageRequest, Operation
from pixelrelay.providers.base import ApiKey, Exchange, Provider, ProviderOptions, Question, Target, Terms
from pixelrelay.providers.capabilities import Capabilities
from pixelrelay.quotas import Shape, Unit

ANYTHING = Capabilities(operations=frozenset(Operation), max_images=10)
MODELS = {
    "oil": Capabilities(operations=frozenset({Operation.GENERATE})),
    "tempera": Capabilities(operations=frozenset({Operation.GENERATE}), retires=date(2027, 1, 31), replaced_by="oil"),
    "fresco": Capabilities(operations=frozenset()),
}


class EaselOptions(ProviderOptions):
    endpoint: str
    tier: Literal["low", "high"] | None = None
    token: SecretStr | None = None
    """In place of a key."""
    base_url: str | None = None


class Easel:
    """Wants a key or a token, and knows its limits by tier."""

    name = "easel"
    options: type[ProviderOptions] = EaselOptions
    requires_key = True

    def target(self, model: str, api_key: SecretStr | None, options: Any) -> Target:
        if not options.endpoint.startswith("https://"):
            raise ValueError(f"endpoint: must begin with https://, not {options.endpoint!r}")
        key = api_key or options.token
        return Target(options.endpoint, model, ApiKey("x-key", key) if key else None, ("easel.example",), options)

    def capabilities(self, model: str, options: Any) -> Capabilities:  # noqa: ARG002 - the model decides alone
        return MODELS.get(model, ANYTHING)

    def terms(self, model: str, options: Any) -> Terms:
        if options.tier is not None and model != "oil":
            raise ValueError(f"tier: {model} has no tiers")
        limits = {"low": {Unit.REQUESTS: 15}, "high": {Unit.REQUESTS: 100, Unit.MEGAPIXELS: 40}}
        return Terms(Shape.SLICED, counts_rejected=True, limits=limits.get(options.tier, {}))

    def generate(self, request: ImageRequest, target: Target) -> Exchange:
        raise NotImplementedError

    def edit(self, request: ImageRequest, target: Target) -> Exchange:
        raise NotImplementedError

    def ask(self, target: Target) -> Question:
        raise NotImplementedError


class Crayon(Easel):
    """Wants nothing."""

    name = "crayon"
    options = ProviderOptions
    requires_key = False

    def target(self, model: str, api_key: SecretStr | None, options: Any) -> Target:
        credential = ApiKey("x-key", api_key) if api_key else None
        return Target("https://crayon.example", model, credential, ("crayon.example",), options)

    def terms(self, model: str, options: Any) -> Terms:  # noqa: ARG002 - all alike
        return Terms()


SHOP: Mapping[str, Provider] = {"easel": Easel(), "crayon": Crayon()}

lookup: Callable[[str], Provider] = SHOP.__getitem__


def loaded(data: Any, environ: Mapping[str, str] | None = None) -> RelayConfig:
    """The configuration in ``data`` or in a file, with the providers of this shop."""
    return load(data, environ=environ or {}, lookup=lookup, names=SHOP.keys)


def mistakes(data: Any, environ: Mapping[str, str] | None = None) -> list[str]:
    """The lines of the report on ``data``; none where it can be used."""
    try:
        loaded(data, environ)
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def crayon(name: str = "red", **further: Any) -> dict[str, Any]:
    """A deployment that is in order."""
    return {"name": name, "provider": "crayon", "model": "oil", **further}


def easel(name: str = "east", **further: Any) -> dict[str, Any]:
    """A deployment in order that has options, and a key."""
    return {
        "name": name,
        "provider": "easel",
        "model": "oil",
        "endpoint": "https://easel.example",
        "api_key": "key-of-east-1234",
        **further,
    }


def flux(*deployments: dict[str, Any], **further: Any) -> dict[str, Any]:
    """A configuration of one group."""
    return {"models": {"flux": {"deployments": list(deployments or [crayon()])}}, **further}
