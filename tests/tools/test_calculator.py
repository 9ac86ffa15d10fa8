"""Arithmetic of models: what it knows, and what it refuses."""

import time

import pytest

from app.tools.services.calculator import NoResult, calculate


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(12.5 + 3) * 4 / 8", 7.75),
        ("-2 ** 2", -4),
        ("7 // 2 + 7 % 2", 4),
        ("round(2.345, 1) + abs(-3)", 5.3),
        ("max(1, 2, 3) - min(4, 5)", -1),
        ("sqrt(16)", 4),
        ("2 ** 100", 2**100),
    ],
)
def test_it_works_out_arithmetic(expression, value):
    assert calculate(expression) == value


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("1 / 0", "divides by zero"),
        ("9 ** 9 ** 9", "too large"),
        ("2 ** 99999999999", "too large"),
        ("0.5 ** -99999", "too large"),
        ("1e308 * 10", "too large"),
        ("(-8) ** 0.5", "real number"),
        ("sqrt(-1)", "square root"),
        ("__import__('os').system('id')", "Only numbers"),
        ("().__class__", "Only numbers"),
        ("'a' * 999999999", "Only numbers"),
        ("[1] * 999999999", "Only numbers"),
        ("True + 1", "Only numbers"),
        ("x + 1", "Only numbers"),
        ("min(1)", "takes 2 to 20"),
        ("round(1, 2, 3)", "takes 1 to 2"),
        ("1 +", "cannot be read"),
        ("", "cannot be read"),
        ("\0", "cannot be read"),
        ("1" * 501, "longer than"),
        ("(" * 240 + "1" + ")" * 240, "cannot be read"),
        ("-" * 400 + "1", "nested too deeply"),
        ("round(15, -999999999)", "at most 100 digits"),
        ("round(1.5, 2.5)", "at most 100 digits"),
    ],
)
def test_ss_4_it_refuses_the_rest_at_once(expression, words):
    began = time.process_time()
    with pytest.raises(NoResult, match=words):
        calculate(expression)
    assert time.process_time() - began < 1
