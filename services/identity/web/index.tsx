// The identity's part of the storefront: log in, sign up, the user's account, and the user in the header.
import { mount, type Part } from "@shop/kit";
import { AccountPage } from "./account.tsx";
import { Header } from "./header.tsx";
import { LoginPage } from "./login.tsx";
import { SignupPage } from "./signup.tsx";
import "./identity.css";

const part: Part = {
  pages: { "/login": mount(LoginPage), "/signup": mount(SignupPage), "/account": mount(AccountPage) },
  slots: { header: mount(Header) },
};

export default part;
