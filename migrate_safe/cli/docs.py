"""The generated half of the docs: a page for each rule, the hazards that they cover, and every command's help.

`python -m migrate_safe.cli.docs --write` writes them in a checkout, `--check` says which ones are out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import click
import yaml

from migrate_safe.cli.main import COMMANDS, build_group, load_command
from migrate_safe.model.errors import Exit, UsageError
from migrate_safe.report.coverage import Hazards, coverage_page
from migrate_safe.report.frameworks import frameworks_page
from migrate_safe.report.rules import rule_index, rule_page
from migrate_safe.rulebook.load import load_rules

WIDTH = 100
DOCS = Path(__file__).parents[2] / "docs"


def pages() -> Mapping[str, str]:
    """Give every generated page by its path below docs/."""
    rules = load_rules()
    found = {f"rules/{rule.id}.md": rule_page(rule) for rule in rules}
    found["rules/README.md"] = rule_index(rules, links=True)
    found["frameworks.md"] = frameworks_page()
    return {**found, "rules/coverage.md": coverage_page(rules, read_hazards()), "cli.md": commands_page()}


def read_hazards() -> Hazards:
    """Read the hazards that rules are about, or not."""
    said = yaml.safe_load((DOCS / "rules" / "hazards.yaml").read_text(encoding="utf-8"))
    return Hazards(said["groups"], said["hazards"], said["out"])


def commands_page() -> str:
    """Write the help of every command as Markdown."""
    group = build_group()
    parent = click.Context(group, info_name="migrate-safe", **group.context_settings)
    blocks = ["# Commands", _code(_help(group, parent))]
    for name, module, _ in COMMANDS:
        try:
            command = load_command(name, module)
        except UsageError:
            continue  # not part of this build
        blocks += [f"## {name}", _code(_help(command, click.Context(command, info_name=name, parent=parent)))]
    return "\n\n".join(blocks) + "\n"


def outdated(folder: Path = DOCS) -> tuple[str, ...]:
    """Name the pages that are missing, differ, or belong to a rule that is gone."""
    wanted = pages()
    stale = [f"rules/{f.name}" for f in (folder / "rules").glob("*.md") if f"rules/{f.name}" not in wanted]
    differing = [name for name, text in wanted.items() if _read(folder / name) != text]
    return tuple(sorted(stale + differing))


def write(folder: Path = DOCS) -> None:
    """Write every page, and remove those of rules that are gone."""
    wanted = pages()
    for name in outdated(folder):
        path = folder / name
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[name], encoding="utf-8")
        else:
            path.unlink()


@click.command()
@click.option("--check/--write", default=True, help="Only say what is out of date, or bring it up to date.")
def command(check: bool) -> None:
    """Check or write the generated pages of the docs."""
    if not check:
        write()
        return
    for name in (stale := outdated()):
        click.echo(f"docs/{name} is out of date", err=True)
    if stale:
        click.echo("  next: python -m migrate_safe.cli.docs --write", err=True)
        sys.exit(Exit.FAILED)


def _help(found: click.Command, context: click.Context) -> str:
    context.terminal_width = context.max_content_width = WIDTH
    return "\n".join(line.rstrip() for line in found.get_help(context).splitlines())


def _code(text: str) -> str:
    return f"```text\n{text}\n```"


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    command()
