"""An API over a real store with the reports of `api_world`, closed and public."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collector.api.api_world import Api, an_api, some_reports


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    made = an_api(tmp_path, some_reports())
    yield made
    made.context.pool.close()
    made.store.close()


@pytest.fixture
def public_api(tmp_path: Path) -> Iterator[Api]:
    made = an_api(tmp_path, some_reports(), public=True)
    yield made
    made.context.pool.close()
    made.store.close()
