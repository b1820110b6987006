"""A policy is changed by two people: drafts, review, activation, roll back, and what other processes see of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from chargehand.audit import log
from chargehand.database import Database, Transaction
from chargehand.errors import AuditUnavailable, BadInput, BadPolicy, Conflict, Forbidden, NotFound
from chargehand.identity.model import Principal, SignedIn
from chargehand.policy import store
from chargehand.policy.compiling import compile_policy
from chargehand.policy.revisions import PolicyRevisions
from chargehand.policy.service import PolicyService
from chargehand.policy.snapshot import Snapshot
from chargehand.policy.watcher import PolicyWatcher
from fixtures.policy import MODEL, files, policy, rule
from fixtures.policy import request as ask

SMALL = rule("small", "args.amount <= 100", effect="irreversible")
LARGER = rule("small", "args.amount <= 1000", effect="irreversible")
CASE = """
- case: A thousand is too much
  zh: 一千太多
  chain: [person:ann, agent:bot]
  tool: pay.refund
  effect: irreversible
  arguments: {amount: "1000"}
  expect: deny
"""


def person(name: str, tenant: str = "acme") -> SignedIn:
    return SignedIn(Principal(tenant, f"person:{name}", name.title()), "password")


ROOT, FAY, MAX = person("root"), person("fay"), person("max")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Each test runs on both databases."""
    url = f"sqlite:///{tmp_path}/policy.db" if request.param == "sqlite" else request.getfixturevalue("postgres")
    made = Database(url)
    made.create_schema()
    log.initialise(made)
    yield made
    made.close()


def service() -> PolicyService:
    both = {"acme": policy(SMALL), "other": policy(SMALL, tenant="other")}
    return PolicyService(Snapshot(both, MODEL))


@pytest.fixture
def revisions(db: Database) -> PolicyRevisions:
    return PolicyRevisions(db, service())


def verdict(of: PolicyService, amount: str = "500", tenant: str = "acme") -> str:
    return of.decide(ask({"amount": amount}, tenant=tenant)).verdict


async def reviewed(revisions: PolicyRevisions, text_of_rules: str = LARGER) -> Any:
    draft = await revisions.draft(ROOT, "Larger refunds", {"rules.yaml": text_of_rules}, "Customers wait")
    return await revisions.review(FAY, draft.id, draft.content_hash, approve=True, comment="Agreed")


def events(db: Database) -> list[str]:
    def query(connection: Any) -> list[str]:
        rows = connection.execute(text("SELECT leaf FROM audit_leaf ORDER BY tenant, seq"))
        return [store.loads(leaf)["detail"]["event"] for (leaf,) in rows if b"policy_change" in leaf]

    return db.read_now(query)


async def test_a_draft_changes_nothing_until_it_is_reviewed_and_activated(
    revisions: PolicyRevisions, db: Database
) -> None:
    before = revisions.policies.revision("acme")
    draft = await revisions.draft(ROOT, "Larger refunds", {"rules.yaml": LARGER}, "Customers wait")
    assert (draft.state, draft.author, draft.based_on) == ("draft", "person:root", before)
    assert verdict(revisions.policies) == "deny"
    with pytest.raises(Conflict, match="not reviewed"):
        await revisions.activate(FAY, draft.id, draft.content_hash)
    done = await revisions.review(FAY, draft.id, draft.content_hash, approve=True)
    assert (done.state, done.reviewed_by) == ("reviewed", "person:fay")
    assert verdict(revisions.policies) == "deny"
    in_force = await revisions.activate(FAY, draft.id, draft.content_hash)
    assert verdict(revisions.policies) == "allow"
    decided = revisions.policies.decide(ask({"amount": "500"}))
    assert decided.policy_revision == in_force.revision == draft.revision != before
    assert revisions.policies.authors_of("acme", in_force.revision) == ("person:root",)
    assert events(db) == ["drafted", "reviewed", "activated"]


