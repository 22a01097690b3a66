from pathlib import Path

from artifactd.db.generations import (
    DIRECTORY,
    GLOBAL,
    SLOTS,
    TASKS,
    Generations,
    name_stripe,
    names_stripe,
    principal_stripe,
    repository_stripe,
)


def test_what_was_taken_stands_until_its_counter_moves(tmp_path: Path) -> None:
    generations = Generations(tmp_path / "generations")
    taken = generations.take([100, 200])

    generations.begin([300])
    generations.end([300])
    assert generations.current(taken)

    generations.begin([200])
    assert not generations.current(taken)
    generations.close()


def test_a_reader_that_began_between_the_bumps_disagrees_after_the_second(tmp_path: Path) -> None:
    generations = Generations(tmp_path / "generations")
    generations.begin([100])
    between = generations.take([100])
    generations.end([100])

    assert not generations.current(between)
    generations.close()


def test_counters_are_shared_by_everyone_who_maps_the_page(tmp_path: Path) -> None:
    one, other = Generations(tmp_path / "generations"), Generations(tmp_path / "generations")
    taken = other.take([100])
    one.begin([100])
    one.end([100])

    assert not other.current(taken)
    assert other.page[100] == 2
    one.close()
    other.close()


def test_counters_outlive_their_process(tmp_path: Path) -> None:
    first = Generations(tmp_path / "generations")
    first.begin([100])
    first.end([100])
    first.close()

    second = Generations(tmp_path / "generations")
    assert second.page[100] == 2
    second.close()


def test_an_abandoned_turn_moves_what_every_reader_watches(tmp_path: Path) -> None:
    generations = Generations(tmp_path / "generations")
    taken = generations.take([500])
    generations.recover()
    assert generations.current(taken)

    generations.begin([])
    assert generations.abandoned()
    generations.recover()

    assert not generations.abandoned()
    assert not generations.current(taken)
    assert generations.page[GLOBAL] == 1
    generations.close()


def test_stripes_of_names_stay_clear_of_the_reserved_ones() -> None:
    reserved = {GLOBAL, 1, DIRECTORY, TASKS}
    stripes = {name_stripe(repository, f"team/app{n}") for repository in range(50) for n in range(200)}
    stripes |= {make(n) for make in (names_stripe, repository_stripe, principal_stripe) for n in range(500)}

    assert not stripes & reserved
    assert all(0 <= stripe < SLOTS for stripe in stripes)
    assert len(stripes) > 9_000  # spread: a hash that clumps would make strangers re-read each other


def test_the_same_name_has_another_stripe_in_another_repository() -> None:
    assert name_stripe(1, "app") == name_stripe(1, "app")
    assert name_stripe(1, "app") != name_stripe(2, "app")
    assert len({name_stripe(1, "app"), names_stripe(1), repository_stripe(1), principal_stripe(1)}) == 4
