"""Every guard that a promise rests on: where it stands, how it is broken, and the test that must go red.

`text` stands exactly once in the file; the mutant has `instead` in its place. docs/promises.md is written from here.
Paths are relative to platform/chargehand, tests relative to tests/.
"""

from __future__ import annotations

from dataclasses import dataclass

PROMISES: dict[str, str] = {
    "exact": "What was approved is exactly what runs",
    "once": "No effect happens twice, and none is lost silently",
    "denies": "Absence denies, with a reason",
    "recorded": "What can't be recorded does not happen",
    "people": "The right people answer, each once, in time",
    "mandate": "A mandate is worth no more than its giver's own approval, within its caps",
    "policy": "The strictest rule decides, for every link of the chain",
    "author": "Nobody puts their own policy in force, and no rule attacks the engine",
    "tenant": "Tenants share nothing",
    "pin": "Only a reviewed tool is called, and only as it was reviewed",
    "hostile": "A connector that lies, floods or stalls is never believed",
    "proof": "A verifier finds every edit, deletion, reorder, truncation and split view, without us",
    "secret": "Payloads, personal data and keys are readable by nobody else",
    "sign_in": "Nobody acts without having signed in, or as more than they are",
}


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard; `id` names it for the command line."""

    id: str
    promise: str
    says: str
    file: str
    text: str
    instead: str
    tests: tuple[str, ...]


def _guard(name: str, promise: str, says: str, file: str, text: str, instead: str, *tests: str) -> Guard:
    return Guard(name, promise, says, file, text, instead, tests)


CALL, FAULTS, GUARDS_OF_CALLS = (f"unit/gateway/test_{name}.py::" for name in ("call", "faults", "guards"))
FORGETTING, ERASURE = "behaviour/audit/test_audit_forgetting.py::", "behaviour/runs/test_erasure.py::"
ALONE = "behaviour/gateway/test_mutations.py::test_each_change_alone_is_seen"
VERDICTS, QUORUM, MANDATES = (f"unit/approvals/test_{name}.py::" for name in ("verdicts", "quorum", "mandates"))
DECIDE, ISOLATION, CONDITIONS = (f"unit/policy/test_{name}.py::" for name in ("decide", "isolation", "conditions"))
LINT, REVISIONS = "unit/policy/test_lint.py::", "behaviour/policy/test_revisions.py::"
APPEND, VERIFIER = (f"behaviour/audit/test_audit_{name}.py::" for name in ("append", "verifier"))
FORMAT, FORGETTING = "unit/audit/test_audit_format.py::", "behaviour/audit/test_audit_forgetting.py::"
PINS, QUARANTINE, KEYED, STRICT = (
    f"unit/connectors/test_{name}.py::" for name in ("pins", "quarantine", "keyed", "strict")
)
HOSTILE, POOL = "behaviour/connectors/test_hostile.py::", "behaviour/connectors/test_pool.py::"
GATE, SIGN_IN = (f"behaviour/api/test_api_{name}.py::" for name in ("gate", "sign_in"))
DELEGATION = "behaviour/runs/test_delegation.py::"
RUN_TEXTS = "behaviour/api/test_api_run_texts.py::"
TEXT_ORDER, TEXTS = (f"behaviour/runs/test_{name}.py::" for name in ("text_order", "texts_of_models"))
TENANTS, MCP = "behaviour/api/test_api_tenants.py::", "behaviour/api/test_api_mcp.py::"

GUARDS: tuple[Guard, ...] = (
    # ---- the gateway, in the order of its stages
    _guard(
        "propose.schema", "exact", "arguments fit the reviewed schema", "gateway/propose.py",
        'schemas.check(pin.input_schema, arguments, field="arguments")', "pass",
        CALL + "test_arguments_that_do_not_fit_end_as_failed_and_never_leave",
    ),
    _guard(
        "propose.strict", "exact", "arguments are JSON that everybody reads alike", "gateway/propose.py",
        "strict.check(call.arguments)", "pass",
        GUARDS_OF_CALLS + "test_arguments_nest_a_hundred_deep_and_no_deeper",
        GUARDS_OF_CALLS + "test_what_two_readers_could_read_differently_never_leaves",
    ),
    _guard(
        "propose.size", "exact", "a call has at most 256 KiB", "gateway/propose.py",
        "if len(exact) > MAX_BYTES:", "if False:",
        GUARDS_OF_CALLS + "test_what_two_readers_could_read_differently_never_leaves",
    ),
    *(
        _guard(
            f"propose.digest.{field}", "exact", f"the digest covers the {field}", "gateway/propose.py",
            f'"{field}": {value},', "", GUARDS_OF_CALLS + "test_the_digest_covers",
            GUARDS_OF_CALLS + "test_the_digest_covers_the_pin_and_no_order_of_names",
        )
        for field, value in (
            ("arguments", "call.arguments"),
            ("pin", "pin"),
            ("run", "call.run"),
            ("tenant", "call.tenant"),
            ("tool", "call.tool"),
        )
    ),
    _guard(
        "recall.same", "exact", "a key names one call for ever", "gateway/recall.py",
        "if not _same_request(case, known):", "if False:",
        CALL + "test_the_same_key_with_other_arguments_is_a_conflict_and_recorded",
    ),
    _guard(
        "recall.chain", "exact", "an approved call is not taken over by somebody else", "gateway/recall.py",
        "return same and known.chain == case.call.chain", "return same",
        GUARDS_OF_CALLS + "test_nobody_else_meets_a_call_under_its_key",
    ),
    _guard(
        "recall.ended", "once", "what ended gives its recorded answer", "gateway/recall.py",
        'if known.state in ("done", "in_doubt"):', "if False:",
        CALL + "test_an_allowed_call_runs_once_and_is_recorded_before_and_after",
    ),
    _guard(
        "recall.lease", "once", "two processes never work on one call", "gateway/recall.py",
        'if known.state == "dispatched" and _leased(desk, known, case):', "if False:",
        FAULTS + "test_two_processes_never_work_on_one_call",
    ),
    _guard(
        "node.retried", "once", "what took effect before a node was retried is not done again", "agents/ledger.py",
        "lasting = [*known.kept, *(slot for slot in known.slots if slot.lasts)]", "lasting = list(known.kept)",
        "behaviour/runs/test_node_retry.py::test_what_was_paid_is_paid_once_and_what_was_read_is_read_again",
    ),
    _guard(
        "node.under_way", "once", "what is under way while its node fails is not asked for twice", "agents/ledger.py",
        "slot.lasts = True", "pass",
        "behaviour/runs/test_node_retry.py::test_what_is_under_way_while_its_node_fails_is_not_asked_for_twice",
    ),
    _guard(
        "node.anew", "once", "a run below that was stopped with its node is another run when asked for again",
        "agents/ledger.py",
        "slot.lasts, slot.spent = has_key, not has_key", "pass",
        "behaviour/runs/test_node_retry.py::test_a_run_of_another_agent_that_was_stopped_with_its_node_is_another_run_then",
    ),
    _guard(
        "below.stopped", "once", "a run below that was stopped is not taken for done", "runs/workflow.py",
        "if workflow.info().parent is not None:", "if False:",
        DELEGATION + "test_a_run_below_that_a_person_stops_has_not_succeeded",
    ),
    _guard(
        "below.stop", "once", "a stop holds for the runs below", "runs/delegating.py",
        "await handle.signal(SIGNAL_STOP, self.stop)", "pass",
        DELEGATION + "test_a_stop_is_passed_on_and_both_take_back_what_they_did",
    ),
    _guard(
        "below.pause", "once", "a pause holds for the runs below", "runs/hops.py",
        "for one in (self.pauses, self.pauses_above) if one.paused", "for one in (self.pauses,) if one.paused",
        DELEGATION + "test_a_pause_is_passed_on_and_nothing_goes_out_meanwhile",
    ),
    _guard(
        "below.unbegun", "once", "a run below that never began is not left open", "runs/delegating.py",
        "await self._end_below(agent, one.run, step)", "pass",
        DELEGATION + "test_a_run_that_was_written_and_never_began_is_not_left_open",
    ),
    _guard(
        "run.ending", "once", "taking back is not cut short", "runs/workflow.py",
        "await settled(working)", "await working",
        DELEGATION + "test_taking_back_is_not_cut_short_by_the_run_above",
    ),
    _guard(
        "run.asks", "people", "nobody decides about a run that has ended", "runs/ending.py",
        "withdraw(tx, tenant, run,", "(lambda *_: None)(tx, tenant, run,",
        DELEGATION + "test_what_a_failed_run_still_asks_is_withdrawn",
    ),
    _guard(
        "call.bound", "once", "a call that comes in another order under replay is noticed", "runs/hops.py",
        "self._name(asked) if self.bound and asked is not None else None", "None",
        "behaviour/runs/test_something_else.py::test_a_call_that_comes_in_another_order_is_noticed_before_it_is_paid_twice",
    ),
    _guard(
        "call.in_hand", "once", "one process makes one attempt a key", "gateway/gateway.py",
        "if name in self._in_hand:", "if False:",
        GUARDS_OF_CALLS + "test_one_process_makes_one_attempt_a_key",
    ),
    _guard(
        "decide.pin", "pin", "the review is the one under which the call was proposed", "gateway/decide.py",
        "if case.known is not None and _reviewed(case.known) != (pin.digest, pin.effect, pin.delivery):", "if False:",
        "behaviour/gateway/test_mutations.py::test_a_changed_effect_or_delivery_alone_is_seen_too",
    ),
    _guard(
        "decide.frozen", "denies", "a freeze stops every further call", "gateway/decide.py",
        "if frozen is not None:", "if False:",
        "unit/gateway/test_freeze.py::test_it_stops_what_it_names_until_it_is_lifted",
    ),
    _guard(
        "decide.fault", "denies", "a fault in deciding denies", "gateway/decide.py",
        'return _denied(case, "gateway.undecidable", f"Policy could not be asked ({type(error).__name__}).")',
        'return replace(case, decision=Decision("allow", (), policy_revision=""))',
        CALL + "test_a_policy_that_fails_denies", ALONE,
    ),
    _guard(
        "decide.unknown", "denies", "an answer of policy that is not known denies", "gateway/decide.py",
        'if decision.verdict not in ("allow", "ask", "deny"):', "if False:",
        GUARDS_OF_CALLS + "test_an_answer_of_policy_that_is_not_known_denies",
    ),
    _guard(
        "record.deny", "denies", "a denial ends where it is recorded", "gateway/record.py",
        'if decision.verdict != "deny":', "if True:",
        GUARDS_OF_CALLS + "test_a_denial_ends_where_it_is_recorded", CALL + "test_a_denied_call_never_leaves",
    ),
    _guard(
        "record.sent", "once", "a denial stops the repetition of what was sent", "gateway/record.py",
        'return no_repeat(tx, case, _why(decision)) if decision.verdict == "deny" else case', "return case",
        FAULTS + "test_no_repetition_under_a_freeze_a_new_policy_or_another_pin",
    ),
    _guard(
        "record.withdraw", "people", "a call that ended asks nobody any more", "gateway/record.py",
        'if request is not None and request.state == "pending":', "if False:",
        FAULTS + "test_giving_up_what_was_never_sent_is_a_failure_and_withdraws_the_question",
    ),
    _guard(
        "repeat.delivery", "once", "what may not be repeated is not", "gateway/repeat.py",
        "if _repeatable(tx, known, case):", "if True:",
        FAULTS + "test_an_unclear_answer_of_a_once_tool_waits_for_a_person_who_waits_for_the_message",
        GUARDS_OF_CALLS + "test_a_keyed_call_is_not_repeated_when_its_key_may_be_forgotten",
    ),
    _guard(
        "repeat.later", "once", "a safe write is not repeated over a later one", "gateway/repeat.py",
        'return known.effect == "read" or not store.later_write(tx.connection, known)', "return True",
        FAULTS + "test_a_safe_write_is_not_repeated_over_a_later_one",
    ),
    _guard(
        "repeat.window", "once", "a keyed call is repeated while its key lives", "gateway/repeat.py",
        "known.first_sent_at is not None and case.at < known.first_sent_at + KEY_WINDOW", "True",
        GUARDS_OF_CALLS + "test_a_keyed_call_is_not_repeated_when_its_key_may_be_forgotten",
    ),
    _guard(
        "ask.nobody", "denies", "a rule that names nobody denies", "gateway/ask.py",
        "if not rules or not all(rule.quorums for rule in rules):", "if False:",
        GUARDS_OF_CALLS + "test_a_rule_that_names_nobody_denies_at_once",
        GUARDS_OF_CALLS + "test_an_approval_rule_that_is_gone_denies",
    ),
    _guard(
        "ask.asks", "people", "what policy asks about waits for people", "gateway/ask.py",
        'if decision.verdict != "ask":', "if True:",
        CALL + "test_an_asked_call_runs_after_the_approval_and_only_once",
    ),
    _guard(
        "ask.approved", "people", "only an approved request goes on", "gateway/ask.py",
        'if request.state == "approved":', "if True:",
        CALL + "test_a_rejected_call_ends_as_rejected_with_the_comment", CALL + "test_an_unanswered_call_expires",
    ),
    _guard(
        "grant.bytes", "exact", "the digest is recomputed from the recorded bytes at dispatch", "gateway/grant.py",
        "if not case.digest == known.digest == digest_of(known.exact.encode()) or case.exact != known.exact:",
        "if False:", GUARDS_OF_CALLS + "test_a_grant_is_for_the_recorded_bytes",
    ),
    _guard(
        "grant.allowed", "denies", "without allowance, approval or mandate nothing is granted", "gateway/grant.py",
        'elif case.decision is None or case.decision.verdict != "allow":', "elif False:",
        GUARDS_OF_CALLS + "test_without_an_answer_of_people_an_asked_call_gets_no_grant",
    ),
    _guard(
        "grant.outgrown", "exact", "the approval satisfies the rules in force at dispatch", "gateway/grant.py",
        "why_not = _outgrown(desk, case)", 'why_not = ""', ALONE,
    ),
    _guard(
        "grant.budget", "denies", "a budget is reserved before the call leaves", "gateway/grant.py",
        "if over:", "if False:",
        "unit/gateway/test_budgets.py::test_a_run_makes_no_more_calls_than_its_budget",
    ),
    _guard(
        "grant.intent", "recorded", "the intent is in the log before anything leaves", "gateway/grant.py",
        'log.of_case(tx, case, "intent", approval=known.approval, detail=detail)', "pass",
        CALL + "test_an_allowed_call_runs_once_and_is_recorded_before_and_after",
    ),
    _guard(
        "dispatch.unforeseen", "once", "an unforeseen error proves nothing", "gateway/dispatch.py",
        'return Answer("unclear", detail=f"The call ended in an unforeseen way ({type(error).__name__}).")',
        'return Answer("not_sent", detail="")', FAULTS + "test_an_unforeseen_error_is_no_proof_of_anything",
    ),
    _guard(
        "dispatch.ambiguous", "once", "an unclear answer is never a failure", "gateway/dispatch.py",
        'return Answer("unclear", detail=str(error))', 'return Answer("failed")',
        FAULTS + "test_an_unclear_answer_of_a_keyed_tool_is_repeated_under_the_same_key",
    ),
    _guard(
        "dispatch.unfinished", "once", "a key that is known but not finished is no success", "gateway/dispatch.py",
        'if value.get("found") is True and value.get("finished", True) is True:', 'if value.get("found"):',
        GUARDS_OF_CALLS + "test_a_call_that_the_system_has_begun_is_not_done",
    ),
    _guard(
        "settle.outcome", "recorded", "the outcome is in the log", "gateway/settle.py",
        'tx, known, "outcome", who=who, outcome=outcome, result_digest=digest, detail={**facts, **(detail or {})}',
        'tx, known, "lookup", who=who, outcome=outcome, result_digest=digest, detail={**facts, **(detail or {})}',
        CALL + "test_an_allowed_call_runs_once_and_is_recorded_before_and_after",
    ),
    _guard(
        "settle.absent", "once", "no trace counts only when no message can still arrive", "gateway/settle.py",
        "if not dead(known, asked_at):", "if False:",
        GUARDS_OF_CALLS + "test_no_trace_is_believed_only_when_every_message_is_dead",
    ),
    _guard(
        "settle.refused", "once", "a refused repetition says nothing of the first message", "gateway/settle.py",
        'if known.delivery == "keyed" and dead(known, asked_at, but_the_last=True):', 'if known.delivery == "keyed":',
        GUARDS_OF_CALLS + "test_a_refused_repetition_is_believed_only_when_the_first_message_is_dead",
    ),
    _guard(
        "reconcile.doubt", "once", "only what is in doubt is reconciled", "gateway/service.py",
        'if known.state != "in_doubt":', "if False:",
        GUARDS_OF_CALLS + "test_what_has_ended_is_not_reconciled",
    ),
    _guard(
        "reconcile.dead", "once", "a person decides when no message can still arrive", "gateway/service.py",
        "if not dead(known, clock.now()) and known.alive_until is not None:", "if False:",
        FAULTS + "test_an_unclear_answer_of_a_once_tool_waits_for_a_person_who_waits_for_the_message",
    ),
    _guard(
        "try.read", "denies", "only reads are tried by hand", "gateway/service.py",
        'if pin is None or pin.effect != "read":', "if False:",
        FAULTS + "test_a_read_tried_by_hand_is_governed_and_a_write_is_not_possible",
    ),
    _guard(
        "history.in_flight", "policy", "caps count calls in flight", "gateway/history.py",
        'return or_(CALLS.c.state != "done", CALLS.c.outcome == "succeeded")',
        'return and_(CALLS.c.outcome == "succeeded")',
        CALL + "test_policy_sees_calls_in_flight", FAULTS + "test_caps_hold_however_many_callers_there_are",
    ),
    _guard(
        "calls.tenant", "tenant", "a call is found in its own tenant", "gateway/store.py",
        "FROM tool_call WHERE tenant = ? AND", "FROM tool_call WHERE (tenant = ? OR 1 = 1) AND",
        FAULTS + "test_two_tenants_share_nothing",
    ),
    _guard(
        "calls.list", "tenant", "a list has calls of its own tenant", "gateway/store.py",
        "query = select(CALLS).where(CALLS.c.tenant == tenant)", "query = select(CALLS)",
        FAULTS + "test_two_tenants_share_nothing",
    ),
    _guard(
        "calls.personal", "secret", "what the review calls personal is sealed in the log", "gateway/log.py",
        " if case.exact else (),", " if False else (),",
        "unit/gateway/test_personal.py::test_personal_arguments_are_not_in_the_log",
    ),
    _guard(
        "calls.free_text", "secret", "free text in arguments is sealed without a word in the review", "gateway/log.py",
        "return (*reviewed, Personal(of_run(run), free)) if free else reviewed", "return reviewed",
        "unit/gateway/test_personal.py::test_free_text_is_sealed_without_a_mark_and_names_of_things_are_not",
    ),
    _guard(
        "log.words", "secret", "what people say is sealed in the log", "audit/log.py",
        "    if says_something(content):", "    if False:",
        FORGETTING + "test_what_people_say_is_sealed_without_a_mark",
    ),
    _guard(
        "log.box", "secret", "what only looks sealed is sealed", "audit/free_text.py",
        'or value in ("", [], {}) or isinstance(value, Box))', 'or value in ("", [], {}) or "sealed" in str(value))',
        FORGETTING + "test_what_only_looks_sealed_is_sealed",
    ),
    _guard(
        "search.personal", "secret", "sealed words are found by those who may see them only", "audit/query.py",
        "if self._personal and not star and", "if not star and",
        FORGETTING + "test_who_may_see_what_is_sealed_finds_it_until_it_is_erased",
    ),
    _guard(
        "erase.keys", "secret", "an erased person's keys are destroyed", "audit/personal.py",
        'gone = {"key": None,', 'gone = {', FORGETTING + "test_after_erasure_the_data_is_gone_and_every_proof_holds",
    ),
    _guard(
        "erase.hold", "secret", "a legal hold keeps a person from being erased", "audit/erasure.py",
        "    _check_holds(connection, tenant, subject, runs, outside)", "    pass",
        FORGETTING + "test_a_legal_hold_keeps_a_person_from_being_erased",
    ),
    _guard(
        "erase.open", "exact", "a call that goes on is not emptied", "runs/erasure.py",
        'erasure.refuse_open(gateway.open_calls(tx.connection, tenant, runs), "a call of the run")', "pass",
        ERASURE + "test_what_goes_on_is_not_broken",
    ),
    _guard(
        "erase.calls", "secret", "an erased person's calls are emptied", "runs/erasure.py",
        "gateway.erase(tx.connection, tenant, runs)", "pass",
        ERASURE + "test_nothing_is_readable_afterwards_and_every_proof_holds",
    ),
    _guard(
        "erase.approvals", "secret", "an erased person's approvals are emptied", "runs/erasure.py",
        "approvals.erase(tx.connection, tenant, runs)", "pass",
        ERASURE + "test_nothing_is_readable_afterwards_and_every_proof_holds",
    ),
    _guard(
        "erase.exports", "secret", "exports that hold opened data are removed", "runs/erasure.py",
        "removed = await self.exports.remove_opened(tenant)", "removed = 0",
        ERASURE + "test_nothing_is_readable_afterwards_and_every_proof_holds",
    ),
    _guard(
        "erase.file", "secret", "what is deleted is zeroed in the database's file", "database.py",
        '"secure_delete=ON",', '"secure_delete=OFF",',
        ERASURE + "test_nothing_is_readable_afterwards_and_every_proof_holds",
    ),
    _guard(
        "erase.reads", "secret", "what an intake read and did not use is emptied", "runs/erasure.py",
        "gateway.erase_reads(tx.connection, tenant, OF_INTAKE, copies.name_of(subject))", "pass",
        ERASURE + "test_a_mail_that_was_read_by_a_worker_that_died_is_erased_too",
    ),
    _guard(
        "intake.kept", "secret", "what an intake read is kept in its runs alone", "runs/triggers/intake_page.py",
        'copies.forget_results(tx.connection, row["tenant"], used)', "pass",
        ERASURE + "test_a_mail_that_was_read_is_kept_in_its_run_alone_and_erased_with_it",
    ),
    _guard(
        "hook.again", "once", "a message that came before a hook was changed starts nothing after it",
        "runs/triggers/hooks.py",
        "if (run := store.started_by(tx.connection, row, key, digest)) is not None:", "if (run := None) is not None:",
        "behaviour/api/test_api_hooks.py::test_a_message_that_came_before_a_change_starts_nothing_after_it",
    ),
    _guard(
        "intake.own", "once", "a page counts for nothing once its intake was changed", "runs/triggers/intake_page.py",
        'OWN = ("state", "cursor", "arguments", "mapping")', 'OWN = ("state", "cursor")',
        "behaviour/runs/test_intakes.py::test_what_is_changed_while_it_is_read_is_read_again",
    ),
    _guard(
        "hook.maker", "denies", "what acts by one person's word is changed by nobody else's", "runs/triggers/behalf.py",
        'if row["made_by"] != who.principal.id:', "if False:",
        "behaviour/api/test_api_hooks.py::test_a_hook_is_changed_by_its_maker_and_keeps_its_secret",
        "behaviour/runs/test_intakes.py::test_a_change_is_checked_as_a_new_one_and_nobody_elses",
    ),
    _guard(
        "erase.caps", "exact", "an erasure frees no budget", "gateway/copies.py",
        'KEPT_ARGUMENTS = (*AMOUNT_FIELDS, "currency")', "KEPT_ARGUMENTS: tuple[str, ...] = ()",
        ERASURE + "test_erased_calls_stay_what_they_were",
    ),
    # ---- approvals
    _guard(
        "approve.digest", "exact", "a verdict is given on what was shown", "approvals/service.py",
        "if digest != request.digest:", "if False:",
        VERDICTS + "test_a_stale_digest_is_a_conflict_and_counts_for_nothing",
    ),
    _guard(
        "consume.approved", "exact", "only an approved request has a grant", "approvals/requests.py",
        'if request.state != "approved" or grant is None:', "if grant is None:",
        GUARDS_OF_CALLS + "test_only_an_approved_request_gives_a_grant",
    ),
    _guard(
        "consume.call", "exact", "the request is for this very call", "approvals/requests.py",
        "if request.call_key != call_key or request.digest != digest:", "if False:", ALONE,
    ),
    _guard(
        "consume.verdicts", "exact", "every verdict was given on these bytes", "approvals/requests.py",
        "if any(verdict.digest != digest for verdict in request.verdicts):", "if False:", ALONE,
    ),
    _guard(
        "consume.roles", "people", "who approved still holds the role at dispatch", "approvals/requests.py",
        "if not satisfied(request, roles):", "if False:", ALONE,
    ),
    _guard(
        "grant.single", "once", "a grant is used once", "approvals/store.py",
        'GRANTS.c.state == "ready",', "", ALONE,
    ),
    _guard(
        "grant.expiry", "exact", "a grant expires", "approvals/store.py",
        "GRANTS.c.expires_at > now,", "", VERDICTS + "test_a_grant_dies",
    ),
    _guard(
        "grant.digest", "exact", "a grant is for one digest", "approvals/store.py",
        "GRANTS.c.digest == digest,", "", ALONE,
    ),
    _guard(
        "expire.deadline", "people", "the deadline itself is too late", "approvals/requests.py",
        'if request.state == "pending" and at >= request.expires_at:',
        'if request.state == "pending" and at > request.expires_at:',
        VERDICTS + "test_the_deadline_itself_is_too_late",
    ),
    _guard(
        "exclude.requester", "people", "never the requester", "approvals/requests.py",
        "if rule.not_requester:", "if False:",
        VERDICTS + "test_the_requester_is_refused_whatever_roles",
    ),
    _guard(
        "exclude.owner", "people", "not the agent's owner, where the rule says so", "approvals/requests.py",
        "if rule.not_agent_owner and question.agent_owner:", "if False:",
        VERDICTS + "test_the_agents_owner_is_refused_where_the_rule_says_so",
    ),
    _guard(
        "exclude.author", "people", "not the policy's author, where the rule says so", "approvals/requests.py",
        "if rule.not_policy_author:", "if False:",
        VERDICTS + "test_the_policys_author_is_refused_where_the_rule_says_so",
    ),
    _guard(
        "eligible.refusal", "people", "who is excluded may not answer", "approvals/quorum.py",
        "refusal = _refusal(request, roles, person)", 'refusal = ""',
        VERDICTS + "test_the_requester_is_refused_whatever_roles",
    ),
    _guard(
        "eligible.person", "people", "only a person answers", "approvals/quorum.py",
        'if not person.startswith("person:"):', "if False:",
        VERDICTS + "test_people_without_the_role_or_of_another_kind_are_refused",
    ),
    _guard(
        "eligible.once", "people", "nobody answers twice", "approvals/quorum.py",
        "if person in used:", "if False:",
        VERDICTS + "test_two_roles_need_two_people",
    ),
    _guard(
        "eligible.absence", "people", "standing in begins and ends with the absence", "approvals/quorum.py",
        "absence.to == person and absence.since <= at < absence.until", "absence.to == person",
        VERDICTS + "test_standing_in_begins_with_the_absence",
    ),
    _guard(
        "quorum.different", "people", "seats are filled by different people throughout", "approvals/quorum.py",
        "return len(people) == len(set(people)) and met(", "return met(", ALONE,
    ),
    _guard(
        "quorum.excluded", "people", "an excluded person's verdict fills no seat", "approvals/quorum.py",
        "if verdict.approve and not _excluded(request, roles, verdict)", "if verdict.approve", ALONE,
    ),
    _guard(
        "quorum.empty", "denies", "no quorum is never met", "approvals/quorum.py",
        "return needed > 0 and seated(quorums, roles) == needed", "return seated(quorums, roles) == needed",
        QUORUM + "test_no_quorum_is_never_met",
    ),
    _guard(
        "quorum.seats", "people", "one person of two roles fills one seat", "approvals/quorum.py",
        "if voter not in taken or seat(taken[voter], tried):", "if True:",
        QUORUM + "test_one_person_of_two_roles_fills_one_seat",
    ),
    _guard(
        "quorum.strictest", "people", "several rules merge to the stricter count", "approvals/quorum.py",
        "counts[quorum.role] = max(counts.get(quorum.role, 0), quorum.count)", "counts[quorum.role] = quorum.count",
        QUORUM + "test_several_rules_merge_to_the_stricter_count",
    ),
    _guard(
        "withdraw.requester", "people", "only the requester withdraws", "approvals/service.py",
        "if who.principal.id != request.requester:", "if False:",
        VERDICTS + "test_only_the_requester_withdraws_and_the_call_ends",
    ),
    _guard(
        "batch.equal", "people", "only equal requests of low risk are answered together", "approvals/service.py",
        'if len(batches) > 1 or "" in batches:', "if False:",
        VERDICTS + "test_unequal_or_risky_requests_are_not",
    ),
    _guard(
        "approval.tenant", "tenant", "a request is found in its own tenant", "approvals/store.py",
        "query = select(REQUESTS).where(REQUESTS.c.tenant == tenant, REQUESTS.c.id == approval)",
        "query = select(REQUESTS).where(REQUESTS.c.id == approval)",
        VERDICTS + "test_another_tenant_sees_and_answers_nothing",
    ),
    _guard(
        "mandate.calls", "mandate", "a mandate is for so many calls", "approvals/mandates.py",
        "if mandate.calls_used >= mandate.calls:", "if False:",
        MANDATES + "test_it_covers_what_its_caps_allow",
    ),
    _guard(
        "mandate.total", "mandate", "a mandate is for so much in all", "approvals/mandates.py",
        "return mandate.total is None or mandate.total_used + amount <= mandate.total", "return True",
        MANDATES + "test_it_covers_what_its_caps_allow",
    ),
    _guard(
        "mandate.currency", "mandate", "a mandate is in one currency", "approvals/mandates.py",
        'if mandate.currency and use_.arguments.get("currency") != mandate.currency:', "if False:",
        MANDATES + "test_it_covers_what_its_caps_allow",
    ),
    _guard(
        "mandate.until", "mandate", "a mandate expires", "approvals/mandates.py",
        "MANDATES.c.until > clock.iso(at),", "", MANDATES + "test_it_ends_with_its_time_or_by_a_person",
    ),
    _guard(
        "mandate.revoked", "mandate", "a mandate can be revoked", "approvals/mandates.py",
        'MANDATES.c.revoked_at == "",', "", MANDATES + "test_it_ends_with_its_time_or_by_a_person",
    ),
    _guard(
        "mandate.giver", "mandate", "one giver is one approval", "approvals/mandates.py",
        "return met(merged(rules), [held])", "return True",
        MANDATES + "test_it_is_worth_no_more_than_the_givers_own_approval",
    ),
    _guard(
        "mandate.requester", "mandate", "a giver's own call is not covered", "approvals/mandates.py",
        "if any(rule.not_requester for rule in rules) and person == requester:", "if False:",
        MANDATES + "test_it_is_worth_no_more_than_the_givers_own_approval",
    ),
    # ---- policy
    _guard(
        "policy.chain", "policy", "every link of the chain must be allowed", "policy/snapshot.py",
        "for link in request.chain:", "for link in request.chain[:1]:",
        DECIDE + "test_each_link_is_decided_and_the_strictest_answer_wins",
    ),
    _guard(
        "policy.known", "denies", "nobody acts whom the policy does not know", "policy/snapshot.py",
        "if link not in self.known:", "if False:",
        ISOLATION + "test_nobody_acts_as_a_role",
        DECIDE + "test_an_unknown_link_denies_whoever_else_is_in_the_chain",
    ),
    _guard(
        "policy.none", "denies", "no rule denies", "policy/snapshot.py",
        'return "deny", [self._nothing(request, link, judgement.considered)]',
        'return "allow", [self._nothing(request, link, judgement.considered)]',
        DECIDE + "test_no_rule_denies_and_says_so",
    ),
    _guard(
        "policy.strictest", "policy", "the most restrictive rule wins", "policy/enforcer.py",
        '{"allow": 0, "ask": 1, "deny": 2}', '{"allow": 3, "ask": 1, "deny": 2}',
        DECIDE + "test_the_most_restrictive_rule_wins_wherever_it_stands",
    ),
    _guard(
        "policy.failed", "denies", "a condition without an answer denies", "policy/enforcer.py",
        "except ConditionFailed as failure:\n", "except ConditionFailed as failure:\n                continue\n",
        CONDITIONS + "test_a_condition_that_fails_denies_though_another_rule_allows",
    ),
    _guard(
        "policy.number", "policy", "an amount is a plain decimal number", "policy/facts.py",
        r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,9})?", r"-?\d+(\.\d+)?",
        CONDITIONS + "test_no_clear_answer_denies_with_the_reason",
    ),
    _guard(
        "policy.tenant", "tenant", "a request is decided by its own tenant's policy", "policy/snapshot.py",
        "policy = self.tenants.get(request.tenant)", "policy = next(iter(self.tenants.values()), None)",
        ISOLATION + "test_the_same_people_and_tools_in_another_tenant_are_others",
    ),
    _guard(
        "policy.isolates", "tenant", "a model that does not compare tenants is refused", "policy/plan.py",
        "if not any(at == domain for at, _ in equal):", "if False:",
        LINT + "test_a_model_that_does_not_isolate_or_can_not_be_planned_is_refused",
    ),
    _guard(
        "policy.frozen", "author", "a compiled policy does not change", "policy/enforcer.py",
        "clear_policy = set_model = load_model = _frozen", "",
        ISOLATION + "test_a_compiled_policy_can_not_be_managed",
    ),
    _guard(
        "language.function", "author", "conditions call only what the language has", "policy/grammar.py",
        'self._refuse(node.func, "is not a function of the language"', 'str("is not a function of the language"',
        CONDITIONS + "test_what_is_not_in_the_language_is_refused",
    ),
    _guard(
        "language.underscore", "author", "no path starts with an underscore", "policy/grammar.py",
        'self._refuse(node, "starts with an underscore")', "pass",
        CONDITIONS + "test_what_is_not_in_the_language_is_refused",
    ),
    _guard(
        "language.size", "author", "a condition is of bounded size", "policy/conditions.py",
        "if nodes > MAX_NODES:", "if False:",
        CONDITIONS + "test_what_is_not_in_the_language_is_refused",
    ),
    _guard(
        "review.author", "author", "nobody reviews their own draft", "policy/revisions.py",
        '_not_an_author(who, found, "review")', "pass",
        REVISIONS + "test_who_wrote_it_neither_reviews_nor_activates_it",
    ),
    _guard(
        "activate.author", "author", "nobody activates their own draft", "policy/revisions.py",
        '_not_an_author(who, found, "activate")', "pass",
        REVISIONS + "test_who_wrote_it_neither_reviews_nor_activates_it",
    ),
    _guard(
        "activate.reviewed", "author", "what was not reviewed is not put in force", "policy/revisions.py",
        'if found.state != "reviewed":', "if False:",
        REVISIONS + "test_a_draft_changes_nothing_until_it_is_reviewed_and_activated",
    ),
    _guard(
        "activate.seen", "author", "what is put in force is what was looked at", "policy/revisions.py",
        "if found.content_hash != seen:", "if False:",
        REVISIONS + "test_what_is_activated_is_what_was_looked_at",
    ),
    _guard(
        "activate.cases", "author", "expected decisions hold, or it is not put in force", "policy/revisions.py",
        "if failed:", "if False:",
        REVISIONS + "test_a_draft_that_breaks_an_expected_decision_is_not_put_in_force",
    ),
    _guard(
        "activate.base", "author", "a draft replaces only what it was based on", "policy/activation.py",
        "if change.based_on is not None and now_in_force != change.based_on:", "if False:",
        REVISIONS + "test_two_drafts_of_one_base_do_not_undo_each_other",
    ),
    _guard(
        "watch.altered", "author", "altered rows deny everything to their tenant", "policy/watcher.py",
        "if content_hash(documents) != row.content_hash:", "if False:",
        REVISIONS + "test_altered_rows_deny_everything_to_that_tenant_alone",
    ),
    # ---- the action log and its verifier
    _guard(
        "log.halted", "recorded", "a halted log takes no record", "audit/log.py",
        "= ? AND halted = '' ", "= ? ", APPEND + "test_a_halted_log_refuses_and_names_the_reason",
        FAULTS + "test_without_a_log_nothing_is_called",
    ),
    _guard(
        "log.halted_postgresql", "recorded", "a halted log takes no record on PostgreSQL either", "audit/log.py",
        "= %s AND halted = '' ", "= %s ", APPEND + "test_a_halted_log_refuses_and_names_the_reason",
    ),
    _guard(
        "log.error", "recorded", "a log that can't be written undoes the unit", "audit/log.py",
        "except (DBAPIError, connection.dialect.loaded_dbapi.Error) as error:",
        "except (DBAPIError, connection.dialect.loaded_dbapi.Error) as error:\n        return",
        APPEND + "test_when_the_log_cant_be_written_the_unit_is_undone",
    ),
    _guard(
        "log.initialised", "recorded", "before it is initialised nothing is kept", "audit/log.py",
        "if connection.execute(select(log.c.one)).first() is None:", "if False:",
        APPEND + "test_before_it_is_initialised_nothing_is_kept",
    ),
    _guard(
        "routing.record", "recorded", "each change of the routing of new runs is in the log", "runs/routing.py",
        "log.append(tx, self._record(_before(known), now, by, at))", "pass",
        "unit/runs/test_routing.py::test_each_change_is_recorded_once_by_whoever_is_first",
    ),
    _guard(
        "routing.newer", "recorded", "who has read an older routing turns nothing back", "runs/routing_store.py",
        ", ROUTING.c.position < position)", ")",
        "unit/runs/test_routing.py::test_who_has_read_an_older_state_turns_nothing_back",
    ),
    _guard(
        "verify.record", "proof", "each record has the hash that was signed", "audit/verifier.py",
        "if leaf_hash(line) != expected:", "if False:", VERIFIER + "test_each_tamper_is_found_and_named",
    ),
    _guard(
        "verify.root", "proof", "the records give the signed roots", "audit/verifier.py",
        "if frontier.root() != signed[size].root:", "if False:", VERIFIER + "test_each_tamper_is_found_and_named",
        VERIFIER + "test_a_single_bit_anywhere_is_found",
    ),
    _guard(
        "verify.split", "proof", "two signed checkpoints of one size are a split view", "audit/verifier.py",
        "if known.root != checkpoint.root:", "if False:", VERIFIER + "test_a_split_view_is_proven",
    ),
    _guard(
        "verify.cut", "proof", "a log that was cut is found by a checkpoint kept elsewhere", "audit/verifier.py",
        "if newest > max(self._inside, self._end):", "if False:",
        VERIFIER + "test_a_cut_log_is_found_with_a_checkpoint_kept_elsewhere",
    ),
    _guard(
        "verify.continues", "proof", "later checkpoints continue the evidence", "audit/verifier.py",
        "if not verify_consistency(self._end, size, signed[self._end].root, later.root, path):", "if False:",
        VERIFIER + "test_part_of_a_log_is_bound_to_the_newest_checkpoint",
    ),
    _guard(
        "verify.included", "proof", "the proof of one record stands alone", "audit/verifier.py",
        "if not verify_inclusion(leaf_hash(leaf), index, checkpoint.size, path, checkpoint.root):", "if False:",
        VERIFIER + "test_one_records_proof_stands_alone",
    ),
    _guard(
        "verify.deleted", "proof", "a record that is missing without a reason was deleted", "audit/verifier.py",
        "elif self._complete and not any(low <= index <= high for low, high in retired):", "elif False:",
        VERIFIER + "test_retired_records_are_told_from_deleted_ones",
    ),
    _guard(
        "verify.key", "proof", "the log's own key has signed", "audit/format.py",
        "if not parsed.signed_by(key):", "if False:", FORMAT + "test_a_checkpoint_opens_with_its_key_only",
    ),
    _guard(
        "verify.origin", "proof", "a checkpoint is of the log that it names", "audit/format.py",
        "if checkpoint.origin != key.name:", "if False:", FORMAT + "test_a_checkpoint_of_another_origin_is_refused",
    ),
    _guard(
        "proof.size", "proof", "an inclusion proof has the length that its tree has", "audit/format.py",
        "return last == 0 and found == root", "return found == root", FORMAT + "test_no_proof_holds_for_anything_else",
    ),
    _guard(
        "integrate.shrank", "proof", "a log that shrank is halted, not signed", "audit/integrator.py",
        "if size < last.size:", "if False:",
        "crash/audit/test_audit_crash.py::test_a_restored_older_database_is_noticed",
    ),
    # ---- connectors
    _guard(
        "pins.digest", "pin", "a pin file whose digests do not fit is refused", "connectors/pins.py",
        "if pin.digest != tool.digest or pin.definition != tool.definition:", "if False:",
        PINS + "test_a_file_that_was_tampered_with_leaves_no_pin_in_force",
    ),
    _guard(
        "pool.digest", "pin", "the live definition is the pinned one", "connectors/pool.py",
        "if link.digest(pin.wire_name) != pin.digest:", "if False:",
        HOSTILE + "test_a_changed_tool_is_not_called_and_the_change_is_told",
    ),
    _guard(
        "pool.quarantine", "pin", "a changed tool stays stopped until a person has looked", "connectors/pool.py",
        "if self._quarantine is not None and await self._quarantine.blocked(pin):", "if False:",
        HOSTILE + "test_a_tool_that_waits_for_a_review_is_not_called_though_it_is_as_pinned",
    ),
    _guard(
        "quarantine.seen", "pin", "what a person accepts is what they saw", "connectors/quarantine.py",
        'if row["live_digest"] != live_digest or not live_digest:', "if False:",
        QUARANTINE + "test_what_was_not_seen_is_not_accepted",
    ),
    _guard(
        "quarantine.person", "pin", "only a person ends a quarantine", "connectors/quarantine.py",
        'if by.principal.kind != "person":', "if False:", QUARANTINE + "test_only_a_person_ends_a_quarantine",
    ),
    _guard(
        "pool.unclear", "hostile", "an unclear failure of a write is ambiguous", "connectors/pool.py",
        'if pin.effect == "read":\n        return ToolResult(pin.tool, failure=Failure(kind="unknown"',
        'if True:\n        return ToolResult(pin.tool, failure=Failure(kind="unknown"',
        POOL + "test_an_unclear_failure_of_a_write_is_ambiguous",
    ),
    _guard(
        "pool.answer", "hostile", "an answer fits the reviewed schema", "connectors/pool.py",
        "schemas.check(pin.output_schema, result.structured_content, field=\"result\")", "pass",
        HOSTILE + "test_an_unclear_answer_to_a_write_is_ambiguous_at_once",
    ),
    _guard(
        "wire.size", "hostile", "an answer has a largest size", "connectors/wire.py",
        "limit=self._max_bytes,", "limit=2**40,",
        HOSTILE + "test_an_unclear_answer_to_a_write_is_ambiguous_at_once[huge-larger than]",
    ),
    _guard(
        "strict.twice", "hostile", "no key stands twice in an answer", "connectors/strict.py",
        "if len(made) != len(pairs):", "if False:", STRICT + "test_what_readers_disagree_on_is_refused",
    ),
    _guard(
        "keyed.other", "once", "a connector's key names one call for ever", "connectors/keyed.py",
        'if row is not None and (row["tool"], row["arguments_digest"]) != (incoming.tool, _digest(arguments)):',
        "if False:", KEYED + "test_a_key_for_other_arguments_or_another_tool_is_a_duplicate",
    ),
    _guard(
        "keyed.lease", "once", "an attempt that may still arrive is waited for", "connectors/keyed.py",
        'if clock.parse(known["lease_until"]) > clock.now():',
        "if False:", KEYED + "test_an_attempt_that_may_still_arrive_is_waited_for",
    ),
    _guard(
        "keyed.deadline", "once", "nothing new happens after the deadline", "connectors/incoming.py",
        "if self.deadline is not None and clock.now() >= self.deadline:", "if False:",
        KEYED + "test_after_the_deadline_nothing_new_happens",
    ),
    # ---- runs
    _guard(
        "codec.encrypts", "secret", "Temporal sees no business data", "runs/codec.py",
        "return self._sealed(ENCODING, plain)", "return payload",
        "unit/runs/test_codec.py",
    ),
    _guard(
        "key.tenant", "tenant", "a call's key is its tenant's own", "runs/keys.py",
        'f"{tenant}\\n{run}\\n{position}"', 'f"{run}\\n{position}"',
        "unit/runs/test_keys.py",
    ),
    _guard(
        "key.position", "once", "two calls of a run have two keys", "runs/keys.py",
        'f"{tenant}\\n{run}\\n{position}"', 'f"{tenant}\\n{run}"',
        "unit/runs/test_keys.py",
    ),
    _guard(
        "run.known", "sign_in", "only a run of ours acts, as its row says", "runs/activities.py",
        'if row is None or row["agent"] != activity.info().workflow_type:', "if row is None:",
        "unit/runs/test_run_facts.py",
    ),
    _guard(
        "run.tenant", "tenant", "a run is found in its own tenant", "runs/store.py",
        "    if tenant is not None:\n        query = query.where(RUN.c.tenant == tenant)\n", "",
        TENANTS + "test_no_operation_shows_or_changes_anything_of_another_tenant",
    ),
    _guard(
        "errand.row", "denies", "who has no database asks the gateway worker for nothing", "runs/errands.py",
        "text = await self._db.write(lambda tx: store.take(tx, self._tenant, errand))", "text = errand",
        "behaviour/runs/test_errands.py::test_who_has_no_database_can_ask_for_nothing",
    ),
    _guard(
        "errand.taken", "once", "what was taken and not answered is ambiguous", "runs/errands.py",
        'if ended.state == "asked":', 'if ended.state in ("asked", "taken"):',
        "behaviour/runs/test_errands.py::test_what_was_taken_and_not_answered_is_ambiguous",
    ),
    # ---- what models write
    _guard(
        "text.payloads", "secret", "words of a model are streamed to who sees payloads only", "runs/show.py",
        "text=found.text if story.payloads else None,", "text=found.text,",
        RUN_TEXTS + "test_who_may_not_see_what_a_run_is_about_sees_no_words",
    ),
    _guard(
        "text.story", "secret", "the story holds a model's words for who sees payloads only", "runs/routes.py",
        "    if story.payloads:\n        steps = show.with_texts", "    if True:\n        steps = show.with_texts",
        RUN_TEXTS + "test_who_may_not_see_what_a_run_is_about_sees_no_words",
    ),
    _guard(
        "text.erased", "secret", "an erasure deletes what models wrote", "runs/copies.py",
        "connection.execute(delete(TEXT).where(TEXT.c.tenant == tenant, TEXT.c.run.in_(some)))", "pass",
        ERASURE + "test_nothing_is_readable_afterwards_and_every_proof_holds",
    ),
    _guard(
        "text.whole", "recorded", "a run hears of an answer once all its words are durable", "runs/activities.py",
        "await speech.complete(text_of(answer.message))", "pass",
        TEXTS + "test_words_that_could_not_be_written_are_written_before_the_answer",
    ),
    _guard(
        "text.after", "recorded", "words come after the question that they answer", "runs/text_store.py",
        "after = max(events, call.asked)", "after = events",
        TEXT_ORDER + "test_whatever_the_order_a_reader_at_any_place_gets_exactly_the_rest[sqlite]",
    ),
    _guard(
        "text.one_speaker", "once", "a worker that was taken for dead adds no words", "runs/text_store.py",
        "if events is None or _newest(tx.connection, call) != end:", "if events is None:",
        TEXT_ORDER + "test_whoever_was_taken_for_dead_says_nothing_any_more[sqlite]",
    ),
    _guard(
        "text.budget", "policy", "an answer whose usage nobody counted is not free", "models/provider.py",
        "tokens_out = room.answer_tokens if room else tokens_of(_answer(message))", "tokens_out = 0",
        "behaviour/agents/test_model_streaming.py::test_where_nothing_is_counted_a_budget_takes_what_was_reserved",
    ),
    _guard(
        "errand.tenant", "tenant", "an errand is its own tenant's", "runs/errand_store.py",
        'ERRAND.c.tenant == tenant, ERRAND.c.id == errand, ERRAND.c.state == "asked"',
        'ERRAND.c.id == errand, ERRAND.c.state == "asked"',
        "behaviour/runs/test_errands.py::test_another_tenants_worker_takes_nothing",
    ),
    # ---- who acts
    _guard(
        "gate.signed_in", "sign_in", "nothing is reached without having signed in", "api/gate.py",
        "if who is None and (request.method, scope[\"path\"]) not in OPEN:", "if False:",
        GATE + "test_unknown_and_hidden_paths_refuse_too",
    ),
    _guard(
        "gate.forgery", "sign_in", "no other site acts with a person's cookie", "api/gate.py",
        "refuse_forgery(request)\n            if who is None", "pass\n            if who is None",
        GATE + "test_a_change_by_cookie_must_come_from_our_own_page",
    ),
    _guard(
        "gate.token", "sign_in", "a token that is not valid is not replaced by a cookie", "api/gate.py",
        "if scheme:", "if scheme and False:", GATE + "test_a_bad_token_is_not_saved_by_a_good_cookie",
    ),
    _guard(
        "token.expiry", "sign_in", "a token expires", "identity/store.py",
        "(*secret_hashes, iso(now))", '(*secret_hashes, "")',
        GATE + "test_a_revoked_an_expired_and_a_made_up_token_open_nothing",
    ),
    _guard(
        "token.never_more", "sign_in", "a token is never more than what made it", "identity/service.py",
        "abilities = who.abilities if abilities is None else abilities & who.abilities", "pass",
        GATE + "test_a_token_is_never_more_than_what_made_it",
    ),
    _guard(
        "token.owner", "sign_in", "nobody revokes another person's token", "identity/store.py",
        "tokens.c.tenant == tenant, tokens.c.owner == owner, tokens.c.id == token",
        "tokens.c.tenant == tenant, tokens.c.id == token",
        GATE + "test_one_person_can_not_revoke_a_token_of_another",
    ),
    _guard(
        "sign_in.guessing", "sign_in", "guessing is stopped", "identity/service.py",
        "if by_name >= FAILURES_A_NAME or by_address >= FAILURES_AN_ADDRESS:", "if False:",
        SIGN_IN + "test_guessing_is_stopped_for_a_name_and_lets_others_in",
    ),
    _guard(
        "mcp.narrowed", "sign_in", "a narrowed token uses no more than it may", "api/mcp.py",
        "if not _offered(who, params.name):", "if False:", MCP + "test_a_narrowed_token_sees_and_uses_less",
    ),
    _guard(
        "mcp.cookie", "sign_in", "MCP takes a token and nothing else", "api/mcp_entry.py",
        'if not isinstance(who, SignedIn) or who.method != "token":', "if not isinstance(who, SignedIn):",
        MCP + "test_a_session_cookie_is_no_way_in",
    ),
)  # fmt: skip
