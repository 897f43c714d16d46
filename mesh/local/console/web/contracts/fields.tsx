// The fields of messages with their rules.
import type { Field } from "./contract.ts";

/** The fields of a request. */
export function Fields({ title, fields }: { title: string; fields: Field[] }) {
  return (
    <section class="card">
      <h2>{title}</h2>
      {fields.length === 0 ? <p class="soft">It has no fields.</p> : <FieldTable fields={fields} />}
    </section>
  );
}

/** A table of fields. */
export function FieldTable({ fields }: { fields: Field[] }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Fields">
      <table class="fields">
        <thead>
          <tr>
            <th scope="col">Field</th>
            <th scope="col">Rules</th>
            <th scope="col">Meaning</th>
          </tr>
        </thead>
        <tbody>
          {fields.map((field) => (
            <tr key={field.path}>
              <th scope="row">
                <code>{field.path}</code>
                <span class="small soft method-summary">{short(field.type)}</span>
              </th>
              <td>
                {field.required && <span class="badge">required</span>}
                {field.output_only && <span class="badge">set by the service</span>}
                {field.deprecated && <span class="badge warn">deprecated</span>}
                <ul class="rules">
                  {field.rules.map((rule) => (
                    <li key={rule}>{rule}</li>
                  ))}
                </ul>
              </td>
              <td>{field.comment}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Return a type without its package: "list of PlaceOrderItem". */
export function short(type: string): string {
  return type.replace(/[\w.]+\.(\w+)$/, "$1");
}
