"""A PostgreSQL server of the harness's own, to be stopped at once, copied and put back."""

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
from pydantic import SecretStr

from plumbing import embedded
from plumbing.postmaster import postmaster
from plumbing.settings import load
from plumbing.warehouse import Warehouse
from tests.faults.ledger import Ledger, make_relations

GONE_WITHIN = 60


class Server:
    """One data folder, and the ledger in it."""

    def __init__(self, place: Path) -> None:
        self._folder = place / "warehouse"
        self._backup = place / "backup"
        home = place / "home"
        home.mkdir()
        self.settings = replace(load(home), warehouse_url=SecretStr(embedded.start(self._folder).url()))
        Warehouse.open(self.settings).migrate()
        make_relations(self.settings)
        self.ledger = Ledger(self.settings)

    def stop_at_once(self) -> None:
        """Immediate shutdown: no checkpoint, every session cut; as the machine's own end would be."""
        pid = postmaster(self._folder)
        assert pid is not None
        process = psutil.Process(pid)
        os.kill(pid, signal.SIGQUIT)
        with contextlib.suppress(psutil.NoSuchProcess):
            process.wait(timeout=GONE_WITHIN)

    def start(self) -> None:
        """Start again, through its own crash recovery if need be; the ledger's connections are new."""
        embedded.start(self._folder)
        with contextlib.suppress(Exception):
            self.ledger.close()
        self.ledger = Ledger(self.settings)

    def back_up(self) -> None:
        """A cold copy of the data folder."""
        self.ledger.close()
        embedded.stop(self._folder)
        shutil.rmtree(self._backup, ignore_errors=True)
        _copy(self._folder, self._backup)
        self.start()

    def restore(self) -> None:
        """Put the copy in the folder's place."""
        self.ledger.close()
        embedded.stop(self._folder)
        shutil.rmtree(self._folder)
        _copy(self._backup, self._folder)
        self.start()

    def close(self) -> None:
        """Stop it."""
        self.ledger.close()
        embedded.stop(self._folder)


def _copy(source: Path, target: Path) -> None:
    """With owners and rights, as PostgreSQL wants them."""
    shutil.copytree(source, target, symlinks=True)
    for path in (source, *source.rglob("*")):
        found = path.lstat()
        os.chown(target / path.relative_to(source), found.st_uid, found.st_gid, follow_symlinks=False)


@contextlib.contextmanager
def temporary_server() -> Iterator[Server]:
    """One server, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="hourline-server-") as place:
        server = Server(Path(place))
        try:
            yield server
        finally:
            server.close()
