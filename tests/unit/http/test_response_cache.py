from collections.abc import Iterator
from pathlib import Path

import pytest

from artifactd.db.generations import GLOBAL, Generations
from artifactd.http.cache import BODY_LIMIT, HELD_LIMIT, MIB, EdgeServices, Key, ResponseCache, recognise
from artifactd.http.ring import Ring

STRIPE = 500
LATER = 1000


class Bench:
    """A cache with a clock to turn."""

    def __init__(self, generations: Generations, **limits: int) -> None:
        self.generations = generations
        self.time = 0
        self.cache = ResponseCache(generations, now=lambda: self.time, **limits)

    def store(self, key: Key, body: bytes = b"body", status: int = 200, **more: object) -> bool:
        facts = {
            "headers": [("content-type", "text/plain"), ("etag", '"tag"')],
            "taken": self.generations.take([STRIPE]),
            "not_after": LATER,
            **more,
        }
        return self.cache.store(key, status=status, body=body, **facts)  # type: ignore[arg-type]


@pytest.fixture
def generations(tmp_path: Path) -> Iterator[Generations]:
    generations = Generations(tmp_path / "generations")
    yield generations


@pytest.fixture
def bench(generations: Generations) -> Bench:
    return Bench(generations)


def key(
    target: str = "/a", method: bytes = b"GET", port: int = 80, host: bytes = b"h", tag: bytes = b""
) -> Key:
    return method, port, host, target.encode(), tag, b"", b""


def test_an_answer_is_found_by_its_whole_key(bench: Bench) -> None:
    bench.store(key())
    found = bench.cache.get(key())
    assert found is not None
    assert (found.body, found.status) == (b"body", 200)
    for other in (key("/b"), key(port=81), key(host=b"i"), key(tag=b"t")):
        assert bench.cache.get(other) is None


def test_a_header_block_has_a_length_and_no_date(bench: Bench) -> None:
    bench.store(key())
    found = bench.cache.get(key())
    assert found is not None
    assert found.status_line + found.block == (
        b'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\netag: "tag"\r\ncontent-length: 4\r\n\r\n'
    )
    assert found.block_304 == b'etag: "tag"\r\n\r\n'


@pytest.mark.parametrize("stripe", [STRIPE, GLOBAL])
def test_a_bumped_counter_ends_an_answer(bench: Bench, stripe: int) -> None:
    bench.store(key())
    bench.generations.end([stripe])
    assert bench.cache.get(key()) is None
    assert bench.cache.sizes == (0, 0)


def test_an_answer_made_before_a_change_is_never_given(bench: Bench) -> None:
    taken = bench.generations.take([STRIPE])
    bench.generations.begin([STRIPE])
    bench.store(key(), taken=taken)
    assert bench.cache.get(key()) is None


def test_an_answer_ends_at_its_time(bench: Bench) -> None:
    bench.store(key())
    bench.time = LATER - 1
    assert bench.cache.get(key()) is not None
    bench.time = LATER
    assert bench.cache.get(key()) is None
    assert not bench.store(key())


def test_what_does_not_belong_here_is_not_taken(bench: Bench) -> None:
    assert not bench.store(key(), status=206)
    assert not bench.store(key(), status=500)
    assert not bench.store(key(), body=b"x" * (BODY_LIMIT + 1))
    assert not bench.store(key(), headers=[("set-cookie", "a=b")])
    assert not bench.store(key(), headers=[("x-name", "a\r\nevil: yes")])
    assert not bench.store(key(), headers=[("x-name", "\N{SNOWMAN}")])
    assert bench.cache.get(key()) is None


def test_a_head_is_answered_from_a_get_where_that_is_allowed(bench: Bench) -> None:
    bench.store(key())
    bench.store(key("/no"), head_allowed=False)
    assert bench.cache.get(key(method=b"HEAD")) is not None
    assert bench.cache.get(key("/no", method=b"HEAD")) is None


def test_what_a_head_left_answers_only_heads(bench: Bench) -> None:
    bench.store(key(method=b"HEAD"), body=b"", headers=[("content-length", "99")])
    found = bench.cache.get(key(method=b"HEAD"))
    assert found is not None
    assert found.block == b"content-length: 99\r\n\r\n"
    assert bench.cache.get(key()) is None


def test_a_negative_never_matches_a_tag(bench: Bench) -> None:
    bench.store(key(), status=404)
    found = bench.cache.get(key())
    assert found is not None
    assert not found.matches(b"*")


