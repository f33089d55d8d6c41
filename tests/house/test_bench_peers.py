"""The comparison with peers: what is left out is named, and the figures are those of the loads."""

import json
import re
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from time import sleep

import pytest

from tests.load import bench_peers, report
from tests.load.client import Answer, Connection
from tests.load.figures import rate_since
from tests.load.instances import Stage, free_port, resident
from tests.load.peers import environments, measure, table
from tests.load.peers.contenders import BetterAuth, Contender, FastApiUsers, Tokenhouse
from tests.load.peers.environments import MissingPeerError
from tests.load.peers.measure import Turn
from tests.load.plan import Plan

NOWHERE = Stage("", "", Path(), "")
PARENT = """
import subprocess, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Ready(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.end_headers()

child = subprocess.Popen(["sleep", "600"])
open(sys.argv[2], "w").write(str(child.pid))
HTTPServer(("127.0.0.1", int(sys.argv[1])), Ready).serve_forever()
"""


def turn(*, to_raw: float = 0.9, busy: float = 8.0, is_more: bool = False) -> Turn:
    return Turn(8.0, {1: 4.0, 4: 7.0, 16: 8.0 * to_raw}, 4321.0, 2.5, busy, is_more, 90.4)


class Pretending(Tokenhouse):
    def __init__(self, name: str, error: Exception | None = None) -> None:
        self.NAME, self._error = name, error

    async def prepare(self, place: Stage, accounts: int) -> None:
        assert place is NOWHERE
        assert accounts > max(measure.MEMBERS)
        if self._error:
            raise self._error


async def test_a_peer_that_is_not_there_is_left_out_and_named_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    async def members(*_: object) -> list[bytes]:
        return [b"GET"]

    monkeypatch.setattr(bench_peers, "members", members)
    there = Pretending("there")
    absent = Pretending("absent", MissingPeerError("trying\nno registry"))
    broken = Pretending("broken", RuntimeError("the server did not start: no such module"))
    ready, missing = await bench_peers._prepare(NOWHERE, [absent, there, broken])
    assert ready == {there: [b"GET"]}
    text = table.page(["- a machine"], {there: [turn()]}, missing, Plan())
    assert "- Not measured: absent (no registry)\n" in text
    assert "- Not measured: broken (the server did not start: no such module)" in text
    assert "Not measured: there" not in text


