"""XML of strangers, read without anything that makes it dangerous: no document types, no entities of its
own, nothing fetched, and everything bounded (maven R54, T11)."""

from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

MOST_ELEMENTS: Final = 150_000
"""Elements of a document: metadata of 100,000 versions has fewer, and reading them takes a second."""

DEEPEST: Final = 100
"""Elements within elements: a POM's configuration rarely reaches twenty."""


class XmlInvalid(ValueError):
    """What is no XML, or more of it than anyone needs. The message goes on behind "it"."""


@dataclass(slots=True)
class Element:
    """An element: its name without namespace, its text without that of its children, and these."""

    name: str
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    def child(self, name: str) -> "Element | None":
        """The first child of this name."""
        return next((child for child in self.children if child.name == name), None)

    def all(self, name: str) -> "list[Element]":
        """The children of this name."""
        return [child for child in self.children if child.name == name]

    def say(self, name: str) -> str:
        """The text of the first child of this name, trimmed; empty when there is none."""
        child = self.child(name)
        return "" if child is None else child.text.strip()


def read_xml(data: bytes, root: str) -> Element:
    """The root element, which must have the name `root`. Raises XmlInvalid."""
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parse_events(parser, data)
    found = reader.top.children[0]
    if found.name != root:
        raise XmlInvalid(f"has the root element <{found.name[:80]}> and not <{root}>")
    return found


def parse_events(parser: expat.XMLParserType, data: bytes) -> None:
    """Have a parser read a document. Raises XmlInvalid."""
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(data, True)
    except XmlInvalid:
        raise
    except expat.ExpatError as error:
        raise XmlInvalid(f"is not well-formed XML: {error}") from error
    except (LookupError, ValueError) as error:
        raise XmlInvalid(f"is in an encoding that cannot be read: {error}") from error


def _refuse_doctype(*declared: object) -> None:
    raise XmlInvalid("has a document type declaration, which is not taken")


class _Reader:
    def __init__(self) -> None:
        self.top = Element("")
        self._open = [self.top]
        self._texts: list[list[str]] = [[]]
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MOST_ELEMENTS:
            raise XmlInvalid(f"has more than {MOST_ELEMENTS} elements")
        if len(self._open) > DEEPEST:
            raise XmlInvalid(f"has elements more than {DEEPEST} deep")
        element = Element(name.rpartition(":")[2])
        self._open[-1].children.append(element)
        self._open.append(element)
        self._texts.append([])

    def end(self, name: str) -> None:
        self._open.pop().text = "".join(self._texts.pop())

    def text(self, data: str) -> None:
        self._texts[-1].append(data)
