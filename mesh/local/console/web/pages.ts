// The pages of the console. Each feature adds its own.
import type { ComponentType } from "preact";
import { ActPage } from "./act/act.tsx";
import { CommandPage, CommandsPage } from "./act/commands.tsx";
import { ExperimentPage } from "./act/experiment.tsx";
import { ScenarioPage } from "./act/scenario.tsx";
import { WorkloadPage } from "./act/workload.tsx";
import { MethodPage } from "./contracts/method.tsx";
import { ContractsPage } from "./contracts/page.tsx";
import { OrdersPage } from "./orders/list.tsx";
import { OrderPage } from "./orders/order.tsx";
import { TopologyPage } from "./topology/page.tsx";
import { MatrixPage } from "./why/matrix.tsx";
import { WhyPage } from "./why/page.tsx";

/** What a page gets: the variables of its path, and the query. */
export type PageProps = { params: Record<string, string>; query: URLSearchParams };

/** A page: its path, such as "/orders/:id", and its label in the navigation if it has one. */
export type Page = { path: string; label?: string; page: ComponentType<PageProps> };

export const pages: readonly Page[] = [
  { path: "/", label: "Topology", page: TopologyPage },
  { path: "/orders", label: "Orders", page: OrdersPage },
  { path: "/orders/:id", page: OrderPage },
  { path: "/act", label: "Act", page: ActPage },
  { path: "/act/scenarios/:name", page: ScenarioPage },
  { path: "/act/chaos/:name", page: ExperimentPage },
  { path: "/act/workloads/:name", page: WorkloadPage },
  { path: "/commands", page: CommandsPage },
  { path: "/commands/:id", page: CommandPage },
  { path: "/why", label: "Why", page: WhyPage },
  { path: "/why/matrix", page: MatrixPage },
  { path: "/contracts", label: "Contracts", page: ContractsPage },
  { path: "/contracts/:service/:method", page: MethodPage },
];
