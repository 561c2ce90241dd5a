"""Newcomers' mistakes: each ends in a line that says what is wrong and what would help, and never in a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import Result

from pixelrelay.cli.sources import SMALLEST
from pixelrelay.config import load
from pixelrelay.testing import Fault, FaultKind
from tests.cli.conftest import Serve
from tests.cli.desk import Desk, foundry, openai, words


def failed(ran: Result, code: int = 1) -> str:
    """What a command that failed said on standard error."""
    assert ran.exit_code == code, ran.output
    assert "Traceback" not in ran.output
    return ran.stderr


def test_without_a_configuration_one_is_told_where_it_is_looked_for_and_how_it_begins(desk: Desk) -> None:
    said = failed(desk.run("generate", "a boat"))

    assert said.startswith("error: no configuration: there is no pixelrelay.yaml, pixelrelay.yml or pixelrelay.toml")
    assert "$PIXELRELAY_CONFIG is not set" in said
    assert "provider: openai" in said


def test_the_configuration_that_it_shows_can_be_used(desk: Desk) -> None:
    written = desk.write(SMALLEST)

    assert list(load(written, environ={"OPENAI_API_KEY": "key-1234"}).models) == ["images"]


def test_the_environment_may_name_the_configuration_and_a_file_here_comes_first(
    desk: Desk, serve: Serve, tmp_path: Path
) -> None:
    serve(images=[openai()])
    elsewhere = desk.directory / "pixelrelay.yaml"
    (other := tmp_path / "other").mkdir()
    away = Desk(other, environ={"PIXELRELAY_CONFIG": str(elsewhere)})

    assert away.run("explain").exit_code == 0
    away.write("models: {}", "pixelrelay.toml")
    assert "pixelrelay.toml" in failed(away.run("explain"))


def test_a_configuration_that_is_not_there_is_named(desk: Desk) -> None:
    assert failed(desk.run("generate", "a", "-c", "relay.yaml")) == "error: relay.yaml: No such file or directory\n"


def test_a_typo_in_yaml_is_told_with_its_line(desk: Desk) -> None:
    desk.write("models:\n  images: [\n")

    assert failed(desk.run("generate", "a")).startswith("error: pixelrelay.yaml: line 3, column 1: ")


def test_every_problem_of_a_configuration_is_told_at_once(desk: Desk) -> None:
    desk.write(
        "models:\n  images:\n    strategy: fastest\n    deployments:\n"
        "      - {name: a, provider: openia, model: gpt-image-2, api_key: '${NOT_SET}'}\n"
    )

    said = failed(desk.run("generate", "a"))

    assert said.startswith("error: pixelrelay.yaml: 3 problems\n")
    assert "models.images.deployments[0].provider: no provider is named 'openia'; did you mean 'openai'?" in said
    assert "models.images.deployments[0].api_key: the environment variable NOT_SET is not set" in said


def test_a_model_that_does_not_exist_brings_a_suggestion(desk: Desk, serve: Serve) -> None:
    serve(flux=[foundry()])

    assert failed(desk.run("generate", "a", "--model", "flx")) == (
        "error: no model is named 'flx'; did you mean 'flux'?\n"
    )


def test_where_there_are_several_groups_one_has_to_be_named(desk: Desk, serve: Serve) -> None:
    serve(flux=[foundry()], gpt=[openai()])

    assert failed(desk.run("generate", "a")) == ("error: which model? There are flux, gpt; name one with --model\n")


def test_what_is_wrong_with_a_request_is_told_by_the_names_of_its_options(desk: Desk, serve: Serve) -> None:
    fleet = serve(images=[openai()])

    assert failed(desk.run("generate", "a", "--size", "10by10")) == (
        "error: --size: '10by10' is no size; write it as '1024x1024', or 'auto'\n"
    )
    said = failed(desk.run("generate", " ", "-n", "0", "--format", "gif", "--out", "new/"))
    assert said.startswith("error: 3 problems\n")
    assert "  prompt: is empty\n" in said
    assert "  -n: 0 is not a whole number from 1 to 64\n" in said
    assert "  --format: 'gif' is none of jpeg, png, svg, webp\n" in said
    assert "--timeout: -1.0 is not" in failed(desk.run("generate", "a", "--timeout", "-1"))
    assert fleet.requests == ()
    assert not (desk.directory / "new").exists()


def test_a_size_that_no_model_draws_is_told_deployment_by_deployment(desk: Desk, serve: Serve) -> None:
    serve(flux=[foundry()], gpt=[openai()], settings={"flux": {"fallbacks": ["gpt"]}})

    said = failed(desk.run("generate", "a", "-m", "flux", "--size", "1000x1000"))

    assert "no deployment of 'flux' can do what was asked" in said
    assert "eastus size 1000x1000: it draws multiples of 16" in words(said)
    assert "openai size 1000x1000: it draws multiples of 16" in words(said)


def test_a_wrong_key_is_shown_as_such_with_what_would_help(desk: Desk, serve: Serve) -> None:
    serve(images=[openai()], further={"openai": {"api_key": "sk-wrong-0123456789"}})

    said = failed(desk.run("generate", "a"))

    assert "'images' could not be served by any deployment it was allowed to try" in said
    assert "1 openai openai unauthorised (401): " in words(said)
    assert "hint: the provider did not accept the key of openai; `pixelrelay check --live` asks each of them" in said


def test_a_provider_that_cannot_be_reached_is_told_with_a_hint(desk: Desk, serve: Serve) -> None:
    serve(images=[openai()]).kill("openai")

    said = failed(desk.run("generate", "a"))

    assert "connection: " in said
    assert "hint: openai could not be reached" in said


def test_a_full_account_tells_when_to_try_again(desk: Desk, serve: Serve) -> None:
    serve(images=[openai(faults=(Fault(FaultKind.RATE_LIMITED, retry_after=40),))])

    said = failed(desk.run("generate", "a", "--timeout", "10"))

    assert "error: every deployment of 'images' is full" in said
    assert "hint: try again in " in said


def test_what_may_have_been_billed_is_not_hidden(desk: Desk, serve: Serve) -> None:
    serve(images=[openai(faults=(Fault(FaultKind.RESET_BEFORE_ANSWER),))], further={"openai": {"price": {"image": 1}}})

    said = failed(desk.run("generate", "a"))

    assert "maybe $1.00" in said
    assert "hint: an attempt may have been billed; to ask again may be to pay twice" in said


def test_moderation_is_told_as_the_provider_put_it(desk: Desk, serve: Serve) -> None:
    serve(images=[openai(faults=(Fault(FaultKind.MODERATED_INPUT),))])

    said = failed(desk.run("generate", "a"))

    assert "error: 'images' was refused by moderation" in said
    assert "content rejected (400): " in words(said)


@pytest.mark.parametrize(
    ("image", "line"),
    [
        (".", "error: .: Is a directory\n"),
        ("notes.txt", "error: notes.txt: is no PNG, JPEG, WebP, GIF or SVG\n"),
        ("empty.png", "error: empty.png: is empty\n"),
        ("missing.png", "error: missing.png: No such file or directory\n"),
        ("https://example.com/a.png", "error: https://example.com/a.png: is an address, and fetching is switched off"),
        ("data:image/png;base64,!!", "error: image[0]: is a data: URL whose base64 cannot be decoded\n"),
    ],
)
@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_an_input_that_is_no_picture_is_told_by_its_name(
    desk: Desk, serve: Serve, image: str, line: str, dry: list[str]
) -> None:
    fleet = serve(images=[openai()])
    (desk.directory / "notes.txt").write_text("buy milk")
    (desk.directory / "empty.png").touch()

    assert failed(desk.run("edit", image, "--prompt", "a hat", *dry)).startswith(line)
    assert fleet.requests == ()


def test_a_mask_of_another_size_is_refused_before_anything_is_sent(desk: Desk, serve: Serve) -> None:
    serve(images=[openai()])
    desk.picture("house.png")
    desk.picture("mask.png", (64, 64), "RGBA")

    said = failed(desk.run("edit", "house.png", "--prompt", "a hat", "--mask", "mask.png"))

    assert said == "error: mask.png: is 64x64, and the first image is 1024x1024; they must be of one size\n"


@pytest.mark.parametrize(
    ("text", "help_given"),
    [
        ("guidance", "'guidance' is not of the form KEY=VALUE, as guidance=3.5"),
        ("=3", "is not of the form KEY=VALUE"),
        ("size=3x3", "size: it has an option of its own: --size"),
        ("output_format=png", "output_format: it has an option of its own: --format"),
        ("response_format=url", "response_format: it cannot be set here"),
        ("model=flux", "model: it cannot be set here"),
    ],
)
def test_a_parameter_that_cannot_be_one_is_refused_as_misuse(
    desk: Desk, serve: Serve, text: str, help_given: str
) -> None:
    serve(images=[openai()])

    ran = desk.run("generate", "a", "--param", text)

    assert help_given in words(failed(ran, code=2).replace("│", ""))


def test_options_that_contradict_each_other_are_refused_as_misuse(desk: Desk, serve: Serve) -> None:
    serve(images=[openai()])

    ran = desk.run("generate", "a", "--fallback", "images", "--no-fallbacks")

    assert "contradict each other" in failed(ran, code=2)


def test_a_mistyped_command_brings_a_suggestion(desk: Desk) -> None:
    assert "Did you mean 'generate'?" in failed(desk.run("genrate"), code=2)


def test_a_place_that_cannot_be_written_to_is_told_before_anything_is_bought(desk: Desk, serve: Serve) -> None:
    fleet = serve(images=[openai()])
    (desk.directory / "taken").write_text("a file")

    said = failed(desk.run("generate", "a", "--out", "taken/boat.png"))

    assert said == "error: taken: File exists\n"
    assert fleet.requests == ()
