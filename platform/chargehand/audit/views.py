"""What HTTP shows and takes of the action log."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from chargehand.audit.charts import Bucket
from chargehand.audit.export_jobs import ExportFormat
from chargehand.audit.model import Record
from chargehand.identity.views import Request


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
    parameters: dict[str, Any] = Field(default_factory=dict[str, Any], description="For translation, with `message_id`")
    approval: str
    call_key: str


class RecordPage(BaseModel):
    items: list[RecordRow]
    next: str | None = Field(description="Cursor towards older records")


class RecordDetail(BaseModel):
    """A record; sealed personal fields are opened for those who may see payloads, else they say `(sealed)`."""

    seq: int
    record: Record
    related: list[RecordRow] = Field(description="Other records of the same call, oldest first")


class Bar(BaseModel):
    at: datetime = Field(description="Start of the bucket")
    value: str = Field(description="Value of the field that is charted; empty where a record has none")
    count: int


class Facet(BaseModel):
    field: str
    values: dict[str, int] = Field(description="Most frequent first")
    complete: bool = Field(description="False: only the newest matches were counted")


class Facets(BaseModel):
    total: int
    facets: list[Facet]
    bucket: Bucket
    histogram: list[Bar]


class FilterFieldView(BaseModel):
    """A field of the filter language, for help and completion."""

    name: str
    kind: Literal["word", "principal", "time", "text"]
    about: str
    aliases: list[str]
    values: list[str] = Field(description="All values, or those seen so far")
    labels: dict[str, list[str]] = Field(description="Words that people use for a value")


class LogStatus(BaseModel):
    """How far the log is signed."""

    size: int
    signed: int
    queryable: int
    signed_at: str
    cosigned_by: list[str]
    halted: str = Field(description="Why nothing can be added; empty: all is well")


class RotationProof(BaseModel):
    """How a key took over: the record that announces it, in the last checkpoint of the key before."""

    index: int = Field(description="Zero-based number of the record")
    size: int = Field(description="Of the checkpoint: the old key signs up to it, the new one what is longer")
    leaf: str = Field(description="The exact signed bytes, base64; `detail.note` is signed by both keys")
    path: list[str] = Field(description="Sibling hashes from the leaf up, hex")
    checkpoint: str = Field(description="The note that the old key signed")


class InclusionProof(BaseModel):
    """That a record is in the log that the newest signed checkpoint commits to (RFC 9162, 2.1.3; C2SP notes)."""

    format: str
    origin: str
    index: int = Field(description="Zero-based number of the record")
    size: int = Field(description="Of the log in the checkpoint")
    leaf: str = Field(description="The exact signed bytes, base64")
    leaf_hash: str = Field(description="Published SHA-256(0x00 || leaf), hex")
    fits: bool = Field(description="Whether the server found the leaf to have that hash; check it yourself")
    path: list[str] = Field(description="Sibling hashes from the leaf up, hex")
    root: str = Field(description="hex")
    checkpoint: str = Field(description="The signed note, as published")
    key: str = Field(description="The verifier key that signed the checkpoint (C2SP signed-note)")
    public_key: str = Field(description="Ed25519, 32 bytes, base64")
    first_key: str = Field(description="The log's first verifier key: the one to keep")
    rotations: list[RotationProof] = Field(description="From the first key to the one that signed, in order")


class CheckpointView(BaseModel):
    """The newest signed commitment to the log's size and root (C2SP tlog-checkpoint)."""

    checkpoint: str = Field(description="The signed note, as published")
    origin: str
    size: int
    root: str = Field(description="hex")
    key: str = Field(description="The verifier key that signed it")
    public_key: str
    first_key: str = Field(description="The log's first verifier key: the one to keep")
    rotations: list[RotationProof] = Field(description="From the first key to the one that signed, in order")
    cosigned_by: list[str]
    signed_at: str


class ConsistencyProof(BaseModel):
    old: int
    new: int
    path: list[str] = Field(description="hex (RFC 9162, 2.1.4)")


class NewSavedQuery(Request):
    name: str = Field(min_length=1, max_length=80)
    query: str = Field(max_length=2000)
    shared: bool = False


class SavedQueryView(BaseModel):
    name: str
    query: str
    shared: bool
    created_at: str


class NewExport(Request):
    format: ExportFormat
    query: str = Field("", max_length=2000)


class Export(BaseModel):
    id: str
    format: ExportFormat
    query: str
    state: Literal["running", "done", "failed"]
    records: int = Field(description="Written so far")
    total: int | None = Field(description="Where it is known beforehand")
    bytes: int
    file: str = Field(description="Suggested file name")
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None
    failure: str


class EraseSubject(Request):
    subject: str = Field(min_length=1, description="The data subject, e.g. `customer:1042`; `run:<id>` for a run")
    reason: str = Field(min_length=1, max_length=2000)


class Mention(BaseModel):
    """A place outside of the person's runs where the name still stands."""

    place: str = Field(description="Which table")
    id: str


class NewHold(Request):
    query: str = Field(max_length=2000, description="Filter; what matches is kept. Empty: everything")
    reason: str = Field(min_length=1, max_length=2000, description="For which case")


class LiftHold(Request):
    reason: str = Field(min_length=1, max_length=2000)


class HoldView(BaseModel):
    """A legal hold in force."""

    id: str
    query: str
    reason: str
    placed_by: str
    placed_at: datetime


class Retire(Request):
    before: AwareDatetime = Field(description="Records older than this")


class Retirement(BaseModel):
    records: int = Field(description="Whose content was dropped")


class Erasure(BaseModel):
    subject: str
    keys: int = Field(description="Keys that were destroyed: one for each run in which the person appeared")
    runs: list[str] = Field(description="Runs whose inputs, results, calls, questions and events were emptied")
    exports: int = Field(description="Export files that were removed because they held opened data")
    left: list[Mention] = Field(description="Where to look by hand: the name stands in texts of no such run")
