"""One picture from the shell: drawn, saved under a name that says what it is, and accounted for."""

from __future__ import annotations

import pytest

from pixelrelay.testing import Fault, FaultKind
from tests.cli.conftest import Serve
from tests.cli.desk import KEY, Desk, bfl, foundry, openai, opened, words

PRICED = {"openai": {"price": {"image": 0.04}}}


def test_a_picture_is_saved_under_the_words_of_its_prompt_and_its_way_is_told(desk: Desk, serve: Serve) -> None:
    fleet = serve(images=[openai()], further=PRICED)

    ran = desk.run("generate", "A red lighthouse, at night", "--size", "1024x1024", "--quality", "low")

    assert ran.exit_code == 0, ran.output
    assert desk.files() == ["a-red-lighthouse-at-night-1.png"]
    assert opened(desk.directory / "a-red-lighthouse-at-night-1.png").size == (1024, 1024)
    assert "1 openai openai 1 picture" in words(ran.stdout)
    assert "served from images in" in ran.stdout
    assert "cost $0.04" in ran.stdout
    assert "a-red-lighthouse-at-night-1.png  1024x1024, image/png" in ran.stdout
    assert fleet.billed_in_all.pictures == 1


def test_further_pictures_of_a_prompt_are_numbered_on(desk: Desk, serve: Serve) -> None:
    serve(images=[openai()])

    assert desk.run("generate", "a boat", "-n", "2").exit_code == 0
    assert desk.run("generate", "a boat").exit_code == 0

    assert desk.files() == ["a-boat-1.png", "a-boat-2.png", "a-boat-3.png"]


def test_what_happens_meanwhile_is_told_beside_the_output(desk: Desk, serve: Serve) -> None:
    serve(images=[bfl()])

    ran = desk.run("generate", "a boat", "--size", "512x512")

    assert "attempt on bfl (black-forest-labs)" in ran.stderr
    assert "bfl: submitted" in ran.stderr
    assert "bfl: accepted and polled, job " in ran.stderr
    assert "bfl: drawn and being downloaded, job " in ran.stderr
    assert ", after " in ran.stderr
    assert "attempt on" not in ran.stdout


def test_a_failover_and_a_fallback_stand_in_the_table_with_their_reasons(desk: Desk, serve: Serve) -> None:
    ill = Fault(FaultKind.UNAVAILABLE)
    serve(
        flux=[foundry(faults=(ill,))],
        gpt=[openai()],
        settings={"flux": {"fallbacks": ["gpt"]}},
        further={**PRICED, "eastus": {"price": {"image": 0.03}}},
    )

    ran = desk.run("generate", "a boat", "--model", "flux", "--size", "1024x1024")

    assert ran.exit_code == 0, ran.output
    shown = words(ran.stdout)
    assert "1 eastus azure-foundry overloaded (503): " in shown
    assert "2 openai openai 1 picture" in shown
    assert "served from flux, by fallback to gpt, in" in shown
    assert "falling back from flux to gpt: overloaded" in ran.stderr


def test_waiting_for_quota_is_told_with_its_time(desk: Desk, serve: Serve) -> None:
    limits = {"concurrent": 1, "guard": 0}
    serve(images=[bfl(latency=0.3)], further={"bfl": limits})

    ran = desk.run("generate", "a boat", "-n", "2", "--size", "512x512")

    assert ran.exit_code == 0, ran.output
    assert "images is full; a place is free in " in ran.stderr
    assert "of it waiting for quota" in words(ran.stdout)


def test_no_fallbacks_stays_within_the_group(desk: Desk, serve: Serve) -> None:
    fleet = serve(
        flux=[foundry(faults=(Fault(FaultKind.UNAVAILABLE),))],
        gpt=[openai()],
        settings={"flux": {"fallbacks": ["gpt"]}},
    )

    ran = desk.run("generate", "a boat", "-m", "flux", "--no-fallbacks")

    assert ran.exit_code == 1
    assert fleet.billed_in_all.pictures == 0


def test_a_fallback_of_the_command_line_takes_the_place_of_the_configured_ones(desk: Desk, serve: Serve) -> None:
    serve(flux=[foundry(faults=(Fault(FaultKind.UNAVAILABLE),))], gpt=[openai()], bfl_group=[bfl()])

    told = desk.told("generate", "a boat", "-m", "flux", "--fallback", "bfl_group", "--size", "512x512")

    assert told["route"]["fallbacks"] == ["bfl_group"]
    assert told["route"]["deployment"] == "bfl"


def test_tags_regions_and_seeds_reach_the_router(desk: Desk, serve: Serve) -> None:
    fleet = serve(
        flux=[bfl("us"), bfl("eu")],
        further={"us": {"region": "us", "tags": ["fast"]}, "eu": {"region": "eu", "tags": ["fast", "cheap"]}},
    )

    ran = desk.run("generate", "a boat", "--tag", "fast", "--tag", "cheap", "--region", "eu", "--seed", "7")

    assert ran.exit_code == 0, ran.output
    assert {one.deployment for one in fleet.requests} == {"eu"}


