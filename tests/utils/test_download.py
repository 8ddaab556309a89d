"""Downloads from servers that break, lie, are silent, and from several processes at once."""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import warnings
from functools import partial

import pytest

from rushlight.utils import download as module
from rushlight.utils.download import DownloadError, is_whole, md5_of
from tests.utils.serving import (
    chunked,
    garbage,
    moved,
    other_part,
    silent,
    status,
    whole,
    without_length,
    without_parts,
)

CONTENT = bytes(range(256)) * 400
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
OTHER = b"<!DOCTYPE html>please pay"
download = partial(module.download, timeout=20, progress=False)


@pytest.fixture
def goal(tmp_path):
    return tmp_path / "folder" / "file.bin"


def names(goal):
    return sorted(path.name for path in goal.parent.iterdir())


def leave_part(goal, content):
    goal.parent.mkdir(parents=True, exist_ok=True)
    goal.with_name(f".{goal.name}.part").write_bytes(content)


GOOD = {
    "whole": [whole(CONTENT)],
    "without a length": [without_length(CONTENT)],
    "in chunks": [chunked(CONTENT)],
    "broken twice": [whole(CONTENT, stop=1000), whole(CONTENT, stop=70_000), whole(CONTENT)],
    "broken, then without parts": [whole(CONTENT, stop=1000), without_parts(CONTENT)],
    "broken, then another part": [whole(CONTENT, 999), other_part(CONTENT), whole(CONTENT)],
    "silent at first": [silent(CONTENT), whole(CONTENT)],
    "silent in the middle": [silent(CONTENT, after=5000), whole(CONTENT)],
    "busy at first": [status(503), status(429), whole(CONTENT)],
    "no HTTP at first": [garbage, whole(CONTENT)],
    "chunks break": [chunked(CONTENT[:9], ended=False), whole(CONTENT)],
}


@pytest.mark.parametrize("md5", [None, MD5], ids=["unchecked", "checked"])
@pytest.mark.parametrize("name", GOOD)
def test_the_file_comes_whole(server, goal, name, md5):
    url = server.at("/file", *GOOD[name])
    timeout = 0.3 if "silent" in name else 20
    assert download(url, goal, md5=md5, timeout=timeout) == goal
    assert goal.read_bytes() == CONTENT
    assert names(goal) == ["file.bin"]


def test_a_server_that_knows_no_such_part(server, goal):
    download(server.at("/file", whole(CONTENT, 999), status(416), whole(CONTENT)), goal, md5=MD5)
    assert server.ranges() == [None, "bytes=999-", None]


def test_only_the_rest_is_asked_for(server, goal):
    url = server.at("/file", whole(CONTENT, stop=1000), whole(CONTENT, stop=500), whole(CONTENT))
    download(url, goal, md5=MD5)
    assert server.ranges() == [None, "bytes=1000-", "bytes=1500-"]


def test_without_a_checksum_the_server_must_say_that_it_is_the_same_file(server, goal):
    url = server.at("/file", whole(b"x" * 5000, 1000, '"old"'), whole(CONTENT, None, '"new"'))
    download(url, goal)
    assert goal.read_bytes() == CONTENT
    assert server.asked[1][1]["If-Range"] == '"old"'
    url = server.at("/same", whole(CONTENT, 1000, '"e"'), whole(CONTENT, None, '"e"'))
    download(url, goal.with_name("same"))
    assert server.ranges()[2:] == [None, "bytes=1000-"]


def test_an_earlier_call_is_gone_on_from(server, goal):
    url = server.at("/file", whole(CONTENT))
    leave_part(goal, CONTENT[:50_000])
    download(url, goal, md5=MD5)
    assert goal.read_bytes() == CONTENT
    assert server.ranges() == ["bytes=50000-"]


def test_nothing_is_left_to_ask_for(server, goal):
    leave_part(goal, CONTENT)
    download(server.at("/file", whole(CONTENT)), goal, md5=MD5)
    assert goal.read_bytes() == CONTENT


