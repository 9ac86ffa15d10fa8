"""The main job, from the first-run link to Back after sign-out, in two browser profiles, with and without scripts."""

import re
import shutil

import pytest
from playwright.sync_api import Page, expect

from app.db.embedded.places import Places
from tests.launch.instance import Instance
from tests.support.browser import PATIENCE_MS, Watch
from tests.support.smtp import MailSink

pytestmark = pytest.mark.e2e

OWNER = {
    "email": "ana@example.org",
    "password": "a sentence nobody guesses",
    "first_name": "Ana",
    "last_name": "Silva",
}
COLLEAGUE = "ben@example.org"
MORE_AGENTS = 57
PER_PAGE = 20


@pytest.fixture(params=[True, False], ids=["scripts", "no-scripts"])
def scripts(request):
    return request.param


@pytest.fixture
def mail():
    with MailSink() as sink:
        yield sink


@pytest.fixture
def product(tmp_path, mail):
    """AgentPress as `make run` starts it, on an empty data directory."""
    settings = {
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_PORT": str(mail.port),
        "MAIL_DEFAULT_SENDER": "agentpress@example.org",
    }
    data = tmp_path / "data of the flow"
    with Instance(data, **settings) as running:
        yield running
    shutil.rmtree(Places.of(data).runtime, ignore_errors=True)


@pytest.fixture
def profile(caching_browser, product, scripts):
    """A function that returns the page of a fresh browser profile, watched for complaints."""
    contexts = []

    def make() -> Page:
        context = caching_browser.new_context(
            base_url=f"http://localhost:{product.port}", java_script_enabled=scripts
        )
        contexts.append((context, Watch(context)))
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        return page

    yield make
    for context, watch in contexts:
        watch.check()
        context.close()


def fill(page: Page, **values: str) -> None:
    """Fill the fields of the main form by their names and send it."""
    form = page.locator("main form[method=post]").first
    for name, value in values.items():
        form.locator(f"[name={name}]").fill(value)
    form.locator("button:not([type=button])").first.click()


def names(page: Page) -> list[str]:
    """Return the row headers of the list, top to bottom."""
    return [text.strip() for text in page.locator("#results tbody th[scope=row]").all_inner_texts()]


def claim(page: Page, product: Instance) -> str:
    """Claim the instance through the link it prints and return the address of the new organisation."""
    link = re.search(r"claim it at (\S+)", product.process.output())[1]
    page.goto("/")
    expect(page).to_have_url(re.compile("/setup$"))
    page.goto(link)
    expect(page).to_have_url(re.compile("/setup$"))
    fill(page, org_name="Acme", **OWNER)
    expect(page).to_have_url(re.compile(r"/o/acme/?$"))
    return "/o/acme"


def test_the_main_job(product, mail, profile, scripts):
    ana, ben = profile(), profile()
    home = claim(ana, product)
    assert ben.goto("/setup").status == 404

    for name in ("Support triage", "Contract reader", "Invoice checker"):
        ana.goto(f"{home}/agents")
        ana.get_by_role("link", name=re.compile("new agent|create", re.IGNORECASE)).first.click()
        fill(ana, name=name, description=f"{name} for Acme", prompt="Answer politely.")
        expect(ana.get_by_role("heading", level=1)).to_contain_text(name)

    invite(ana, home)
    join(ben, mail)
    expect(ben).to_have_url(re.compile(r"/o/acme"))

    create_more(ana, home)
    search(ben, home, scripts)
    walk(ben, home)

    answer = ben.goto(f"{home}/settings")
    assert answer.status == 403
    expect(ben.get_by_role("heading", level=1)).to_be_visible()

    leave(ben, home)


def create_more(page: Page, home: str) -> None:
    """Send the form once per further agent, without waiting for the pages in between."""
    page.goto(f"{home}/agents/new")
    token = page.locator("main form[method=post] [name=csrf_token]").first.input_value()
    for number in range(MORE_AGENTS):
        form = {"name": f"Agent {number:02}", "csrf_token": token}
        headers = {"Sec-Fetch-Site": "same-origin"}
        answer = page.context.request.post(f"{home}/agents/new", form=form, headers=headers, max_redirects=0)
        assert answer.status == 303


def invite(page: Page, home: str) -> None:
    page.goto(f"{home}/invitations/new")
    form = page.locator("main form[method=post]").first
    form.locator("[name=role][value=member]").check()
    fill(page, email=COLLEAGUE)
    expect(page.locator("main")).to_contain_text(COLLEAGUE)


def join(page: Page, mail: MailSink) -> None:
    """Open the link of the received mail and create the account."""
    received = mail.wait_for(COLLEAGUE)[0]
    assert {part.get_content_type() for part in received.message.walk()} >= {"text/plain", "text/html"}
    page.goto(next(link for link in received.links if "/invitations/" in link))
    assert "unknown" not in page.url
    fill(page, first_name="Ben", last_name="Okafor", password="another sentence nobody guesses")


def search(page: Page, home: str, scripts: object) -> None:
    page.goto(f"{home}/agents")
    field = page.locator("main [name=q]")
    field.press_sequentially("contract")
    if not scripts:
        field.press("Enter")
    expect(page.locator("#results tbody th[scope=row]")).to_have_count(1)
    expect(page.locator("#results")).to_contain_text("Contract reader")
    expect(page).to_have_url(re.compile("q=contract"))


def walk(page: Page, home: str) -> None:
    """Page through all agents: three pages, each row once."""
    page.goto(f"{home}/agents")
    seen = names(page)
    for number in (2, 3):
        page.locator("#results [rel=next]").first.click()
        expect(page.locator("#results")).to_contain_text(f"{(number - 1) * PER_PAGE + 1}–{number * PER_PAGE}")
        seen += names(page)
    assert len(seen) == len(set(seen)) == MORE_AGENTS + 3
    assert page.locator("#results [rel=next]").count() == 0


def leave(page: Page, home: str) -> None:
    """Sign out, press Back, and see nothing of the organisation."""
    page.goto(f"{home}/agents")
    expect(page.locator("#results")).to_contain_text("Agent")
    page.get_by_role("button", name="Account").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/sign-in"))
    page.go_back()
    page.wait_for_timeout(500)
    assert "Support triage" not in page.locator("body").inner_text()
    expect(page).to_have_url(re.compile("/sign-in"))
