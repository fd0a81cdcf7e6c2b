"""The file as rows, read but not yet believed, with what is found wrong in them."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from workflows.directory_file.vocabulary import TABLES


@dataclass(frozen=True)
class Problem:
    """What is wrong, where, and what to write instead. Warnings do not stop an import."""

    where: str
    what: str
    remedy: str
    severity: Literal["error", "warning"] = "error"
    column: str = ""  # the key of the column, where it is one column's

    @property
    def serious(self) -> bool:
        """Whether it stops an import."""
        return self.severity == "error"

    def __str__(self) -> str:
        """One line for a person."""
        mark = "错误" if self.serious else "提醒"
        return f"【{mark}】{self.where}：{self.what}。{self.remedy}"


class DirectoryFileError(Exception):
    """The directory file has errors, so nothing was imported; correct every line that is named."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


@dataclass
class Row:
    """One entry, every value as clean text; several values are joined by 、."""

    where: str
    values: dict[str, str]

    def __getitem__(self, key: str) -> str:
        return self.values.get(key, "")

    def several(self, key: str) -> list[str]:
        """The values of a list field."""
        return [part.strip() for part in re.split(r"[、,，;；\n]", self[key]) if part.strip()]


@dataclass
class Register:
    """The whole file, read but not yet believed."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: {table.key: [] for table in TABLES})
    problems: list[Problem] = field(default_factory=list)

    def error(self, where: str, what: str, remedy: str, column: str = "") -> None:
        self.problems.append(Problem(where, what, remedy, column=column))

    def warn(self, where: str, what: str, remedy: str) -> None:
        self.problems.append(Problem(where, what, remedy, "warning"))


def people_by_handle(register: Register) -> dict[str, Row]:
    """Persons by key, and by 社区/姓名 where that is unique."""
    rows = register.rows["persons"]
    names = Counter((row["community"], row["name"]) for row in rows)
    out = {f"{row['community']}/{row['name']}": row for row in rows if names[row["community"], row["name"]] == 1}
    return out | {row["key"]: row for row in rows if row["key"]}


def handle_of(persons: Mapping[str, Row], post: Row) -> Row | None:
    """The person of a post, named by key or, where only one has it, by name."""
    return persons.get(post["person"]) or persons.get(f"{post['community']}/{post['person']}")
