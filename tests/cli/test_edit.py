"""Pictures from pictures."""

from __future__ import annotations

from tests.cli.conftest import Serve
from tests.cli.desk import Desk, foundry, openai, opened


def test_pictures_are_sent_along_and_the_edited_one_is_saved(desk: Desk, serve: Serve) -> None:
    fleet = serve(images=[openai()])
    desk.picture("house.png")
    desk.picture("tree.png")

    ran = desk.run("edit", "house.png", "tree.png", "--prompt", "Put the tree there", "--out", "both.png")

    assert ran.exit_code == 0, ran.output
    assert opened(desk.directory / "both.png").format == "PNG"
    assert fleet.requests[0].operation == "edit"


def test_a_mask_leads_to_a_deployment_that_takes_one(desk: Desk, serve: Serve) -> None:
    serve(images=[foundry(), openai()])
    desk.picture("house.png")
    desk.picture("mask.png", mode="RGBA")

    told = desk.told("edit", "house.png", "-p", "A new roof", "--mask", "mask.png")

    assert told["route"]["deployment"] == "openai"
    assert [one["path"] for one in told["files"]] == ["a-new-roof-1.png"]


def test_an_edit_never_overwrites_its_own_input(desk: Desk, serve: Serve) -> None:
    fleet = serve(images=[openai()])
    before = desk.picture("house.png").read_bytes()

    ran = desk.run("edit", "house.png", "-p", "A new roof", "-o", "house.png")

    assert ran.exit_code == 1
    assert (desk.directory / "house.png").read_bytes() == before
    assert fleet.requests == ()
