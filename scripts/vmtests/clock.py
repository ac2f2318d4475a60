# SPDX-License-Identifier: BSD-3-Clause
"""The guest's clock is stepped by decades, to and fro, under traffic: both sides wait by the clock that
only goes forwards. None is lost, and nobody is reported as paused or gone."""

from bellwire import Lab
from vmtests.case import finish, ktap_command

COUNT = 20_000
YEARS = ("1980", "2060", "2001", "2026", "2037")
STEPS = 100  # at least: the rings below take seconds
STEPPING = f"""
bell ring --ktap --count {10 * COUNT} --depth 64 >/run/deep & deep=$!
bell ring --ktap --count {COUNT} & single=$!
steps=0
while [ $steps -lt {STEPS} ] || kill -0 $deep 2>/dev/null || kill -0 $single 2>/dev/null; do
    for year in {" ".join(YEARS)}; do
        date -s "$year-06-01 12:00:00" >/run/date || exit 1
        [ "$(date +%Y)" = $year ] || exit 1
        steps=$((steps + 1))
        usleep 20000
    done
done
wait $single && wait $deep && ! grep -q '^not ok' /run/deep
"""


def test_a_guest_whose_clock_is_stepped(lab: Lab) -> None:
    vm = lab.boot(ktap_command(STEPPING))
    finish(vm)
    assert not any(word in vm.stderr.path.read_text() for word in ("paused", "gone", "hang"))
