"""The action log over HTTP: query, chart, prove, export, erase."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse

from chargehand.audit import show
from chargehand.audit.charts import Bucket
from chargehand.audit.evidence import Prover
from chargehand.audit.export_jobs import ExportJob, Exports
from chargehand.audit.model import Who
from chargehand.audit.service import AuditService
from chargehand.audit.views import (
    Bar,
    CheckpointView,
    ConsistencyProof,
    Export,
    Facet,
    Facets,
    FilterFieldView,
    InclusionProof,
    LogStatus,
    NewExport,
    NewSavedQuery,
    RecordDetail,
    RecordPage,
    RotationProof,
    SavedQueryView,
)
from chargehand.errors import BadInput
from chargehand.identity.model import SignedIn
from chargehand.identity.routes import able, may

router = APIRouter(prefix="/log", tags=["action log"])
Reader = Annotated[SignedIn, may("read_log")]
Exporter = Annotated[SignedIn, may("export_log")]
Filter = Annotated[str, Query(max_length=2000, description="Filter language; see docs/action-log.md")]
Zone = Annotated[str, Query(max_length=64, description="In which days begin, e.g. `Asia/Shanghai`")]
MAX_RELATED = 200


def _audit(request: Request) -> AuditService:
    return request.app.state.audit


def _exports(request: Request) -> Exports:
    return request.app.state.exports


def _prover(request: Request, who: SignedIn) -> Prover:
    return Prover(request.app.state.db, request.app.state.state_dir, who.principal.tenant)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(
            "There is no such time zone.", field="zone", value=name, way_out="e.g. UTC or Europe/Berlin"
        ) from None


def _who(who: SignedIn) -> Who:
    return Who(principal=who.principal.id, chain=(who.principal.id,), signed_in_by=who.method)


@router.get("", operation_id="queryLog")
async def query(
    request: Request,
    who: Reader,
    q: Filter = "",
    cursor: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    zone: Zone = "UTC",
) -> RecordPage:
    """Records that match, newest first."""
    tenant, personal = who.principal.tenant, able(request, who)("see_payloads")
    page = await _audit(request).query(
        tenant, q, limit=limit, after=cursor or None, zone=_zone(zone), personal=personal
    )
    return RecordPage(items=[show.row(logged) for logged in page.items], next=page.next)


@router.get("/facets", operation_id="getLogFacets")
async def facets(
    request: Request,
    who: Reader,
    q: Filter = "",
    field: Annotated[list[str] | None, Query(description="Which fields; default: tool, decision, outcome")] = None,
    bucket: Bucket = "day",
    by: Annotated[str, Query(description="Field whose values the bars are split by")] = "decision",
    zone: Zone = "UTC",
) -> Facets:
    """How many match, by field and over time."""
    tenant, place, personal = who.principal.tenant, _zone(zone), able(request, who)("see_payloads")
    fields = tuple(field or ("tool", "decision", "outcome"))
    found, bars = await asyncio.gather(
        _audit(request).facets(tenant, q, fields=fields, zone=place, personal=personal),
        _audit(request).histogram(tenant, q, bucket=bucket, by=by, zone=place, personal=personal),
    )
    return Facets(
        total=sum(bar.count for bar in bars),
        facets=[Facet(field=facet.field, values=dict(facet.values), complete=facet.complete) for facet in found],
        bucket=bucket,
        histogram=[Bar(at=bar.start, value=bar.value, count=bar.count) for bar in bars],
    )


@router.get("/fields", operation_id="listLogFields")
async def fields(request: Request, who: Reader) -> list[FilterFieldView]:
    """Fields of the filter language with their values: all that an editor needs to complete a filter."""
    found = await _audit(request).completions(who.principal.tenant)
    return [
        FilterFieldView(
            name=one.field.name,
            kind=one.field.kind,
            about=one.field.about,
            aliases=list(one.field.aliases),
            values=list(one.values),
            labels={value: list(labels) for value, labels in one.labels.items()},
        )
        for one in found
    ]


@router.get("/records/{record}", operation_id="getRecord")
async def record(record: str, request: Request, who: Reader) -> RecordDetail:
    """One record, by number or id, with the others of the same call."""
    tenant, personal = who.principal.tenant, able(request, who)("see_payloads")
    audit = _audit(request)
    found = await audit.record(tenant, record, personal=personal)
    related = []
    if key := found.record.call_key:
        page = await audit.query(tenant, f'call:"{key}"', limit=MAX_RELATED, personal=personal)
        related = [show.row(logged) for logged in reversed(page.items)]
    return RecordDetail(seq=found.seq, record=found.record, related=related)


@router.get("/records/{record}/proof", operation_id="getInclusionProof")
async def proof(record: str, request: Request, who: Reader) -> InclusionProof:
    """That this record is in the log that the newest checkpoint commits to. A fresh one is signed within a second."""
    return InclusionProof.model_validate(await _audit(request).proof(who.principal.tenant, record))


@router.get("/status", operation_id="getLogStatus")
async def status(request: Request, who: Reader) -> LogStatus:
    """How far the log is signed, and whether it may be appended to."""
    found = await _audit(request).status(who.principal.tenant)
    return LogStatus(
        size=found.size,
        signed=found.signed,
        queryable=found.queryable,
        signed_at=found.signed_at,
        cosigned_by=list(found.cosigned_by),
        halted=found.halted,
    )


@router.get("/checkpoint", operation_id="getCheckpoint")
async def checkpoint(request: Request, who: Reader) -> CheckpointView:
    """The newest signed checkpoint and the key to check it by."""
    prover = _prover(request, who)
    signed = await asyncio.to_thread(prover.newest)
    return CheckpointView(
        checkpoint=signed.note,
        origin=signed.checkpoint.origin,
        size=signed.checkpoint.size,
        root=signed.checkpoint.root.hex(),
        key=str(key := prover.chain.key_for(signed.checkpoint.size)),
        public_key=b64encode(key.public).decode(),
        first_key=str(prover.key),
        rotations=[RotationProof.model_validate(one) for one in prover.rotations()],
        cosigned_by=list(signed.cosigned_by),
        signed_at=signed.at,
    )


@router.get("/consistency", operation_id="getConsistencyProof")
async def consistency(
    request: Request, who: Reader, old: Annotated[int, Query(ge=0)], new: Annotated[int, Query(ge=0)]
) -> ConsistencyProof:
    """That the log of size `new` continues the one of size `old`."""
    if not 0 < old <= new:
        raise BadInput("The old size comes first and is not 0.", field="old", value=old)
    return ConsistencyProof.model_validate(await asyncio.to_thread(_prover(request, who).consistency, old, new))


@router.get("/queries", operation_id="listSavedQueries")
async def saved_queries(request: Request, who: Reader) -> list[SavedQueryView]:
    """My saved queries and those shared with everybody."""
    found = await _audit(request).saved_queries(who.principal.tenant, who.principal.id)
    return [
        SavedQueryView(name=one.name, query=one.filter, shared=not one.owner, created_at=one.created_at)
        for one in found
    ]


@router.post("/queries", operation_id="saveQuery", status_code=204)
async def save_query(body: NewSavedQuery, request: Request, who: Reader) -> None:
    """Keep a query under a name, or replace the one of that name."""
    owner = "" if body.shared else who.principal.id
    await _audit(request).save_query(who.principal.tenant, owner, body.name, body.query)


@router.delete("/queries/{name}", operation_id="deleteSavedQuery", status_code=204)
async def delete_query(name: str, request: Request, who: Reader, shared: bool = False) -> None:
    """Forget a saved query: mine, or a shared one."""
    await _audit(request).delete_query(who.principal.tenant, "" if shared else who.principal.id, name)


@router.get("/exports", operation_id="listExports")
async def list_exports(request: Request, who: Exporter) -> list[Export]:
    """My exports, newest first, with their progress."""
    found = await asyncio.to_thread(_exports(request).list, who.principal.tenant, who.principal.id)
    return [_export(job) for job in found]


@router.post("/exports", operation_id="startExport", status_code=202)
async def start_export(body: NewExport, request: Request, who: Exporter) -> Export:
    """Write what matches to a file; the export is itself recorded."""
    personal = able(request, who)("see_payloads")
    job = await _exports(request).start(who.principal.tenant, _who(who), body.format, body.query, personal=personal)
    return _export(job)


@router.get("/exports/{export}", operation_id="getExport")
async def get_export(export: str, request: Request, who: Exporter) -> Export:
    """How far an export is."""
    return _export(await asyncio.to_thread(_exports(request).get, who.principal.tenant, who.principal.id, export))


@router.get(
    "/exports/{export}/file",
    operation_id="downloadExport",
    response_class=FileResponse,
    responses={200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def download_export(export: str, request: Request, who: Exporter) -> FileResponse:
    """The finished file."""
    exports = _exports(request)
    job = await asyncio.to_thread(exports.get, who.principal.tenant, who.principal.id, export)
    path = exports.file(job)
    return FileResponse(path, filename=job.file, media_type="application/octet-stream")


@router.delete("/exports/{export}", operation_id="deleteExport", status_code=204)
async def delete_export(export: str, request: Request, who: Exporter) -> None:
    """Stop an export, or remove its file."""
    await _exports(request).delete(who.principal.tenant, who.principal.id, export)


def _export(job: ExportJob) -> Export:
    return Export.model_validate(job.model_dump())
