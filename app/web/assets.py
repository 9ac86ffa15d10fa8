"""Static files under a directory named by their content, so that browsers may keep them for good.

The hash covers the whole tree: modules import each other by relative path and always match.
"""

import gzip
import hashlib
import mimetypes
import re
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import NotFound

from app.web.access import always

_IMPORT = re.compile(r'@import "([\w-]+\.css)";\s*')
_FOREVER = "public, max-age=31536000, immutable"
_TEXT = {".css", ".js", ".svg", ".json", ".txt"}


class Assets:
    """The files below `root`. In development they are read again when one changes."""

    def __init__(self, root: Path, *, watch: bool) -> None:
        self.root = root
        self._watch = watch
        self._stamp = 0.0
        self._digest = ""

    def digest(self) -> str:
        """The name of the directory they are served under."""
        if self._watch or not self._digest:
            files = sorted(path for path in self.root.rglob("*") if path.is_file())
            stamp = max((path.stat().st_mtime for path in files), default=1.0)
            if stamp != self._stamp:
                self._stamp = stamp
                self._digest = _digest(self.root, files)
                _body.cache_clear()
        return self._digest

    def find(self, name: str) -> Path:
        """The file of that name. NotFound if there is none inside the tree."""
        try:
            path = (self.root / name).resolve()
            found = path.is_relative_to(self.root) and path.is_file()
        except (ValueError, OSError):  # a name no file can have
            found = False
        if not found:
            raise NotFound
        return path


def _digest(root: Path, files: list[Path]) -> str:
    total = hashlib.sha256()
    for path in files:
        total.update(f"{path.relative_to(root)}\n".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:12]


@lru_cache(maxsize=256)
def _body(path: Path, *, compressed: bool) -> bytes:
    """The bytes to send; a style sheet carries the sheets it imports, which saves their requests."""
    content = path.read_bytes()
    if path.suffix == ".css":
        content = _IMPORT.sub(lambda found: (path.parent / found[1]).read_text(), content.decode()).encode()
    return gzip.compress(content, mtime=0) if compressed else content


def _assets() -> Assets:
    found = current_app.extensions["assets"]
    assert isinstance(found, Assets)
    return found


def asset(name: str) -> str:
    """The address of a file of `static/`."""
    return f"/static/{_assets().digest()}/{name}"


@always
def static(digest: str, name: str) -> Response:
    """A file of `static/`. One asked for under an older hash is sent, but not kept."""
    path = _assets().find(name)
    compressed = path.suffix in _TEXT and request.accept_encodings.quality("gzip") > 0
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    response = Response(_body(path, compressed=compressed), mimetype=kind)
    if compressed:
        response.headers["Content-Encoding"] = "gzip"
    if path.suffix in _TEXT:
        response.vary.add("Accept-Encoding")
    response.headers["Cache-Control"] = _FOREVER if digest == _assets().digest() else "no-cache"
    return response


def register(app: Flask) -> None:
    """Serve `static/` and give templates `asset`."""
    assert app.template_folder
    root = Path(app.template_folder).resolve().parent / "static"
    mimetypes.add_type("text/javascript", ".js")
    app.extensions["assets"] = Assets(root, watch=bool(app.debug))
    app.add_url_rule("/static/<digest>/<path:name>", "static", static)
    app.jinja_env.globals["asset"] = asset
