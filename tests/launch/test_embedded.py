"""The embedded server: who may use it, how it is shared, what it does not trust."""

import os
import subprocess
import threading
from pathlib import Path

import psycopg
import pytest

from app.db.embedded.errors import EmbeddedError
from app.db.embedded.places import Places, database_url, private_directory
from app.db.embedded.postgres import EmbeddedPostgres
from app.db.embedded.processes import recall, remember, terminate_leftover


def connect(data_dir: Path, user: str = "agentpress") -> psycopg.Connection:
    url = database_url(data_dir).replace("+psycopg", "").replace("agentpress@", f"{user}@")
    return psycopg.connect(url, autocommit=True)


def test_it_runs_while_somebody_is_attached(data_dir: Path) -> None:
    first, second = EmbeddedPostgres(data_dir), EmbeddedPostgres(data_dir)
    with first.attached():
        with second.attached():
            assert first.is_running()
        assert first.is_running()
    assert not first.is_running()


def test_many_can_attach_at_once(data_dir: Path) -> None:
    answers = []

    def use() -> None:
        with EmbeddedPostgres(data_dir).attached(), connect(data_dir) as connection:
            answers.append(connection.execute("SELECT 1").fetchone())

    users = [threading.Thread(target=use) for _ in range(6)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert answers == [(1,)] * 6
    assert not EmbeddedPostgres(data_dir).is_running()


def test_the_application_is_no_superuser_and_has_vectors(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir).attached(), connect(data_dir) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolcreaterole, (SELECT extversion FROM pg_extension WHERE extname = 'vector') "
            "FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        setting = connection.execute("SHOW client_connection_check_interval").fetchone()
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert row is not None
    assert row[:2] == (False, True)
    assert row[2] >= "0.8"
    assert setting == ("500ms",)


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another account takes root")
def test_another_account_is_turned_away(data_dir: Path) -> None:
    places = Places.of(data_dir)
    with EmbeddedPostgres(data_dir).attached():
        listed = subprocess.run(["ls", str(places.sockets)], user=65533, capture_output=True, check=False)
        assert listed.returncode != 0
        places.sockets.chmod(0o755)
        (places.sockets / ".s.PGSQL.5432").chmod(0o777)
        command = [
            "python3",
            "-c",
            "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])",
        ]
        reached = subprocess.run([*command, str(places.sockets / ".s.PGSQL.5432")], user=65533, check=False)
        assert reached.returncode == 0
        rules = (places.runtime / "pg_hba.conf").read_text()
        assert rules == "local all all peer map=instance\n"
        places.sockets.chmod(0o700)


def test_a_half_made_cluster_is_made_again(data_dir: Path) -> None:
    draft = data_dir / "postgresql.new"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(data_dir).attached(), connect(data_dir) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("agentpress",)
    assert not draft.exists()


def test_a_pid_file_with_a_strangers_number_is_not_trusted(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    with server.attached():
        pass
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        old = [str(stranger.pid), str(server.places.cluster), "1", "5432", "", "", "", "ready"]
        (server.places.cluster / "postmaster.pid").write_text("\n".join(old))
        assert not server.is_running()
        server.stop()
        with server.attached():
            assert server.is_running()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_cluster_of_another_version_is_refused(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    with server.attached():
        pass
    (server.places.cluster / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedError, match="belongs to PostgreSQL 17, this is 18"):
        server.ensure()


def test_the_socket_path_stays_short(tmp_path: Path) -> None:
    deep = tmp_path / ("long " * 40) / ("path " * 40)
    assert len(os.fsencode(Places.of(deep).sockets / ".s.PGSQL.5432")) < 108


def test_a_planted_directory_is_refused(tmp_path: Path) -> None:
    for name, make in {
        "open": lambda path: path.mkdir() or path.chmod(0o777),
        "link": lambda path: path.symlink_to(tmp_path),
        "file": lambda path: path.write_text(""),
    }.items():
        path = tmp_path / name
        make(path)
        with pytest.raises(EmbeddedError, match="only its owner can change"):
            private_directory(path, os.geteuid(), 0o700)


def test_a_number_given_to_another_process_is_not_recalled(tmp_path: Path) -> None:
    pid_file = tmp_path / "web.pid"
    remember(pid_file, os.getpid())
    assert recall(pid_file) == os.getpid()
    pid, mark = pid_file.read_text().split()
    pid_file.write_text(f"{pid} {mark}0\n")
    assert recall(pid_file) is None
    assert terminate_leftover(pid_file, 1) is False
    assert not pid_file.exists()


def test_a_leftover_is_stopped(tmp_path: Path) -> None:
    stubborn = subprocess.Popen(
        ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"],
        start_new_session=True,
        stdout=subprocess.PIPE,
    )
    assert stubborn.stdout.readline() == b"deaf\n"
    pid_file = tmp_path / "web.pid"
    remember(pid_file, stubborn.pid)
    assert terminate_leftover(pid_file, 0.5) is True
    assert stubborn.wait(5) == -9
    stubborn.stdout.close()
