"""The pages of the storefront in a real browser: how soon they show something, how soon they can be used, how large."""

from functools import partial
from typing import Any

from playwright.async_api import Browser, BrowserContext, async_playwright

from bench.context import Bench
from bench.errors import BenchError
from bench.figures import Figure
from bench.rounds import Case, Sample, measure
from tools.browser import ARGUMENTS, INSTALL, find_chromium

FIRST_PAGE, PRODUCT_PAGE = ("/", ".product"), ("/products/p-0031", ".details")
"""The path of a page, and what is on it when it can be used."""
TIMES = """() => ({
  first: performance.getEntriesByName("first-contentful-paint")[0].startTime,
  usable: performance.now(),
})"""
SIZES = """() => {
  const all = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  const sum = (entries) => entries.reduce((total, entry) => total + entry.transferSize, 0) / 1024;
  return { script: sum(all.filter((entry) => /[.]js/.test(entry.name))), all: sum(all), requests: all.length };
}"""


async def measure_pages(bench: Bench) -> list[Figure]:
    """Measure the first page and a product's page, for a new visitor and for one who has been there before."""
    options = chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**options)
        origin = f"http://{bench.mesh.instance.gateway}"
        returning = await browser.new_context()
        cases: list[Case] = []
        for name, page in (("the first page", FIRST_PAGE), ("a product", PRODUCT_PAGE)):
            cases.append(Case(name, "for a new visitor", partial(visit_first, browser, origin, page, "")))
            cases.append(Case(name, "again", partial(visit, returning, origin, page)))
        figures = await measure(cases, bench.settings)
        await browser.close()
    return figures


def chromium() -> dict[str, Any]:
    """Return the options that launch Chromium. Raises BenchError if there is none."""
    program = find_chromium()
    if program is None:
        raise BenchError(f"there is no Chromium on PATH: {INSTALL}")
    return {"executable_path": program, "args": ARGUMENTS}


async def visit_first(browser: Browser, origin: str, page: tuple[str, str], script: str, seconds: float) -> Sample:
    """Open a page with an empty cache, after a script, and return its figures."""
    context = await browser.new_context()
    await context.add_init_script(script)
    sample = await visit(context, origin, page, seconds)
    await context.close()
    return sample


async def visit(context: BrowserContext, origin: str, page: tuple[str, str], _seconds: float) -> Sample:
    """Open a page, and return when its first content was there, when it could be used, and its sizes."""
    path, usable = page
    tab = await context.new_page()
    await tab.goto(origin + path, wait_until="commit")
    await tab.wait_for_selector(usable)
    times = await tab.evaluate(TIMES)
    await tab.wait_for_load_state("networkidle")
    sizes = await tab.evaluate(SIZES)
    await tab.close()
    return {
        "first content ms": times["first"],
        "usable ms": times["usable"],
        "scripts KiB": sizes["script"],
        "all KiB": sizes["all"],
        "requests": sizes["requests"],
    }
