#!/usr/bin/env python3
"""Print the man page or a shell's completion, made from the manual and its table of options: generate.py man|bash|zsh.

Needs only Python. `make install` and the package builds run it.
"""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP))

from zfs_replicate.cli.manual import MANUAL, usage  # noqa: E402 - the path comes first
from zfs_replicate.cli.option import Option, Section  # noqa: E402
from zfs_replicate.cli.options import OPTIONS, SECTIONS  # noqa: E402

PROGRAM = "zfs_replicate"
LINE_WIDTH = 74
FILES = {
    "/etc/zfs_replicate.toml": "the jobs of run and check",
    "/run/zfs_replicate/": "locks: one run at a time per target tree (without root: in $XDG_RUNTIME_DIR)",
    "~/.ssh/config, ~/.ssh/known_hosts": "how to reach the source, and which host keys to trust, as for ssh",
}
SEE_ALSO = (("crontab", 5), ("ssh_config", 5), ("systemd.timer", 5), ("zfs", 8), ("zfs-allow", 8), ("zfs-hold", 8))


def commands() -> list[str]:
    """Return the subcommands, such as `run`, in the manual's order."""
    return list(dict.fromkeys(re.findall(rf"^  {PROGRAM} ([a-z]+)\b", usage(), re.MULTILINE)))


def main(kind: str) -> None:
    makers = {"man": man_page, "bash": bash_completion, "zsh": zsh_completion}
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # it is a text stream
    sys.stdout.write("\n".join(makers[kind]()) + "\n")


# --- the man page, in mdoc(7) ---


def man_page() -> Iterator[str]:
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    day = datetime.fromtimestamp(int(seconds), UTC) if seconds else datetime.now(UTC)
    head, paragraphs, ending = _prose()
    yield f".Dd {day:%B} {day.day}, {day.year}"
    yield f".Dt {PROGRAM.upper()} 8"
    yield ".Os"
    yield from (".Sh NAME", f".Nm {PROGRAM}", f".Nd {head}")
    yield ".Sh SYNOPSIS"
    yield from _synopsis()
    yield ".Sh DESCRIPTION"
    yield from _paragraphs(paragraphs)
    yield ".Sh OPTIONS"
    for section in SECTIONS:
        yield from _man_section(section)
    yield from (".Sh FILES", ".Bl -tag -width Ds")
    for path, text in FILES.items():
        yield from (f".It Pa {path}", _man_text(text))
    yield ".El"
    yield ".Sh EXIT STATUS"
    yield from _paragraphs(ending)
    yield ".Sh EXAMPLES"
    yield from ("As a line for", ".Xr crontab 5 :", *_literal([*_example()]))
    yield from (".Pp", "A job file:", *_literal((TOP / "zfs_replicate.toml.example").read_text().splitlines()))
    yield ".Sh SEE ALSO"
    yield from (
        f".Xr {name} {number}{' ,' if place < len(SEE_ALSO) else ''}"
        for place, (name, number) in enumerate(SEE_ALSO, start=1)
    )


def _prose() -> tuple[str, list[str], list[str]]:
    """Return the manual's prose: its head line, and the paragraphs before and after the options."""
    blocks = MANUAL.strip().split("\n\n")
    prose = [block for block in blocks[1:] if not re.match(r"Usage:|Example|[A-Z][^\n]*:\n  ", block)]
    last = max(place for place, block in enumerate(blocks) if re.match(r"[A-Z][^\n]*:\n  +-", block))
    ending = [block for block in prose if blocks.index(block) > last]
    return blocks[0].partition(" - ")[2], [block for block in prose if block not in ending], ending


def _example() -> Iterator[str]:
    (block,) = (block for block in MANUAL.split("\n\n") if block.startswith("Example"))
    yield from (f"15 * * * * {line.strip()}" for line in block.splitlines()[1:])


def _synopsis() -> Iterator[str]:
    for line in usage().splitlines()[1:]:
        yield ".Nm"
        rest = line.strip().removeprefix(PROGRAM).strip()
        for group, dots, plain in re.findall(r"\[([^\]]*)\](\.\.\.)?|([^\[]+)", rest):
            if plain.strip():
                yield f".{_words(plain)}"
            elif dots:
                yield f".Oo {_words(group)} Oc Ns ..."
            elif group:
                yield f".Op {_words(group)}"


def _words(text: str) -> str:
    """Given `-h HOST run`, return `Fl h Ar HOST Cm run`."""
    out = []
    for word in text.split():
        if word.startswith("-"):
            out.append(f"Fl {word[1:]}")
        else:
            out.append(f"{'Cm' if word in commands() else 'Ar'} {word}")
    return " ".join(out)


def _man_section(section: Section) -> Iterator[str]:
    yield from (f".Ss {_man_text(section.title)}", ".Bl -tag -width Ds")
    for option in section.options:
        value = f" Ar {option.value}" if option.value else ""
        long_value = f" Ns Op = Ns Ar {option.value}" if option.is_value_optional else value
        short = f"Fl {option.short[1:]}{value} , " if option.short else ""
        yield f".It {short}Fl {option.long[1:]}{long_value}"
        yield from _filled(_sentence(option.text))
        if option.default:
            yield f"Default: {_man_text(option.default)}."
    yield ".El"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _paragraphs(blocks: list[str]) -> Iterator[str]:
    for place, block in enumerate(blocks):
        if place:
            yield ".Pp"
        yield from _filled(" ".join(block.split()))


