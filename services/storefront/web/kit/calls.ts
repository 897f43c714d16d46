// Calls through the gateway, by gRPC-Web. There are no retries and no timeouts here: the mesh has both.
import type { DescService } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { endSession, session } from "./session.ts";

/** After this time a page says that it is slow. */
const SLOW_MS = 1500;
/** What browsers say if there is no connection. */
const UNREACHABLE = /failed to fetch|networkerror|load failed|network error/i;

const authorize: Interceptor = (next) => async (request) => {
  const token = session()?.token;
  if (!token) {
    return next(request);
  }
  request.header.set("authorization", `Bearer ${token}`);
  try {
    return await next(request);
  } catch (error) {
    // The gateway refuses a token that it cannot verify, on public methods too.
    if (ConnectError.from(error).rawMessage.startsWith("Jwt ")) {
      endSession();
    }
    throw error;
  }
};

const transport = createGrpcWebTransport({ baseUrl: location.origin, interceptors: [authorize] });
const clients = new Map<DescService, unknown>();

/** Return the client of a service. It sends the user's token. */
export function client<Service extends DescService>(service: Service): Client<Service> {
  let found = clients.get(service) as Client<Service> | undefined;
  if (!found) {
    found = createClient(service, transport);
    clients.set(service, found);
  }
  return found;
}

/** The state of a call. Its last result stays visible while it is made again. */
export type Call<Result> = {
  result: Result | undefined;
  error: ConnectError | undefined;
  pending: boolean;
  /** It has been pending for longer than a person expects. */
  slow: boolean;
  reload(): void;
};

/** Make a call when the component is shown, and again when one of `inputs` changes. It is cancelled with the component. */
export function useCall<Result>(
  make: (signal: AbortSignal) => Promise<Result>,
  inputs: readonly unknown[],
): Call<Result> {
  const [state, setState] = useState<Omit<Call<Result>, "reload">>({
    result: undefined,
    error: undefined,
    pending: true,
    slow: false,
  });
  const [round, setRound] = useState(0);
  const latest = useRef(make);
  latest.current = make;
  const shown = useRef(inputs);
  useEffect(() => {
    const abort = new AbortController();
    // The result of other inputs would be wrong; after `reload` the old one is shown until the new one arrives.
    const keep = shown.current === inputs || shown.current.every((value, index) => value === inputs[index]);
    shown.current = inputs;
    setState((before) => ({ result: keep ? before.result : undefined, error: undefined, pending: true, slow: false }));
    const timer = setTimeout(() => setState((before) => ({ ...before, slow: true })), SLOW_MS);
    latest.current(abort.signal).then(
      (result) => {
        clearTimeout(timer);
        if (!abort.signal.aborted) {
          setState({ result, error: undefined, pending: false, slow: false });
        }
      },
      (error: unknown) => {
        clearTimeout(timer);
        if (!abort.signal.aborted) {
          setState((before) => ({
            result: before.result,
            error: ConnectError.from(error),
            pending: false,
            slow: false,
          }));
        }
      },
    );
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [...inputs, round]);
  const reload = useCallback(() => setRound((before) => before + 1), []);
  return { ...state, reload };
}

/** Say what an error means to the person who looks at the page. */
export function explain(error: ConnectError): string {
  if (error.cause instanceof TypeError && UNREACHABLE.test(error.rawMessage)) {
    return "The shop cannot be reached. Please check your connection.";
  }
  switch (error.code) {
    case Code.Unavailable:
      return "This part of the shop is not available at the moment.";
    case Code.DeadlineExceeded:
      return "This part of the shop took too long to respond.";
    case Code.Unauthenticated:
      return "Please log in.";
    case Code.PermissionDenied:
      return "You may not do this.";
    case Code.NotFound:
      return "There is no such thing here.";
    case Code.ResourceExhausted:
      return "That was too often. Please wait a moment.";
    case Code.Aborted:
      return "Somebody else has changed this in the meantime.";
    case Code.Internal:
    case Code.Unknown:
    case Code.DataLoss:
      return "Something went wrong in the shop.";
    default:
      return error.rawMessage;
  }
}
