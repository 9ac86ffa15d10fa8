"""Titles of pages, as tabs and bookmarks show them."""

from tests.factories import auth, orgs

MENUS = ".sidebar a, #account-menu a, #org-menu a, .brand"


def test_no_title_of_the_navigation_repeats_itself(new_client):
    person = auth.platform_admin()
    orgs.member(orgs.org(name="Acme", slug="acme"), "owner", person)
    orgs.member(orgs.org(name="Second", slug="second"), "viewer", person)
    client, titles = new_client(person), {}
    for start in ("/o/acme", "/me", "/o/second"):
        for link in client.page(start).select(MENUS):
            answer = client.get(link["href"], follow_redirects=True)
            assert answer.status_code == 200, link
            titles[answer.request.path] = answer.text.partition("<title>")[2].partition("</title>")[0]
    assert titles["/o/second"] == "Second – AgentPress"
    assert len(titles) > 20
    parts = {path: title.split(" – ") for path, title in titles.items()}
    assert [path for path, words in parts.items() if len(set(words)) < len(words)] == []
