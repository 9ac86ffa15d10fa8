"""`flask knowledge`: files into a knowledge base, a search in it, and how good searches are."""

import importlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from flask.cli import AppGroup, with_appcontext

from app.commands.running import OPERATOR, enter, operating
from app.db.scope import use_scope
from app.db.session import transaction
from app.knowledge.embedders.registry import EmbeddingFailed
from app.knowledge.readers.document import Unreadable
from app.knowledge.repo.bases import KnowledgeBasesRepo
from app.knowledge.scoring import Unusable, read_collection
from app.knowledge.services.bases import create_base
from app.knowledge.services.retrieval import KINDS, MOST, Found, Question, search
from app.orgs.repo.orgs import OrgRepo
from app.web.outbound import OutboundFailed, OutboundRefused

knowledge = AppGroup("knowledge", help="Knowledge bases.")

AWAY = "what was stored until now stays; run the command again to go on"
SHOWN = 300
"""Characters of a passage that are printed."""


@knowledge.command("ingest")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--base", "name", required=True, help="The knowledge base; it is created if there is none.")
@click.option("--org", "slug", required=True, help="The organisation (the word after /o/).")
@click.pass_context
@with_appcontext
def ingest(context: click.Context, *, path: Path, name: str, slug: str) -> None:
    """Bring the file PATH, or every file in the folder PATH, into a knowledge base, without a worker.

    A file whose name the base has replaces the content of that one; unchanged ones cost nothing. What cannot be read
    is listed with the reason, and the rest brought in. Exits with 1 if something was left out.
    """
    with operating(AWAY):
        org_id = enter(slug)
        base_id = _base(org_id, name, create=True)
        failed = [entry for entry in _files(path) if not _bring_in(org_id, base_id, *entry)]
    context.exit(1 if failed else 0)


@knowledge.command("crawl")
@click.argument("url")
@click.option("--base", "name", required=True, help="The knowledge base; it is created if there is none.")
@click.option("--org", "slug", required=True, help="The organisation (the word after /o/).")
@click.option(
    "--depth", type=click.IntRange(0, 10), default=2, show_default=True, help="How far links are followed."
)
@click.option(
    "--pages", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Pages at most."
)
@click.option("--sitemap", is_flag=True, help="URL is a sitemap: the pages it names are fetched.")
@click.pass_context
@with_appcontext
def crawl(context: click.Context, /, url: str, name: str, slug: str, **given: Any) -> None:
    """Bring the page at URL, and those of its site that links and sitemaps lead to, into a knowledge base.

    URL is a source of the base as if it were added there, without a worker. Pages in the folder of URL and below are
    fetched as robots.txt permits. Unchanged pages cost no embedding, pages that are gone are deleted. Exits with 1 if a
    page could not be brought in.
    """
    module, failed = importlib.import_module("app.knowledge.services.crawling"), 0
    with operating(AWAY):
        org_id = enter(slug)
        base_id = _base(org_id, name, create=True)
        try:
            for page in module.bring_in_site(org_id, base_id, url, _bounds(**given)):
                left_out = page.outcome not in module.BROUGHT_IN
                failed += left_out
                click.echo(f"{page.url}: {page.reason or page.outcome}", err=left_out)
        except (OutboundRefused, OutboundFailed) as error:
            raise click.ClickException(str(error)) from error
    context.exit(1 if failed else 0)


