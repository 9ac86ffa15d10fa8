"""Forms of knowledge bases and their sources, and what the lists can be asked."""

import csv
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import IO, Any
from uuid import UUID

from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired, MultipleFileField
from wtforms import HiddenField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, ValidationError

from app.knowledge.embedders.registry import Model
from app.knowledge.models.sources import STAGES
from app.knowledge.readers.detection import HEAD_BYTES, detect
from app.knowledge.readers.document import CSV, PLAIN, XLSX, Unreadable
from app.knowledge.repo.sources import SourceRow
from app.knowledge.services.bases import DEFAULTS, FIELDS
from app.knowledge.services.choosing import Choice
from app.knowledge.services.reranking import Reranker
from app.knowledge.services.retrieval import LEGS, LONGEST, Leg
from app.knowledge.services.sources import MOST_FILE_BYTES, MOST_TABLE_ROWS, MOST_TEXT_LENGTH
from app.web.fields import WholeNumberField, name_field, read_version, storable, unified
from app.web.filters import size_bound
from app.web.listing import Facet, ListSpec

NAME_LENGTH = 255
DESCRIPTION_LENGTH = 2_000
SIZES, OVERLAPS = (20, 250), (0, 100)
MOST_FILES = 50
MOST_PASTED_LENGTH = 1_000_000
MOST_COLUMNS = 100
GATE_WORDS = {
    "none": "Goes live as soon as it is built",
    "no_worse": "Must find no fewer expected passages than the live one",
    "least": "Must find a share of the expected passages",
}
SOURCE_KIND_WORDS = {
    "": "All sources",
    "file": "Files",
    "text": "Texts",
    "table": "Tables",
    "page": "Web pages",
}
KIND_WORDS = {"file": "File", "text": "Text", "table": "Table", "web": "Web address"}
LEG_WORDS = {"both": "By likeness and by words", "vector": "By likeness only", "fulltext": "By words only"}

BASE_LIST = ListSpec(
    sorts={
        "name": "name",
        "updated": "updated",
        "created": "created",
        "sources": "sources",
        "chunks": "passages",
    },
    default_sort="name",
    facets={"status": Facet("Status", {"active": "Active", "archived": "Archived"})},
    dates={"created": "Created", "updated": "Updated"},
    columns={
        "name": "Name",
        "status": "Status",
        "sources": "Sources",
        "chunks": "Passages",
        "model": "Model",
        "created": "Created",
        "updated": "Updated",
    },
    shown=("name", "sources", "chunks", "updated"),
)
SOURCE_LIST = ListSpec(
    sorts={"name": "name", "created": "added", "updated": "updated", "chunks": "passages"},
    default_sort="-created",
    facets={
        "kind": Facet("Kind", KIND_WORDS),
        "status": Facet("Status", {stage: stage.capitalize() for stage in STAGES}),
        "enabled": Facet("Enabled", {"yes": "Enabled", "no": "Disabled"}),
    },
    dates={"created": "Added"},
    columns={
        "name": "Name",
        "kind": "Kind",
        "status": "Status",
        "chunks": "Passages",
        "created": "Added",
        "updated": "Updated",
    },
    shown=("name", "kind", "status", "chunks", "created"),
)
TEST_LIST = ListSpec(
    sorts={"question": "question", "recall": "result", "created": "saved"},
    default_sort="-created",
    facets={
        "result": Facet(
            "Result",
            {"all": "All found", "some": "Some found", "none": "None found", "never": "Never asked"},
        )
    },
    columns={"question": "Question", "expected": "Expected", "recall": "Found", "created": "Saved"},
    shown=("question", "expected", "recall", "created"),
)
CHUNK_LIST = ListSpec(
    sorts={"position": "position"},
    default_sort="position",
    facets={"enabled": Facet("Enabled", {"yes": "Enabled", "no": "Disabled"})},
    columns={"position": "Passage", "text": "Text", "enabled": "Enabled"},
    shown=("position", "text", "enabled"),
)


