"""DHCP and TFTP on the admin network, by a dnsmasq that Crowbar configures, starts and watches."""

from crowbar.provision.dnsmasq.config import DhcpConfig, DhcpHost, DhcpMode, Dns
from crowbar.provision.dnsmasq.daemon import Dnsmasq

__all__ = ["DhcpConfig", "DhcpHost", "DhcpMode", "Dns", "Dnsmasq"]
