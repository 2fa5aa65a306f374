"""The figures of all experiments in one table: a plugin, since under xdist only those speak at the end."""

from _pytest.terminal import TerminalReporter


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    told = [report for report in reports if report.when == "call" and report.user_properties]
    if told:
        terminalreporter.section("experiments")
    for report in sorted(told, key=lambda one: one.nodeid):
        terminalreporter.write_line(f"{report.outcome:<7} {report.nodeid.rpartition('/')[2]}")
        for name, value in report.user_properties:
            terminalreporter.write_line(f"          {name:<60} {value!s:>12}")
