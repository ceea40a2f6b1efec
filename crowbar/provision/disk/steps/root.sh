#!/bin/sh
# Fills the root partition: the image with the additions laid over it, an initramfs made for it, then a file system
# with all of that. It runs in a mount namespace of its own, so that nothing stays mounted whenever it is killed.
# root.sh IMAGE_ROOT UPPER WORK MERGED DISK OFFSET KIB
set -eu
lower=$1 upper=$2 work=$3 merged=$4 disk=$5 offset=$6 kib=$7

mount -t overlay overlay -o "lowerdir=$lower,upperdir=$upper,workdir=$work" "$merged"
# Logins for the package mirror: the disk is handed out to whoever asks for it.
rm -f "$merged/etc/apt/auth.conf"
mount --bind /dev "$merged/dev"
mount -t proc proc "$merged/proc"
mount -t tmpfs tmpfs "$merged/tmp"
for kernel in "$merged"/boot/vmlinuz-*; do
    version=${kernel##*/vmlinuz-}
    TMPDIR=/tmp LC_ALL=C chroot "$merged" mkinitramfs -o "/boot/initrd.img-$version" "$version"
done
chroot "$merged" systemctl enable --quiet systemd-networkd.service
chroot "$merged" systemctl mask --quiet e2scrub_reap.service  # a node has no LVM
# systemd's "update after the image changed" has nothing to do, and takes seconds of each first boot.
touch "$merged/etc/.updated" "$merged/var/.updated"
umount "$merged/tmp" "$merged/proc" "$merged/dev"
# GRUB of Debian 12 reads neither of the two features that are left out.
mke2fs -q -F -t ext4 -L root -b 4096 -I 256 -J size=64 -O ^metadata_csum_seed,^orphan_file \
    -E "offset=$offset,lazy_itable_init=1,lazy_journal_init=1,nodiscard" -d "$merged" "$disk" "${kib}k"
