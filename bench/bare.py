"""Procrastinate by itself: `python bench/bare.py ADDRESS COUNT` prints its empty tasks a second."""

import asyncio
import sys
import time

from procrastinate import App, PsycopgConnector


async def main(address: str, count: int) -> float:
    """Queue the tasks, then run them with ten at a time until there are none."""
    app = App(connector=PsycopgConnector(conninfo=address, min_size=12, max_size=12))

    @app.task(name="empty")
    async def empty() -> None:
        """Do nothing."""

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await empty.batch_defer_async(*({} for _ in range(count)))
        began = time.perf_counter()
        await app.run_worker_async(concurrency=10, wait=False, install_signal_handlers=False)
        return count / (time.perf_counter() - began)


if __name__ == "__main__":
    print(f"{asyncio.run(main(sys.argv[1], int(sys.argv[2]))):.0f}")
