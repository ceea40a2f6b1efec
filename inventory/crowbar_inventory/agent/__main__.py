"""Run as a module, or as the archive that holds it."""

from crowbar_inventory.agent.main import main

main()
