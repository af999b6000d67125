// The view as a part of the URL, so that it can be bookmarked and shared: view, place, datacenter, theme.

const address = { view: "globe", place: null, datacenter: null, theme: null };

const views = ["globe", "map", "tables"], themes = ["dark", "light"];

function readAddress() {
  const fields = new URLSearchParams(location.hash.slice(1));
  address.view = views.includes(fields.get("view")) ? fields.get("view") : "globe";
  address.datacenter = fields.get("datacenter") || null;
  address.place = address.datacenter === null ? fields.get("place") : null;
  if (address.place !== null && !/^[A-Z]{0,2}$/.test(address.place)) address.place = null;
  address.theme = themes.includes(fields.get("theme")) ? fields.get("theme") : null;
}

function setAddress(change) {
  Object.assign(address, change);
  const fields = new URLSearchParams();
  if (address.view !== "globe") fields.set("view", address.view);
  if (address.place !== null) fields.set("place", address.place);
  if (address.datacenter !== null) fields.set("datacenter", address.datacenter);
  if (address.theme !== null) fields.set("theme", address.theme);
  const words = fields.toString();
  history.replaceState(null, "", words ? "#" + words : location.pathname + location.search);
  applyAddress();
}

const applied = { view: null, selection: "", theme: undefined };

/** Sets the page to the view in the URL. */
function applyAddress() {
  const root = document.documentElement;
  if (applied.theme !== address.theme) {
    applied.theme = address.theme;
    applyTheme();
  }
  if (applied.view !== address.view) {
    applied.view = address.view;
    root.dataset.view = address.view;
    view.isGlobe = address.view !== "map";
    for (const button of document.querySelectorAll("[data-view]")) {
      if (button !== root) setAttribute(button, "aria-current", button.dataset.view === address.view ? "page" : "false");
    }
    const scene = element("scene");
    setAttribute(scene, "aria-roledescription", view.isGlobe ? "globe" : "map");
    setAttribute(
      scene, "aria-label",
      view.isGlobe ? "Globe: arrow keys turn it, plus and minus zoom, Enter picks what is in the middle"
        : "Map: arrow keys move it, plus and minus zoom, Enter picks what is in the middle");
    element("rotate").hidden = !view.isGlobe;
    aim();
    stage.needsFrame = true;
    drawAll();
  }
  const selected = JSON.stringify([address.place, address.datacenter]);
  if (applied.selection !== selected) {
    applied.selection = selected;
    openInspector();
    drawPickList();
    drawSites();
  }
}

function applyTheme() {
  const root = document.documentElement;
  if (address.theme === null) delete root.dataset.theme;
  else root.dataset.theme = address.theme;
  const isDark = address.theme === null ? darkWanted.matches : address.theme === "dark";
  look = isDark ? looks.dark : looks.light;
  const words = `Theme: ${address.theme ?? "as the system"}`;
  setAttribute(element("theme"), "aria-label", words);
  element("theme").title = words + " (d)";
  setText(element("theme"), address.theme === null ? "◐" : address.theme === "dark" ? "☾" : "☀");
  view.version++;
  stage.needsFrame = true;
  drawGraphKeys();
  drawLegend();
  drawAll();
}

function nextTheme() {
  const order = [null, ...themes];
  setAddress({ theme: order[(order.indexOf(address.theme) + 1) % order.length] });
}
