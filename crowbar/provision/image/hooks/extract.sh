#!/bin/sh
# mmdebstrap's extract hook: what dpkg shall leave out from now on. (Given as --dpkgopt, mmdebstrap would filter
# the essential packages too, by a Python program each: 10 s.) Licences stay.
set -eu
cat >"$1/etc/dpkg/dpkg.cfg.d/50crowbar" <<'CFG'
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*/LC_MESSAGES/*.mo
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
CFG