def test_an_answer_replaces_the_one_before_it(bench: Bench) -> None:
    bench.store(key(), status=404, body=b"absent")
    bench.store(key(), body=b"here")
    found = bench.cache.get(key())
    assert found is not None
    assert found.body == b"here"
    assert bench.cache.sizes[1] == 0


def test_hits_are_bounded_and_the_used_ones_stay(generations: Generations) -> None:
    bench = Bench(generations, hits=MIB)
    bench.store(key("/used"), body=b"u" * BODY_LIMIT)
    for number in range(100):
        bench.store(key(f"/{number}"), body=bytes([number]) * BODY_LIMIT)
        assert bench.cache.get(key("/used")) is not None
        assert bench.cache.sizes[0] <= MIB
    assert bench.cache.get(key("/0")) is None
    assert bench.cache.get(key("/99")) is not None


def test_a_scan_for_absent_names_pushes_out_no_hit(generations: Generations) -> None:
    bench = Bench(generations, negatives=100_000)
    bench.store(key())
    for number in range(1000):
        bench.store(key(f"/absent/{number}"), status=404, body=b"not here")
    assert bench.cache.get(key()) is not None
    assert 0 < bench.cache.sizes[1] <= 100_000


def test_a_shared_body_is_counted_once(bench: Bench) -> None:
    body = b"s" * BODY_LIMIT
    for number in range(10):
        bench.store(key(f"/{number}"), body=body)
    assert BODY_LIMIT < bench.cache.sizes[0] < 2 * BODY_LIMIT
    bench.generations.end([STRIPE])
    for number in range(10):
        assert bench.cache.get(key(f"/{number}")) is None
    assert bench.cache.sizes == (0, 0)


def test_a_credential_tag_tells_credentials_apart_and_is_secret_to_the_process(
    generations: Generations,
) -> None:
    one, other = ResponseCache(generations), ResponseCache(generations)
    assert one.credential_tag(b"Basic a") == one.credential_tag(b"Basic a")
    assert one.credential_tag(b"Basic a") != one.credential_tag(b"Basic b")
    assert one.credential_tag(b"Basic a") != other.credential_tag(b"Basic a")
    assert one.credential_tag(b"") != b""


@pytest.fixture
def edge(bench: Bench) -> EdgeServices:
    return EdgeServices(
        bench.cache,
        Ring(1),
        ignored_headers=frozenset([b"x-forwarded-proto"]),
        watched_headers=frozenset([b"x-remote-user"]),
    )


def test_a_request_is_recognised_by_what_may_change_its_answer(edge: EdgeServices) -> None:
    headers = [
        (b"host", b"h"),
        (b"user-agent", b"any"),
        (b"accept", b"a/b"),
        (b"accept", b"c/d"),  # docker R43
        (b"accept-encoding", b"gzip"),
        (b"authorization", b"Basic x"),
        (b"if-none-match", b'"a"'),
        (b"cache-control", b"max-age=0, No-Cache"),
        (b"pragma", b"no-cache"),
        (b"connection", b"Keep-Alive"),
        (b"x-forwarded-proto", b"https"),
    ]
    assert recognise(headers, edge.roles) == (b"h", b"Basic x", b"a/b,c/d", b"gzip", b'"a"')


@pytest.mark.parametrize(
    "header",
    [
        (b"host", b"i"),
        (b"authorization", b"Basic y"),
        (b"range", b"bytes=0-1"),
        (b"if-range", b'"a"'),
        (b"if-match", b'"a"'),
        (b"cookie", b"a=b"),
        (b"upgrade", b"h2c"),
        (b"expect", b"100-continue"),
        (b"transfer-encoding", b"chunked"),
        (b"content-length", b"0"),
        (b"connection", b"keep-alive, upgrade"),
        (b"forwarded", b"for=a"),
        (b"x-forwarded-for", b"192.0.2.1"),
        (b"x-forwarded-anything", b"1"),
        (b"x-remote-user", b"ann"),
    ],
)
def test_one_header_may_send_a_request_to_tier_2(edge: EdgeServices, header: tuple[bytes, bytes]) -> None:
    assert recognise([(b"host", b"h"), (b"authorization", b"Basic x"), header], edge.roles) is None


def test_a_request_without_a_host_goes_to_tier_2(edge: EdgeServices) -> None:
    assert recognise([], edge.roles) is None


def test_a_body_that_is_held_anyway_may_be_larger(bench: Bench) -> None:
    body = b"x" * (BODY_LIMIT + 1)
    assert bench.store(key(), body=body, held=True)
    assert not bench.store(key("/huge"), body=b"x" * (HELD_LIMIT + 1), held=True)
