"""The action log over HTTP: query, facets, proofs, exports."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from chargehand.audit.views import (
    CheckpointView,
    Completions,
    ConsistencyProof,
    EraseSubject,
    Erasure,
    Export,
    Facets,
    FilterField,
    InclusionProof,
    NewExport,
    NewSavedQuery,
    RecordDetail,
    RecordPage,
    SavedQuery,
)
from chargehand.identity.model import SignedIn
from chargehand.identity.routes import may

router = APIRouter(prefix="/log", tags=["action log"])
Reader = Annotated[SignedIn, may("read_log")]
Exporter = Annotated[SignedIn, may("export_log")]
Filter = Annotated[str, Query(max_length=2000, description="Filter language; see docs/action-log.md")]


def _audit(request: Request) -> Any:
    return request.app.state.audit


@router.get("", operation_id="queryLog")
async def query(
    request: Request, who: Reader, q: Filter = "", cursor: str = "", limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> RecordPage:
    """Records that match, newest first."""
    return await _audit(request).query(who, q, cursor=cursor, limit=limit)


@router.get("/facets", operation_id="getLogFacets")
async def facets(
    request: Request, who: Reader, q: Filter = "", buckets: Annotated[int, Query(ge=1, le=400)] = 60
) -> Facets:
    """How many match, by field and over time."""
    return await _audit(request).facets(who, q, buckets=buckets)


@router.get("/fields", operation_id="listLogFields")
async def fields(request: Request, who: Reader) -> list[FilterField]:
    """Fields of the filter language."""
    return await _audit(request).fields(who)


@router.get("/completions", operation_id="completeFilter")
async def completions(request: Request, who: Reader, q: Filter = "", position: int = 0) -> Completions:
    """What may come at this position of a filter."""
    return await _audit(request).completions(who, q, position)


@router.get("/records/{seq}", operation_id="getRecord")
async def record(seq: int, request: Request, who: Reader) -> RecordDetail:
    """One record with its exact signed bytes."""
    return await _audit(request).record(who, seq)


@router.get("/records/{seq}/proof", operation_id="getInclusionProof")
async def proof(seq: int, request: Request, who: Reader) -> InclusionProof:
    """That this record is in the log that the newest checkpoint commits to."""
    return await _audit(request).proof(who, seq)


@router.get("/checkpoint", operation_id="getCheckpoint")
async def checkpoint(request: Request, who: Reader) -> CheckpointView:
    """The newest signed checkpoint and the keys to check it by."""
    return await _audit(request).checkpoint(who)


@router.get("/consistency", operation_id="getConsistencyProof")
async def consistency(
    request: Request, who: Reader, old: Annotated[int, Query(ge=0)], new: Annotated[int, Query(ge=0)]
) -> ConsistencyProof:
    """That the log of size `new` continues the one of size `old`."""
    return await _audit(request).consistency(who, old, new)


@router.get("/queries", operation_id="listSavedQueries")
async def saved_queries(request: Request, who: Reader) -> list[SavedQuery]:
    """My saved queries and those shared with me."""
    return await _audit(request).saved_queries(who)


@router.post("/queries", operation_id="saveQuery", status_code=201)
async def save_query(body: NewSavedQuery, request: Request, who: Reader) -> SavedQuery:
    """Keep a query under a name."""
    return await _audit(request).save_query(who, body)


@router.delete("/queries/{query}", operation_id="deleteSavedQuery", status_code=204)
async def delete_query(query: str, request: Request, who: Reader) -> None:
    """Forget a saved query of mine."""
    await _audit(request).delete_query(who, query)


@router.get("/exports", operation_id="listExports")
async def list_exports(request: Request, who: Exporter) -> list[Export]:
    """Exports, newest first, with their progress."""
    return await _audit(request).exports(who)


@router.post("/exports", operation_id="startExport", status_code=202)
async def start_export(body: NewExport, request: Request, who: Exporter) -> Export:
    """Write what matches to a file; the export is itself recorded."""
    return await _audit(request).start_export(who, body)


@router.get("/exports/{export}", operation_id="getExport")
async def get_export(export: str, request: Request, who: Exporter) -> Export:
    """How far an export is."""
    return await _audit(request).get_export(who, export)


@router.get(
    "/exports/{export}/file",
    operation_id="downloadExport",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def download_export(export: str, request: Request, who: Exporter) -> Response:
    """The finished file."""
    return await _audit(request).export_file(who, export)


@router.delete("/exports/{export}", operation_id="cancelExport", status_code=204)
async def cancel_export(export: str, request: Request, who: Exporter) -> None:
    """Stop an export, or remove its file."""
    await _audit(request).cancel_export(who, export)


@router.post("/erasures", operation_id="eraseSubject", status_code=201)
async def erase(body: EraseSubject, request: Request, who: Annotated[SignedIn, may("erase_subject")]) -> Erasure:
    """Shred the key of a data subject: the data is gone, every proof stays valid."""
    return await _audit(request).erase(who, body)
