"""What machines reach over HTTP: boot scripts, the discovery system, images, and the agent's protocol.

Whoever is in the admin network can call it, so it has nothing for operators: those use the `crowbar` command.
"""