def test_json_tells_files_and_route_and_nothing_else_on_standard_output(desk: Desk, serve: Serve) -> None:
    serve(images=[openai()], further=PRICED)

    told = desk.told("generate", "a boat", "--size", "1024x1024", "--format", "jpeg")

    assert [(one["path"], one["media_type"], one["size"]) for one in told["files"]] == [
        ("a-boat-1.jpg", "image/jpeg", "1024x1024")
    ]
    assert told["route"]["cost"] == "0.04"
    assert [attempt["deployment"] for attempt in told["route"]["attempts"]] == ["openai"]
    assert told["usage"]["total_tokens"] > 0


def test_a_price_that_nobody_knows_is_said_to_be_unknown(desk: Desk, serve: Serve) -> None:
    serve(images=[openai()])

    ran = desk.run("generate", "a boat")

    assert "the cost is unknown: nobody has a price for it" in ran.stdout


@pytest.mark.parametrize(
    ("out", "file"),
    [
        ("boat.png", "boat.png"),
        ("boat", "boat.png"),
        ("new/deep/boat.png", "new/deep/boat.png"),
        ("shelf/", "shelf/a-boat-1.png"),
        ("boat.jpg", "boat.png"),
        ("v1.2", "v1.2.png"),
    ],
)
def test_out_is_a_file_or_a_directory_and_the_extension_tells_the_truth(
    desk: Desk, serve: Serve, out: str, file: str
) -> None:
    serve(images=[openai()])

    told = desk.told("generate", "a boat", "--out", out)

    assert [one["path"] for one in told["files"]] == [file]
    assert opened(desk.directory / file).format == "PNG"


def test_several_pictures_of_one_name_are_numbered(desk: Desk, serve: Serve) -> None:
    serve(images=[openai()])

    desk.run("generate", "a boat", "-n", "2", "--out", "boat.png")

    assert desk.files() == ["boat-1.png", "boat-2.png"]


def test_a_file_that_exists_is_left_alone_and_nothing_is_bought(desk: Desk, serve: Serve) -> None:
    fleet = serve(images=[openai()])
    (desk.directory / "boat.png").write_text("precious")

    ran = desk.run("generate", "a boat", "--out", "boat.png")

    assert ran.exit_code == 1
    assert "error: boat.png exists; --force overwrites it" in ran.stderr
    assert (desk.directory / "boat.png").read_text() == "precious"
    assert fleet.requests == ()


def test_force_overwrites_the_file_that_was_named(desk: Desk, serve: Serve) -> None:
    serve(images=[openai()])
    (desk.directory / "boat.png").write_text("worthless")

    assert desk.run("generate", "a boat", "--out", "boat.png", "--force").exit_code == 0
    assert opened(desk.directory / "boat.png").format == "PNG"


def test_a_picture_of_another_kind_than_was_named_overwrites_nothing(desk: Desk, serve: Serve) -> None:
    serve(images=[openai()])
    (desk.directory / "boat.png").write_text("precious")

    told = desk.told("generate", "a boat", "--out", "boat.webp")

    assert [one["path"] for one in told["files"]] == ["boat-2.png"]
    assert (desk.directory / "boat.png").read_text() == "precious"


def test_pictures_that_are_paid_are_saved_even_where_others_are_missing(desk: Desk, serve: Serve) -> None:
    refused = Fault(FaultKind.MODERATED_INPUT, requests=(2,))
    serve(images=[bfl(faults=(refused,))])

    ran = desk.run("generate", "a boat", "-n", "3", "--size", "512x512", "--out", "boat.jpg")

    assert ran.exit_code == 1
    assert desk.files() == ["boat-1.jpg", "boat-2.jpg"]
    assert "boat-1.jpg" in ran.stdout
    assert "error: 1 of 3 pictures are missing; those that were drawn are saved" in ran.stderr


def test_brackets_in_a_prompt_are_only_brackets(desk: Desk, serve: Serve) -> None:
    serve(images=[openai()])

    ran = desk.run("generate", "a [bold]boat[/nonsense] :smile:", "--out", "[red]boat")

    assert ran.exit_code == 0, ran.output
    assert "[red]boat.png" in ran.stdout


def test_no_output_holds_a_key(desk: Desk, serve: Serve) -> None:
    serve(images=[openai()], wrong=[openai("other")], further={"other": {"api_key": "sk-wrong-0123456789"}})

    for arguments in (["generate", "a", "-m", "images"], ["generate", "a", "-m", "wrong"], ["check", "--live"]):
        for further in ([], ["--json"]):
            output = desk.run(*arguments, *further).output
            assert KEY not in output
            assert "sk-wrong" not in output
