"""`migrate-safe explain`."""

from __future__ import annotations

import click

from migrate_safe.app.explain import explain, explain_all

EXAMPLES = """\b
Examples:
  migrate-safe explain                          all rules
  migrate-safe explain index-not-concurrent     one rule: harm, examples, safe rewrite, versions, manual
"""


@click.command("explain", epilog=EXAMPLES)
@click.argument("rule", required=False)
def command(rule: str | None) -> None:
    """Explain a lint rule: what it does to whom, examples, and what to write instead. Works offline."""
    click.echo(explain_all() if rule is None else explain(rule), nl=False)
