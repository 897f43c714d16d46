// The rules of the contracts, with buf's validator. It is loaded with the first form.
import { createRegistry, type DescMessage, type Message } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { createValidator, type Violation } from "@bufbuild/protovalidate";
import { file_shop_rules_v1_rules } from "@shop/gen/shop/rules/v1/rules_pb.ts";

/** A rule over a whole message names the invalid field in its id: "this.end_time". */
const MESSAGE_RULE_PREFIX = "this.";

const validator = createValidator({ registry: createRegistry(file_shop_rules_v1_rules) });

/** Return what is wrong with a message: field → what it must be. */
export function violationsOf(schema: DescMessage, message: Message): Record<string, string> {
  const result = validator.validate(schema, message);
  if (result.kind === "error") {
    throw result.error;
  }
  const found: Record<string, string> = {};
  if (result.kind === "invalid") {
    for (const violation of result.violations) {
      found[fieldOf(violation)] ??= violation.message;
    }
  }
  return found;
}

function fieldOf({ field, ruleId }: Violation): string {
  const path = pathToString(field);
  if (!ruleId.startsWith(MESSAGE_RULE_PREFIX)) {
    return path;
  }
  const name = ruleId.slice(MESSAGE_RULE_PREFIX.length);
  return path ? `${path}.${name}` : name;
}
