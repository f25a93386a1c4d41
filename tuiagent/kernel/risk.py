"""How much harm a call could do: a word for people, which decides nothing."""

import re

from tuiagent.kernel import places
from tuiagent.kernel.claims import Claims

NEAR = 60
"""Words behind a program that are looked at."""
DANGEROUS = frozenset(
    "ansible ansible-playbook aria2c at batch blkdiscard cfdisk chattr chgrp chmod chown chroot "
    "crontab cryptsetup curl dd debugfs dig doas docker dropdb dropuser eval exec fdisk ftp gdisk "
    "gpasswd groupdel groupmod halt hdparm helm host init insmod ip iptables kexec kill killall "
    "launchctl loginctl lvremove mkfs mkswap modprobe mount nc ncat netcat nft nslookup nsenter "
    "parted passwd pgremove ping pkexec pkill podman poweroff pvremove reboot rm rmdir rmmod "
    "rsync scp setfacl sfdisk sftp sgdisk shred shutdown skill socat srm ssh su sudo swapoff "
    "sysctl systemctl telnet terraform tofu trash truncate ufw umount unlink unshare useradd "
    "userdel usermod vgremove visudo wget wipe wipefs zpool".split()
)
"""Programs that destroy, reach the network, or change the machine."""
SENT = r"\b(publish|push|upload|deploy|release|unpublish|yank|login|logout|promote|rollback)\b"
GONE = r"\b(delete|destroy|terminate|remove|rm|purge|drop|prune|drain|evict|uninstall|reset)\b"
SQL = r"\b(drop|truncate|delete|alter|grant|revoke)\b|\\!|\\copy"
WORDS: dict[str, str] = {
    name: pattern
    for names, pattern in {
        "git": r"\bpush\b.*( -\w*f| --(force|mirror|delete|prune)| -\w*d\b| \+| :\S)"
        r"|\b(clean|filter-branch|filter-repo)\b|\breset\b.* --(hard|merge)"
        r"|\b(checkout|switch|restore)\b.*( -\w*f| --force| --discard-changes| \.$| -- )"
        r"|\bbranch\b.* -\w*D|\bstash (drop|clear)|\breflog (expire|delete)|\bgc\b.*--prune"
        r"|\bupdate-ref\b.* -d|\bworktree remove\b.*--force|\brm\b| -c | --exec|\bcredential",
        "npm pnpm yarn bun cargo gem poetry twine uv flit hatch mvn gradle gradlew dotnet nuget "
        "composer lerna vsce ovsx wrangler vercel netlify firebase heroku flyctl fly serverless "
        "sls cdk pulumi terragrunt goreleaser changeset nx semantic-release": SENT + "|" + GONE,
        "kubectl oc gcloud gsutil aws az doctl hcloud linode-cli s3cmd mc rclone eksctl "
        "minikube kind ibmcloud oci openstack vault consul nomad gh glab flux argocd kustomize": (
            GONE + r"|\b(apply|replace|patch|scale|exec|cordon|rb|mb|cp|mv|sync|move|put|edit)\b"
        ),
        "psql mysql mariadb sqlite3 mongosh mongo redis-cli clickhouse-client cqlsh sqlcmd duckdb "
        "cockroach influx": SQL
        + r"|\b(flushall|flushdb|dropdatabase|drop\w*\(|deletemany|deleteone|remove\()",
        "find fd fdfind": r" -(delete|exec\w*|ok\w*|x|X|fprint\w*|fls)\b| --exec",
        "apt apt-get aptitude dnf yum pacman zypper apk brew snap flatpak rpm dpkg port emerge "
        "nix-env pip pip3 conda mamba": r"\b(remove|purge|autoremove|erase|uninstall|clean)\b"
        r"| -\w*[RPe]\b| --(remove|purge|erase)",
        "tar": r" --(remove-files|unlink-first|recursive-unlink|to-command|checkpoint|use-)",
        "mv cp install ln": r" -\w*f| --force",
        "diskutil hdiutil": r"\b(erase|partition|reformat)",
        "dscl": r"\bdelete\b",
        "make just task rake ninja": r"\b(clean|distclean|publish|deploy|release|uninstall)\b",
    }.items()
    for name in names.split()
}
"""Words behind a program with which it destroys, sends or cannot be taken back."""


def risk(claims: Claims) -> str:
    """low, medium, high or unknown; low only for what is known to only read in the folder."""
    away = places.outside(claims)
    guarded = any(re.search(places.PROTECTED, p) or re.search(places.OWN, p) for p in claims.writes)
    beyond = claims.folders or (claims.hosts if claims.effect == "execute" else ())
    if any(places.secrets(claims)) or beyond:
        return "high"
    if claims.effect == "execute":
        outward = any(not places.inside(path, claims) for path in claims.writes)
        return "high" if outward or guarded else _of_commands(claims, bool(away))
    if claims.effect == "write":
        return "high" if away or guarded else "medium"
    return "medium" if away or claims.effect == "network" else "low"


def _of_commands(claims: Claims, away: bool) -> str:
    from tuiagent.kernel import programs, wrappers  # noqa: PLC0415 - only once a command is judged

    known = [programs.reads(argv) is not None for argv in claims.commands]
    if known and all(known) and not away:
        return "low"
    for argv in (*claims.commands, *claims.inside):
        if any(
            _dangerous(argv, place, wrappers.base(argv[place])) for place in wrappers.starts(argv)
        ):
            return "high"
    return "medium" if claims.commands else "unknown"


def _dangerous(argv: tuple[str, ...], place: int, name: str) -> bool:
    pattern = WORDS.get(name)
    if pattern is None:
        return name in DANGEROUS or name.startswith(("mkfs.", "fsck."))
    return re.search(pattern, f" {' '.join(argv[place + 1 : place + NEAR])} ", re.I) is not None
