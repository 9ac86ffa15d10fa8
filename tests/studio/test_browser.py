"""The data browser: what it shows, to whom, and what it never shows."""

import csv
import io
from uuid import UUID

import pytest
from sqlalchemy import text

from app.audit.models import AuditEvent
from tests.factories import agents, auth, orgs, world
from tests.factories.rows import rows
from tests.support.database import as_owner
from tests.support.queries import queries

PATH = "/platform/data"


@pytest.fixture
def home(connection):
    return world.tenant("Homecanary")


@pytest.fixture
def operator(home):
    """A platform admin who administers one of two organisations."""
    world.tenant("Foreigncanary")
    return orgs.member(home.org, "admin", auth.platform_admin(email="operator@example.org"))


@pytest.fixture
def desk(new_client, operator):
    return new_client(operator)


def names(page) -> list[str]:
    return [cell.get_text(strip=True) for cell in page.select("#results tbody th")]


def cells(page, column) -> list[str]:
    return [cell.get_text(strip=True) for cell in page.find_all("td", attrs={"data-label": column})]


@pytest.mark.parametrize("path", ["", "/agents", "/agents/rows", "/agents/rows.csv"])
def test_it_exists_for_platform_admins_only(new_client, home, path):
    assert new_client(home.owner).get(PATH + path).status_code == 404
    assert new_client().get(PATH + path).status_code == 302


def test_every_table_is_listed_with_its_size(desk, connection):
    page = desk.both(PATH)
    wanted = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1"
    assert names(page) == list(connection.scalars(text(wanted)))
    assert all(size.endswith("B") for size in cells(page, "Size with indexes"))
    assert names(desk.both(f"{PATH}?q=sess&kind=platform")) == ["sessions"]
    largest = names(desk.both(f"{PATH}?sort=-size"))
    assert sorted(largest) == names(page)


@pytest.mark.parametrize("path", ["", "/agents", "/agents/rows", "/users/rows"])
def test_a_page_needs_at_most_four_statements(desk, home, path):
    for number in range(30):
        agents.agent(home.org, name=f"Agent {number}")
    with queries(max=4):
        desk.page(PATH + path)


def test_the_structure_of_a_table_is_told(desk):
    page = desk.page(f"{PATH}/agents").main.get_text(" ")
    for word in (
        "character varying(255)",
        "agents_org_id_name_key",
        "agents_tenant",
        "app.org_id",
        "orgs",
        "Cascade",
    ):
        assert word in page
    assert desk.get(f"{PATH}/nowhere").status_code == 404
    assert desk.get(f"{PATH}/pg_class").status_code == 404


def test_rows_are_those_of_an_organisation_one_administers(desk, home):
    page = desk.both(f"{PATH}/agents/rows")
    assert cells(page, "name") == ["Homecanary agent"]
    assert "Foreigncanary" not in page.text
    named = desk.page(f"{PATH}/agents/rows?org={home.org.slug}")
    assert cells(named, "name") == ["Homecanary agent"]
    refused = desk.page(f"{PATH}/agents/rows?org=foreigncanary-limited")
    assert "Foreigncanary" not in refused.text


@pytest.mark.parametrize("role", ["member", "viewer", None])
def test_a_lower_role_opens_no_rows(new_client, home, role):
    admin = auth.platform_admin()
    if role:
        orgs.member(home.org, role, admin)
    client = new_client(admin)
    page = client.both(f"{PATH}/agents/rows?org={home.org.slug}")
    assert "You administer no organisation" in page.text
    assert "Homecanary agent" not in page.text
    assert client.get(f"{PATH}/agents/rows/{home.agent.id}?org={home.org.slug}").status_code == 404
    assert client.get(f"{PATH}/agents/rows.csv?org={home.org.slug}").status_code == 404


