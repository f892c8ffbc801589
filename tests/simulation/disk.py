"""A disk on which a process can be killed between any two statements, and which fills up, fails and loses power."""

import random
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from tests.simulation.world import Killed, World


class Disk:
    """The files of one machine in a real folder. `kill_in` statements from now its process dies; None: it does not."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.kill_in: int | None = None
        self.failing = ""
        self.statements = 0

    def connections(self) -> type[sqlite3.Connection]:
        """What to make the connections of SQLite with."""
        disk = self

        class Fragile(sqlite3.Connection):
            def execute(self, *given: Any) -> sqlite3.Cursor:
                disk.hazard(given[0])
                made = super().execute(*given)
                disk.hazard("")
                return made

            def executemany(self, *given: Any) -> sqlite3.Cursor:
                disk.hazard(given[0])
                return super().executemany(*given)

            def executescript(self, *given: Any) -> sqlite3.Cursor:
                disk.hazard(given[0])
                return super().executescript(*given)

        return Fragile

    def hazard(self, statement: str) -> None:
        """Here the process may die, or the disk fail to write."""
        self.statements += 1
        if self.kill_in is not None:
            self.kill_in -= 1
            if self.kill_in <= 0:
                self.kill_in = None
                raise Killed
        if self.failing and statement.startswith(
            ("BEGIN", "\nBEGIN", "COMMIT", "INSERT", "UPDATE", "DELETE", "PRAGMA j")
        ):
            error = sqlite3.OperationalError(self.failing)
            error.sqlite_errorcode = 13 if "full" in self.failing else 10
            raise error

    def lose_power(self, database: Path, connection: sqlite3.Connection | None, chance: random.Random) -> None:
        """What was not synced is gone: of a log that is not synced at every commit, any tail of it."""
        if connection is None or not database.exists():
            return
        try:
            (synchronous,) = sqlite3.Connection.execute(connection, "PRAGMA synchronous").fetchone()
        except sqlite3.Error:
            synchronous = 2
        log = Path(f"{database}-wal")
        kept = {path: path.read_bytes() for path in (database, log) if path.exists()}
        connection.close()
        for path, content in kept.items():
            length = len(content)
            if path == log and synchronous < 2:
                length = chance.randrange(length + 1)
            path.write_bytes(content[:length])
        shm = Path(f"{database}-shm")
        shm.unlink(missing_ok=True)

    def rot(self, database: Path) -> None:
        """Damage a file that nobody has open."""
        size = database.stat().st_size
        with database.open("r+b") as file:
            file.seek(min(100, size // 2))
            file.write(b"\xff" * 3_000)
        Path(f"{database}-wal").unlink(missing_ok=True)

    def wipe(self) -> None:
        """Nothing of this machine is left."""
        shutil.rmtree(self.folder, ignore_errors=True)
