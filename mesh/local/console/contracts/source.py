"""The contracts of the checkout with their comments, compiled when they have changed."""

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import yaml
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from mesh.local import tools
from mesh.local.console.contracts.examples import Examples
from mesh.local.errors import MeshError
from mesh.local.instance import REPOSITORY
from tools.breaking.image import Image
from tools.protoc_gen_istio.declarations import DeclarationError
from tools.protoc_gen_istio.elements import Elements
from tools.protoc_gen_istio.generate import ContradictionError, read
from tools.protoc_gen_istio.graph import Graph
from tools.protoc_gen_istio.rules import Rules
from tools.protoc_gen_istio.settings import Settings

BUF = Path(sys.executable).with_name("buf")
OWN = "proto"
SOURCES = ("buf.yaml", "proto", "third_party", "services/*/service.yaml")
EXAMPLES = "proto/examples.yaml"
IMPORT_FOLDERS = (OWN, "third_party/googleapis", "third_party/protovalidate")


@dataclass(frozen=True)
class Contracts:
    """The contracts in one state. Nothing in it changes."""

    built: Path
    """The file with the compiled contracts, as grpcurl reads them."""
    graph: Graph
    elements: Elements
    files: list[FileDescriptorProto]
    root: Path

    @cached_property
    def rules(self) -> Rules:
        """The validation rules."""
        return Rules(self.files)

    @cached_property
    def examples(self) -> Examples:
        """The valid request for each method."""
        known: dict[str, Any] = yaml.safe_load((self.root / EXAMPLES).read_text(encoding="utf-8"))
        return Examples(Image(self.built.read_bytes(), [file.name for file in self.files]), known)


class Source:
    """Compiles the contracts of a checkout into a folder, again when a file of them has changed."""

    def __init__(self, folder: Path, root: Path = REPOSITORY) -> None:
        self._folder, self._root = folder, root
        self._digest, self._contracts = "", None
        self._lock = Lock()

    _contracts: Contracts | None

    def read(self) -> Contracts:
        """Return the contracts as they are now. Raises MeshError with the faults of contracts that do not compile."""
        with self._lock:
            digest = self._digest_of_sources()
            if self._contracts is None or digest != self._digest:
                self._contracts = self._compile(digest)
                self._digest = digest
            return self._contracts

    def _compile(self, digest: str) -> Contracts:
        self._folder.mkdir(parents=True, exist_ok=True)
        for older in self._folder.glob("contracts-*.binpb"):
            older.unlink()
        built = self._folder / f"contracts-{digest[:16]}.binpb"
        tools.run([str(BUF), "build", "--output", str(built), "--as-file-descriptor-set"], folder=self._root)
        files = list(FileDescriptorSet.FromString(built.read_bytes()).file)
        own = [file.name for file in files if (self._root / OWN / file.name).is_file()]
        request = CodeGeneratorRequest(file_to_generate=own, proto_file=files)
        try:
            graph, elements = read(request, Settings(), self._root)
        except (ContradictionError, DeclarationError) as error:
            raise MeshError("the contracts have faults", why=str(error), fix="correct them; `make generate`") from None
        return Contracts(built, graph, elements, files, self._root)

    def _digest_of_sources(self) -> str:
        digest = hashlib.sha256()
        for path in self._sources():
            digest.update(f"{path}\0".encode())
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def _sources(self) -> Iterator[Path]:
        for pattern in SOURCES:
            for path in sorted(self._root.glob(pattern)):
                yield from sorted(path.rglob("*.proto")) if path.is_dir() else [path]
        yield self._root / EXAMPLES
