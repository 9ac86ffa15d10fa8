"""What the application consists of."""

import click
import orjson
from flask import current_app
from flask.cli import with_appcontext

from app.web.access import access_of


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@with_appcontext
def routes(*, as_json: bool) -> None:
    """Print every route with its methods, endpoint and access rule."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - LocalProxy
    found = [
        {
            "path": rule.rule,
            "methods": sorted(set(rule.methods or ()) - {"HEAD", "OPTIONS"}),
            "endpoint": rule.endpoint,
            "access": str(access_of(app, rule.endpoint)),
        }
        for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint))
    ]
    if as_json:
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return
    for route in found:
        click.echo(
            f"{','.join(route['methods']):10} {route['path']:60} {route['endpoint']:40} {route['access']}"
        )
