"""The Jinja environment of the pages: Jinja's own, with the steps that pages take most made shorter.

A page of a thread escapes some 1,700 values and calls 500 macros and functions. Few values hold a sign of HTML, and of
macros and kept answers it is known that they ask for nothing of the page.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from flask.templating import Environment
from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import Context, Macro, markup_join
from jinja2.utils import missing
from markupsafe import Markup, escape

_special = re.compile("[&<>'\"]").search
_texts = frozenset({str}).issuperset
_PLAIN = frozenset({type(lru_cache(str)), type({}.get)})
"""What asks for nothing of a page: kept answers, and what Python itself is made of."""
_SKIPPED = (missing,) * 16
"""What a macro takes for the values that a call leaves to their defaults, where those are no more than so many."""


def shown(value: Any) -> str:
    """The value as HTML: markup as it is, anything else escaped."""
    if type(value) is str:
        return value if _special(value) is None else escape(value)
    if type(value) is int:
        return str(value)
    return value if type(value) is Markup else escape(value)


def joined(values: Sequence[Any]) -> str:
    """What `~` makes of values: their text, escaped as soon as one of them is markup."""
    if _texts(map(type, values)):
        return "".join(values)
    return markup_join(values)


class _Compiler(CodeGenerator):
    """Makes templates escape by `shown` where they are HTML, join by `joined`, and call the macros of `ui` at once."""

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:  # noqa: FBT001, FBT002, N802 - the generator's own
        macro = _shared(node)
        if macro is None or node.kwargs or node.dyn_args or node.dyn_kwargs or forward_caller:
            super().visit_Call(node, frame, forward_caller=forward_caller)
            return
        self.write("context.made(")
        self.visit(macro.node, frame)
        self.write(f".{macro.attr}")
        self.signature(node, frame)
        self.write(")")

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 - the generator's own name
        if frame.eval_ctx.volatile or not frame.eval_ctx.autoescape:
            super().visit_Concat(node, frame)
            return
        self.write("environment.joined((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if frame.eval_ctx.volatile or not frame.eval_ctx.autoescape or finalize.src is not None:
            super()._output_child_pre(node, frame, finalize)
        else:
            self.write("(" if _is_known(node) else "environment.shown(")


def _shared(node: nodes.Expr) -> nodes.Getattr | None:
    """The macro of `ui` that the node calls, if it does: its answer is HTML."""
    called = node.node if isinstance(node, nodes.Call) else None
    if isinstance(called, nodes.Getattr) and isinstance(called.node, nodes.Name) and called.node.name == "ui":
        return called
    return None


def _is_known(node: nodes.Expr) -> bool:
    """Whether the node is HTML as it stands: that of a macro, or one of two texts of the template."""
    return _shared(node) is not None or (
        isinstance(node, nodes.CondExpr)
        and all(
            isinstance(end, nodes.Const) and type(end.value) is str and _special(end.value) is None
            for end in (node.expr1, node.expr2)
        )
    )


class _Names(Context):
    """The names of one rendering."""

    def call(self, called: Any, /, *args: Any, **named: Any) -> Any:
        """What a template's call gives."""
        if type(called) is not Macro and type(called) not in _PLAIN:
            return super().call(called, *args, **named)
        named.pop("_loop_vars", None)
        named.pop("_block_vars", None)
        if not named:
            return self.made(called, *args)
        return called(self.eval_ctx, *args, **named) if type(called) is Macro else called(*args, **named)

    def made(self, called: Any, /, *args: Any) -> Any:
        """What a macro or kept answer gives for values by position."""
        if type(called) is not Macro:
            return called(*args)
        if called.caller or called.catch_varargs or called.catch_kwargs or not self.eval_ctx.autoescape:
            return called(self.eval_ctx, *args)
        lacking = called._argument_count - len(args)  # noqa: SLF001 - what Macro.__call__ does for such a call
        if not 0 <= lacking <= len(_SKIPPED):
            return called(self.eval_ctx, *args)
        return str.__new__(Markup, called._func(*args, *_SKIPPED[:lacking]))  # noqa: SLF001


class Templates(Environment):
    """What `Flask.jinja_environment` is set to."""

    code_generator_class = _Compiler
    context_class = _Names
    joined = staticmethod(joined)
    shown = staticmethod(shown)
