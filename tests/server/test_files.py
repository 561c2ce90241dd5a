"""Pictures under links: signed, expiring, bounded."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from pixelrelay import _clock
from tests.server.scenes import SMALL, Counter, bfl, error_of, foundry, gateway_over, openai

pytestmark = pytest.mark.anyio

SECRET = "0123456789abcdef"


async def linked(at: Counter, **body: Any) -> str:
    answer = await at.draw(response_format="url", **body)
    assert answer.status_code == 200, answer.text
    (item,) = answer.json()["data"]
    assert "b64_json" not in item
    url: str = item["url"]
    return url


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


async def test_a_picture_that_came_as_bytes_is_served_under_a_link() -> None:
    async with gateway_over(foundry()) as at:
        url = await linked(at)
        answer = await at.client.get(url)

    assert url.startswith("http://localhost/files/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"], "an SVG may hold scripts"
    assert Image.open(BytesIO(answer.content)).size == (64, 64)


async def test_a_link_begins_with_the_address_that_the_world_knows() -> None:
    async with gateway_over(foundry(), server={"public_url": "https://images.example/"}) as at:
        assert (await linked(at)).startswith("https://images.example/files/")


async def test_a_link_altered_by_one_character_leads_nowhere() -> None:
    async with gateway_over(foundry()) as at:
        parts = urlsplit(await linked(at))
        path = f"{parts.path}?{parts.query}"
        assert (await at.client.get(path)).status_code == 200
        for place, character in enumerate(path):
            if character in "/?=&" or path[:place].count("/") < 2:
                continue
            other = {"0": "1", ".": ",", "a": "A"}.get(character, "0")
            answer = await at.client.get(path[:place] + other + path[place + 1 :])
            assert answer.status_code == 404, (place, answer.text)
            assert error_of(answer)["code"] == "no_such_file"
        for further in ("0", "a", "%00"):
            assert (await at.client.get(path + further)).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/files/", "/files/x", "/files/..%2f..%2fetc%2fpasswd?expires=1&signature=", "/files/a.png?expires=٣&signature=é"],
)
async def test_what_was_never_given_out_leads_nowhere(path: str) -> None:
    async with gateway_over(foundry()) as at:
        assert (await at.client.get(path)).status_code == 404


async def test_a_link_expires(tmp_path: Path) -> None:
    files = {"directory": str(tmp_path), "secret": SECRET, "expires": 1.0}
    async with gateway_over(foundry(), server={"files": files}) as at:
        url = urlsplit(await linked(at))
        path, query = url.path, url.query
        shelf = at.gateway.shelf
        name, expires = path.rpartition("/")[2], str(int(_clock.wall()) - 1)
        assert (await at.client.get(f"{path}?{query}")).status_code == 200
        late = f"{path}?expires={expires}&signature={shelf.signature(name, expires)}"
        assert (await at.client.get(late)).status_code == 404


async def test_those_who_share_directory_and_secret_serve_each_others_links(tmp_path: Path) -> None:
    files = {"directory": str(tmp_path), "secret": SECRET}
    async with (
        gateway_over(foundry(), server={"files": files}) as one,
        gateway_over(foundry(), server={"files": files}) as other,
        gateway_over(foundry(), server={"files": {**files, "secret": SECRET[::-1]}}) as stranger,
    ):
        url = await linked(one)
        assert (await other.client.get(url)).status_code == 200
        assert (await stranger.client.get(url)).status_code == 404

    assert len(names_in(tmp_path)) == 1, "what has a directory of its own outlives the gateway"


async def test_the_oldest_make_room_and_what_is_not_the_gateways_stays(tmp_path: Path) -> None:
    (tmp_path / "theirs.png").write_bytes(b"x")
    async with gateway_over(foundry()) as at:
        size = len((await at.client.get(await linked(at))).content)
    files = {"directory": str(tmp_path), "secret": SECRET, "max_bytes": int(size * 2.5)}
    async with gateway_over(foundry(), server={"files": files}) as at:
        urls = []
        for number in range(3):
            urls.append(await linked(at))
            newest = tmp_path / urlsplit(urls[-1]).path.rpartition("/")[2]
            os.utime(newest, (_clock.wall() - 10 + number,) * 2)
        statuses = [(await at.client.get(url)).status_code for url in urls]

    assert statuses == [404, 200, 200]
    assert (tmp_path / "theirs.png").exists()


async def test_what_has_expired_is_tidied_away(tmp_path: Path) -> None:
    files = {"directory": str(tmp_path), "secret": SECRET, "expires": 100.0}
    async with gateway_over(foundry(), server={"files": files}) as at:
        await linked(at)
        file = tmp_path / names_in(tmp_path)[0]
        await at.gateway.shelf.tidy()
        assert file.exists()
        os.utime(file, (_clock.wall() - 101,) * 2)
        await at.gateway.shelf.tidy()
        assert not file.exists()


@pytest.mark.parametrize("files", [{"max_bytes": 10}, {"directory": "/proc/nowhere"}])
async def test_a_picture_that_cannot_be_kept_is_told_in_full(files: dict[str, Any]) -> None:
    async with gateway_over(foundry(), server={"files": files}) as at:
        answer = await at.draw(response_format="url")

    assert answer.status_code == 200
    assert "b64_json" in answer.json()["data"][0]


async def test_a_temporary_directory_goes_with_the_gateway() -> None:
    async with gateway_over(foundry()) as at:
        await linked(at)
        directory = at.gateway.shelf.directory
        assert directory.exists()

    assert not directory.exists()


# --- links of providers ------------------------------------------------------------------------------------------


async def test_a_providers_own_link_is_passed_on() -> None:
    async with gateway_over(bfl()) as at:
        url = await linked(at)

    assert "emulated.localhost" in url


@pytest.mark.parametrize("by_header", [True, False])
@pytest.mark.parametrize("links", ["own", "inline"])
async def test_a_providers_link_may_be_replaced_by_the_gateways_or_by_the_picture(links: str, by_header: bool) -> None:
    server = {} if by_header else {"files": {"links": links}}
    headers = {"x-pixelrelay-links": links} if by_header else {}
    async with gateway_over(bfl(), server=server) as at:
        answer = await at.draw(response_format="url", headers=headers)

    (item,) = answer.json()["data"]
    if links == "own":
        assert item["url"].startswith("http://localhost/files/")
    else:
        assert "b64_json" in item
        assert "url" not in item


async def test_links_that_do_not_exist_are_refused() -> None:
    async with gateway_over(bfl()) as at:
        answer = await at.draw(headers={"x-pixelrelay-links": "all"})

    assert error_of(answer)["param"] == "x-pixelrelay-links"


@pytest.mark.parametrize("response_format", [None, "b64_json"])
async def test_whoever_asks_for_no_link_gets_the_picture(response_format: str | None) -> None:
    async with gateway_over(bfl()) as at:
        answer = await at.draw(response_format=response_format, size=SMALL)

    assert "b64_json" in answer.json()["data"][0]


async def test_several_pictures_each_have_a_link() -> None:
    async with gateway_over(openai()) as at:
        answer = await at.draw(response_format="url", n=2, size="1024x1024")
        urls = [item["url"] for item in answer.json()["data"]]
        statuses = [(await at.client.get(url)).status_code for url in urls]

    assert len(set(urls)) == 2
    assert statuses == [200, 200]
