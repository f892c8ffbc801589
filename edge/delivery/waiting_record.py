"""The number of entries that wait in memory: a file of fixed size, allocated once, written in place.

A full disk takes a write into blocks that a file already has, so this outlives the process where the entries do not.
Two slots are written in turn, each with a checksum: a power failure in the middle of one leaves the other. (A file
system that copies on write, as btrfs does, may refuse even this when it is full; then `failure` says so.)
"""

import os
import zlib
from pathlib import Path

import msgspec

_MAGIC = b"CRWR"
_SLOT = 4_096
_HEAD = 20  # magic, generation, length, checksum


class Waiting(msgspec.Struct, frozen=True):
    """Of one life of a memory buffer: ordinals by kind, of the last entry that had to wait and the last that needs it
    no more.

    The second is noted in the outbox, too, and may be further there. The times are those of the reports that wait.
    """

    life: str
    last: dict[str, int] = {}
    settled: dict[str, int] = {}
    from_ms: int | None = None
    until_ms: int | None = None


class WaitingRecord:
    """The file `path`; `failure` says why it cannot be used, empty while it can."""

    def __init__(self, path: Path) -> None:
        self.failure = ""
        self._path = path
        self._generation = 0
        self._file: int | None = None

    def read(self) -> Waiting | None:
        """The last record; None where there is none, or the file cannot be used."""
        try:
            file = self._open()
            slots = [os.pread(file, _SLOT, number * _SLOT) for number in (0, 1)]
        except OSError as error:
            self._fail(error)
            return None
        found = [slot for slot in map(_parsed, slots) if slot is not None]
        if not found:
            return None
        self._generation, waiting = max(found, key=lambda slot: slot[0])
        return waiting

    def write(self, waiting: Waiting) -> None:
        """Write the record; it survives a power failure."""
        content = msgspec.json.encode(waiting)
        assert len(content) <= _SLOT - _HEAD, "a few kinds of letters and two times"
        generation = self._generation + 1
        head = _MAGIC + generation.to_bytes(8, "big") + len(content).to_bytes(4, "big")
        slot = head + zlib.crc32(head + content).to_bytes(4, "big") + content
        try:
            file = self._open()
            os.pwrite(file, slot.ljust(_SLOT, b"\0"), generation % 2 * _SLOT)
            os.fdatasync(file)
        except OSError as error:
            self._fail(error)
        else:
            self._generation, self.failure = generation, ""

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self) -> int:
        if self._file is None:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(file, 0, 2 * _SLOT)
                os.fsync(file)
            except OSError:
                os.close(file)
                raise
            self._file = file
        return self._file

    def _fail(self, error: OSError) -> None:
        self.failure = f"{self._path} cannot be used: {error.strerror}; what waits ends with the process"
        self.close()


def _parsed(slot: bytes) -> tuple[int, Waiting] | None:
    """The generation and the content; None where it was never written, or not to its end."""
    length = int.from_bytes(slot[12:16], "big")
    content = slot[_HEAD : _HEAD + length]
    if slot[:4] != _MAGIC or zlib.crc32(slot[:16] + content) != int.from_bytes(slot[16:20], "big"):
        return None
    return int.from_bytes(slot[4:12], "big"), msgspec.json.decode(content, type=Waiting)
