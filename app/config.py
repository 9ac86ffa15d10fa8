"""Settings: read once from the environment and `.env`, checked at start.

Every mistake is collected, so that one start reports all of them.
"""

import contextlib
import os
import secrets
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from dotenv import dotenv_values

VERSION = "0.1.0"
SECRET_MIN_LENGTH = 32
_COMMAND_LINE = "FLASK_RUN_FROM_CLI"
_WEAK_SECRETS = frozenset({"changeme", "change-me", "secret", "password", "dev", "development", "agentpress"})
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})
OUTBOUND_KINDS = frozenset({"crawl", "tool", "model", "mcp", "callback", "image", "avatar", "oauth"})


class ConfigError(Exception):
    """One sentence per mistake in the configuration."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True)
class MailSettings:
    """How outgoing mail reaches its server."""

    server: str
    port: int
    username: str | None = field(repr=False)
    password: str | None = field(repr=False)
    use_tls: bool
    use_ssl: bool
    default_sender: str


@dataclass(frozen=True)
class OAuthClient:
    """Credentials of this instance at an identity provider, and where the provider is."""

    client_id: str
    client_secret: str = field(repr=False)
    base_url: str


@dataclass(frozen=True)
class Settings:
    """The whole configuration; nothing else in the product reads the environment."""

    host: str
    port: int
    data_dir: Path
    base_url: str
    database_url: str = field(repr=False)
    analytics_database_url: str = field(repr=False)
    redis_url: str | None = field(repr=False)
    embedded: bool
    secret_key: str = field(repr=False)
    secret_key_fallbacks: tuple[str, ...] = field(repr=False)
    mail: MailSettings | None
    log_format: str
    trusted_proxies: int
    allowed_hosts: tuple[str, ...]
    open_registration: bool
    github: OAuthClient | None
    google: OAuthClient | None
    metrics_token: str | None = field(repr=False)
    outbound_allow: frozenset[tuple[str, str, int]]
    api_requests_per_minute: int = 600
    api_requests_per_minute_of_org: int = 6_000
    tasks_per_org: int = 16
    approval_hours: int = 24
    mcp_stdio: bool = False
    debug: bool = False
    testing: bool = False

    @property
    def secure(self) -> bool:
        """Whether the public address is HTTPS, and cookies are therefore Secure."""
        return self.base_url.startswith("https://")


class _Reader:
    """Reads typed values and collects a sentence for each one that is wrong."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env
        self.mistakes: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        return self.env.get(name, "").strip() or default

    def optional(self, name: str) -> str | None:
        return self.text(name) or None

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        raw = self.text(name, str(default))
        if raw.isascii() and raw.isdigit() and low <= int(raw) <= high:
            return int(raw)
        self.mistakes.append(f"{name} must be a whole number from {low} to {high}, not {raw!r}.")
        return default

    def boolean(self, name: str, *, default: bool = False) -> bool:
        raw = self.text(name, "true" if default else "false").lower()
        if raw not in _TRUE | _FALSE:
            self.mistakes.append(f"{name} must be true or false, not {raw!r}.")
        return raw in _TRUE

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        raw = self.text(name, allowed[0])
        if raw not in allowed:
            self.mistakes.append(f"{name} must be one of {', '.join(allowed)}, not {raw!r}.")
        return raw

    def words(self, name: str) -> tuple[str, ...]:
        return tuple(word for word in self.text(name).replace(",", " ").split() if word)

    def url(self, name: str, schemes: tuple[str, ...], default: str = "") -> str:
        raw = self.text(name, default)
        parts = _parts(raw)
        if raw and (parts is None or parts.scheme not in schemes):
            self.mistakes.append(
                f"{name} must be a URL that starts with {' or '.join(f'{s}://' for s in schemes)}."
            )
            return ""
        return raw


def _parts(url: str) -> SplitResult | None:
    """The parts of a URL, None if it cannot be taken apart."""
    try:
        parts = urlsplit(url)
        usable = parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


