# SPDX-License-Identifier: BSD-3-Clause
"""The plugin of pytest, by pytests of others: what passes, what fails and what it says then."""

import json
import re
from pathlib import Path

import pytest

from bellwire.core.places import ROOT
from bellwire.face import matrix
from bellwire.report import results

pytest_plugins = ["pytester"]

PASS = """
    import pytest

    def test_a_device_is_killed_and_comes_back(vm, device):
        device.kill()
        device.start()
        assert vm.run("bell ring --count 100").status == 0

    @pytest.mark.kernel("6.1", "6.12")
    def test_kernels(vm, bellwire_kernel):
        assert vm.run(["uname", "-r"]).stdout.startswith(bellwire_kernel)

    def test_each_hop_is_recorded(vm, trace):
        vm.run("bell ring --count 20")
        assert len(trace.requests) == len(trace.hops("submitted", "done")) == 20
        assert trace.hops("doorbell", "woken")  # not of each: a device may be awake already

    @pytest.mark.drop(doorbell=5)
    def test_a_loss_that_is_expected(vm, faults):
        assert vm.run("bell ring --count 20 --recover off").status == 1
        faults.expect("lost doorbell")

    @pytest.mark.drop(doorbell=5)
    @pytest.mark.lenient
    def test_a_loss_that_nobody_minds(vm):
        vm.run("bell ring --count 20 --recover off")

    def test_two_devices(labs):
        vm = labs.make(["echo", "digest"], cpus=2).boot()
        assert "digest" in vm.run("bell info").stdout
        assert vm.run("nproc").stdout == "2\\n"

    @pytest.mark.machine(shares=["data"])
    def test_a_machine(vm, subtest):
        assert vm.run("ls /share").stdout == "file\\n"
        vm.run("printf 'KTAP version 1\\n1..2\\nok 1 a\\nok 2 b # SKIP no d\\n' >/run/bellwire/results")
        subtest.each(vm.run("bell ring --ktap --count 5").tests)
"""

IN_PARALLEL = "kernels or machine"  # the others one after the other

SUBTESTS = """
    import pytest

    def test_parts(subtest):
        with subtest("good"):
            pass
        with subtest("bad"):
            assert 6 * 7 == 41
        with subtest("absent"):
            pytest.skip("there is none")
        with subtest("good"):
            pass

    def test_that_ends_early(subtest):
        with subtest("first"):
            pass
        raise RuntimeError("there is no second")
"""

FAIL = """
    import pytest

    @pytest.mark.drop(doorbell=5)
    def test_hang(vm):
        vm.run("bell ring --count 20 --recover off")

    def test_warning(vm):
        vm.run("echo 'WARNING: at home' >/dev/kmsg; sleep 0.2")

    def test_command(vm):
        assert vm.run("echo said; false").status == 0

    def test_time_out(vm):
        vm.run("echo early; sleep 60", 1)

    def test_panic(vm):
        vm.run("echo c >/proc/sysrq-trigger; sleep 60")

    def test_device(vm, device):
        device.kill()
        device._wanted = True  # as if it had died by itself
        vm.run("sleep 60")

    def test_expected_in_vain(vm, faults):
        faults.expect("lost wake")
"""

MISUSE = """
    import pytest

    @pytest.mark.machine(cpu=2)
    def test_word(vm): pass

    @pytest.mark.accelerator("warp")
    def test_accelerator(vm): pass

    @pytest.mark.device("toaster {socket}")
    def test_program(vm): pass

    def test_late_drop(vm, faults):
        faults.drop(doorbell=5)

    @pytest.mark.device()
    @pytest.mark.drop(doorbell=5)
    def test_nothing_to_drop(vm): pass
"""

MATRIX = """
    import pytest

    def test_any(vm, bellwire_transport, lab):
        found = [bellwire_transport, lab.devices[0].name]
        assert [*found, *vm.run("uname -r").stdout.split(".")[:2]] == ["ivshmem", "digest", "6", "12"]

    @pytest.mark.transport("ivshmem")
    def test_of_one_transport(vm): pass

    @pytest.mark.accelerator("tcg", "kvm")
    def test_twice(vm): pass

    def test_without_a_vm(): pass
"""

SKIP = """
    def test_without_qemu(vm): pass
"""


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "scripts/python"))


def run(pytester: pytest.Pytester, tests: str, *words: str | Path) -> pytest.RunResult:
    """In a process of its own, elsewhere, with the plugin of this tree."""
    pytester.makepyfile(tests)
    data = Path(pytester.path, "data")
    data.mkdir(exist_ok=True)
    (data / "file").touch()
    return pytester.runpytest_subprocess("-p", "bellwire.plugin", "-p", "no:cacheprovider", *words)


def said(result: pytest.RunResult, test: str) -> str:
    """What stands about that test in the report."""
    found = re.search(rf"^_+ (?:ERROR at setup of )?{test} _+\n(.*?)(?=^(?:___|===))",
                      result.stdout.str() + "\n===", re.MULTILINE | re.DOTALL)
    assert found, f"nothing about {test} in {result.stdout}"
    return found[1]


def test_what_passes(pytester: pytest.Pytester) -> None:
    run(pytester, PASS, "-k", f"not ({IN_PARALLEL})").assert_outcomes(passed=5)


def test_in_parallel(pytester: pytest.Pytester) -> None:
    result = run(pytester, PASS, "-n", "2", "-k", IN_PARALLEL, "--junitxml", "cases.xml")
    result.assert_outcomes(passed=5, skipped=1)
    names = [case.name for case in results.read(Path(pytester.path, "cases.xml"))]
    assert sorted(name for name in names if "machine" in name) == [
        "test_a_machine", "test_a_machine [a]", "test_a_machine [b]",
        "test_a_machine [echo worker=callback kick=eventfd wait=poll polling=off depth=1]"]


