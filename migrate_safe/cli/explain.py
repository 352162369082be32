"""`migrate-safe explain`."""

from __future__ import annotations

from pathlib import Path

import click

from migrate_safe.adapters.config import load_config
from migrate_safe.app.explain import explain, explain_all
from migrate_safe.cli.options import config_option

EXAMPLES = """\b
Examples:
  migrate-safe explain                          all rules
  migrate-safe explain index-not-concurrent     one rule: harm, examples, safe rewrite, versions, manual
  migrate-safe explain --rules db/rules names   one of your own
"""


@click.command("explain", epilog=EXAMPLES)
@click.argument("rule", required=False)
@click.option(
    "--rules",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder with rules of your own, beside those of the tool.  [default: that of the settings]",
)
@config_option()
def command(rule: str | None, rules: Path | None, config: Path | None) -> None:
    """Explain a lint rule: what it does to whom, examples, and what to write instead. Works offline."""
    settings = load_config(config)
    own = rules or (settings.folder / settings.rules if settings.rules else None)
    click.echo(explain_all(own) if rule is None else explain(rule, own), nl=False)
