"""What is on disk beside what is in force."""

from __future__ import annotations

from pathlib import Path

import pytest

from chargehand.policy.service import PolicyService
from fixtures.policy import MODEL, files, rule


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.conf").write_text(MODEL, encoding="utf-8")
    write(tmp_path, files(rule("one", "args.amount <= 5")))
    return tmp_path


def write(folder: Path, documents: dict[str, str]) -> None:
    for name, text in documents.items():
        path = folder / "acme" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())


def differs(policies: PolicyService) -> tuple[str, ...]:
    found = policies.on_disk("acme")
    assert found is not None
    assert (found.revision == policies.revision("acme")) == (not set(found.differs) - {"cases/new.yaml"})
    return found.differs


def test_what_was_just_read_is_the_same_and_line_ends_do_not_count(folder: Path) -> None:
    policies = PolicyService.from_folder(folder)
    assert differs(policies) == ()
    write(folder, {name: text.replace("\n", "\r\n") for name, text in files(rule("one", "args.amount <= 5")).items()})
    assert differs(policies) == ()


def test_changed_added_and_missing_files_are_named(folder: Path) -> None:
    policies = PolicyService.from_folder(folder)
    write(folder, {"rules.yaml": rule("one", "args.amount <= 6"), "cases/new.yaml": "[]"})
    assert differs(policies) == ("cases/new.yaml", "rules.yaml")
    (folder / "acme" / "approvals.yaml").unlink()
    assert differs(policies) == ("approvals.yaml", "cases/new.yaml", "rules.yaml")


def test_a_model_that_changed_or_a_file_that_can_not_be_read_differs(folder: Path) -> None:
    policies = PolicyService.from_folder(folder)
    (folder / "model.conf").write_text(MODEL + "\n# changed", encoding="utf-8")
    (folder / "acme" / "roles.yaml").write_bytes(b"\xff\xfe\xff")
    assert differs(policies) == ("roles.yaml", "../model.conf")


def test_a_policy_from_the_database_differs_from_its_files(folder: Path) -> None:
    policies = PolicyService.from_folder(folder)
    policies.put_in_force(policies.compile("acme", files(rule("one", "args.amount <= 7"))), counter=2)
    assert differs(policies) == ("rules.yaml",)


def test_a_folder_that_is_gone_differs_in_everything(folder: Path) -> None:
    policies = PolicyService.from_folder(folder)
    for path in (folder / "acme").iterdir():
        path.unlink()
    (folder / "acme").rmdir()
    found = policies.on_disk("acme")
    assert found is not None
    assert (found.revision, set(found.differs)) == ("", set(files()))
