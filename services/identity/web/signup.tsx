// The page where a new user signs up.
import { CreateUserRequestSchema } from "@shop/gen/shop/identity/v1/identity_pb.ts";
import { Field, FormView, navigate, type PageProps, reason, useForm, useSession, useTitle } from "@shop/kit";
import { describe, identity, keepNext, logIn, nextOf } from "./credentials.ts";
import { LoggedIn } from "./login.tsx";

/** Sign up and log in, then go on to the page that asked for it. */
export function SignupPage({ query }: PageProps) {
  useTitle("Sign up");
  const session = useSession();
  return session ? <LoggedIn session={session} next={nextOf(query)} /> : <SignupForm query={query} />;
}

function SignupForm({ query }: Pick<PageProps, "query">) {
  const login = `/login${keepNext(query)}`;
  const form = useForm({
    schema: CreateUserRequestSchema,
    initial: () => ({ requestId: crypto.randomUUID(), user: {} }),
    describe: (error) => (reason(error) === "EMAIL_TAKEN" ? <Taken login={login} /> : describe(error)),
    send: async (request) => {
      await identity.createUser(request);
      await logIn(request.user?.email ?? "", request.password);
      navigate(nextOf(query), { replace: true });
    },
  });
  const { user, password } = form.values;
  return (
    <div class="card identity">
      <h1>Sign up</h1>
      <FormView form={form} label="Sign up" submit="Sign up">
        <Field
          form={form}
          field="user.display_name"
          label="Name"
          autocomplete="name"
          value={user?.displayName ?? ""}
          onValue={(text) => form.edit(({ user }) => user && (user.displayName = text))}
        />
        <Field
          form={form}
          field="user.email"
          label="E-mail"
          type="email"
          autocomplete="email"
          value={user?.email ?? ""}
          onValue={(text) => form.edit(({ user }) => user && (user.email = text.trim()))}
        />
        <Field
          form={form}
          field="password"
          label="Password"
          hint="At least 8 characters."
          type="password"
          autocomplete="new-password"
          value={password}
          onValue={(text) => form.edit((request) => (request.password = text))}
        />
      </FormView>
      <p class="identity-other">
        You have an account? <a href={login}>Log in</a>
      </p>
    </div>
  );
}

function Taken({ login }: { login: string }) {
  return (
    <>
      There is an account with this e-mail address already. <a href={login}>Log in</a>
    </>
  );
}
