"""Which addresses are refused (proxy R85)."""

import pytest

from artifactd.upstream.guard import host_refused, refused

PUBLIC = [
    *("8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "192.167.0.1", "100.63.0.1", "100.128.0.1"),
    *("2606:4700::1111", "2a00:1450::1"),
    *("::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"),
]
PRIVATE = [
    *("127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("100.64.0.1", "100.127.255.255", "192.0.0.1", "198.18.0.1", "203.0.113.1", "240.0.0.1"),
    *("192.88.99.1", "::1", "fc00::1", "fd12:3456::1", "fec0::1", "2001:db8::1", "100::1"),
    # Addresses that stand for others.
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:127.0.0.1", "::127.0.0.1", "::10.1.2.3"),
    *("64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::808:808", "2002:7f00:1::", "2002:c0a8:101::1"),
    "2001:0:808:808:0:0:f5ff:fffe",  # Teredo: the client's address is written inverted: 10.0.0.1
]
NEVER = [
    *("0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "239.1.2.3", "255.255.255.255", "ff02::1", "ff05::2"),
    *("169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254"),
    *("100.100.100.200", "168.63.129.16", "192.0.0.192"),
    *("::ffff:169.254.169.254", "::ffff:0.0.0.0", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    assert not refused(address)
    assert not refused(address, allow_private=True)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_refused_unless_they_are_meant(address: str) -> None:
    assert refused(address)
    assert not refused(address, allow_private=True)


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_nobodys_upstream(address: str) -> None:
    assert refused(address)
    assert refused(address, allow_private=True)


@pytest.mark.parametrize("host", ["localhost", "localhost.", "registry.localhost", "ip6-localhost"])
def test_names_of_this_machine_are_refused_unless_they_are_meant(host: str) -> None:
    assert host_refused(host)
    assert not host_refused(host, allow_private=True)


@pytest.mark.parametrize("host", ["metadata", "metadata.google.internal", "metadata.google.internal."])
def test_names_of_metadata_services_are_always_refused(host: str) -> None:
    assert host_refused(host)
    assert host_refused(host, allow_private=True)


def test_other_names_are_judged_by_their_addresses() -> None:
    assert not host_refused("upstream.example")
    assert not host_refused("localhost.example")
    assert host_refused("127.0.0.1")
    assert host_refused("::1")


def test_what_is_no_address_is_not_judged() -> None:
    with pytest.raises(ValueError, match="upstream"):
        refused("upstream.example")