def load_settings(
    embedded_database_url: Callable[[Path], str],
    environ: Mapping[str, str] | None = None,
    env_file: Path = Path(".env"),
) -> Settings:
    """Read and check the configuration.

    `embedded_database_url` maps the data directory to the address of the embedded server; it is used when
    `DATABASE_URL` is unset. Variables of `environ` (default: the process environment) win over `env_file`.
    Raises ConfigError with a sentence per mistake.
    """
    from_file = {key: value or "" for key, value in dotenv_values(env_file).items()}
    read = _Reader({**from_file, **(os.environ if environ is None else environ)})
    data_dir = Path(read.text("DATA_DIR", "./instance")).expanduser().absolute()
    database_url = _database_url(read, "DATABASE_URL")
    embedded = not database_url
    database_url = database_url or embedded_database_url(data_dir)
    host, port = read.text("HOST", "127.0.0.1"), read.integer("PORT", 8000, 1, 65535)
    base_url = _base_url(read, host, port)
    settings = Settings(
        host=host,
        port=port,
        data_dir=data_dir,
        base_url=base_url,
        database_url=database_url,
        analytics_database_url=_database_url(read, "ANALYTICS_DATABASE_URL") or database_url,
        redis_url=read.url("REDIS_URL", ("redis", "rediss", "unix")) or None,
        embedded=embedded,
        secret_key=_secret_key(read, data_dir, embedded=embedded),
        secret_key_fallbacks=_fallbacks(read),
        mail=_mail(read),
        log_format=read.choice("LOG_FORMAT", ("text", "json")),
        trusted_proxies=read.integer("TRUSTED_PROXIES", 0, 0, 10),
        allowed_hosts=_allowed_hosts(read, base_url, host),
        open_registration=read.boolean("OPEN_REGISTRATION"),
        github=_oauth(read, "GITHUB", "https://github.com"),
        google=_oauth(read, "GOOGLE", "https://accounts.google.com"),
        metrics_token=read.optional("METRICS_TOKEN"),
        outbound_allow=_outbound_allow(read),
        api_requests_per_minute=read.integer("API_REQUESTS_PER_MINUTE", 600, 1, 1_000_000),
        api_requests_per_minute_of_org=read.integer("API_REQUESTS_PER_MINUTE_OF_ORG", 6_000, 1, 10_000_000),
        tasks_per_org=read.integer("TASKS_PER_ORG", 16, 1, 1000),
        approval_hours=read.integer("APPROVAL_HOURS", 24, 1, 720),
        mcp_stdio=read.boolean("MCP_STDIO"),
        debug=read.boolean("FLASK_DEBUG"),
    )
    if read.mistakes:
        raise ConfigError(read.mistakes)
    return settings


def _database_url(read: _Reader, name: str) -> str:
    """Accept the common spellings of a PostgreSQL address and name the psycopg 3 driver."""
    url = read.url(name, ("postgresql", "postgres", "postgresql+psycopg"))
    scheme, separator, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if separator and scheme.startswith("postgres") else ""


def _base_url(read: _Reader, host: str, port: int) -> str:
    local = host in {"", "0.0.0.0", "::", "127.0.0.1", "::1"}  # noqa: S104 - compared, not bound
    shown = "localhost" if local else f"[{host}]" if ":" in host else host
    url = read.url("BASE_URL", ("http", "https"), f"http://{shown}:{port}").rstrip("/")
    parts = urlsplit(url)
    more = parts.path or parts.query or parts.fragment or parts.username
    if url and (more or not parts.hostname):
        read.mistakes.append(
            "BASE_URL must be scheme, host and optional port only, such as https://agents.example.com."
        )
    elif ":" in (parts.hostname or ""):  # no request that names such a host would be answered
        read.mistakes.append("BASE_URL must name its host: set it where HOST is an IPv6 address.")
    return url


def _allowed_hosts(read: _Reader, base_url: str, host: str) -> tuple[str, ...]:
    """Host names this instance answers to: those listed, that of BASE_URL, and the loopback names it listens on."""
    names = {name.lower() for name in read.words("ALLOWED_HOSTS")}
    names.add((urlsplit(base_url).hostname or "").lower())
    if host in {"127.0.0.1", "localhost", "::1"}:
        names |= {"127.0.0.1", "localhost", "[::1]"}
    return tuple(sorted(names - {""}))


