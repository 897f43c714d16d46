"""Variables that are set for other programs, as in the shells of users. None of them may change what `mesh` does."""

from tests.support.checkout import ROOT

NOWHERE = "/nowhere"
PROXY = "http://127.0.0.1:9"  # nothing listens there

FOREIGN = {
    # Kubernetes and Istio
    "KUBECONFIG": NOWHERE,
    "KUBERC": NOWHERE,
    "KUBECTL_COMMAND_HEADERS": "yes",
    "KUBERNETES_MASTER": "http://127.0.0.1:9",
    "KUBERNETES_SERVICE_HOST": "127.0.0.1",
    "KUBERNETES_SERVICE_PORT": "9",
    "ISTIO_META_CLUSTER_ID": "other",
    "ISTIOCTL_CERT_DIR": NOWHERE,
    "PILOT_ENABLE_STATUS": "maybe",
    "ENVOY_USER": "nobody",
    "POD_NAME": "other",
    "POD_NAMESPACE": "other",
    "POD_IP": "192.0.2.1",
    "ETCD_NAME": "other",
    # proxies
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "GRPC_PROXY"), PROXY),
    **dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "grpc_proxy"), PROXY),
    "NO_PROXY": "inside.example",
    "no_grpc_proxy": "inside.example",
    "SSL_CERT_FILE": NOWHERE,
    # gRPC and OpenTelemetry
    "GRPC_VERBOSITY": "debug",
    "GRPC_TRACE": "all",
    "GRPC_DNS_RESOLVER": "other",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": NOWHERE,
    "GRPC_ENABLE_FORK_SUPPORT": "maybe",
    "OTEL_SDK_DISABLED": "true",
    "OTEL_EXPORTER_OTLP_ENDPOINT": PROXY,
    "OTEL_PROPAGATORS": "other",
    # the services
    "DATABASE_URL": "postgresql://192.0.2.1/other",
    "GRPC_LISTEN": "192.0.2.1:1",
    "GRPC_EGRESS": "192.0.2.1:1",
    "SERVICE_VERSION": "other",
    "KAFKA_BOOTSTRAP": "192.0.2.1:1",
    "KAFKA_NODE_ID": "7",
    "KAFKA_HEAP_OPTS": "-Xmx1m",
    # Python and pip
    "PYTHONPATH": NOWHERE,
    "PYTHONSTARTUP": NOWHERE,
    "PYTHONOPTIMIZE": "2",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONIOENCODING": "ascii",
    "PYTHONWARNINGS": "error",
    "PYTHONSAFEPATH": "1",
    "PYTHONASYNCIODEBUG": "1",
    "PIP_USER": "1",
    "PIP_TARGET": NOWHERE,
    # Go and Java
    "GOFLAGS": "-mod=other",
    "GO111MODULE": "off",
    "GOTOOLCHAIN": "go1.1",
    "GOPATH": NOWHERE,
    "GODEBUG": "other=1",
    "GOMAXPROCS": "none",
    "JAVA_TOOL_OPTIONS": "-Xmx1m",
    "JDK_JAVA_OPTIONS": "-Xmx1m",
    "JAVA_HOME": NOWHERE,
    # git hooks, make and shells
    "GIT_DIR": NOWHERE,
    "GIT_WORK_TREE": NOWHERE,
    "GIT_INDEX_FILE": NOWHERE,
    "MAKEFLAGS": "n",
    "MAKELEVEL": "3",
    "CDPATH": NOWHERE,
    "BASH_ENV": NOWHERE,
    "ENV": NOWHERE,
    "PWD": NOWHERE,
    # the terminal and the locale
    "TERM": "dumb",
    "NO_COLOR": "1",
    "TERMINAL_WIDTH": "none",
    "_TYPER_FORCE_DISABLE_TERMINAL": "1",
    "LANG": "tr_TR.UTF-8",
    "TMPDIR": NOWHERE,
}
# In this locale, Python before 3.13 does not start in a virtual environment whose path is not ASCII.
C_LOCALE = "C" if str(ROOT).isascii() else "C.UTF-8"
FOREIGN |= {"LC_ALL": C_LOCALE} | ({"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"} if C_LOCALE == "C" else {})
