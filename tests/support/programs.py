"""Programs the tests need from the machine: found on PATH, else installed by apt-get when possible."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGES = {"chromium": "chromium", "redis-server": "redis-server", "libfaketime": "libfaketime"}
LIBRARIES = {"libfaketime": "usr/lib/*/faketime/libfaketimeMT.so.1"}
INSTALL_SECONDS = 600


def strict() -> bool:
    """Tell whether a missing program is a failure (CI) and not a reason to skip."""
    return os.environ.get("CI") == "true"


def find(name: str) -> str | None:
    """Return the path of a program or library, or None."""
    if name in LIBRARIES:
        return next(map(str, Path("/").glob(LIBRARIES[name])), None)
    return shutil.which(name)


def install(name: str) -> str | None:
    """Return the program's path, installing its Debian package first when it is missing and root asks."""
    if (path := find(name)) or os.geteuid() != 0 or not find("apt-get"):
        return path
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "timeout": INSTALL_SECONDS}
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", PACKAGES[name]]):
        subprocess.run(["apt-get", *arguments], check=False, env=environment, **quiet)
    return find(name)


def need(name: str) -> str:
    """Return the program's path; without it skip the test with the reason, or fail it in CI."""
    if path := find(name):
        return path
    reason = f"{name} is not installed (Debian package {PACKAGES.get(name, name)})"
    if strict():
        pytest.fail(reason)
    pytest.skip(reason)


def main() -> None:
    """Install what is missing and say what stays missing; `make test` runs this first."""
    for name in PACKAGES:
        if not install(name):
            print(f"{name} is missing: the tests that need it are skipped")  # noqa: T201


if __name__ == "__main__":
    main()
