"""Files that the pages of a site lead to: those that can be read are, the others are listed with the reason."""

from app.knowledge.models.sources import WebPage, WebUrl
from app.knowledge.services import sources, web
from app.knowledge.services.retrieval import Question, search
from tests.factories.rows import rows
from tests.knowledge import files
from tests.support.answers import serving
from tests.support.knowledge import searchable, without_live_source

SITE = {"scope": "site", "max_depth": 1, "max_pages": 50, "refresh_seconds": None}
LINKS = ("/rules.pdf", "/list.csv", "/plan.docx", "/sea.png", "/bad.pdf", "/app.js")


def answers(folder):
    """A page with links to files of several kinds."""
    anchors = "".join(f'<a href="{link}">on</a>' for link in LINKS)
    rules = files.pdf(folder / "rules.pdf", ["Trams stop at midnight."]).read_bytes()
    return {
        "": (200, {"Content-Type": "text/html"}, f"<main>Welcome.</main><nav>{anchors}</nav>".encode()),
        "rules.pdf": (200, {"Content-Type": "application/octet-stream"}, rules),
        "list.csv": (200, {"Content-Type": "text/csv; charset=utf-8"}, b"Line,Stop\nNine,Harbour\n"),
        "plan.docx": (200, {"Content-Type": "application/zip"}, b"PK\x03\x04 and no more"),
        "sea.png": (200, {"Content-Type": "image/png"}, b"\x89PNG and more"),
        "bad.pdf": (200, {"Content-Type": "application/pdf"}, b"%PDF-1.7 and no more"),
        "app.js": (200, {"Content-Type": "text/javascript"}, b"alert(1)"),
    }


def pages():
    return {row.url.rpartition("/")[2]: row for row in rows(WebPage)}


def test_files_are_read_and_others_are_listed_with_the_reason(do, base, allow, tmp_path, embedded):
    with serving(**answers(tmp_path)) as server:
        allow(server, kind="crawl")
        web_id = do(web.add_web, base.id, f"{server.url}/", SITE)
        found = pages()
        assert {path: row.status for path, row in found.items()} == {
            **dict.fromkeys(("", "rules.pdf", "list.csv"), "ready"),
            **dict.fromkeys(("plan.docx", "sea.png", "bad.pdf", "app.js"), "failed"),
        }
        assert found["rules.pdf"].title == "rules.pdf"
        assert "Trams stop at midnight." in found["rules.pdf"].markdown
        assert "Harbour" in found["list.csv"].markdown
        assert found["sea.png"].error == "A picture cannot be read. Only text can be searched."
        assert found["app.js"].error == "The page is of the type text/javascript, which is not read."
        assert rows(WebUrl)[0].error == "4 of 7 pages could not be read now."
        hits = search(base.org_id, Question("When do trams stop?", [base.id])).hits
        assert hits[0].passage.source_url == f"{server.url}/rules.pdf"
        embedded.clear()
        do(sources.retry_source, base.id, "web", web_id)
        assert embedded == []
        server.answers["/rules.pdf"] = server.answers["/sea.png"]
        do(sources.retry_source, base.id, "web", web_id)
    assert pages()["rules.pdf"].status == "failed"
    assert "Trams" not in " ".join(searchable())
    assert without_live_source() == 0
