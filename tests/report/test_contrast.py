"""The colours of the page can be read, by its style sheet, which the drawings use, too."""

import re
from importlib.resources import files
from itertools import product

import pytest

CONTRAST_MIN = 4.5
"""WCAG 2.1, 1.4.3; asked here of lines and areas, too."""

GROUNDS = ("back", "raised")
WITHOUT_INK = {*GROUNDS, "line", "fault"}
"""Grounds, the lines behind drawings, and the tint of a fault's time."""

STYLE = files("vsr_node.report").joinpath("page/page.css").read_text(encoding="utf-8")
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#\w+);", part))
    for part in STYLE.split("prefers-color-scheme: dark", 1)
)
SCRIPTS = "".join(
    path.read_text(encoding="utf-8")
    for path in files("vsr_node.report").joinpath("page").iterdir()
    if path.name.endswith(".js")
)

Rgb = tuple[float, float, float]


def rgb(text: str) -> Rgb:
    red, green, blue = (int(text[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue


def luminance(colour: Rgb) -> float:
    """The relative luminance of WCAG 2.1."""
    parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return sum(part * share for part, share in zip(parts, (0.2126, 0.7152, 0.0722), strict=True))


def contrast(one: Rgb, other: Rgb) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def tinted(ground: Rgb, tint: str) -> Rgb:
    """The colour of a ground under a tint with an alpha (#rrggbbaa)."""
    share = int(tint[7:9], 16) / 255
    red, green, blue = (
        under * (1 - share) + over * share for under, over in zip(ground, rgb(tint), strict=True)
    )
    return red, green, blue


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_every_colour_has_contrast_to_the_grounds(scheme: dict[str, str]) -> None:
    low = {
        (name, ground): round(contrast(rgb(colour), rgb(scheme[ground])), 2)
        for (name, colour), ground in product(scheme.items(), GROUNDS)
        if name not in WITHOUT_INK and contrast(rgb(colour), rgb(scheme[ground])) < CONTRAST_MIN
    }
    assert low == {}


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_in_the_time_of_a_fault_can_be_read(scheme: dict[str, str]) -> None:
    for ink, ground in product(("text", "faint"), GROUNDS):
        under = tinted(rgb(scheme[ground]), scheme["fault"])
        assert contrast(rgb(scheme[ink]), under) >= CONTRAST_MIN, (ink, ground)


def test_both_schemes_have_the_same_colours_and_the_scripts_no_others() -> None:
    assert LIGHT.keys() == DARK.keys()
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b", SCRIPTS) == []
    used = {*re.findall(r"var\(--([\w-]+)\)", STYLE), *re.findall(r'colour\("([\w-]+)"\)', SCRIPTS)}
    assert used <= LIGHT.keys()
