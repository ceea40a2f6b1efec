"""The program on a machine that is not installed yet: it tells what the machine is, and does what it is ordered.

The standard library alone, Python 3.11 or newer, as root, in the discovery system, where it is one file (an archive
that Python runs; `crowbar.provision.discovery.archive` makes it). It is told by words, as on the kernel's command line:
``crowbar.url=`` (the admin node), ``crowbar.token=`` (one-time), ``BOOTIF=`` (the MAC it was booted from),
``crowbar.machine=`` (a file that plays the hardware's part where there is none). It never gives up: what fails is said
on the console and to the admin node, and is tried again. What the admin node sends is checked too.
"""
