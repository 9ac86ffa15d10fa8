"""`credentials reseal`: after it, the former key is not needed any more."""

import pytest

from app.auth.models import TotpDevice
from app.commands import credentials as command
from app.connections.services.vault import SecretLost, secret_of
from app.db.keyring import Keyring
from app.db.tables import EmailOutbox
from tests.factories import auth, connections, orgs
from tests.factories.rows import rows, save
from tests.support.database import SECRET_KEY, as_owner

FIRST = "the second secret key, which takes the place of the first one"


@pytest.fixture
def keys(app):
    """A function that gives the application other keys, the current one first."""
    before = app.extensions.pop("keyring", None)

    def use(*secrets):
        app.extensions["keyring"] = Keyring(secrets)

    yield use
    app.extensions.pop("keyring")
    if before:
        app.extensions["keyring"] = before


@pytest.fixture
def reseal(app, connection):
    return lambda: app.test_cli_runner().invoke(args=("credentials", "reseal"))


def test_everything_is_sealed_with_the_first_key(acting, keys, reseal, monkeypatch):
    monkeypatch.setattr(command, "BATCH", 2)
    stored = [connections.credential(org) for org in (orgs.org(), orgs.org()) for _ in range(3)]
    moments = [key.updated_at for key in stored]
    acting()
    keys(SECRET_KEY)
    save(TotpDevice(user_id=auth.user().id, secret="JBSWY3DPEHPK3PXP"))
    save(EmailOutbox(recipient="a@example.org", template="test", subject="s", context="{}"))
    keys(FIRST, SECRET_KEY)
    done = reseal()
    assert (done.exit_code, done.output) == (0, "8 sealed anew.\n")
    assert reseal().output == "0 sealed anew.\n"
    keys(FIRST)
    for key in stored:
        acting(type("Org", (), {"id": key.org_id}))
        assert secret_of(key.org_id, key.id) == connections.SECRET
    with as_owner() as session:
        assert session.query(TotpDevice).one().secret == "JBSWY3DPEHPK3PXP"
        assert session.query(EmailOutbox).one().context == "{}"
    assert [key.updated_at for key in rows(type(stored[0]))] == moments


def test_what_no_key_opens_is_counted_and_left_alone(acting, keys, reseal, state):
    key = connections.credential(orgs.org())
    before = state()
    keys(FIRST)
    done = reseal()
    assert done.exit_code == 1
    assert "1 cannot be opened with any key" in done.output
    assert state() == before
    acting(type("Org", (), {"id": key.org_id}))
    with pytest.raises(SecretLost):
        secret_of(key.org_id, key.id)