async def test_who_wrote_it_neither_reviews_nor_activates_it(revisions: PolicyRevisions) -> None:
    draft = await revisions.draft(ROOT, "Larger refunds", {"rules.yaml": LARGER})
    with pytest.raises(Forbidden, match="You wrote on"):
        await revisions.review(ROOT, draft.id, draft.content_hash, approve=True)
    await revisions.review(FAY, draft.id, draft.content_hash, approve=True)
    with pytest.raises(Forbidden, match="You wrote on"):
        await revisions.activate(ROOT, draft.id, draft.content_hash)
    # A reviewer who changes the draft becomes one of its authors.
    changed = await revisions.change(FAY, draft.id, draft.content_hash, files={"rules.yaml": SMALL})
    assert (changed.state, changed.reviewed_by, changed.authors) == ("draft", "", ("person:root", "person:fay"))
    with pytest.raises(Forbidden):
        await revisions.review(FAY, draft.id, changed.content_hash, approve=True)


async def test_an_agent_reviews_nothing(revisions: PolicyRevisions) -> None:
    draft = await revisions.draft(ROOT, "Larger refunds", {"rules.yaml": LARGER})
    agent = SignedIn(Principal("acme", "agent:bot", "Bot", "agent"), "token")
    with pytest.raises(Forbidden, match="Only a person"):
        await revisions.review(agent, draft.id, draft.content_hash, approve=True)


async def test_a_review_counts_for_what_was_seen(revisions: PolicyRevisions) -> None:
    draft = await revisions.draft(ROOT, "Larger refunds", {"rules.yaml": LARGER})
    changed = await revisions.change(ROOT, draft.id, draft.content_hash, files={"rules.yaml": rule("all")})
    with pytest.raises(Conflict):
        await revisions.review(FAY, draft.id, draft.content_hash, approve=True)
    await revisions.review(FAY, draft.id, changed.content_hash, approve=True)
    with pytest.raises(Conflict, match="changed after you looked"):
        await revisions.activate(FAY, draft.id, draft.content_hash)
    again = await revisions.change(ROOT, draft.id, changed.content_hash, files={"rules.yaml": LARGER})
    with pytest.raises(Conflict, match="not reviewed"):
        await revisions.activate(FAY, draft.id, again.content_hash)


async def test_a_no_gives_the_draft_back(revisions: PolicyRevisions) -> None:
    draft = await revisions.draft(ROOT, "Larger refunds", {"rules.yaml": LARGER})
    back = await revisions.review(FAY, draft.id, draft.content_hash, approve=False, comment="Too much")
    assert (back.state, back.reviewed_by, back.review_comment) == ("draft", "", "Too much")


async def test_attacks_and_mistakes_are_refused_when_saved(revisions: PolicyRevisions, db: Database) -> None:
    for rules in (rule("r", "False) or (True"), rule("r", who="nobody"), LARGER.replace("allow", "Allow"), "- x"):
        with pytest.raises(BadPolicy) as refused:
            await revisions.draft(ROOT, "Attack", {"rules.yaml": rules})
        assert refused.value.problems
    with pytest.raises(BadPolicy, match=r"other/rules\.yaml:1: is no file of a policy"):
        await revisions.draft(ROOT, "Another tenant's", {"other/rules.yaml": LARGER})
    with pytest.raises(BadPolicy):
        await revisions.draft(ROOT, "Out of the folder", {"../other/rules.yaml": LARGER})
    with pytest.raises(BadInput):
        await revisions.draft(ROOT, " ", {"rules.yaml": LARGER})
    assert await revisions.drafts("acme") == ()
    assert events(db) == []


async def test_a_draft_that_breaks_an_expected_decision_is_not_put_in_force(revisions: PolicyRevisions) -> None:
    draft = await revisions.draft(ROOT, "Larger", {"rules.yaml": LARGER, "cases/limits.yaml": CASE})
    await revisions.review(FAY, draft.id, draft.content_hash, approve=True)
    with pytest.raises(BadPolicy, match=r"cases/limits\.yaml:2: A thousand is too much: expected deny, got allow"):
        await revisions.activate(FAY, draft.id, draft.content_hash)
    assert verdict(revisions.policies) == "deny"


async def test_two_drafts_of_one_base_do_not_undo_each_other(revisions: PolicyRevisions) -> None:
    one, other = await reviewed(revisions), await reviewed(revisions, rule("all"))
    await revisions.activate(FAY, one.id, one.content_hash)
    with pytest.raises(Conflict, match="no longer in force"):
        await revisions.activate(FAY, other.id, other.content_hash)


