from artifactd.http.ring import Record, Ring, Row


def row(number: int) -> Row:
    return (
        number,
        "GET",
        200,
        2048,
        0,
        "127.0.0.1",
        Record(1, "docker", "docker", "app/manifests/1", "", 1, "ann"),
    )


def test_rows_are_drained_in_order_and_once() -> None:
    ring = Ring(10)
    for number in range(3):
        ring.append(row(number))
    assert [when for when, *_ in ring.drain()] == [0, 1, 2]
    assert ring.drain() == []


def test_a_full_ring_loses_the_newest_rows_and_counts_them() -> None:
    ring = Ring(2)
    for number in range(5):
        ring.append(row(number))
    assert [when for when, *_ in ring.drain()] == [0, 1]
    assert ring.lost == 3
    ring.append(row(9))
    assert [when for when, *_ in ring.drain()] == [9]
    assert ring.lost == 3