@knowledge.command("search")
@click.argument("words")
@click.option("--org", "slug", required=True, help="The organisation (the word after /o/).")
@click.option(
    "--base", "names", multiple=True, help="Only in this knowledge base; may be given several times."
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(KINDS),
    help="Only in sources of this kind; may be given several times.",
)
@click.option(
    "--source", "sources", multiple=True, type=click.UUID, help="Only in the source with this id; likewise."
)
@click.option("--top", type=click.IntRange(1, MOST), default=8, show_default=True, help="Passages at most.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_appcontext
def search_bases(*, words: str, slug: str, names: tuple[str, ...], as_json: bool, **narrowed: Any) -> None:
    """Print the passages that answer WORDS best."""
    with operating():
        org_id = enter(slug)
        with transaction():
            bases = [_base(org_id, name, create=False) for name in names] or None
            try:
                found = search(org_id, _question(words, bases, **narrowed))
            except EmbeddingFailed as error:
                raise click.ClickException(str(error)) from error
    for notice in found.notices:
        click.echo(notice, err=True)
    click.echo(json.dumps(_facts(found), ensure_ascii=False) if as_json else _lines(found))


@knowledge.command("evaluate")
@click.argument("directory", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_appcontext
def evaluate(*, directory: Path, as_json: bool) -> None:
    """Say how well searches answer the judged questions of DIR, a collection in the BEIR layout.

    DIR holds corpus.jsonl, queries.jsonl and qrels/test.tsv. The documents are read into a base of an organisation of
    their own, which is deleted in the end.
    """
    try:
        collection = read_collection(directory)
        with operating("nothing was kept"), _own_organisation() as (org_id, base_id):
            module = importlib.import_module("app.knowledge.services.evaluating")
            figures = module.evaluate(org_id, base_id, collection, lambda words: click.echo(words, err=True))
    except Unusable as error:
        raise click.UsageError(str(error)) from None
    click.echo(json.dumps(figures) if as_json else _table(figures))


def _bounds(*, depth: int, pages: int, sitemap: bool) -> dict[str, Any]:
    """What of an address is fetched, as its form has it."""
    scope = "sitemap" if sitemap else "site" if depth else "page"
    return {"scope": scope, "max_depth": depth, "max_pages": pages}


@contextmanager
def _own_organisation() -> Iterator[tuple[UUID, UUID]]:
    """An organisation without members and an empty base, for as long as the block lasts."""
    with transaction():
        org = OrgRepo().add("Evaluation")
        org_id = org.id
        use_scope(replace(OPERATOR, org_id=org_id))
        base_id = create_base(org_id, {"name": "Evaluation"}).id
    try:
        yield org_id, base_id
    finally:
        with transaction():
            OrgRepo().remove(org_id)


def _question(
    words: str, bases: list[UUID] | None, *, kinds: tuple[str, ...], sources: tuple[UUID, ...], top: int
) -> Question:
    return Question(words, base_ids=bases, source_ids=sources or None, kinds=kinds or None, top_k=top)


def _base(org_id: UUID, name: str, *, create: bool) -> UUID:
    """The base with this name, or a new one, or a usage error."""
    found = KnowledgeBasesRepo().named(org_id, name)
    if found is not None and found.archived:
        raise click.UsageError(f"The knowledge base {found.name} is archived.")
    if found is not None:
        return found.id
    if not create:
        raise click.UsageError(f"There is no knowledge base called {name}.")
    if not name.strip() or len(name) > 255 or not name.isprintable():
        raise click.UsageError("Give the base a name of 1 to 255 printable characters.")
    with transaction():
        return create_base(org_id, {"name": name.strip()}).id


def _files(path: Path) -> Iterator[tuple[Path, str]]:
    """The files to bring in, each with its name in the base."""
    if path.is_file():
        yield path, path.name
        return
    for file in sorted(path.rglob("*")):
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts):
            yield file, file.relative_to(path).as_posix()


def _bring_in(org_id: UUID, base_id: UUID, path: Path, name: str) -> bool:
    """Bring one file in and say what became of it; whether it is searched now."""
    module = importlib.import_module("app.knowledge.services.evaluating")
    if len(name) > 255:
        click.echo(f"{name}: its name is too long", err=True)
        return False
    try:
        outcome, error = module.bring_in(org_id, base_id, path, name)
    except Unreadable as unreadable:
        outcome, error = "failed", str(unreadable)
    except OSError as failure:
        outcome, error = "failed", failure.strerror or "it cannot be opened"
    failed = outcome not in {"ready", "unchanged"}
    click.echo(f"{name}: {error or outcome}" if failed else f"{name}: {outcome}", err=failed)
    return not failed


def _facts(found: Found) -> dict[str, Any]:
    return {
        "data": [
            {
                "base": hit.passage.base_name,
                "source": hit.passage.source_name,
                "url": hit.passage.source_url,
                "text": hit.passage.text,
                "start_offset": hit.passage.start_offset,
                "end_offset": hit.passage.end_offset,
                "score": hit.score,
                "vector_rank": hit.vector_rank,
                "likeness": hit.likeness,
                "fulltext_rank": hit.fulltext_rank,
                "rerank_score": hit.rerank_score,
            }
            for hit in found.hits
        ],
        "milliseconds": dict(found.milliseconds),
        "notices": list(found.notices),
    }


def _lines(found: Found) -> str:
    lines = []
    for number, hit in enumerate(found.hits, 1):
        words = " ".join(hit.passage.text.split())[:SHOWN]
        ranks = f"by likeness {hit.vector_rank or '–'}, by words {hit.fulltext_rank or '–'}"
        names = [hit.passage.base_name, hit.passage.source_name, hit.passage.source_url]
        name = " / ".join(dict.fromkeys(filter(None, names)))
        lines.append(f"{number}. {name} ({ranks})\n   {words}")
    return "\n".join(lines) or "Nothing was found."


def _table(figures: dict[str, dict[str, float]]) -> str:
    names = list(next(iter(figures.values())))
    head = f"{'':10}" + "".join(f"{name:>12}" for name in names)
    rows = [
        f"{mode:10}" + "".join(f"{values[name]:12.3f}" for name in names) for mode, values in figures.items()
    ]
    return "\n".join([head, *rows])
