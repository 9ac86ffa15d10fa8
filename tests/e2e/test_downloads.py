"""UP-2: files with scripts in them are handed out as files; opened all the same, they may do nothing."""

from urllib.parse import quote

import pytest

from tests.factories import threads

pytestmark = pytest.mark.e2e

RUN = "document.title = 'ran'; fetch('/healthz?ran'); new Image().src = '/healthz?drawn'; alert('ran')"
FILES = {
    "drawing.svg": (
        "image/svg+xml",
        f'<svg xmlns="http://www.w3.org/2000/svg"><script>{RUN}</script><image href="/healthz?drawn"/></svg>',
    ),
    "page.html": (
        "text/html",
        f'<title>quiet</title><script>{RUN}</script><img src="/healthz?drawn" onerror="{RUN}"><form action="/me">',
    ),
    "feed.xml": (
        "application/xml",
        f'<html xmlns="http://www.w3.org/1999/xhtml"><script>{RUN}</script><img src="/healthz?drawn"/></html>',
    ),
    "paper.pdf": (
        "application/pdf",
        "%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\ntrailer<</Root 1 0 R>>",
    ),
}
WEAK = {"content-disposition", "content-length", "x-content-type-options", "content-type"}


@pytest.fixture(params=FILES)
def attached(home, request):
    """A file in a thread that everyone sees: its name, kind and content, and the addresses of thread and file."""
    media_type, content = FILES[request.param]
    thread = threads.thread(home.org, home.people["member"], origin="api")
    blob = threads.blob(home.org, content.encode(), media_type)
    part = {"kind": "file", "blob_id": str(blob.id), "name": request.param, "media_type": media_type}
    threads.attachment(threads.message(thread, parts=[part]), blob, request.param)
    url = f"/o/{home.org.slug}/threads/{thread.id}"
    return request.param, media_type, content.encode(), url, f"{url}/files/{blob.id}"


def listening(page):
    """What the page says and gets from now on."""
    dialogs, got = [], []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.on("response", lambda response: got.append(response.url))
    return dialogs, got


def test_up_2_a_file_with_scripts_is_downloaded_and_its_headers_bar_the_rest(home, open_as, attached):
    name, _media_type, content, url, file_url = attached
    page = open_as(home.people["viewer"], url)
    headers = page.request.get(file_url).headers
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"] == f"attachment; filename*=UTF-8''{quote(name)}"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "sandbox; default-src 'none'; frame-ancestors 'none'"
    dialogs, got = listening(page)
    with page.expect_download() as download:
        page.get_by_role("link", name=name).click()
    assert download.value.suggested_filename == name
    assert download.value.path().read_bytes() == content
    assert (page.url.endswith(url), dialogs) == (True, [])
    assert [address for address in got if "?" in address] == []


@pytest.mark.parametrize("attached", [name for name in FILES if not name.endswith("pdf")], indirect=True)
def test_up_2_opened_in_a_tab_all_the_same_it_runs_nothing_and_loads_nothing(home, open_as, attached, site):
    _name, media_type, content, _url, file_url = attached
    page = open_as(home.people["viewer"], "/me", expected=("sandboxed", "Content Security Policy"))
    kept = {}

    def weaken(route):
        """The same answer without what makes it a download."""
        answer = route.fetch()
        kept.update({key: value for key, value in answer.headers.items() if key not in WEAK})
        route.fulfill(status=200, headers={**kept, "content-type": media_type}, body=content)

    page.route(f"**{file_url}", weaken)
    dialogs, got = listening(page)
    page.goto(file_url)
    page.wait_for_timeout(300)
    assert "sandbox" in kept["content-security-policy"]
    assert page.title() != "ran"
    assert dialogs == []
    assert [address for address in got if address != site.url + file_url] == []


def test_up_2_nobody_gets_it_without_signing_in(open_as, attached):
    page = open_as(None, "/sign-in")
    answer = page.request.get(attached[-1], max_redirects=0)
    assert (answer.status, answer.headers["location"].partition("?")[0]) == (302, "/sign-in")