def test_with_several_organisations_one_is_chosen(desk, operator, home):
    blue = orgs.org(name="Blue", slug="blue")
    orgs.member(blue, "owner", operator)
    agents.agent(blue, name="Blue agent")
    page = desk.both(f"{PATH}/agents/rows")
    assert page.find("a", href=f"{PATH}/agents/rows?org=blue")
    assert page.find("table") is None
    assert cells(desk.both(f"{PATH}/agents/rows?org=blue"), "name") == ["Blue agent"]
    assert desk.get(f"{PATH}/agents/rows/{home.agent.id}?org=blue").status_code == 404
    assert "Blue" not in "".join(cells(desk.both(f"{PATH}/org_members/rows?org={home.org.slug}"), "id"))
    memberships = desk.page(f"{PATH}/org_members/rows?org={home.org.slug}&q={operator.id}")
    assert len(names(memberships)) == 1


def test_rows_of_other_organisations_are_reached_by_no_id(desk, home, operator):
    foreign = world.tenant("Thirdcanary")
    for row in foreign.rows.values():
        path = f"{PATH}/{row.__tablename__}/rows"
        assert desk.get(f"{path}/{getattr(row, 'id', 'x')}").status_code == 404, path
        assert "Thirdcanary" not in desk.page(path).text, path
        assert "Thirdcanary" not in desk.get(f"{path}.csv").text, path


def test_tables_of_the_platform_are_open(desk, home):
    emails = cells(desk.both(f"{PATH}/users/rows?cols=id,email"), "email")
    assert {"operator@example.org", "owner@homecanary.example", "owner@foreigncanary.example"} <= set(emails)


def test_pages_go_by_key_forward_and_back(desk, home):
    made = [agents.agent(home.org, name=f"Agent {number:02}") for number in range(45)]
    wanted = sorted([str(home.agent.id), *(str(agent.id) for agent in made)], reverse=True)
    url, seen = f"{PATH}/agents/rows", []
    while url and len(seen) < 9:
        page = desk.both(url)
        seen.append(names(page))
        url = (page.find(id="page-next") or {}).get("href")
    assert [row for rows in seen for row in rows] == wanted
    back = desk.page(page.find(id="page-previous")["href"])
    assert names(back) == seen[1]
    assert "21–40 of 46" in back.text
    first = desk.page(f"{PATH}/agents/rows")
    last = desk.page(first.find(id="page-last")["href"])
    assert names(last) == seen[2]
    rising = desk.page(f"{PATH}/agents/rows?sort=id&per=100")
    assert names(rising) == wanted[::-1]


def test_filters_know_the_types_of_columns(desk, home):
    agents.agent(home.org, name="Off", enabled=False, primary_model_temperature=0.25, lock_version=7)

    def found(query):
        return sorted(cells(desk.both(f"{PATH}/agents/rows?{query}"), "name"))

    assert found("enabled=false") == ["Off"]
    assert found("lock_version=5..") == ["Off"]
    assert found("primary_model_temperature=..0.5") == ["Off"]
    assert found("created_at=24h") == ["Homecanary agent", "Off"]
    assert found("created_at=..2020-01-01") == []
    assert found("q=off") == ["Off"]
    assert found(f"q={home.agent.id}") == ["Homecanary agent"]
    assert found("q=%25") == []
    members = desk.both(f"{PATH}/org_members/rows?role=viewer")
    assert cells(members, "role") == ["viewer"]


def test_one_row_shows_its_long_values_and_leads_on(desk, home):
    long = agents.agent(home.org, name="Long", prompt="word " * 5000, description="short")
    listed = desk.page(f"{PATH}/agents/rows?cols=id,prompt&q=Long")
    assert len(cells(listed, "prompt")[0]) <= 200
    page = desk.page(f"{PATH}/agents/rows/{long.id}")
    assert len(page.find("pre").get_text()) == 25_000
    for number in ("threads", "agent_versions"):
        assert page.find("a", href=f"{PATH}/{number}/rows?q={long.id}")
    member = desk.page(f"{PATH}/org_members/rows/{home.rows['org_members'].id}")
    assert desk.get(member.find("a", href=lambda url: "/users/rows/" in url)["href"]).status_code == 200


