"""The comparison runs, so that it cannot rot; what it measures is for eyes."""

from tests.benchmarks.resolution.compare import CASES, compare
from tests.support.resolution_graphs import pigeonhole, typical


def test_each_case_gets_a_row_with_a_verdict() -> None:
    written: list[str] = []
    cases = (("fits", lambda: typical(8, 4)), ("does not", lambda: pigeonhole(3, 2)))
    compare(cases, seconds=60, write=written.append)

    rows = {line.split("  ")[0]: line for line in written}
    assert "yes" in rows["fits"]
    assert "no" in rows["does not"].removeprefix("does not")


def test_cases_have_names_that_fit_their_column() -> None:
    assert all(len(name) < 34 for name, _ in CASES)
    assert len({name for name, _ in CASES}) == len(CASES)
