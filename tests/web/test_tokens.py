"""The contrast of the colour pairs that meet on screen, computed from the style sheet."""

import re

import pytest

from tests.architecture.source import ROOT

TOKENS = (ROOT / "static/css/tokens.css").read_text(encoding="utf-8")
PAIRS = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", TOKENS)
}
SURFACES = ("bg", "s1", "s2")
TINTS = ("ok-b", "wa-b", "er-b", "in-b", "pu-b")
TEXT, CONTROL = 4.5, 3.0
ON_TINT = [("ok", "ok-b"), ("wa", "wa-b"), ("er", "er-b"), ("in", "in-b"), ("pu", "pu-b")]
READ = [
    *[("tx", ground) for ground in (*SURFACES, *TINTS)],
    *[("tx2", ground) for ground in (*SURFACES, "in-b")],
    *[("acc", ground) for ground in (*SURFACES, "in-b")],
    *[("er", ground) for ground in SURFACES],
    *ON_TINT,
    ("on-acc", "acc"),
    ("on-er", "er"),
]
SEEN = [(name, ground) for name in ("ctl", "acc") for ground in SURFACES]


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """The lower WCAG ratio of both themes."""
    ratios = []
    for one, other in zip(PAIRS[first], PAIRS[second], strict=True):
        lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
        ratios.append((lighter + 0.05) / (darker + 0.05))
    return min(ratios)


@pytest.mark.parametrize(("text", "ground"), READ)
def test_text_can_be_read(text, ground):
    assert contrast(text, ground) >= TEXT


@pytest.mark.parametrize(("control", "ground"), SEEN)
def test_controls_and_focus_can_be_seen(control, ground):
    assert contrast(control, ground) >= CONTROL


def test_other_sheets_name_colours_by_token_only():
    named = {
        path.name: found
        for path in sorted((ROOT / "static/css").glob("*.css"))
        if path.name != "tokens.css"
        and (
            found := re.findall(
                r"#[0-9a-fA-F]{3,8}\b(?![\w-]*\s*\{)|rgba?\(|hsla?\(", path.read_text("utf-8")
            )
        )
    }
    assert named == {}


def test_every_token_in_use_is_defined():
    sheets = "".join(path.read_text("utf-8") for path in (ROOT / "static/css").glob("*.css"))
    defined = set(re.findall(r"(--[\w-]+):", TOKENS))
    assert set(re.findall(r"var\((--[\w-]+)", sheets)) - defined == set()
