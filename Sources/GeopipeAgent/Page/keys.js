// Buttons and keys.

let singleKeys = true;

function startKeys() {
  for (const button of document.querySelectorAll("nav [data-view]")) {
    button.addEventListener("click", () => setAddress({ view: button.dataset.view }));
  }
  const press = (id, action) => element(id).addEventListener("click", action);
  press("zoom-in", () => zoomBy(1.4));
  press("zoom-out", () => zoomBy(1 / 1.4));
  press("reset", resetView);
  press("rotate", toggleRotation);
  press("theme", nextTheme);
  press("help-open", openHelp);
  press("inspector-close", closeInspector);
  press("skip", () => element("main").focus());
  element("pick").addEventListener("change", () => {
    const value = element("pick").value;
    if (value === "") pick(null);
    else pick(value.startsWith("d") ? "datacenter" : "place", value.slice(1));
  });
  element("explain").addEventListener("submit", (event) => {
    event.preventDefault();
    explain();
  });
  try {
    singleKeys = localStorage.getItem("geopipe keys") !== "off";
  } catch {
    // Without storage, the setting lasts as long as this window.
  }
  element("keys-on").checked = singleKeys;
  element("keys-on").addEventListener("change", () => {
    singleKeys = element("keys-on").checked;
    try {
      localStorage.setItem("geopipe keys", singleKeys ? "on" : "off");
    } catch {
      // As above.
    }
  });
  document.addEventListener("keydown", useKey);
}

function toggleRotation() {
  stage.flight = null;
  setRotation(!stage.isRotating);
}

function openHelp() {
  if (!element("help").open) element("help").showModal();
}

function closeInspector() {
  const hadFocus = element("inspector").contains(document.activeElement);
  pick(null);
  if (hadFocus) element("pick").focus();
}

const keyActions = {
  g: () => setAddress({ view: "globe" }),
  m: () => setAddress({ view: "map" }),
  t: () => setAddress({ view: "tables" }),
  l: () => element("pick").focus(),
  r: toggleRotation,
  d: nextTheme,
  "+": () => zoomBy(1.4),
  "=": () => zoomBy(1.4),
  "-": () => zoomBy(1 / 1.4),
  0: resetView,
  "?": openHelp,
};

function useKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (element("help").open) return;
  const target = event.target;
  if (event.key === "Escape") {
    hideTip();
    if (selection() !== null) closeInspector();
    return;
  }
  if (target instanceof Element && target.closest("input, select, textarea")) return;
  if (event.key === " ") {
    // Elsewhere the space bar presses a button or scrolls.
    const isTaken = target instanceof Element && target.closest("button, summary, [tabindex='0']:not(#scene)") !== null;
    if (model.replay === null || isTaken) return;
    toggleReplay();
  } else if (singleKeys && Object.hasOwn(keyActions, event.key)) {
    keyActions[event.key]();
  } else {
    return;
  }
  event.preventDefault();
}
