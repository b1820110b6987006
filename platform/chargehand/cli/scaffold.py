"""Write a project, or an agent into one, from the templates beside this module. Never over a file that exists.

In a template `$name` is replaced, and in its path `__name__`; the ending `.tmpl` falls away.
"""

from __future__ import annotations

import keyword
import re
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from string import Template

import chargehand
from chargehand.cli.failure import NOT_DONE, USAGE, CommandFailed
from chargehand.errors import BadPolicy

TEMPLATES = Path(__file__).parent / "templates"
ENTRY_POINTS = "chargehand.agents"
RULES = Path("policies/demo/rules.yaml")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Project:
    """A project of a customer's: its folder, and the package whose folders are agents."""

    folder: Path
    package: str

    def source(self) -> Path:
        """The package's folder."""
        under_src = self.folder / "src" / self.package
        return under_src if under_src.is_dir() else self.folder / self.package


def new_project(folder: Path) -> list[Path]:
    """A project with policies and without an agent; the files that were written.

    Raises:
        CommandFailed: the folder's name is no name for a package, or one of the files exists.
    """
    name = re.sub(r"[\s_.]+", "-", folder.resolve().name.lower())
    check_name(name, "The folder")
    values = {"project": name, "package": module_of(name), "version": version("chargehand")}
    return _write(TEMPLATES / "project", folder, values, more=_reviewed())


def new_agent(project: Project, name: str) -> list[Path]:
    """An agent with test, README, rules and expected decisions; the files that were written or added to.

    Raises:
        CommandFailed: the name can't be one, one of the files exists, or the policy would not be right afterwards.
    """
    check_name(name, "An agent")
    module = module_of(name)
    values = {"agent": name, "module": module, "package": project.package, "title": name.replace("-", " ").capitalize()}
    rules = project.folder / RULES
    if not rules.is_file():
        raise CommandFailed(
            f"There is no {RULES} in {project.folder}.", code=USAGE, way_out="Start with chargehand init."
        )
    before = rules.read_text("utf-8")
    after = before.rstrip("\n") + "\n" + _fill(TEMPLATES / "agent" / "rules.yaml.tmpl", values)
    _check_policy(rules.parent, after)
    written = _write(TEMPLATES / "agent", project.folder, values, leave_out=("rules.yaml",))
    rules.write_text(after, "utf-8")
    return [*written, rules]


def find_project(start: Path) -> Project:
    """The project that a folder is in. Raises CommandFailed when there is none."""
    for folder in (start.resolve(), *start.resolve().parents):
        file = folder / "pyproject.toml"
        if file.is_file():
            points = tomllib.loads(file.read_text("utf-8")).get("project", {}).get("entry-points", {})
            packages = list(points.get(ENTRY_POINTS, {}).values())
            if packages and Project(folder, packages[0]).source().is_dir():
                return Project(folder, packages[0])
    raise CommandFailed(
        f"{start.resolve()} is in no project with agents.", code=USAGE, way_out="Make one: chargehand init FOLDER."
    )


def module_of(name: str) -> str:
    """`order-answer` → `order_answer`."""
    return name.replace("-", "_")


def check_name(name: str, what: str) -> None:
    """Raises CommandFailed for what can't be the name of an agent, a package and a rule."""
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise CommandFailed(
            f"{what} can't be named {name!r}.", code=USAGE, way_out="Use lower-case words joined by '-'."
        )


def _write(
    templates: Path,
    folder: Path,
    values: Mapping[str, str],
    *,
    leave_out: tuple[str, ...] = (),
    more: Mapping[Path, Path] | None = None,
) -> list[Path]:
    """Fill the templates in; all of them or, where a file is in the way, none."""
    planned: dict[Path, str] = {}
    for template in sorted(templates.rglob("*.tmpl")):
        place = str(template.relative_to(templates)).removesuffix(".tmpl").replace("gitignore", ".gitignore")
        if place in leave_out:
            continue
        for name, value in values.items():
            place = place.replace(f"__{name}__", value)
        planned[folder / place] = _fill(template, values)
    copied = {folder / place: source for place, source in (more or {}).items()}
    taken = sorted(str(place) for place in (*planned, *copied) if place.exists())
    if taken:
        raise CommandFailed(
            f"Nothing was written: {', '.join(taken)} would be overwritten.",
            code=NOT_DONE,
            way_out="Choose another name, or move what is there.",
        )
    for place, text in planned.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")
    for place, source in copied.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)
    return [*planned, *copied]


def _fill(template: Path, values: Mapping[str, str]) -> str:
    return Template(template.read_text("utf-8")).substitute(values)


def _reviewed() -> dict[Path, Path]:
    """The policy model and the reviewed tool definitions that come with us, by their place in a project."""
    home = Path(chargehand.__file__).parent
    policies = next(
        place for place in (home / "_policies", home.parents[1] / "policies") if (place / "model.conf").is_file()
    )
    files = [policies / "model.conf", *sorted((policies / "pins").glob("*.json"))]
    return {Path("policies") / file.relative_to(policies): file for file in files}


def _check_policy(tenant: Path, rules: str) -> None:
    """Whether the tenant's policy would still compile. Raises CommandFailed."""
    from chargehand.policy.compiling import MODEL, compile_policy

    documents = {str(file.relative_to(tenant)): file.read_text("utf-8") for file in tenant.rglob("*.yaml")}
    try:
        compile_policy(tenant.name, documents | {RULES.name: rules}, (tenant.parent / MODEL).read_text("utf-8"))
    except (BadPolicy, OSError) as error:
        raise CommandFailed(
            f"Nothing was written: with the new rules the policy would not be right: {error}",
            code=NOT_DONE,
            way_out="Mend the policy first; chargehand policy check says what is wrong.",
        ) from None
