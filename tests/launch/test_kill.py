"""What a killed process leaves behind is found and put right."""

import time
from pathlib import Path

import pytest

from tests.launch.instance import Instance
from tests.support.processes import wait_until

pytestmark = pytest.mark.conformance
PARTS = ("web", "worker", "redis", "postgres")


@pytest.mark.parametrize("part", PARTS)
def test_a_killed_part_comes_back(data_dir: Path, part: str) -> None:
    with Instance(data_dir) as instance:
        instance.remember("kept")
        old = instance.pid(part)
        instance.kill(part)
        instance.wait_for_new(part, old)
        time.sleep(2)
        wait_until(instance.answers, 20, "the database after its recovery")
        assert instance.facts() == ["kept"]
        assert "ended" in instance.process.output()
    assert instance.living() == []


@pytest.mark.parametrize("victims", [("start.py",), ("start.py", "postgres"), ("start.py", *PARTS)])
def test_the_next_start_recovers_from_a_kill(data_dir: Path, victims: tuple[str, ...]) -> None:
    instance = Instance(data_dir)
    instance.start()
    instance.remember("kept")
    for victim in victims:
        instance.kill(victim)
    instance.process.wait(5)
    instance.start()
    assert instance.facts() == ["kept"]
    instance.process.stop()
    assert instance.living() == []


def test_a_start_killed_again_and_again_recovers(data_dir: Path) -> None:
    instance = Instance(data_dir)
    for seconds in (0.2, 0.5, 0.8, 1.1, 1.5, 2.0, 2.5):
        instance.process.start(lambda: True)
        time.sleep(seconds)
        instance.kill("start.py")
        instance.process.wait(5)
    with instance:
        instance.remember("works")
        assert instance.facts() == ["works"]
    assert instance.living() == []


def test_web_and_worker_die_with_start(data_dir: Path) -> None:
    instance = Instance(data_dir)
    instance.start()
    instance.kill("start.py")
    instance.process.wait(5)
    deadline = time.monotonic() + 20
    while any("wsgi" in line for line in instance.living()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any("wsgi" in line for line in instance.living())
    with instance:
        pass
    assert instance.living() == []
