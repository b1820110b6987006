"""Every error that leaves a room of the house.

ChargehandError
├── BadInput            the caller can mend it: names the field, the value and the way out   422
│   ├── BadSettings     a setting is missing or wrong
│   └── BadPolicy       a rule does not lint
├── NotSignedIn         no or no valid credential                                            401
├── Forbidden           signed in, and not allowed                                           403
│   └── Quarantined     the tool's definition is not the one that was reviewed
├── NotFound            nothing by that name in this tenant                                  404
├── Conflict            it changed after you looked, or was already decided                  409
│   └── Duplicate       it exists already, or its key was used for something else
├── TooMany             slow down: too many attempts; says when to try again              429
├── Unavailable         something that we need does not answer; try again                    503
│   ├── DatabaseUnavailable
│   ├── AuditUnavailable      the log can't be written, so nothing may be called
│   ├── ConnectorUnavailable  provably not sent
│   └── RuntimeUnavailable    Temporal does not answer
├── Ambiguous           a request left and no answer came: never the same as failed           502
└── CallNotDone         a tool call ended without effect or unknown; an author may catch it
    ├── CallDenied
    ├── CallRejected
    ├── CallExpired
    ├── CallFailed
    └── CallInDoubt
"""

from __future__ import annotations

from typing import Any, ClassVar


class ChargehandError(Exception):
    """Base of all: `code` for programs, `status` for HTTP, the message for people."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong"

    def __init__(self, detail: str, *, way_out: str = "") -> None:
        super().__init__(detail if not way_out else f"{detail} {way_out}")
        self.detail = detail
        self.way_out = way_out

    def problem(self) -> dict[str, Any]:
        """The error as an RFC 9457 problem document, without `instance`."""
        document: dict[str, Any] = {
            "type": f"urn:chargehand:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.way_out:
            document["way_out"] = self.way_out
        return document


class BadInput(ChargehandError):
    """The caller can mend it.

    `field` is a path such as `arguments.amount`; `value` is shown as given, shortened.
    """

    code = "bad-input"
    status = 422
    title = "That input can't be used"

    def __init__(self, detail: str, *, field: str = "", value: object = None, way_out: str = "") -> None:
        shown = _short(value)
        where = f"{field} = {shown}: " if field and value is not None else f"{field}: " if field else ""
        super().__init__(f"{where}{detail}", way_out=way_out)
        self.field = field
        self.value = value

    def problem(self) -> dict[str, Any]:
        document = super().problem()
        if self.field:
            document["errors"] = [{"field": self.field, "value": _short(self.value), "detail": self.detail}]
        return document


class BadSettings(BadInput):
    code = "bad-settings"
    title = "A setting is missing or wrong"


class BadPolicy(BadInput):
    """`problems` are `policy.model.Problem`s, one for each mistake with its file and line."""

    code = "bad-policy"
    title = "A policy does not lint"

    def __init__(
        self,
        detail: str,
        *,
        field: str = "",
        value: object = None,
        way_out: str = "",
        problems: tuple[Any, ...] = (),
    ) -> None:
        super().__init__(detail, field=field, value=value, way_out=way_out)
        self.problems = problems

    def problem(self) -> dict[str, Any]:
        document = super().problem()
        if self.problems:
            document["errors"] = [{"field": f"{one.file}:{one.line}", "detail": str(one)} for one in self.problems]
        return document


class NotSignedIn(ChargehandError):
    code = "not-signed-in"
    status = 401
    title = "Sign in first"


class Forbidden(ChargehandError):
    code = "forbidden"
    status = 403
    title = "You may not do that"


class Quarantined(Forbidden):
    """Nothing was sent: the live definition differs from the pin, or there is no pin."""

    code = "quarantined"
    title = "This tool is quarantined"


class NotFound(ChargehandError):
    code = "not-found"
    status = 404
    title = "Not found"


class Conflict(ChargehandError):
    code = "conflict"
    status = 409
    title = "It changed after you looked"


class Duplicate(Conflict):
    code = "duplicate"
    title = "It exists already"


class TooMany(ChargehandError):
    """Too many attempts. `retry_after_seconds` becomes HTTP's Retry-After."""

    code = "too-many"
    status = 429
    title = "Too many attempts"

    def __init__(self, detail: str, *, retry_after_seconds: int, way_out: str = "") -> None:
        super().__init__(detail, way_out=way_out)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(ChargehandError):
    code = "unavailable"
    status = 503
    title = "Not available right now"


class DatabaseUnavailable(Unavailable):
    code = "database-unavailable"


class AuditUnavailable(Unavailable):
    code = "audit-unavailable"


class ConnectorUnavailable(Unavailable):
    """The connector was provably not reached: no byte of the request left."""

    code = "connector-unavailable"


class RuntimeUnavailable(Unavailable):
    code = "runtime-unavailable"


class Ambiguous(ChargehandError):
    """A request may or may not have taken effect: time-out, reset, truncated or unreadable answer."""

    code = "ambiguous"
    status = 502
    title = "No clear answer"


class CallNotDone(ChargehandError):
    """A tool call ended without a result. `call_key` finds it in the action log.

    `instead`: other arguments that the person who said no suggests. A call with them is a new one, decided afresh.
    """

    code = "call-not-done"
    status = 409
    title = "The call was not done"

    def __init__(
        self,
        detail: str,
        *,
        tool: str = "",
        call_key: str = "",
        kind: str = "",
        way_out: str = "",
        instead: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(detail, way_out=way_out)
        self.tool = tool
        self.call_key = call_key
        self.kind = kind
        self.instead = instead


class CallDenied(CallNotDone):
    code = "call-denied"


class CallRejected(CallNotDone):
    code = "call-rejected"


class CallExpired(CallNotDone):
    code = "call-expired"


class CallFailed(CallNotDone):
    code = "call-failed"


class CallInDoubt(CallNotDone):
    code = "call-in-doubt"


def _short(value: object, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
