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
# What a node has no use for, and each boot would wait for: LVM's snapshots; programs for other processors; networks and
# device rules from the kernel's command line; leases that networkd gives out; and, on a console, screens.
chroot "$merged" systemctl mask --quiet e2scrub_reap.service systemd-binfmt.service systemd-network-generator.service \
    systemd-udev-load-credentials.service systemd-networkd-persistent-storage.service modprobe@drm.service
# SSH by virtual sockets (it loads four modules to look for some), TPMs, hibernation, partitions that are told apart by
# their types, updates at boot, commands from the kernel's command line.
mkdir -p "$merged/etc/systemd/system-generators"
for generator in ssh tpm2 hibernate-resume gpt-auto system-update run; do
    ln -s /dev/null "$merged/etc/systemd/system-generators/systemd-$generator-generator"
done
# systemd's "update after the image changed" has nothing to do, and takes seconds of each first boot.
touch "$merged/etc/.updated" "$merged/var/.updated"
umount "$merged/tmp" "$merged/proc" "$merged/dev"
# GRUB of Debian 12 reads neither of the two features that are left out.
mke2fs -q -F -t ext4 -L root -b 4096 -I 256 -J size=64 -O ^metadata_csum_seed,^orphan_file \
    -E "offset=$offset,lazy_itable_init=1,lazy_journal_init=1,nodiscard" -d "$merged" "$disk" "${kib}k"
