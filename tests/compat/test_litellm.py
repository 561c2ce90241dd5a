"""What LiteLLM's callers rely on besides: fields, errors, settings for all calls, and its ``Router``."""

from __future__ import annotations

import asyncio
import pickle
from pathlib import Path
from typing import Any

import pytest

import pixelrelay
from pixelrelay import errors
from pixelrelay.compat import litellm
from pixelrelay.compat.litellm.exceptions import BY_ERROR, BY_FAILURE, theirs
from pixelrelay.errors import NotServedError, PixelRelayError, Problem, RequestRefusedError
from pixelrelay.outcomes import Attempt, Charge, Failure, FailureKind
from pixelrelay.testing import EmulatedDeployment, Fault, FaultKind, Fleet, emulated_fleet
from tests.compat.conftest import Opened
from tests.compat.desk import key

CHEAP: dict[str, Any] = {"quality": "low", "size": "1024x1024"}


def failed(kind: FailureKind, status: int | None = None) -> tuple[Attempt, ...]:
    failure = Failure(kind, "said no", status=status, retry_after=12.0)
    return (Attempt("east", "azure-foundry", "flux", 0.0, 1.0, failure=failure),)


# --- errors ----------------------------------------------------------------------------------------------------------


def test_every_error_and_every_failure_has_one_of_theirs() -> None:
    offered = {
        one
        for name in pixelrelay.__all__
        if isinstance(one := getattr(pixelrelay, name), type) and issubclass(one, PixelRelayError)
    }
    families = {errors.PixelRelayError, errors.NotServedError, errors.RequestRefusedError}

    assert set(BY_ERROR) == offered - families
    assert set(BY_FAILURE) == set(FailureKind)


@pytest.mark.parametrize(
    ("error", "name", "status"),
    [
        (errors.InvalidRequestError([Problem("n", "is no number")]), "BadRequestError", 400),
        (errors.UnknownModelError("flx", ["flux"], "flux"), "BadRequestError", 400),
        (errors.UnservableRequestError("flux", {"east": ["cannot edit"]}), "UnsupportedParamsError", 400),
        (errors.ContentRejectedError("flux", failed(FailureKind.CONTENT_REJECTED)), "ContentPolicyViolationError", 400),
        (errors.ProviderRefusedError("flux", failed(FailureKind.INVALID, 422)), "UnprocessableEntityError", 422),
        (errors.QuotaExceededError("flux", 5.0), "RateLimitError", 429),
        (errors.AttemptsExhaustedError("flux", failed(FailureKind.UNAUTHORISED, 401)), "AuthenticationError", 401),
        (errors.AttemptsExhaustedError("flux", failed(FailureKind.UNAUTHORISED, 403)), "PermissionDeniedError", 403),
        (errors.AttemptsExhaustedError("flux", failed(FailureKind.NOT_FOUND, 404)), "NotFoundError", 404),
        (errors.AttemptsExhaustedError("flux", failed(FailureKind.RATE_LIMITED, 429)), "RateLimitError", 429),
        (errors.AttemptsExhaustedError("flux", failed(FailureKind.OVERLOADED, 500)), "InternalServerError", 500),
        (errors.AttemptsExhaustedError("flux", failed(FailureKind.OVERLOADED, 503)), "ServiceUnavailableError", 503),
        (errors.AttemptsExhaustedError("flux", failed(FailureKind.CONNECTION)), "APIConnectionError", 500),
        (errors.DeadlineExceededError("flux", failed(FailureKind.TIMEOUT)), "Timeout", 408),
        (errors.AmbiguousOutcomeError("flux", failed(FailureKind.TIMEOUT)), "APIError", 500),
        (
            errors.ConfigError([Problem("model_list[0].litellm_params.api_key", "is missing")]),
            "AuthenticationError",
            401,
        ),
        (errors.ConfigError([Problem("model_list", "is empty")]), "BadRequestError", 400),
    ],
)
def test_an_error_is_theirs_by_name_and_status_and_ours_by_family(
    error: PixelRelayError, name: str, status: int
) -> None:
    made = theirs(error, "azure_ai/FLUX.2-pro", "azure_ai")

    assert type(made).__name__ == name
    assert type(made) is getattr(litellm, name)
    assert (made.status_code, made.llm_provider, made.model) == (status, "azure_ai", "azure_ai/FLUX.2-pro")
    if not isinstance(error, errors.ConfigError):
        family = NotServedError if isinstance(error, NotServedError) else RequestRefusedError
        assert isinstance(made, family)
    assert made.retry_after == getattr(error, "retry_after", None)


