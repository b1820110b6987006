"""What HTTP shows and takes of the action log."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from chargehand.audit.model import Record
from chargehand.identity.views import Request

ExportFormat = Literal["csv", "jsonl", "parquet", "ocsf", "evidence"]


class RecordRow(BaseModel):
    """One line of the table."""

    seq: int
    id: str
    at: datetime
    kind: str
    principal: str
    agent: str
    run: str
    tool: str
    effect: str
    decision: str
    outcome: str
    business_key: str
    sentence: str
    message_id: str = ""
    approval: str
    call_key: str


class RecordPage(BaseModel):
    items: list[RecordRow]
    next: str | None = Field(description="Cursor towards older records")


class RecordDetail(BaseModel):
    seq: int
    record: Record
    leaf: str = Field(description="The exact signed bytes, base64")
    leaf_hash: str = Field(description="SHA-256(0x00 || leaf), hex (RFC 6962)")
    erased: bool = Field(False, description="Personal data is gone: its key was erased")
    related: list[RecordRow] = Field(description="Other records of the same call, oldest first")


class Bucket(BaseModel):
    at: datetime
    counts: dict[str, int] = Field(description="By decision or outcome: allow, deny, ask, failed, in_doubt, other")


class Facet(BaseModel):
    value: str
    count: int


class Facets(BaseModel):
    total: int
    fields: dict[str, list[Facet]]
    bucket_seconds: int
    histogram: list[Bucket]


class Completion(BaseModel):
    insert: str
    label: str
    kind: Literal["field", "operator", "value", "keyword"]


class Completions(BaseModel):
    start: int = Field(description="Replace the filter's characters from here …")
    end: int = Field(description="… to here")
    items: list[Completion]


class FilterField(BaseModel):
    name: str
    description: str
    values: list[str] = Field(default_factory=list)


class VerifyingKey(BaseModel):
    name: str
    key_id: str = Field(description="Four bytes, hex (C2SP signed-note)")
    public_key: str = Field(description="Ed25519, 32 bytes, base64")
    algorithm: Literal["ed25519", "ed25519-cosignature"]


class CheckpointView(BaseModel):
    """The newest signed commitment to the log's size and root (C2SP tlog-checkpoint)."""

    note: str = Field(description="The signed note, text as published")
    origin: str
    size: int
    root: str = Field(description="hex")
    at: datetime | None
    keys: list[VerifyingKey]


class InclusionProof(BaseModel):
    seq: int
    leaf_index: int = Field(description="Zero-based")
    leaf_hash: str = Field(description="hex")
    path: list[str] = Field(description="Sibling hashes from the leaf up, hex (RFC 9162, 2.1.3)")
    checkpoint: CheckpointView


class ConsistencyProof(BaseModel):
    old_size: int
    new_size: int
    path: list[str] = Field(description="hex (RFC 9162, 2.1.4)")


class NewSavedQuery(Request):
    name: str = Field(min_length=1, max_length=100)
    query: str = Field(max_length=2000)
    shared: bool = False


class SavedQuery(BaseModel):
    id: str
    name: str
    query: str
    shared: bool
    owner: str


class NewExport(Request):
    format: ExportFormat
    query: str = Field("", max_length=2000)


class Export(BaseModel):
    id: str
    format: ExportFormat
    query: str
    state: Literal["running", "done", "failed", "cancelled"]
    records: int
    total: int | None
    bytes: int
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None
    failure: str = ""


class EraseSubject(Request):
    subject: str = Field(min_length=1, description="The data subject, e.g. `customer:1042`")
    reason: str = Field(min_length=1, max_length=2000)


class Erasure(BaseModel):
    subject: str
    records: int
    seq: int = Field(description="The record that says so")
