"""What takes its time outside while an answer is written: it is waited for only as long as the answer is wanted."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextvars import copy_context
from typing import TypeVar

from flask import current_app

from app.db.scope import current_scope, use_scope

CHECK_SECONDS = 1.0
"""How often it is asked whether the answer is still wanted."""
Result = TypeVar("Result")


async def attended(act: Awaitable[Result], check: Callable[[], object]) -> Result:
    """What `act` ends with. What `check` raises meanwhile ends it, and so does the caller's time limit."""
    doing = asyncio.ensure_future(act)
    try:
        while not (await asyncio.wait({doing}, timeout=CHECK_SECONDS))[0]:
            check()
    finally:
        doing.cancel()
        await asyncio.wait({doing})
    return doing.result()


async def in_thread(act: Callable[[], Result]) -> Result:
    """Call it in a thread with a database session of its own; if it is not waited for any more, it ends unheard.

    None of asyncio's threads: the end of the event loop would wait for them.
    """
    app, scope = current_app._get_current_object(), current_scope()  # type: ignore[attr-defined]  # noqa: SLF001 - LocalProxy
    future: Future[Result] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            with app.app_context():
                use_scope(scope)
                result = act()
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=copy_context().run, args=(run,), name="call", daemon=True).start()
    return await asyncio.wrap_future(future)
