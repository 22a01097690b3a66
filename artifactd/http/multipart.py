"""Multipart forms (RFC 7578), streamed: fields into memory, the one file into the blob store, nothing
twice. What a form may cost is bounded in every direction: fields, their sizes, their headers."""

from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from artifactd.blobs.digest import union
from artifactd.blobs.staging import staged
from artifactd.blobs.store import SHA256, BlobStore, BlobWriter, StagedBlob
from artifactd.errors import InvalidInput, TooLarge
from artifactd.formats.exchange import Body, Form, FormData

_HEADER_LIMIT = 16 << 10
"""Bytes of headers a part may have: names and file names are all that is of use in them."""


class FormConsumer:
    """Receives a form. `content_type` is the request's, with the boundary. Raises InvalidInput for what is
    no form, more than one file, or a file in a field that takes none; TooLarge for fields and file."""

    def __init__(self, sink: Form, content_type: str, store_name: str, store: BlobStore) -> None:
        self.limit: int | None = None
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise InvalidInput("the body must be multipart/form-data with a boundary")
        self._sink = sink
        self._store_name = store_name
        self._store = store
        self._fields: dict[str, list[str]] = {}
        self._count = 0
        self._size = 0
        self._writer: BlobWriter | None = None
        self._blob: StagedBlob | None = None
        self._file_seen = False
        self._filename = ""
        self._file_type = ""
        self._headers: dict[str, str] = {}
        self._header = (bytearray(), bytearray())
        self._name = ""
        self._value: bytearray | None = None
        self._ended = False
        try:
            self._parser = MultipartParser(boundary, self._callbacks())
        except FormParserError as error:
            raise InvalidInput(f"the form's boundary is not possible: {error}") from error

    def _callbacks(self) -> Any:
        return {
            "on_part_begin": self._part_begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._part_data,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }

    def feed(self, data: bytes) -> None:
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise InvalidInput(f"the form is malformed: {error}") from error

    def finish(self) -> Body:
        if not self._ended:
            raise InvalidInput("the form ends before its last boundary")
        return FormData(self._fields, self._filename, self._file_type, self._blob)

    def abandon(self) -> None:
        if self._writer is not None:
            self._writer.abort()
        if self._blob is not None:
            self._store.delete(self._blob.location)

    def _part_begin(self) -> None:
        self._count += 1
        if self._count > self._sink.fields:
            raise InvalidInput(f"the form has more than the {self._sink.fields} fields allowed here")
        self._headers = {}
        self._header = (bytearray(), bytearray())

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])
        self._bounded()

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])
        self._bounded()

    def _bounded(self) -> None:
        if len(self._header[0]) + len(self._header[1]) > _HEADER_LIMIT:
            raise TooLarge(_HEADER_LIMIT)

    def _header_end(self) -> None:
        name, value = self._header
        self._headers[name.decode("latin-1").lower()] = value.decode("utf-8", "replace")
        self._header = (bytearray(), bytearray())

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", ""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" not in options or self._name in self._sink.small_files:
            self._value = bytearray()
            return
        fields = (self._sink.file_field, *self._sink.other_file_fields)
        if self._name not in fields or self._file_seen:
            raise InvalidInput(f"the form takes one file, in the field {' or '.join(map(repr, fields))}")
        self._value = None
        self._file_seen = True
        self._filename = options[b"filename"].decode("utf-8", "replace")
        self._file_type = self._headers.get("content-type", "application/octet-stream")
        self._writer = self._store.create(union(SHA256, self._sink.checksums(self._fields)))

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._value is not None:
            if len(self._value) + end - start > self._sink.field_limit:
                raise TooLarge(self._sink.field_limit)
            self._size += end - start
            if self._size > self._sink.total_limit:
                raise TooLarge(self._sink.total_limit)
            self._value.extend(data[start:end])
            return
        assert self._writer is not None
        limit = self._sink.file_limit
        if limit is not None and self._writer.offset + end - start > limit:
            raise TooLarge(limit)
        self._writer.write(data[start:end])

    def _part_end(self) -> None:
        if self._value is not None:
            self._fields.setdefault(self._name, []).append(self._value.decode("utf-8", "replace"))
            return
        assert self._writer is not None
        writer, self._writer = self._writer, None
        self._blob = staged(self._store_name, writer.commit())

    def _end(self) -> None:
        self._ended = True
