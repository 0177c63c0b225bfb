"""The mutants (tests/support/mutants.py) still fit the program."""

from __future__ import annotations

import ast

import pytest

from tests.support import TOP
from tests.support.mutants import MUTANTS, Mutant, broken


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_mutant_changes_what_its_file_does(mutant: Mutant) -> None:
    text = (TOP / mutant.file).read_text()
    assert ast.dump(ast.parse(broken(text, mutant))) != ast.dump(ast.parse(text))


def test_a_mutant_that_fits_nowhere_is_an_error() -> None:
    with pytest.raises(ValueError, match="'no hold' no longer applies to"):
        broken("nothing of that kind", Mutant("no hold", "holds.py", "hold()", ""))
