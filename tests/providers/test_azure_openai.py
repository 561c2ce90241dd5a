"""Azure's dialect of OpenAI's API: paths, credentials, and refusals in four spellings."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import anyio.lowlevel
import pytest
from pydantic import SecretStr, ValidationError

from pixelrelay.errors import ProviderError
from pixelrelay.images import Size
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers._bearer import TokenProvider
from pixelrelay.providers.azure import azure_credential, azure_endpoint, default_token
from pixelrelay.providers.azure_openai import AzureOpenAI, AzureOpenAIOptions
from pixelrelay.providers.base import Part, Purpose, Send, Target
from pixelrelay.quotas import Shape
from tests.providers.exchanges import PIXEL, drawing, editing, failed, finish, png, sent, stored

PROVIDER = AzureOpenAI()
ENDPOINT = "https://contoso.openai.azure.com"
KEY = SecretStr("0" * 32)
DATED = "2025-04-01-preview"
POST = Send(Purpose.SUBMIT, "POST", ENDPOINT)


def target(model: str = "gpt-image-2", **options: Any) -> Target:
    return PROVIDER.target(model, KEY, AzureOpenAIOptions.model_validate({"endpoint": ENDPOINT, **options}))


def generated(name: str) -> Failure:
    return failed(PROVIDER.generate(drawing(), target()), stored(f"azure_openai/{name}"))


# --- where to ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "root"),
    [
        ("https://contoso.openai.azure.com", "https://contoso.openai.azure.com"),
        ("https://contoso.openai.azure.com/", "https://contoso.openai.azure.com"),
        ("https://contoso.openai.azure.com/openai", "https://contoso.openai.azure.com"),
        ("https://contoso.openai.azure.com/openai/v1/", "https://contoso.openai.azure.com"),
        (
            f"https://contoso.openai.azure.com/openai/deployments/img2/images/generations?api-version={DATED}",
            "https://contoso.openai.azure.com",
        ),
        ("https://contoso.services.ai.azure.com/api/projects/p1", "https://contoso.services.ai.azure.com"),
        ("https://apim.example/pictures/openai", "https://apim.example/pictures"),
        ("http://127.0.0.1:9000/azure", "http://127.0.0.1:9000/azure"),
    ],
)
def test_the_root_of_the_resource_is_found_in_what_the_portal_offers(endpoint: str, root: str) -> None:
    assert azure_endpoint(endpoint) == root


def test_an_endpoint_without_https_is_refused() -> None:
    with pytest.raises(ValueError, match=r"endpoint: .*in the clear"):
        target(endpoint="http://contoso.openai.azure.com")


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({}, "/openai/v1/images/{}"),
        ({"api_version": "latest"}, "/openai/v1/images/{}"),
        ({"api_version": "v1"}, "/openai/v1/images/{}?api-version=v1"),
        ({"api_version": "preview"}, "/openai/v1/images/{}?api-version=preview"),
        ({"api_version": DATED}, f"/openai/deployments/img%2F2/images/{{}}?api-version={DATED}"),
        ({"api_version": "2024-10-21"}, "/openai/deployments/img%2F2/images/{}?api-version=2024-10-21"),
    ],
)
def test_the_version_chooses_between_the_two_families_of_paths(options: dict[str, str], path: str) -> None:
    there = target(azure_deployment="img/2", **options)

    assert sent(PROVIDER.generate(drawing(), there)).url == ENDPOINT + path.format("generations")
    assert sent(PROVIDER.edit(editing(), there)).url == ENDPOINT + path.format("edits")


@pytest.mark.parametrize("version", ["v2", "2025", "2025-04-01-beta", "2025-04-01&x=1", ""])
def test_a_version_that_azure_has_not_is_refused(version: str) -> None:
    with pytest.raises(ValidationError, match="api_version"):
        target(api_version=version)


def test_a_version_that_yaml_took_for_a_day_is_understood() -> None:
    assert sent(PROVIDER.generate(drawing(), target(api_version=date(2024, 10, 21)))).url.endswith("=2024-10-21")


def test_the_undated_path_hears_the_deployment_as_the_model() -> None:
    send = sent(PROVIDER.generate(drawing(size=Size(1024, 1024)), target(azure_deployment="img2")))

    assert json.dumps(send.json) == ('{"model": "img2", "prompt": "a lighthouse at dusk", "n": 1, "size": "1024x1024"}')


def test_the_dated_path_hears_no_model_in_the_body() -> None:
    there = target(azure_deployment="img2", api_version=DATED)

    assert json.dumps(sent(PROVIDER.generate(drawing(), there)).json) == '{"prompt": "a lighthouse at dusk", "n": 1}'
    assert sent(PROVIDER.edit(editing(), there)).parts == (
        Part("prompt", "add a red hat"),
        Part("n", "1"),
        Part("image", PIXEL, "photo.png", "image/png"),
    )


def test_the_deployment_is_called_like_its_model_where_nothing_else_is_said() -> None:
    assert "/deployments/gpt-image-2/" in sent(PROVIDER.generate(drawing(), target(api_version=DATED))).url
    assert sent(PROVIDER.edit(editing(png(), png()), target())).parts[0] == Part("model", "gpt-image-2")


def test_calls_are_spread_over_slices_because_azure_counts_in_slices() -> None:
    terms = PROVIDER.terms("gpt-image-2", AzureOpenAIOptions(endpoint=ENDPOINT))

    assert (terms.shape, terms.counts_rejected, dict(terms.limits)) == (Shape.SLICED, True, {})


# --- as whom -----------------------------------------------------------------------------------------------------


class Counter:
    """A token provider that knows how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> str:
        self.asked += 1
        return f"token-{self.asked}"


