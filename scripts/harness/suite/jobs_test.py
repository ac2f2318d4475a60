# SPDX-License-Identifier: BSD-3-Clause
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

from bellwire.report import results
from bellwire.suite import here, jobs, schedule, step
from bellwire.report.results import Case
from bellwire.suite.step import Failed, Step



def asserts(path: Path) -> None:
    raise AssertionError("one is not two")


def is_killed(path: Path) -> None:
    results.write(path, [Case("fine")])
    os.kill(os.getpid(), signal.SIGKILL)


def ends_early(path: Path) -> None:
    results.write(path, [Case("fine")])
    sys.exit(3)


def hangs(path: Path) -> None:
    """Ignores being asked to end, and so does what it started, in a session of its own."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen(["sleep", "4321"], start_new_session=True)
    time.sleep(4321)


REPORTS: dict[str, Callable[[Path], object]] = {
    "fine": lambda path: results.write(path, [Case("fine")]),
    "asserts": asserts,
    "is killed": is_killed,
    "ends early": ends_early,
    "leaves half a report": lambda path: path.write_text("<testsuites><testsuite"),
    "reports nothing": lambda path: results.write(path, []),
    "hangs": hangs,
}


def report(title: str, step: Step, to: Path) -> None:
    REPORTS[step.name](to)


@mock.patch.object(here, "report", report)
@mock.patch.object(jobs, "GRACE", 0.2)
class JobsTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(mock.patch.object(jobs, "LOGS", folder))

    def run_steps(self, *names: str, together: bool = False, limit: float = 60
                  ) -> dict[str, list[Case]]:
        steps = [("test", Step(name, lambda: [], limit=limit)) for name in names]
        load = 0 if together else schedule.CPUS
        costs = {f"test: {name}": schedule.Cost(1, load) for name in names}
        return {done.title.removeprefix("test: "): done.cases
                for done in jobs.run(steps, costs, lambda title: None)}

    def test_each_way_to_end_is_a_failed_case_and_the_others_go_on(self) -> None:
        wanted = {"asserts": "one is not two", "is killed": "was killed by SIGKILL",
                  "ends early": "ended with 3", "leaves half a report": "no report can be read",
                  "reports nothing": "it reported no test"}
        for together in (False, True):
            found = self.run_steps(*wanted, "fine", together=together)
            self.assertEqual(found.pop("fine"), [Case("fine")])
            for name, words in wanted.items():
                with self.subTest(name, together=together):
                    case = found[name][-1]
                    self.assertEqual((case.name, case.outcome), (name, "fail"))
                    self.assertIn(words, case.reason)

    def test_a_step_whose_need_failed_does_not_run(self) -> None:
        steps = [("test", Step("asserts", lambda: [])),
                 ("test", Step("fine", lambda: [], needs=("test: asserts",)))]
        done = {done.title: done for done in jobs.run(steps, {}, lambda title: None)}
        self.assertEqual(list(done), ["test: asserts", "test: fine"])
        self.assertIn("not run, because this failed: test: asserts",
                      done["test: fine"].cases[0].reason)

    def test_a_need_is_over_before_what_needs_it_starts(self) -> None:
        steps = [("test", Step("reports nothing", lambda: [], needs=("test: fine",))),
                 ("test", Step("fine", lambda: []))]
        costs = {"test: reports nothing": schedule.Cost(100, 0)}
        order: list[str] = []
        for done in jobs.run(steps, costs, order.append):
            order.append(f"{done.title} is over")
        self.assertEqual(order[:3], ["test: fine", "test: fine is over", "test: reports nothing"])

    def test_what_it_reported_before_is_kept(self) -> None:
        cases = self.run_steps("is killed")["is killed"]
        self.assertEqual([case.outcome for case in cases], ["pass", "fail"])

    def test_a_step_past_its_limit_is_killed_with_all_that_it_started(self) -> None:
        marks: list[str] = []
        kill = jobs._kill_marked

        def note(mark: str) -> None:
            marks.append(mark)
            kill(mark)

        with mock.patch.object(jobs, "_kill_marked", note):
            (case,) = self.run_steps("hangs", limit=3)["hangs"]
        self.assertIn("still ran after 3 s", case.reason)
        self.assertEqual([jobs._marked(mark) for mark in marks], [[]])


class CommandTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(mock.patch.object(step, "LOGS", folder))
        self.enterContext(mock.patch.object(step, "GRACE", 0.2))

    def test_a_missing_program_fails(self) -> None:
        with self.assertRaisesRegex(Failed, "cannot run /no/such/program: No such file"):
            step.command("missing", "/no/such/program")

    def test_a_command_past_its_limit_is_killed_though_it_ignores_the_asking(self) -> None:
        with self.assertRaisesRegex(Failed, "still ran after 0.3 s"):
            step.command("hangs", "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done",
                         limit=0.3)

    def test_nothing_of_its_group_stays_when_it_ended_well(self) -> None:
        pid = int(step.command("leaves", "sh", "-c", "sleep 4321 & echo $!"))
        deadline = time.monotonic() + 60
        while alive(pid):  # it was killed, and takes a moment to die
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def test_its_status_and_its_words(self) -> None:
        self.assertEqual(step.command("well", "echo", "hi"), "hi\n")
        with self.assertRaisesRegex(Failed, "(?s)bad.*exit status 7"):
            step.command("bad", "sh", "-c", "echo bad; exit 7")

    def test_two_of_one_name_at_once_keep_their_words_apart(self) -> None:
        with ThreadPoolExecutor() as both:
            first = both.submit(step.command, "git", "sh", "-c", "echo 1; sleep 0.3; echo 2")
            time.sleep(0.1)
            self.assertEqual(step.command("git", "echo", "other"), "other\n")
            self.assertEqual(first.result(), "1\n2\n")

    def test_a_failure_has_only_the_lines_that_are_shown(self) -> None:
        with self.assertRaisesRegex(Failed, "^found\n"):
            step.command("shown", "sh", "-c", "echo '#1 going on'; echo found; exit 7",
                         shown=lambda line: not line.startswith("#"))


class ReportTest(unittest.TestCase):
    def test_a_report_that_is_not_there_or_broke_off(self) -> None:
        file = Path(self.enterContext(tempfile.TemporaryDirectory()), "r.xml")
        for content in (None, "", "<testsuites><testcase name='a'"):
            if content is not None:
                file.write_text(content)
            with self.subTest(content), self.assertRaises(results.Unreadable):
                results.read(file)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
