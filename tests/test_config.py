"""Settings: read once, checked at start, a sentence for each mistake."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.config import ConfigError, load_settings
from tests.support.cli import flask
from tests.support.database import SECRET_KEY

DATABASE_URL = "postgresql://agentpress@127.0.0.1:5432/agentpress"


def load(tmp_path=Path("/nonexistent"), **environment):
    given = {"DATABASE_URL": DATABASE_URL, "SECRET_KEY": SECRET_KEY, **environment}
    return load_settings(
        lambda directory: f"postgresql://embedded/{directory.name}", given, tmp_path / ".env"
    )


def mistakes(**environment) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(**environment)
    return caught.value.mistakes


def test_defaults():
    settings = load()
    assert (settings.host, settings.port, settings.base_url) == ("127.0.0.1", 8000, "http://localhost:8000")
    assert settings.database_url == settings.analytics_database_url
    assert settings.database_url.startswith("postgresql+psycopg://")
    assert (settings.mail, settings.github, settings.google, settings.redis_url) == (None, None, None, None)
    assert not settings.open_registration
    assert not settings.secure


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::"])
def test_whoever_listens_on_this_machine_or_everywhere_is_found_as_localhost(host):
    assert load(HOST=host).base_url == "http://localhost:8000"


def test_a_single_address_of_the_newer_kind_needs_a_name_beside_it():
    (mistake,) = mistakes(HOST="2001:db8::5")
    assert "HOST is an IPv6 address" in mistake
    assert load(HOST="2001:db8::5", BASE_URL="https://agents.example.com").host == "2001:db8::5"


@pytest.mark.parametrize("spelling", ["postgres://u@h/d", "postgresql://u@h/d", "postgresql+psycopg://u@h/d"])
def test_spellings_of_a_database_address(spelling):
    assert load(DATABASE_URL=spelling).database_url == "postgresql+psycopg://u@h/d"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "eighty"),
        ("PORT", "\uff18\uff10"),
        ("DATABASE_URL", "mysql://u@h/d"),
        ("REDIS_URL", "http://localhost"),
        ("BASE_URL", "agents.example.com"),
        ("BASE_URL", "https://agents.example.com/console"),
        ("BASE_URL", "https://user@agents.example.com"),
        ("BASE_URL", "https://["),
        ("BASE_URL", "https://agents.example.com:eighty"),
        ("BASE_URL", "http://[2001:db8::5]:8000"),
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", "12345678"),
        ("SECRET_KEY", "a" * 64),
        ("SECRET_KEY_FALLBACKS", "changeme"),
        ("LOG_FORMAT", "xml"),
        ("TRUSTED_PROXIES", "-1"),
        ("OPEN_REGISTRATION", "maybe"),
        ("GITHUB_CLIENT_ID", "only-the-id"),
        ("GOOGLE_CLIENT_SECRET", "only-the-secret"),
        ("OUTBOUND_ALLOW", "model:localhost"),
        ("OUTBOUND_ALLOW", "anything:localhost:80"),
        ("MAIL_SERVER", "mail.example.com"),
    ],
)
def test_each_mistake_is_a_sentence_that_names_its_setting(name, value):
    found = mistakes(**{name: value})
    assert len(found) == 1
    assert found[0].startswith(name) or name == "MAIL_SERVER" or "CLIENT_" in name
    assert found[0].endswith(".")
    assert SECRET_KEY not in found[0]


def test_all_mistakes_are_reported_at_once():
    assert len(mistakes(PORT="x", LOG_FORMAT="xml", SECRET_KEY="short")) == 3


def test_a_file_is_read_and_the_environment_wins(tmp_path):
    (tmp_path / ".env").write_text('PORT=9000\nLOG_FORMAT="json"\n')
    settings = load(tmp_path, PORT="9001")
    assert (settings.port, settings.log_format) == (9001, "json")


def test_the_answered_hosts_are_the_public_one_and_those_listed():
    settings = load(
        BASE_URL="https://agents.example.com",
        ALLOWED_HOSTS="other.example.com, Third.example.com",
        HOST="192.0.2.1",
    )
    assert set(settings.allowed_hosts) == {"agents.example.com", "other.example.com", "third.example.com"}
    assert settings.secure


def test_secrets_are_in_no_printed_settings():
    shown = repr(load(MAIL_SERVER="mail", MAIL_PASSWORD="mail-canary", MAIL_DEFAULT_SENDER="a@example.org"))
    assert "mail-canary" not in shown
    assert SECRET_KEY not in shown


def test_the_embedded_secret_is_made_once_and_only_its_owner_reads_it(tmp_path):
    def key():
        return load(tmp_path, DATABASE_URL="", SECRET_KEY="", DATA_DIR=str(tmp_path)).secret_key

    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: key(), range(32)))
    assert len(keys) == 1
    assert len(keys.pop()) >= 32
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_a_kept_secret_that_was_cut_is_refused(tmp_path):
    (tmp_path / "secret_key").write_text("")
    with pytest.raises(ConfigError, match="secret_key"):
        load(tmp_path, DATABASE_URL="", SECRET_KEY="", DATA_DIR=str(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_data_directory_that_cannot_be_written_is_a_mistake(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match="DATA_DIR"):
        load(tmp_path, DATABASE_URL="", SECRET_KEY="", DATA_DIR=str(tmp_path / "data"))


@pytest.mark.parametrize("secret", ["", "changeme", "12345678"])
def test_se_1_a_bad_secret_stops_every_program_with_a_sentence(secret):
    done = flask({"DATABASE_URL": DATABASE_URL, "SECRET_KEY": secret}, "routes")
    assert done.returncode == 2
    assert "SECRET_KEY" in done.stderr
    assert "Traceback" not in done.stderr
