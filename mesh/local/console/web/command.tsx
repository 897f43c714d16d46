// A command that does the same on the command line.
import { useState } from "preact/hooks";

/** Shows a command with a button that copies it. */
export function Command({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <div class="command">
      <pre class="command-text" tabIndex={0}>
        {text}
      </pre>
      <button type="button" class="button quiet command-copy" onClick={copy}>
        <span aria-live="polite">{copied ? "Copied" : "Copy"}</span>
      </button>
    </div>
  );
}