async def test_every_second_round_has_the_reverse_order(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    async def measured(_: Stage, contender: Contender, *__: object) -> Turn:
        order.append(contender.NAME)
        return turn()

    monkeypatch.setattr(bench_peers, "turn", measured)
    turns = await bench_peers._measure(NOWHERE, {Pretending(name): [] for name in "abc"}, Plan())
    assert "".join(order) == "abccbaabc"
    assert [len(each) for each in turns.values()] == [3, 3, 3]


def test_the_table_shows_medians_and_says_where_the_watch_stopped_first() -> None:
    rounds = [turn(to_raw=0.5, busy=9000.0, is_more=True), turn(to_raw=0.7, busy=5000.0), turn(to_raw=0.9, busy=7000.0)]
    shown = " | ".join(table.cells("one", rounds))
    assert shown == "one | 4.0 | 7.0 | 5.6 | 8.0 | 0.70 | 4 321 | 2.5 ms | > 7.0 s | 90 MB"
    assert table.cells("one", [turn(busy=30.9)])[-2] == "30.9 ms"
    rows = table.table({Tokenhouse(): rounds}).splitlines()
    assert {row.count("|") for row in rows} == {len(table.COLUMNS) + 1}


def test_the_page_has_a_place_for_the_table() -> None:
    page = bench_peers.PAGE.read_text(encoding="utf-8")
    assert page.count(bench_peers.MARK) == 1
    assert page.index(bench_peers.MARK) < page.index(report.END)


@pytest.mark.parametrize(
    ("ends", "rate"),
    [
        ([float(number) for number in range(1, 9)], 1.0),
        ([second + 0.001 * one for second in (2.0, 4.0, 6.0) for one in range(8)], 4.0),  # eight every two seconds
        ([2.0] * 8, 4.0),  # a window with one group only
        ([], 0.0),
    ],
)
def test_a_rate_counts_answers_that_come_in_groups_right(ends: Sequence[float], rate: float) -> None:
    start = 100.0
    assert rate_since(start, [start + end for end in ends]) == pytest.approx(rate, rel=0.01)


@pytest.mark.parametrize("pieces", [1, 2, 7])
@pytest.mark.parametrize(
    ("said", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", b"hello"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", b"hello"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\n\r\n", b""),
    ],
)
def test_the_generator_understands_how_each_server_ends_its_answers(said: bytes, body: bytes, pieces: int) -> None:
    connection, answers = Connection(), list[Answer]()
    connection._then = answers.append
    size = max(1, len(said) // pieces)
    for start in range(0, len(said), size):
        assert not answers
        connection.data_received(said[start : start + size])
    assert [(one.status, one.body) for one in answers] == [(200, body)]


def test_requests_carry_what_a_login_gave() -> None:
    head = b"HTTP/1.1 200 OK\r\nset-cookie: one=1; Path=/; HttpOnly\r\nContent-Type: text/plain\r\nSet-Cookie: two=b.c; Max-Age=9\r\n"
    assert b"\r\ncookie: one=1; two=b.c\r\n" in BetterAuth().me(Answer(200, head, b"{}"))
    assert b"\r\nauthorization: Bearer a.b\r\n" in FastApiUsers().me(Answer(200, b"", b'{"access_token": "a.b"}'))
    head, _, body = FastApiUsers().login(7).partition(b"\r\n\r\n")
    assert b"username=bench-7%40example.com" in body
    assert int(re.findall(rb"Content-Length: (\d+)", head)[0]) == len(body)


PINNED = [*environments.FILES.glob("*/requirements.txt"), *environments.FILES.glob("*/package.json")]


@pytest.mark.parametrize("wanted", PINNED, ids=lambda wanted: wanted.parent.name)
def test_versions_of_peers_are_exact(wanted: Path) -> None:
    text = wanted.read_text(encoding="utf-8")
    versions = list(json.loads(text)["dependencies"].values()) if wanted.suffix == ".json" else text.split()
    assert versions
    assert [one for one in versions if not re.fullmatch(r"([\w\[\]-]+==)?\d+(\.\d+)+", one)] == []


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The programs that were run to install, none of which does anything."""
    programs: list[str] = []
    monkeypatch.setattr(environments, "_run", lambda command: programs.append(Path(command[0]).name))
    monkeypatch.setattr(environments, "ENVIRONMENTS", tmp_path / "environments")
    monkeypatch.setattr(environments, "FILES", tmp_path / "files")
    (tmp_path / "files" / "peer").mkdir(parents=True)
    return programs


def test_an_environment_is_made_once_and_again_when_its_versions_change(ran: list[str], tmp_path: Path) -> None:
    wanted = tmp_path / "files" / "peer" / "requirements.txt"
    wanted.write_text("bcrypt==5.0.0\n")
    place = environments.python("peer")
    assert ran.pop() == "pip"
    ran.clear()
    (place / "of-before").touch()
    environments.python("peer")
    assert ran == []
    wanted.write_text("bcrypt==5.0.1\n")
    environments.python("peer")
    assert ran.pop() == "pip"
    assert not (place / "of-before").exists()


def test_an_environment_that_was_not_finished_is_made_anew(
    ran: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(command: Sequence[str | Path]) -> None:
        raise MissingPeerError("no registry")

    (tmp_path / "files" / "peer" / "requirements.txt").write_text("bcrypt==5.0.0\n")
    with monkeypatch.context() as patched:
        patched.setattr(environments, "_run", fails)
        with pytest.raises(MissingPeerError):
            environments.python("peer")
    environments.python("peer")
    assert "pip" in ran


def test_without_node_its_peer_is_missing(ran: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(MissingPeerError, match="no node on PATH"):
        environments.node("peer")
    assert ran == []


def test_an_installation_that_fails_gives_the_last_line_of_its_complaint() -> None:
    with pytest.raises(MissingPeerError, match=r"^no matching distribution$"):
        environments._run(["sh", "-c", "echo trying >&2; echo no matching distribution >&2; exit 1"])


def test_a_peer_ends_with_all_its_processes(tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "child"
    place = Stage("", "", tmp_path, "")
    with place.run([sys.executable, "-c", PARENT, str(port), file], port, {}, leads=True) as instance:
        child = Path("/proc", file.read_text(), "stat")
        assert " (sleep) " in child.read_text()
        assert measure._resident(instance) == resident(instance.process.pid)  # the larger of the two
    assert instance.process.returncode == -signal.SIGKILL
    for _ in range(500):
        if not child.exists() or ") Z " in child.read_text():  # until somebody asks how it ended
            break
        sleep(0.01)
    else:
        pytest.fail("the child lives on")
