"""The Redis that belongs to one instance: nothing on disk, bounded memory, a private socket."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from .account import account_for
from .part import Part
from .places import Places, redis_socket

_MEMORY = ("--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru", "--save", "", "--appendonly", "no")


def private_redis(places: Places, tell: Callable[[str], None]) -> Part | None:
    """The process to run, or None when the machine has no `redis-server`."""
    program = shutil.which("redis-server")
    if program is None:
        return None
    place = ("--port", "0", "--unixsocket", str(redis_socket(places.data_dir)), "--unixsocketperm", "700")
    log = ("--loglevel", "warning", "--logfile", str(places.sockets / "redis.log"), "--dir", "/")
    account = account_for(places.cluster, places.owner)
    places.create_runtime(account.uid)
    return Part(
        name="redis",
        pid_file=places.run / "redis.pid",
        command=[program, *place, *_MEMORY, *log],
        environment={"PATH": os.defpath},
        tell=tell,
        become=account.entering(Path(program), places.sockets),
    )
