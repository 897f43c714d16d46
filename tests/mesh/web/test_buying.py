"""Buying: a new customer by the keyboard alone, and what the page says while a part of the shop is down."""

from playwright.async_api import Locator, expect

from tests.mesh.harness import Mesh
from tests.mesh.web.visitor import Visit, Visitor, new_email

PRODUCT = "/products/p-0031"
PASSWORD = "correct horse battery"  # noqa: S105  # of a user who exists for one test
MAX_TABS = 80


async def tab_to(visitor: Visitor, target: Locator) -> None:
    """Press Tab until the target has the focus."""
    await expect(target).to_be_visible()
    for _ in range(MAX_TABS):
        await visitor.page.keyboard.press("Tab")
        if await target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{target} cannot be reached by the keyboard")


async def put_into_cart(visitor: Visitor) -> None:
    await visitor.open(PRODUCT)
    await visitor.page.get_by_role("button", name="Add to cart").click()
    await expect(visitor.page.get_by_role("link", name="Go to the cart")).to_be_visible()


async def order_for_pickup(visitor: Visitor) -> None:
    """Place an order for what is in the cart."""
    await visitor.open("/checkout")
    await visitor.page.get_by_label("I pick it up at the shop").check()
    await visitor.page.get_by_role("button", name="Place the order").click()
    await expect(visitor.page.get_by_role("heading", name="Your order", level=1)).to_be_visible()


async def test_a_new_customer_buys_with_the_keyboard_alone(visit: Visit) -> None:
    # Other tests add products to the catalog, without stock.
    visitor = await visit("/?category=coffee-beans")
    page, keyboard = visitor.page, visitor.page.keyboard
    await tab_to(visitor, page.locator(".product").first)
    await keyboard.press("Enter")
    await tab_to(visitor, page.get_by_role("button", name="Add to cart"))
    await keyboard.press("Enter")
    await tab_to(visitor, page.get_by_role("link", name="Go to the cart"))
    await keyboard.press("Enter")
    await tab_to(visitor, page.get_by_role("link", name="Go to the checkout"))
    await keyboard.press("Enter")
    await tab_to(visitor, page.get_by_role("link", name="Create an account"))
    await keyboard.press("Enter")
    for label, text in (("Name", "Ada"), ("E-mail", new_email()), ("Password", PASSWORD)):
        await tab_to(visitor, page.get_by_label(label, exact=True))
        await keyboard.type(text)
    await keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Checkout")).to_be_visible()
    await tab_to(visitor, page.get_by_label("Ship it to me"))
    address = (
        ("Name", "Ada"),
        ("Street and number", "Unter den Linden 1"),
        ("Postal code", "10117"),
        ("Town", "Berlin"),
    )
    for label, text in address:
        await tab_to(visitor, page.get_by_label(label, exact=True))
        await keyboard.type(text)
    await tab_to(visitor, page.get_by_label("Country"))
    await keyboard.type("Germany")
    await expect(page.get_by_text("working days")).to_be_visible()
    await tab_to(visitor, page.get_by_role("button", name="Place the order"))
    await keyboard.press("Enter")
    await expect(page.get_by_text("Your order is confirmed and will be shipped.")).to_be_visible()
    await expect(page.get_by_role("link", name="Cart")).to_have_text("Cart")


async def test_an_invalid_address_is_named_at_its_fields_by_the_rules_of_the_contract(visit: Visit, mesh: Mesh) -> None:
    visitor = await visit()
    await visitor.log_in(await mesh.token())
    await put_into_cart(visitor)
    await visitor.open("/checkout")
    await visitor.page.get_by_label("Country").select_option("DE")
    await expect(visitor.page.get_by_text("working days")).to_be_visible()
    await visitor.page.get_by_role("button", name="Place the order").click()
    for label in ("Name", "Street and number", "Town"):
        await expect(visitor.page.get_by_label(label, exact=True)).to_have_attribute("aria-invalid", "true")
    await expect(visitor.page.get_by_label("Name", exact=True)).to_be_focused()
    await visitor.page.reload()
    await expect(visitor.page.get_by_label("Country")).to_have_value("DE")
    assert [url for url in visitor.requests if url.endswith("/PlaceOrder")] == []


async def test_a_declined_card_keeps_the_cart_and_another_card_buys(visit: Visit, mesh: Mesh) -> None:
    visitor = await visit()
    await visitor.log_in(await mesh.token())
    await put_into_cart(visitor)
    await visitor.open("/checkout")
    await visitor.page.get_by_label("I pick it up at the shop").check()
    await visitor.page.get_by_role("radio", name="declined").first.check()
    await visitor.page.get_by_role("button", name="Place the order").click()
    await expect(visitor.page.get_by_text("The bank declined the payment.")).to_be_visible()
    await visitor.page.get_by_role("button", name="Try again from the cart").click()
    await expect(visitor.page.get_by_role("link", name="Go to the checkout")).to_be_visible()
    await order_for_pickup(visitor)
    await expect(visitor.page.get_by_text("Your order is confirmed.")).to_be_visible()


async def test_an_order_without_payments_is_watched_through_a_restart_of_orders_and_placed_again(
    visit: Visit, mesh: Mesh
) -> None:
    visitor = await visit()
    await visitor.log_in(await mesh.token())
    await put_into_cart(visitor)
    async with mesh.scaled("deployment/payments", 0):
        await order_for_pickup(visitor)
        await expect(visitor.page.get_by_text("We are working on your order.")).to_be_visible()
        await mesh.kubectl("rollout", "restart", "-n", "shop", "deployment/orders")
        await mesh.wait_for_rollout("shop")
        await expect(visitor.page.get_by_text("We are working on your order.")).to_be_visible()
    # Only payments can say that it holds nothing for the order. Until then, the order is neither paid nor rejected.
    await expect(visitor.page.get_by_text("A part of the shop failed")).to_be_visible(timeout=90_000)
    await visitor.page.get_by_role("button", name="Try again from the cart").click()
    await expect(visitor.page.get_by_role("link", name="Go to the checkout")).to_be_visible()
    await order_for_pickup(visitor)
    await expect(visitor.page.get_by_text("Your order is confirmed.")).to_be_visible()


async def test_a_customer_cancels_an_order_and_finds_it_in_the_history(visit: Visit, mesh: Mesh) -> None:
    visitor = await visit()
    await visitor.log_in(await mesh.token())
    await put_into_cart(visitor)
    await order_for_pickup(visitor)
    await visitor.page.get_by_role("button", name="Cancel the order").click()
    await visitor.page.get_by_role("button", name="Yes, cancel it").click()
    await expect(visitor.page.get_by_text("Your order is cancelled.")).to_be_visible()
    path = visitor.page.url.removeprefix(visitor.origin)
    await visitor.open("/orders")
    await expect(visitor.page.locator(f'a[href="{path}"]')).to_contain_text("Cancelled")


async def test_a_customer_does_not_see_the_order_of_another(visit: Visit, mesh: Mesh) -> None:
    visitor = await visit()
    await visitor.log_in(await mesh.token())
    await put_into_cart(visitor)
    await order_for_pickup(visitor)
    other = await visit(visitor.page.url.removeprefix(visitor.origin))
    await expect(other.page.get_by_text("Please log in to see this order.")).to_be_visible()
    await other.log_in(await mesh.token("merchandiser"))
    await expect(other.page.get_by_text("You have no such order.")).to_be_visible()
