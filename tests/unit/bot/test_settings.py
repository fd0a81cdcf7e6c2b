"""A mistake in config.yml is named with its key and its remedy."""

from pathlib import Path

import pytest

from bot.settings import ConfigError, load

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
