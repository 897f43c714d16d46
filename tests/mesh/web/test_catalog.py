"""Browsing: what the address of a page says is what it shows, also for someone else and after a reload."""

from playwright.async_api import expect

from tests.mesh.harness import Mesh
from tests.mesh.web.visitor import PHONE, Visit


async def test_a_search_is_in_the_address_and_another_visitor_sees_the_same(visit: Visit) -> None:
    visitor = await visit()
    await visitor.page.get_by_role("navigation", name="Categories").get_by_role("link", name="Coffee beans").click()
    await expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Coffee beans")
    await visitor.page.get_by_label("Search").fill("ethiopia")
    await visitor.page.get_by_label("To €").fill("14,00")
    await visitor.page.get_by_label("To €").press("Enter")
    products = visitor.page.get_by_role("main").get_by_role("listitem")
    await expect(products).to_have_count(2)
    await expect(products).to_contain_text(["Ethiopia Yirgacheffe", "Copper Kettle Espresso"])
    other = await visit(visitor.page.url.removeprefix(visitor.origin))
    await expect(other.page.get_by_role("main").get_by_role("listitem")).to_have_count(2)
    await visitor.page.reload()
    await expect(products).to_have_count(2)
    await visitor.page.go_back()
    await expect(products).to_have_count(24)


async def test_on_a_phone_the_row_of_categories_starts_at_the_current_one(visit: Visit) -> None:
    everything = await visit("/", PHONE)
    categories = everything.page.get_by_role("navigation", name="Categories").get_by_role("link")
    last = await categories.last.get_attribute("href")
    await expect(categories.last).not_to_be_in_viewport()
    visitor = await visit(last or "", PHONE)
    current = visitor.page.get_by_role("navigation", name="Categories").locator("[aria-current]")
    await expect(current).to_be_in_viewport(ratio=1)
    assert await visitor.page.evaluate("[scrollX, scrollY]") == [0, 0]


async def test_products_come_in_pages_and_in_order(visit: Visit) -> None:
    visitor = await visit("/?order=price+desc&category=coffee-beans")
    products = visitor.page.get_by_role("main").get_by_role("listitem")
    await expect(products).to_have_count(24)
    await visitor.page.get_by_role("button", name="Show more").click()
    await expect(products).to_have_count(30)
    prices = [float(text.strip("€")) for text in await visitor.page.locator(".product .price").all_inner_texts()]
    assert prices == sorted(prices, reverse=True)


async def test_a_price_that_is_no_number_is_named_and_nothing_is_sent(visit: Visit) -> None:
    visitor = await visit()
    await visitor.page.get_by_label("From €").fill("cheap")
    await visitor.page.get_by_role("button", name="Search").click()
    await expect(visitor.page.get_by_role("alert")).to_contain_text("A price is a number")
    assert "min=" not in visitor.page.url


async def test_a_search_without_a_result_offers_everything(visit: Visit) -> None:
    visitor = await visit("/?search=submarine")
    await visitor.page.get_by_role("link", name="Show everything").click()
    await expect(visitor.page.get_by_role("main").get_by_role("listitem")).to_have_count(24)


async def test_a_merchandiser_changes_a_price_and_another_visitor_sees_it(visit: Visit, mesh: Mesh) -> None:
    other = await visit("/products/p-0042")
    merchandiser = await visit("/merchandising")
    await expect(merchandiser.page.get_by_text("Only merchandisers may edit products.")).to_be_visible()
    await merchandiser.log_in(await mesh.token("merchandiser"))
    await merchandiser.open("/merchandising/p-0042")
    price = merchandiser.page.get_by_label("Price")
    before = await price.input_value()
    for expected in ("77.70", before):
        await merchandiser.open("/merchandising/p-0042")
        await price.fill("free")
        await merchandiser.page.get_by_role("button", name="Save").click()
        await expect(price).to_have_attribute("aria-invalid", "true")
        await price.fill(expected)
        await merchandiser.page.get_by_role("button", name="Save").click()
        await expect(merchandiser.page.get_by_text("Saved:")).to_be_visible()
        await other.page.reload()
        await expect(other.page.locator(".details-price")).to_have_text(f"€{expected}")
