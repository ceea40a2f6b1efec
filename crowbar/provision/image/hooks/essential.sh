#!/bin/sh
# mmdebstrap's essential hook: hundreds of packages each start Python to compile their modules. Instead all are
# compiled by one process, on another core while dpkg configures; the customize hook does what it left.
set -eu
chroot "$1" dpkg-divert --local --rename --add /usr/bin/py3compile >/dev/null
cat >"$1/usr/bin/py3compile" <<'SH'
#!/bin/sh
# The first library's call comes when nearly all packages are unpacked.
echo "$*" >>/var/tmp/py3compile.calls
case "$*" in
"-p python3-minimal"* | "-p python3 "*) exit 0 ;;
esac
if mkdir /var/tmp/py3compile.started 2>/dev/null; then
    # 3 is debconf's, which waits for all who hold it.
    setsid sh -c 'python3 -m compileall -q /usr/lib/python3/dist-packages; touch /var/tmp/py3compile.ended' \
        </dev/null >/dev/null 2>&1 3>&- &
fi
SH
chmod 755 "$1/usr/bin/py3compile"