@pytest.mark.parametrize(
    "key", ["x", "0", "01930000-0000-7000-8000-000000000000", "01930000,0000", "%00", "'", "9" * 40]
)
def test_a_row_that_is_none_is_not_found(desk, key):
    for table in ("agents", "users", "platform_settings", "alembic_version", "blob_parts", "login_attempts"):
        assert desk.get(f"{PATH}/{table}/rows/{key}").status_code == 404


def test_keys_of_several_parts_and_odd_names_work(desk, home):
    with as_owner() as session:
        session.execute(
            text(
                'CREATE TABLE "odd ""table" ("the key" text, "b,c" int, "name" text, PRIMARY KEY ("the key", "b,c"))'
            )
        )
        session.execute(
            text("INSERT INTO \"odd \"\"table\" SELECT 'a/b,c ~' || n, n, 'x' FROM generate_series(1, 30) n")
        )
        session.execute(text('GRANT SELECT ON "odd ""table" TO agentpress_app'))
    page = desk.both(f'{PATH}/odd "table/rows')
    assert (
        page.select_one("#results tbody a") is None
    )  # a text under an unknown name is hidden, and with it the key
    assert "The primary key of this table is hidden" in page.text
    with as_owner() as session:
        session.execute(text('ALTER TABLE "odd ""table" RENAME COLUMN "the key" TO slug'))
    page = desk.both(f'{PATH}/odd "table/rows')
    assert "1–20 of 30" in page.text
    second = desk.page(page.find(id="page-next")["href"])
    assert len(set(names(page)) | set(names(second))) == 30
    link = second.select_one("#results tbody th a")
    assert desk.page(link["href"]).find("h1").get_text(strip=True).startswith(link.get_text(strip=True))


def test_what_is_shown_is_a_file_too(desk, home):
    agents.agent(home.org, name="=1+1", primary_model_temperature=0.5)
    answer = desk.get(f"{PATH}/agents/rows.csv?cols=id,name,primary_model_temperature,enabled&sort=id")
    read = list(csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))))
    assert read[0] == ["id", "name", "primary_model_temperature", "enabled"]
    assert [row[1] for row in read[1:]] == ["Homecanary agent", "'=1+1"]
    assert read[2][2:] == ["0.5", "true"]


def test_a_value_that_is_too_long_says_that_it_is_cut(desk, home):
    cut, whole = (agents.agent(home.org, name=f"Long {n}", prompt="x" * (100_000 + n)) for n in (1, 0))
    answer = desk.get(f"{PATH}/agents/rows.csv?cols=name,prompt&q=Long")
    with io.StringIO(answer.text.lstrip("\ufeff")) as file:
        csv.field_size_limit(200_000)
        read = {name: prompt for _, name, prompt in csv.reader(file) if name != "name"}
    assert read == {"Long 1": "x" * 100_000 + " … [cut after 100,000 characters]", "Long 0": "x" * 100_000}
    for agent in (cut, whole):
        shown = desk.page(f"{PATH}/agents/rows/{agent.id}").find("pre").get_text()
        assert shown == read[agent.name]
    assert "more than 100,000 characters are cut" in desk.page(f"{PATH}/agents/rows").get_text()


def test_rows_cannot_be_changed_by_it(desk, home, state):
    before = state()
    for path in ("", "/agents", "/agents/rows", f"/agents/rows/{home.agent.id}"):
        desk.get(PATH + path)
        assert desk.submit(PATH + path).status_code == 405
    assert state() == before


def test_an_export_is_noted(desk, home, operator):
    desk.get(f"{PATH}/agents/rows.csv?q=canary")
    desk.get(f"{PATH}/users/rows.csv")
    inside, outside = rows(AuditEvent, action="data.export")
    assert (inside.org_id, inside.target_label, inside.after) == (
        home.org.id,
        "agents",
        {"query": "q=canary"},
    )
    assert (outside.org_id, outside.actor_id, outside.target_label) == (None, operator.id, "users")


def test_ids_that_name_rows_are_not_cut(desk, home):
    agents.agent(home.org, name="Helper")
    identity = desk.both(f"{PATH}/agents/rows").select_one("#results tbody th a .cell-id")
    assert UUID(identity.get_text(strip=True))
