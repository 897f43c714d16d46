// Dates and durations, as an engineer reads them.
const DATE = new Intl.DateTimeFormat(navigator.languages as string[], { dateStyle: "medium", timeStyle: "medium" });

/** Return a date with its time. `time` is RFC 3339, or seconds since 1970. */
export function date(time: string | number): string {
  return DATE.format(dateOf(time));
}

/** Return the date of a time: RFC 3339, or seconds since 1970. */
export function dateOf(time: string | number): Date {
  return new Date(typeof time === "number" ? time * 1000 : time);
}

/** Return a duration: "4.9 ms", "1.2 s"; "–" for none. */
export function duration(milliseconds: number | null): string {
  if (milliseconds === null) {
    return "–";
  }
  if (milliseconds >= 1000) {
    return `${Number((milliseconds / 1000).toPrecision(2))} s`;
  }
  return `${milliseconds >= 10 ? Math.round(milliseconds) : Number(milliseconds.toPrecision(2))} ms`;
}
