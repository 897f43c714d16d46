// Forms whose rules are those of the contract: the same validation runs here and in the service.
import { clone, create, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema } from "@shop/gen/google/rpc/error_details_pb.ts";
import type { ComponentChildren, InputHTMLAttributes } from "preact";
import { useRef, useState } from "preact/hooks";
import { explain } from "./calls.ts";

/** Field → what it must be. A field is named as in the contract: "user.email", "items[0].quantity". */
export type Violations = Readonly<Record<string, string>>;

/** A form that sends one request. */
export type Form<Schema extends DescMessage> = {
  /** The request, as it is filled in so far. */
  values: MessageShape<Schema>;
  /** The fields that are invalid and were already left or sent. */
  violations: Violations;
  /** An error that belongs to no field. */
  error: ComponentChildren;
  sending: boolean;
  /**
   * Change the request: `edit((request) => { request.email = value; })`. It gets a new request_id, if it has one: the
   * same contents sent again are the same request, and other contents are another.
   */
  edit(change: (request: MessageShape<Schema>) => void): void;
  /** Check a field by the contract when the person leaves it. */
  leave(field: string): void;
  submit(event?: Event): Promise<void>;
};

/** Everything that a form needs to know. */
export type FormOptions<Schema extends DescMessage> = {
  schema: Schema;
  initial: () => MessageInitShape<Schema>;
  /** Send the valid request. What it throws is shown at the fields it names, or above the form. */
  send: (request: MessageShape<Schema>) => Promise<void>;
  /** What to say instead of the text of an error. */
  describe?: (error: ConnectError) => ComponentChildren;
};

/** Use a form for a request of a contract. */
export function useForm<Schema extends DescMessage>(options: FormOptions<Schema>): Form<Schema> {
  const [values, setValues] = useState(() => create(options.schema, options.initial()));
  const [violations, setViolations] = useState<Violations>({});
  const [error, setError] = useState<ComponentChildren>();
  const [sending, setSending] = useState(false);
  const busy = useRef(false);
  const now = useRef(values);
  now.current = values;

  async function leave(field: string): Promise<void> {
    const found = await check(options.schema, now.current);
    setViolations((before) => {
      const { [field]: _, ...others } = before;
      return found[field] ? { ...others, [field]: found[field] } : others;
    });
  }

  async function submit(event?: Event): Promise<void> {
    event?.preventDefault();
    const element = event?.currentTarget instanceof HTMLFormElement ? event.currentTarget : undefined;
    if (busy.current) {
      return;
    }
    busy.current = true;
    setSending(true);
    setError(undefined);
    try {
      const found = await check(options.schema, now.current);
      setViolations(found);
      if (Object.keys(found).length === 0) {
        await options.send(now.current);
      } else {
        focusInvalid(element);
      }
    } catch (thrown) {
      const failure = ConnectError.from(thrown);
      const named = fieldsOf(failure);
      setViolations(named);
      if (Object.keys(named).length > 0) {
        focusInvalid(element);
      } else {
        setError(options.describe?.(failure) ?? explain(failure));
      }
    } finally {
      busy.current = false;
      setSending(false);
    }
  }

  function edit(change: (request: MessageShape<Schema>) => void): void {
    const next = clone(options.schema, now.current);
    change(next);
    if ("requestId" in next) {
      Object.assign(next, { requestId: crypto.randomUUID() });
    }
    now.current = next;
    setValues(() => next);
  }

  return { values, violations, error, sending, edit, leave: (field) => void leave(field), submit };
}

/** Return the fields of a message that its contract does not allow. */
export async function check<Schema extends DescMessage>(
  schema: Schema,
  values: MessageShape<Schema>,
): Promise<Violations> {
  // The rules are half of all script. Only a form needs them.
  const { violationsOf } = await import("./validation.ts");
  return violationsOf(schema, values);
}

function fieldsOf(error: ConnectError): Violations {
  if (error.code !== Code.InvalidArgument) {
    return {};
  }
  const violations = error.findDetails(BadRequestSchema).flatMap((detail) => detail.fieldViolations);
  return Object.fromEntries(violations.map(({ field, description }) => [field, description]));
}

function focusInvalid(form: HTMLFormElement | undefined): void {
  // The messages are rendered first.
  requestAnimationFrame(() => form?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
}

/** The form itself, with the error that belongs to no field. */
export function FormView<Schema extends DescMessage>({
  form,
  label,
  submit,
  children,
}: {
  form: Form<Schema>;
  label: string;
  submit: string;
  children: ComponentChildren;
}) {
  return (
    <form class="form" aria-label={label} noValidate onSubmit={(event) => void form.submit(event)}>
      {form.error && (
        <p class="notice bad" role="alert">
          {form.error}
        </p>
      )}
      {children}
      <button type="submit" class="button" aria-disabled={form.sending}>
        {form.sending ? "One moment …" : submit}
      </button>
    </form>
  );
}

/** The properties of an input and its label. */
export type FieldProps = {
  form: Pick<Form<DescMessage>, "violations" | "leave">;
  /** The field's name in the contract. */
  field: string;
  label: string;
  value: string;
  onValue: (value: string) => void;
  /** Says what is expected, in place of a regular expression. */
  hint?: string;
  type?: "text" | "email" | "password" | "search" | "tel";
  autocomplete?: string;
  inputMode?: InputHTMLAttributes["inputMode"];
  rows?: number;
  options?: readonly { value: string; label: string }[];
  disabled?: boolean;
};

/** An input with its label, its hint, and what is wrong with it. */
export function Field(props: FieldProps) {
  const { form, field, label, value, onValue, hint, type = "text", options, rows } = props;
  const id = `field-${field.replaceAll(/[^a-z0-9]+/gi, "-")}`;
  const violation = form.violations[field];
  const text = violation && wording(violation, props);
  const common = {
    id,
    name: field,
    value,
    disabled: props.disabled ?? false,
    "aria-invalid": violation ? ("true" as const) : ("false" as const),
    "aria-describedby": text ? `${id}-error` : hint ? `${id}-hint` : undefined,
    // A field that is still empty is reported when the form is sent: the person may only be passing through.
    onBlur: () => (value || violation) && form.leave(field),
  };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {options ? (
        <select {...common} onChange={(event) => onValue(event.currentTarget.value)}>
          {options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.label}
            </option>
          ))}
        </select>
      ) : rows ? (
        <textarea {...common} rows={rows} onInput={(event) => onValue(event.currentTarget.value)} />
      ) : (
        <input
          {...common}
          // The types of Preact have one type of element for each type of input.
          type={type as "text"}
          autocomplete={props.autocomplete ?? "off"}
          inputMode={props.inputMode}
          onInput={(event) => onValue(event.currentTarget.value)}
        />
      )}
      {text ? (
        <p class="field-error" id={`${id}-error`}>
          {text}
        </p>
      ) : (
        hint && (
          <p class="field-hint" id={`${id}-hint`}>
            {hint}
          </p>
        )
      )}
    </div>
  );
}

/** Most rules say what a field must be; a regular expression says nothing to a person, nor does the length of nothing. */
function wording(violation: string, { value, hint, type }: FieldProps): string {
  if (!value.trim()) {
    return "Please fill this in.";
  }
  if (!violation.includes("regex")) {
    return violation;
  }
  return (
    hint ??
    (type === "email" ? "must be an e-mail address, such as ada@shop.example" : "has a form that is not accepted")
  );
}
