"""Takes the pictures in docs/pictures, in a real browser, from a mesh that runs.

python -m tools.pictures [instance]
"""

import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from mesh.local.clients import demo_order, users
from mesh.local.errors import MeshError
from mesh.local.instance import REPOSITORY, Instance
from mesh.local.processes import load_running
from tools.browser import ARGUMENTS, INSTALL, find_chromium
from tools.console import Console, running_console

FOLDER = REPOSITORY / "docs/pictures"
SIZE: ViewportSize = {"width": 1200, "height": 760}
PHONE: ViewportSize = {"width": 390, "height": 760}
CONSOLE: ViewportSize = {"width": 1400, "height": 860}
PRODUCTS = ("p-0031", "p-0003", "p-0120")


def take(mesh: Instance, folder: Path) -> list[Path]:
    """Create all pictures, and return their files. Raises MeshError."""
    program = find_chromium()
    if program is None:
        raise MeshError("there is no Chromium", why="none is on PATH", fix=INSTALL)
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        taken = [
            *_shop(browser, f"http://{mesh.gateway}", folder, users.credentials(mesh)),
            *_merchandiser(browser, f"http://{mesh.gateway}", folder, users.credentials(mesh, "merchandiser")),
        ]
        with running_console(mesh) as console:
            taken += _console(browser, console, folder, demo_order.place(mesh))
        browser.close()
    return taken


def _shop(browser: Browser, origin: str, folder: Path, credentials: tuple[str, str]) -> list[Path]:
    page = browser.new_page(viewport=SIZE)
    files = [_picture(page, f"{origin}/", folder / "shop.png")]
    files.append(_picture(page, f"{origin}/products/{PRODUCTS[0]}", folder / "product.png"))
    for product in PRODUCTS:
        page.goto(f"{origin}/products/{product}")
        page.get_by_role("button", name="Add to cart").click()
    _log_in(page, origin, credentials)
    page.goto(f"{origin}/checkout")
    page.get_by_label("Country").select_option("DE")
    files.append(_picture(page, "", folder / "checkout.png"))
    page.get_by_label("I pick it up at the shop").check()
    page.get_by_role("button", name="Place the order").click()
    page.get_by_text("Your order is confirmed.").wait_for()
    files.append(_picture(page, "", folder / "order.png"))
    phone = browser.new_page(viewport=PHONE, color_scheme="dark")
    files.append(_picture(phone, f"{origin}/?category=espresso", folder / "phone.png"))
    return files


def _merchandiser(browser: Browser, origin: str, folder: Path, credentials: tuple[str, str]) -> list[Path]:
    page = browser.new_page(viewport=SIZE)
    _log_in(page, origin, credentials)
    return [_picture(page, f"{origin}/merchandising/{PRODUCTS[0]}", folder / "merchandising.png")]


def _console(browser: Browser, console: Console, folder: Path, order: str) -> list[Path]:
    pages = {
        # A path of the console, and what is on its page when it is complete.
        "topology": ("/?edge=orders~payments", "methods that the contract allows here"),
        "orders": ("/orders", "Last change"),
        "story": (f"/{order}", "The books balance"),
        "act": ("/act", "canary-by-weight"),
        "scenario": ("/act/scenarios/canary-by-weight", "catalog-traffic"),
        "workload": ("/act/workloads/orders", "istio-proxy"),
        "experiment": ("/act/chaos/abort", "ServiceErrors"),
        "why": ("/why?caller=notifications&method=RefundPayment", "The smallest change"),
        "matrix": ("/why/matrix", "calls are allowed"),
        "contracts": ("/contracts", "PlaceOrder"),
        "contract": ("/contracts/shop.orders.v1.OrdersService/PlaceOrder", "Calls in the last hour"),
    }
    files = []
    for name, (path, complete) in pages.items():
        page = browser.new_page(viewport=CONSOLE)
        page.add_init_script(console.login)
        page.goto(console.origin + path)
        page.get_by_text(complete).first.wait_for()
        files.append(_picture(page, "", folder / f"{name}.png"))
    return files


def _log_in(page: Page, origin: str, credentials: tuple[str, str]) -> None:
    page.goto(f"{origin}/login?next=/account")
    email, password = credentials
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("main").get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="Your account").wait_for()


def _picture(page: Page, url: str, file: Path) -> Path:
    if url:
        page.goto(url)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=file)
    return file


def main(arguments: list[str]) -> int:
    """Create the pictures. Return the exit code."""
    try:
        for file in take(load_running(arguments[0] if arguments else "default"), FOLDER):
            print(f"✓ {file.relative_to(REPOSITORY)}")
    except MeshError as error:
        print(": ".join(filter(None, (error.what, error.why, error.fix))), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
