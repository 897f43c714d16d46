// How figures are written, and what they mean.
import type { Edge, Node, Transport } from "./api.ts";

export type Level = "idle" | "good" | "warn" | "bad";

/** From this share of failed calls on, an edge is red. */
const BAD_SHARE = 0.01;
/** From so many records that wait on, an edge is yellow. */
const LAG_RECORDS = 100;
const MEBIBYTE = 2 ** 20;

const STATUS_NAMES = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
];
/** Those that are a fault of the service (mesh/observability). */
const FAULTS = new Set([2, 4, 12, 13, 14, 15]);
const REFUSALS = new Set([7, 8, 16]);

/** Envoy's response flags: why a proxy has ended a call itself. */
const FLAGS: Record<string, string> = {
  DC: "the caller ended the call",
  DI: "a fault delayed it",
  DR: "the caller reset it",
  FI: "a fault aborted it",
  NC: "no cluster",
  NR: "no route",
  RL: "a rate limit",
  UC: "the connection was lost",
  UF: "no connection",
  UH: "no healthy Pod",
  UO: "the circuit breaker was open",
  UR: "the service reset it",
  URX: "the retries were used up",
  UT: "the timeout was over",
};

export const TRANSPORTS: Record<Transport, string> = {
  mutual: "mutual TLS",
  tls: "TLS without a certificate of the caller",
  plaintext: "plaintext",
  mixed: "not the same for all Pods",
};

export function statusName(status: string): string {
  return STATUS_NAMES[Number(status)] ?? status;
}

export function statusLevel(status: string): Level {
  const code = Number(status);
  return FAULTS.has(code) ? "bad" : REFUSALS.has(code) ? "warn" : "good";
}

export function flagMeaning(flag: string): string {
  return FLAGS[flag] ?? flag;
}

/** The state of an edge, from what it failed and refused. */
export function edgeLevel(edge: Edge): Level {
  if (!edge.count) {
    return edge.lag && edge.lag >= LAG_RECORDS ? "warn" : "idle";
  }
  if ((edge.failed ?? 0) / edge.count >= BAD_SHARE) {
    return "bad";
  }
  return edge.failed || edge.refused || (edge.lag ?? 0) >= LAG_RECORDS ? "warn" : "good";
}

/** The state of a node: an alert, or Pods that are not ready. */
export function nodeLevel(node: Node): Level {
  if (node.alerts.some(({ severity }) => severity === "page") || (node.desired && node.ready === 0)) {
    return "bad";
  }
  const missing = node.desired !== null && node.ready < node.desired;
  return node.alerts.length > 0 || missing ? "warn" : node.ready > 0 ? "good" : "idle";
}

/** "0.2/s", "12/s"; empty if it is not measured. */
export function rate(perSecond: number | null): string {
  if (perSecond === null) {
    return "";
  }
  const digits = perSecond === 0 || perSecond >= 10 ? 0 : perSecond < 1 ? 2 : 1;
  return `${Number(perSecond.toFixed(digits))}/s`;
}

export function share(part: number | null, whole: number | null): string {
  if (!whole) {
    return "–";
  }
  const percent = ((part ?? 0) / whole) * 100;
  return `${percent === 0 || percent >= 10 ? Math.round(percent) : Number(percent.toPrecision(2))} %`;
}

export function mebibytes(bytes: number | null): string {
  return bytes === null ? "–" : `${Math.round(bytes / MEBIBYTE)} MiB`;
}

/** "1/2" ready of desired; at an earlier time, how many there were. */
export function replicas(node: Node): string {
  return node.desired === null ? (node.ready ? `${node.ready}` : "") : `${node.ready}/${node.desired}`;
}

/** "v1", "v1 ×2 + v2"; empty without versions. */
export function versions(node: Node): string {
  return Object.entries(node.versions)
    .filter(([version]) => version)
    .map(([version, count]) => (count > 1 ? `${version} ×${count}` : version))
    .join(" + ");
}

/** The name of a node as people say it. */
export function title(name: string): string {
  return name === "shop-gateway" ? "gateway" : name;
}

/** "CapturePayment" of "shop.payments.v1.PaymentsService/CapturePayment". */
export function shortName(name: string): string {
  return name.split("/")[1] ?? name.split(".").at(-1) ?? name;
}