def test_an_error_survives_pickling_whole() -> None:
    made = theirs(errors.AttemptsExhaustedError("flux", failed(FailureKind.RATE_LIMITED, 429)), "flux")
    again = pickle.loads(pickle.dumps(made))  # noqa: S301 - our own

    assert (type(again), str(again), vars(again)) == (type(made), str(made), vars(made))
    assert again.retry_after == 12.0
    assert not again.may_have_been_billed
    assert Charge.NONE is again.attempts[0].failure.charge


def test_what_is_raised_is_theirs_each_time(desk: Path) -> None:
    assert desk.exists()
    for _ in range(2):
        with pytest.raises(litellm.AuthenticationError) as raised:
            litellm.image_generation("a fox", model="gpt-image-2", api_key="wrong-key-0123456789")
        assert (raised.value.status_code, raised.value.llm_provider) == (401, "openai")
        assert isinstance(raised.value.__cause__, errors.AttemptsExhaustedError)
        assert "wrong-key" not in str(raised.value)

    with pytest.raises(litellm.BadRequestError, match="write it as provider/model"):
        litellm.image_generation("a fox", model="no-such-model")
    with pytest.raises(litellm.BadRequestError, match="model is required"):
        litellm.image_generation("a fox")
    with pytest.raises(litellm.BadRequestError, match="nothing is made up"):
        litellm.image_generation("a fox", model="gpt-image-2", mock_response="x")
    with pytest.raises(litellm.UnsupportedParamsError, match="style"):
        litellm.image_generation("a fox", model="gpt-image-2", style="vivid")