def whole_number(label: str, low: int, high: int, default: int) -> WholeNumberField:
    """A required number from `low` to `high`."""
    words = f"Enter a whole number from {low} to {high}."
    return WholeNumberField(
        label, default=default, validators=[InputRequired(words), NumberRange(low, high, words)]
    )


def _moves_on(size: int | None, overlap: int | None) -> None:
    if size is not None and overlap is not None and 2 * overlap > size:
        raise ValidationError("Use at most half of the longest passage.")


def _model_words(choice: Choice) -> str:
    where = f"at {choice.connection}" if choice.connection else "on this machine"
    return f"{choice.model.name} {where}, {choice.model.dimensions:,} numbers"


class BaseForm(FlaskForm):
    """A knowledge base as people edit it; the version it was read at travels along."""

    name = name_field("Name", NAME_LENGTH, missing="Enter a name for the knowledge base.")
    description = TextAreaField(
        "Description",
        filters=[unified],
        validators=[Length(max=DESCRIPTION_LENGTH, message="Use at most 2,000 characters."), storable],
        render_kw={"rows": 3, "dir": "auto"},
    )
    model = SelectField("Embedding model", default=DEFAULTS["model"])
    size = whole_number("Longest passage", *SIZES, DEFAULTS["size"])
    overlap = whole_number("Overlap", *OVERLAPS, DEFAULTS["overlap"])
    top_k = whole_number("Passages found", 1, 50, DEFAULTS["top_k"])
    threshold_percent = whole_number("Least likeness", 0, 100, round(100 * DEFAULTS["threshold"]))
    rerank = SelectField("Reranked by", default="")
    gate = RadioField(
        "A new generation", choices=[SelectChoice(*gate) for gate in GATE_WORDS.items()], default="none"
    )
    least_percent = whole_number("Least share", 0, 100, round(100 * DEFAULTS["least_recall"]))
    lock_version = HiddenField()

    def offer(self, choices: Sequence[Choice], current: Model | None) -> None:
        """The embedding models to choose from; the present one stays, even if it is offered no more."""
        labels = {choice.model.key: _model_words(choice) for choice in choices}
        if current:
            labels.setdefault(current.key, f"{current.name}, which is not offered any more")
        self.model.choices = [SelectChoice(*label) for label in labels.items()]

    def offer_rerankers(self, choices: Sequence[Reranker], current: str) -> None:
        """The models that put passages into order; the present one stays, even if it is offered no more."""
        labels = {"": "Nothing", **{one.key: f"{one.name} at {one.connection}" for one in choices}}
        labels.setdefault(current, f"{current.partition('/')[2]}, which is not offered any more")
        self.rerank.choices = [SelectChoice(*label) for label in labels.items()]

    def validate_overlap(self, field: Any) -> None:
        """Passages must move on."""
        _moves_on(self.size.data, field.data)

    def values(self) -> dict[str, Any]:
        """The FIELDS of the base as the form has them."""
        given = {
            "threshold": (self.threshold_percent.data or 0) / 100,
            "least_recall": (self.least_percent.data or 0) / 100,
        }
        return {name: given[name] if name in given else self[name].data for name in FIELDS}

    def version(self) -> int:
        """The version the form was read at; 0, which no base has, for anything else."""
        return read_version(self.lock_version.data)


