"""A machine that is a container: a firmware's program, then systemd-nspawn, behind the same BMC."""