@pytest.mark.parametrize("left", [b"x" * 100, b"x" * len(CONTENT), b"x" * (len(CONTENT) + 1)])
@pytest.mark.parametrize("md5", [None, MD5], ids=["unchecked", "checked"])
def test_what_was_left_may_be_of_another_file(server, goal, left, md5):
    leave_part(goal, left)
    download(server.at("/file", whole(CONTENT)), goal, md5=md5)
    assert goal.read_bytes() == CONTENT


def test_a_file_that_is_there_is_not_fetched(server, goal):
    goal.parent.mkdir()
    goal.write_bytes(CONTENT)
    for wanted in ({}, {"md5": MD5}, {"md5": MD5.upper()}, {"size": len(CONTENT)}):
        download(server.at("/file"), goal, **wanted)
    assert not server.asked


def test_a_wrong_file_is_replaced(server, goal):
    goal.parent.mkdir()
    goal.write_bytes(OTHER)
    download(server.at("/file", whole(CONTENT)), goal, md5=MD5)
    assert goal.read_bytes() == CONTENT


def test_mirrors_are_asked_in_turn(server, goal):
    urls = [
        server.at("/gone", status(404)),
        server.at("/paywall", whole(OTHER)),
        server.at("/broken", whole(CONTENT, stop=0)),
        server.at("/good", whole(CONTENT)),
        server.at("/never", whole(CONTENT)),
    ]
    download(urls, goal, md5=MD5)
    assert goal.read_bytes() == CONTENT
    paths = [path for path, _ in server.asked]
    assert (paths.count("/gone"), paths.count("/paywall"), paths.count("/never")) == (1, 1, 0)


def test_what_one_mirror_began_the_next_may_finish(server, goal):
    half = [whole(CONTENT, stop=1000), *[status(500)] * 9]
    urls = [server.at("/half", *half), server.at("/rest", whole(CONTENT))]
    download(urls, goal, md5=MD5)
    assert server.ranges()[-1] == "bytes=1000-"


def test_redirects_are_followed(server, goal):
    server.at("/new", whole(CONTENT))
    download(server.at("/old", moved("/new")), goal, md5=MD5)
    assert goal.read_bytes() == CONTENT


BAD = {
    "not there": ([status(404)], {}, "HTTP 404"),
    "not allowed": ([status(403)], {}, "HTTP 403"),
    "out of order": ([status(500)], {}, "HTTP 500 .*5 times"),
    "never whole": ([without_parts(CONTENT, 9)], {}, r"broke off after 9 of 102,400.*5 times"),
    "always silent": ([silent(CONTENT)], {"timeout": 0.1}, r"no answer: timed out \(5 times"),
    "no HTTP": ([garbage], {}, "no answer"),
    "another file": ([whole(OTHER)], {"md5": MD5}, "checksum 684.*beginning b'<!DOCTYPE html>"),
    "another size": ([whole(OTHER)], {"size": 99}, "offers 25 bytes, where 99 were expected"),
    "no size, too long": ([without_length(CONTENT)], {"size": 99}, "more than the 99 bytes"),
    "no size, too short": ([without_length(OTHER)], {"size": 99}, "gave 25 bytes"),
    "in circles": ([moved("/file")], {}, "HTTP 302"),
}


@pytest.mark.parametrize("name", BAD)
def test_the_error_says_what_was_answered(server, goal, name):
    answers, wanted, words = BAD[name]
    url = server.at("/file", *answers)
    with pytest.raises(DownloadError, match=words) as caught:
        download(url, goal, **wanted)
    message = str(caught.value)
    assert message.startswith("cannot download file.bin")
    assert url in message
    assert f"put it at {goal}" in message
    assert not goal.exists()


def test_either_kind_of_error_is_caught(server, goal):
    with pytest.raises(RuntimeError):
        download(server.at("/gone"), goal)
    with pytest.raises(urllib.error.URLError):
        download(server.at("/gone"), goal)
    assert names(goal) == []


