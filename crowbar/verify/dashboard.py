"""The Dashboard as a person sees it: a headless Chromium that signs in and looks for the instance."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.common.exceptions import TimeoutException, WebDriverException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.wait import WebDriverWait
from urllib3.exceptions import HTTPError

from crowbar.errors import EnvironmentFault
from crowbar.verify.model import CheckError, CloudAccess
from crowbar.verify.process import PACKAGES_HINT

_BROWSER = "/usr/bin/chromium"  # Debian's chromium
_DRIVER = "/usr/bin/chromedriver"  # and chromium-driver
# Seconds for one page, and for what is looked for on it: the first ones after a deployment are slow.
_LOADED = 90
_SEEN = 90
_WINDOW = "--window-size=1400,1000"


@contextmanager
def _browser(workdir: Path) -> Iterator[Chrome]:
    """A headless Chromium with a profile of its own, which is deleted with it."""
    for program in (_BROWSER, _DRIVER):
        if not Path(program).exists():
            raise EnvironmentFault(f"The Dashboard cannot be looked at: there is no {program}.", hint=PACKAGES_HINT)
    workdir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=workdir, ignore_cleanup_errors=True) as profile:
        options = ChromeOptions()
        options.binary_location = _BROWSER
        # Root has no user namespace to put a sandbox in; the only site that is opened is the cloud's own.
        for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", _WINDOW):
            options.add_argument(word)
        options.add_argument(f"--user-data-dir={profile}")
        driver = Chrome(options=options, service=ChromeService(_DRIVER))
        try:
            driver.set_page_load_timeout(_LOADED)
            yield driver
        finally:
            driver.quit()


class _Tour:
    """One visit: pages are opened, waited for by an element that only they have, and photographed."""

    def __init__(self, driver: Chrome, base: str, screenshots: Path | None) -> None:
        self._driver = driver
        self._base = base.rstrip("/")
        self._screenshots = screenshots

    def open(self, path: str, what: str, selector: str, by: str = By.CSS_SELECTOR) -> WebElement:
        self._driver.get(f"{self._base}/{path}")
        return self.wait(what, selector, by)

    def wait(self, what: str, selector: str, by: str = By.CSS_SELECTOR) -> WebElement:
        seen = expected_conditions.visibility_of_element_located((by, selector))
        try:
            return WebDriverWait(self._driver, _SEEN).until(seen)
        except TimeoutException as error:
            text = self._driver.find_element(By.TAG_NAME, "body").text[:400]
            raise CheckError(
                f"The Dashboard did not show {what} at {self._driver.current_url} within {_SEEN} s. "
                f"It is titled {self._driver.title!r} and says:\n{text}"
            ) from error

    def photograph(self, name: str) -> None:
        if self._screenshots is not None:
            self._screenshots.mkdir(parents=True, exist_ok=True)
            if not self._driver.save_screenshot(str(self._screenshots / f"dashboard-{name}.png")):
                raise EnvironmentFault(f"Cannot write screenshots into {self._screenshots}.")


def visit(access: CloudAccess, url: str, server: tuple[str, str], workdir: Path, screenshots: Path | None) -> str:
    """Sign in to the Dashboard at ``url``, and see the instance ``server`` (name and id) in its list and topology.

    Says what was seen. Raises CheckError with the text of the page that did not show what it should.
    """
    try:
        with _browser(workdir) as driver:
            return _tour(_Tour(driver, url, screenshots), access, *server)
    except (WebDriverException, HTTPError) as error:
        first, *_ = [*str(error).strip().splitlines(), ""]  # the rest is a stack of addresses
        raise CheckError(f"The browser failed: {first}") from error


def _tour(tour: _Tour, access: CloudAccess, name: str, server_id: str) -> str:
    user = tour.open("auth/login/", "its login form", "id_username", By.ID)
    tour.photograph("login")
    user.send_keys(access.username)
    tour.wait("its password field", "id_password", By.ID).send_keys(access.password)
    tour.wait("its button", "loginBtn", By.ID).click()
    tour.wait("a page for a signed-in user", ".user-menu .user-name")
    tour.open("project/", "the overview", ".d3_quota_bar svg")
    tour.photograph("overview")
    row = f"//table[@id='instances']//tr[.//a[normalize-space()='{name}']]"
    tour.open("project/instances/", f"instance {name}", row, By.XPATH)
    tour.wait(f"instance {name} as active", f"{row}[contains(., 'Active')]", By.XPATH)
    tour.photograph("instances")
    tour.open("project/network_topology/", "the network topology", "label[data-value=normal]").click()
    tour.wait(f"instance {name} in the topology", f"//*[@id='topology_canvas']//*[@id='id_{server_id}']", By.XPATH)
    tour.photograph("network-topology")
    return f"signed in, and saw {name} active in the list and in the network topology"