async def token_from_elsewhere() -> str:
    await anyio.lowlevel.checkpoint()
    return "token-0"


def refuse() -> str:
    raise RuntimeError("the broker said no to Bearer abc.def")


@pytest.mark.anyio
async def test_a_key_has_a_header_of_its_own() -> None:
    credential = target().credential

    assert credential is not None
    assert await credential.headers(POST) == {"api-key": "0" * 32}
    assert "0" * 32 not in repr(credential)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "provider", [Counter(), lambda: "token-1", token_from_elsewhere, lambda: token_from_elsewhere()]
)
async def test_a_token_is_asked_for_before_each_call_and_sent_as_bearer(provider: TokenProvider) -> None:
    credential = azure_credential(None, token_provider=provider)

    headers = await credential.headers(POST)

    assert list(headers) == ["authorization"]
    assert headers["authorization"].startswith("Bearer token-")
    if isinstance(provider, Counter):
        assert provider.asked == int(headers["authorization"].removeprefix("Bearer token-"))


@pytest.mark.anyio
@pytest.mark.parametrize("provider", [refuse, lambda: "", lambda: None])
async def test_without_a_token_nothing_is_authorised_and_no_secret_is_told(provider: TokenProvider) -> None:
    with pytest.raises(ProviderError) as refused:
        await azure_credential(None, token_provider=provider).headers(POST)

    assert refused.value.failure.kind is FailureKind.UNAUTHORISED
    assert "abc.def" not in str(refused.value)


@pytest.mark.parametrize(
    ("key", "entra", "provider", "found"),
    [
        (None, False, None, "none"),
        (KEY, True, None, "api_key and entra"),
        (None, True, Counter(), "entra and token_provider"),
    ],
)
def test_exactly_one_credential_is_needed(
    key: SecretStr | None, entra: bool, provider: TokenProvider | None, found: str
) -> None:
    options = AzureOpenAIOptions(endpoint=ENDPOINT, entra=entra, token_provider=provider)

    with pytest.raises(ValueError, match=f"api_key: .*found {found}"):
        PROVIDER.target("gpt-image-2", key, options)


