"""The bench: what to measure in; figures and docs/benchmarks.md out.

    python3 -m bench quick|full|goals|trips|curve|transports|links   in the lab's guest
    python3 -m bench bulk|planning|start                             on the machine itself
    python3 -m bench document                                        only write the page again

Several may be named. Options for the guest's ones: --only TOOL (may be repeated).
"""

from __future__ import annotations

import argparse

from bench import bulk, lab, pages, planning, profiles, startup, store


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    on_machine = {"bulk": bulk.measure, "planning": planning.measure, "start": startup.measure}
    parser.add_argument("parts", nargs="+", choices=[*profiles.PROFILES, *on_machine, "document"])
    parser.add_argument("--only", action="append", default=[])
    asked = parser.parse_args()
    for part in asked.parts:
        if part in profiles.PROFILES:
            profile, tools = profiles.PROFILES[part]
            told = store.about(lab.fetch_peers())
            store.save_runs(part, told, lab.run(profile, (*tools, *asked.only)))
        elif part in on_machine:
            told = store.about()
            store.save(part, told, on_machine[part]())
        pages.write()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
