"""Who may integrate: one process at a time, by a file lock on the published log and an advisory lock in PostgreSQL."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from chargehand.database import Database

_ADVISORY_KEY = 0x6368_6175_6469_74  # "chaudit"


class Holder:
    """Holds the role of integrator, or not. Both locks vanish with the process that holds them."""

    def __init__(self, db: Database, log_dir: Path) -> None:
        self._db = db
        self._path = log_dir / ".integrator.lock"
        self._file: int | None = None
        self._connection: Connection | None = None

    def acquire(self) -> bool:
        """Take the role, or find that it is still ours. False: another process has it."""
        return self._lock_file() and (self._db.is_sqlite or self._lock_database())

    def release(self) -> None:
        """Let another process take over."""
        if self._connection is not None:
            with suppress(SQLAlchemyError):  # where this can't be said, the end of the connection says it, later
                self._connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_ADVISORY_KEY})")
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _lock_file(self) -> bool:
        if self._file is not None:
            return True
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._file = file
        return True

    def _lock_database(self) -> bool:
        if self._connection is not None:
            try:
                self._connection.exec_driver_sql("SELECT 1")
            except DBAPIError:  # the server dropped the connection, and the lock with it
                self.release()
                return False
            return True
        connection = self._db.engine.connect()
        if connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({_ADVISORY_KEY})").scalar():
            self._connection = connection
            return True
        connection.close()
        return False
