"""Measure the named parts; write their figures and docs/benchmarks.md.

    python3 -m bench quick|full|goals|trips|curve|transports|links   in the lab's guest
    python3 -m bench bulk|planning|start                             on the machine itself
    python3 -m bench document                                        only rewrite the page

Several parts may be named. Option for parts in the guest: --only TOOL (may be repeated).
"""

from __future__ import annotations

import argparse

from bench import bulk, lab, pages, planning, profiles, startup, store


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    on_machine = {"bulk": bulk.measure, "planning": planning.measure, "start": startup.measure}
    parser.add_argument("parts", nargs="+", choices=[*profiles.PROFILES, *on_machine, "document"])
    parser.add_argument("--only", action="append", default=[])
    options = parser.parse_args()
    for part in options.parts:
        if part in profiles.PROFILES:
            profile, tools = profiles.PROFILES[part]
            about = store.about(lab.fetch_peers())
            store.save_runs(part, about, lab.run(profile, (*tools, *options.only)))
        elif part in on_machine:
            about = store.about()
            store.save(part, about, on_machine[part]())
        pages.write()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
