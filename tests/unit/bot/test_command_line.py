"""What the command line refuses: one sentence with the remedy, never a traceback, and nothing started in vain."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import bot.__main__ as command_line
from bot.replay import ReplayError, read_scripts
from bot.same import PairsError, read_pairs

SHIPPED = Path("config.yml").read_text(encoding="utf-8")
DEMO = Path("workflows/demo/hohhot.yml")


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database of its own; whoever starts the NLU fails the test; logging stays as the tests have it."""

    def started(*_: object) -> None:
        pytest.fail("the NLU was started")

    monkeypatch.setattr(command_line, "_reader", started)
    monkeypatch.setattr("bot.logging.configure", lambda _level: None)
    monkeypatch.setenv("XIAOSHAO__DATABASE__URL", f"sqlite+aiosqlite:///{tmp_path / 'own.db'}")
    monkeypatch.setenv("XIAOSHAO__STORAGE", str(tmp_path))
    monkeypatch.setenv("XIAOSHAO__NLU__URL", "http://127.0.0.1:9")
    monkeypatch.setenv("XIAOSHAO__SERVER__PORT", "0")


def said(*arguments: str | Path) -> tuple[int, str]:
    """The exit code and all that was printed, in one line."""
    done = CliRunner().invoke(command_line.cli, [str(argument) for argument in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, " ".join(done.output.split())


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return path


def routed(tmp_path: Path, right: str, wrong: str) -> Path:
    """The shipped configuration with another department in the routing table."""
    assert right in SHIPPED
    path = tmp_path / "config.yml"
    path.write_text(SHIPPED.replace(right, wrong), encoding="utf-8")
    return path


# ---- files are read before the NLU is started


@pytest.mark.parametrize("command", ["evaluate", "same", "replay"])
def test_a_file_that_is_not_there_is_named_before_the_nlu_is_started(command: str) -> None:
    assert said(command, "nowhere.jsonl") == (2, "nowhere.jsonl: cannot be read: No such file or directory")


@pytest.mark.parametrize("command", ["evaluate", "same", "replay"])
def test_a_file_of_another_encoding_or_without_a_line_is_named(command: str, tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_bytes("楼道灯不亮".encode("gbk"))
    code, text = said(command, file)
    assert code == 2
    assert "x.jsonl: is not UTF-8 text" in text
    file.write_text("\n\n")
    code, text = said(command, file)
    assert code == 2
    assert "x.jsonl: there is no" in text


def test_an_unknown_label_is_named_before_the_nlu_is_started(tmp_path: Path) -> None:
    code, text = said("evaluate", lines(tmp_path / "x.jsonl", {"id": "1", "text": "x", "label": "pizza"}))
    assert code == 2
    assert "x.jsonl:1: the model knows no label 'pizza'" in text


@pytest.mark.parametrize(
    ("pair", "why"),
    [
        ('{"id": 1', "is not JSON"),
        ({"id": 1, "a": "x"}, 'needs "id", "a" and "b"'),
        ({"id": 1, "a": 3, "b": "x"}, '"a" must be a text; found 3'),
        ({"id": 1, "a": "x", "b": "y", "same": "false"}, "\"same\" must be true or false; found 'false'"),
    ],
)
def test_a_pair_that_cannot_be_used_is_named_with_its_line(tmp_path: Path, pair: Any, why: str) -> None:
    file = lines(tmp_path / "x.jsonl", {"id": 0, "a": "x", "b": "y", "same": 1}, pair)
    with pytest.raises(PairsError) as refused:
        read_pairs(file)
    assert f"x.jsonl:2: {why}" in str(refused.value)


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ({"actor": "mayor"}, "unknown actor 'mayor'; write one of resident, grid_worker"),
        ({"turns": [None]}, "turns[0] must be a text; found None"),
        ({"setup": {"category": "gas"}}, '"setup" must be a list of cases'),
        ({"setup": ["gas"]}, "setup[0] must be an object; found 'gas'"),
        ({"setup": [{"category": "pizza"}]}, "unknown setup[0].category 'pizza'; write one of construction, "),
        ({"setup": [{}, {"rung": "mayor"}]}, "unknown setup[1].rung 'mayor'; write one of grid_branch, property"),
        ({"setup": [{"status": "opne"}]}, "unknown setup[0].status 'opne'; write one of open, waiting_for_resident"),
        ({"setup": [{"status": 3}]}, "unknown setup[0].status 3"),
        ({"setup": [{"reporter": "me"}]}, "unknown setup[0].reporter 'me'; write one of self, other"),
        ({"setup": [{"days_ago": "two"}]}, "setup[0].days_ago must be a number of days"),
        ({"setup": [{"staus": "open"}]}, "setup[0] has an unknown key 'staus'; did you mean 'status'?"),
        ({"setup": [{"rung": "community", "status": "with_property"}]}, "contradicts its rung 'community'"),
        ({"setup": [{"rung": "property", "status": "unfounded"}]}, "write rung grid_branch"),
    ],
)
def test_a_conversation_that_would_be_played_otherwise_than_written_is_named(
    tmp_path: Path, part: dict[str, Any], why: str
) -> None:
    script = {"id": "a", "turns": ["x"]}
    with pytest.raises(ReplayError) as refused:
        read_scripts(lines(tmp_path / "x.jsonl", script, script | part))
    assert "x.jsonl:2: " in str(refused.value)
    assert why in str(refused.value)


def test_what_is_null_counts_as_not_written_and_the_state_with_a_rung_names_the_rung(tmp_path: Path) -> None:
    setup = [{"category": None, "status": "with_property", "rung": None, "why": "a remark"}, {"status": "closed"}]
    [script] = read_scripts(lines(tmp_path / "x.jsonl", {"id": 1, "turns": [2], "setup": setup}))
    assert script.setup == ({"status": "open", "rung": "property", "why": "a remark"}, {"status": "closed"})
    assert script.turns == ("2",)


# ---- digest and directory


@pytest.mark.parametrize("week", ["foo", "2026-W99", "2026-W53x", "0000-W01", "9999-W52"])
def test_a_week_that_is_none_is_named(week: str) -> None:
    code, text = said("digest", "--preview", "resident", "--week", week)
    assert code == 2
    assert text.startswith(f"--week {week}: no such week; write")
    assert "2026-W48" in text


def test_an_audience_that_is_none_is_named() -> None:
    code, text = said("digest", "--preview", "mayor")
    assert (code, "resident, grid, property, community, department" in text) == (2, True)


def test_an_export_says_by_its_ending_what_it_is(tmp_path: Path) -> None:
    code, text = said("directory", "export", tmp_path / "x.csv")
    assert code == 2
    assert "must end in .yml, .yaml or .xlsx" in text
    assert not (tmp_path / "x.csv").exists()


def test_an_export_to_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken.yml").mkdir()
    code, text = said("directory", "export", tmp_path / "taken.yml")
    assert code == 1
    assert "taken.yml: cannot be written: Is a directory" in text


def test_a_route_to_a_department_that_no_community_has_is_named_by_the_check(tmp_path: Path) -> None:
    assert said("directory", "check", DEMO)[0] == 0
    code, text = said("directory", "check", DEMO, "--config", routed(tmp_path, "水务局", "水物局"))
    assert code == 1
    assert "routes.0.department (pest_control, greening), routes.1.department (pollution): no community" in text
    assert "department 水物局. Did you mean 呼和浩特市水务局?" in text
    assert "The directory has: " in text
    assert "赛罕区住房和城乡建设局" in text


def test_a_department_that_only_some_communities_have_is_a_warning(tmp_path: Path) -> None:
    config = routed(tmp_path, "department: 热力", "department: 回民区司法局")
    code, text = said("directory", "check", DEMO, "--config", config)
    assert code == 0
    assert "回民区司法局 is not in the directory of 仕奇社区、前毛道村" in text
    assert "the directory can be imported" in text


def test_a_directory_without_any_department_is_a_warning(tmp_path: Path) -> None:
    village = {
        "name": "前毛道村",
        "code": "QM",
        "kind": "village",
        "units": [{"name": "村党总支", "kind": "community"}],
    }
    file = lines(tmp_path / "village.yml", {"version": 1, "communities": [village]})
    code, text = said("directory", "check", file)
    assert (code, "水务局 is not in the directory of 前毛道村" in text) == (0, True), text


# ---- run


def test_a_route_to_a_department_that_no_community_has_stops_the_start(tmp_path: Path) -> None:
    code, text = said("run", "--config", routed(tmp_path, "水务局", "水物局"))
    assert code == 2
    assert "config.yml: routes.0.department (pest_control, greening)" in text
    assert "Did you mean 呼和浩特市水务局?" in text


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def test_a_port_that_is_taken_is_named_with_both_ways_to_choose_another(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XIAOSHAO__SERVER__PORT", str(taken))
    code, text = said("run")
    assert code == 1
    assert f"Port {taken} on 127.0.0.1 is taken" in text
    assert "`server.port`" in text
    assert f"XIAOSHAO__SERVER__PORT={taken + 1}" in text


def test_a_host_that_is_not_this_machine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XIAOSHAO__SERVER__HOST", "192.0.2.1")
    code, text = said("run")
    assert code == 1
    assert "cannot be served at 192.0.2.1" in text
    assert "`server.host`" in text


def test_a_demo_directory_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XIAOSHAO__DEMO__DIRECTORY", "nowhere.yml")
    before = set(threading.enumerate())
    code, text = said("run")
    assert code == 2
    assert "demo.directory: nowhere.yml cannot be used" in text
    left = set(threading.enumerate()) - before  # a connection that is left open keeps its thread
    assert [thread.name for thread in left if not thread.name.startswith("sqlite waits")] == []


def test_the_help_promises_no_page_that_does_not_exist() -> None:
    code, text = said("run", "--help")
    assert (code, "console" in text) == (0, False)
