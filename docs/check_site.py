"""Look at the built site in a browser: ``make check-docs``.

Every page is opened in Chromium, without a head, at the width of a desktop and of a phone. What
is wrong is printed, a line each, and ends the script with status 1:

- links to pages, files or headings of the site that are not there (those that lead elsewhere are
  not followed);
- pictures that do not show, and anything else that the browser fails to load;
- pages that are wider than the screen, which a phone would have to scroll sideways.

The folder is served on the loopback interface. Chromium and its driver are the distribution's:
``apt-get install chromium chromium-driver``.
"""

import argparse
import functools
import shutil
import sys
import tempfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

from selenium import webdriver

WIDTHS = (1280, 375)

#: What a page says about itself, once it is laid out: where links and pictures lead, names that
#: links can lead to, pictures that do not show, and how far it reaches beyond the screen.
LOOK = """
for (const image of document.images) image.loading = "eager";
await Promise.all([...document.images].map(image => image.decode().catch(() => null)));
const root = document.documentElement;
// The theme lets the text scroll by itself, as code and tables do. The text must not.
const frames = [root, ...document.querySelectorAll("main, .bd-content, .bd-article-container")];
return {
  links: [...document.querySelectorAll("a[href]")].map(a => a.href),
  names: [...document.querySelectorAll("[id], a[name]")].map(e => e.id || e.name),
  blind: [...document.images].filter(image => !image.naturalWidth).map(image => image.src),
  beyond: Math.max(...frames.map(frame => frame.scrollWidth - frame.clientWidth)),
  widest: [...document.querySelectorAll("main *")]
    .filter(e => e.getBoundingClientRect().right > root.clientWidth + 1)
    .filter(e => !e.closest("pre, .pst-scrollable-table-container"))
    .map(e => `${e.tagName.toLowerCase()} ${e.className} ${e.textContent.slice(0, 40)}`)[0],
};
"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and says nothing about it."""

    def log_message(self, *args):
        """Say nothing."""


def start_browser(profile):
    """Return Chromium, that keeps to the loopback interface, or exit with the remedy."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if not (chromium and driver):
        sys.exit(
            "check_site.py needs Chromium and its driver, chromium and chromedriver on the PATH: "
            "apt-get install chromium chromium-driver."
        )
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "headless",
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        "hide-scrollbars",
        "host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"user-data-dir={profile}",
    ):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService(driver))


def set_width(browser, width):
    """Give the browser a screen of this width; a phone's is a touch screen."""
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def look(browser, address, pictures):
    """Return what a page says about itself, and faults; save what it looks like."""
    faults = []
    for width in WIDTHS:
        set_width(browser, width)
        browser.get(address)
        page = browser.execute_script(f"return (async () => {{{LOOK}}})()")
        if page["beyond"] > 0:
            faults.append(f"{page['beyond']} pixels wider than {width}: {page['widest']}")
        if pictures:
            name = urlsplit(address).path.strip("/").replace("/", "-").removesuffix(".html")
            browser.save_screenshot(str(pictures / f"{name}-{width}.png"))
    faults += [f"a picture does not show: {source}" for source in page["blind"]]
    for line in browser.get_log("browser"):
        if line["level"] == "SEVERE":
            faults.append(f"the browser says: {line['message']}")
    return page, sorted(set(faults))


def broken(page, pages, folder, root):
    """Return the links of a page that lead to nothing in the folder."""
    faults = []
    for link in sorted(set(page["links"])):
        if not link.startswith(root):
            continue
        address, name = urldefrag(link)
        path = unquote(urlsplit(address).path)
        if not (folder / path.lstrip("/")).exists():
            faults.append(f"a link leads nowhere: {path}")
        elif name and address in pages and unquote(name) not in pages[address]["names"]:
            faults.append(f"a link leads to no heading: {path}#{name}")
    return faults


def check(folder, pictures):
    """Look at all pages of a folder; return how many there are and the faults by page."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    root = f"http://127.0.0.1:{server.server_port}/"
    paths = sorted(path for path in folder.rglob("*.html") if "_static" not in path.parts)
    pages, faults = {}, {}
    with tempfile.TemporaryDirectory() as profile:
        browser = start_browser(profile)
        try:
            for path in paths:
                address = root + path.relative_to(folder).as_posix()
                pages[address], faults[address] = look(browser, address, pictures)
        finally:
            browser.quit()
            server.shutdown()
    for address, page in pages.items():
        faults[address] += broken(page, pages, folder, root)
    return len(paths), {address.removeprefix(root): lines for address, lines in faults.items()}


def main():
    """Check the folder that is named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the built site")
    parser.add_argument("--pictures", type=Path, help="a folder for pictures of all pages")
    arguments = parser.parse_args()
    if arguments.pictures:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
    n_pages, faults = check(arguments.folder.resolve(), arguments.pictures)
    if not n_pages:
        sys.exit(f"{arguments.folder} has no pages: run make docs.")
    n_faults = sum(map(len, faults.values()))
    for page, lines in faults.items():
        for line in lines:
            print(f"{page}: {line}")
    print(f"{n_pages} pages at {' and '.join(map(str, WIDTHS))} pixels, {n_faults} faults")
    sys.exit(bool(n_faults))


if __name__ == "__main__":
    main()
