"""The cluster file's machines and networks: their form, and what they are once read. Its proposals are `batch`'s."""

from crowbar.catalog.cluster.model import BmcLogin, Cluster, FileMachine, FileNetwork, Matched, VirtualMachine
from crowbar.catalog.cluster.read import cluster_of, proposals_of, read_cluster

__all__ = [
    "BmcLogin",
    "Cluster",
    "FileMachine",
    "FileNetwork",
    "Matched",
    "VirtualMachine",
    "cluster_of",
    "proposals_of",
    "read_cluster",
]
