"""OpenPGP keys: made once, sealed, replaced, brought along, and good enough for gpg and rpm."""

from datetime import timedelta
from pathlib import Path

import pytest
from pysequoia import ArmorKind, Cert, Profile, Tsk, armor
from sqlalchemy import select, update

from artifactd import clock
from artifactd.auth import openpgp
from artifactd.auth.openpgp import MOST_PREVIOUS, OpenPgpKey, OpenPgpKeys, SigningFailed
from artifactd.auth.openpgp_material import BACKDATED, KEY_BITS, KeyMaterial, UnusableKey, parse
from artifactd.blobs.memory import MemoryBlobStore
from artifactd.catalog.blob_stores import BlobStores
from artifactd.catalog.kinds import HOSTED
from artifactd.catalog.repositories import Repositories, RepositoryDraft
from artifactd.db.tables import secret
from artifactd.db.writer import Database, Turn
from artifactd.errors import ObjectNotFound, PreconditionFailed, RepositoryNotFound
from artifactd.sealing import SealBroken, Sealer
from tests.support.databases import Place
from tests.support.private_keys import PASSPHRASE, costly, from_gpg, private_key, public_key
from tests.support.programs import Program, installed

SEALER = Sealer([bytes(32)])
DATA = b"<repomd/>\n"


@pytest.fixture
def repository(database: Database) -> int:
    """The row of a repository, called `tools`."""
    return added(database, "tools")


@pytest.fixture
def keys(database: Database) -> OpenPgpKeys:
    return OpenPgpKeys(database, SEALER)


def added(database: Database, name: str) -> int:
    stores = BlobStores(database, lambda type, settings: MemoryBlobStore())
    stores.ensure_default()
    draft = RepositoryDraft(name, "raw", HOSTED, {}, stores.id("default"))
    return Repositories(database).put(draft)[0].id


def stored(database: Database) -> list[str]:
    with database.connect() as connection:
        rows = connection.execute(select(secret.c.value).where(secret.c.name.like("openpgp-key/%")))
        return [row[0] for row in rows]


# Keys that are made here


def test_a_key_is_made_once_whoever_needs_it(
    place: Place, database: Database, keys: OpenPgpKeys, repository: int
) -> None:
    assert keys.find(repository) is None
    made = keys.of(repository)
    other = place.open()
    assert OpenPgpKeys(other, SEALER).of(repository).public == keys.of(repository).public == made.public
    other.close()
    assert (made.version, made.imported, made.previous) == (1, False, ())
    assert made.certificate.user_ids == ["artifactd repository signing (tools)"]
    assert made.certificate.expires is None
    assert keys.of(added(database, "other")).fingerprint != made.fingerprint


