// What the API says about orders, and how its parts become one story.

/** An order that was processed lately. */
export type RecentOrder = { id: string; state: string; note: string; time: string };

/** An entry of the timeline. `time` is seconds since 1970. Entries with the same key are the same fact. */
export type Entry = {
  time: number;
  kind: string;
  service: string;
  title: string;
  result: string;
  failed: boolean;
  seconds: number | null;
  attempts: number;
  /** Envoy's response flags. */
  flags: readonly string[];
  note: string;
  trace: string;
  key: string;
};

export type LogLine = {
  time: string;
  workload: string;
  proxy: boolean;
  level: string;
  message: string;
  details: string;
};

export type Bar = {
  depth: number;
  service: string;
  proxy: boolean;
  kind: string;
  text: string;
  start: number;
  seconds: number;
  failed: boolean;
};

export type Waterfall = { id: string; start: number; seconds: number; bars: readonly Bar[] };

export type Problem = { what: string; why: string; fix: string };

/** What the stores of logs and traces have. A store that does not respond is one of the problems. */
export type Observed = {
  entries: readonly Entry[];
  lines: readonly LogLine[];
  traces: readonly Waterfall[];
  /** The commands that show the same. */
  commands: readonly string[];
  problems: { logs?: Problem; traces?: Problem };
};

/** An amount in the JSON of the contracts. */
export type Amount = { currency_code: string; units?: string; nanos?: number };

/** A record of a service about the order. The kinds of records have different fields. */
export type LedgerRecord = {
  name: string;
  state?: string;
  kind?: string;
  amount?: Amount;
  price?: Amount;
  total?: Amount;
  pieces?: number;
  lines?: readonly { product: string; quantity: number }[];
  create_time?: string;
  update_time?: string;
  event_time?: string;
};

export type Check = {
  check: string;
  figures: string;
  mismatches: readonly { name: string; expected: string; actual: string }[];
};

export type PublishedEvent = {
  id: string;
  type: string;
  topic: string;
  partition: number;
  offset: number;
  publish_time: string;
};

export type Order = {
  name: string;
  state: string;
  items: readonly { product: string; display_name: string; quantity: number; unit_price: Amount }[];
  total: Amount;
  shipping_price?: Amount;
  shipment?: string;
  rejection_reason?: string;
  rejection_message?: string;
  parking?: { park_time: string; call?: string; reason?: string };
  create_time: string;
  update_time: string;
};

/** What the operator has read from all services, with the checks of the ledger. */
export type Books = {
  order: Order;
  records: Readonly<Record<string, readonly LedgerRecord[]>>;
  events: readonly PublishedEvent[] | null;
  /** What could not be read → the error. */
  unread: Readonly<Record<string, string>>;
  checks: readonly Check[];
  verdict: "BALANCED" | "UNSETTLED" | "UNBALANCED";
  entries: readonly Entry[];
};

/** Merge the timelines of the signals and of the books, as mesh/local/story/timeline.py does for the command line. */
export function merge(signals: readonly Entry[], books: readonly Entry[]): Entry[] {
  const keys = new Set(signals.map(({ key }) => key).filter(Boolean));
  const hasCalls = signals.some(({ kind }) => kind === "step");
  const added = books.filter(({ key, kind }) => !(key && keys.has(key)) && !(hasCalls && kind === "record"));
  return [...signals, ...added].sort((one, other) => one.time - other.time);
}

/** Return the newest state in a timeline, or an empty string. */
export function stateIn(entries: readonly Entry[]): string {
  return entries.findLast(({ kind }) => kind === "state")?.title ?? "";
}

/** Return the name of an enum value without its prefix: CAPTURED for STATE_CAPTURED. */
export function valueName(value: string | undefined): string {
  return value?.replace(/^(STATE|KIND|REJECTION_REASON|CALL|REASON)_/, "") ?? "";
}

/** Return the colour of a state's badge. */
export function colourOf(state: string): string {
  switch (state) {
    case "CONFIRMED":
      return "good";
    case "REJECTED":
    case "PARKED":
      return "bad";
    case "CANCELLED":
      return "";
    default:
      return "warn";
  }
}
