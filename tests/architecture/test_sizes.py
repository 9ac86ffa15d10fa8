"""The budget of the architecture guide; ruff watches statements, complexity and arguments."""

from tests.architecture import source

FILE_LINES = 400
FUNCTION_LINES = 50
VIEW_LINES = 25
VIEWS_A_MODULE = 12
TEMPLATE_LINES = 200
CONFTEST_LINES = 150


def test_python_files_are_short():
    long = {s.name: lines for s in source.python_sources() if (lines := s.text.count("\n")) > FILE_LINES}
    assert long == {}


def test_conftest_is_short():
    conftest = source.ROOT / "tests" / "conftest.py"
    assert conftest.read_text(encoding="utf-8").count("\n") <= CONFTEST_LINES


def test_functions_are_short():
    long = {
        f"{s.name}:{node.name}": source.length(node)
        for s in source.python_sources()
        for node in s.functions
        if source.length(node) > FUNCTION_LINES
    }
    assert long == {}


def test_views_are_short_and_few():
    long = {
        f"{s.name}:{node.name}": source.length(node)
        for s in source.views()
        for node in s.functions
        if source.is_view(node) and source.length(node) > VIEW_LINES
    }
    counts = {s.name: sum(source.is_view(node) for node in s.functions) for s in source.views()}
    assert long == {}
    assert {name: count for name, count in counts.items() if count > VIEWS_A_MODULE} == {}


def test_templates_are_short():
    lines = {path.name: path.read_text(encoding="utf-8").count("\n") for path in source.templates()}
    assert {name: count for name, count in lines.items() if count > TEMPLATE_LINES} == {}
