"""The first tables, and the full-text index of the action log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_WORDS_SQLITE = """CREATE VIRTUAL TABLE IF NOT EXISTS audit_words USING fts5(words, content='audit_record', content_rowid='n', tokenize='unicode61 remove_diacritics 0', detail='none', columnsize=0)"""
_WORDS_POSTGRESQL = """CREATE INDEX IF NOT EXISTS ix_audit_record_words ON audit_record USING gin (array_to_tsvector(string_to_array(words, ' ')))"""


def upgrade() -> None:
    op.create_table(
        "alert_handled",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("alert", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("handled_by", sa.String(), nullable=False),
        sa.Column("comment", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "alert"),
    )
    op.create_table(
        "approval_absence",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("to", sa.String(), nullable=False),
        sa.Column("since", sa.String(), nullable=False),
        sa.Column("until", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_table(
        "approval_grant",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("approval", sa.String(), nullable=False),
        sa.Column("call_key", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("expires_at", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("used_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index(op.f("ix_approval_grant_approval"), "approval_grant", ["approval"], unique=False)

    op.create_table(
        "approval_outbox",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("approval", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("notified_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index(op.f("ix_approval_outbox_notified_at"), "approval_outbox", ["notified_at"], unique=False)

    op.create_table(
        "approval_request",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("call_key", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("tool", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("requester", sa.String(), nullable=False),
        sa.Column("counterparty", sa.String(), nullable=False),
        sa.Column("arguments", sa.String(), nullable=False),
        sa.Column("sentence", sa.String(), nullable=False),
        sa.Column("rules", sa.String(), nullable=False),
        sa.Column("quorums", sa.String(), nullable=False),
        sa.Column("excluded", sa.String(), nullable=False),
        sa.Column("policy_revision", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("risk", sa.Float(), nullable=False),
        sa.Column("batch", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("expires_at", sa.String(), nullable=False),
        sa.Column("remind_at", sa.String(), nullable=False),
        sa.Column("escalate_at", sa.String(), nullable=False),
        sa.Column("escalate_to", sa.String(), nullable=False),
        sa.Column("escalated", sa.Boolean(), nullable=False),
        sa.Column("handed_over", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("closed_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index(
        "approval_request_by_counterparty",
        "approval_request",
        ["tenant", "counterparty", "tool", "created_at"],
        unique=False,
    )
    op.create_index("approval_request_by_state", "approval_request", ["tenant", "state", "created_at"], unique=False)
    op.create_index(op.f("ix_approval_request_call_key"), "approval_request", ["call_key"], unique=False)
    op.create_index(op.f("ix_approval_request_run"), "approval_request", ["run"], unique=False)

    op.create_table(
        "approval_verdict",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("approval", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("on_behalf_of", sa.String(), nullable=False),
        sa.Column("approve", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("comment", sa.String(), nullable=False),
        sa.Column("signed_in_by", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("seconds_taken", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "approval", "person"),
    )
    op.create_table(
        "audit_checkpoint",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "size"),
    )
    op.create_table(
        "audit_head",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("halted", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant"),
    )
    op.create_table(
        "audit_hold",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("filter", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("placed_by", sa.String(), nullable=False),
        sa.Column("placed_at", sa.String(), nullable=False),
        sa.Column("lifted_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_table(
        "audit_leaf",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=True),
        sa.Column("hash", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "seq"),
    )
    op.create_table(
        "audit_log",
        sa.Column("one", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("one"),
    )
    op.create_table(
        "audit_projected",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant"),
    )
    op.create_table(
        "audit_record",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("principal", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("agent_version", sa.String(), nullable=False),
        sa.Column("signed_in_by", sa.String(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("call_key", sa.String(), nullable=False),
        sa.Column("tool", sa.String(), nullable=False),
        sa.Column("pin", sa.String(), nullable=False),
        sa.Column("effect", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("rules", sa.String(), nullable=False),
        sa.Column("policy_revision", sa.String(), nullable=False),
        sa.Column("approval", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("result_digest", sa.String(), nullable=False),
        sa.Column("business_key", sa.String(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("n"),
    )
    op.create_index(
        "ix_audit_record_agent",
        "audit_record",
        ["tenant", "agent", "at", "seq"],
        unique=False,
        sqlite_where=sa.text("agent <> ''"),
        postgresql_where=sa.text("agent <> ''"),
    )
    op.create_index(
        "ix_audit_record_approval",
        "audit_record",
        ["tenant", "approval", "at", "seq"],
        unique=False,
        sqlite_where=sa.text("approval <> ''"),
        postgresql_where=sa.text("approval <> ''"),
    )
    op.create_index(
        "ix_audit_record_business_key",
        "audit_record",
        ["tenant", "business_key", "at", "seq"],
        unique=False,
        sqlite_where=sa.text("business_key <> ''"),
        postgresql_where=sa.text("business_key <> ''"),
    )
    op.create_index(
        "ix_audit_record_call_key",
        "audit_record",
        ["tenant", "call_key", "at", "seq"],
        unique=False,
        sqlite_where=sa.text("call_key <> ''"),
        postgresql_where=sa.text("call_key <> ''"),
    )
    op.create_index(
        "ix_audit_record_decision",
        "audit_record",
        ["tenant", "decision", "at", "seq"],
        unique=False,
        sqlite_where=sa.text("decision <> '' AND decision <> 'allow'"),
        postgresql_where=sa.text("decision <> '' AND decision <> 'allow'"),
    )
    op.create_index("ix_audit_record_id", "audit_record", ["tenant", "id"], unique=False)
    op.create_index(
        "ix_audit_record_kind",
        "audit_record",
        ["tenant", "kind", "at", "seq"],
        unique=False,
        sqlite_where=None,
        postgresql_where=None,
    )
    op.create_index(
        "ix_audit_record_outcome",
        "audit_record",
        ["tenant", "outcome", "at", "seq"],
        unique=False,
        sqlite_where=sa.text("outcome <> '' AND outcome <> 'succeeded'"),
        postgresql_where=sa.text("outcome <> '' AND outcome <> 'succeeded'"),
    )
    op.create_index(
        "ix_audit_record_principal",
        "audit_record",
        ["tenant", "principal", "at", "seq"],
        unique=False,
        sqlite_where=None,
        postgresql_where=None,
    )
    op.create_index(
        "ix_audit_record_run",
        "audit_record",
        ["tenant", "run", "at", "seq"],
        unique=False,
        sqlite_where=sa.text("run <> ''"),
        postgresql_where=sa.text("run <> ''"),
    )
    op.create_index("ix_audit_record_time", "audit_record", ["tenant", "at", "seq"], unique=False)
    op.create_index(
        "ix_audit_record_tool",
        "audit_record",
        ["tenant", "tool", "at", "seq"],
        unique=False,
        sqlite_where=sa.text("tool <> ''"),
        postgresql_where=sa.text("tool <> ''"),
    )
    op.create_index("ux_audit_record_seq", "audit_record", ["tenant", "seq"], unique=True)

    op.create_table(
        "audit_rollup",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("tool", sa.String(), nullable=False),
        sa.Column("effect", sa.String(), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "hour", "kind", "agent", "tool", "effect", "decision", "outcome"),
    )
    op.create_table(
        "audit_saved_query",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("filter", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "owner", "name"),
    )
    op.create_table(
        "audit_subject_key",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("erased_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "ref"),
    )
    op.create_table(
        "budget",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("limit", sa.String(), nullable=False),
        sa.Column("reserved", sa.String(), nullable=False),
        sa.Column("spent", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "scope", "unit"),
    )
    op.create_table(
        "budget_reservation",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("call_key", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("amount", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "call_key", "scope", "unit"),
    )
    op.create_table(
        "connector_quarantine",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("tool", sa.String(), nullable=False),
        sa.Column("connector", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("pinned_digest", sa.String(), nullable=False),
        sa.Column("live_digest", sa.String(), nullable=False),
        sa.Column("live_definition", sa.Text(), nullable=False),
        sa.Column("lines", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("decided_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "tool"),
    )
    op.create_table(
        "freeze",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("frozen_by", sa.String(), nullable=False),
        sa.Column("frozen_at", sa.String(), nullable=False),
        sa.Column("lifted_by", sa.String(), nullable=False),
        sa.Column("lifted_at", sa.String(), nullable=False),
        sa.Column("lifted_reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index(op.f("ix_freeze_lifted_at"), "freeze", ["lifted_at"], unique=False)

    op.create_table(
        "identity_attempt",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("login", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_identity_attempt_address"), "identity_attempt", ["address"], unique=False)
    op.create_index(op.f("ix_identity_attempt_at"), "identity_attempt", ["at"], unique=False)
    op.create_index(op.f("ix_identity_attempt_login"), "identity_attempt", ["login"], unique=False)

    op.create_table(
        "identity_session",
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("principal", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("expires_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("secret_hash"),
    )
    op.create_index(op.f("ix_identity_session_expires_at"), "identity_session", ["expires_at"], unique=False)
    op.create_index(op.f("ix_identity_session_id"), "identity_session", ["id"], unique=False)
    op.create_index(op.f("ix_identity_session_principal"), "identity_session", ["principal"], unique=False)

    op.create_table(
        "identity_token",
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("abilities", sa.JSON(), nullable=True),
        sa.Column("tools", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("expires_at", sa.String(), nullable=False),
        sa.Column("last_used_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("secret_hash"),
    )
    op.create_index(op.f("ix_identity_token_id"), "identity_token", ["id"], unique=False)
    op.create_index(op.f("ix_identity_token_owner"), "identity_token", ["owner"], unique=False)

    op.create_table(
        "identity_user",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("principal", sa.String(), nullable=False),
        sa.Column("login", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("last_sign_in_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "principal"),
    )
    op.create_index(op.f("ix_identity_user_login"), "identity_user", ["login"], unique=False)

    op.create_table(
        "mandate",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("tool", sa.String(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("calls_used", sa.Integer(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("total", sa.String(), nullable=False),
        sa.Column("total_used", sa.String(), nullable=False),
        sa.Column("each", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("until", sa.String(), nullable=False),
        sa.Column("given_by", sa.String(), nullable=False),
        sa.Column("given_at", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("proposal", sa.String(), nullable=False),
        sa.Column("revoked_by", sa.String(), nullable=False),
        sa.Column("revoked_at", sa.String(), nullable=False),
        sa.Column("revoked_reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_table(
        "mandate_use",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("mandate", sa.String(), nullable=False),
        sa.Column("call_key", sa.String(), nullable=False),
        sa.Column("amount", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "mandate", "call_key"),
    )
    op.create_table(
        "model_call",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("principal", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("tokens_in", sa.Integer(), nullable=False),
        sa.Column("tokens_out", sa.Integer(), nullable=False),
        sa.Column("cost", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("ix_model_call_at", "model_call", ["tenant", "at"], unique=False)
    op.create_index("ix_model_call_run", "model_call", ["tenant", "run"], unique=False)

    op.create_table(
        "person_task",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("to", sa.String(), nullable=False),
        sa.Column("principal", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("asked_at", sa.String(), nullable=False),
        sa.Column("expires_at", sa.String(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("answered_by", sa.String(), nullable=False),
        sa.Column("answered_at", sa.String(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_task_run", "person_task", ["tenant", "run"], unique=False)
    op.create_index("ix_task_state", "person_task", ["tenant", "state", "asked_at"], unique=False)
    op.create_index(
        "ix_task_untold",
        "person_task",
        ["id"],
        unique=False,
        sqlite_where=sa.text("NOT told"),
        postgresql_where=sa.text("NOT told"),
    )

    op.create_table(
        "policy_activation",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("counter", sa.Integer(), nullable=False),
        sa.Column("draft", sa.String(), nullable=False),
        sa.Column("revision", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("authors", sa.String(), nullable=False),
        sa.Column("reviewed_by", sa.String(), nullable=False),
        sa.Column("activated_by", sa.String(), nullable=False),
        sa.Column("activated_at", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("rolled_back", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "counter"),
    )
    op.create_table(
        "policy_draft",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("authors", sa.String(), nullable=False),
        sa.Column("based_on", sa.String(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("revision", sa.String(), nullable=False),
        sa.Column("files", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("changed_at", sa.String(), nullable=False),
        sa.Column("reviewed_by", sa.String(), nullable=False),
        sa.Column("reviewed_at", sa.String(), nullable=False),
        sa.Column("review_comment", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index(op.f("ix_policy_draft_created_at"), "policy_draft", ["created_at"], unique=False)
    op.create_index(op.f("ix_policy_draft_state"), "policy_draft", ["state"], unique=False)

    op.create_table(
        "policy_in_force",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("counter", sa.Integer(), nullable=False),
        sa.Column("draft", sa.String(), nullable=False),
        sa.Column("revision", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant"),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("request_key", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("agent_version", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("business_key", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("principal", sa.String(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("signed_in_by", sa.String(), nullable=False),
        sa.Column("input", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.Column("waiting", sa.Text(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("parent", sa.String(), nullable=False),
        sa.Column("retry_of", sa.String(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("ended_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_run_agent", "run", ["tenant", "agent", "created_at"], unique=False)
    op.create_index("ix_run_business_key", "run", ["tenant", "business_key", "created_at"], unique=False)
    op.create_index("ix_run_created", "run", ["tenant", "created_at", "id"], unique=False)
    op.create_index(
        "ix_run_open",
        "run",
        ["state", "created_at"],
        unique=False,
        sqlite_where=sa.text("state IN ('starting', 'stopping')"),
        postgresql_where=sa.text("state IN ('starting', 'stopping')"),
    )
    op.create_index(
        "ix_run_parent",
        "run",
        ["parent"],
        unique=False,
        sqlite_where=sa.text("parent != ''"),
        postgresql_where=sa.text("parent != ''"),
    )
    op.create_index("ix_run_principal", "run", ["tenant", "principal", "created_at"], unique=False)
    op.create_index("ux_run_request_key", "run", ["tenant", "request_key"], unique=True)

    op.create_table(
        "run_event",
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run", "seq"),
    )
    op.create_table(
        "run_pause",
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("run"),
    )
    op.create_index(
        "ix_run_pause_untold",
        "run_pause",
        ["run"],
        unique=False,
        sqlite_where=sa.text("NOT told"),
        postgresql_where=sa.text("NOT told"),
    )

    op.create_table(
        "schedule",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("request_key", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("input", sa.Text(), nullable=False),
        sa.Column("cron", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("principal", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("next_at", sa.String(), nullable=False),
        sa.Column("last_due", sa.String(), nullable=False),
        sa.Column("last_run", sa.String(), nullable=False),
        sa.Column("last_problem", sa.Text(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_schedule_created", "schedule", ["tenant", "created_at"], unique=False)
    op.create_index(
        "ix_schedule_due",
        "schedule",
        ["next_at"],
        unique=False,
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_index("ux_schedule_request_key", "schedule", ["tenant", "request_key"], unique=True)

    op.create_table(
        "tool_call",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("acting_agent", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("agent_version", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("business_key", sa.String(), nullable=False),
        sa.Column("tool", sa.String(), nullable=False),
        sa.Column("effect", sa.String(), nullable=False),
        sa.Column("delivery", sa.String(), nullable=False),
        sa.Column("pin", sa.String(), nullable=False),
        sa.Column("exact", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("counterparty", sa.String(), nullable=False),
        sa.Column("sentence", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("rules", sa.String(), nullable=False),
        sa.Column("policy_revision", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("result_digest", sa.String(), nullable=False),
        sa.Column("failure", sa.String(), nullable=False),
        sa.Column("approval", sa.String(), nullable=False),
        sa.Column("grant", sa.String(), nullable=False),
        sa.Column("mandate", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("lease_until", sa.String(), nullable=False),
        sa.Column("first_sent_at", sa.String(), nullable=False),
        sa.Column("alive_until", sa.String(), nullable=False),
        sa.Column("earlier_alive_until", sa.String(), nullable=False),
        sa.Column("proposed_at", sa.String(), nullable=False),
        sa.Column("settled_at", sa.String(), nullable=False),
        sa.Column("finding", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "key"),
    )
    op.create_index("tool_call_by_age", "tool_call", ["tenant", "proposed_at"], unique=False)
    op.create_index("tool_call_by_counterparty", "tool_call", ["tenant", "counterparty", "proposed_at"], unique=False)
    op.create_index("tool_call_by_run", "tool_call", ["tenant", "run", "proposed_at"], unique=False)
    op.create_index("tool_call_by_tool", "tool_call", ["tenant", "tool", "proposed_at"], unique=False)
    op.create_index(
        "tool_call_open",
        "tool_call",
        ["state", "lease_until"],
        unique=False,
        sqlite_where=sa.text("state IN ('dispatched', 'in_doubt')"),
        postgresql_where=sa.text("state IN ('dispatched', 'in_doubt')"),
    )
    op.execute(_WORDS_SQLITE if op.get_bind().dialect.name == "sqlite" else _WORDS_POSTGRESQL)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE audit_words")
    op.drop_index(
        "tool_call_open",
        "tool_call",
        sqlite_where=sa.text("state IN ('dispatched', 'in_doubt')"),
        postgresql_where=sa.text("state IN ('dispatched', 'in_doubt')"),
    )
    op.drop_index(
        "tool_call_by_tool",
        "tool_call",
    )
    op.drop_index(
        "tool_call_by_run",
        "tool_call",
    )
    op.drop_index(
        "tool_call_by_counterparty",
        "tool_call",
    )
    op.drop_index(
        "tool_call_by_age",
        "tool_call",
    )

    op.drop_table("tool_call")
    op.drop_index(
        "ux_schedule_request_key",
        "schedule",
    )
    op.drop_index(
        "ix_schedule_due",
        "schedule",
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    )
    op.drop_index(
        "ix_schedule_created",
        "schedule",
    )

    op.drop_table("schedule")
    op.drop_index(
        "ix_run_pause_untold", "run_pause", sqlite_where=sa.text("NOT told"), postgresql_where=sa.text("NOT told")
    )

    op.drop_table("run_pause")
    op.drop_table("run_event")
    op.drop_index(
        "ux_run_request_key",
        "run",
    )
    op.drop_index(
        "ix_run_principal",
        "run",
    )
    op.drop_index(
        "ix_run_parent", "run", sqlite_where=sa.text("parent != ''"), postgresql_where=sa.text("parent != ''")
    )
    op.drop_index(
        "ix_run_open",
        "run",
        sqlite_where=sa.text("state IN ('starting', 'stopping')"),
        postgresql_where=sa.text("state IN ('starting', 'stopping')"),
    )
    op.drop_index(
        "ix_run_created",
        "run",
    )
    op.drop_index(
        "ix_run_business_key",
        "run",
    )
    op.drop_index(
        "ix_run_agent",
        "run",
    )

    op.drop_table("run")
    op.drop_table("policy_in_force")
    op.drop_index(
        op.f("ix_policy_draft_state"),
        "policy_draft",
    )
    op.drop_index(
        op.f("ix_policy_draft_created_at"),
        "policy_draft",
    )

    op.drop_table("policy_draft")
    op.drop_table("policy_activation")
    op.drop_index(
        "ix_task_untold", "person_task", sqlite_where=sa.text("NOT told"), postgresql_where=sa.text("NOT told")
    )
    op.drop_index(
        "ix_task_state",
        "person_task",
    )
    op.drop_index(
        "ix_task_run",
        "person_task",
    )

    op.drop_table("person_task")
    op.drop_index(
        "ix_model_call_run",
        "model_call",
    )
    op.drop_index(
        "ix_model_call_at",
        "model_call",
    )

    op.drop_table("model_call")
    op.drop_table("mandate_use")
    op.drop_table("mandate")
    op.drop_index(
        op.f("ix_identity_user_login"),
        "identity_user",
    )

    op.drop_table("identity_user")
    op.drop_index(
        op.f("ix_identity_token_owner"),
        "identity_token",
    )
    op.drop_index(
        op.f("ix_identity_token_id"),
        "identity_token",
    )

    op.drop_table("identity_token")
    op.drop_index(
        op.f("ix_identity_session_principal"),
        "identity_session",
    )
    op.drop_index(
        op.f("ix_identity_session_id"),
        "identity_session",
    )
    op.drop_index(
        op.f("ix_identity_session_expires_at"),
        "identity_session",
    )

    op.drop_table("identity_session")
    op.drop_index(
        op.f("ix_identity_attempt_login"),
        "identity_attempt",
    )
    op.drop_index(
        op.f("ix_identity_attempt_at"),
        "identity_attempt",
    )
    op.drop_index(
        op.f("ix_identity_attempt_address"),
        "identity_attempt",
    )

    op.drop_table("identity_attempt")
    op.drop_index(
        op.f("ix_freeze_lifted_at"),
        "freeze",
    )

    op.drop_table("freeze")
    op.drop_table("connector_quarantine")
    op.drop_table("budget_reservation")
    op.drop_table("budget")
    op.drop_table("audit_subject_key")
    op.drop_table("audit_saved_query")
    op.drop_table("audit_rollup")
    op.drop_index(
        "ux_audit_record_seq",
        "audit_record",
    )
    op.drop_index(
        "ix_audit_record_tool",
        "audit_record",
        sqlite_where=sa.text("tool <> ''"),
        postgresql_where=sa.text("tool <> ''"),
    )
    op.drop_index(
        "ix_audit_record_time",
        "audit_record",
    )
    op.drop_index(
        "ix_audit_record_run", "audit_record", sqlite_where=sa.text("run <> ''"), postgresql_where=sa.text("run <> ''")
    )
    op.drop_index("ix_audit_record_principal", "audit_record", sqlite_where=None, postgresql_where=None)
    op.drop_index(
        "ix_audit_record_outcome",
        "audit_record",
        sqlite_where=sa.text("outcome <> '' AND outcome <> 'succeeded'"),
        postgresql_where=sa.text("outcome <> '' AND outcome <> 'succeeded'"),
    )
    op.drop_index("ix_audit_record_kind", "audit_record", sqlite_where=None, postgresql_where=None)
    op.drop_index(
        "ix_audit_record_id",
        "audit_record",
    )
    op.drop_index(
        "ix_audit_record_decision",
        "audit_record",
        sqlite_where=sa.text("decision <> '' AND decision <> 'allow'"),
        postgresql_where=sa.text("decision <> '' AND decision <> 'allow'"),
    )
    op.drop_index(
        "ix_audit_record_call_key",
        "audit_record",
        sqlite_where=sa.text("call_key <> ''"),
        postgresql_where=sa.text("call_key <> ''"),
    )
    op.drop_index(
        "ix_audit_record_business_key",
        "audit_record",
        sqlite_where=sa.text("business_key <> ''"),
        postgresql_where=sa.text("business_key <> ''"),
    )
    op.drop_index(
        "ix_audit_record_approval",
        "audit_record",
        sqlite_where=sa.text("approval <> ''"),
        postgresql_where=sa.text("approval <> ''"),
    )
    op.drop_index(
        "ix_audit_record_agent",
        "audit_record",
        sqlite_where=sa.text("agent <> ''"),
        postgresql_where=sa.text("agent <> ''"),
    )

    op.drop_table("audit_record")
    op.drop_table("audit_projected")
    op.drop_table("audit_log")
    op.drop_table("audit_leaf")
    op.drop_table("audit_hold")
    op.drop_table("audit_head")
    op.drop_table("audit_checkpoint")
    op.drop_table("approval_verdict")
    op.drop_index(
        op.f("ix_approval_request_run"),
        "approval_request",
    )
    op.drop_index(
        op.f("ix_approval_request_call_key"),
        "approval_request",
    )
    op.drop_index(
        "approval_request_by_state",
        "approval_request",
    )
    op.drop_index(
        "approval_request_by_counterparty",
        "approval_request",
    )

    op.drop_table("approval_request")
    op.drop_index(
        op.f("ix_approval_outbox_notified_at"),
        "approval_outbox",
    )

    op.drop_table("approval_outbox")
    op.drop_index(
        op.f("ix_approval_grant_approval"),
        "approval_grant",
    )

    op.drop_table("approval_grant")
    op.drop_table("approval_absence")
    op.drop_table("alert_handled")
