#!/bin/bash
# Brings what this machine lacks: Debian packages (as root), and the locked Python environment in .venv. Safe to run
# again at any time; when nothing changed it takes a few milliseconds.
#   scripts/setup.sh [--rack | --development]    also what `make machines`, or `make test`, needs
set -euo pipefail
cd "$(dirname "$0")/.."

stamp=.cache/setup.stamp
purpose=${1:-}
case $purpose in
    '' | --rack | --development) ;;
    *)
        echo "usage: scripts/setup.sh [--rack | --development]" >&2
        exit 2
        ;;
esac
# What the product runs on, what virtual machines need beside, and what its tests and linters need.
packages=(
    python3-venv mmdebstrap dpkg-dev debian-archive-keyring systemd-container nftables iproute2 openssh-client
    qemu-utils cpio mtools dosfstools syslinux-common syslinux chromium chromium-driver kmod
    openipmi ipmitool
    dnsmasq-base ipxe zstd fdisk e2fsprogs grub-common grub-pc-bin grub-efi-amd64-bin
)
[ -z "$purpose" ] || packages+=(qemu-system-x86 ovmf)
[ "$purpose" != --development ] || packages+=(git shellcheck postgresql)

inputs() {
    cat scripts/setup.sh scripts/uv.lock requirements.lock pyproject.toml
    printf '%s\n' "$purpose" "$PWD" "$(readlink -f /usr/bin/python3)"
}

install_packages() {
    local missing=() package
    for package in "${packages[@]}"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        echo "These Debian packages are missing: ${missing[*]}. Run this as root, or install them." >&2
        exit 2
    fi
    echo "Installing Debian packages: ${missing[*]}"
    # A package that starts a service (PostgreSQL's cluster) shall not: tests start their own.
    local policy=/usr/sbin/policy-rc.d made=
    if [ ! -e $policy ]; then
        made=$policy
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
        # shellcheck disable=SC2064 # the value of now is meant
        trap "rm -f $policy" EXIT
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    apt-get install -qy --no-install-recommends "${missing[@]}"
    if [ -n "$made" ]; then
        rm -f "$made"
        trap - EXIT
    fi
}

make_environment() {
    local uv=.cache/uv/bin/uv
    if ! cmp -s scripts/uv.lock .cache/uv/lock; then
        rm -rf .cache/uv
        /usr/bin/python3 -m venv .cache/uv
        .cache/uv/bin/python -m pip install -q --require-hashes -r scripts/uv.lock
        cp scripts/uv.lock .cache/uv/lock
    fi
    [ -x .venv/bin/python ] || $uv venv -q --python /usr/bin/python3 .venv
    echo "Bringing .venv to requirements.lock"
    # Compiled once: where Python may not write bytecode, each command would compile all it imports, which takes longer
    # than what most of them do.
    $uv pip sync -q --compile-bytecode --python .venv/bin/python --require-hashes requirements.lock
    $uv pip install -q --python .venv/bin/python --no-deps --no-build-isolation -e .
    .venv/bin/python -m compileall -q crowbar cli inventory
}

mkdir -p .cache
digest=$(inputs | sha256sum)
if [ -x .venv/bin/crowbar ] && [ "$(cat $stamp 2>/dev/null)" = "$digest" ]; then exit 0; fi
install_packages
make_environment
printf '%s\n' "$digest" >$stamp