def test_a_key_that_is_nowhere_is_a_matter_of_authentication(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert desk.exists()
    monkeypatch.delenv("BFL_API_KEY")
    with pytest.raises(litellm.AuthenticationError, match="BFL_API_KEY is not set") as raised:
        asyncio.run(litellm.aimage_generation("a fox", model="black_forest_labs/flux-2-pro"))
    assert raised.value.llm_provider == "black_forest_labs"


# --- arguments and results -------------------------------------------------------------------------------------------


def test_what_may_be_left_out_can_be_said_of_one_call_or_of_all(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert desk.exists()
    assert litellm.image_generation("a fox", model="gpt-image-2", style="vivid", drop_params=True, **CHEAP).data
    monkeypatch.setattr(litellm, "drop_params", True)  # as callers set it
    response = litellm.image_generation("a fox", model="gpt-image-2", style="vivid", **CHEAP)
    assert response.route is not None
    assert response.route.adaptations == ("style vivid left out",)


def test_a_response_is_read_by_attribute_and_by_key(desk: Path) -> None:
    assert desk.exists()
    response = litellm.image_generation("a fox", model="gpt-image-2", output_cost_per_image=0.02, **CHEAP)

    assert response["data"][0]["b64_json"] == response.data[0].b64_json
    assert response.get("created") == response.created
    assert response.get("nothing", 7) == 7
    assert "data" in response
    assert response.json()["data"][0].keys() == {"b64_json", "url", "revised_prompt"}
    assert response.model_dump() == response.json()
    assert response.usage.input_tokens_details.text_tokens > 0
    assert response._hidden_params["response_cost"] == response.hidden_params["response_cost"] == 0.02
    assert response._hidden_params["custom_llm_provider"] == "openai"
    with pytest.raises(KeyError):
        response["nothing"]


def test_what_the_model_does_not_know_is_sent_as_it_is(fleet: Fleet, desk: Path) -> None:
    assert desk.exists()
    with pytest.raises(litellm.BadRequestError, match="never_heard_of"):
        litellm.image_generation("a fox", model="gpt-image-2", never_heard_of=1, **CHEAP)
    assert fleet.requests[-1].status == 400


def test_a_file_may_be_named_as_openais_client_takes_it(desk: Path, opened: Opened) -> None:
    assert desk.exists()
    data = Path("image1.png").read_bytes()
    for image in (
        data,
        ("a.png", data),
        ("a.png", data, "image/png"),
        [("a.png", opened("image1.png"))],
        Path("image1.png"),
    ):
        assert litellm.image_edit(image, "a hat", "gpt-image-2", **CHEAP).data


def test_connections_are_kept_for_the_calls_to_come_and_bounded(desk: Path) -> None:
    from pixelrelay.compat.litellm import calls

    assert desk.exists()
    litellm.image_generation("a fox", model="gpt-image-2", **CHEAP)
    (kept,) = calls._engines
    litellm.image_generation("a fox", model="gpt-image-2", **CHEAP)
    assert calls._engines == [kept]
    with pytest.raises(litellm.AuthenticationError):
        litellm.image_generation("a fox", model="gpt-image-2", api_key="wrong")
    assert calls._engines == [kept]
    for number in range(calls.MOST_ENGINES + 2):
        litellm.image_generation("a fox", model="gpt-image-2", output_cost_per_image=number, **CHEAP)
    assert len(calls._engines) == calls.MOST_ENGINES


# --- the Router ------------------------------------------------------------------------------------------------------


def model_list(fleet: Fleet, *names: str) -> list[dict[str, Any]]:
    return [
        {
            "model_name": "images",
            "litellm_params": {
                "model": "openai/gpt-image-2",
                "api_key": key(name),
                "api_base": f"{fleet.url(name)}/v1",
            },
            "model_info": {"id": name},
        }
        for name in names
    ]


def test_a_router_fails_over_within_its_list() -> None:
    down = EmulatedDeployment("down", "openai", "gpt-image-2", latency=0, faults=(Fault(FaultKind.UNAVAILABLE),))
    up = EmulatedDeployment("up", "openai", "gpt-image-2", latency=0)
    with (
        emulated_fleet(down, up) as fleet,
        litellm.Router(
            model_list=model_list(fleet, "down", "up"),
            routing_strategy="simple-shuffle",
            num_retries=3,
            set_verbose=True,
        ) as router,
    ):
        responses = [router.image_generation(prompt="a fox", model="images", **CHEAP) for _ in range(3)]
        responses.append(asyncio.run(router.aimage_generation(prompt="a fox", model="images", **CHEAP)))

    assert router.config.max_attempts == 4
    assert {response.hidden_params["model_id"] for response in responses} == {"up"}


def test_a_router_edits_and_narrows_by_tags(fleet: Fleet, desk: Path, opened: Opened) -> None:
    assert desk.exists()
    (entry,) = model_list(fleet, "openai")
    entry["litellm_params"]["tags"] = ["paid"]
    with litellm.Router(model_list=[entry]) as router:
        edited = router.image_edit(image=opened("image1.png"), prompt="a hat", model="images", **CHEAP)
        tagged = asyncio.run(
            router.aimage_edit(
                image=opened("image2.png"), prompt="x", model="images", metadata={"tags": ["paid"]}, **CHEAP
            )
        )
        with pytest.raises(litellm.UnsupportedParamsError, match="no tag 'free'"):
            router.image_generation("a fox", "images", tags=["free"])
        with pytest.raises(litellm.BadRequestError, match="did you mean 'images'"):
            router.image_generation("a fox", "imges")
    assert edited.data[0].b64_json
    assert tagged.data[0].b64_json


def test_a_router_takes_defaults_and_policies_and_tells_what_is_wrong(fleet: Fleet) -> None:
    (entry,) = model_list(fleet, "openai")
    with litellm.Router(
        [entry], default_litellm_params={"timeout": 45}, retry_policy={"TimeoutErrorRetries": 0}
    ) as router:
        (deployment,) = router.config.models["images"].deployments
        assert deployment.timeouts is not None
        assert (deployment.timeouts.total, router.config.on_ambiguous) == (45, "fail")
    with pytest.raises(litellm.BadRequestError, match=r"model_list\[0\].litellm_params: is missing"):
        litellm.Router(model_list=[{"model_name": "images"}])


def test_a_router_that_nobody_closes_holds_up_nothing(fleet: Fleet) -> None:
    router = litellm.Router(model_list=model_list(fleet, "openai"))
    thread = router._engine._thread
    del router
    thread.join(10)
    assert not thread.is_alive()
