"""The check of a room: each line has its remedy, and no network is asked."""

import socket

import pytest

from kdbook.lab import arms
from kdbook.lab.store import Store
from kdbook.lab.trial import in_order

from ..scripts import load_script

room, schedule = load_script("workshop/check_room.py"), load_script("workshop/schedule.py")


@pytest.fixture
def no_network(monkeypatch):
    """Addresses of other machines that something tried to reach; trying fails."""
    asked, connect = [], socket.socket.connect

    def only_here(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and not address[0].startswith(("127.", "::1")):
            asked.append(address)
            raise OSError("the network is off")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", only_here)
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_, **__: asked.append(host) or [])
    return asked


def test_a_cold_room_is_told_what_to_do_and_no_network_is_asked(no_network, monkeypatch):
    monkeypatch.setattr(room, "slowness", lambda: 1.0)
    lines = {what: (found, remedy) for what, found, remedy in room.examine_room()}
    assert no_network == []
    found, remedy = lines["trained trials"]
    assert found.startswith("0 of ")
    assert "make book" in remedy
    assert "KDBOOK_HOME" in remedy
    assert lines["kernel starts"][0].startswith("and answers after")
    assert lines["kernel starts"][1] == ""
    assert lines["data"][1] == ""
    assert f"about {sum(room.quick_minutes().values()):.0f} min" in lines["speed"][0]


def test_stored_trials_are_counted_once_each():
    wanted = {t.name: t for name in arms.names() for t in in_order(arms.trials(name, "quick"))}
    store = Store()
    for trial in list(wanted.values())[:3]:
        store.write(trial, {"x": 1}, {"seconds": 1.0})
    assert room.stored_trials(store) == (3, len(wanted))


@pytest.mark.parametrize(
    ("times", "cold", "remedy"), [(1.0, True, False), (1.0, False, False), (5.0, False, False), (5.0, True, True)]
)
def test_only_a_slow_machine_with_a_cold_store_must_train_beforehand(monkeypatch, times, cold, remedy):
    monkeypatch.setattr(room, "slowness", lambda: times)
    monkeypatch.setattr(room, "quick_minutes", lambda: {"00": 2.0, "01": 4.0})
    _, found, told = room._speed(cold)
    assert f"about {times * 6:.0f} min" in found
    assert ("make book" in told) == remedy


def test_a_port_in_use_is_passed_over_and_none_left_is_said(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(room, "PORTS", range(port, port + 1))
        assert room._port() == (
            "free port", f"none of {port} to {port}", "close other servers, or `make lab ARGS=--port=9999`"
        )  # fmt: skip
    assert room._port()[2] == ""


def test_a_kernel_that_cannot_start_is_one_line_with_a_remedy(monkeypatch):
    monkeypatch.setattr(room.KernelManager, "start_kernel", lambda self: 1 / 0)
    what, found, remedy = room._start_of_a_kernel()
    assert found == "no: division by zero"
    assert "make setup" in remedy


def test_the_minutes_are_those_that_the_chapters_print(tmp_path):
    (tmp_path / "03_math.py").write_text('describe_run(PROFILE, DEVICE, minutes={"quick": 1.5, "full": 12})\n')
    (tmp_path / "notes.py").write_text("")
    assert schedule.quick_minutes(tmp_path) == {"03_math": 1.5}


def test_the_speed_is_a_positive_ratio():
    assert 0 < room.slowness() < 1e6
