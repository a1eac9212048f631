"""The example on the first page of the README runs as printed."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
NUMBER = re.compile(r"-?\d+\.\d*")


def without_numbers(text):
    return "".join(NUMBER.sub("#", text).split())


def test_example_of_the_readme(capsys):
    code = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL).group(1)
    expected = re.search(r"```text\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL).group(1)
    exec(compile(code, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert without_numbers(printed) == without_numbers(expected)
    for seen, shown in zip(NUMBER.findall(printed), NUMBER.findall(expected), strict=True):
        assert float(seen) == pytest.approx(float(shown), rel=1e-12, abs=1e-12)
