"""What the package promises before it does anything."""

from __future__ import annotations

import importlib
import pickle
import subprocess
import sys

import pytest

import pixelrelay
from pixelrelay import errors
from pixelrelay.errors import Problem
from pixelrelay.outcomes import Attempt, Charge, Failure, FailureKind

EXTRAS = (
    "aiohttp",
    "azure",
    "httptools",
    "PIL",
    "python_multipart",
    "redis",
    "rich",
    "starlette",
    "typer",
    "uvicorn",
    "uvloop",
    "prometheus_client",
    "opentelemetry",
)
ATTEMPTS = (
    Attempt("east", "openai", "flux", 0.0, 1.5, failure=Failure(FailureKind.RATE_LIMITED, "full", retry_after=24.0)),
)


@pytest.mark.parametrize("statement", ["import pixelrelay", "from pixelrelay import Router, SyncRouter"])
def test_importing_loads_no_extra(statement: str) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", statement], capture_output=True, text=True, check=True
    )
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "pixelrelay" in loaded
    assert loaded.isdisjoint(EXTRAS)


@pytest.mark.parametrize(
    "name",
    [
        "pixelrelay",
        "pixelrelay.compat.litellm",
        "pixelrelay.compat.openai",
        "pixelrelay.config",
        "pixelrelay.router",
        "pixelrelay.server",
        "pixelrelay.testing",
    ],
)
def test_what_a_module_offers_is_listed_once_and_there(name: str) -> None:
    module = importlib.import_module(name)
    assert len(set(module.__all__)) == len(module.__all__)
    assert all(hasattr(module, offered) for offered in module.__all__)


ERRORS: list[Exception] = [
    errors.ConfigError([Problem("models", "is missing")], "relay.yaml"),
    errors.InvalidRequestError([Problem("size", "is no size")]),
    errors.UnknownModelError("flx", ["flux"], "flux"),
    errors.UnservableRequestError("flux", {"east": ["cannot edit"]}),
    errors.ContentRejectedError("flux", ATTEMPTS),
    errors.ProviderRefusedError("flux", ATTEMPTS),
    errors.QuotaExceededError("flux", 12.5, ATTEMPTS),
    errors.AttemptsExhaustedError("flux", ATTEMPTS),
    errors.DeadlineExceededError("flux", ATTEMPTS),
    errors.AmbiguousOutcomeError("flux", ATTEMPTS),
    errors.IncompleteError("flux", ATTEMPTS, (), 2, "east is full"),
    errors.ProviderError(Failure(FailureKind.OVERLOADED, "busy", charge=Charge.UNKNOWN)),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling_whole(error: Exception) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_every_error_that_is_offered_is_of_one_of_the_two_families_or_about_the_configuration() -> None:
    offered = [getattr(pixelrelay, name) for name in pixelrelay.__all__ if name.endswith("Error")]
    families = (errors.RequestRefusedError, errors.NotServedError, errors.ConfigError)
    assert all(issubclass(error, families) for error in offered if error is not errors.PixelRelayError)


def test_the_soonest_time_that_a_provider_named_is_when_to_come_back() -> None:
    assert errors.AttemptsExhaustedError("flux", ATTEMPTS).retry_after == 24.0