async def test_what_is_activated_is_what_was_looked_at(revisions: PolicyRevisions) -> None:
    draft = await reviewed(revisions)
    with pytest.raises(Conflict, match="changed after you looked"):
        await revisions.activate(FAY, draft.id, "0" * 64)
    assert [one.counter for one in await revisions.revisions("acme")] == []
    await revisions.activate(FAY, draft.id, draft.content_hash)


async def test_of_two_who_activate_at_once_in_two_processes_one_wins(revisions: PolicyRevisions, db: Database) -> None:
    draft = await reviewed(revisions)
    second = Database(db.url)
    elsewhere = PolicyRevisions(second, service())
    results = await asyncio.gather(
        revisions.activate(FAY, draft.id, draft.content_hash),
        elsewhere.activate(MAX, draft.id, draft.content_hash),
        return_exceptions=True,
    )
    second.close()
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "TenantPolicy"], results
    assert [one.counter for one in await revisions.revisions("acme")] == [2, 1]
    assert events(db).count("activated") == 1


async def test_roll_back_to_an_earlier_policy_even_the_one_from_files(revisions: PolicyRevisions, db: Database) -> None:
    first = revisions.policies.revision("acme")
    draft = await reviewed(revisions)
    await revisions.activate(FAY, draft.id, draft.content_hash)
    assert verdict(revisions.policies) == "allow"
    with pytest.raises(BadInput, match="reason"):
        await revisions.roll_back(MAX, first, " ")
    with pytest.raises(NotFound):
        await revisions.roll_back(MAX, "sha256:00", "It was better")
    await revisions.roll_back(MAX, first, "Too generous")
    assert verdict(revisions.policies) == "deny"
    assert revisions.policies.revision("acme") == first
    listed = await revisions.revisions("acme")
    assert [(one.counter, one.rolled_back, one.in_force) for one in listed] == [
        (3, True, True),
        (2, False, False),
        (1, False, False),
    ]
    await revisions.roll_back(MAX, draft.revision, "Customers complained")
    assert verdict(revisions.policies) == "allow"
    assert events(db)[-2:] == ["rolled back", "rolled back"]


async def test_an_abandoned_draft_is_closed(revisions: PolicyRevisions) -> None:
    draft = await reviewed(revisions)
    await revisions.abandon(ROOT, draft.id)
    with pytest.raises(Conflict):
        await revisions.activate(FAY, draft.id, draft.content_hash)
    with pytest.raises(Conflict):
        await revisions.change(ROOT, draft.id, draft.content_hash, title="Again")


async def test_tenants_see_and_change_only_their_own(revisions: PolicyRevisions) -> None:
    draft = await reviewed(revisions)
    stranger = person("eve", "other")
    for attempt in (
        revisions.get("other", draft.id),
        revisions.review(stranger, draft.id, draft.content_hash, approve=True),
        revisions.change(stranger, draft.id, draft.content_hash, title="Mine"),
        revisions.abandon(stranger, draft.id),
        revisions.activate(stranger, draft.id, draft.content_hash),
        revisions.roll_back(stranger, draft.revision, "Mine"),
        revisions.candidate("other", draft.id),
    ):
        with pytest.raises(NotFound):
            await attempt
    await revisions.activate(FAY, draft.id, draft.content_hash)
    assert await revisions.drafts("other") == await revisions.revisions("other") == ()
    assert (verdict(revisions.policies), verdict(revisions.policies, tenant="other")) == ("allow", "deny")


async def test_without_a_log_nothing_is_changed(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path}/unlogged.db")
    db.create_schema()
    revisions = PolicyRevisions(db, service())
    with pytest.raises(AuditUnavailable):
        await revisions.draft(ROOT, "Larger refunds", {"rules.yaml": LARGER})
    assert await revisions.drafts("acme") == ()
    db.close()


