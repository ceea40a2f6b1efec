#!/bin/sh
# mmdebstrap's extract hook: what dpkg shall leave out from now on. (Given as --dpkgopt, mmdebstrap would filter
# the essential packages too, by a Python program each: 10 s.) Licences stay. Of the kernel's modules those go that no
# server has a use for, 29 MB that no packing makes smaller: systemd-networkd alone has the kernel load what wireless networks need,
# at each boot. Screens need two of those for television.
set -eu
cat >"$1/etc/dpkg/dpkg.cfg.d/50crowbar" <<'CFG'
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*/LC_MESSAGES/*.mo
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/lib/modules/*/kernel/sound/*
path-exclude=/usr/lib/modules/*/kernel/drivers/bluetooth/*
path-exclude=/usr/lib/modules/*/kernel/drivers/comedi/*
path-exclude=/usr/lib/modules/*/kernel/drivers/isdn/*
path-exclude=/usr/lib/modules/*/kernel/drivers/media/*
path-exclude=/usr/lib/modules/*/kernel/drivers/net/wireless/*
path-exclude=/usr/lib/modules/*/kernel/drivers/staging/*
path-exclude=/usr/lib/modules/*/kernel/net/bluetooth/*
path-exclude=/usr/lib/modules/*/kernel/net/mac80211/*
path-exclude=/usr/lib/modules/*/kernel/net/wireless/*
path-include=/usr/lib/modules/*/kernel/drivers/media/cec/*
path-include=/usr/lib/modules/*/kernel/drivers/media/rc/rc-core.ko*
CFG
