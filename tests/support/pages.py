"""Judges the HTML of a page or a fragment; every page the test client fetches goes through it."""

import re
from collections import Counter

from bs4 import BeautifulSoup, Tag

UNLABELLED_TYPES = {"hidden", "submit", "button", "image", "reset"}
REFERENCES = ("for", "aria-labelledby", "aria-describedby", "aria-controls", "aria-owns", "popovertarget")
HTMX = {
    *("hx-get", "hx-post", "hx-target", "hx-swap", "hx-trigger", "hx-sync", "hx-include", "hx-indicator"),
    *("hx-push-url", "hx-replace-url", "hx-swap-oob"),
}
CODE_URL = re.compile(r"^\s*(javascript|data|vbscript):", re.IGNORECASE)
ERROR_PREFIX = "Error: "


def parse(html: str) -> BeautifulSoup:
    return BeautifulSoup(html, "html.parser")


def check_page(html: str) -> BeautifulSoup:
    """Fail with all findings of a whole page, else return it parsed."""
    page = parse(html)
    findings = [*_document(page), *_headings(page), *_elements(page), *_references(page)]
    assert not findings, "\n".join(findings)
    return page


def check_fragment(html: str) -> BeautifulSoup:
    """Fail with all findings of a fragment, else return it parsed."""
    fragment = parse(html)
    findings = _elements(fragment)
    if fragment.find(["html", "body", "h1"]):
        findings.append("a fragment holds page furniture (html, body or h1)")
    assert not findings, "\n".join(findings)
    return fragment


def _document(page: BeautifulSoup) -> list[str]:
    findings = []
    if not page.html or not page.html.get("lang"):
        findings.append("no lang on html")
    if not page.find("main"):
        findings.append("no main landmark")
    heading, title = page.find("h1"), page.find("title")
    if heading and title and not _title(title).startswith(_text(heading)):
        findings.append(f"title {_text(title)!r} does not start with the heading {_text(heading)!r}")
    return findings


def _title(title: Tag) -> str:
    return _text(title).removeprefix(ERROR_PREFIX)


def _headings(page: BeautifulSoup) -> list[str]:
    levels = [int(heading.name[1]) for heading in page.find_all(re.compile("^h[1-6]$"))]
    findings = [] if levels.count(1) == 1 else [f"{levels.count(1)} h1 elements"]
    if any(after > before + 1 for before, after in zip([0, *levels], levels, strict=False)):
        findings.append(f"heading levels skip: {levels}")
    return findings


def _elements(root: BeautifulSoup) -> list[str]:
    """Check each element alone and the ids together."""
    findings = [
        f"id {value!r} occurs {count} times"
        for value, count in Counter(tag["id"] for tag in root.find_all(id=True)).items()
        if count > 1
    ]
    checks = (_inline_code, _dialect, _form, _control, _button, _link, _image)
    for tag in root.find_all(True):
        if not tag.find_parent("template"):  # what scripts copy gets its words from them
            findings += [finding for check in checks for finding in check(tag)]
    return findings


def _inline_code(tag: Tag) -> list[str]:
    findings = []
    if tag.name == "style" or (tag.name == "script" and not tag.get("src")):
        findings.append(f"inline {tag.name}")
    findings += [f"{name} on {tag.name}" for name in tag.attrs if name == "style" or name.startswith("on")]
    addresses = [str(tag.get(name, "")) for name in ("href", "src", "action", "formaction")]
    drawn = tag.name == "img" and str(tag.get("src")).startswith("data:image/")  # a picture runs no code
    findings += [f"code in an address: {url[:40]}" for url in addresses if CODE_URL.match(url) and not drawn]
    return findings


def _dialect(tag: Tag) -> list[str]:
    names = [name for name in tag.attrs if name.startswith(("hx-", "data-hx-"))]
    return [f"{name} is not in the dialect" for name in names if name not in HTMX]


def _form(tag: Tag) -> list[str]:
    if tag.name != "form" or tag.get("method") == "dialog":
        return []
    where = f"form {tag.get('id') or tag.get('action')}"
    method = str(tag.get("method", "")).lower()
    if method == "dialog":
        return []
    findings = [] if tag.get("action") else [f"{where} has no action"]
    if method not in {"get", "post"}:
        findings.append(f"{where} says method {method!r}")
    token = tag.find("input", attrs={"name": "csrf_token", "type": "hidden"})
    if method == "post" and not (token and token.get("value")):
        findings.append(f"{where} carries no CSRF token")
    return findings


def _control(tag: Tag) -> list[str]:
    if tag.name not in {"input", "select", "textarea"} or tag.get("type") in UNLABELLED_TYPES:
        return []
    if tag.get("aria-label") or tag.get("aria-labelledby") or tag.find_parent("label"):
        return []
    root = [*tag.parents][-1]
    if tag.get("id") and root.find("label", attrs={"for": tag["id"]}):
        return []
    return [f"{tag.name} {tag.get('name')!r} has no label"]


def _button(tag: Tag) -> list[str]:
    return [f"button without a name: {tag}"] if tag.name == "button" and not _named(tag) else []


def _link(tag: Tag) -> list[str]:
    if tag.name != "a":
        return []
    findings = [] if tag.get("href") else [f"link without an address: {tag}"]
    return findings if _named(tag) else [*findings, f"link without a name: {tag}"]


def _image(tag: Tag) -> list[str]:
    return [f"image without alt: {tag}"] if tag.name == "img" and tag.get("alt") is None else []


def _named(tag: Tag) -> bool:
    return bool(
        _text(tag) or tag.get("aria-label") or tag.get("aria-labelledby") or tag.find("img", alt=True)
    )


def _references(page: BeautifulSoup) -> list[str]:
    ids = {tag["id"] for tag in page.find_all(id=True)}
    findings = []
    for tag in page.find_all(True):
        named = [word for name in REFERENCES for word in str(tag.get(name, "")).split()]
        targets = [str(tag.get(name, "")) for name in ("hx-target", "hx-indicator", "href")]
        named += [target[1:] for target in targets if re.fullmatch(r"#[\w-]+", target)]
        findings += [f"{tag.name} refers to the absent id {word!r}" for word in named if word not in ids]
    return findings


def _text(tag: Tag) -> str:
    """Words inside a `<template>` count: scripts show copies of it."""
    return " ".join(" ".join(tag.find_all(string=True)).split())
