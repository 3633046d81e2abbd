"""The way to the web: where it leads, how far, how long, and what is kept; against real servers."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import repeat
from pathlib import Path
from threading import Thread

import pytest
from patience import PATIENCE_S
from web import Asked, Reply, Web, json, web

from layers.errors import SourceError, UnavailableError
from layers.settings import get_settings
from layers.sources.web.addresses import is_public
from layers.sources.web.downloads import download
from layers.sources.web.fetch import Fetcher, Limits, Token

QUICK = {"backoff_s": 0.01}
TEXT = b"the whole file, from its beginning to its end"


@pytest.fixture
def home(private_addresses: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    private_addresses.setenv("HORAD_HOME", str(tmp_path))
    get_settings.cache_clear()
    return tmp_path


def answers(*replies: Reply) -> Callable[[Asked], Reply]:
    """One reply after the other, the last one for ever."""
    waiting = iter(replies)
    return lambda _: next(waiting, replies[-1])


def fetch(served: Web, path: str = "/", **limits: float) -> bytes:
    with Fetcher(served.url, limits=Limits(**{**QUICK, **limits})) as fetcher:
        return fetcher.get(f"{served.url}{path}").content


def keep(served: Web, path: str = "/town.csv") -> Path:
    with Fetcher(served.url, limits=Limits(**QUICK)) as fetcher:
        return download(fetcher, f"{served.url}{path}")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::808:808", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("192.0.0.8", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fec0::1", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("::127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_only_the_public_network_is_public(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]"])
def test_this_machine_is_not_asked_unless_the_settings_let(host: str) -> None:
    with web(answers(Reply(TEXT))) as served:
        port = served.url.rsplit(":", 1)[1]
        with Fetcher(served.url) as fetcher, pytest.raises(SourceError, match="HORAD_ALLOW_PRIVATE_ADDRESSES"):
            fetcher.get(f"http://{host}:{port}/")
    assert served.asked == []


def test_a_redirect_into_the_house_is_not_followed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first hop is let through by name; the second is another name of the same machine, not let through."""
    with web(answers(Reply(TEXT))) as inside:

        def lead(asked: Asked) -> Reply:
            monkeypatch.setenv("HORAD_ALLOW_PRIVATE_ADDRESSES", "false")
            get_settings.cache_clear()
            return Reply(status=302, headers={"Location": f"{inside.url}/secret"})

        with web(lead) as outside, pytest.raises(SourceError, match=r"127\.0\.0\.1, which is no public address"):
            fetch(outside)
    assert inside.asked == []


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/a", "gopher://127.0.0.1/"])
def test_a_redirect_leads_to_nothing_but_the_web(home: Path, location: str) -> None:
    with (
        web(answers(Reply(status=302, headers={"Location": location}))) as served,
        pytest.raises(SourceError, match="only http and https"),
    ):
        fetch(served)


def test_redirects_are_followed_but_not_for_ever(home: Path) -> None:
    def lead(asked: Asked) -> Reply:
        number = int(asked.path[1:] or 0)
        if number == 3:
            return Reply(TEXT)
        return Reply(status=301, headers={"Location": f"/{number + 1}"})

    with web(lead) as served:
        assert fetch(served) == TEXT
        with pytest.raises(SourceError, match="more than 5 redirects"):
            fetch(served, "/4")


def test_a_token_is_shown_to_its_own_server_only(home: Path) -> None:
    token = Token("X-Key", "open sesame")
    assert "sesame" not in repr(token)
    with web(answers(Reply(TEXT))) as other:
        replies = answers(Reply(TEXT), Reply(status=302, headers={"Location": f"{other.url}/elsewhere"}))
        with web(replies) as own, Fetcher(own.url, token=token) as fetcher:
            fetcher.get(f"{own.url}/a")
            fetcher.get(f"{own.url}/b")
            fetcher.get(f"{other.url}/c")
    assert [each.headers.get("x-key") for each in own.asked] == ["open sesame", "open sesame"]
    assert [each.headers.get("x-key") for each in other.asked] == [None, None]


def test_what_fails_for_a_moment_is_asked_for_again(home: Path) -> None:
    cut = Reply(TEXT[:10], length=len(TEXT))
    with web(answers(Reply(status=503), cut, Reply(status=502), Reply(TEXT))) as served:
        assert fetch(served) == TEXT
    assert len(served.asked) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 500, 204])
def test_what_is_refused_is_not_asked_for_again(home: Path, status: int) -> None:
    with (
        web(answers(Reply(status=status, length=None))) as served,
        pytest.raises(SourceError, match=f"can't be had: it answers {status}"),
    ):
        fetch(served, "/town?secret=1")
    assert len(served.asked) == 1


