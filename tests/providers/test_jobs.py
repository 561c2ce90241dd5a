"""What polled jobs have in common: how long silence is borne, and pictures of which some can be had."""

from __future__ import annotations

import pytest

from pixelrelay.errors import ProviderError
from pixelrelay.images import Image
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers._jobs import PATIENCE, Word, at, download, fetched, polled
from pixelrelay.providers.base import Purpose, Reply, Send
from tests.providers.exchanges import PIXEL, failed, finish

ASKING = Send(Purpose.POLL, "GET", "https://api.example/jobs/7", job="job-7")
SAID = {status: Reply(status, {}, b"") for status in (200, 202, 404, 401)}
PICTURE = Reply(200, {"content-type": "image/png"}, PIXEL)
GONE = Reply(403, {"content-type": "application/xml"}, b"<Error/>")


def look(reply: Reply) -> str | Word:
    """202: it runs. 200: it is done. Anything else tells nothing."""
    if reply.status == 200:
        return "done"
    return Word.RUNNING if reply.status == 202 else Word.SILENT


def test_a_job_is_asked_after_until_its_end_is_told() -> None:
    assert finish(polled(ASKING, look), *[SAID[202]] * 20, SAID[200]) == "done"


def test_silence_is_borne_for_a_while_and_a_word_begins_it_anew() -> None:
    silence = [SAID[404]] * (PATIENCE - 1)

    assert finish(polled(ASKING, look), *silence, SAID[202], *silence, SAID[200]) == "done"


@pytest.mark.parametrize(("status", "kind"), [(404, FailureKind.JOB_LOST), (401, FailureKind.UNAUTHORISED)])
def test_a_job_that_stays_unknown_is_lost_and_may_have_been_billed(status: int, kind: FailureKind) -> None:
    failure = failed(polled(ASKING, look), *[SAID[status]] * PATIENCE)

    assert (failure.kind, failure.charge, failure.job) == (kind, Charge.UNKNOWN, "job-7")


def test_a_job_that_fails_is_named_in_its_failure() -> None:
    def moderated(reply: Reply) -> str | Word:
        raise ProviderError(Failure(FailureKind.CONTENT_REJECTED, "no", status=reply.status))

    failure = failed(polled(ASKING, moderated), SAID[200])

    assert (failure.kind, failure.job, failure.provider_request_id) == (FailureKind.CONTENT_REJECTED, "job-7", "job-7")


# --- pictures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "image"),
    [
        ("https://cdn.example/1.png", Image(url="https://cdn.example/1.png")),
        ("data:image/webp;base64,UklGRg", Image(encoded="UklGRg", media_type="image/webp")),
        ("data:;base64,iVBOR", Image(encoded="iVBOR")),
        ("data:text/plain,hello", Image(url="data:text/plain,hello")),
    ],
)
def test_an_address_holds_its_picture_or_leads_to_it(address: str, image: Image) -> None:
    assert at(address) == image


@pytest.mark.parametrize(
    ("reply", "media_type"),
    [
        (PICTURE, "image/png"),
        (Reply(200, {"content-type": "image/svg+xml"}, b"<svg/>"), "image/svg+xml"),
        (Reply(200, {"content-type": "application/octet-stream"}, PIXEL), None),
        (Reply(200, {}, PIXEL), None),
    ],
)
def test_what_is_fetched_is_a_picture_unless_it_says_that_it_is_a_page(reply: Reply, media_type: str | None) -> None:
    image = finish(download("https://cdn.example/1"), reply)

    assert image is not None
    assert (image.data, image.media_type) == (reply.body, media_type)


@pytest.mark.parametrize(
    "reply", [GONE, Reply(200, {"content-type": "text/html; charset=utf-8"}, b"<html/>"), Reply(200, {}, b"")]
)
def test_a_page_an_error_and_an_empty_file_are_no_pictures(reply: Reply) -> None:
    assert finish(download("https://cdn.example/1"), reply) is None


def test_pictures_that_can_be_had_are_kept_though_others_are_gone() -> None:
    images = [Image(url=f"https://cdn.example/{number}", seed=number) for number in range(3)]
    cut = ProviderError(Failure(FailureKind.UNUSABLE, "HTTP 500, four times", charge=Charge.BILLED))

    got = finish(fetched(images, "job-7"), GONE, cut, PICTURE)

    assert got == (Image(data=PIXEL, media_type="image/png", seed=2),)


def test_pictures_of_which_none_can_be_had_are_billed() -> None:
    failure = failed(fetched([Image(url="https://cdn.example/1")], "job-7"), GONE)

    assert (failure.kind, failure.charge, failure.job) == (FailureKind.UNUSABLE, Charge.BILLED, "job-7")
    assert failed(fetched([], "job-7")).charge is Charge.BILLED


def test_addresses_that_were_asked_for_are_not_fetched_nor_is_what_came_inline() -> None:
    images = (Image(url="https://cdn.example/1"), Image(encoded="iVBOR"))

    assert finish(fetched(images, None, wants_url=True)) == images
    assert finish(fetched(images[1:], None)) == images[1:]
