"""What every list page of an organisation asks for, kept in Redis under the organisation's counts of changes."""

from typing import Any
from uuid import UUID

from app.db.cached import read_through
from app.orgs.repo.saved_views import SavedViewRepo
from app.web.saved import SavedView


class CachedSavedViewRepo:
    """Answers as SavedViewRepo does, with the views as one person sees them."""

    def __init__(self, repo: SavedViewRepo | None = None) -> None:
        self._repo = repo or SavedViewRepo()

    def for_list(self, org_id: UUID, user_id: UUID, name: str, generation: int) -> tuple[SavedView, ...]:
        """A person's own views of a list and those shared with them; `generation` is the `views_generation`."""

        def build() -> list[dict[str, Any]]:
            return [
                {
                    "id": str(view.id),
                    "name": view.name,
                    "pairs": view.params,
                    "shared": view.shared,
                    "own": view.user_id == user_id,
                    "default": view.is_default and view.user_id == user_id,
                }
                for view in self._repo.for_list(org_id, user_id, name)
            ]

        kept = read_through(org_id, f"views:v1:{user_id}:{name}", generation, build)
        return tuple(
            SavedView(
                **{**row, "id": UUID(row["id"]), "pairs": tuple((key, value) for key, value in row["pairs"])}
            )
            for row in kept
        )
