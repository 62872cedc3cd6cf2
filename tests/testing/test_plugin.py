"""The pytest plugin, in a pytest of its own."""

import pytest

pytest_plugins = "pytester"

HEADER = """
    import pytest
    from vsr_node import Counter, KeyValue, Machine, command

    class Own(Machine):
        @command
        def address(self) -> int:
            return id(self)
"""


@pytest.fixture
def run(pytester: pytest.Pytester) -> "Run":
    return Run(pytester)


class Run:
    """Runs a test file with the plugin."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self._pytester = pytester

    def __call__(self, body: str, *options: str) -> pytest.RunResult:
        self._pytester.makepyfile(test_made=HEADER + body)
        return self._pytester.runpytest(
            "-p", "vsr_node.testing.plugin", "--strict-markers", "-W", "ignore", *options
        )


def test_a_marked_test_is_simulated_before_its_body_runs(run: Run) -> None:
    result = run(
        """
    @pytest.mark.vsr_simulate(Counter, seeds=2)
    def test_honest() -> None:
        print("the body ran")

    @pytest.mark.vsr_simulate(Own, seeds=2, shrink=False)
    def test_faulty() -> None:
        print("the body did not run")
    """,
        "-s",
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*the body ran*", "*seed 0: *", "*pytest --vsr-seed 0*"])
    result.stdout.no_fnmatch_line("the body did not run")


def test_a_seed_can_be_tried_alone(run: Run) -> None:
    body = """
    @pytest.mark.vsr_simulate(Own, seeds=0, shrink=False)
    def test_faulty() -> None: ...
    """
    run(body).assert_outcomes(passed=1)
    result = run(body, "--vsr-seed", "7")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*seed 7: *"])
    run(body, "--vsr-seeds", "1").assert_outcomes(failed=1)


def test_the_fixture_starts_groups_for_tests_that_are_no_coroutines(run: Run) -> None:
    result = run("""
    def test_both(vsr_cluster) -> None:
        counter, texts = vsr_cluster(Counter), vsr_cluster(KeyValue)
        assert Counter.add(counter, 2) == 2
        KeyValue.put(texts, "a", "1")
        assert KeyValue.get(texts, "a") == "1"
    """)
    result.assert_outcomes(passed=1)
