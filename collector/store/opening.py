"""Opens the store that a path or a URL names."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from collector.domain.limits import DEFAULTS, Limits
from collector.store.interface import Store
from edge.errors import InputError

POSTGRES = re.compile(r"postgres(ql)?://")


def open_store(
    where: str | Path,
    *,
    write: bool = True,
    refusals_max: int = 1_000,
    password_file: Path | None = None,
    time_zones: Mapping[str, str] = MappingProxyType({}),
    limits: Limits = DEFAULTS,
) -> Store:
    """The store at a path (SQLite) or at a `postgresql://` URL, made where there is none and `write` is true.

    `time_zones`: by site, in which days are summed up; the rest as their devices tell. `limits`: of each device.
    """
    if isinstance(where, str) and POSTGRES.match(where):
        try:
            from collector.store.postgres.store import PostgresStore  # noqa: PLC0415  # an extra that few need
        except ModuleNotFoundError as error:
            needs = "a store in PostgreSQL needs psycopg: pip install 'crossing-monitor[postgres]'"
            raise InputError(f"{needs} ({error})") from error
        return PostgresStore(
            where,
            write=write,
            refusals_max=refusals_max,
            password_file=password_file,
            time_zones=time_zones,
            limits=limits,
        )
    from collector.store.sqlite.store import SqliteStore  # noqa: PLC0415  # the one that is asked for

    return SqliteStore(Path(where), write=write, refusals_max=refusals_max, time_zones=time_zones, limits=limits)
