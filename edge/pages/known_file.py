"""A file that a page edits while others may, too: written atomically, never over changes not seen yet."""

import hashlib
import os
import tempfile
import threading
from pathlib import Path

from edge.errors import InputError, WorkError


class KnownFile:
    """`text` is the file as last read or written here, "" while there is none. For use by several threads.

    A symbolic link is followed, and the file keeps its permissions. Raises InputError if it cannot be read, or could
    not be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._real = path.resolve()
        self._lock = threading.Lock()
        self._ours = ""  # the fingerprint of what we wrote ourselves
        if not self._real.parent.is_dir():
            raise InputError(f"the folder {path.parent} does not exist; it must, to write {path.name}")
        self.text = self._read()

    @property
    def exists(self) -> bool:
        """Whether there is such a file."""
        return self._real.exists()

    def look(self) -> str:
        """The text in the file now."""
        return self._read()

    def take_up(self, text: str) -> None:
        """Accept the text that was found there; a later change is noticed at the next save."""
        with self._lock:
            self.text = text

    def has_changed(self) -> bool:
        """Whether somebody else wrote it since it was read here."""
        return self._read() != self.text

    def save(self, text: str, *, over: bool = False) -> None:
        """Write the file; a text that another wrote is kept as NAME.bak.

        Raises InputError if it was changed meanwhile, unless `over`; WorkError if the disk refuses. Either way the old
        file is unchanged.
        """
        with self._lock:
            found = self._read()
            if found != self.text and not over:
                raise InputError(
                    f"{self.path} was changed by somebody else meanwhile; take up what it says now, or save over it"
                )
            try:
                if found and _fingerprint(found) != self._ours:
                    self._write(self._real.with_name(f"{self._real.name}.bak"), found)
                self._write(self._real, text)
            except OSError as error:
                raise WorkError(f"{self.path} cannot be written: {error.strerror}") from error
            self._ours = _fingerprint(text)
            self.text = text

    def _read(self) -> str:
        try:
            return self._real.read_bytes().decode("utf-8")
        except FileNotFoundError:
            return ""
        except UnicodeDecodeError as error:
            raise InputError(f"{self.path} is no text: {error.reason}") from error
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {error.strerror}; a file is expected") from error

    def _write(self, path: Path, text: str) -> None:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        part = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            _copy_rights(self._real, part)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _copy_rights(old: Path, new: Path) -> None:
    """Mode and owner of the file that is replaced; of a new one, what the user's umask allows."""
    if old.exists():
        status = old.stat()
        new.chmod(status.st_mode & 0o7777)
        if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()) and os.geteuid() == 0:
            os.chown(new, status.st_uid, status.st_gid)
        return
    mask = os.umask(0)
    os.umask(mask)
    new.chmod(0o666 & ~mask)


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