def test_it_waits_as_long_as_it_is_asked_to(home: Path) -> None:
    with web(answers(Reply(status=429, headers={"Retry-After": "1"}), Reply(TEXT))) as served:
        start = time.monotonic()
        assert fetch(served) == TEXT
        assert time.monotonic() - start >= 1
    later = {"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}
    with (
        web(answers(Reply(status=503, headers=later))) as served,
        pytest.raises(UnavailableError, match="it answers 503 Service Unavailable; it asks to wait"),
    ):
        fetch(served)
    assert len(served.asked) == 1


def test_where_nobody_listens_it_gives_up(home: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        with (
            Fetcher(url, limits=Limits(**QUICK)) as fetcher,
            pytest.raises(UnavailableError, match=r"can't be had right now: .*refused.* \(asked 4 times\)"),
        ):
            fetcher.get(f"{url}/town?token=secret")


def test_an_unknown_name_is_told() -> None:
    with (
        Fetcher("http://town.invalid", limits=Limits(attempts=1)) as fetcher,
        pytest.raises(UnavailableError, match=r"the name town\.invalid can't be looked up"),
    ):
        fetcher.get("http://town.invalid/")


def test_errors_dont_tell_the_query(home: Path) -> None:
    with web(answers(Reply(status=404))) as served, pytest.raises(SourceError) as caught:
        fetch(served, "/town?token=sesame")
    assert "sesame" not in str(caught.value)


def test_an_endless_answer_is_cut_short(home: Path) -> None:
    with web(answers(Reply(repeat(b"x" * 65536), length=None))) as served:
        with pytest.raises(SourceError, match=r"gives more than 1 MB \(HORAD_MAX_DOWNLOAD_MB\)"):
            fetch(served, max_bytes=1024**2)
        assert len(served.asked) == 1


def test_an_answer_that_announces_too_much_is_not_begun(home: Path) -> None:
    started: list[bytes] = []

    def body() -> Iterator[bytes]:
        for _ in range(100):
            started.append(b"x" * 1024**2)
            yield started[-1]

    with (
        web(lambda _: Reply(body(), length=100 * 1024**2)) as served,
        pytest.raises(SourceError, match="more than 1 MB"),
    ):
        fetch(served, max_bytes=1024**2)
    assert len(started) < 20


def empty_blocks() -> Iterator[bytes]:
    """A gzip stream that never ends and never holds anything."""
    yield gzip.compress(b"")[:10]
    yield from repeat(b"\x00\x00\x00\xff\xff" * 8192)


@pytest.mark.parametrize("bomb", [gzip.compress(bytes(64 * 1024**2)), empty_blocks()], ids=["huge", "empty"])
def test_what_is_packed_counts_unpacked(home: Path, bomb: bytes | Iterator[bytes]) -> None:
    packed = Reply(bomb, headers={"Content-Encoding": "gzip"}, length=-1 if isinstance(bomb, bytes) else None)
    with web(answers(packed)) as served, pytest.raises(SourceError, match="more than 1 MB"):
        fetch(served, max_bytes=1024**2)


def test_all_pages_count_together(home: Path) -> None:
    limits = Limits(max_bytes=2 * len(TEXT), **QUICK)
    with web(answers(Reply(TEXT))) as served, Fetcher(served.url, limits=limits) as fetcher:
        fetcher.get(served.url)
        fetcher.get(served.url)
        with pytest.raises(SourceError, match="gives more than"):
            fetcher.get(served.url)


def test_packed_answers_are_unpacked(home: Path) -> None:
    two_parts = gzip.compress(TEXT[:5]) + gzip.compress(TEXT[5:])
    for body in (gzip.compress(TEXT), two_parts, b""):
        with web(answers(Reply(body, headers={"Content-Encoding": "gzip"}))) as served:
            assert fetch(served) == (TEXT if body else b"")


@pytest.mark.parametrize(
    ("coding", "body", "why"),
    [
        ("gzip", gzip.compress(TEXT)[:-9], "the packed answer ends too early"),
        ("gzip", TEXT, "the answer can't be unpacked"),
        ("br", TEXT, "in the coding br, which it wasn't asked for"),
    ],
)
def test_what_cant_be_unpacked_is_no_answer(home: Path, coding: str, body: bytes, why: str) -> None:
    with (
        web(answers(Reply(body, headers={"Content-Encoding": coding}))) as served,
        pytest.raises(SourceError, match=why),
    ):
        fetch(served)


def slowly(pause_s: float) -> Iterator[bytes]:
    while True:
        time.sleep(pause_s)
        yield b"."


def test_the_time_for_the_whole_is_limited(home: Path) -> None:
    with web(answers(Reply(slowly(0.05), length=None))) as served:
        start = time.monotonic()
        with pytest.raises(UnavailableError, match=r"wasn't done within 0\.5 s \(HORAD_DOWNLOAD_TIMEOUT_S\)"):
            fetch(served, total_s=0.5)
        assert time.monotonic() - start < PATIENCE_S, "the answer itself never ends"


def test_a_head_that_never_ends_is_not_waited_for(home: Path) -> None:
    def drip(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            for number in range(2_000):
                connection.sendall(f"X-{number}: y\r\n".encode())
                time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=drip, args=[listening])
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        start = time.monotonic()
        with Fetcher(url, limits=Limits(total_s=0.5)) as fetcher, pytest.raises(UnavailableError, match="wasn't done"):
            fetcher.get(url)
        assert time.monotonic() - start < PATIENCE_S
        thread.join()


def test_an_answer_that_is_no_json_is_told(home: Path) -> None:
    with web(answers(Reply(b"<html>"))) as served, Fetcher(served.url) as fetcher:
        answer = fetcher.get(f"{served.url}/town?token=sesame")
        with pytest.raises(SourceError, match=r"/town didn't answer in JSON"):
            answer.json()


def test_a_form_is_posted(home: Path) -> None:
    with web(lambda asked: json(asked.form)) as served, Fetcher(served.url) as fetcher:
        assert fetcher.post(served.url, {"ids": "1,2", "где": "тут"}).json() == {"ids": "1,2", "где": "тут"}


@pytest.mark.parametrize("known_by", [{"ETag": '"v1"'}, {"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}])
def test_an_unchanged_file_is_not_sent_again(home: Path, known_by: dict[str, str]) -> None:
    def answer(asked: Asked) -> Reply:
        known = asked.headers.get("if-none-match") or asked.headers.get("if-modified-since")
        if known in known_by.values():
            return Reply(status=304, length=None)
        return Reply(TEXT, headers=known_by)

    with web(answer) as served:
        kept = keep(served)
        stamp = kept.stat().st_mtime_ns
        assert (kept.name, kept.read_bytes()) == ("town.csv", TEXT)
        assert keep(served).stat().st_mtime_ns == stamp
        kept.unlink()
        assert keep(served).read_bytes() == TEXT


def test_a_changed_file_takes_the_place_of_the_old_one(home: Path) -> None:
    with web(answers(Reply(b"old", headers={"ETag": "1"}), Reply(b"new", headers={"ETag": "2"}))) as served:
        assert keep(served).read_bytes() == b"old"
        assert keep(served).read_bytes() == b"new"
    assert served.asked[1].headers["if-none-match"] == "1"


def test_a_file_is_replaced_only_by_a_whole_one(home: Path) -> None:
    cut = Reply(TEXT[:10], headers={"ETag": "2"}, length=len(TEXT))
    with web(answers(Reply(TEXT, headers={"ETag": "1"}), cut)) as served:
        kept = keep(served)
        with pytest.raises(UnavailableError, match="can't be had right now"):
            keep(served)
    assert kept.read_bytes() == TEXT
    assert not list(home.rglob("*.part"))


@pytest.mark.parametrize(
    ("path", "headers", "name"),
    [
        ("/a/town.gpkg", {}, "town.gpkg"),
        ("/a/%D0%B4%D0%BE%D0%BC.csv?v=1", {}, "дом.csv"),
        ("/export", {"Content-Type": "text/csv; charset=utf-8"}, "export.csv"),
        ("/export", {"Content-Disposition": 'attachment; filename="roads.geojson"'}, "roads.geojson"),
        ("/export", {"Content-Disposition": 'attachment; filename="../../.ssh/keys.txt"'}, "_.._.ssh_keys.txt"),
        ("/", {"Content-Type": "application/geo+json"}, "download.geojson"),
        ("/a/..%2f..%2fb.csv", {}, "b.csv"),
    ],
)
def test_a_file_is_kept_under_a_harmless_name(home: Path, path: str, headers: dict[str, str], name: str) -> None:
    with web(answers(Reply(TEXT, headers=headers))) as served:
        kept = keep(served, path)
    assert kept.name == name
    assert home / "downloads" in kept.parents


def test_a_packed_file_stays_packed(home: Path) -> None:
    packed = gzip.compress(TEXT)
    with web(answers(Reply(packed, headers={"Content-Encoding": "gzip"}))) as served:
        assert keep(served, "/town.osm.gz").read_bytes() == packed
        assert keep(served, "/town.osm").read_bytes() == TEXT


def names(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
    """Let town.test have these addresses, one answer after the other, the last one for ever."""
    real, waiting = socket.getaddrinfo, iter(answers)

    def look_up(host: str, port: int, *rest: int, **options: int) -> list[tuple[object, ...]]:
        if host != "town.test":
            return real(host, port, *rest, **options)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in next(waiting, answers[-1])]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def test_a_name_that_changes_its_address_doesnt_lead_into_the_house(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, ["8.8.8.8"], ["127.0.0.1"])
    with web(answers(Reply(TEXT))) as inside:
        url = inside.url.replace("127.0.0.1", "town.test")
        limits = Limits(attempts=2, connect_s=0.2, **QUICK)
        with (
            Fetcher(url, limits=limits) as fetcher,
            pytest.raises(SourceError, match=r"127\.0\.0\.1, which is no public"),
        ):
            fetcher.get(url)
    assert inside.asked == []


def test_of_several_addresses_the_one_that_answers_is_taken(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, ["127.0.0.2", "127.0.0.1"])
    with web(answers(Reply(TEXT))) as served:
        url = served.url.replace("127.0.0.1", "town.test")
        with Fetcher(url, limits=Limits(attempts=1)) as fetcher:
            assert fetcher.get(url).content == TEXT
    assert served.asked[0].headers["host"].startswith("town.test:")
