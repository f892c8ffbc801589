"""The commands `crossing-collector backup` and `restore`: one file with the whole store, made while `run` goes on.

A backup is one consistent state of the store, journals and reports included. So after a restore the totals of the
devices show later reports as missing, and these are requested. SQLite only: for PostgreSQL use `pg_dump`.
"""

import fcntl
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Never

from tqdm import tqdm

from collector.store.opening import POSTGRES
from collector.store.sqlite.schema import APPLICATION_ID, UPGRADES, VERSION
from edge.errors import InputError, WorkError

CHUNK_BYTES = 8 << 20
BESIDE = ("-wal", "-shm", "-journal")
"""Files that SQLite keeps beside a database that is open, or whose process was killed."""
SHM_OPEN_BYTE = 128
"""Byte of the -shm file on which every open connection holds a shared lock (SQLite's WAL-index format)."""
STEPS = 100_000
"""Instructions of SQLite's virtual machine between two updates of the progress bar."""
PG_DUMP = (
    "a store in PostgreSQL is backed up by `pg_dump --format=custom --schema=crossing DATABASE > FILE` and restored"
    " into an empty database by `pg_restore --exit-on-error --dbname=DATABASE FILE`, with `run` stopped; devices are"
    " asked for what is missing then as well"
)


def backup(store: str | Path, to: Path) -> None:
    """Write a consistent copy of a store to `to`, which must not exist, and check it."""
    source = _file_of(store)
    if to.exists():
        raise InputError(f"{to} exists already: name another file")
    part = to.with_name(f"{to.name}.part")
    part.unlink(missing_ok=True)
    try:
        with closing(_open(source)) as database:
            (pages,) = database.execute("PRAGMA page_count").fetchone()
            (page_bytes,) = database.execute("PRAGMA page_size").fetchone()
            with _progress(pages * page_bytes, "copied") as bar:

                def look() -> int:
                    with suppress(FileNotFoundError):
                        bar.update(part.stat().st_size - bar.n)
                    return 0

                database.set_progress_handler(look, STEPS)
                database.execute("VACUUM INTO ?", (str(part),))  # one snapshot, whatever is written meanwhile
                look()
        _check(part)
        _sync(part)
        part.rename(to)
        _sync(to.absolute().parent)
    except (sqlite3.Error, OSError) as error:
        raise WorkError(f"{source} could not be backed up to {to}: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    print(f"{to}: {to.stat().st_size} bytes, checked")


def restore(store: str | Path, backup_file: Path, *, replace: bool) -> None:
    """Replace a store by a backup, while `run` is stopped; the previous store is kept beside it."""
    if isinstance(store, str) and POSTGRES.match(store):
        raise InputError(PG_DUMP)
    target = Path(store)
    if not backup_file.is_file():
        raise InputError(f"backup {backup_file} does not exist")
    if target.exists() and not replace:
        raise InputError(f"store {target} exists: say --replace to put it aside, with `run` stopped")
    part = target.with_name(f"{target.name}.part")
    aside = None
    try:
        _check(backup_file)
        with _progress(backup_file.stat().st_size, "copied") as bar:
            _copy(backup_file, part, bar.update)
        _check(part)
        if target.exists():
            _nobody_uses(target)
        aside = _put_aside(target)
        part.rename(target)
        _sync(target.absolute().parent)
    except (sqlite3.Error, OSError) as error:
        raise WorkError(f"{backup_file} could not be restored to {target}: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    print(f"{target} is what {backup_file} holds; start `run`, and the devices are asked for what came later")
    if aside is not None:
        print(f"the store that was there is {aside}")


def _file_of(store: str | Path) -> Path:
    if isinstance(store, str) and POSTGRES.match(store):
        raise InputError(PG_DUMP)
    if not Path(store).is_file():
        raise InputError(f"store {store} does not exist")
    return Path(store)


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


def _check(path: Path) -> None:
    """InputError if it is not a collector's store, or damaged."""
    try:
        with closing(_open(path)) as database:
            (application,) = database.execute("PRAGMA application_id").fetchone()
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if application != APPLICATION_ID or version not in (VERSION, *UPGRADES):
                raise InputError(f"{path} is not a collector's store of version {VERSION}")
            (state,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        raise InputError(f"{path} is damaged, or no collector's store: {error}") from error
    if state != "ok":
        raise InputError(f"{path} is damaged: {state}")


def _nobody_uses(path: Path) -> None:
    """WorkError if another process has it open; otherwise its log is merged into the file, unless that is damaged."""
    in_use = f"store {path} is in use: stop `run` first"
    try:
        with closing(sqlite3.connect(path, timeout=1.0, isolation_level=None)) as database:
            database.execute("PRAGMA locking_mode = EXCLUSIVE")
            database.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        raise WorkError(f"{in_use} ({error})") from error
    except sqlite3.DatabaseError as error:  # damaged: a reason to restore, and SQLite cannot say who has it open
        with suppress(FileNotFoundError), _beside(path, "-shm").open("r+b") as shared:
            try:
                fcntl.lockf(shared, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, SHM_OPEN_BYTE)
            except BlockingIOError:
                raise WorkError(f"{in_use} ({error})") from error


def _put_aside(path: Path) -> Path | None:
    """Rename a store and its log; a log that stays would be applied to the file that replaces the store."""
    number = 1
    while any(_beside(path, f".before-restore-{number}{ending}").exists() for ending in ("", *BESIDE)):
        number += 1
    aside = _beside(path, f".before-restore-{number}")
    was_there = path.exists()
    if was_there:
        path.rename(aside)
    for ending in BESIDE:
        with suppress(FileNotFoundError):
            _beside(path, ending).rename(_beside(aside, ending))
    return aside if was_there else None


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _copy(source: Path, to: Path, on_progress: Callable[[int], object]) -> None:
    with source.open("rb") as read, to.open("wb") as written:
        while chunk := read.read(CHUNK_BYTES):
            written.write(chunk)
            on_progress(len(chunk))
        written.flush()
        os.fsync(written.fileno())
    shutil.copymode(source, to)


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _progress(size: int, what: str) -> "tqdm[Never]":
    return tqdm(total=size, unit="B", unit_scale=True, desc=what, file=sys.stderr, disable=None)
