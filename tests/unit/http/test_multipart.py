"""Forms as they stream by: what goes where, and what a form may cost."""

import hashlib
from collections.abc import Mapping, Sequence

import pytest

from artifactd.blobs.memory import MemoryBlobStore
from artifactd.errors import ArtifactdError, InvalidInput, TooLarge
from artifactd.formats.exchange import Form, FormData
from artifactd.http.multipart import FormConsumer
from tests.support.clocks import FakeClock

BOUNDARY = "the-boundary"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"


@pytest.fixture
def store() -> MemoryBlobStore:
    return MemoryBlobStore(FakeClock())


def part(name: str, value: bytes, filename: str | None = None) -> bytes:
    file = "" if filename is None else f'; filename="{filename}"'
    return (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode()
        + value
        + b"\r\n"
    )


def body(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def received(store: MemoryBlobStore, sink: Form, sent: bytes, step: int = 1 << 20) -> FormData:
    consumer = FormConsumer(sink, TYPE, "default", store)
    try:
        for start in range(0, len(sent), step):
            consumer.feed(sent[start : start + step])
        form = consumer.finish()
    except ArtifactdError:
        consumer.abandon()
        raise
    assert isinstance(form, FormData)
    return form


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
def test_fields_repeat_in_order_and_the_file_is_stored(store: MemoryBlobStore, step: int) -> None:
    sent = body(
        part("a", b"1"), part("content", b"bytes", "x.bin"), part("a", b"2"), part("b", "ä".encode())
    )
    form = received(store, Form("content"), sent, step)
    assert form.fields == {"a": ["1", "2"], "b": ["ä"]}
    assert (form.filename, form.file is not None and form.file.size) == ("x.bin", 5)


def test_checksums_are_asked_for_by_the_fields_before_the_file(store: MemoryBlobStore) -> None:
    def wanted(fields: Mapping[str, Sequence[str]]) -> Sequence[str]:
        return [name for name in ("md5", "blake2b-256") if name in fields]

    sent = body(part("blake2b-256", b""), part("content", b"bytes", "x"), part("md5", b""))
    file = received(store, Form("content", checksums=wanted), sent).file
    assert file is not None
    assert file.checksums == {
        "sha256": hashlib.sha256(b"bytes").hexdigest(),
        "blake2b-256": hashlib.blake2b(b"bytes", digest_size=32).hexdigest(),
    }


def test_a_small_file_is_a_field(store: MemoryBlobStore) -> None:
    sent = body(part("signature", b"sig", "x.asc"), part("content", b"bytes", "x"))
    form = received(store, Form("content", small_files=("signature",)), sent)
    assert form.fields == {"signature": ["sig"]}
    assert form.filename == "x"


@pytest.mark.parametrize(
    ("sink", "sent", "error"),
    [
        (Form("content", fields=2), body(*[part("a", b"")] * 3), InvalidInput),
        (Form("content", field_limit=3), body(part("a", b"1234")), TooLarge),
        (Form("content", total_limit=5), body(part("a", b"123"), part("b", b"456")), TooLarge),
        (Form("content", file_limit=3), body(part("content", b"1234", "x")), TooLarge),
        (Form("content"), body(part("other", b"1", "x")), InvalidInput),
        (Form("content"), body(part("content", b"1", "x"), part("content", b"2", "y")), InvalidInput),
        (Form("content"), body(part("content", b"1", ""), part("content", b"2", "")), InvalidInput),
        (Form("content"), part("content", b"1", "x"), InvalidInput),
        (Form("content"), b"nothing like a form", InvalidInput),
    ],
    ids=[
        *("fields", "field", "together", "file", "file in another field", "two files", "two without names"),
        *("no end", "no form"),
    ],
)
def test_what_costs_too_much_or_is_no_form_is_refused_and_leaves_nothing(
    store: MemoryBlobStore, sink: Form, sent: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        received(store, sink, sent)
    assert not list(store.scan())
