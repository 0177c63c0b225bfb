"""Run the cells and scenarios of a JSON plan in the lab's guest, and append a JSON line for each run to a file.

python3 -m bench.guest PLAN RESULTS
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path

from bench import tools
from bench.opens import Opens
from bench.pools import Pools, delay, no_delay
from bench.processes import Sshd, adopt_orphans, measure
from bench.profiles import Effort
from bench.records import Cell, Ended, Run, Scenario, to_line
from bench.tools import Tool

REMOTE_BIN = Path("/run/remote")
"""First in the PATH of sshd's commands. It has a copy of zfs, so that its starts are counted separately."""

REMOTE_PATH = f"{REMOTE_BIN}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Bench:
    def __init__(self, results: Path, opens: Opens, effort: Effort) -> None:
        self._results = results
        self._opens = opens
        self._effort = effort
        self._work = Path("/tmp/bench")
        self._work.mkdir(exist_ok=True)

    def cell(self, cell: Cell, scenarios: list[Scenario], chosen: tuple[Tool, ...]) -> None:
        say(f"{cell.datasets} datasets x {cell.snapshots} snapshots, RTT {cell.rtt_milliseconds} ms: making the pools")
        pools = Pools(self._work, cell)
        pools.destroy()
        pools.make()
        try:
            for scenario in Scenario:
                if scenario in scenarios:
                    self._scenario(pools, cell, scenario, chosen)
        finally:
            no_delay()
            pools.destroy()

    def _scenario(self, pools: Pools, cell: Cell, scenario: Scenario, chosen: tuple[Tool, ...]) -> None:
        remaining = self._prepared(pools, cell, scenario, chosen)
        began = time.monotonic()
        for number in range(self._effort.rounds):
            if number and time.monotonic() - began > self._effort.budget_seconds:
                break
            if scenario is Scenario.ONE_NEW:
                pools.take()
            turn = number % max(1, len(remaining))
            for tool in (*remaining[turn:], *remaining[:turn]):
                if scenario is Scenario.FIRST:
                    pools.clear(tool)
                run = self._run(pools, cell, scenario, tool, number)
                if run.ended is not Ended.WELL or run.seconds > self._effort.once_seconds:
                    remaining.remove(tool)

    def _prepared(self, pools: Pools, cell: Cell, scenario: Scenario, chosen: tuple[Tool, ...]) -> list[Tool]:
        """Return the tools that take part, each with its own mirror if the scenario starts with one."""
        if scenario is not Scenario.FIRST:
            for tool in chosen:
                if not pools.is_equal(tool):
                    say(f"{tool.name}: making its mirror")
                    pools.seed(tool)
        if scenario is not Scenario.NO_OP:
            return list(chosen)
        return [tool for tool in chosen if self._settle(pools, cell, tool)]

    def _settle(self, pools: Pools, cell: Cell, tool: Tool) -> bool:
        """Run a tool once, without delay and not counted, so that it stores whatever it keeps between runs."""
        no_delay()
        return self._measure(pools, cell, Scenario.NO_OP, tool, -1).ended is Ended.WELL

    def _run(self, pools: Pools, cell: Cell, scenario: Scenario, tool: Tool, number: int) -> Run:
        delay(cell)
        run = self._measure(pools, cell, scenario, tool, number)
        no_delay()
        with self._results.open("a") as file:
            file.write(to_line(run) + "\n")
        return run

    def _measure(self, pools: Pools, cell: Cell, scenario: Scenario, tool: Tool, number: int) -> Run:
        sshd = Sshd(self._work / "sshd.log", "PerSourcePenalties=no", f"SetEnv=PATH={REMOTE_PATH}")
        self._opens.reset()
        log = self._work / "tool.log"
        measured = measure(tool.command, self._effort.limit_seconds, log, frozenset({sshd.pid}))
        local_zfs, remote_zfs = self._opens.counts()
        remote = sshd.stop()
        ended = Ended.WELL
        if measured.status is None:
            ended = Ended.LATE
        elif measured.status != 0 or not pools.is_equal(tool):
            ended = Ended.BADLY
            say(f"{tool.name}: status {measured.status}: {log.read_text(errors='replace')[-2000:]}")
        run = Run(
            tool.name,
            scenario,
            cell,
            number,
            ended,
            round(measured.seconds, 3),
            sshd.connections(),
            sshd.commands(),
            local_zfs,
            remote_zfs,
            round(measured.used.cpu_seconds, 3),
            round(remote.cpu_seconds, 3),
            measured.used.peak_bytes,
            remote.peak_bytes,
        )
        say(f"{scenario}, {tool.name}, round {number}: {run.seconds:.2f} s, {run.remote_commands} commands, {ended}")
        return run


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def main(plan_path: str, results: str) -> int:
    plan = json.loads(Path(plan_path).read_text())
    adopt_orphans()
    REMOTE_BIN.mkdir(exist_ok=True)
    local, remote = Path("/usr/sbin/zfs").resolve(), REMOTE_BIN / "zfs"
    shutil.copy2(local, remote)
    Path("/tmp/shared-connections").write_text(tools.SHARED_CONNECTIONS)
    chosen = tools.all_tools(plan["has_transports"])
    if plan["tools"]:
        chosen = tuple(tool for tool in chosen if tool.name in plan["tools"])
    with Opens(local, remote) as opens:
        bench = Bench(Path(results), opens, Effort(**plan["effort"]))
        for cell in plan["cells"]:
            bench.cell(Cell(**cell), [Scenario(name) for name in plan["scenarios"]], chosen)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
