// What the shop's errors carry besides their code: the reason that the contract names, and its metadata.
import { ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@shop/gen/google/rpc/error_details_pb.ts";

/** Return the reason of an error, such as "EMAIL_TAKEN". */
export function reason(error: unknown): string | undefined {
  return ConnectError.from(error).findDetails(ErrorInfoSchema)[0]?.reason;
}

/** Return the metadata of an error, such as the "unlock_time" of TOO_MANY_ATTEMPTS. */
export function metadata(error: unknown): Readonly<Record<string, string>> {
  return ConnectError.from(error).findDetails(ErrorInfoSchema)[0]?.metadata ?? {};
}
