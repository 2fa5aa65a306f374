"""Where files of cases lie: under no public address, and on the disk before the commit naming them."""

import os
from pathlib import Path

from django.core.files import File
from django.core.files.storage import FileSystemStorage
from django.db import transaction
from django.db.models.fields.files import FieldFile


def delete_after_commit(blob: FieldFile) -> None:
    """Takes the bytes away once it is certain that no row names them any more."""
    storage, name = blob.storage, blob.name

    # A named function and not a partial: Django logs a robust callback's failure by its name.
    def delete_bytes() -> None:
        if name:
            storage.delete(name)

    transaction.on_commit(delete_bytes, robust=True)


class PrivateStorage(FileSystemStorage):
    """The plain file system, flushed: a row that survives a power cut must find its file."""

    def _save(self, name: str, content: "File[bytes]") -> str:
        saved: str = self._whole(name, content)
        path = Path(self.path(saved))
        for target in (path, path.parent):
            descriptor = os.open(target, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        return saved

    def _whole(self, name: str, content: "File[bytes]") -> str:
        """On a full disk half of a file must not be left behind: it would take the room of others."""
        there = self.exists(name)
        try:
            saved: str = super()._save(name, content)  # type: ignore[misc]
        except OSError:
            if not there:
                Path(self.path(name)).unlink(missing_ok=True)
            raise
        return saved

    def url(self, name: str | None) -> str:  # noqa: ARG002
        """Files have no address of their own; they are served by a view after an ownership check."""
        raise ValueError("Files of cases have no public address.")
