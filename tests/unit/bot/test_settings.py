"""A mistake in config.yml is named with its key and its remedy."""

from pathlib import Path

import pytest

from bot.settings import ConfigError, load
from workflows.policy.lifecycle import Rung

SHIPPED = Path("config.yml").read_text(encoding="utf-8")


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_configuration_is_sound() -> None:
    assert load(Path("config.yml")).channels.telegram.how == "off"


@pytest.mark.parametrize(
    ("wrong", "right", "named"),
    [
        ("  port: 8080", "  prot: 8080", "server.prot: is not a key"),
        (
            "department: {amount: 5, unit: days",
            "department: {amount: five, unit: days",
            "ladder.clocks.department.amount",
        ),
        ("department: {amount: 5, unit: days", "department: {amount: 5, unit: weeks", "ladder.clocks.department.unit"),
        ("timezone: Asia/Shanghai", "timezone: Hohhot", "IANA"),
        ("works_at: department, department: 水务局", "works_at: office, department: 水务局", "routes.0.works_at"),
        ("categories: [gas]", "categories: [gass]", "unknown categories gass"),
        ("  heating: 供暖", "  haeting: 供暖", "missing: ['heating']"),
        ("url: sqlite+aiosqlite:///var/xiaoshao.db", "url: mysql://x", "postgresql+asyncpg"),
        ("  ask_above: 0.20", "  ask_above: 0.95", "ask_above must not be greater"),
    ],
)
def test_a_wrong_key_or_value_is_named(tmp_path: Path, wrong: str, right: str, named: str) -> None:
    assert wrong in SHIPPED
    with pytest.raises(ConfigError) as refused:
        load(written(tmp_path, SHIPPED.replace(wrong, right, 1)))
    assert named in str(refused.value)


def test_broken_yaml_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 3"):
        load(written(tmp_path, "server:\n  host: [\n"))


def test_the_environment_overrides_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XIAOSHAO__SERVER__PORT", "9000")
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "1:abc")
    settings = load(Path("config.yml"))
    assert (settings.server.port, settings.server.host) == (9000, "127.0.0.1")
    assert settings.channels.telegram.how == "polling"


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("XIAOSHAO__SERVERS__PORT", "9", "XIAOSHAO__SERVERS__PORT sets no key that exists. Did you mean XIAOSHAO__SERVER__PORT?"),
        ("XIAOSHAO__SERVER__PROT", "9", "Did you mean XIAOSHAO__SERVER__PORT?"),
        ("XIAOSHAO__STROAGE", "x", "Did you mean XIAOSHAO__STORAGE?"),
        ("XIAOSHAO__LADDER__CLOCKS__PROPRETY__AMOUNT", "1", "Did you mean XIAOSHAO__LADDER__CLOCKS__PROPERTY__AMOUNT?"),
        ("XIAOSHAO__SERVER__PORT__X", "1", "Did you mean XIAOSHAO__SERVER__PORT?"),
        ("xiaoshao__servers__port", "9", "the environment variable xiaoshao__servers__port sets no key"),
        ("XIAOSHAO__", "9", "XIAOSHAO__ sets no key"),
        ("XIAOSHAO__SERVER__PORT", "abc", "the environment variable XIAOSHAO__SERVER__PORT: server.port: Input should"),
        ("XIAOSHAO__SERVER", "abc", "the environment variable XIAOSHAO__SERVER: a section or a list must be JSON"),
        ("XIAOSHAO__ROUTES", "abc", "the environment variable XIAOSHAO__ROUTES: a section or a list must be JSON"),
    ],
)  # fmt: skip
def test_a_variable_that_sets_nothing_or_nonsense_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, named: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError) as refused:
        load(Path("config.yml"))
    assert named in str(refused.value)
    assert variable in str(refused.value)


def test_a_clock_a_name_and_a_whole_section_can_be_set_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XIAOSHAO__LADDER__CLOCKS__PROPERTY__AMOUNT", "7")
    monkeypatch.setenv("XIAOSHAO__CATEGORIES__HEATING", "暖气")
    monkeypatch.setenv("XIAOSHAO__STAFF", '{"invitation_days": 3}')
    monkeypatch.setenv("XIAOSHAO__HOLIDAYS__DAYS_OFF", '["2027-01-01"]')
    settings = load(Path("config.yml"))
    assert settings.ladder.clocks[Rung.PROPERTY].amount == 7
    assert settings.categories["heating"] == "暖气"
    assert (settings.staff.invitation_days, len(settings.holidays.days_off)) == (3, 1)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "http://127.0.0.1:8080"),
        ({"port": 9000}, "http://127.0.0.1:9000"),
        ({"host": "10.0.0.5", "port": 80}, "http://10.0.0.5:80"),
        ({"host": "::1"}, "http://[::1]:8080"),
        ({"host": "0.0.0.0"}, "http://127.0.0.1:8080"),
        ({"port": 9000, "public_url": "https://xiaoshao.example"}, "https://xiaoshao.example"),
    ],
)
def test_the_address_in_links_follows_host_and_port_unless_it_is_set(given: dict[str, object], url: str) -> None:
    assert load(Path("config.yml"), server=given).server.public_url == url


def test_the_address_in_links_follows_a_port_from_the_environment_also_without_a_section(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XIAOSHAO__SERVER__PORT", "9000")
    without = SHIPPED.replace(SHIPPED[SHIPPED.index("server:") : SHIPPED.index("database:")], "")
    for config in (Path("config.yml"), written(tmp_path, without)):
        assert load(config).server.public_url == "http://127.0.0.1:9000"


def test_a_page_for_everybody_whose_links_lead_to_this_machine_is_noticed() -> None:
    everywhere = {"host": "0.0.0.0"}
    assert not load(Path("config.yml"), server=everywhere).server.reachable_from_outside
    assert load(Path("config.yml"), server=everywhere | {"public_url": "http://x"}).server.reachable_from_outside
    assert load(Path("config.yml")).server.reachable_from_outside
