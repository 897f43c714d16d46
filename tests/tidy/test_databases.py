"""A service's database is its own, in its code and in the manifests."""

from collections.abc import Callable, Iterable

import pytest

from tests.tidy import databases as laws
from tests.tidy.conftest import Plant
from tests.tidy.tree import Tree

Law = Callable[[Tree], Iterable[str]]
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
DATA = "{{name: data, hostPath: {{path: {}, type: DirectoryOrCreate}}}}"
URL = "{{name: DATABASE_URL, valueFrom: {{secretKeyRef: {{name: {}, key: url}}}}}}"
SERVICES = {f"services/{name}/__main__.py": "" for name in ("orders", "payments")}
LOCAL = "mesh/kubernetes/overlays/local"


def workload(name: str, env: str = "", volume: str = "") -> str:
    return WORKLOAD.format(name=name, env=env, volume=volume)


@pytest.mark.parametrize("law", [laws.opened, laws.tables, laws.given], ids=lambda law: law.__name__)
def test_each_service_keeps_to_its_own_database(checkout: Tree, law: Law) -> None:
    assert list(law(checkout)) == []


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("import sqlite3", "sqlite3"),
        ("from psycopg import connect", "psycopg.connect"),
        ("import aiosqlite as a", "aiosqlite"),
        ("from sqlalchemy import create_engine", "sqlalchemy.create_engine"),
        ("import sqlalchemy as sa\nengine = sa.create_engine(url)", "sqlalchemy.create_engine"),
        (
            "from sqlalchemy.ext.asyncio import create_async_engine as make",
            "sqlalchemy.ext.asyncio.create_async_engine",
        ),
        (
            "from services.runtime.storage.database import open_database",
            "services.runtime.storage.database.open_database",
        ),
        ("from services.runtime.storage.sqlite import SQLite", "services.runtime.storage.sqlite.SQLite"),
        ("url = 'sqlite+aiosqlite:///data/payments.db'", "sqlite+aiosqlite:"),
        ("url = f'postgresql+psycopg://{role}@{host}/payments'", "postgresql+psycopg:"),
        ("path = folder / 'payments.db'", "s.db"),
        ("url = runtime.setting('DATABASE_URL', '')", "DATABASE_URL"),
        ("more = text('ATTACH DATABASE :path AS payments')", "ATTACH"),
    ],
)
def test_a_service_that_opens_a_database_itself_is_found(plant: Plant, code: str, what: str) -> None:
    offence = next(laws.opened(plant({"services/orders/store.py": f"{code}\n"})))
    assert offence.startswith("services/orders/store.py:")
    assert offence.endswith(f" {what}: {laws.OPEN}")


def test_only_the_runtime_opens_databases(plant: Plant) -> None:
    code = "from sqlalchemy.ext.asyncio import create_async_engine\nDRIVER = 'sqlite+aiosqlite:'\n"
    told = '"""Its DATABASE_URL, ATTACH."""\nraise LookupError("attached to nothing: postgres is away")\n'
    assert list(laws.opened(plant({"services/runtime/sqlite.py": code, "services/orders/store.py": told}))) == []


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
def test_a_service_that_names_anothers_table_is_found(
    plant: Plant, file: str, code: str, table: str, owner: str
) -> None:
    [offence] = laws.tables(plant({**TABLES, f"services/orders/{file}": f"{code}\n"}))
    assert offence.endswith(f" {table} is a table of {owner}: {laws.ASK}")


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
def test_a_service_may_name_its_own_tables(plant: Plant, code: str) -> None:
    assert list(laws.tables(plant({**TABLES, "services/orders/store.py": f"{code}\n"}))) == []


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            {f"{LOCAL}/data.yaml": workload("orders", volume=DATA.format("/var/lib/shop/payments"))},
            f"{LOCAL}/data.yaml: orders is given /var/lib/shop/payments, which is payments's",
        ),
        (
            {f"{LOCAL}/data.yaml": workload("orders", env=URL.format("payments-database"))},
            "orders is given payments-database, which is payments's",
        ),
        (
            {
                "mesh/kubernetes/base/x.yaml": workload(
                    "orders", "{name: DATABASE_URL, value: 'postgresql://x/payments'}"
                )
            },
            "orders is given postgresql://x/payments, which is payments's",
        ),
        (
            {
                "a/x.yaml": "",
                f"{LOCAL}/x.yaml": workload("orders", volume="{name: k, secret: {secretName: payments-key}}"),
            },
            "orders is given payments-key, which is payments's",
        ),
        (
            {
                f"{LOCAL}/x.yaml": workload(
                    "orders", volume="{name: d, persistentVolumeClaim: {claimName: data-payments-0}}"
                )
            },
            "orders is given data-payments-0, which is payments's",
        ),
        (
            {
                f"{LOCAL}/a.yaml": workload("orders", env=URL.format("database")),
                f"{LOCAL}/b.yaml": workload("payments", env=URL.format("database")),
            },
            "orders and payments are given database/url",
        ),
        (
            {
                f"{LOCAL}/a.yaml": workload("orders", volume=DATA.format("/var/lib/shop")),
                f"{LOCAL}/b.yaml": workload("payments", volume=DATA.format("/var/lib/shop/payments")),
            },
            "orders and payments are given /var/lib/shop: ",
        ),
        (
            {f"{LOCAL}/pods.yaml": workload("every-service", volume=DATA.format("/var/lib/shop"))},
            f"{LOCAL}/pods.yaml: every workload is given /var/lib/shop: ",
        ),
        (
            {
                f"{LOCAL}/kustomization.yaml": "patches:\n  - path: pods.yaml\n    target: {kind: Deployment}\n",
                f"{LOCAL}/pods.yaml": workload("orders", env=URL.format("orders-database")),
            },
            "every workload is given orders-database, which is orders's",
        ),
        (
            {
                f"{LOCAL}/kustomization.yaml": "patches:\n  - target: {kind: Deployment, name: orders}\n    patch: |-\n"
                "      - {op: add, path: /spec/template/spec/volumes/-, value: {hostPath: {path: /data/payments}}}\n"
            },
            f"{LOCAL}/kustomization.yaml: orders is given /data/payments, which is payments's",
        ),
    ],
)
def test_a_workload_that_is_given_anothers_data_is_found(plant: Plant, files: dict[str, str], told: str) -> None:
    found = list(laws.given(plant({**SERVICES, **files})))
    assert any(told in offence and offence.endswith(laws.OWN) for offence in found), found


def test_a_workload_may_be_given_what_is_its_own(plant: Plant) -> None:
    files = {
        f"{LOCAL}/{name}.yaml": workload(name, URL.format(f"{name}-database"), DATA.format(f"/var/lib/shop/{name}"))
        for name in ("orders", "payments", "kafka")
    }
    assert list(laws.given(plant({**SERVICES, **files}))) == []
