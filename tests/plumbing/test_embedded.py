"""The embedded server: started once by whoever comes first, outlives its clients, gets up after a crash."""

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from plumbing import embedded
from plumbing.access import server_account
from plumbing.errors import Misconfigured
from plumbing.postmaster import DATABASE, SUPERUSER
from plumbing.settings import load
from plumbing.warehouse import ROLES, Warehouse

pytestmark = pytest.mark.warehouse
ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(home: Path) -> Iterator[Path]:
    place = home / "warehouse"
    yield place
    embedded.stop(place)


def pid_of(folder: Path) -> int:
    return int((folder / "postmaster.pid").read_text().splitlines()[0])


def test_server_is_started_used_stopped_and_started_again(folder: Path) -> None:
    with psycopg.connect(embedded.start(folder).url()) as connection:
        connection.execute("create table kept as select 7 as n")
        told = dict(connection.execute("select name, setting from pg_settings").fetchall())
    assert (told["fsync"], told["listen_addresses"], told["data_checksums"]) == ("on", "", "on")
    assert embedded.stop(folder) is True
    assert embedded.stop(folder) is False
    with psycopg.connect(embedded.start(folder).url()) as connection:
        assert connection.execute("select n from kept").fetchone() == (7,)


def test_whoever_comes_while_the_server_is_being_made_gets_its_database_too(folder: Path) -> None:
    """As where the first starter is slow, or was killed, between the server and its database."""
    address = embedded.start(folder)
    with psycopg.connect(address.url("postgres"), autocommit=True) as connection:
        connection.execute(f"drop database {DATABASE}")
    with psycopg.connect(embedded.start(folder).url()) as connection:
        assert connection.execute("select current_database()").fetchone() == (DATABASE,)


def test_private_folders_on_the_way_stay_private(home: Path) -> None:
    private = home / "private"
    private.mkdir(mode=0o700)
    folder = private / "warehouse"
    try:
        psycopg.connect(embedded.start(folder).url()).close()
        others = stat.S_IRWXO
        assert stat.S_IMODE(private.stat().st_mode) & others == 0
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        embedded.stop(folder)


def test_long_path_gets_a_short_private_socket_folder(home: Path) -> None:
    folder = home / ("d" * 90) / ("with space, and ünïcode " * 2) / "warehouse"
    try:
        address = embedded.start(folder)
        assert len(str(address.socket_dir)) < 100
        assert stat.S_IMODE(address.socket_dir.stat().st_mode) == 0o700
        with psycopg.connect(address.url()) as connection:
            assert connection.execute("show data_directory").fetchone() == (str(folder),)
    finally:
        embedded.stop(folder)


def test_socket_folder_of_somebody_else_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = home / ("d" * 90) / "warehouse"
    folder.mkdir(parents=True)
    monkeypatch.setattr(embedded.tempfile, "gettempdir", lambda: str(home / "t"))
    (home / "t").mkdir()
    account = server_account(folder)
    place = embedded._socket_dir(folder, account)
    place.chmod(0o755)
    with pytest.raises(Misconfigured, match=r"is not a private folder of user"):
        embedded._socket_dir(folder, account)


def test_many_processes_at_first_start_share_one_server(folder: Path) -> None:
    program = (
        "import sys, psycopg; from pathlib import Path; from plumbing import embedded;"
        "c = psycopg.connect(embedded.start(Path(sys.argv[1])).url());"
        "print(c.execute('select pg_postmaster_start_time()').fetchone()[0])"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(4)
    ]
    told = {process.communicate(timeout=120)[0] for process in running}
    assert [process.returncode for process in running] == [0, 0, 0, 0]
    assert len(told) == 1


def test_server_outlives_a_client_that_is_killed(folder: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from plumbing import embedded;"
        "embedded.start(Path(sys.argv[1])); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(folder)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    server = pid_of(folder)
    psycopg.connect(embedded.start(folder).url()).close()
    assert pid_of(folder) == server


def test_server_that_was_killed_comes_up_with_every_commit(folder: Path) -> None:
    with psycopg.connect(embedded.start(folder).url(), autocommit=True) as connection:
        connection.execute("create table kept as select 7 as n")
    os.kill(pid_of(folder), signal.SIGKILL)
    with psycopg.connect(embedded.start(folder).url()) as connection:
        assert connection.execute("select n from kept").fetchone() == (7,)


def test_stale_pid_file_whose_number_lives_on_in_another_process_is_no_obstacle(folder: Path) -> None:
    embedded.start(folder)
    lines = (folder / "postmaster.pid").read_text().splitlines()
    embedded.stop(folder)
    # After a crash of the machine: the file is left, and the number belongs to a process of the server's own user.
    user = {"user": folder.stat().st_uid} if os.getuid() == 0 else {}
    other = subprocess.Popen(["sleep", "60"], **user)  # type: ignore[call-overload]
    try:
        (folder / "postmaster.pid").write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
        psycopg.connect(embedded.start(folder).url()).close()
        assert pid_of(folder) != other.pid
    finally:
        other.kill()
        other.wait()


def test_start_that_was_cut_off_while_making_the_folder_is_made_anew(folder: Path) -> None:
    half = folder.with_name(".warehouse.making")
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    psycopg.connect(embedded.start(folder).url()).close()
    assert not half.exists()


def test_threads_of_one_process_share_the_server(folder: Path) -> None:
    addresses: list[embedded.Address] = []
    threads = [threading.Thread(target=lambda: addresses.append(embedded.start(folder))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert len(addresses) == 3
    assert len(set(addresses)) == 1


def test_folder_with_something_else_in_it_is_left_alone(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(Misconfigured, match=r"is not empty and holds no PostgreSQL data"):
        embedded.start(folder)
    assert (folder / "thesis.txt").read_text() == "mine"


def test_data_of_another_major_version_is_said(folder: Path) -> None:
    embedded.start(folder)
    embedded.stop(folder)
    (folder / "PG_VERSION").write_text("16\n")
    with pytest.raises(Misconfigured, match=r"was made by PostgreSQL 16; this installation brings 18"):
        embedded.start(folder)
    (folder / "PG_VERSION").write_text("18\n")


def test_home_that_cannot_be_made_is_said(home: Path) -> None:
    (home / "file").write_text("x")
    with pytest.raises(Misconfigured, match=r"The data folder .*file/deep cannot be made"):
        embedded.start(home / "file" / "deep" / "warehouse")


def test_warehouse_opens_the_embedded_server_of_its_home_and_stops_it(home: Path) -> None:
    settings = load(home)
    warehouse = Warehouse.open(settings)
    try:
        assert warehouse.is_embedded
        warehouse.migrate()
        with warehouse.connect("load") as connection:
            assert connection.execute("select hourline.now() is not null").fetchone() == (True,)
    finally:
        assert warehouse.stop() is True


def test_first_migration_of_a_server_works_for_a_login_with_createrole_alone(folder: Path) -> None:
    address = embedded.start(folder)
    with psycopg.connect(address.url("postgres"), autocommit=True) as connection:
        connection.execute("create role plain login createrole")
        connection.execute("create database plain owner plain")
    warehouse = Warehouse(address.url("plain").replace(f"{SUPERUSER}@", "plain@"))
    warehouse.migrate()
    for role in ROLES:
        with warehouse.connect(role) as connection:
            assert connection.execute("select session_user, current_user").fetchone() == ("plain", f"hourline_{role}")
    with warehouse.connect("transform", autocommit=True) as connection:
        connection.execute("create view sync.thing as select 1 as n")
    with warehouse.connect("deliver") as connection:
        assert connection.execute("select n from sync.thing").fetchone() == (1,)
