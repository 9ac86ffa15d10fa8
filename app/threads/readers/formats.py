"""The formats that can be imported, and reading a file of one of them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader
from typing import IO, Any

from app.threads.readers import chatgpt, claude, librechat, open_webui, openai_lines
from app.threads.readers.archive import Allowance, Beginning, open_files
from app.threads.readers.items import CHUNK, Item, Refused, Unreadable, read_items
from app.threads.readers.parsed import ParsedThread

MOST_REMEMBERED = 500_000
MOST_STRANGE = 20


@dataclass(frozen=True)
class Format:
    """A format: what people call it, whether an entry is of it, and how an entry becomes a thread."""

    label: str
    fits: Callable[[Mapping[str, Any]], bool]
    read: Callable[[Mapping[str, Any]], ParsedThread]


FORMATS: Mapping[str, Format] = {
    "chatgpt": Format("ChatGPT data export", chatgpt.fits, chatgpt.read),
    "claude": Format("Claude data export", claude.fits, claude.read),
    "open-webui": Format("Open WebUI export", open_webui.fits, open_webui.read),
    "librechat": Format("LibreChat export", librechat.fits, librechat.read),
    "openai": Format("JSON Lines of OpenAI-style messages", openai_lines.fits, openai_lines.read),
}


def read_export(file: IO[bytes], name: str | None = None) -> Iterator[ParsedThread | Refused]:
    """The threads of an export in its order, and in between what was left out, with the reason; never an exception.

    `file` is JSON, JSON Lines, or a ZIP archive that holds such files, open for reading bytes and seekable. `name`
    is one of FORMATS; without it the first entry that fits one says which format all of them have.
    """
    return _read(file, name, lambda content: content)


def _read(
    file: IO[bytes], name: str | None, opened: Callable[[BufferedReader], BufferedReader]
) -> Iterator[ParsedThread | Refused]:
    reader = _Reader(FORMATS[name] if name else None)
    label = ""
    try:
        for label, content in open_files(file):
            for item in read_items(opened(content)):
                yield _within(label, reader.read(item))
    except Unreadable as error:
        yield Refused(label or "the file", str(error), of_file=True)


def first_of(file: IO[bytes], name: str | None, most: int) -> ParsedThread | Refused | None:
    """What `read_export` yields first; None for a file without threads. TooFar after so many bytes, unpacked."""
    allowed = Allowance(most)
    return next(_read(file, name, lambda content: BufferedReader(Beginning(content, allowed), CHUNK)), None)


def _within(label: str, outcome: ParsedThread | Refused) -> ParsedThread | Refused:
    if label and isinstance(outcome, Refused):
        return Refused(f"{label}, {outcome.place}", outcome.reason)
    return outcome


class _Reader:
    """Reads entries of one format; knows the ids it has met."""

    def __init__(self, chosen: Format | None) -> None:
        self._format = chosen
        self._strange = 0
        self._met: set[int] = set()

    def read(self, item: Item | Refused) -> ParsedThread | Refused:
        """The thread of an entry, or why it is none. Unreadable for a file of which nothing fits any format."""
        if isinstance(item, Refused):
            return item
        format_ = self._format or self._recognised(item)
        if format_ is None:
            self._strange += 1
            if self._strange == MOST_STRANGE:
                raise Unreadable("The first 20 entries are of no known format, so the file was not read on.")
            return Refused(item.place, "It is of no known format.")
        if not format_.fits(item.value):
            return Refused(item.place, f"It is not of the format {format_.label}.")
        try:
            thread = format_.read(item.value)
        except Unreadable as error:
            return Refused(item.place, str(error))
        return self._first(item, thread)

    def _recognised(self, item: Item) -> Format | None:
        self._format = next((entry for entry in FORMATS.values() if entry.fits(item.value)), None)
        return self._format

    def _first(self, item: Item, thread: ParsedThread) -> ParsedThread | Refused:
        """Refuse an id that came before; beyond half a million ids the database tells."""
        key = hash(thread.external_id)
        if key in self._met:
            return Refused(item.place, f"An entry before it has the same id, {thread.external_id}.")
        if len(self._met) < MOST_REMEMBERED:
            self._met.add(key)
        return thread
