// What the shell and the parts share. Parts import it as "@shop/kit"; the import map of the page has its address.
export { type Call, client, explain, useCall } from "./calls.ts";
export { metadata, reason } from "./errors.ts";
export { check, Field, type Form, FormView, useForm } from "./form.tsx";
export { cents, formatMoney, formatNumber, formatTime, moneyOfCents } from "./format.ts";
export { Guard } from "./guard.tsx";
export { followLinks } from "./links.ts";
export { matchPath, navigate, useAddress, usePageFocus, useTitle } from "./navigation.ts";
export { type Mount, type Mounted, mount, type PageProps, type Part } from "./part.ts";
export { endSession, type Session, session, startSession, useSession } from "./session.ts";
export { fillSlotsFrom, Mounting, Slot } from "./slot.tsx";
export { Await, Empty, Failure, NotFound, Skeleton } from "./states.tsx";
export { Stored, useStored, useSyncExternalStore } from "./store.ts";
