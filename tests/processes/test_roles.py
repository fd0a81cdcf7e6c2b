"""What a process may do: what an operator writes wrongly is named, and SQLite is not shared."""

import multiprocessing
from pathlib import Path

import pytest
from typer.testing import CliRunner

import bot.__main__ as command_line
from bot.processes.roles import ALL, NotAlone, ProcessRole, alone_on
from bot.settings import ConfigError, load
from tests.conftest import ROOT

SHIPPED = ROOT / "config.yml"


def test_left_alone_a_process_does_everything() -> None:
    assert load(SHIPPED).process.roles == ALL


def test_roles_are_taken_in_any_order_and_once() -> None:
    settings = load(SHIPPED, process={"roles": ["scheduler", "web", "web"]})
    assert settings.process.roles == (ProcessRole.WEB, ProcessRole.SCHEDULER)


def test_a_role_that_is_none_is_named_with_the_key_and_those_that_are() -> None:
    with pytest.raises(ConfigError) as refused:
        load(SHIPPED, process={"roles": ["web", "postman"]})
    assert "process.roles.1" in str(refused.value)
    assert "'web', 'polling', 'turns', 'courier' or 'scheduler'; found 'postman'" in str(refused.value)


def test_a_process_must_do_something() -> None:
    with pytest.raises(ConfigError, match=r"process\.roles: .*name one or more of web, polling, turns"):
        load(SHIPPED, process={"roles": []})


@pytest.mark.parametrize("seconds", [0, 2, 601])
def test_the_time_for_taking_over_has_its_limits(seconds: float) -> None:
    with pytest.raises(ConfigError, match=r"process\.take_over_seconds"):
        load(SHIPPED, process={"take_over_seconds": seconds})


# ---- SQLite


def _serve(url: str, ready: "multiprocessing.synchronize.Event") -> None:
    with alone_on(url, ALL):
        ready.set()
        ready.wait()
        multiprocessing.Event().wait()  # until it is killed


def test_a_second_process_on_sqlite_is_refused_until_the_first_is_gone_however_it_went(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'town.db'}"
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    first = context.Process(target=_serve, args=(url, ready))
    first.start()
    try:
        assert ready.wait(120)
        with (
            pytest.raises(NotAlone, match=rf"another process already \(process {first.pid}\).*PostgreSQL"),
            alone_on(url, ALL),
        ):
            pass
    finally:
        first.kill()
        first.join()
    with alone_on(url, ALL):
        pass
    with alone_on(url, ALL):  # and again: it is let go at the end
        pass


def test_on_sqlite_nothing_may_be_nobodys(tmp_path: Path) -> None:
    url, roles = f"sqlite+aiosqlite:///{tmp_path / 'town.db'}", (ProcessRole.WEB, ProcessRole.TURNS)
    said = r"process\.roles: .* polling, courier, scheduler would be done by nobody"
    with pytest.raises(NotAlone, match=said), alone_on(url, roles):
        pass


def test_postgresql_is_for_everybody() -> None:
    url = "postgresql+asyncpg://postgres@/postgres"
    with alone_on(url, (ProcessRole.WEB,)), alone_on(url, ALL):
        pass


@pytest.fixture
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.logging.configure", lambda _level: None)
    monkeypatch.setenv("XIAOSHAO__DATABASE__URL", f"sqlite+aiosqlite:///{tmp_path / 'own.db'}")
    monkeypatch.setenv("XIAOSHAO__STORAGE", str(tmp_path))
    monkeypatch.setenv("XIAOSHAO__NLU__URL", "http://127.0.0.1:9")
    monkeypatch.setenv("XIAOSHAO__SERVER__PORT", "0")


@pytest.mark.usefixtures("_own")
def test_the_command_says_so_in_a_sentence() -> None:
    done = CliRunner().invoke(command_line.cli, ["run", "--role", "web", "--role", "turns"])
    assert done.exit_code == 1
    assert "on SQLite one process does everything" in done.output


@pytest.mark.usefixtures("_own")
def test_the_command_names_the_roles_that_there_are() -> None:
    done = CliRunner().invoke(command_line.cli, ["run", "--role", "postman"])
    assert done.exit_code == 2
    for role in ProcessRole:
        assert role in done.output
