# ruff: noqa: T201 - a command prints
"""Lines of code: without blank lines, comments and docstrings, of files formatted by ruff.

python -m tests.code_lines [FOLDER...]
"""

import ast
import io
import sys
import tokenize
from pathlib import Path

ROOT = Path(__file__).parents[1]
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code_lines(source: str) -> int:
    """How many lines of a source hold code."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


def main() -> None:
    """Print the lines of each folder, by default of edge and collector."""
    for folder in sys.argv[1:] or ["edge", "collector"]:
        files = sorted((ROOT / folder).rglob("*.py"))
        print(f"{folder}: {sum(code_lines(path.read_text('utf-8')) for path in files)} lines, {len(files)} files")


if __name__ == "__main__":
    main()
