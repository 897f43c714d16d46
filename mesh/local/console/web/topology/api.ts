// What the API of the topology returns (mesh/local/console/topology).

export type NodeKind = "gateway" | "service" | "job" | "topic";
export type EdgeKind = "calls" | "pages" | "publishes" | "consumes";
export type Transport = "mutual" | "tls" | "plaintext" | "mixed";
export type Alert = { name: string; service: string; severity: string };

export type Database = {
  engine: string;
  transactions: number;
  waiting: number;
  failures: number;
  p99_milliseconds: number | null;
};

export type Node = {
  name: string;
  kind: NodeKind;
  namespace: string;
  ready: number;
  desired: number | null;
  versions: Record<string, number>;
  owns: string[];
  database: Database | null;
  alerts: Alert[];
};

export type Edge = {
  id: string;
  source: string;
  target: string;
  kind: EdgeKind;
  names: string[];
  count: number | null;
  per_second: number | null;
  failed: number | null;
  refused: number | null;
  by_status: Record<string, number>;
  p99_milliseconds: number | null;
  lag: number | null;
  transport: Transport | null;
};

export type Graph = {
  at: number;
  live: boolean;
  window_seconds: number;
  nodes: Node[];
  edges: Edge[];
  alerts: Alert[];
  undeclared: { caller: string; service: string; count: number; refused: number }[];
};

export type Link = { title: string; url: string };

export type Route = {
  condition: string;
  timeout: string;
  attempts: number;
  retry_on: string;
  fault: string;
  destinations: Record<string, number>;
  mirror: string;
  source: string;
};

export type Limit = { filter: string; calls: number; interval: string; per: string[] };

export type Method = {
  name: string;
  is_stream: boolean;
  routes: Route[];
  limits: Limit[];
  by_status: Record<string, number>;
  by_flag: Record<string, number>;
  p50_milliseconds: number | null;
  p99_milliseconds: number | null;
};

export type Pool = {
  subset: string;
  max_requests: number | null;
  max_connections: number | null;
  retry_budget_percent: number | null;
  consecutive_errors: number | null;
  ejection_time: string;
  max_ejected_percent: number | null;
  connect_timeout: string;
  source: string;
};

export type Stream = {
  types: { name: string; by_outcome: Record<string, number> }[];
  outbox: number | null;
  p99_delay_milliseconds: number | null;
  dead_letters: number | null;
};

export type EdgeDetail = {
  at: number;
  live: boolean;
  window_seconds: number;
  edge: Edge;
  methods: Method[];
  pools: Pool[];
  callee: { max_requests: number | null; accepts_plaintext: boolean } | null;
  proxies: { pod: string; now: Record<string, number>; window: Record<string, number> }[];
  hosts: { seen_by: string; address: string; pod: string; ejected: boolean; active: number }[];
  stream: Stream | null;
  links: Link[];
};

export type NodeDetail = {
  at: number;
  live: boolean;
  node: Node;
  pods: {
    pod: {
      name: string;
      version: string;
      ready: boolean;
      state: string;
      restarts: number | null;
      started: string;
      address: string;
    };
    app_bytes: number | null;
    proxy_bytes: number | null;
  }[];
  links: Link[];
};

export type History = {
  start: number;
  end: number;
  step_seconds: number;
  moments: { time: number; calls: number; failed: number; alerts: number }[];
};
