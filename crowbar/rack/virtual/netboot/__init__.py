"""What a server's firmware does to boot from the network, as a program: the same DHCP, TFTP, HTTP and boot script."""
