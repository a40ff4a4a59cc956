"""A file that is read and hashed in a thread, while other work is done."""

import hashlib
import io
import os
import pathlib
import threading


class ReadAhead:
    """Begins at once to read a file into memory, and to hash what it read.

    Both are a few long calls during which Python does something else, such as
    importing what the content is for. What `content` gives is what `sha256` is of,
    whatever happens to the file meanwhile.

    Args:
        path: the file.
        size: bytes that it has to have; of any other size, it is not read.
    """

    def __init__(self, path: pathlib.Path, size: int):
        self.path = path
        self._size = size
        self._content: io.BytesIO | None = None
        self._sha256 = ""
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def sha256(self) -> str:
        """Of the content, as 64 hexadecimal digits; empty if it was not read.

        Raises:
            OSError: if the file can't be read.
        """
        self._wait()
        return self._sha256

    def take_content(self) -> io.BytesIO:
        """Gives the content away, so that it does not stay in memory twice.

        Raises:
            OSError: if the file can't be read.
        """
        self._wait()
        assert self._content is not None, "it was not read, or was taken before"
        content, self._content = self._content, None
        return content

    def _wait(self):
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _read(self):
        try:
            with open(self.path, "rb", buffering=0) as file:
                if os.fstat(file.fileno()).st_size != self._size:
                    return
                # One buffer of the right size, which `getvalue` gives away uncopied.
                content = io.BytesIO(bytes(self._size))
                with content.getbuffer() as buffer:
                    _fill(buffer, file)
                    self._sha256 = hashlib.sha256(buffer).hexdigest()
            self._content = content
        except BaseException as error:  # Raised again for who asks.
            self._error = error


def _fill(buffer: memoryview, file: io.FileIO) -> None:
    """Reads until it is full, or the file ends before: then the hash differs."""
    place = 0
    while count := file.readinto(buffer[place:]):
        place += count