def test_no_network(goal, monkeypatch):
    def unknown(*arguments, **options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    urls = ["http://127.0.0.1/a", "http://nowhere.invalid/b", "odd://x", "http://127.0.0.1:x/"]
    with pytest.raises(DownloadError) as caught:
        download(urls, goal, md5=MD5, size=5)
    message = str(caught.value)
    assert f"a file of 5 bytes with the MD5 checksum {MD5}" in message
    for url in urls:
        assert f"\n  {url}: " in message
    assert message.count("Name or service not known") == 2


def test_what_came_is_kept_for_the_next_call(server, goal):
    url = server.at("/file", whole(CONTENT, stop=5000), status(404))
    with pytest.raises(DownloadError, match="5,000 bytes are kept"):
        download(url, goal, md5=MD5)
    assert names(goal) == [".file.bin.part"]
    download(server.at("/file", whole(CONTENT)), goal, md5=MD5)
    assert server.ranges()[-1] == "bytes=5000-"


def test_a_checksum_that_never_fits_ends(server, goal):
    url = server.at("/file", *[whole(OTHER, stop=5), whole(OTHER)] * 20)
    with pytest.raises(DownloadError, match="gave 25 bytes"):
        download(url, goal, md5=MD5)
    assert names(goal) == []


def test_too_little_room(server, goal, monkeypatch):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: type("", (), {"free": 1000}))
    with pytest.raises(OSError, match="102,400 bytes are to come, and 1,000 are free"):
        download(server.at("/file", whole(CONTENT)), goal)


def test_threads_fetch_it_once(server, goal):
    url, found = server.at("/file", whole(CONTENT)), []
    threads = [
        threading.Thread(target=lambda: found.append(download(url, goal, md5=MD5)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [goal] * 8
    assert len(server.asked) == 1
    assert names(goal) == ["file.bin"]


PROGRAM = """
import sys
from rushlight.utils import download
download._PAUSES = (0,)
download.download(sys.argv[1], sys.argv[2], md5=sys.argv[3], progress=False)
"""


def test_a_process_that_is_killed_leaves_its_part_to_the_next(server, goal):
    url = server.at("/file", silent(CONTENT, after=70_000), whole(CONTENT))
    command = [sys.executable, "-c", PROGRAM, url, str(goal), MD5]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    first = subprocess.Popen(command, env=environment)
    part = goal.with_name(".file.bin.part")
    while not part.exists() or part.stat().st_size < 1 << 15:
        assert first.poll() is None
        threading.Event().wait(0.01)
    second = subprocess.Popen(command, env=environment)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert second.wait() == 0
    assert goal.read_bytes() == CONTENT
    assert names(goal) == ["file.bin"]
    assert server.ranges()[0] is None
    assert server.ranges()[1].startswith("bytes=")


def test_who_waits_long_is_told(server, goal, monkeypatch):
    monkeypatch.setattr(module, "_WORD_AFTER", 0)
    goal.parent.mkdir()
    with module._held(goal), warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="another process"):
            download(server.at("/file", whole(CONTENT)), goal)


def test_a_file_system_without_locks(server, goal, monkeypatch):
    def refuse(*arguments):
        raise OSError("no locks available")

    monkeypatch.setattr(module.fcntl, "flock", refuse)
    download(server.at("/file", whole(CONTENT)), goal)
    assert is_whole(goal, MD5)


def test_checksums(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    assert md5_of(path, chunk_size=100) == MD5
    assert is_whole(path, MD5, len(CONTENT))
    assert not is_whole(path, MD5, 3)
    assert not is_whole(path, "0" * 32)
    assert not is_whole(tmp_path)


def test_a_bar_shows_the_bytes(server, goal, capsys, monkeypatch):
    import tqdm

    monkeypatch.setattr(tqdm, "tqdm", partial(tqdm.tqdm, mininterval=0))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    module.download(server.at("/file", whole(CONTENT)), goal)
    assert "file.bin: 100%" in capsys.readouterr().err