class Identity(BaseHTTPRequestHandler):
    """The service that tells a machine in Azure its identity, as App Service offers it."""

    asked: list[str] = []  # noqa: RUF012 - shared with the test, which runs one of them

    def do_GET(self) -> None:
        self.asked.append(self.path)
        token = {"access_token": f"token-{len(self.asked)}", "expires_on": str(int(time.time()) + 86400)}
        answer = json.dumps(
            {**token, "token_type": "Bearer", "resource": "https://cognitiveservices.azure.com"}
        ).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parent's name for it
        pass


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What the machine's identity service was asked, while this machine seems to be one of Azure's."""
    Identity.asked.clear()
    with HTTPServer(("127.0.0.1", 0), Identity) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "managedidentitycredential")
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{server.server_port}/token")
        monkeypatch.setenv("IDENTITY_HEADER", "not-a-secret")
        yield Identity.asked
        server.shutdown()


def test_the_token_of_the_machines_identity_is_asked_for_once_until_it_expires(identity: list[str]) -> None:
    scope = "https://cognitiveservices.azure.com/.default"

    assert [default_token(scope), default_token(scope)] == ["token-1", "token-1"]
    (path,) = identity
    assert "resource=https" in path


def test_with_entra_no_key_is_needed() -> None:
    there = PROVIDER.target("gpt-image-2", None, AzureOpenAIOptions(endpoint=ENDPOINT, entra=True))

    assert there.credential is not None


def test_without_azure_identity_it_is_said_what_to_install() -> None:
    code = (
        "import sys; sys.modules['azure'] = None\n"
        "from pixelrelay.providers.azure import azure_credential\n"
        "try: azure_credential(None, entra=True)\n"
        "except ValueError as error: print(error)"
    )

    said = subprocess.check_output([sys.executable, "-c", code], text=True)

    assert said.strip() == "entra: azure-identity is missing; install pixelrelay[azure]"


# --- what comes back ---------------------------------------------------------------------------------------------


def test_a_picture_comes_back_and_the_limit_of_a_slice_is_not_learned() -> None:
    found = finish(PROVIDER.generate(drawing(), target()), stored("azure_openai/one_picture"))

    assert [image.bytes() for image in found.images] == [PIXEL]
    assert found.usage is not None
    assert (found.usage.total_tokens, dict(found.usage.output_tokens_details)) == (205, {})
    assert found.seen_limits == ()
    assert found.provider_request_id == "3f0c0a50-0000-4000-8000-000000000000"


def test_an_answer_may_hold_pictures_alone_and_call_itself_anything() -> None:
    found = finish(PROVIDER.edit(editing(), target()), stored("azure_openai/created_and_data_alone"))

    assert [(image.bytes(), image.media_type) for image in found.images] == [(PIXEL, "image/png")]


def test_a_success_whose_picture_was_filtered_is_moderation() -> None:
    failure = generated("filtered_in_a_success")

    assert (failure.kind, failure.charge) == (FailureKind.CONTENT_REJECTED, Charge.UNKNOWN)
    assert failure.message == "the picture was filtered: hate, profanity, violence"


def test_a_picture_is_not_lost_with_its_filtered_neighbour() -> None:
    found = finish(PROVIDER.generate(drawing(n=2), target()), stored("azure_openai/one_of_two_filtered"))

    assert [image.bytes() for image in found.images] == [PIXEL]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("prompt_filtered", FailureKind.CONTENT_REJECTED),
        ("picture_filtered", FailureKind.CONTENT_REJECTED),
        ("policy_violation_inner_error", FailureKind.CONTENT_REJECTED),
        ("content_filter_innererror", FailureKind.CONTENT_REJECTED),
        ("policy_violation_within_a_bad_request", FailureKind.CONTENT_REJECTED),
        ("moderation_blocked", FailureKind.CONTENT_REJECTED),
        ("invalid_payload", FailureKind.INVALID),
        ("wrong_key", FailureKind.UNAUTHORISED),
        ("no_role", FailureKind.UNAUTHORISED),
        ("resource_blocked", FailureKind.UNAUTHORISED),
        ("firewall", FailureKind.UNAUTHORISED),
        ("no_such_deployment", FailureKind.NOT_FOUND),
        ("wrong_path", FailureKind.NOT_FOUND),
        ("rate_limit", FailureKind.RATE_LIMITED),
        ("rate_limit_told_in_words", FailureKind.RATE_LIMITED),
        ("rate_limit_for_a_day", FailureKind.RATE_LIMITED),
        ("high_demand", FailureKind.OVERLOADED),
        ("temporarily_unable", FailureKind.OVERLOADED),
        ("internal_error", FailureKind.OVERLOADED),
        ("unavailable", FailureKind.OVERLOADED),
    ],
)
def test_a_refusal_is_known_in_each_of_its_spellings_and_costs_nothing(name: str, kind: FailureKind) -> None:
    failure = generated(name)

    assert (failure.kind, failure.charge) == (kind, Charge.NONE)
    assert failure.provider_request_id == "3f0c0a50-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("rate_limit", 24.5),
        ("rate_limit_told_in_words", 9.0),
        ("rate_limit_for_a_day", 86400.0),
        ("high_demand", None),
        ("temporarily_unable", 5.0),
    ],
)
def test_a_full_deployment_says_for_how_long_and_not_of_what(name: str, seconds: float | None) -> None:
    failure = generated(name)

    assert (failure.retry_after, failure.unit) == (seconds, None)


# --- a free question ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "path"),
    [
        (None, "/openai/v1/models"),
        ("preview", "/openai/v1/models?api-version=preview"),
        (DATED, f"/openai/models?api-version={DATED}"),
    ],
)
def test_asking_for_the_models_costs_nothing(version: str | None, path: str) -> None:
    assert sent(PROVIDER.ask(target(api_version=version))) == Send(Purpose.ASK, "GET", ENDPOINT + path)


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ("gpt-image-2", "gpt-image-2 is offered there"),
        ("gpt-image-1", "gpt-image-1 is not in its list of models"),
    ],
)
def test_the_answer_says_what_was_shown_and_what_was_not(model: str, found: str) -> None:
    answer = finish(PROVIDER.ask(target(model, azure_deployment="img2")), stored("azure_openai/models"))

    assert answer == f"endpoint and credential are good, and {found}; deployment 'img2' was not tried"


def test_a_question_with_a_wrong_key_says_so() -> None:
    assert failed(PROVIDER.ask(target()), stored("azure_openai/wrong_key")).kind is FailureKind.UNAUTHORISED
