"""One file out of a tar archive, straight into memory."""

import tarfile


def read_tar_member(archive: tarfile.TarFile, name: str) -> bytes:
    """Reads a regular file of an archive, without unpacking anything to disk.

    Args:
        archive: open for reading.
        name: the file's full name in it.

    Returns:
        bytes.

    Raises:
        KeyError: if the archive has no regular file of this name.
    """
    file = archive.extractfile(name)
    if file is None:
        raise KeyError(f"{name!r} is not a regular file")
    return file.read()