def test_of_two_that_make_the_first_key_one_gives_way(
    database: Database, keys: OpenPgpKeys, repository: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first: list[OpenPgpKey] = []

    def generate_late(user_id: str) -> KeyMaterial:
        if not first:
            first.append(OpenPgpKeys(database, SEALER).put(repository, private_key()))
        return parse(private_key("late"), "")

    monkeypatch.setattr(openpgp, "generate", generate_late)
    assert keys.of(repository).fingerprint == first[0].fingerprint


def test_a_key_that_is_made_here_is_the_kind_that_every_client_reads(
    keys: OpenPgpKeys, repository: int, tmp_path: Path
) -> None:
    key = keys.of(repository)
    gpg = homed_gpg(tmp_path)
    (tmp_path / "key").write_bytes(key.public)
    packets = gpg("--list-packets", tmp_path / "key")
    assert "version 4, algo 1," in packets and f"pkey[0]: [{KEY_BITS} bits]" in packets
    assert packets.count("key packet") == 1, "the primary key signs itself"
    assert 0 <= clock.now() - BACKDATED - key.certificate.created < clock.micros(timedelta(minutes=1))


def test_gpg_verifies_what_was_signed_and_nothing_else(  # rpm R90
    keys: OpenPgpKeys, repository: int, tmp_path: Path
) -> None:
    key = keys.of(repository)
    before = key.public
    renewed = keys.renew(repository)
    gpg = homed_gpg(tmp_path)
    for public, signer, good in (
        (before, key, True), (renewed.public, key, True), (renewed.public, renewed, True),
        (before, renewed, False),
    ):  # fmt: skip
        (tmp_path / "ring").unlink(missing_ok=True)
        (tmp_path / "key").write_bytes(public)
        gpg("--import", tmp_path / "key")
        (tmp_path / "data").write_bytes(DATA)
        (tmp_path / "data.asc").write_bytes(signer.sign(DATA))
        verified = gpg.attempt("--verify", tmp_path / "data.asc", tmp_path / "data")
        assert (verified.code == 0) == good, verified.text
        (tmp_path / "data").write_bytes(DATA + b"\n")
        gpg.refused("--verify", tmp_path / "data.asc", tmp_path / "data")


def test_rpm_imports_the_key_and_those_before_it(  # rpm R92
    keys: OpenPgpKeys, repository: int, tmp_path: Path
) -> None:
    keys.of(repository)
    (tmp_path / "key").write_bytes(keys.renew(repository).public)
    rpmkeys = Program(installed("rpmkeys"), ["--dbpath", str(tmp_path / "rpmdb")])
    rpmkeys("--import", tmp_path / "key")
    rpm = Program(installed("rpm"), ["--dbpath", str(tmp_path / "rpmdb")])
    imported = rpm("-qa", "gpg-pubkey", "--qf", "%{version} %{summary}\n").splitlines()
    key = keys.of(repository)
    assert {line.split()[0] for line in imported} == {
        each.fingerprint[-8:].lower() for each in (key.certificate, *key.previous)
    }
    assert all("artifactd repository signing (tools)" in line for line in imported)


def homed_gpg(folder: Path) -> Program:
    """gpg that knows the keys of a ring in `folder` alone, and starts no agent."""
    return Program(
        installed("gpg"),
        [
            *("--batch", "--quiet", "--no-autostart", "--homedir", str(folder), "--no-default-keyring"),
            *("--keyring", str(folder / "ring"), "--trust-model", "always"),
        ],
    )


# What is secret


def test_a_private_key_is_sealed_and_shown_nowhere(  # rpm R92
    database: Database, keys: OpenPgpKeys, repository: int
) -> None:
    key = keys.put(repository, from_gpg("protected"), PASSPHRASE)
    (value,) = stored(database)
    body = from_gpg("protected").splitlines()[3]
    opened = SEALER.open(value, f"openpgp-key/{repository}")
    assert PASSPHRASE in opened and "PRIVATE" in opened
    material = parse(from_gpg("protected"), PASSPHRASE)
    for text in (value, repr(key), repr(vars(key)), repr(material), str(key.public)):
        assert PASSPHRASE not in text and "PRIVATE" not in text and body not in text


def test_a_key_ends_with_its_repository(database: Database, keys: OpenPgpKeys, repository: int) -> None:
    keys.put(repository, private_key())
    added(database, "other")
    Repositories(database).delete("tools")
    assert stored(database) == []
    with pytest.raises(RepositoryNotFound):
        keys.of(repository)


def test_a_key_opens_for_its_own_repository_alone(
    database: Database, keys: OpenPgpKeys, repository: int
) -> None:
    keys.put(repository, private_key())
    with pytest.raises(SealBroken, match="secret_key"):
        OpenPgpKeys(database, Sealer([b"o" * 32])).of(repository)
    other = added(database, "other")
    keys.put(other, private_key())
    (value, _) = stored(database)

    def moved(turn: Turn) -> None:
        turn.connection.execute(
            update(secret).where(secret.c.name.like("openpgp-key/%")).values(value=value)
        )

    database.write(moved)
    with pytest.raises(SealBroken):
        keys.of(other)


def test_a_signature_that_cannot_be_made_is_an_error_and_not_empty(  # rpm R92
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = parse(private_key(), "")
    expired = Tsk.from_bytes(from_gpg("expired").encode())
    public = armor(bytes(expired.extract_certificate()), ArmorKind.PublicKey)
    for private, certificate in (
        (from_gpg("expired"), public),
        (private_key("somebody else"), good.certificate.armoured),
        (good.private, public),
    ):
        material = parse(private_key(), "")
        broken = KeyMaterial(replaced(material, certificate), private, None)
        with pytest.raises(SigningFailed, match="import another one") as caught:
            OpenPgpKey(openpgp._Stored(1, broken, imported=True)).sign(DATA)
        assert "\n" not in str(caught.value), "the library's trace is for nobody"
    monkeypatch.setattr(openpgp, "verified", lambda signer, certificate, data: b"")
    with pytest.raises(SigningFailed, match="empty"):
        OpenPgpKey(openpgp._Stored(1, good, imported=True)).sign(DATA)


def replaced(material: KeyMaterial, armoured: str) -> openpgp.Certificate:
    known = material.certificate
    return openpgp.Certificate(known.fingerprint, known.user_ids, known.created, known.expires, armoured)


# Keys that are replaced


def test_a_new_key_signs_and_the_one_before_stays_published(  # rpm R92
    keys: OpenPgpKeys, repository: int
) -> None:
    first = keys.of(repository)
    assert keys.rotation(repository) == ""
    second = keys.renew(repository)
    assert (second.version, second.imported) == (2, False)
    assert second.previous == (first.certificate,)
    assert second.public == second.certificate.armoured.encode() + first.public
    found = [each.fingerprint.upper() for each in Cert.split_bytes(second.certificate.armoured.encode())]
    assert found == [second.fingerprint]
    third = keys.put(repository, private_key())
    assert third.previous == (second.certificate, first.certificate)
    told = {keys.rotation(repository)}
    left = keys.delete_previous(repository, first.fingerprint.lower())
    assert left.public == (third.certificate.armoured + second.certificate.armoured).encode()
    told.add(keys.rotation(repository))
    assert len(told) == 2 and "" not in told, "what is published changes with the keys"
    with pytest.raises(ObjectNotFound, match=first.fingerprint):
        keys.delete_previous(repository, first.fingerprint)
    with pytest.raises(ObjectNotFound):
        keys.delete_previous(repository, third.fingerprint)


def test_the_same_key_again_changes_nothing(database: Database, keys: OpenPgpKeys, repository: int) -> None:
    turns: list[Turn] = []
    for _ in range(2):
        key = keys.put(repository, from_gpg("protected"), PASSPHRASE, then=turns.append)
        assert (key.version, key.previous, len(turns)) == (1, (), 1)
    assert keys.rotation(repository) != "", "it is none that was made here"


def test_a_key_that_comes_back_is_published_once(keys: OpenPgpKeys, repository: int) -> None:
    old, new = private_key("old"), private_key("new")
    keys.put(repository, old)
    keys.put(repository, new)
    key = keys.put(repository, old)
    assert [each.user_ids for each in (key.certificate, *key.previous)] == [["old"], ["new"]]


def test_only_the_newest_keys_stay_published(keys: OpenPgpKeys, repository: int) -> None:
    for number in range(MOST_PREVIOUS + 3):
        key = keys.put(repository, private_key(str(number)))
    assert len(key.previous) == MOST_PREVIOUS
    assert key.previous[0].user_ids == [str(MOST_PREVIOUS + 1)]


def test_nobodys_change_is_lost(keys: OpenPgpKeys, repository: int) -> None:
    with pytest.raises(PreconditionFailed):
        keys.put(repository, private_key(), if_version=1)
    first = keys.put(repository, private_key(), if_version=None)
    second = keys.put(repository, private_key(), if_version=first.version)
    for change in (
        lambda: keys.put(repository, private_key(), if_version=first.version),
        lambda: keys.delete_previous(repository, first.fingerprint, if_version=first.version),
    ):
        with pytest.raises(PreconditionFailed, match="'tools'"):
            change()
    assert keys.of(repository).fingerprint == second.fingerprint


def test_what_is_no_repository_gets_no_key(database: Database, keys: OpenPgpKeys) -> None:
    for attempt in (keys.of, keys.renew, lambda number: keys.put(number, private_key())):
        with pytest.raises(RepositoryNotFound):
            attempt(7)
    assert stored(database) == []


# Keys that are brought along


def test_a_key_is_brought_along_with_its_passphrase_or_without(
    keys: OpenPgpKeys, repository: int, tmp_path: Path
) -> None:
    for private, passphrase in (
        (from_gpg("protected"), PASSPHRASE),
        (private_key(), ""),
        (private_key(), "that it does not take"),
        (from_gpg("elsewhere"), ""),
    ):
        key = keys.put(repository, private, passphrase)
        assert key.imported
        again = OpenPgpKeys(keys._database, SEALER).of(repository)
        gpg = homed_gpg(tmp_path)
        (tmp_path / "key").write_bytes(again.public)
        gpg("--import", tmp_path / "key")
        (tmp_path / "data").write_bytes(DATA)
        (tmp_path / "data.asc").write_bytes(again.sign(DATA))
        gpg("--verify", tmp_path / "data.asc", tmp_path / "data")
    assert again.certificate.user_ids == ["elsewhere"]


@pytest.mark.parametrize(
    ("special", "passphrase", "part", "words"),
    [
        ("protected", "", "passphrase", "takes a passphrase"),
        ("protected", "open barley", "passphrase", "does not open"),
        ("expired", "", "private_key", "expired on 2020-01-31"),
        ("certifying", "", "private_key", "no part of this key is for signing"),
        ("short", "", "private_key", "too short"),
        ("sha1", "", "private_key", "SHA-1"),
    ],
)
def test_a_key_that_cannot_sign_is_refused_with_the_reason(
    special: str, passphrase: str, part: str, words: str
) -> None:
    with pytest.raises(UnusableKey, match=words) as caught:
        parse(from_gpg(special), passphrase)
    assert caught.value.part == part
    assert passphrase not in str(caught.value) or not passphrase


def test_what_is_not_one_private_key_is_refused_with_the_reason() -> None:
    private = private_key()
    for text, words in (
        (public_key(), "public key"),
        (private + private_key("Bob"), "2 keys"),
        (private + public_key("Bob"), "2 keys"),
        (private[: len(private) // 2], "no OpenPGP key"),
        (private.replace("\n", "\nA", 5), "no OpenPGP key"),
        ("", "no OpenPGP key"),
        (
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n-----END PGP PRIVATE KEY BLOCK-----\n",
            "no OpenPGP key",
        ),
        ("x" * (1 << 20), "no OpenPGP key"),
        ("\x00\xc5\x00" * 1000, "no OpenPGP key"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no OpenPGP key"),
    ):
        with pytest.raises(UnusableKey, match=words):
            parse(text, "")


def test_a_key_that_has_been_revoked_is_refused() -> None:
    key = Tsk.generate("Ada")
    revocation = key.extract_certificate().revoke(key.certifier())
    with pytest.raises(UnusableKey, match="revoked"):
        parse(armor(bytes(key) + bytes(revocation), ArmorKind.SecretKey), "")


def test_a_key_of_a_version_that_gpg_does_not_read_is_refused() -> None:
    key = armor(bytes(Tsk.generate("Ada", profile=Profile.RFC9580)), ArmorKind.SecretKey)
    with pytest.raises(UnusableKey, match="version 4"):
        parse(key, "")


def test_a_passphrase_that_takes_all_memory_is_not_tried() -> None:
    with pytest.raises(UnusableKey, match="64 MiB"):
        parse(costly(from_gpg("protected"), 31), PASSPHRASE)
    with pytest.raises(UnusableKey, match="does not open"):
        parse(costly(from_gpg("protected"), 10), PASSPHRASE)
