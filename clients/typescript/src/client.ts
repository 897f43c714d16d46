// A client of the shop: it sends the user's token, and checks each request by the rules of its contract before sending it.
//
// It has no retries and no timeouts. The mesh behind the gateway has both, as each contract says.
import { createRegistry, type DescMessage, type Message } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { createValidator, type Violation } from "@bufbuild/protovalidate";
import { Code, ConnectError, type Interceptor, type Transport } from "@connectrpc/connect";
import { createAsyncIterable } from "@connectrpc/connect/protocol";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { BadRequestSchema, ErrorInfoSchema } from "../gen/google/rpc/error_details_pb.ts";
import { file_shop_rules_v1_rules } from "../gen/shop/rules/v1/rules_pb.ts";

/** A rule over a whole message names the invalid field in its id: "this.end_time". */
const MESSAGE_RULE_PREFIX = "this.";

/** An invalid field: its path in the request ("items[1].quantity") and what it must be. */
export type FieldViolation = { field: string; description: string };

export type Options = {
  /** The gateway, such as "http://localhost:8080". */
  url: string;
  /** The access token of the logged-in user. */
  token?: string;
  /** Whether invalid requests are rejected before they are sent. The server rejects them as well. */
  validate?: boolean;
};

/** Open a connection to the gateway, by gRPC over HTTP/2. */
export function connect({ url, token, validate = true }: Options): Transport {
  const interceptors: Interceptor[] = [];
  if (validate) {
    interceptors.push(validateRequests);
  }
  if (token) {
    interceptors.push((next) => (request) => {
      request.header.set("authorization", `Bearer ${token}`);
      return next(request);
    });
  }
  return createGrpcTransport({ baseUrl: url, interceptors });
}

/** Return the invalid fields that an error names, whether the client or the server has found them. */
export function fieldViolations(error: unknown): FieldViolation[] {
  const details = ConnectError.from(error).findDetails(BadRequestSchema);
  return details.flatMap((detail) => detail.fieldViolations.map(({ field, description }) => ({ field, description })));
}

/** Return the reason of an error, such as "EMAIL_TAKEN". */
export function reason(error: unknown): string | undefined {
  return ConnectError.from(error).findDetails(ErrorInfoSchema)[0]?.reason;
}

// The contracts' own rules (shop.rules.v1) are extensions of the standard ones. The validator finds them in a registry.
const validator = createValidator({ registry: createRegistry(file_shop_rules_v1_rules) });

const validateRequests: Interceptor = (next) => async (request) => {
  if (!request.stream) {
    check(request.method.input, request.message);
    return next(request);
  }
  // The request of a stream is one message; no method of the shop takes more. It is checked before the call starts.
  const messages: Message[] = [];
  for await (const message of request.message) {
    check(request.method.input, message);
    messages.push(message);
  }
  return next({ ...request, message: createAsyncIterable(messages) });
};

/** Throw the error that the server would send: INVALID_ARGUMENT with one violation for each invalid field. */
function check(schema: DescMessage, message: Message): void {
  const result = validator.validate(schema, message);
  if (result.kind === "error") {
    throw result.error;
  }
  if (result.kind === "invalid") {
    const described = new Map<string, string>();
    for (const violation of result.violations) {
      const field = fieldOf(violation);
      described.set(field, described.get(field) ?? violation.message);
    }
    const violations = [...described].map(([field, description]) => ({ field, description }));
    const text = violations.map(({ field, description }) => `${field} ${description}`).join("; ");
    const details = [{ desc: BadRequestSchema, value: { fieldViolations: violations } }];
    throw new ConnectError(text, Code.InvalidArgument, undefined, details);
  }
}

function fieldOf({ field, ruleId }: Violation): string {
  const path = pathToString(field);
  if (!ruleId.startsWith(MESSAGE_RULE_PREFIX)) {
    return path;
  }
  const name = ruleId.slice(MESSAGE_RULE_PREFIX.length);
  return path ? `${path}.${name}` : name;
}
