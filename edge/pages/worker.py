"""Work that a page waits for, in a thread of its own from `with` to its end; it checks `_ending` often."""

import threading
from typing import Self

END_S = 10.0


class Worker:
    """`_run` is the thread's function; it handles its own errors."""

    def __init__(self, name: str) -> None:
        self._ending = threading.Event()
        """Set when it is to end."""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def _run(self) -> None:
        """The outermost loop."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(END_S)
