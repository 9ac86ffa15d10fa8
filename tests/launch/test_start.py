"""Starting and stopping the product, as an operator sees it."""

import json
import re
import signal
import socket
import subprocess
from pathlib import Path

import httpx2
import psutil
import pytest

from tests.launch.instance import ROOT, Instance


def get(instance: Instance, path: str) -> tuple[int, bytes]:
    answer = httpx2.get(f"http://127.0.0.1:{instance.port}{path}", timeout=10, follow_redirects=True)
    return answer.status_code, answer.content


def start(instance: Instance, on_hangup: signal.Handlers) -> None:
    """Start it as from a shell, or as by nohup, however these tests were started themselves."""
    before = signal.signal(signal.SIGHUP, on_hangup)
    try:
        instance.start()
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_it_started(data_dir: Path, number: signal.Signals) -> None:
    instance = Instance(data_dir)
    start(instance, signal.SIG_DFL)
    assert len(instance.living()) > 5
    instance.process.send(number)
    assert instance.process.wait(60) == 0
    assert instance.living() == []
    assert not instance.places.runtime.exists()


def test_under_nohup_it_outlives_the_terminal(data_dir: Path) -> None:
    instance = Instance(data_dir)
    start(instance, signal.SIG_IGN)
    instance.process.send(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        instance.process.wait(3)
    assert get(instance, "/readyz")[0] == 200
    instance.process.stop(signal.SIGTERM, seconds=60)


def test_it_serves_its_address_and_says_how_to_claim_it(data_dir: Path) -> None:
    with Instance(data_dir) as instance:
        status, body = get(instance, "/readyz")
        assert status == 200, body
        line = next(line for line in instance.process.output().splitlines() if "AgentPress runs at" in line)
        assert f"http://localhost:{instance.port}/ " in line
        assert "/setup?token=" in line


def test_the_second_start_finds_its_data(data_dir: Path) -> None:
    with Instance(data_dir) as instance:
        instance.remember("kept")
    with instance:
        assert instance.facts() == ["kept"]


def test_htmx_comes_out_of_its_package(data_dir: Path) -> None:
    with Instance(data_dir) as instance:
        page = get(instance, "/sign-in")[1].decode()
        script = re.search(r'src="([^"]+/vendor/htmx.min.js)"', page)
        assert script, page
        status, body = get(instance, script[1])
    assert status == 200
    assert b'version:"2.0.10"' in body


def test_a_second_start_on_the_same_data_is_refused(data_dir: Path) -> None:
    with Instance(data_dir) as first:
        code, output = Instance(data_dir).refusal()
        assert code == 2
        assert f"AgentPress is already running on {data_dir}" in output
        assert get(first, "/readyz")[0] == 200


def test_a_taken_port_is_refused(data_dir: Path) -> None:
    instance = Instance(data_dir)
    with socket.create_server(("127.0.0.1", instance.port)):
        code, output = instance.refusal()
    assert code == 2
    assert f"Port {instance.port} on 127.0.0.1 is taken" in output
    assert instance.living() == []


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "http"), ("HOST", "203.0.113.7"), ("LOG_FORMAT", "xml")]
)
def test_a_mistake_in_the_configuration_is_refused(data_dir: Path, name: str, value: str) -> None:
    instance = Instance(data_dir, **{name: value})
    code, output = instance.refusal()
    assert code == 2
    assert value in output
    assert "Traceback" not in output
    assert instance.living() == []


def test_a_data_directory_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, output = Instance(tmp_path / "file" / "data").refusal()
    assert code == 2
    assert output == f"DATA_DIR: {tmp_path / 'file' / 'data'} cannot be used: Not a directory.\n"


def test_two_instances_live_side_by_side(tmp_path: Path) -> None:
    with Instance(tmp_path / "one") as one, Instance(tmp_path / "two") as two:
        one.remember("one")
        two.remember("two")
        assert (one.facts(), two.facts()) == (["one"], ["two"])
        assert get(one, "/readyz")[0] == get(two, "/readyz")[0] == 200


def test_without_redis_it_says_so_and_works(data_dir: Path, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in ("sh", "dirname"):
        (programs / program).symlink_to(Path("/bin") / program)
    with Instance(data_dir, PATH=str(programs)) as instance:
        assert "running without a cache" in instance.process.output()
        assert get(instance, "/readyz")[0] == 200


def test_it_is_small(data_dir: Path) -> None:
    with Instance(data_dir) as instance:
        pids = [
            instance.process.pid,
            *(instance.pid(part) for part in ("web", "worker", "redis", "postgres")),
        ]
        family = [
            process for pid in pids for process in (psutil.Process(pid), *psutil.Process(pid).children())
        ]
        memory = {process.pid: process.memory_full_info().pss for process in family}
        print(json.dumps({process.pid: [process.name(), memory[process.pid] >> 20] for process in family}))  # noqa: T201
        assert sum(memory.values()) < 350 << 20


def test_no_older_python_gets_further_than_a_sentence() -> None:
    source = (ROOT / "start.py").read_text(encoding="utf-8")
    assert source.index("sys.version_info < (3, 11)") < source.index("import argparse")
