"""Asking from a thread that may wait."""

import os
from pathlib import Path

import pytest

from artifactd.errors import UpstreamUnavailable
from artifactd.upstream.question import Failed, Grows, Kept
from artifactd.upstream.waiting import Waiting
from tests.support.fake_upstream import FakeUpstream
from tests.support.questions import Desk
from tests.support.upstream_faults import paused, truncated

DATA = os.urandom(1 << 20)


def test_questions_are_asked_and_what_grows_is_followed_to_its_end(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with FakeUpstream() as upstream, Waiting(desk.process()) as waiting:
        upstream.put("/large", DATA)
        upstream.put("/small", b"bytes")
        small, large = waiting.ask(
            [desk.question(path, f"{upstream.url}/{path}") for path in ("small", "large")]
        )
        assert small == Kept()
        assert desk.kept["small"] == b"bytes"
        assert isinstance(large, Grows)
        waiting.follow(large.growing)
        assert desk.kept["large"] == DATA
        waiting.follow(large.growing)
    desk.close()


def test_a_fill_that_breaks_off_is_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with FakeUpstream() as upstream, Waiting(desk.process()) as waiting:
        upstream.put("/large", DATA, etag="")
        upstream.fault(truncated(0.5))
        (grows,) = waiting.ask([desk.question("large", f"{upstream.url}/large")])
        assert isinstance(grows, Grows)
        with pytest.raises(UpstreamUnavailable):
            waiting.follow(grows.growing)
    assert desk.stored() == []
    desk.close()


def test_leaving_ends_what_is_under_way(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with FakeUpstream() as upstream:
        upstream.put("/large", DATA)
        upstream.fault(paused(0.5))
        with Waiting(desk.process()) as waiting:
            (grows,) = waiting.ask([desk.question("large", f"{upstream.url}/large")])
            assert isinstance(grows, Grows)
    assert desk.stored() == []
    assert desk.kept == {}
    desk.close()


def test_what_cannot_be_asked_is_an_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artifactd.upstream.asking.RETRY_PAUSES", ())
    desk = Desk(tmp_path)
    with FakeUpstream() as upstream:
        url = upstream.url
    with Waiting(desk.process()) as waiting:
        (outcome,) = waiting.ask([desk.question("a", f"{url}/a")])
    assert isinstance(outcome, Failed)
    desk.close()
