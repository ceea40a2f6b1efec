"""Baseboard management controllers: one protocol, spoken over IPMI, over Redfish, or by nothing but memory."""
