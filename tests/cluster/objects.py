"""Objects in the cluster's Swift, put and read back by OpenStack's own client."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass, field

import openstack
from openstack.exceptions import ConflictException

from crowbar.verify.cloud import sign_in
from crowbar_cli.checking import cloud_access
from tests.cluster.conftest import Cluster

NAME = "outlives-a-node"
SECONDS = 180.0  # for a storage node to come back, and to be brought up to date
COUNT = 20  # so many that every storage node holds some of them first


@dataclass
class Objects:
    """Twenty objects of random bytes."""

    cluster: Cluster
    digests: list[str] = field(default_factory=list)

    def _store(self) -> openstack.connection.Connection:
        with self.cluster.context() as context:
            access = cloud_access(context)
        return sign_in(access).connection

    def put(self) -> list[str]:
        """Put them; the digest of each."""
        with self._store() as cloud:
            cloud.object_store.create_container(NAME)
            for number in range(COUNT):
                data = os.urandom(10_000 + number)
                self.digests.append(hashlib.sha256(data).hexdigest())
                cloud.object_store.create_object(NAME, f"o{number}", data=data)
        return self.digests

    def get(self) -> list[str]:
        """Get them; the digest of each."""
        with self._store() as cloud:
            return [
                hashlib.sha256(cloud.object_store.download_object(f"o{number}", container=NAME)).hexdigest()
                for number in range(COUNT)
            ]

    def delete(self) -> None:
        """Delete them. The container counts its objects a little later than they are gone."""
        deadline = time.monotonic() + SECONDS
        with self._store() as cloud:
            for number in range(COUNT):
                cloud.object_store.delete_object(f"o{number}", container=NAME)
            while True:
                try:
                    cloud.object_store.delete_container(NAME)
                except ConflictException:
                    assert time.monotonic() < deadline, "the container is not empty yet"
                    time.sleep(2)
                else:
                    return
