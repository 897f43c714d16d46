// What the console's API returns about acts, in its own names.

/** A command that was started. Times are in seconds since 1970. */
export type Command = {
  id: string;
  command: string;
  start_time: number;
  end_time: number | null;
  exit_code: number | null;
  interrupted: boolean;
  running: boolean;
};

/** A command with its output from an offset on. */
export type Progress = Command & { output: string; offset: number; result: unknown };

export type Container = { name: string; ready: boolean; restarts: number; state: string };

export type Pod = {
  name: string;
  address: string;
  state: string;
  ready: boolean;
  created: string;
  version: string;
  containers: Container[];
};

export type Workload = {
  namespace: string;
  kind: string;
  name: string;
  app: string;
  version: string;
  replicas: number;
  ready: number;
  pods: Pod[];
};

export type Split = {
  namespace: string;
  virtual_service: string;
  index: number;
  route: string;
  service: string;
  destinations: [Destination, Destination];
};

export type Destination = { subset: string; weight: number };

export type Cluster = { workloads: Workload[]; splits: Split[] };

export type ScenarioState = "applied" | "partly applied" | "not applied" | "nothing to apply";

export type Scenario = {
  name: string;
  effect: string;
  state: ScenarioState;
  objects: { kind: string; namespace: string; name: string; status: "same" | "different" | "missing" }[];
  shared_with: string[];
};

export type Span = { kind: "text" | "code" | "strong" | "scenario"; text: string; target: string };

export type Block = { kind: "heading" | "paragraph" | "code" | "list" | "table"; text: string; rows: Span[][][] };

export type Experiment = {
  name: string;
  service: string | null;
  hypothesis: string;
  promise: { success_percent: number; p99_seconds: number; recovery_seconds: number; recovers_alone: boolean };
  alert: string | null;
};

export type Orders = { placed: number; sold: number; p99_seconds: number; errors: string[] };

/** What an experiment has measured. Null: it never happened, or was not measured. */
export type Verdict = {
  experiment: Experiment;
  holds: boolean;
  violations: string[];
  orders: { before: Orders; during: Orders; after: Orders };
  detected: { seconds: number; sign: string } | null;
  recovered_seconds: number | null;
  books: string | null;
  /** Null: they were not watched. */
  alerts: { alert: string; fired_seconds: number | null; ended_seconds: number | null }[] | null;
};

/** An experiment with its newest run, and the newest verdict. */
export type ExperimentRuns = Experiment & { run: Command | null; result: Verdict | null };