class SearchForm(FlaskForm):
    """A question to a knowledge base, read from the address."""

    q = StringField(
        "Question",
        filters=[lambda text: (text or "").strip()],
        validators=[Length(max=2000, message="Use at most 2,000 characters.")],
    )
    legs = SelectField("Search", choices=[SelectChoice(*leg) for leg in LEG_WORDS.items()], default="both")
    top_k = whole_number("Passages found", 1, 50, DEFAULTS["top_k"])
    threshold_percent = whole_number("Least likeness", 0, 100, round(100 * DEFAULTS["threshold"]))
    kind = SelectField(
        "Kind", choices=[SelectChoice(*kind) for kind in SOURCE_KIND_WORDS.items()], default=""
    )
    source = SelectField("Source", default="")

    def fill(self, values: Mapping[str, Any], sources: Sequence[SourceRow]) -> None:
        """Take from the base what the address leaves out, and offer its sources."""
        self.source.choices = [
            SelectChoice("", "Any"),
            *(SelectChoice(str(row.id), row.name) for row in sources),
        ]
        if not self.top_k.raw_data:
            self.top_k.data, self.top_k.raw_data = values["top_k"], [str(values["top_k"])]
        if not self.threshold_percent.raw_data:
            percent = round(100 * values["threshold"])
            self.threshold_percent.data, self.threshold_percent.raw_data = percent, [str(percent)]
        if not self.legs.raw_data:
            self.legs.data = "both"
        for field in (self.kind, self.source):
            field.data = field.data if field.raw_data else ""

    def chosen_sources(self) -> list[UUID] | None:
        """The source to search in."""
        return [UUID(self.source.data)] if self.source.data else None

    def chosen_legs(self) -> tuple[Leg, ...]:
        """The legs to search by."""
        return LEGS if self.legs.data == "both" else tuple(leg for leg in LEGS if leg == self.legs.data)


class ChunkingForm(FlaskForm):
    """Sizes of passages to look at before they are saved, read from the address."""

    size = whole_number("Longest passage", *SIZES, DEFAULTS["size"])
    overlap = whole_number("Overlap", *OVERLAPS, DEFAULTS["overlap"])

    def validate_overlap(self, field: Any) -> None:
        """Passages must move on."""
        _moves_on(self.size.data, field.data)


class NoteForm(FlaskForm):
    """A note on a passage; empty for none."""

    note = TextAreaField(
        "Note",
        filters=[unified],
        validators=[Length(max=DESCRIPTION_LENGTH, message="Use at most 2,000 characters."), storable],
        render_kw={"rows": 3, "dir": "auto"},
    )
    lock_version = HiddenField()


class SavedTestForm(FlaskForm):
    """A saved question with the passages that answer it."""

    question = name_field("Question", LONGEST, missing="Enter the question.")
    lock_version = HiddenField()


class TextForm(FlaskForm):
    """A text that people write, in Markdown."""

    title = name_field("Title", NAME_LENGTH, missing="Enter a title.")
    body = TextAreaField(
        "Text",
        filters=[unified],
        validators=[
            DataRequired("Write something."),
            Length(max=MOST_TEXT_LENGTH, message=f"Use at most {MOST_TEXT_LENGTH:,} characters."),
            storable,
        ],
        render_kw={"rows": 16, "spellcheck": "true", "dir": "auto"},
    )
    lock_version = HiddenField()


class FilesForm(FlaskForm):
    """Files to add; each has the type that its content says.

    `accepted` pairs a file's stream with name and type, `refused` the name of one that cannot be read with the reason.
    """

    files = MultipleFileField("Files", validators=[FileRequired("Choose at least one file.")])

    def validate_files(self, field: Any) -> None:
        """Tell the files that can be read from the others; without one, name each with its reason on a line."""
        if len(field.data) > MOST_FILES:
            raise ValidationError(f"Choose at most {MOST_FILES} files at once.")
        self.accepted: list[tuple[IO[bytes], str, str]] = []
        self.refused: list[tuple[str, str]] = []
        for file in field.data:
            name = clean_name(file.filename)
            try:
                self.accepted.append((file.stream, name, type_of(file.stream, name)))
            except Unreadable as error:
                self.refused.append((name, str(error)))
        if not self.accepted:
            raise ValidationError("\n".join(f"{name}: {reason}" for name, reason in self.refused))


