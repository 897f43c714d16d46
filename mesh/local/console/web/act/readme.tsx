// A README as the console's API has split it: headings, paragraphs, code, lists and tables.
import { Command } from "../command.tsx";
import type { Block, Span } from "./types.ts";

/** The text of a README, without its title. */
export function Readme({ blocks }: { blocks: readonly Block[] }) {
  return (
    <div class="act-readme">
      {blocks.slice(1).map((block, index) => (
        <Part key={index} block={block} />
      ))}
    </div>
  );
}

function Part({ block }: { block: Block }) {
  switch (block.kind) {
    case "heading":
      return <h2>{block.text}</h2>;
    case "code":
      return <Command text={block.text} />;
    case "paragraph":
      return (
        <p>
          <Spans spans={block.rows[0]?.[0] ?? []} />
        </p>
      );
    case "list":
      return (
        <ul>
          {block.rows.map((row, index) => (
            <li key={index}>
              <Spans spans={row[0] ?? []} />
            </li>
          ))}
        </ul>
      );
    case "table":
      return <Table rows={block.rows} />;
  }
}

function Table({ rows: [header, ...rows] }: { rows: Span[][][] }) {
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            {header?.map((cell, index) => (
              <th key={index} scope="col">
                <Spans spans={cell} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) => (
                <td key={column}>
                  <Spans spans={cell} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Spans({ spans }: { spans: readonly Span[] }) {
  return spans.map(({ kind, text, target }, index) => {
    switch (kind) {
      case "code":
        return <code key={index}>{text}</code>;
      case "strong":
        return <strong key={index}>{text}</strong>;
      case "scenario":
        return (
          <a key={index} href={`/act/scenarios/${target}`}>
            {text}
          </a>
        );
      default:
        return text;
    }
  });
}
