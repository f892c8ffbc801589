"""Work that a page waits for, in a thread of its own from `with` to its end; it looks at `_told` often."""

import threading
from types import TracebackType
from typing import Self

END_S = 10.0


class Worker:
    """`_run` is what the thread does; an error of it is its own to tell."""

    def __init__(self, name: str) -> None:
        self._told = threading.Event()
        """Set when it is to end."""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def _run(self) -> None:
        """The outermost loop."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._told.set()
        self._thread.join(END_S)
