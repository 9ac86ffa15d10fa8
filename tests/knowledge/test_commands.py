"""`flask knowledge`, run as a person runs it."""

import json

import pytest

from app.knowledge.models.sources import KnowledgeBase, KnowledgeFile, WebPage, WebUrl
from app.orgs.models import Org
from tests.factories.rows import rows
from tests.support.answers import serving

HTML = {"Content-Type": "text/html"}
CORPUS = {
    "d1": ("Refunds", "Refunds take five days after you returned the parcel."),
    "d2": ("Shipping", "Orders leave the house within two days, by post."),
    "d3": ("", "Error ERR-4012 says that the card was declined."),
}
QUERIES = {"q1": "how long does a refund take", "q2": "ERR-4012"}
JUDGED = (("q1", "d1"), ("q2", "d3"))


@pytest.fixture
def run(app, connection, embedded):
    """A function that runs `flask knowledge <words>` and returns what it printed."""
    runner = app.test_cli_runner()

    def command(*words, status=0):
        result = runner.invoke(args=["knowledge", *map(str, words)])
        assert result.exit_code == status, result.output
        return result

    return command


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "rules.md").write_text("# Rules\n\nRefunds take five days.")
    (tmp_path / "more" / "fees.txt").write_text("There are no fees for students.")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / ".hidden").write_text("Nobody reads this.")
    return tmp_path


def test_a_folder_is_brought_in_and_searched(run, org, folder, embedded):
    done = run("ingest", folder, "--base", "Handbook", "--org", "acme", status=1)
    assert "rules.md: ready" in done.output
    assert "picture.png: A picture cannot be read" in done.output
    assert [base.name for base in rows(KnowledgeBase)] == ["Handbook"]
    assert {file.name: file.status for file in rows(KnowledgeFile)} == {
        "rules.md": "ready",
        "more/fees.txt": "ready",
    }
    said = run("search", "refunds five days", "--org", "acme").output
    assert said.startswith("1. Handbook / rules.md")
    found = json.loads(
        run("search", "fees for students", "--org", "acme", "--base", "handbook", "--json").output
    )
    assert found["data"][0]["source"] == "more/fees.txt"
    only = ("search", "fees for students", "--org", "acme", "--kind")
    assert "more/fees.txt" in run(*only, "file").output
    assert "Nothing was found." in run(*only, "text").output
    one = next(str(file.id) for file in rows(KnowledgeFile) if file.name == "rules.md")
    assert "rules.md" in run("search", "fees", "--org", "acme", "--source", one).output
    assert "not a valid UUID" in run("search", "fees", "--org", "acme", "--source", "x", status=2).output
    assert (found["data"][0]["vector_rank"], found["data"][0]["fulltext_rank"]) == (1, 1)


def test_the_same_files_again_cost_nothing_and_changed_ones_replace(run, org, folder, embedded):
    (folder / "picture.png").unlink()
    run("ingest", folder, "--base", "Handbook", "--org", "acme")
    embedded.clear()
    assert "rules.md: unchanged" in run("ingest", folder, "--base", "Handbook", "--org", "acme").output
    assert embedded == []
    (folder / "rules.md").write_text("# Rules\n\nRefunds take nine days.")
    run("ingest", folder / "rules.md", "--base", "Handbook", "--org", "acme")
    assert len(rows(KnowledgeFile)) == 2
    assert "nine days" in run("search", "refunds days", "--org", "acme").output
    assert "five days" not in run("search", "refunds days", "--org", "acme").output


def test_mistakes_are_named(run, org, folder):
    asked = ("search", "x", "--org")
    assert "There is no organisation" in run(*asked, "nowhere", status=2).output
    assert "no knowledge base called" in run(*asked, "acme", "--base", "Nothing", status=2).output
    assert "is no collection" in run("evaluate", folder, "--json", status=2).output
    assert "Nothing was found." in run("search", "x", "--org", "acme").output


