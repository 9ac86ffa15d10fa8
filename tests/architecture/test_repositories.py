"""Questions to tenant tables name the organisation first."""

import ast
import importlib

import pytest

from app.db.base import Base
from app.db.columns import Tenant
from tests.architecture import source

# A person's own rows, and what is looked up before an organisation is known.
WITHOUT_ORG = {
    "for_user",
    "for_token",
    "owned_by",
}


def _tenant_models() -> set[str]:
    importlib.import_module("app.models")
    return {mapper.class_.__name__ for mapper in Base.registry.mappers if issubclass(mapper.class_, Tenant)}


def _methods() -> list[tuple[str, source.Function]]:
    """Every public method of a repository that names a tenant model."""
    models = _tenant_models()
    found = []
    for module in source.app_sources():
        if module.path.stem not in {"repo", "cached_repo"} and module.path.parent.name != "repo":
            continue
        for repository in module.classes:
            for method in repository.body:
                if not isinstance(method, source.Function) or method.name.startswith("_"):
                    continue
                names = {node.id for node in ast.walk(method) if isinstance(node, ast.Name)}
                if names & models:
                    found.append((f"{module.name}:{repository.name}.{method.name}", method))
    return found


def test_tenant_models_are_known():
    assert "OrgMember" in _tenant_models()


@pytest.mark.parametrize(("where", "method"), _methods(), ids=[where for where, _ in _methods()])
def test_methods_take_the_organisation_first(where, method):
    arguments = [argument.arg for argument in method.args.args if argument.arg not in {"self", "cls"}]
    assert method.name in WITHOUT_ORG or arguments[:1] == ["org_id"], where


def test_models_are_never_loaded_by_surprise():
    importlib.import_module("app.models")
    eager = [
        f"{mapper.class_.__name__}.{relation.key}"
        for mapper in Base.registry.mappers
        for relation in mapper.relationships
        if relation.lazy not in {"raise", "raise_on_sql"}
    ]
    assert eager == []
