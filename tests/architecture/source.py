"""The product's own files as text and syntax trees."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
APP = ROOT / "app"
TEMPLATES = ROOT / "templates"

VERBS = {"route", "get", "post", "patch", "delete"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One Python file."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def functions(self) -> Iterator[Function]:
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))

    @property
    def classes(self) -> Iterator[ast.ClassDef]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef))

    @property
    def calls(self) -> Iterator[ast.Call]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))

    @property
    def strings(self) -> Iterator[str]:
        """Every text constant but docstrings."""
        documented = (ast.Module, ast.ClassDef, *Function.__args__)
        bodies = [node.body for node in ast.walk(self.tree) if isinstance(node, documented)]
        docstrings = {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                yield node.value

    @property
    def imports(self) -> Iterator[tuple[str, ast.stmt]]:
        """The full name of each imported module or name, with its statement."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from ((f"{node.module}.{alias.name}", node) for alias in node.names)


def app_sources() -> list[Source]:
    return [Source(path) for path in sorted(APP.rglob("*.py"))]


def python_sources() -> list[Source]:
    """All Python files of the repository but migrations."""
    roots = [ROOT / "start.py", ROOT / "wsgi.py", *APP.rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    return [Source(path) for path in sorted(roots) if path.exists()]


def views() -> list[Source]:
    return [s for s in app_sources() if s.path.name == "views.py" or s.path.parent.name == "views"]


def templates() -> list[Path]:
    return sorted(path for path in TEMPLATES.rglob("*") if path.is_file())


def length(node: Function) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def is_view(node: Function) -> bool:
    """A view carries a decorator that routes to it."""
    targets = [item.func if isinstance(item, ast.Call) else item for item in node.decorator_list]
    return any(isinstance(target, ast.Attribute) and target.attr in VERBS for target in targets)
