// The user's account: who is logged in, and the password.
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ChangePasswordRequestSchema } from "@shop/gen/shop/identity/v1/identity_pb.ts";
import {
  Empty,
  endSession,
  Field,
  FormView,
  formatTime,
  navigate,
  reason,
  type Session,
  useForm,
  useSession,
  useTitle,
} from "@shop/kit";
import { useState } from "preact/hooks";
import { describe, identity } from "./credentials.ts";

/** The account of the logged-in user. */
export function AccountPage() {
  useTitle("Your account");
  const session = useSession();
  return (
    <>
      <h1>Your account</h1>
      {session ? (
        <div class="identity-account">
          <Who session={session} />
          <PasswordForm key={session.email} email={session.email} />
        </div>
      ) : (
        <Empty title="You are not logged in.">
          <p>
            <a href="/login?next=/account">Log in</a>
          </p>
        </Empty>
      )}
    </>
  );
}

function Who({ session }: { session: Session }) {
  const logOut = () => {
    endSession();
    navigate("/");
  };
  return (
    <section class="card" aria-labelledby="account-who">
      <h2 id="account-who">Who is logged in</h2>
      <dl class="identity-facts">
        <dt>E-mail</dt>
        <dd class="identity-email">{session.email}</dd>
        <dt>Roles</dt>
        <dd class="row">
          {session.roles.map((role) => (
            <span key={role} class="badge">
              {role}
            </span>
          ))}
        </dd>
        <dt>Logged in until</dt>
        <dd>{formatTime(timestampFromMs(session.expires))}</dd>
      </dl>
      <button type="button" class="button quiet" onClick={logOut}>
        Log out
      </button>
    </section>
  );
}

function PasswordForm({ email }: { email: string }) {
  const [changed, setChanged] = useState(false);
  const form = useForm({
    schema: ChangePasswordRequestSchema,
    initial: () => ({ requestId: crypto.randomUUID(), email }),
    describe: (error) => (reason(error) === "INVALID_CREDENTIALS" ? "The current password is wrong." : describe(error)),
    send: async (request) => {
      await identity.changePassword(request);
      form.edit((next) => {
        next.currentPassword = "";
        next.newPassword = "";
      });
      setChanged(true);
    },
  });
  const edit: typeof form.edit = (change) => {
    setChanged(false);
    form.edit(change);
  };
  return (
    <section class="card" aria-labelledby="account-password">
      <h2 id="account-password">Change your password</h2>
      <div role="status">{changed && <p class="notice good">Your password has been changed.</p>}</div>
      <FormView form={form} label="Change your password" submit="Change the password">
        {/* A password manager stores the new password for this user. */}
        <input type="text" autocomplete="username" value={email} hidden readOnly />
        <Field
          form={form}
          field="current_password"
          label="Current password"
          type="password"
          autocomplete="current-password"
          value={form.values.currentPassword}
          onValue={(text) => edit((request) => (request.currentPassword = text))}
        />
        <Field
          form={form}
          field="new_password"
          label="New password"
          hint="At least 8 characters."
          type="password"
          autocomplete="new-password"
          value={form.values.newPassword}
          onValue={(text) => edit((request) => (request.newPassword = text))}
        />
      </FormView>
    </section>
  );
}
