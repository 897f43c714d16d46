"""Accounts: signing up, logging in and out, and what the page says if a password is wrong."""

from playwright.async_api import expect

from tests.mesh.web.visitor import Visit, Visitor, new_email

PASSWORD, NEXT_PASSWORD = "correct horse battery", "correct horse staple"


async def sign_up(visitor: Visitor, email: str) -> None:
    await visitor.open("/signup?next=/account")
    await visitor.page.get_by_label("Name").fill("Ada")
    await visitor.page.get_by_label("E-mail").fill(email)
    await visitor.page.get_by_label("Password").fill(PASSWORD)
    await visitor.page.get_by_role("button", name="Sign up").click()
    await expect(visitor.page.get_by_role("heading", name="Your account")).to_be_visible()


async def log_in(visitor: Visitor, email: str, password: str) -> None:
    await visitor.open("/login?next=/account")
    await visitor.page.get_by_label("E-mail").fill(email)
    await visitor.page.get_by_label("Password").fill(password)
    await visitor.page.get_by_role("main").get_by_role("button", name="Log in").click()


async def test_a_user_signs_up_changes_the_password_and_logs_in_with_it(visit: Visit) -> None:
    visitor, email = await visit(), new_email()
    await sign_up(visitor, email)
    await visitor.page.get_by_label("Current password").fill(PASSWORD)
    await visitor.page.get_by_label("New password").fill(NEXT_PASSWORD)
    await visitor.page.get_by_role("button", name="Change the password").click()
    await expect(visitor.page.get_by_text("changed")).to_be_visible()
    await visitor.page.get_by_role("main").get_by_role("button", name="Log out").click()
    await log_in(visitor, email, PASSWORD)
    await expect(visitor.page.get_by_role("alert")).to_be_visible()
    await log_in(visitor, email, NEXT_PASSWORD)
    await expect(visitor.page.get_by_role("heading", name="Your account")).to_be_visible()


async def test_a_taken_e_mail_address_and_a_short_password_are_named(visit: Visit) -> None:
    visitor, email = await visit(), new_email()
    await sign_up(visitor, email)
    other = await visit("/signup")
    await other.page.get_by_label("Name").fill("Eve")
    await other.page.get_by_label("E-mail").fill(email)
    await other.page.get_by_label("Password").fill("short")
    await other.page.get_by_role("button", name="Sign up").click()
    await expect(other.page.get_by_label("Password")).to_have_attribute("aria-invalid", "true")
    assert [url for url in other.requests if url.endswith("/CreateUser")] == []
    await other.page.get_by_label("Password").fill(PASSWORD)
    await other.page.get_by_role("button", name="Sign up").click()
    await expect(other.page.get_by_role("alert")).to_contain_text("account")


async def test_the_token_is_in_no_address_and_a_second_tab_is_logged_in_and_out(visit: Visit) -> None:
    visitor = await visit()
    await sign_up(visitor, new_email())
    token = await visitor.page.evaluate("JSON.parse(localStorage.getItem('shop.session')).token")
    tab = await visitor.page.context.new_page()
    await tab.goto(f"{visitor.origin}/account")
    await expect(tab.get_by_role("heading", name="Your account")).to_be_visible()
    await tab.get_by_role("main").get_by_role("button", name="Log out").click()
    await expect(visitor.page.get_by_role("link", name="Log in").first).to_be_visible()
    assert [url for url in [*visitor.requests, tab.url] if token in url] == []
    assert await visitor.page.evaluate("localStorage.getItem('shop.session')") is None


async def test_after_the_login_no_address_of_another_site_is_opened(visit: Visit) -> None:
    visitor, email = await visit(), new_email()
    await sign_up(visitor, email)
    for elsewhere in ("//evil.example/", "https://evil.example/", "/\\evil.example"):
        await visitor.page.evaluate("localStorage.clear()")
        await visitor.open(f"/login?next={elsewhere}")
        await visitor.page.get_by_label("E-mail").fill(email)
        await visitor.page.get_by_label("Password").fill(PASSWORD)
        await visitor.page.get_by_role("main").get_by_role("button", name="Log in").click()
        await expect(visitor.page.get_by_role("link", name="Your account")).to_be_visible()
        assert visitor.page.url.startswith(f"{visitor.origin}/")