def test_tests_within_a_test(pytester: pytest.Pytester) -> None:
    for words in ((), ("-n", "1"), ("-v",)):
        result = run(pytester, SUBTESTS, "--junitxml", "cases.xml", *words)
        result.assert_outcomes(passed=3, failed=3, skipped=1)
        assert "assert (6 * 7) == 41" in said(result, r"test_parts \[bad\]")
        assert "its subtest failed: bad" in said(result, "test_parts")
        assert "[100%]" in result.stdout.str()
        found = {case.name: case.outcome for case in results.read(Path(pytester.path, "cases.xml"))}
        assert found == {
            "test_parts [good]": "pass", "test_parts [bad]": "fail", "test_parts [absent]": "skip",
            "test_parts [good (2)]": "pass", "test_parts": "fail",
            "test_that_ends_early [first]": "pass", "test_that_ends_early": "fail"}


def test_what_fails_says_why_where_and_how_to_repeat_it(pytester: pytest.Pytester) -> None:
    result = run(pytester, FAIL, "--bellwire-runs", "kept")
    result.assert_outcomes(failed=7)
    kept = Path(pytester.path, "kept")
    (source,) = (path.name for path in pytester.path.glob("test_*.py"))
    for test, why in (
            ("test_hang", r"doorbell written \S+ s ago, never seen by the device: lost doorbell"),
            ("test_warning", r"the test itself passed, but\nthe guest's kernel says: WARNING: at home"),
            ("test_command", r"status=1, stdout='said\\n'"),
            ("test_time_out", r"'echo early; sleep 60' still ran after 1 s\n(.*\n)*task: sleep \(S\): "),
            ("test_panic", r"the guest panicked: sysrq triggered crash"),
            ("test_device", r"device 0 \(echo\) was killed by SIGKILL"),
            ("test_expected_in_vain", "nothing was found of what was expected: 'lost wake'")):
        text = said(result, test)
        assert re.search(why, text), text
        folder = kept / source.removesuffix(".py") / test
        assert f"\n{folder}\n" in text and (folder / "qemu.sh").exists()
        assert re.search(rf"^cd \S+ && .*python3 -m pytest .*--bellwire-runs=kept "
                         rf"{source}::{test}$", text, re.MULTILINE), text
    assert "console.log" in said(result, "test_warning")
    assert "Kernel panic - not syncing: NMI" not in said(result, "test_time_out")


def test_a_matrix(pytester: pytest.Pytester) -> None:
    cells = matrix.make({"device": ["digest"], "transport": ["ivshmem", "vfio-user"],
                         "kernel": ["6.12"]})
    file = pytester.makefile(".json", cells=json.dumps(matrix.as_json(cells)))
    result = run(pytester, MATRIX, "--bellwire-matrix", file, "--collect-only", "-q")
    collected = re.findall(r"::(\S+)", result.stdout.str())
    one, other = "digest-ivshmem-6.12", "digest-vfio_user-6.12"
    assert sorted(collected) == sorted([
        f"test_any[{one}]", f"test_any[{other}]", f"test_of_one_transport[{one}]",
        *(f"test_twice[{cell}-{accelerator}]" for cell in (one, other)
          for accelerator in ("tcg", "kvm")), "test_without_a_vm"]), collected
    plugin = ("-p", "bellwire.plugin", "-p", "no:cacheprovider", "-k", "test_any")
    choices: list[list[str | Path]] = [["--bellwire-matrix", file, "--bellwire-cell", one],
                                       ["--bellwire-cell", json.dumps(cells[0].facts())]]
    for words in choices:
        pytester.runpytest_subprocess(*plugin, *words).assert_outcomes(passed=1)
    for line, why in (("--bellwire-cell nosuch", "'nosuch' is no cell in JSON"),
                      (f"--bellwire-matrix {file} --bellwire-cell nosuch", "has no such cell"),
                      ("--bellwire-matrix /no/file", "/no/file: no matrix can be read")):
        refused = pytester.runpytest_subprocess(*plugin, *line.split())
        assert refused.ret == pytest.ExitCode.USAGE_ERROR
        assert why in refused.stderr.str()


def test_what_is_wrong_with_a_marker(pytester: pytest.Pytester) -> None:
    result = run(pytester, MISUSE)
    result.assert_outcomes(errors=4, failed=1)
    for test, why in (
            ("test_word", "@pytest.mark.machine: there is no 'cpu', but cpus, memory"),
            ("test_accelerator", "accelerator 'warp': choose one of auto, kvm"),
            ("test_program", "there is no program 'toaster'"),
            ("test_nothing_to_drop", "drop(doorbell=5): the lab has no device of bellwire's"),
            ("test_late_drop", "device 0 (echo) runs already: drop() before lab.boot()")):
        assert why in said(result, test)


def test_what_the_machine_lacks_is_skipped_with_its_reason(pytester: pytest.Pytester) -> None:
    options = ("-rs", "--bellwire-qemu", "/no/qemu")
    result = run(pytester, SKIP, *options)
    result.assert_outcomes(skipped=1)
    result.stdout.re_match_lines([r"SKIPPED .*: no QEMU '/no/qemu'"])
    again = pytester.runpytest_subprocess("-p", "bellwire.plugin", *options, "--bellwire-no-skip")
    again.assert_outcomes(errors=1)


def test_in_the_clone_it_is_there_by_itself(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--markers", "--rootdir", ROOT, ROOT / "scripts/vmtests")
    result.stdout.re_match_lines([r"@pytest.mark.transport\(\*words\)"])
