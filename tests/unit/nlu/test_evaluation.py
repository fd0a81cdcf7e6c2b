"""What `evaluate` counts, and the sentence for each line that it can't use."""

import json
from pathlib import Path

import pytest

from nlu.evaluation import EvaluationError, Line, measure, read_lines
from nlu.training import Comparison, as_training_file
from nlu.understanding import Entity, Understanding


def u(intent: str, *also: str, entities: tuple[Entity, ...] = ()) -> Understanding:
    return Understanding("", intent, 0.9, ((intent, 0.9),), also, entities)


def test_an_accepted_label_counts_as_right_everywhere() -> None:
    lines = [Line("1", "", "manhole", frozenset({"road_damage"})), Line("2", "", "noise")]
    measured = measure(lines, [u("road_damage"), u("parking")])
    assert measured["accuracy"] == 0.5
    assert measured["per_label"]["manhole"]["f1"] == 1.0
    assert measured["per_label"]["noise"]["recall"] == 0.0


def test_two_requests_named_in_the_other_order_are_both_found() -> None:
    line = Line("1", "", "street_light", also=("garbage",))
    assert measure([line], [u("garbage", "street_light")])["also_recall"] == 1.0
    assert measure([line], [u("street_light")])["also_recall"] == 0.0


def test_a_single_request_that_was_split_is_counted_among_the_single_ones_only() -> None:
    lines = [Line("1", "", "noise"), Line("2", "", "noise"), Line("3", "", "noise", also=("parking",))]
    assert measure(lines, [u("noise", "parking"), u("noise"), u("noise", "parking")])["also_false_rate"] == 0.5


def test_entities_are_counted_by_kind_and_words() -> None:
    line = Line("1", "3号楼", "noise", entities={"building": ("3号楼",), "place": ("东门",)})
    found = u("noise", entities=(Entity("building", "3号楼", 0, 3), Entity("unit", "3", 0, 1)))
    assert measure([line], [found])["entity_f1"] == 0.5


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("{", "not JSON"),
        ("[]", "not an object"),
        ('{"id": "1", "text": "x"}', "label"),
        ('{"id": "1", "text": "x", "label": "pizza"}', "pizza"),
        ('{"id": "1", "text": 5, "label": "noise"}', "text"),
        ('{"id": "1", "text": "x", "label": "noise", "also": "parking"}', "also"),
        ('{"id": "1", "text": "x", "label": "noise", "entities": {"house": []}}', "house"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, row: str, why: str) -> None:
    file = tmp_path / "m.jsonl"
    file.write_text('{"id": "0", "text": "x", "label": "noise"}\n' + row + "\n", "utf-8")
    with pytest.raises(EvaluationError, match=rf"m\.jsonl:2.*{why}"):
        read_lines(file)


def test_a_training_file_has_one_line_a_message_and_no_marks_of_the_writers_own() -> None:
    text = as_training_file([("manhole", "井盖\n没了 [图片](1)"), ("manhole", "井盖\n没了 [图片](1)"), ("noise", "吵")])
    assert text.splitlines() == [
        'version: "3.1"', "nlu:", "- intent: manhole", "  examples: |", "    - 井盖 没了 （图片）(1)",
        "- intent: noise", "  examples: |", "    - 吵",
    ]  # fmt: skip


def test_without_an_accepted_correction_the_file_is_an_empty_list_that_a_training_takes() -> None:
    assert as_training_file([]).splitlines() == ['version: "3.1"', "nlu: []"]


def result(macro_f1: float, accuracy: float, danger: float = 1.0) -> dict[str, object]:
    return {
        "n": 100,
        "macro_f1": macro_f1,
        "accuracy": accuracy,
        "per_label": {"emergency": {"recall": danger, "n": 20}},
    }


@pytest.mark.parametrize(
    ("old", "new", "refused"),
    [
        ({"exam": result(0.80, 0.8)}, {"exam": result(0.81, 0.8)}, False),
        ({"exam": result(0.80, 0.8)}, {"exam": result(0.797, 0.8)}, False),  # chance
        ({"exam": result(0.80, 0.8)}, {"exam": result(0.77, 0.8)}, True),
        ({"exam": result(0.80, 0.8)}, {"exam": result(0.80, 0.8, danger=0.9)}, True),
        (
            {"exam": result(0.8, 0.8), "corrections": result(1, 0.5)},
            {"exam": result(0.8, 0.8), "corrections": result(0, 0.9)},
            False,
        ),
        (
            {"exam": result(0.8, 0.8), "corrections": result(0, 0.9)},
            {"exam": result(0.8, 0.8), "corrections": result(1, 0.5)},
            True,
        ),
    ],
)
def test_a_worse_model_is_refused_with_the_reason(
    old: dict[str, dict[str, object]], new: dict[str, dict[str, object]], refused: bool
) -> None:
    comparison = Comparison(old, new)
    assert bool(comparison.worse) is refused
    assert json.dumps(comparison.worse)
    assert all(exam in comparison.table() for exam in old)
