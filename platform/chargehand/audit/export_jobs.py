"""Exports in the background: a file each, with a small JSON file beside it that says how far it is.

The state is in the folder, not in this process: another process of the API answers for it as well, and an export whose
process died says so instead of running for ever.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from chargehand import clock
from chargehand.audit.model import Who
from chargehand.audit.service import AuditService
from chargehand.errors import ChargehandError, Conflict, NotFound
from chargehand.ids import new_id

log = logging.getLogger("chargehand.audit")

ExportFormat = Literal["csv", "jsonl", "parquet", "ocsf", "evidence"]
ENDINGS: dict[str, str] = {
    "csv": "csv",
    "jsonl": "jsonl",
    "parquet": "parquet",
    "ocsf": "ocsf.jsonl",
    "evidence": "zip",
}
SAVE_SECONDS = 0.3


class ExportJob(BaseModel):
    """One export. `process` is the one that writes it."""

    model_config = ConfigDict(frozen=True)

    id: str
    tenant: str
    format: ExportFormat
    query: str
    state: Literal["running", "done", "failed"]
    records: int = 0
    total: int | None = None
    bytes: int = 0
    file: str
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None = None
    failure: str = ""
    process: int
    personal: bool = True
    """Whether sealed data was opened in it."""


class Exports:
    """The exports of an installation, in `folder`/<tenant>/. One instance a process; `close` stops what runs."""

    def __init__(self, audit: AuditService, folder: Path) -> None:
        self._audit = audit
        self._folder = folder
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self, tenant: str, who: Who, kind: ExportFormat, query: str, *, personal: bool) -> ExportJob:
        """Begin an export; it is recorded before its first byte. Raises BadInput for a broken filter."""
        await self._audit.query(tenant, query, limit=1)  # a broken filter is refused now, not in the background
        name = new_id("exp")
        job = ExportJob(
            id=name,
            tenant=tenant,
            format=kind,
            query=query,
            state="running",
            file=f"chargehand-{name}.{ENDINGS[kind]}",
            requested_by=who.principal,
            requested_at=clock.now(),
            process=os.getpid(),
            personal=personal and kind != "evidence",
        )
        self._save(job)
        self._tasks[name] = asyncio.create_task(self._run(job, who, personal))
        return job

    def list(self, tenant: str, owner: str) -> list[ExportJob]:
        """Exports that `owner` asked for, newest first."""
        found = [self._load(path) for path in self._of(tenant).glob("*.json")]
        mine = [job for job in found if job is not None and job.requested_by == owner]
        return sorted(mine, key=lambda job: job.id, reverse=True)

    def get(self, tenant: str, owner: str, name: str) -> ExportJob:
        """Raises NotFound, also for somebody else's."""
        found = next((job for job in self.list(tenant, owner) if job.id == name), None)
        if found is None:
            raise NotFound(f"You have no export {name!r}.")
        return found

    def file(self, job: ExportJob) -> Path:
        """The finished file. Raises Conflict while it is not."""
        if job.state != "done":
            raise Conflict(f"The export is {job.state}. {job.failure}".strip(), way_out="Wait, or start it again.")
        return self._of(job.tenant) / job.file

    async def finished(self, name: str) -> None:
        """Wait until an export of this process has ended, one way or the other."""
        if task := self._tasks.get(name):
            await asyncio.wait({task})

    async def delete(self, tenant: str, owner: str, name: str) -> None:
        """Stop it if it runs, and remove its files. Raises NotFound."""
        job = await asyncio.to_thread(self.get, tenant, owner, name)
        if task := self._tasks.pop(name, None):
            task.cancel()
            await asyncio.wait({task})
        for path in (self._of(tenant) / job.file, self._of(tenant) / f"{name}.json"):
            path.unlink(missing_ok=True)

    async def remove_opened(self, tenant: str) -> int:
        """Remove every file in which sealed data was opened, because a person was erased; how many."""
        found = [job for path in self._of(tenant).glob("*.json") if (job := self._load(path)) and job.personal]
        for job in found:
            if task := self._tasks.pop(job.id, None):
                task.cancel()
                await asyncio.wait({task})
            if job.state != "failed":
                self._fail(job, "It was removed because a person's data was erased; export again.")
        return len(found)

    async def close(self) -> None:
        """Stop what runs; it says that it was cut short."""
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    async def _run(self, job: ExportJob, who: Who, personal: bool) -> None:
        progress = _Reporter(job, self._save)
        target = self._of(job.tenant) / job.file
        try:
            if job.format == "evidence":
                size = await self._audit.evidence(job.tenant, target, job.query, who=who, progress=progress)
            else:
                size = await self._audit.export(
                    job.tenant, target, job.query, form=job.format, who=who, personal=personal, progress=progress
                )
            count = {"records": progress.done, "total": progress.done, "bytes": size}
            self._save(job.model_copy(update=count | {"state": "done", "finished_at": clock.now()}))
        except asyncio.CancelledError:
            self._fail(job, "It was stopped.")
            raise
        except ChargehandError as error:
            self._fail(job, str(error))
        except Exception as error:  # whatever goes wrong, the person who waits is told
            log.exception("the export %s failed", job.id)
            self._fail(job, f"{type(error).__name__}: {error}")
        finally:
            self._tasks.pop(job.id, None)

    def _fail(self, job: ExportJob, why: str) -> None:
        (self._of(job.tenant) / job.file).unlink(missing_ok=True)
        self._save(job.model_copy(update={"state": "failed", "failure": why, "finished_at": clock.now()}))

    def _of(self, tenant: str) -> Path:
        place = self._folder / tenant
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        return place

    def _save(self, job: ExportJob) -> None:
        path = self._of(job.tenant) / f"{job.id}.json"
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        draft.write_text(job.model_dump_json())
        draft.replace(path)

    def _load(self, path: Path) -> ExportJob | None:
        try:
            job = ExportJob.model_validate_json(path.read_text())
        except (OSError, ValidationError):
            return None  # removed or half written while we looked
        if job.state == "running" and not _alive(job.process, self._tasks, job.id):
            return job.model_copy(update={"state": "failed", "failure": "The process that wrote it ended."})
        return job


class _Reporter:
    """Writes down how far an export is, a few times a second. Called from the thread that writes the file."""

    def __init__(self, job: ExportJob, save: Callable[[ExportJob], None]) -> None:
        self._job = job
        self._save = save
        self._next = 0.0
        self.done = 0

    def __call__(self, done: int, total: int) -> None:
        self.done = done
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + SAVE_SECONDS
            self._save(self._job.model_copy(update={"records": done, "total": total}))


def _alive(process: int, own: dict[str, Any], name: str) -> bool:
    if process == os.getpid():
        return name in own
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
