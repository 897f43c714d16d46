"""What the laws about databases find."""

import pytest

from tests.tidy import databases as laws
from tests.tidy.conftest import MakeTree

MIGRATION = "import sqlalchemy as sa\nfrom alembic import op\n\ndef upgrade():\n    op.create_table('{table}')\n"
TABLES = {
    "services/orders/migrations/0001.py": MIGRATION.format(table="orders"),
    "services/payments/migrations/0001.py": MIGRATION.format(table="payments"),
    "services/payments/migrations/0002.py": MIGRATION.format(table="requests"),
    "services/payments/migrations/0003.py": "from alembic import op\nop.rename_table('payments', 'transfers')\n",
    "services/orders/migrations/0002.py": MIGRATION.format(table="requests"),
}
WORKLOAD = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: shop}}
spec:
  template:
    spec:
      containers: [{{name: app, env: [{env}]}}]
      volumes: [{volume}]
"""
SERVICES = {f"services/{name}/__main__.py": "" for name in ("orders", "payments")}
LOCAL = "mesh/kubernetes/overlays/local"
PATCH = """\
patches:
  - target: {kind: Deployment, name: orders}
    patch: |-
      - {op: add, path: /spec/template/spec/volumes/-, value: {hostPath: {path: /data/payments}}}
"""


def workload(name: str, env: str = "", volume: str = "") -> str:
    return WORKLOAD.format(name=name, env=env, volume=volume)


def url(secret: str) -> str:
    return f"{{name: DATABASE_URL, valueFrom: {{secretKeyRef: {{name: {secret}, key: url}}}}}}"


def folder(path: str) -> str:
    return f"{{name: data, hostPath: {{path: {path}, type: DirectoryOrCreate}}}}"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("url = 'sqlite:///data/payments.db'", "sqlite:"),
        ("url = f'postgresql+psycopg://{role}@{host}/payments'", "postgresql+psycopg:"),
        ("path = folder / 'payments.db'", "s.db"),
        ("url = runtime.setting('DATABASE_URL', '')", "DATABASE_URL"),
        ("more = text('ATTACH DATABASE :path AS payments')", "ATTACH"),
    ],
)
def test_an_address_of_a_database_in_a_service_is_found(make_tree: MakeTree, code: str, found: str) -> None:
    [violation] = laws.addresses(make_tree({"services/orders/store.py": f"{code}\n"}))
    assert violation == f"services/orders/store.py:1 {found}: {laws.OPEN}"


def test_addresses_in_the_runtime_and_in_other_texts_are_allowed(make_tree: MakeTree) -> None:
    text = '"""Its DATABASE_URL, ATTACH."""\nraise LookupError("attached to nothing: postgres is away")\n'
    tree = make_tree({"services/runtime/sqlite.py": "DRIVER = 'sqlite:'\n", "services/orders/store.py": text})
    assert list(laws.addresses(tree)) == []


@pytest.mark.parametrize(
    ("file", "code", "table", "owner"),
    [
        ("store.py", "import sqlalchemy as sa\npayments = sa.table('payments')", "payments", "payments"),
        ("store.py", "from sqlalchemy import Table\nothers = Table('payments', metadata)", "payments", "payments"),
        ("store.py", "others = Table('transfers', metadata)", "transfers", "payments"),
        ("store.py", "column = Column('id', ForeignKey('payments.id'))", "payments", "payments"),
        ("store.py", "keys = ForeignKeyConstraint(['payment'], ['payments.id'])", "payments", "payments"),
        ("store.py", "rows = text('SELECT id FROM orders JOIN payments ON true')", "payments", "payments"),
        ("store.py", "rows = text('select 1 from public.payments')", "payments", "payments"),
        ("store.py", "rows = text('UPDATE \"payments\" SET state = 1')", "payments", "payments"),
        ("migrations/0003.py", "from alembic import op\nop.drop_table('payments')", "payments", "payments"),
        ("migrations/0003.py", "op.create_index('by_time', 'payments', ['time'])", "payments", "payments"),
        ("migrations/0003.py", "op.execute('DELETE FROM payments')", "payments", "payments"),
        ("../catalog/store.py", "requests = Table('requests', metadata)", "requests", "orders and payments"),
    ],
)
def test_a_use_of_the_table_of_another_service_is_found(
    make_tree: MakeTree, file: str, code: str, table: str, owner: str
) -> None:
    [violation] = laws.tables(make_tree({**TABLES, f"services/orders/{file}": f"{code}\n"}))
    assert violation.endswith(f" {table} is a table of {owner}: {laws.CALL}")


@pytest.mark.parametrize(
    "code",
    [
        "orders, requests = Table('orders', metadata), Table('requests', metadata)",
        "item = ForeignKey('orders.id')",
        "rows = text('SELECT id FROM orders')",
        "raise LookupError('nothing came from payments')",
        "channel = runtime.channel('payments')",
        "url = 'payments/1'",
    ],
)
def test_a_service_may_use_its_own_tables(make_tree: MakeTree, code: str) -> None:
    assert list(laws.tables(make_tree({**TABLES, "services/orders/store.py": f"{code}\n"}))) == []


@pytest.mark.parametrize(
    ("env", "volume", "name"),
    [
        ("", folder("/var/lib/shop/payments"), "/var/lib/shop/payments"),
        (url("payments-database"), "", "payments-database"),
        ("{name: DATABASE_URL, value: 'postgresql://x/payments'}", "", "postgresql://x/payments"),
        ("", "{name: k, secret: {secretName: payments-key}}", "payments-key"),
        ("", "{name: d, persistentVolumeClaim: {claimName: data-payments-0}}", "data-payments-0"),
    ],
)
@pytest.mark.parametrize("path", [f"{LOCAL}/data.yaml", "mesh/kubernetes/base/orders.yaml"])
def test_a_workload_with_data_of_another_is_found(
    make_tree: MakeTree, path: str, env: str, volume: str, name: str
) -> None:
    found = list(laws.volumes_and_secrets(make_tree({**SERVICES, path: workload("orders", env, volume)})))
    assert f"{path}: orders gets {name}, which is payments's: {laws.OWN}" in found


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"a.yaml": workload("orders", url("database")), "b.yaml": workload("payments", url("database"))},
            "orders and payments get database/url: ",
        ),
        (
            {
                "a.yaml": workload("orders", volume=folder("/var/lib/shop")),
                "b.yaml": workload("payments", volume=folder("/var/lib/shop/payments")),
            },
            "orders and payments get /var/lib/shop: ",
        ),
        (
            {"pods.yaml": workload("every-service", volume=folder("/var/lib/shop"))},
            f"{LOCAL}/pods.yaml: every workload gets /var/lib/shop: ",
        ),
        (
            {
                "kustomization.yaml": "patches:\n  - path: pods.yaml\n    target: {kind: Deployment}\n",
                "pods.yaml": workload("orders", url("orders-database")),
            },
            f"{LOCAL}/pods.yaml: every workload gets orders-database, which is orders's: ",
        ),
        ({"kustomization.yaml": PATCH}, "kustomization.yaml: orders gets /data/payments, which is payments's: "),
    ],
)
def test_data_for_several_workloads_is_found(make_tree: MakeTree, files: dict[str, str], message: str) -> None:
    tree = make_tree({**SERVICES, **{f"{LOCAL}/{name}": text for name, text in files.items()}})
    assert any(message + laws.OWN in violation for violation in laws.volumes_and_secrets(tree))


def test_a_workload_may_have_its_own_data(make_tree: MakeTree) -> None:
    files = {
        f"{LOCAL}/{name}.yaml": workload(name, url(f"{name}-database"), folder(f"/var/lib/shop/{name}"))
        for name in ("orders", "payments", "kafka")
    }
    assert list(laws.volumes_and_secrets(make_tree({**SERVICES, **files}))) == []
