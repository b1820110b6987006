"""A case: what an agent is given, what systems and models answered, what people did, and what is expected of it.

One YAML file each, written by hand or by `chargehand agents record`, meant to be read in a review. The same file is
replayed by tests, judged by `chargehand agents evaluate` and played on two versions by `chargehand agents compare`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Self, cast

import yaml
from langchain_core.messages import AIMessage, message_to_dict
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from chargehand.errors import BadInput
from chargehand.models.model import ModelAnswer, Usage
from chargehand.outcome import FailureKind
from chargehand.policy.model import Verdict

FORMAT = 1
ENDING = ".yaml"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RecordedFailure(_Part):
    """A clear no of the system."""

    kind: FailureKind
    detail: str = ""


class RecordedCall(_Part):
    """A call that reached a system. Exactly one of `answer` and `failure`, unless no try was answered.

    `unreached` tries before it did not get there; `unclear` ones got no clear answer, and the effect was there.
    """

    tool: str
    arguments: dict[str, Any] = Field(default_factory=dict[str, Any])
    answer: Any = None
    failure: RecordedFailure | None = None
    unreached: int = Field(default=0, ge=0)
    unclear: int = Field(default=0, ge=0)


class Question(_Part):
    """What a model was asked: each message by who said it, the names of its tools, and a hash of all other terms.

    The terms are the tools' schemas, the form of the answer, temperature and stops: texts too long to read here.
    """

    tier: str = ""
    messages: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])
    tools: list[str] = Field(default_factory=list[str])
    terms: str = ""


class ModelLine(_Part):
    """What a model said, and what it used. `cost` is a decimal text; None: its price is not known.

    Without `asked` the line answers whatever is asked next. `after` is how many of the calls had been made before.
    """

    asked: Question | None = None
    after: int = Field(default=0, ge=0)
    text: str = ""
    tool_calls: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])
    model: str = "recorded"
    tokens_in: int = 0
    tokens_out: int = 0
    cost: str | None = None
    currency: str = "USD"

    @classmethod
    def of(
        cls,
        message: Mapping[str, Any],
        usage: Mapping[str, Any],
        *,
        asked: Question | None = None,
        after: int = 0,
    ) -> ModelLine:
        """From LangChain's message as a dict, and a usage as events tell it."""
        data: Mapping[str, Any] = message.get("data", message)
        content = data.get("content", "")
        parts = cast("list[Any]", content) if isinstance(content, list) else [{"text": content}]
        text = "".join(str(cast("Any", one).get("text", "")) if isinstance(one, dict) else str(one) for one in parts)
        calls = [{name: one[name] for name in ("name", "args", "id")} for one in data.get("tool_calls") or ()]
        known = {
            name: usage[name] for name in ("model", "tokens_in", "tokens_out", "cost", "currency") if name in usage
        }
        return cls(asked=asked, after=after, text=text, tool_calls=calls, **known)

    def answer(self) -> ModelAnswer:
        message = AIMessage(self.text, tool_calls=[{**one, "type": "tool_call"} for one in self.tool_calls])
        cost = None if self.cost is None else Decimal(self.cost)
        return ModelAnswer(
            message_to_dict(message), Usage(self.model, self.tokens_in, self.tokens_out, cost, self.currency)
        )


class PersonStep(_Part):
    """One thing that happens from outside, in order: exactly one of the fields but `by` and `comment`.

    `approve` and `reject` name the tool whose call is asked about, `answer` is what a person's form holds, `wait` a
    time such as `2d` that passes, `event` an event's name with `payload`.
    """

    approve: str = ""
    reject: str = ""
    answer: Any = None
    wait: str = ""
    event: str = ""
    payload: Any = None
    by: str = "amy"
    comment: str = ""

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [
            name for name in ("approve", "reject", "answer", "wait", "event") if getattr(self, name) not in ("", None)
        ]
        if len(given) != 1:
            raise ValueError(f"exactly one of approve, reject, answer, wait, event; there are {given or 'none'}")
        return self


class Limits(_Part):
    """What the run may use at most."""

    calls: int | None = None
    model_calls: int | None = None
    tokens: int | None = None
    cost: Decimal | None = Field(default=None, description="In the currency of the models' prices")
    days: float | None = Field(default=None, description="From start to end, as the run counts time")


class Expected(_Part):
    """What must hold. What is not said is not checked; lists are in order and complete."""

    state: Literal["succeeded", "failed", "stopped"] | None = "succeeded"
    result: Any = Field(default=None, description="Fields that the result must have, with these values")
    decisions: dict[str, list[Verdict]] | None = Field(default=None, description="By tool, one for each call")
    approvals: dict[str, list[str]] | None = Field(default=None, description="By tool, how each ended")
    effects: dict[str, int] | None = Field(default=None, description="By tool, how many; one not named: none")
    nodes: list[str] | None = Field(default=None, description="Paths, in the order in which they started")
    never: list[str] = Field(default_factory=list[str], description="Tools that must not be proposed at all")
    limits: Limits = Limits()


class Case(_Part):
    """See the module. `name` is the file's; `strict`: a call that is not recorded, or otherwise, fails it."""

    format: Literal[1] = FORMAT
    name: str = ""
    about: str = ""
    agent: str = ""
    version: str = Field(default="", description="The agent's version that was recorded")
    recorded_at: str = ""
    by: str = "amy"
    input: dict[str, Any] = Field(default_factory=dict[str, Any])
    people: list[PersonStep] = Field(default_factory=list[PersonStep])
    calls: list[RecordedCall] = Field(default_factory=list[RecordedCall])
    model: list[ModelLine] = Field(default_factory=list[ModelLine])
    expect: Expected = Expected()
    strict: bool = True


def load_case(file: Path) -> Case:
    """Raises BadInput that names file and field."""
    try:
        given = yaml.safe_load(file.read_text("utf-8"))
        case = Case.model_validate(given if given is not None else {})
    except yaml.YAMLError as error:
        raise BadInput(f"this is not YAML: {error}", field=str(file)) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{where}: {first['msg']}", field=str(file), value=first.get("input")) from None
    except OSError as error:
        raise BadInput(f"the case can't be read: {error.strerror}", field=str(file)) from None
    return case.model_copy(update={"name": case.name or file.stem})


def load_cases(folder: Path) -> list[Case]:
    """Every case of a folder and its subfolders, by path. Raises BadInput: one can't be read, or there is none."""
    files = [folder] if folder.is_file() else sorted(folder.rglob(f"*{ENDING}"))
    if not files:
        raise BadInput(
            "there are no cases", field=str(folder), way_out="Record one: chargehand agents record RUN --to FILE."
        )
    return [load_case(file) for file in files]


def save_case(case: Case, file: Path) -> None:
    """Write it, whole or not at all."""
    given = case.model_dump(mode="json", exclude_defaults=True)
    given.pop("name", None)
    text = yaml.dump({"format": FORMAT, **given}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.new")
    draft.write_text(text, "utf-8")
    draft.replace(file)


class _Dumper(yaml.SafeDumper):
    """Long texts as blocks, so that a mail can be read."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)
