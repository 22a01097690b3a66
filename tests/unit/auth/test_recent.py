from artifactd.auth.recent import Recent


def test_what_is_used_stays_and_what_is_not_goes() -> None:
    recent: Recent[int, str] = Recent(10)
    recent.put(-1, "used")
    recent.put(-2, "unused")
    for number in range(100):
        recent.put(number, "new")
        assert recent.get(-1) == "used"
        assert len(recent) <= 10
    assert recent.get(-2) is None
    assert recent.get(99) == "new"


def test_the_last_value_counts() -> None:
    recent: Recent[str, int] = Recent(4)
    recent.put("a", 1)
    recent.put("a", 2)
    assert (recent.get("a"), len(recent)) == (2, 1)
