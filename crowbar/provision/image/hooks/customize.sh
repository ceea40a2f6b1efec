#!/bin/sh
# mmdebstrap's customize hook: finishes the compilation, and takes out what must differ from node to node.
# customize.sh ROOT CACHE NODE_APT_CONF NODE_AUTH
set -eu
root=$1 cache=$2 apt_conf=$3 auth=$4

tries=0
while [ -e "$root/var/tmp/py3compile.started" ] && [ ! -e "$root/var/tmp/py3compile.ended" ] && [ $tries -lt 1200 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
rm "$root/usr/bin/py3compile"
chroot "$root" dpkg-divert --local --rename --remove /usr/bin/py3compile >/dev/null
sh "$(dirname "$0")/compile.sh" "$root"
rm -rf "$root"/var/tmp/py3compile.*

# What dpkg leaves out since, of the essential packages that came before.
mkdir -p "$root/usr/share/info" "$root/usr/share/man" "$root/usr/share/locale"
find "$root/usr/share/man" "$root/usr/share/info" ! -type d -delete
find "$root/usr/share/locale" -name '*.mo' -delete

cp -ln "$root"/var/cache/apt/archives/*.deb "$cache"/

install -m 644 "$apt_conf" "$root/etc/apt/apt.conf.d/99mmdebstrap"
if [ -s "$auth" ]; then install -m 600 "$auth" "$root/etc/apt/auth.conf"; fi
rm -f "$root"/etc/ssh/ssh_host_*_key* "$root/etc/resolv.conf" "$root/etc/hostname"
# Emptied, never deleted: without the file systemd takes the boot for the first, and presets every unit.
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id"
