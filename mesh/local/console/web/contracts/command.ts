// The command that makes the same call.
import type { MethodDetails } from "./contract.ts";

/** The callers that are no role. */
export const ANONYMOUS = "anonymous";
export const USER = "user";
export const OPERATOR = "operator";

/** Return the command for a request. It gets the token from `mesh token`. */
export function commandFor(method: MethodDetails, caller: string, request: unknown): string {
  const { summary, option, gateway } = method;
  if (caller === OPERATOR) {
    return `.venv/bin/mesh call${option} ${summary.name} ${quoted(request)}`;
  }
  // The gateway describes only public methods. The others are read from the checkout.
  const words = summary.audience === "inside" ? ["grpcurl", ...method.proto_options] : ["grpcurl"];
  words.push("-plaintext");
  if (caller !== ANONYMOUS) {
    const role = caller === USER ? "" : ` --role ${caller}`;
    words.push(`-H "authorization: Bearer $(.venv/bin/mesh token${option}${role})"`);
  }
  words.push(`-d ${quoted(withMasks(method, request))}`, gateway, summary.name);
  return words.join(" ");
}

function quoted(value: unknown): string {
  return `'${JSON.stringify(value).replaceAll("'", "'\\''")}'`;
}

/** Return a request as grpcurl reads it: it knows no text for a FieldMask. */
function withMasks(method: MethodDetails, request: unknown): unknown {
  const masks = method.request_fields.filter((field) => field.type === "FieldMask").map((field) => field.path);
  if (typeof request !== "object" || request === null) {
    return request;
  }
  return Object.fromEntries(
    Object.entries(request).map(([name, value]) => {
      if (!masks.includes(name) || typeof value !== "string") {
        return [name, value];
      }
      return [name, { paths: value.split(",").map((path) => path.replaceAll(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)) }];
    }),
  );
}
