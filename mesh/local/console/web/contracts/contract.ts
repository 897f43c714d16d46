// What the console's API says about contracts.
import { duration } from "../format.ts";

/** Which share of the calls succeeds, and which share is fast. Null: it is not set, or does not apply. */
export type Objective = {
  available_percent: number | null;
  fast_percent: number | null;
  latency_ms: number | null;
};

/** A method in a list. */
export type MethodSummary = {
  /** "<package>.<Service>/<Method>". */
  name: string;
  contract: string;
  short: string;
  summary: string;
  audience: "anyone" | "logged in" | "inside";
  roles: string[];
  callers: string[];
  kind: string;
  timeout_ms: number | null;
  retries: number;
  calls_per_minute: number;
  deprecated: boolean;
  objective: Objective;
  http: string[];
};

/** A service with everything that it declares. */
export type Service = {
  name: string;
  contracts: string[];
  comment: string;
  owner: string;
  tier: string;
  objective: Objective;
  owns: string[];
  emits: string[];
  consumes: string[];
  calls: string[];
  methods: MethodSummary[];
};

/** A field of a message. */
export type Field = {
  path: string;
  type: string;
  comment: string;
  required: boolean;
  output_only: boolean;
  deprecated: boolean;
  rules: string[];
};

/** Everything about a method. */
export type MethodDetails = {
  summary: MethodSummary;
  service: string;
  owner: string;
  tier: string;
  comment: string;
  file: string;
  request: string;
  response: string;
  is_stream: boolean;
  request_fields: Field[];
  response_fields: Field[];
  proto_options: string[];
  example: Record<string, unknown>;
  may_try: string[];
  gateway: string;
  /** What names the mesh on the command line, after a space. */
  option: string;
};

/** The calls of the last hour. */
export type Recent = {
  calls: number;
  failed: number;
  slow: number;
  p99_ms: number | null;
  error_budget: number | null;
  slow_budget: number | null;
  error_budget_used: number | null;
  slow_budget_used: number | null;
  counts: { caller: string; status: string; calls: number }[];
};

/** What the proxy of a caller does with the calls of a method now. */
export type Treatment = {
  caller: string;
  pod: string;
  timeout: string;
  retries: number;
  retry_on: string;
  calls_per_minute: number | null;
};

/** How a call ended that was tried. */
export type Outcome = {
  /** Why the text is no request. Then there is nothing else. */
  invalid?: string;
  status: string;
  message: string;
  messages: unknown[];
  details: unknown[];
  violations: { field: string; description: string }[];
  headers: Record<string, string>;
  trailers: Record<string, string>;
  seconds: number;
  stopped: string;
};

/** Return the address of a method's page. */
export function methodUrl(name: string): string {
  return `/contracts/${name}`;
}

/** Say who may call a method. */
export function audience({ audience, roles }: MethodSummary): string {
  if (audience === "anyone") {
    return "anyone";
  }
  if (audience === "inside") {
    return "only inside";
  }
  return roles.length > 0 ? `role ${roles.join(" or ")}` : "logged in";
}

/** Say what a repeated call does. */
export function repetition({ kind, retries }: MethodSummary): string {
  const meaning = kind.startsWith("streams")
    ? "a stream"
    : kind === "reads"
      ? "it only reads"
      : kind === "writes"
        ? "it takes effect once (idempotent)"
        : "the contract does not say that a repeated call is safe";
  return retries ? `up to ${retries} retries: ${meaning}` : `no retries: ${meaning}`;
}

/** Say what an objective demands. */
export function objectiveText({ available_percent, fast_percent, latency_ms }: Objective): string {
  const parts = [];
  if (available_percent !== null) {
    parts.push(`${available_percent} % succeed`);
  }
  if (fast_percent !== null) {
    parts.push(`${fast_percent} % ${latency_ms === null ? "are fast enough" : `take at most ${duration(latency_ms)}`}`);
  }
  return parts.join(", ") || "none";
}