class TableForm(FlaskForm):
    """A table: a CSV or XLSX file, or rows that were pasted; the first row names the columns."""

    name = name_field("Name", NAME_LENGTH, missing="Enter a name for the table.")
    file = FileField("File")
    rows = TextAreaField(
        "Rows",
        filters=[unified],
        validators=[
            Length(max=MOST_PASTED_LENGTH, message=f"Use at most {MOST_PASTED_LENGTH:,} characters."),
            storable,
        ],
        render_kw={"rows": 8, "dir": "auto", "spellcheck": "false"},
    )

    def validate_file(self, field: Any) -> None:
        """Ask for a file or rows, not both; refuse a file that is no table."""
        file = field.data if field.data and field.data.filename else None
        self.upload: tuple[IO[bytes], str] | None = None
        if bool(file) == bool(self.rows.data):
            raise ValidationError("Choose one file, or paste rows.")
        if file:
            media_type = _checked(file)
            self.upload = file.stream, CSV if media_type == PLAIN else media_type

    def validate_rows(self, field: Any) -> None:
        """Refuse pasted text that is no table."""
        self.cells: Sequence[Sequence[str]] = read_rows(field.data) if field.data else ()

    def columns(self) -> list[dict[str, str]]:
        """The columns of pasted rows."""
        return [
            {"name": name or f"Column {number}", "type": "text"}
            for number, name in enumerate(self.cells[0], 1)
        ]


def read_chunking(given: Mapping[str, str]) -> dict[str, int]:
    """The sizes that an address offers, as far as they are numbers that a base can have."""
    bounds = {"size": SIZES, "overlap": OVERLAPS}
    found = {
        name: int(given[name])
        for name in bounds
        if given.get(name, "").isascii() and given.get(name, "").isdigit() and len(given[name]) < 4
    }
    return {name: value for name, value in found.items() if bounds[name][0] <= value <= bounds[name][1]}


def _checked(file: Any) -> str:
    try:
        media_type = type_of(file.stream, clean_name(file.filename))
    except Unreadable as error:
        raise ValidationError(str(error)) from error
    if media_type not in {CSV, XLSX, PLAIN}:
        raise ValidationError("This is no table: choose a CSV or XLSX file.")
    return media_type


def type_of(stream: IO[bytes], name: str) -> str:
    """The media type of a file by its content; the stream stands at its beginning again. Raises Unreadable."""
    size = stream.seek(0, 2)
    stream.seek(0)
    if size > MOST_FILE_BYTES:
        raise Unreadable(f"The file is larger than {size_bound(MOST_FILE_BYTES)}.")
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    return detect(head, name)


def clean_name(name: str | None) -> str:
    """The last part of a file's name, on one line."""
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    return "".join(char for char in last if char.isprintable()).strip()[:NAME_LENGTH] or "file"


def read_rows(text: str) -> list[list[str]]:
    """The rows of pasted CSV, or of cells parted by tabs, as wide as its head. Raises ValidationError."""
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    read = csv.reader(text.splitlines(), delimiter=delimiter, strict=True)
    cells = ([cell.strip() for cell in row] for row in read)
    try:
        rows = list(islice(filter(any, cells), MOST_TABLE_ROWS + 2))
    except csv.Error as error:
        raise ValidationError(f"These rows cannot be read: {error}.") from error
    if len(rows) > MOST_TABLE_ROWS + 1:
        raise ValidationError(f"Paste at most {MOST_TABLE_ROWS:,} rows below the head.")
    if len(rows) < 2:
        raise ValidationError("Paste a row with the names of the columns and at least one more.")
    width = len(rows[0])
    if width > MOST_COLUMNS:
        raise ValidationError(f"Use at most {MOST_COLUMNS} columns.")
    for number, row in enumerate(rows, 1):
        if len(row) > width:
            raise ValidationError(f"Row {number} has more cells than there are columns.")
    return [row + [""] * (width - len(row)) for row in rows]
