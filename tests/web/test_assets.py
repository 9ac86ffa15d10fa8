"""Static files: named by content, kept for good, compressed, and only those."""

import gzip

import pytest
from jinja2 import nodes

from app.web.assets import asset
from tests.architecture import source


@pytest.fixture
def css(app):
    with app.app_context():
        return asset("css/app.css")


def test_kept_for_good_under_its_own_hash(app, css):
    answer = app.test_client().get(css)
    assert answer.status_code == 200
    assert answer.mimetype == "text/css"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_not_kept_under_another_hash(app, css):
    answer = app.test_client().get("/static/000000000000/css/app.css")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-cache"


def test_compressed_where_wanted(app, css):
    client = app.test_client()
    plain = client.get(css, headers={"Accept-Encoding": "identity"})
    packed = client.get(css, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert "Accept-Encoding" in packed.headers["Vary"]


def test_one_style_sheet_carries_them_all_within_budget(app, css):
    answer = app.test_client().get(css, headers={"Accept-Encoding": "gzip"})
    assert b"@import" not in gzip.decompress(answer.data)
    assert len(answer.data) <= 16_000


@pytest.mark.parametrize("name", ["css/absent.css", "../app/config.py", "..%2fapp%2fconfig.py", "css"])
def test_nothing_else_is_served(app, name):
    assert app.test_client().get(f"/static/0/{name}").status_code == 404


def test_templates_name_files_that_exist(app):
    named = {
        call.args[0].as_const()
        for path in source.templates()
        if path.suffix == ".html"
        for call in app.jinja_env.parse(path.read_text(encoding="utf-8")).find_all(nodes.Call)
        if isinstance(call.node, nodes.Name) and call.node.name == "asset"
    }
    assert "css/app.css" in named
    assert {name for name in named if not (source.ROOT / "static" / name).exists()} <= {
        "vendor/htmx.min.js",
        "js/main.js",
    }


def test_pages_are_compressed_where_wanted(app):
    client = app.test_client()
    plain, packed = (client.get("/dev/ui/lists", headers={"Accept-Encoding": name}) for name in ("", "gzip"))
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) < len(plain.data) / 3
    assert "Accept-Encoding" in packed.headers["Vary"]
