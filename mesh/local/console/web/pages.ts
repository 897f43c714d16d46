// The pages of the console. Each feature adds its own.
import type { ComponentType } from "preact";

/** What a page gets: the variables of its path, and the query. */
export type PageProps = { params: Record<string, string>; query: URLSearchParams };

/** A page: its path, such as "/orders/:id", and its label in the navigation if it has one. */
export type Page = { path: string; label?: string; page: ComponentType<PageProps> };

export const pages: readonly Page[] = [];
