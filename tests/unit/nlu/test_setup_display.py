"""What the set-up shows of what its children print: their progress, not the warnings of libraries."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

# As Rasa's training prints it: jieba's warning brings a line of jieba's own source with it.
PRINTED = """\
  training, 8 s
<frozen importlib._bootstrap>:283: DeprecationWarning: the load_module() method is deprecated; use exec_module() instead
  embedding 192/3926 messages, 3 s
/nlu/rasa/.venv/lib/python3.11/site-packages/jieba/__init__.py:46: DeprecationWarning: invalid escape sequence '\\s'
  re_skip_default = re.compile("(\\r\\n|\\s)", re.U)
""".replace("\\r\\n", r"\r\n").encode()


@pytest.fixture(scope="module")
def setup() -> ModuleType:
    specification = importlib.util.spec_from_file_location("xiaoshao_setup", Path(".ci/setup.py"))
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    sys.modules["xiaoshao_setup"] = module
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("size", [1, 7, 60, 10_000])
def test_a_warning_and_its_line_of_source_are_not_shown_but_kept(setup: ModuleType, size: int) -> None:
    heard = setup.Heard()
    shown = [heard.take(PRINTED[at : at + size]) for at in range(0, len(PRINTED), size)]
    shown = [line for line in shown if line]
    assert shown[-1] == "  embedding 192/3926 messages, 3 s"
    assert not any("re_skip_default" in line or "Warning" in line for line in shown)
    assert any("re_skip_default" in line for line in heard.lines)
