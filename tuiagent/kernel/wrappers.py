"""Programs that run other programs: which of a command's words are a command themselves."""

import re
from collections.abc import Iterator

TRANSPARENT = {
    "command": r"--",
    "env": r"",
    "nice": r"-n|--adjustment=-?\d+|-\d+",
    "nohup": r"",
    "stdbuf": r"-[ioe](?:L|\d+[KMG]?)",
    "time": r"-p",
    "timeout": r"--foreground|--preserve-status|-v|-[sk]|--signal=\w+|--kill-after=[\d.]+[smhd]?",
}
"""Programs that run the rest of their words as it is, and the options they may have for that."""
VALUED = frozenset({"nice -n", "timeout -s", "timeout -k"})

SHELLS = frozenset("bash sh dash zsh ksh ash fish eval".split())
"""Programs that run a string."""
OPAQUE = SHELLS | frozenset(
    "builtin busybox bwrap chpst chroot chrt coproc cpulimit daemonize dbus-launch "
    "dbus-run-session doas dumb-init entr exec fakechroot fakeroot faketime fd fdfind find "
    "firejail flock gosu hyperfine ionice ltrace lxc-attach mpiexec mpirun nix-shell nsenter "
    "numactl parallel perf pkexec proot proxychains proxychains4 rlwrap run-parts runcon runuser "
    "rustup s6-setuidgid schroot screen script setarch setpriv setsid setuidgid sg softlimit srun "
    "ssh sshpass start-stop-daemon strace su sudo systemd-inhibit systemd-nspawn systemd-run "
    "taskset tini tmux torify torsocks toybox trap unbuffer unshare valgrind watch watchexec "
    "xargs xvfb-run".split()
)
"""Programs that run something that stands among their words: refusals look at it, nothing else."""
RUNNERS = frozenset(
    "bunx docker flatpak git kubectl mise nerdctl npm npx oc pipx pnpm podman poetry uv uvx wsl "
    "yarn".split()
)
"""Programs that do so behind one of these words."""
BEHIND = frozenset("-- -x --exec dlx exec foreach run".split())


def base(word: str) -> str:
    """The name of a program without its folder."""
    return word.rpartition("/")[2]


def layers(argv: tuple[str, ...]) -> Iterator[int]:
    """Where the command stands, and those that its transparent wrappers run."""
    place = 0
    yield place
    while place := _inner(argv, place, base(argv[place])):
        yield place


def unwrapped(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The command that transparent wrappers run in the end; () when the words begin with none,
    or with one that has other options."""
    if argv[0] not in TRANSPARENT:
        return ()
    *outer, place = layers(argv)
    plain = outer and all(argv[number] in TRANSPARENT for number in outer)
    return argv[place:] if plain and argv[place] not in TRANSPARENT else ()


def innermost(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The command that is run in the end, itself where it is no wrapper."""
    inner = unwrapped(argv)
    return inner if inner else argv


def starts(argv: tuple[str, ...]) -> Iterator[int]:
    """Every place at which a command may begin among the words; for refusals."""
    place = 0
    for place in layers(argv):
        yield place
    for number in _given(argv, place):
        if argv[number][:1] != "-":
            yield number


def strings(argv: tuple[str, ...]) -> list[str]:
    """The words that may be command lines themselves; for refusals."""
    *_, place = layers(argv)
    found = [argv[number] for number in _given(argv, place)]
    return [" ".join(found)] if base(argv[place]) == "eval" else found


def _given(argv: tuple[str, ...], place: int) -> range:
    """The words behind a program among which a command may stand."""
    name, first = base(argv[place]), len(argv)
    if name in OPAQUE or name in TRANSPARENT:
        first = place + 1
    elif name in RUNNERS:
        behind = (n for n in range(place + 1, len(argv)) if argv[n] in BEHIND)
        first = next(behind, first) + 1
    return range(first, len(argv))


def _inner(argv: tuple[str, ...], place: int, name: str) -> int:
    """Where the command begins that the transparent wrapper at a place runs; 0 for none."""
    options = TRANSPARENT.get(name)
    if options is None:
        return 0
    place += 1
    while place < len(argv) and argv[place][:1] == "-" and re.fullmatch(options, argv[place]):
        place += 2 if f"{name} {argv[place]}" in VALUED else 1
    if name == "timeout":
        if place >= len(argv) or not re.fullmatch(r"[\d.]+[smhd]?", argv[place]):
            return 0
        place += 1
    odd = place >= len(argv) or argv[place][:1] in ("", "-") or "=" in argv[place]
    return 0 if odd else place
