// What the console's API says about the decision on a call.

/** What one proxy decides, as `mesh why --json` prints it. */
export type Verdict = {
  proxy: string;
  pod: string;
  allowed: boolean;
  reason: string;
  rules: { kind: string; namespace: string; name: string; rule: number }[];
  resource: string | null;
  line: string | null;
  note: string | null;
};

/** The lines of a file around the one that decides. */
export type Excerpt = { file: string; number: number; first: number; lines: string[] };

/** A decision, with the lines and rules that it names. */
export type Decision = {
  caller: string;
  method: string;
  allowed: boolean;
  decided_by: Verdict;
  proxies: Verdict[];
  to_allow: string[];
  /** By "<file>:<line>". */
  excerpts: Record<string, Excerpt>;
  /** The YAML of the rules that match, by "<namespace>/<policy>/<number>". */
  rule_texts: Record<string, string>;
  /** What each reason means. */
  reasons: Record<string, string>;
  command: string;
};

/** What the form offers. */
export type Names = { callers: string[]; methods: string[] };

/** The decision about one caller; `allowed` is null if it cannot be known. */
export type Cell = { caller: string; allowed: boolean | null; declared: boolean; by: string };

/** A method, with the decision about each caller. */
export type Row = { method: string; service: string; cells: Cell[] };

/** The decisions about all callers and methods. */
export type Matrix = { rows: Row[]; seconds: number; command: string };

/** Return the address of the page that explains a decision. */
export function whyUrl(caller: string, method: string): string {
  return `/why?${new URLSearchParams({ caller, method })}`;
}
