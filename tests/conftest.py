"""What all tests share."""

import os

from hypothesis import settings

os.environ.pop("COLUMNS", None)  # of the terminal of whoever runs the tests: tables are tested without a width
# A busy machine is slow, not wrong. A change is judged by the same examples everywhere; `make test-all` tries new ones.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("new", deadline=None)
settings.load_profile("same")
