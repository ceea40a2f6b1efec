"""No secret's value is anywhere but encrypted in the store and in the services' own files on the node."""

from __future__ import annotations

import stat

import pytest

from tests.cloud.conftest import Cloud

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(3000)]


@pytest.fixture(scope="module")
def values(cloud: Cloud) -> list[str]:
    with cloud.context() as context:
        found: list[str] = context.store.secrets.values()
    assert len(found) > 10
    return found


def test_not_in_any_command_line_while_the_cloud_was_deployed(cloud: Cloud, values: list[str]) -> None:
    assert any(b"ansible" in line for line in cloud.processes.seen), "the node's processes were not seen"
    assert [v for v in values if any(v.encode() in line for line in cloud.processes.seen)] == []


def test_not_in_the_database_files_nor_anything_else_in_the_state_folder(cloud: Cloud, values: list[str]) -> None:
    state = cloud.crowbar.state
    files = [
        path
        for path in state.root.rglob("*")
        if path.is_file() and not path.is_relative_to(state.images) and not path.is_relative_to(state.machines)
    ]
    assert state.database in files
    contents = {path: path.read_bytes() for path in files}
    assert [path for path, content in contents.items() if any(v.encode() in content for v in values)] == []
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in files if path == state.secret_key)


def test_not_in_events_nor_in_what_the_commands_print(cloud: Cloud, values: list[str]) -> None:
    texts = [cloud.crowbar.run(*words) for words in (("logs",), ("status",), ("credentials",), ("deployments", "list"))]
    with cloud.context() as context:
        for deployment in context.store.deployments.list():
            after = 0
            while page := context.store.events.read(deployment.id, after=after):
                texts += [f"{event.message} {event.data}" for event in page]
                after = page[-1].id
    assert len(texts) > 100
    assert [v for v in values if any(v in text for text in texts)] == []


def test_not_where_the_bundle_was_on_the_node(cloud: Cloud) -> None:
    script = "ls -d /run/crowbar-apply-* /root/.ansible/tmp/* /tmp/ansible* 2>/dev/null || true"
    assert cloud.on_node("sh", "-c", script).strip() == ""


def test_not_in_the_nodes_journal(cloud: Cloud, values: list[str]) -> None:
    journal = cloud.on_node("journalctl", "--no-pager", "-o", "cat", "-u", "crowbar-apply-*", "-t", "python3")
    assert [v for v in values if v in journal] == []


def test_not_in_world_readable_files_of_the_node(cloud: Cloud, values: list[str]) -> None:
    pattern = "\n".join(values)
    script = f"cat > /run/patterns <<'EOF'\n{pattern}\nEOF\n"
    script += "find /etc /var/lib/crowbar /var/log /usr/local -type f -perm -o=r -print0 2>/dev/null"
    script += " | xargs -0 grep -lFf /run/patterns; rm /run/patterns; true"
    assert cloud.on_node("sh", "-c", script, seconds=120).strip() == ""
