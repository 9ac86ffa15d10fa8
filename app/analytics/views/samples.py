"""Sample data for an organisation that has nothing yet."""

from flask import Blueprint, Response, url_for

from app.analytics.services.samples import NotVacant, fill_vacant
from app.db.session import transaction
from app.web.access import org_right
from app.web.errors import Refusal
from app.web.identity import require_org
from app.web.render import leave, toast

bp = Blueprint("samples", __name__)


@bp.post("/o/<org>/samples")
@org_right("settings.manage")
def create(org: str) -> Response:
    """Add agents and threads to look at."""
    try:
        with transaction():
            added = fill_vacant(require_org().org_id)
    except NotVacant:
        raise Refusal(
            409, "There are agents or threads here already. Sample data is for organisations that have none."
        ) from None
    toast(f"{added.agents} sample agents and {added.threads} sample threads added.")
    return leave(url_for("home.show", org=org))
