"""Arithmetic without evaluating code: an expression is parsed, and only numbers and the operators below are known."""

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

LENGTH, DEPTH = 500, 50
MOST_BITS, MOST_DIGITS = 4_096, 100
"""Larger whole numbers are refused."""
Number = int | float
_BINARY: dict[type, Callable[[Any, Any], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_UNARY: dict[type, Callable[[Any], Number]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
_FUNCTIONS: dict[str, tuple[Callable[..., Number], int, int]] = {
    "abs": (abs, 1, 1),
    "round": (round, 1, 2),
    "min": (min, 2, 20),
    "max": (max, 2, 20),
    "sqrt": (math.sqrt, 1, 1),
}


class NoResult(Exception):
    """The expression has no result; the message says why."""


def calculate(expression: str) -> Number:
    """The value of an expression of at most LENGTH characters. Raises NoResult."""
    if len(expression) > LENGTH:
        raise NoResult(f"The expression is longer than {LENGTH} characters.")
    try:
        tree = ast.parse(expression.strip(), mode="eval")
        return _value(tree.body, DEPTH)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NoResult(
            "The expression cannot be read. Use numbers, + - * / // % ** and parentheses."
        ) from error
    except ZeroDivisionError as error:
        raise NoResult("It divides by zero.") from error
    except (OverflowError, TypeError) as error:
        raise NoResult("The result is too large or no real number.") from error


def _value(node: ast.expr, depth: int) -> Number:
    if depth == 0:
        raise NoResult("The expression is nested too deeply.")
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _bounded(number)
        case ast.UnaryOp(op=sign, operand=inner) if type(sign) in _UNARY:
            return _UNARY[type(sign)](_value(inner, depth - 1))
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _BINARY:
            return _bounded(_BINARY[type(sign)](_value(left, depth - 1), _value(right, depth - 1)))
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(_value(left, depth - 1), _value(right, depth - 1))
        case ast.Call(func=ast.Name(id=name), args=given, keywords=[]) if name in _FUNCTIONS:
            return _called(name, [_value(argument, depth - 1) for argument in given])
    raise NoResult("Only numbers, + - * / // % **, parentheses and abs, round, min, max, sqrt are known.")


def _called(name: str, given: list[Number]) -> Number:
    act, least, most = _FUNCTIONS[name]
    if not least <= len(given) <= most:
        raise NoResult(f"{name} takes {least}{f' to {most}' if most > least else ''} numbers.")
    if name == "sqrt" and given[0] < 0:
        raise NoResult("A negative number has no square root.")
    if (
        name == "round"
        and len(given) == 2
        and not (isinstance(given[1], int) and abs(given[1]) <= MOST_DIGITS)
    ):
        raise NoResult(f"round takes at most {MOST_DIGITS} digits.")
    return _bounded(act(*given))


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * abs(exponent) > MOST_BITS:
        raise NoResult("The power is too large.")
    return _bounded(base**exponent)


def _bounded(number: Number) -> Number:
    if isinstance(number, complex):
        raise NoResult("The result is no real number.")
    if isinstance(number, float) and not math.isfinite(number):
        raise NoResult("The result is too large.")
    if isinstance(number, int) and number.bit_length() > MOST_BITS:
        raise NoResult("The result is too large.")
    return number
