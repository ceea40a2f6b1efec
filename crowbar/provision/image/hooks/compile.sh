#!/bin/sh
# Compiles the image's Python modules that are not compiled yet, and says which could not be.
# compile.sh ROOT
# Part of the customize hook. A line that begins with "crowbar: " is told to whoever waits for the image.
set -eu
root=$1
calls=$root/var/tmp/py3compile.calls report=$root/var/tmp/py3compile.report

compile() {
    status=0
    chroot "$root" python3 -m compileall -q -j 2 "$1" >"$report.one" 2>&1 || status=$?
    [ "$status" = 0 ] && return
    cat "$report.one" >>"$report"
    # It ends with 1 if files cannot be compiled, and names them. If it died of anything else (memory, a signal), nothing
    # can be said of what it left: services would compile their modules anew at each start.
    if [ "$status" = 1 ] && grep -q '^\*\*\* Error compiling ' "$report.one" && ! grep -q '^Traceback' "$report.one"; then
        return
    fi
    cat "$report.one"
    echo "E: the Python modules in $1 could not be compiled" >&2
    exit 1
}

: >"$report"
compile /usr/lib/python3/dist-packages
if [ -e "$calls" ]; then # folders of modules that a package has for itself
    grep -oE ' /[^ ]+' "$calls" | sort -u >"$calls.folders" || true
    while read -r folder; do compile "$folder"; done <"$calls.folders"
fi
# No reason to refuse the image: a package may bring templates, or modules for another Python.
failed=$(sed -n "s/^\*\*\* Error compiling \(.*\)\.\.\.\$/\1/p" "$report" | sort -u)
if [ -n "$failed" ]; then
    cat "$report"
    echo "crowbar: Python files that could not be compiled: $(echo "$failed" | wc -l), the first is $(echo "$failed" | head -n 1)"
fi