def _filled(text: str) -> Iterator[str]:
    """Start each sentence on a new line, as mdoc requires."""
    for sentence in re.split(r"(?<=[.!?]) +(?=[A-Z])", text):
        yield from (_man_text(line) for line in textwrap.wrap(sentence, LINE_WIDTH, break_on_hyphens=False))


def _literal(lines: list[str]) -> Iterator[str]:
    yield ".Bd -literal"
    yield from (_man_text(line) for line in lines)
    yield ".Ed"


def _man_text(text: str) -> str:
    """Escape plain text for roff: no request at the start of a line, and dashes that can be pasted."""
    safe = re.sub(r"(?<![A-Za-z0-9])-|-(?=-)", r"\\-", text.replace("\\", r"\e")).replace("→", r"\(->")
    return f"\\&{safe}" if safe[:1] in (".", "'") else safe


# --- completion ---


def bash_completion() -> Iterator[str]:
    words = " ".join(word for option in OPTIONS for word in (option.short, option.long) if word)
    yield f"# bash completion of {PROGRAM}, generated from its manual"
    yield f"_{PROGRAM}_lines() {{ # TEXT: offer its lines, which may hold spaces"
    yield "\tlocal IFS=$'\\n'"
    yield '\tmapfile -t COMPREPLY < <(compgen -W "$1" -- "$current")'
    yield "\t[ ${#COMPREPLY[@]} = 0 ] || mapfile -t COMPREPLY < <(printf '%q\\n' \"${COMPREPLY[@]}\")"
    yield "}"
    yield f"_{PROGRAM}() {{"
    yield "\tlocal current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words=''"
    yield "\tcase $previous in"
    for option in OPTIONS:
        if option.value and not option.is_value_optional:
            yield f"\t{' | '.join(filter(None, (option.short, option.long)))})"
            yield from (f"\t\t{line}" for line in (*_bash_values(option), "return", ";;"))
    yield "\tesac"
    yield "\tif [[ $current = -* ]]; then"
    yield f"\t\twords='{words}'"
    yield '\telif [ "$COMP_CWORD" = 1 ]; then'
    yield f"\t\twords='{' '.join(commands())}'"
    yield '\telif [ "${COMP_WORDS[1]}" = run ]; then'
    yield f"\t\twords=$({_JOBS})"
    yield "\tfi"
    yield '\tmapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")'
    yield "}"
    yield f"complete -F _{PROGRAM} {PROGRAM}"


_JOBS = f"{PROGRAM} check 2>/dev/null | cut -d: -f1"
_DATASETS = "zfs list -H -o name -t filesystem,volume 2>/dev/null"


def _bash_values(option: Option) -> tuple[str, ...]:
    """Return the lines that offer the values of an option; none if only the user knows them."""
    if option.long == "--local":
        return (f'_{PROGRAM}_lines "$({_DATASETS})"',)
    if option.choices:
        how = f"-W '{' '.join(option.choices)}'"
    elif option.value in ("FILE", "HOST"):
        how = {"FILE": "-f", "HOST": "-A hostname"}[option.value]
    else:
        return ()
    return (f'mapfile -t COMPREPLY < <(compgen {how} -- "$current")',)


def zsh_completion() -> Iterator[str]:
    yield f"#compdef {PROGRAM}"
    yield f"# generated from the manual of {PROGRAM}"
    yield "local -a arguments"
    yield "arguments=("
    for option in OPTIONS:
        yield f"\t{_zsh_option(option)}"
    yield f"\t'1:command:({' '.join(commands())})'"
    yield f"\t'*:job:_values job ${{(f)\"$({_JOBS})\"}}'"
    yield ")"
    yield "_arguments -s -S $arguments"


def _zsh_option(option: Option) -> str:
    text = re.sub(r"([\[\]:\\])", r"\\\1", option.text.partition(";")[0]).replace("'", "'\\''")
    value = f":{option.value}:{_zsh_values(option)}" if option.value else ""
    if option.is_value_optional:
        return f"'{option.long}=-[{text}]:{value}'"
    long = f"{option.long}{'=' if option.value else ''}"
    if option.is_repeated:
        return f"\\*{{{option.short}+,{long}}}'[{text}]{value}'"
    if option.short is None:
        return f"'{long}[{text}]{value}'"
    short = f"{option.short}{'+' if option.value else ''}"
    return f"'({option.short} {option.long})'{{{short},{long}}}'[{text}]{value}'"


def _zsh_values(option: Option) -> str:
    if option.choices:
        return f"({' '.join(option.choices)})"
    if option.long == "--local":
        return f'{{compadd -- ${{(f)"$({_DATASETS})"}}}}'
    return {"FILE": "_files", "HOST": "_hosts"}.get(option.value or "", " ")


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ("man", "bash", "zsh"):
        sys.exit("usage: generate.py man|bash|zsh")
    main(sys.argv[1])
