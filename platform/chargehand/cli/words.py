"""Words of models while they are written: on a terminal as they come, elsewhere in whole lines."""

from __future__ import annotations

from dataclasses import dataclass, field

from chargehand.cli.show import clean, out
from chargehand.runs.views import RunTextView, Step

_JOINERS = "\u200c\u200d"
"""Not printable by themselves; scripts and pictures are written with them."""


@dataclass(slots=True)
class _Call:
    """What one model call has said: `line` is what is not printed yet, as its line has not ended."""

    step: str
    attempt: int
    line: str = ""


@dataclass(slots=True)
class Words:
    """Owned by the command that follows a run. Calls that speak at once take turns, each on lines of its own."""

    live: bool = field(default_factory=lambda: out.is_terminal)
    _calls: dict[int, _Call] = field(default_factory=dict[int, _Call])
    _speaks: int | None = None

    def hear(self, piece: RunTextView) -> None:
        """The next words of a call; those that the viewer may not see are nothing to print."""
        if piece.text is None:
            return
        call = self._calls.get(piece.position)
        if call is None or call.attempt != piece.attempt:
            if call is not None:
                self._end(piece.position)
                out.print(f"  [dim]{clean(call.step)}: begins anew[/]")
            call = self._calls[piece.position] = _Call(piece.step, piece.attempt)
        text = printable(piece.text)
        if self.live:
            self._say(piece.position, call, text)
        else:
            *whole, call.line = (call.line + text).split("\n")
            for line in whole:
                self._line(call, line)
        if piece.left_out:
            self._end(piece.position)
            out.print(f"  [dim]{clean(call.step)}: … and {piece.left_out} characters more[/]")

    def step(self, step: Step) -> None:
        """Something happened: it is told on a line of its own. A model that has answered has ended its last line."""
        self.pause()
        if step.position is not None and step.state != "running":
            self._end(step.position)
            self._calls.pop(step.position, None)

    def pause(self) -> None:
        """What is printed next begins a line."""
        if self._speaks is not None:
            self._write("\n")
            self._speaks = None

    def end(self) -> None:
        """Nothing follows any more."""
        self.pause()
        for position in list(self._calls):
            self._end(position)

    def _say(self, position: int, call: _Call, text: str) -> None:
        if self._speaks != position:
            self.pause()
            self._label(call)
            self._speaks = position
        first, *more = text.split("\n")
        self._write(first)
        for line in more:
            self._write("\n")
            self._label(call)
            self._write(line)

    def _end(self, position: int) -> None:
        call = self._calls.get(position)
        if call is not None and call.line:
            self._line(call, call.line)
            call.line = ""
        if self._speaks == position:
            self.pause()

    def _line(self, call: _Call, line: str) -> None:
        self._label(call)
        self._write(f"{line}\n")

    @staticmethod
    def _label(call: _Call) -> None:
        out.print(f"  [dim]{clean(call.step)}:[/] ", end="")

    @staticmethod
    def _write(text: str) -> None:
        out.file.write(text)
        out.file.flush()


def printable(text: str) -> str:
    """A text that moves no cursor: lines and tabs stay, what else is not printable is replaced."""
    return "".join(one if one.isprintable() or one in "\n\t" or one in _JOINERS else "�" for one in text)