def test_a_collection_is_judged_and_nothing_of_it_stays(run, org, tmp_path):
    (tmp_path / "qrels").mkdir()
    lines = [
        json.dumps({"_id": key, "title": title, "text": words}) for key, (title, words) in CORPUS.items()
    ]
    (tmp_path / "corpus.jsonl").write_text("\n".join(lines))
    asked = [json.dumps({"_id": key, "text": words}) for key, words in QUERIES.items()]
    (tmp_path / "queries.jsonl").write_text("\n".join(asked))
    judged = ["query-id\tcorpus-id\tscore", *(f"{query}\t{document}\t1" for query, document in JUDGED)]
    (tmp_path / "qrels" / "test.tsv").write_text("\n".join(judged))
    found = json.loads(run("evaluate", tmp_path, "--json").stdout)
    assert set(found) == {"vector", "fulltext", "hybrid"}
    assert set(found["hybrid"]) == {"ndcg@10", "recall@10", "recall@100", "mrr"}
    assert found["fulltext"] == {"ndcg@10": 1.0, "recall@10": 1.0, "recall@100": 1.0, "mrr": 1.0}
    assert found["hybrid"]["recall@100"] == 1.0
    assert [one.slug for one in rows(Org)] == ["acme"]
    assert rows(KnowledgeBase) == []
    assert "ndcg@10" in run("evaluate", tmp_path).output


def test_a_site_is_crawled_and_searched_and_what_is_gone_is_deleted(run, org, allow, embedded):
    start = 200, HTML, b'<title>Start</title><main>Welcome. <a href="/fees">Fees</a></main>'
    fees = 200, HTML, b"<main>There are no fees for students.</main>"
    with serving(**{"": start, "fees": fees, "robots.txt": (404, {}, b"")}) as server:
        allow(server, kind="crawl")
        asked = ("crawl", f"{server.url}/", "--base", "Site", "--org", "acme")
        assert f"{server.url}/fees: ready" in run(*asked).output
        embedded.clear()
        assert f"{server.url}/fees: unchanged" in run(*asked).output
        assert embedded == []
        assert f"1. Site / {server.url}/fees (" in run("search", "fees for students", "--org", "acme").output
        found = json.loads(run("search", "welcome", "--org", "acme", "--json").output)["data"][0]
        assert (found["source"], found["url"]) == ("Start", f"{server.url}/")
        server.answers["/fees"] = 404, {}, b""
        assert f"{server.url}/fees: deleted" in run(*asked).output
        server.answers["/"] = 500, {}, b""
        assert "Error: The server answered with status 500." in run(*asked, status=1).output
        server.answers["/x"] = 500, {}, b""
        assert "Error:" in run(*asked[:1], f"{server.url}/x", *asked[2:], status=1).output
        assert [web.url for web in rows(WebUrl)] == [f"{server.url}/"]
    (web,) = rows(WebUrl)
    assert (web.scope, web.max_depth, web.max_pages, web.task_id) == ("site", 2, 100, None)
    assert [page.url for page in rows(WebPage)] == [web.url]


def test_a_sitemap_is_crawled(run, org, allow):
    with serving(a=(200, HTML, b"<main>Fees are due.</main>")) as server:
        allow(server, kind="crawl")
        body = f"<urlset><url><loc>{server.url}/a</loc></url></urlset>"
        server.answers["/sitemap.xml"] = 200, {}, body.encode()
        done = run(
            "crawl", f"{server.url}/sitemap.xml", "--sitemap", "--base", "Site", "--org", "acme", "--pages", 5
        )
        assert done.output == f"{server.url}/a: ready\n"
    assert rows(WebUrl)[0].scope == "sitemap"


def test_ss_1_addresses_of_the_own_network_are_not_crawled(run, org):
    for url in ("http://127.0.0.1/", "http://169.254.169.254/latest", "file:///etc/passwd", "nonsense"):
        assert "Error:" in run("crawl", url, "--base", "Site", "--org", "acme", status=1).output
    assert rows(WebUrl) == []
