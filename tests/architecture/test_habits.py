"""One way to do each thing: where commits, headers, imports and outgoing connections may stand."""

import ast
import tomllib

import pytest

from app.config import VERSION
from tests.architecture import source

FILE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}
CLASS_ENDINGS = ("Service", "Manager", "Helper", "Handler", "Utils")
OUTBOUND = ("httpx2", "httpx", "requests", "urllib.request", "urllib3", "aiohttp", "http.client", "socket")
MAY_CONNECT = ("app/web/outbound.py", "app/web/guarded.py", "app/web/transport.py", "app/db/embedded")
NAMES_OPTIONS = ("app/web/stalled.py",)
"""Names options of connections that clients have made."""


def test_files_and_classes_say_what_they_are():
    files = [s.name for s in source.python_sources() if s.path.stem in FILE_NAMES]
    classes = [
        f"{s.name}:{c.name}"
        for s in source.app_sources()
        for c in s.classes
        if c.name.endswith(CLASS_ENDINGS)
    ]
    assert (files, classes) == ([], [])


def test_one_place_commits():
    committing = {
        s.name
        for s in source.app_sources()
        for call in s.calls
        if isinstance(call.func, ast.Attribute) and call.func.attr == "commit"
    }
    assert committing == {"app/db/session.py"}


def test_one_place_knows_the_headers_of_htmx():
    knowing = {s.name for s in source.app_sources() if any(text.startswith("HX-") for text in s.strings)}
    assert knowing == {"app/web/render.py"}


def test_outgoing_connections_have_one_door():
    reaching = {
        (s.name, name)
        for s in source.app_sources()
        if not s.name.startswith(MAY_CONNECT + NAMES_OPTIONS)
        for name, _ in s.imports
        if any(name == module or name.startswith(f"{module}.") for module in OUTBOUND)
    }
    assert reaching == set()


def test_imports_stand_at_the_top():
    late = [
        f"{s.name}:{statement.lineno}"
        for s in source.app_sources()
        for function in s.functions
        for statement in ast.walk(function)
        if isinstance(statement, ast.Import | ast.ImportFrom)
    ]
    assert late == []


def test_packages_are_empty_but_for_a_docstring():
    filled = [
        s.name
        for s in source.app_sources()
        if s.path.name == "__init__.py" and s.name != "app/__init__.py"
        if not (len(s.tree.body) == 1 and ast.get_docstring(s.tree))
    ]
    assert filled == []


@pytest.mark.parametrize("read", ["environ", "getenv"])
def test_one_place_reads_the_environment(read):
    reading = {
        s.name
        for s in source.app_sources()
        if not s.name.startswith("app/db/embedded")
        for node in ast.walk(s.tree)
        if isinstance(node, ast.Attribute) and node.attr == read
        if ast.unparse(node) != "request.environ"  # the request's own, of WSGI
    }
    assert reading <= {"app/config.py"}


def test_the_version_is_the_same_everywhere():
    project = tomllib.loads((source.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == VERSION
    assert f"Version: {VERSION}\\n" in (source.ROOT / "start.py").read_text(encoding="utf-8")
