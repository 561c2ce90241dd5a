"""The examples of LiteLLM's pages that ask a proxy, with this gateway in the proxy's place, by a file of LiteLLM's."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from pixelrelay.compat import litellm
from pixelrelay.testing import Fleet
from tests.compat.conftest import Opened
from tests.compat.desk import environment, key, size_of
from tests.server.processes import Serving, serving

KEY = "sk-1234"


@pytest.fixture(scope="module")
def proxy(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """``pixelrelay serve`` by such a ``config.yaml`` as stands on the pages."""

    def flux(name: str, model: str, deployment: str, mode: str) -> dict[str, object]:
        params = {
            "model": f"azure_ai/{model}",
            "api_base": fleet.url(deployment),
            "api_key": key(deployment),
            "rpm": 600,
        }
        return {"model_name": name, "litellm_params": params, "model_info": {"mode": mode}}

    config = {
        "model_list": [
            flux("azure-flux-kontext", "FLUX.1-Kontext-pro", "kontext", "image_generation"),
            flux("azure-flux-kontext-edit", "FLUX.1-Kontext-pro", "kontext", "image_edit"),
            flux("azure-flux-11-pro", "FLUX-1.1-pro", "pro11", "image_generation"),
            flux("azure-flux-2-pro", "flux.2-pro", "pro2", "image_generation"),
            {
                "model_name": "gpt-image",
                "litellm_params": {"model": "gpt-image-2", "api_key": "os.environ/OPENAI_API_KEY"},
            },
        ],
        "general_settings": {"master_key": KEY},
    }
    with serving(tmp_path_factory.mktemp("proxy"), config, environ=environment(fleet)) as running:
        yield running


@pytest.fixture(autouse=True)
def at(desk: Path, proxy: Serving) -> str:  # noqa: ARG001 - pictures lie there
    """Its address, as the pages have it: without a version."""
    return proxy.address


def test_a_group_of_a_proxys(at: str) -> None:
    response = litellm.image_generation(
        model="litellm_proxy/azure-flux-11-pro",
        prompt="A neon alley",
        api_base=at,
        api_key=KEY,
    )
    assert size_of(base64.b64decode(response.data[0].b64_json or ""))


def test_a_group_of_a_proxys_by_the_environment(at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_PROXY_API_KEY", KEY)
    monkeypatch.setenv("LITELLM_PROXY_API_BASE", at)

    response = litellm.image_generation(model="litellm_proxy/azure-flux-11-pro", prompt="A neon alley", n=2)

    assert len(response.data) == 2


def test_an_edit_by_a_group_of_a_proxys(at: str, opened: Opened) -> None:
    response = litellm.image_edit(
        model="litellm_proxy/azure-flux-kontext-edit",
        image=opened("original_image.png"),
        prompt="Put it in a forest",
        api_base=at,
        api_key=KEY,
    )
    Path("edited.png").write_bytes(base64.b64decode(response.data[0].b64_json or ""))
    assert size_of(Path("edited.png").read_bytes())


def test_an_edit_of_several_images_with_a_mask_and_further_parameters_goes_through(at: str, opened: Opened) -> None:
    response = litellm.image_edit(
        model="litellm_proxy/gpt-image",
        image=[opened("image1.png"), opened("image2.png")],
        mask=opened("mask_image.png"),
        prompt="A new background",
        n=2,
        size="1536x1024",
        quality="low",
        api_base=at,
        api_key=KEY,
    )
    assert [size_of(base64.b64decode(image.b64_json or "")) for image in response.data] == [(1536, 1024)] * 2


def test_what_a_proxy_refuses_is_raised_as_litellm_would(at: str) -> None:
    with pytest.raises(litellm.AuthenticationError):
        litellm.image_generation(
            model="litellm_proxy/azure-flux-11-pro", prompt="A neon alley", api_base=at, api_key="sk-other"
        )
    with pytest.raises(litellm.NotFoundError):
        litellm.image_generation(model="litellm_proxy/nobody", prompt="A neon alley", api_base=at, api_key=KEY)


def test_the_same_by_openais_client(at: str, opened: Opened) -> None:
    client = OpenAI(base_url=at, api_key=KEY)

    drawn = client.images.generate(model="azure-flux-kontext", prompt="A garden", n=1, size="1024x1024")
    edited = client.images.edit(model="azure-flux-kontext-edit", image=opened("image1.png"), prompt="In oil")
    hatted = client.images.edit(
        model="gpt-image", image=opened("original_image.png"), prompt="Add a red hat", n=1, size="1024x1024"
    )
    stormy = client.images.edit(model="azure-flux-2-pro", prompt="Storm clouds", image=opened("image2.png"))

    for response in (drawn, edited, hatted, stormy):
        assert response.data
        assert size_of(base64.b64decode(response.data[0].b64_json or ""))
