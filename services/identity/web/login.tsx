// The page where a user logs in.
import { IssueTokenRequestSchema } from "@shop/gen/shop/identity/v1/identity_pb.ts";
import {
  endSession,
  Field,
  FormView,
  navigate,
  type PageProps,
  type Session,
  useForm,
  useSession,
  useTitle,
} from "@shop/kit";
import { describe, keepNext, logIn, nextOf } from "./credentials.ts";

/** Log in, then go on to the page that asked for it. */
export function LoginPage({ query }: PageProps) {
  useTitle("Log in");
  const session = useSession();
  return session ? <LoggedIn session={session} next={nextOf(query)} /> : <LoginForm query={query} />;
}

function LoginForm({ query }: Pick<PageProps, "query">) {
  const form = useForm({
    schema: IssueTokenRequestSchema,
    initial: () => ({}),
    describe,
    send: async ({ email, password }) => {
      await logIn(email, password);
      navigate(nextOf(query), { replace: true });
    },
  });
  return (
    <div class="card identity">
      <h1>Log in</h1>
      <FormView form={form} label="Log in" submit="Log in">
        <Field
          form={form}
          field="email"
          label="E-mail"
          type="email"
          autocomplete="email"
          value={form.values.email}
          onValue={(text) => form.edit((request) => (request.email = text.trim()))}
        />
        <Field
          form={form}
          field="password"
          label="Password"
          type="password"
          autocomplete="current-password"
          value={form.values.password}
          onValue={(text) => form.edit((request) => (request.password = text))}
        />
      </FormView>
      <p class="identity-other">
        New here? <a href={`/signup${keepNext(query)}`}>Sign up</a>
      </p>
    </div>
  );
}

/** Says who is logged in already, in place of a form. */
export function LoggedIn({ session, next }: { session: Session; next: string }) {
  return (
    <div class="card identity">
      <h1>You are logged in</h1>
      <p class="identity-email">as {session.email}</p>
      <div class="row">
        <a class="button" href={next}>
          Continue
        </a>
        <button type="button" class="button quiet" onClick={endSession}>
          Use another account
        </button>
      </div>
    </div>
  );
}
