"""The search in knowledge bases."""

from flask import Blueprint, Response

from app.api.schemas.knowledge import QUERY, KnowledgeResult, knowledge_result, read_question
from app.api.schemas.operations import Operation, operation
from app.api.schemas.strict import answer
from app.knowledge.embedders.registry import EmbeddingFailed, ModelMissing
from app.knowledge.services.retrieval import search
from app.web.access import api_scope
from app.web.errors import Refusal
from app.web.identity import require_caller

bp = Blueprint("api_knowledge", __name__, url_prefix="/api/v1/knowledge")


@bp.get("/search")
@api_scope("knowledge:read")
@operation(Operation("Search in knowledge bases", KnowledgeResult, query=QUERY, refusals=(404, 424, 503)))
def index() -> Response:
    """The passages that answer `q` best, by likeness and by words.

    If a base's embedding model does not answer, `notices` says so, and its passages are searched by words; 424 if only
    likeness is asked for.
    """
    question = read_question()
    try:
        return answer(knowledge_result(search(require_caller().org.org_id, question)))
    except EmbeddingFailed as error:
        raise Refusal(424, f"Likeness could not be searched: {error}") from error
    except ModelMissing as error:
        raise Refusal(503, str(error)) from error
