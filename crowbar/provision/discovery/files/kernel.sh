#!/bin/sh
# mmdebstrap's customize hook: the kernel's package, fetched but not installed, whose scripts would build an initramfs
# that nobody boots.
# kernel.sh META_PACKAGE FOLDER
set -eu
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
cd "$2"
package=$(apt-cache depends "$1" | sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$/\1/p')
apt-get download -q "$package"
