"""Parameters of counting: documented, with tests that exist, and used."""

import ast
import re
from pathlib import Path

from edge.counting import parameters

ROOT = Path(__file__).parents[2]
SOURCE = Path(parameters.__file__).read_text("utf-8")
TESTS = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))


def test_every_parameter_says_what_it_is_for() -> None:
    """A field is followed by its documentation."""
    for group in (node for node in ast.parse(SOURCE).body if isinstance(node, ast.ClassDef)):
        if group.name == "CountingParameters":
            continue
        for field, after in zip(group.body, [*group.body[1:], None], strict=True):
            if isinstance(field, ast.AnnAssign):
                told = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                assert told, f"{group.name}.{ast.unparse(field.target)} has no documentation"


def test_the_tests_that_ask_for_a_value_exist() -> None:
    """Tests and files named as the origin of a value."""
    named = set(re.findall(r"\btest_\w+\b(?!\.py)", SOURCE))
    assert len(named) > 40
    assert {name for name in named if f"def {name}(" not in TESTS} == set()
    assert all((ROOT / path).exists() for path in re.findall(r"\b(?:tests|models)/[\w/.-]+\.\w+", SOURCE))


def test_every_parameter_is_used() -> None:
    """A number that nothing reads is none of a rule."""
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "edge").rglob("*.py") if path.name != "parameters.py")
    fields = re.findall(r"^    (\w+): .* = ", SOURCE, re.MULTILINE)
    assert [name for name in fields if not re.search(rf"\.{name}\b", code + SOURCE)] == []
