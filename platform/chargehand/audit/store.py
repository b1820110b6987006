"""Tables of the action log. `audit_leaf` is the truth; the others are derived from it or only point into it.

One log a tenant: a tenant's tree, proofs and evidence never contain another tenant's records.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import DDL, BigInteger, Column, Index, Integer, LargeBinary, Table, Text, event, text
from sqlmodel import Field, SQLModel


class LogRow(SQLModel, table=True):
    """The installation's log exists once this row does. `name` is the signer's name in checkpoints."""

    __tablename__: Any = "audit_log"

    one: int = Field(1, primary_key=True)
    name: str
    created_at: str


class HeadRow(SQLModel, table=True):
    """Size of one tenant's log, moved by the append that holds the row. `halted` says why nobody may append."""

    __tablename__: Any = "audit_head"

    tenant: str = Field(primary_key=True)
    size: int = Field(0, sa_column=Column(BigInteger, nullable=False))
    halted: str = ""
    announced: str = Field("", sa_column_kwargs={"server_default": ""})
    """Public side (hex) of the signing key that was announced last; empty: the first key signs."""


class LeafRow(SQLModel, table=True):
    """The exact bytes that the tree commits to. `seq` is zero-based and gap-free within a tenant.

    A retired leaf has lost its bytes to retention and keeps its hash.
    """

    __tablename__: Any = "audit_leaf"

    tenant: str = Field(primary_key=True)
    seq: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    leaf: bytes | None = Field(None, sa_column=Column(LargeBinary))
    hash: bytes | None = Field(None, sa_column=Column(LargeBinary))


class SubjectKeyRow(SQLModel, table=True):
    """The key of one person's data in one run (`run` empty: outside of runs), which says where that person appears.

    Erasing empties `key` and `subject`; `ref` stays in the leaves.
    """

    __tablename__: Any = "audit_subject_key"
    __table_args__ = (
        Index("ix_audit_subject_key_subject", "tenant", "subject", "run"),
        Index("ix_audit_subject_key_run", "tenant", "run"),
    )

    tenant: str = Field(primary_key=True)
    ref: str = Field(primary_key=True)
    subject: str | None = None
    key: bytes | None = Field(None, sa_column=Column(LargeBinary))
    created_at: str
    erased_at: str = ""
    run: str = ""


class ErasedRunRow(SQLModel, table=True):
    """A run whose copies of personal data were emptied. `history_gone_at`: when Temporal had deleted its history."""

    __tablename__: Any = "audit_erased_run"

    tenant: str = Field(primary_key=True)
    run: str = Field(primary_key=True)
    erased_at: str
    history_gone_at: str = Field("", index=True)


class ProjectedRow(SQLModel, table=True):
    """How far `audit_record` has followed `audit_leaf`. Locked by whoever projects."""

    __tablename__: Any = "audit_projected"

    tenant: str = Field(primary_key=True)
    size: int = Field(0, sa_column=Column(BigInteger, nullable=False))


class RecordRow(SQLModel, table=True):
    """What queries filter by, derived from the leaf and rebuilt at will. `at` is microseconds since 1970, UTC."""

    __tablename__: Any = "audit_record"

    n: int | None = Field(None, sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True))
    tenant: str
    seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    at: int = Field(sa_column=Column(BigInteger, nullable=False))
    id: str
    kind: str
    principal: str
    agent: str
    agent_version: str
    signed_in_by: str
    run: str
    step: str
    call_key: str
    tool: str
    pin: str
    effect: str
    digest: str
    decision: str
    rules: str
    policy_revision: str
    approval: str
    outcome: str
    result_digest: str
    business_key: str
    trace_id: str
    words: str = Field(sa_column=Column(Text, nullable=False))


class RollupRow(SQLModel, table=True):
    """Counts an hour, for charts. `hour` is hours since 1970, UTC."""

    __tablename__: Any = "audit_rollup"

    tenant: str = Field(primary_key=True)
    hour: int = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    agent: str = Field(primary_key=True)
    tool: str = Field(primary_key=True)
    effect: str = Field(primary_key=True)
    decision: str = Field(primary_key=True)
    outcome: str = Field(primary_key=True)
    n: int = Field(sa_column=Column(BigInteger, nullable=False))


class CheckpointRow(SQLModel, table=True):
    """A copy of what was published, for quick answers. The published files are what counts."""

    __tablename__: Any = "audit_checkpoint"

    tenant: str = Field(primary_key=True)
    size: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    at: int = Field(sa_column=Column(BigInteger, nullable=False))
    note: str = Field(sa_column=Column(Text, nullable=False))


class HoldRow(SQLModel, table=True):
    """A legal hold: records that match `filter` are kept, whatever their age, until it is lifted."""

    __tablename__: Any = "audit_hold"

    tenant: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    filter: str
    reason: str
    placed_by: str
    placed_at: str
    lifted_at: str = ""


class SavedQueryRow(SQLModel, table=True):
    """A named filter. `owner` empty: everybody in the tenant sees it."""

    __tablename__: Any = "audit_saved_query"

    tenant: str = Field(primary_key=True)
    owner: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    filter: str
    created_at: str


def table(row: type[SQLModel]) -> Table:
    """The core table of a SQLModel class, typed."""
    found: Any = getattr(row, "__table__")  # noqa: B009  # SQLModel does not type it
    return found


LEFT_OUT: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("agent", "tool", "run", "call_key", "approval", "business_key"), ("",)),
    "decision": ("", "allow"),
    "outcome": ("", "succeeded"),
}
"""Values that a column's index leaves out: the many that nobody looks for."""

_R = table(RecordRow).c
for _column in (_R.principal, _R.agent, _R.tool, _R.kind, _R.decision, _R.outcome, _R.run, _R.call_key, _R.approval,
                _R.business_key):  # fmt: skip
    _out = LEFT_OUT.get(_column.name)
    _where = text(" AND ".join(f"{_column.name} <> '{value}'" for value in _out)) if _out else None
    Index(
        f"ix_audit_record_{_column.name}", _R.tenant, _column, _R.at, _R.seq,
        sqlite_where=_where, postgresql_where=_where,
    )  # fmt: skip
Index("ix_audit_record_time", _R.tenant, _R.at, _R.seq)
Index("ix_audit_record_id", _R.tenant, _R.id)
Index("ux_audit_record_seq", _R.tenant, _R.seq, unique=True)

TEXT_INDEX_SQLITE = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS audit_words USING fts5("
    "words, content='audit_record', content_rowid='n', tokenize='unicode61 remove_diacritics 0', "
    "detail='none', columnsize=0)"
)
TEXT_INDEX_POSTGRESQL = (
    "CREATE INDEX IF NOT EXISTS ix_audit_record_words ON audit_record "
    "USING gin (array_to_tsvector(string_to_array(words, ' ')))"
)
"""Free-text search, beyond what SQLModel can say; a migration executes the one of its dialect."""

for _dialect, _ddl in (("sqlite", TEXT_INDEX_SQLITE), ("postgresql", TEXT_INDEX_POSTGRESQL)):
    event.listen(table(RecordRow), "after_create", DDL(_ddl).execute_if(dialect=_dialect))
event.listen(table(RecordRow), "before_drop", DDL("DROP TABLE IF EXISTS audit_words").execute_if(dialect="sqlite"))
