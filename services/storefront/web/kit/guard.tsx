// Keeps the failure of one component away from the rest of the page.
import { Component, type ComponentChildren } from "preact";
import { Failure } from "./states.tsx";

/** Shows an error in place of its children if they cannot be rendered. */
export class Guard extends Component<{ children?: ComponentChildren }, { error?: unknown }> {
  override state: { error?: unknown } = {};

  static override getDerivedStateFromError(error: unknown): { error: unknown } {
    return { error };
  }

  override componentDidCatch(error: unknown): void {
    console.error(error);
  }

  override render(): ComponentChildren {
    if (this.state.error === undefined) {
      return this.props.children;
    }
    return <Failure title="This part of the page has failed." onRetry={() => this.setState({ error: undefined })} />;
  }
}