def _secret_key(read: _Reader, data_dir: Path, *, embedded: bool) -> str:
    given = read.text("SECRET_KEY")
    if given or not embedded:
        _check_secret(read, "SECRET_KEY", given)
        return given
    if read.mistakes:
        return ""
    path = data_dir / "secret_key"
    try:
        kept = _kept_secret(path)
    except OSError as error:
        read.mistakes.append(f"DATA_DIR: the secret key cannot be kept in {data_dir}: {error.strerror}.")
        return ""
    if len(kept) < SECRET_MIN_LENGTH:
        read.mistakes.append(
            f"DATA_DIR: {path} is damaged: put the key back from a backup, or remove the file."
        )
    return kept


def _kept_secret(path: Path) -> str:
    """The secret of the file, which appears with its content or not at all, whoever is first and whatever happens."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        Path(draft).unlink()
    return path.read_text(encoding="ascii").strip()


def _check_secret(read: _Reader, name: str, value: str) -> None:
    if not value:
        read.mistakes.append(
            f"{name} is required when DATABASE_URL is set: at least {SECRET_MIN_LENGTH} random characters."
        )
    elif value.lower() in _WEAK_SECRETS or len(value) < SECRET_MIN_LENGTH or len(set(value)) < 8:
        read.mistakes.append(f"{name} is too weak: use at least {SECRET_MIN_LENGTH} random characters.")


def _fallbacks(read: _Reader) -> tuple[str, ...]:
    values = read.words("SECRET_KEY_FALLBACKS")
    for value in values:
        _check_secret(read, "SECRET_KEY_FALLBACKS", value)
    return values


def _mail(read: _Reader) -> MailSettings | None:
    use_tls, use_ssl = read.boolean("MAIL_USE_TLS"), read.boolean("MAIL_USE_SSL")
    port = read.integer("MAIL_PORT", 465 if use_ssl else 587 if use_tls else 25, 1, 65535)
    server = read.text("MAIL_SERVER")
    if not server:
        return None
    if use_tls and use_ssl:
        read.mistakes.append("MAIL_USE_TLS and MAIL_USE_SSL exclude each other.")
    sender = read.text("MAIL_DEFAULT_SENDER")
    if "@" not in sender:
        read.mistakes.append("MAIL_DEFAULT_SENDER must be an e-mail address when MAIL_SERVER is set.")
    return MailSettings(
        server, port, read.optional("MAIL_USERNAME"), read.optional("MAIL_PASSWORD"), use_tls, use_ssl, sender
    )


def _oauth(read: _Reader, provider: str, base_url: str) -> OAuthClient | None:
    client_id, secret = read.text(f"{provider}_CLIENT_ID"), read.text(f"{provider}_CLIENT_SECRET")
    url = read.url(f"{provider}_BASE_URL", ("https", "http"), base_url).rstrip("/")
    if bool(client_id) != bool(secret):
        read.mistakes.append(f"{provider}_CLIENT_ID and {provider}_CLIENT_SECRET must be set together.")
    return OAuthClient(client_id, secret, url) if client_id and secret else None


def _outbound_allow(read: _Reader) -> frozenset[tuple[str, str, int]]:
    """Entries `kind:host:port`, separated by commas or spaces."""
    allowed: set[tuple[str, str, int]] = set()
    for entry in read.words("OUTBOUND_ALLOW"):
        kind, _, rest = entry.partition(":")
        host, _, port = rest.rpartition(":")
        if kind in OUTBOUND_KINDS and host and port.isascii() and port.isdigit():
            allowed.add((kind, host.lower(), int(port)))
        else:
            read.mistakes.append(
                f"OUTBOUND_ALLOW: {entry!r} is not kind:host:port (kinds: {', '.join(sorted(OUTBOUND_KINDS))})."
            )
    return frozenset(allowed)


def on_command_line() -> bool:
    """Tell whether Flask's command line runs, which says so in the environment."""
    return _COMMAND_LINE in os.environ


def server_environment() -> dict[str, str]:
    """Return the environment for a server that the command line becomes."""
    return {name: value for name, value in os.environ.items() if name != _COMMAND_LINE}
