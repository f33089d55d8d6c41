"""Which address counts, whatever the headers claim."""

import string
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from structlog.testing import capture_logs

from service.http.client_address import MOST_HOPS, ClientAddresses

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
XFF, FORWARDED = "X-Forwarded-For", "Forwarded"


def source(peer: str | None, *headers: tuple[str, str]) -> str:
    return ClientAddresses(PROXIES).source_of(peer, CIMultiDict(headers))


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::FFFF:CB00:7107", "203.0.113.7"),
        ("::ffff:203.0.113.7%eth0", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:0DB8:0001:0002::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        (None, "local"),
        ("", "local"),
        ("/run/tokenhouse.sock", "local"),
    ],
)
def test_one_source_has_one_spelling(peer: str | None, expected: str) -> None:
    assert source(peer) == expected


@pytest.mark.parametrize("header", [(XFF, "198.51.100.1"), (FORWARDED, "for=198.51.100.1")])
@pytest.mark.parametrize(("peer", "expected"), [("203.0.113.7", "203.0.113.7"), (None, "local")])
def test_an_untrusted_peer_cannot_name_another(peer: str | None, expected: str, header: tuple[str, str]) -> None:
    assert source(peer, header) == expected


def test_nobody_is_trusted_by_default() -> None:
    assert ClientAddresses(()).source_of("127.0.0.1", CIMultiDict({XFF: "198.51.100.1"})) == "127.0.0.1"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("6.6.6.6, 203.0.113.7", "203.0.113.7"),
        ("6.6.6.6, 203.0.113.7,10.1.1.1 ,\t10.2.2.2", "203.0.113.7"),
        ("6.6.6.6, ::ffff:203.0.113.7, ::ffff:10.0.0.9", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("[2001:db8::1]:4711", "2001:db8::/64"),
        ("[2001:db8::1]", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("[fe80::1%eth0]:4711", "fe80::/64"),
        ("203.0.113.7, fd00::1%eth0", "203.0.113.7"),
        ("203.0.113.7, fd00::1", "203.0.113.7"),
        ("10.9.9.9, 10.1.1.1", "10.9.9.9"),  # everyone is trusted: the furthest that is known
        ("203.0.113.7, unknown", "10.0.0.1"),
        ("203.0.113.7, unknown, 10.1.1.1", "10.1.1.1"),
        ("203.0.113.7,", "10.0.0.1"),
        ("", "10.0.0.1"),
        ("203.0.113.07", "10.0.0.1"),
        ("203.0.113.7:port", "10.0.0.1"),
        ("203.0.113.7%0", "10.0.0.1"),
        ("[203.0.113.7", "10.0.0.1"),
        ("2001:db8::1::2", "10.0.0.1"),
        ("²03.0.113.7", "10.0.0.1"),
        ("\udcff", "10.0.0.1"),
    ],
)
def test_forwarded_for_is_read_from_the_right(value: str, expected: str) -> None:
    assert source("10.0.0.1", (XFF, value)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("for=203.0.113.7", "203.0.113.7"),
        ("for=6.6.6.6, for=203.0.113.7;proto=https;by=10.0.0.1", "203.0.113.7"),
        ('FOR="203.0.113.7:4711" ; host="a,b;for=6.6.6.6"', "203.0.113.7"),
        ('proto=https; For="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::/64"),
        ('for=6.6.6.6,for="[2001:db8::1]",for=10.1.1.1', "2001:db8::/64"),
        (r'for=203.0.113.7;host="evil\", for=6.6.6.6;x=\""', "203.0.113.7"),
        ('for=203.0.113.7;host="evil", for=6.6.6.6', "6.6.6.6"),
        ("for=203.0.113.7, for=unknown", "10.0.0.1"),
        ("for=203.0.113.7, for=_hidden, for=10.1.1.1", "10.1.1.1"),
        ("for=203.0.113.7, proto=https", "10.0.0.1"),
        ('for=", for=203.0.113.7', "10.0.0.1"),
        ("for=203.0.113.7,", "10.0.0.1"),
        ("for = 203.0.113.7", "10.0.0.1"),
        ("203.0.113.7", "10.0.0.1"),
        ("", "10.0.0.1"),
    ],
)
def test_the_standard_header_is_read_from_the_right(value: str, expected: str) -> None:
    assert source("10.0.0.1", (FORWARDED, value)) == expected


def test_lines_of_one_header_are_one_list_in_order() -> None:
    assert source("10.0.0.1", (XFF, "203.0.113.7"), (XFF, "198.51.100.1, 10.1.1.1")) == "198.51.100.1"
    assert source("10.0.0.1", (XFF, "203.0.113.7"), (XFF, "10.1.1.1")) == "203.0.113.7"
    assert source("10.0.0.1", (FORWARDED, "for=203.0.113.7"), (FORWARDED, "for=10.1.1.1")) == "203.0.113.7"
    assert source("10.0.0.1", (FORWARDED, 'for="'), (FORWARDED, "for=198.51.100.1")) == "198.51.100.1"


def test_the_common_header_goes_before_the_standard_one() -> None:
    assert source("10.0.0.1", (FORWARDED, "for=6.6.6.6"), (XFF, "203.0.113.7")) == "203.0.113.7"
    assert source("10.0.0.1", (FORWARDED, "for=6.6.6.6"), (XFF, "10.1.1.1")) == "10.1.1.1"


def test_no_more_hops_are_read_than_a_chain_can_have() -> None:
    proxies = ", ".join(["10.1.1.1"] * (MOST_HOPS - 1))
    assert source("10.0.0.1", (XFF, f"203.0.113.7, {proxies}")) == "203.0.113.7"
    assert source("10.0.0.1", (XFF, f"203.0.113.7, 10.2.2.2, {proxies}")) == "10.2.2.2"
    assert source("10.0.0.1", *[(XFF, "10.1.1.1")] * MOST_HOPS, (XFF, "10.1.1.1")) == "10.1.1.1"
    elements = ", ".join(["for=10.1.1.1"] * (MOST_HOPS - 1))
    assert source("10.0.0.1", (FORWARDED, f"for=203.0.113.7, for=10.2.2.2, {elements}")) == "10.2.2.2"


@given(st.lists(st.tuples(st.sampled_from([XFF, FORWARDED]), st.text() | st.text('for=",;[]:.\\% 10afAF')), max_size=4))
def test_no_header_raises_and_every_answer_is_a_source(headers: list[tuple[str, str]]) -> None:
    answer = source("10.0.0.1", *headers)
    assert set(answer) <= set(string.hexdigits.lower() + ":./")
    assert ip_network(answer)


@pytest.mark.parametrize("header", [(XFF, "198.51.100.1"), ("forwarded", "for=198.51.100.1")])
@pytest.mark.parametrize("peer", ["203.0.113.7", None])
def test_one_warning_tells_of_a_proxy_that_is_not_trusted(peer: str | None, header: tuple[str, str]) -> None:
    addresses = ClientAddresses(PROXIES)
    with capture_logs() as logs:
        addresses.source_of("203.0.113.7", CIMultiDict())
        addresses.source_of("10.0.0.1", CIMultiDict([header]))
        assert logs == []
        addresses.source_of(peer, CIMultiDict([header]))
        addresses.source_of(peer, CIMultiDict([header]))
    assert [line["log_level"] for line in logs] == ["warning"]