async def test_another_process_follows(revisions: PolicyRevisions, db: Database) -> None:
    elsewhere = service()
    watcher = PolicyWatcher(db, elsewhere, seconds=0.01)
    assert await watcher.load() == ()
    draft = await reviewed(revisions)
    await revisions.activate(FAY, draft.id, draft.content_hash)
    task = asyncio.create_task(watcher.run())
    async with asyncio.timeout(10):
        while verdict(elsewhere) != "allow":  # noqa: ASYNC110  # another thread's work, polled as its readers would
            await asyncio.sleep(0.01)
    task.cancel()
    assert elsewhere.authors_of("acme", draft.revision) == ("person:root",)
    assert await watcher.load() == ()
    started_later = service()
    await PolicyWatcher(db, started_later).load()
    assert verdict(started_later) == "allow"


async def test_altered_rows_deny_everything_to_that_tenant_alone(revisions: PolicyRevisions, db: Database) -> None:
    draft = await reviewed(revisions)
    await revisions.activate(FAY, draft.id, draft.content_hash)
    forged = store.dumps(dict(files(rule("all"))))

    def forge(tx: Transaction) -> None:
        tx.connection.execute(update(store.DRAFTS).where(store.DRAFTS.c.id == draft.id).values(files=forged))

    db.write_now(forge)
    elsewhere = service()
    await PolicyWatcher(db, elsewhere).load()
    decided = elsewhere.decide(ask({"amount": "5"}))
    assert decided.verdict == "deny"
    assert "not those that were reviewed" in decided.reasons[0].sentence
    assert verdict(elsewhere, "5", tenant="other") == "allow"


async def test_a_policy_that_no_longer_lints_denies_and_does_not_stop_the_others(
    revisions: PolicyRevisions, db: Database
) -> None:
    draft = await reviewed(revisions)
    await revisions.activate(FAY, draft.id, draft.content_hash)
    elsewhere = PolicyService(service().snapshot, catalogue={})
    await PolicyWatcher(db, elsewhere).load()
    decided = elsewhere.decide(ask({"amount": "5"}))
    assert decided.reasons[0].message_id == "policy.broken"
    assert "matches no known tool" in decided.reasons[0].sentence
    assert verdict(elsewhere, "5", tenant="other") == "allow"


def test_reloading_while_deciding_never_flips_or_blocks() -> None:
    """Two revisions that agree on these requests, swapped without pause: no decision may differ or take a pause."""
    one = compile_policy("acme", files(SMALL, rule("x", tool="a.b")), MODEL)
    other = compile_policy("acme", files(rule("y", tool="c.d"), SMALL), MODEL)
    policies = PolicyService(Snapshot({"acme": one}, MODEL))
    wrong: list[Any] = []
    done = threading.Event()
    decided = [0, 0]

    def decide(slot: int) -> None:
        small, large = ask({"amount": "5"}), ask({"amount": "500"})
        while not done.is_set():
            answers = policies.decide(small), policies.decide(large)
            if [answer.verdict for answer in answers] != ["allow", "deny"]:
                wrong.append(answers)
            if not {answer.policy_revision for answer in answers} <= {one.revision, other.revision}:
                wrong.append(answers)
            decided[slot] += 1

    threads = [threading.Thread(target=decide, args=(slot,)) for slot in (0, 1)]
    for thread in threads:
        thread.start()
    for counter in range(1, 401):
        policies.put_in_force((one, other)[counter % 2], counter=counter)
        if counter % 50 == 0:
            compile_policy("acme", files(SMALL, *(rule(f"n{n}", tool=f"t.n{n}") for n in range(20))), MODEL)
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert min(decided) > 100
    policies.put_in_force(other, counter=3)
    assert policies.revision("acme") == one.revision, "an older activation never replaces a newer one"


async def test_a_draft_deletes_a_file(revisions: PolicyRevisions) -> None:
    draft = await revisions.draft(ROOT, "With a case", {"cases/one.yaml": CASE})
    assert "cases/one.yaml" in draft.files
    without = await revisions.change(ROOT, draft.id, draft.content_hash, files={"acme/cases/one.yaml": None})
    assert "cases/one.yaml" not in without.files
    with pytest.raises(BadInput, match="not there"):
        await revisions.change(ROOT, draft.id, without.content_hash, files={"cases/one.yaml": None})
    with pytest.raises(BadPolicy, match=r"rules\.yaml:1: is missing"):
        await revisions.draft(ROOT, "Without rules", {"rules.yaml": None})
