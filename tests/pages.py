"""The documentation as somebody follows it: the commands and files of a page, in the page's order.

So that tests can run what a page tells people to type, as it stands there. A command is every line of a ``console``
block, and code within a sentence that begins with one of our programs and says upon what; two or three bare words
(``kubectl set image``) are a command's name. A file is a block of YAML whose first line is a comment with its path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROGRAMS = ("kubectl", "helm", "socratasync", "docker", "make", "psql", "pg_dump", "pipx")

RUNBOOKS = sorted(
    str(page.relative_to(ROOT)) for page in (ROOT / "docs" / "runbooks").glob("Socrata*.md")
)
_GUIDES = (
    "install",
    "operations",
    "soda2-ends",
    "troubleshooting",
    "databases",
    "security",
    "la-311",
    "migration",
)
PAGES = ["README.md", *(f"docs/{name}.md" for name in _GUIDES), *RUNBOOKS]
"""The pages of which every command is typed by ``tests/e2e/test_pages.py``."""

_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_COMMAND = re.compile(rf"(?:\.venv/bin/)?(?:{'|'.join(PROGRAMS)}) \S")
_NAME = re.compile(r"[a-z]+(?: [a-z]+){1,2}")
_PATH = re.compile(r"# ((?:\.\./)?[\w./-]+\.yaml)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Something to type. ``section`` is the heading above it."""

    page: str
    section: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """Something to save, at ``path`` as seen from the folder in which the page's commands are typed."""

    page: str
    section: str
    line: int
    path: str
    text: str


Step = Command | File


def steps(page: str) -> Iterator[Step]:
    """What a page (a path within the checkout) has people type and save."""
    return read(page, (ROOT / page).read_text())


def read(page: str, text: str) -> Iterator[Step]:
    """What a page of that text has people type and save."""
    lines = iter(enumerate(text.splitlines(), start=1))
    section = ""
    for number, line in lines:
        if line.startswith("#"):
            section = line.lstrip("# ")
        elif line.startswith("```"):
            block = list(_until_fence(lines))
            yield from _of_block(line.strip("` "), block, page=page, section=section)
        else:
            for code in _of_prose(line):
                yield Command(page=page, section=section, line=number, text=code)


def commands(page: str) -> list[Command]:
    """Those of a page that are to be typed."""
    return [step for step in steps(page) if isinstance(step, Command)]


def _until_fence(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    for number, line in lines:
        if line.startswith("```"):
            return
        yield number, line


def _of_block(
    language: str, block: list[tuple[int, str]], *, page: str, section: str
) -> Iterator[Step]:
    text = "".join(f"{line}\n" for _, line in block)
    if language == "console":
        for number, command in _joined(block):
            yield Command(page=page, section=section, line=number, text=command)
    elif language == "yaml" and (named := _PATH.fullmatch(block[0][1])):
        yield File(page=page, section=section, line=block[0][0], path=named[1], text=text)


def _joined(block: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """(first line, command): a line that ends with a backslash goes on in the next one."""
    begun: list[str] = []
    for number, line in block:
        begun.append(line)
        if not line.endswith("\\"):
            if line.strip() and not line.startswith("#"):
                yield number - len(begun) + 1, "\n".join(begun)
            begun = []


def _of_prose(line: str) -> Iterator[str]:
    in_table = line.startswith("|")
    for span in _SPAN.findall(line):
        code = span.replace("\\|", "|") if in_table else span
        if _COMMAND.match(code) and not _NAME.fullmatch(code):
            yield code
